{{/* Rejects combinations of parts that cannot work. The charts of the parts reject everything else. */}}
{{- define "signalbox.validate" -}}
{{- $servers := include "signalbox.servers" . | fromJson -}}
{{- $assessor := .Values.assessor.enabled -}}{{- $pipelines := .Values.pipelines.enabled -}}
{{- if and $assessor .Values.assessor.decoder.enabled }}{{ include "signalbox.validateDecoder" (list . $servers "assessor") }}{{ end -}}
{{- if and $pipelines .Values.pipelines.decoder.enabled }}{{ include "signalbox.validateDecoder" (list . $servers "pipelines") }}{{ end -}}
{{- if and $pipelines (not $assessor) (eq .Values.pipelines.persistence.existingClaim "assessor") -}}
{{- fail "pipelines.persistence.existingClaim: \"assessor\", but assessor.enabled is false, so nothing creates it. Name another claim, or set it to \"\" to create one." -}}
{{- end -}}
{{- if and $pipelines $assessor -}}
{{- include "signalbox.validateJobs" (merge (dict "needs" (include "signalbox.needs" .)) .) -}}
{{- end -}}
{{- include "signalbox.validateClaims" . -}}
{{- end -}}

{{/* The model servers that this release installs, as JSON: full name → model-server.endpoint. */}}
{{- define "signalbox.servers" -}}
{{- $chart := index .Subcharts "model-server" -}}{{- $servers := dict -}}
{{- if $chart.Values.enabled }}{{ $_ := set $servers (include "common.fullname" $chart) (include "model-server.endpoint" $chart | fromJson) }}{{ end -}}
{{- range $name, $_ := .Values.models -}}
{{- $server := merge (dict "Values" (include "signalbox.modelValues" (list $ $name) | fromJson)) (omit $chart "Values") -}}
{{- $service := include "common.fullname" $server -}}
{{- if hasKey $servers $service }}{{ fail (printf "models.%s: its name %q is that of another server. Rename one of them." $name $service) }}{{ end -}}
{{- if $server.Values.enabled }}{{ $_ := set $servers $service (include "model-server.endpoint" $server | fromJson) }}{{ end -}}
{{- end -}}
{{- toJson $servers -}}
{{- end -}}

{{/* Arguments: (list ROOT URL). Name and port of the Service in this namespace, as JSON; the name is empty for other hosts. */}}
{{- define "signalbox.service" -}}
{{- $url := default "" (index . 1) | urlParse -}}
{{- $namespace := (index . 0).Release.Namespace -}}
{{- $name := $url.hostname | trimSuffix "." | regexFind "^[^.]+" -}}
{{- $inside := regexMatch (printf "^[^.]+(\\.%s(\\.svc(\\..+)?)?)?$" $namespace) $url.hostname -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- dict "name" (ternary $name "" $inside) "port" (int $port) | toJson -}}
{{- end -}}

{{/* Arguments: (list NAME PORT). URL of a Service in this namespace. */}}
{{- define "signalbox.url" -}}
http://{{ index . 0 }}{{ if not (has (int (index . 1)) (list 0 80)) }}:{{ int (index . 1) }}{{ end }}
{{- end -}}

{{/* The needs of all enabled jobs, as texts of files/jobs.yaml with spaces around each. */}}
{{- define "signalbox.needs" -}}
{{- $chart := .Subcharts.pipelines -}}{{- $needs := list -}}
{{- range $name, $_ := .Values.pipelines.jobs -}}
{{- if (include "pipelines.job" (list $chart $name) | fromJson).enabled -}}
{{- $needs = concat $needs (include "pipelines.program" (list $chart $name) | fromJson).needs -}}
{{- end -}}
{{- end -}}
{{- printf " %s " (join " " $needs) -}}
{{- end -}}

{{/* Arguments: (list ROOT SERVERS PART). The decoder of a part is a server that exists, at its port, with its key. */}}
{{- define "signalbox.validateDecoder" -}}
{{- $servers := index . 1 -}}{{- $part := index . 2 -}}
{{- $decoder := (index (index . 0).Values $part).decoder -}}
{{- $service := include "signalbox.service" (list (index . 0) $decoder.url) | fromJson -}}
{{- $server := get $servers (trimSuffix "-predictor" $service.name) -}}
{{- if $server -}}
{{- if or (ne $service.name $server.service) (and $server.port (ne $service.port $server.port)) -}}
{{- fail (printf "%s.decoder.url: %q, but the Service of that server is %s. Use %s/v1." $part $decoder.url $server.service
  (include "signalbox.url" (list $server.service $server.port))) -}}
{{- end -}}
{{- if and $server.key (not $decoder.apiKey.value) (kindIs "invalid" $decoder.apiKey.existingSecret) -}}
{{- if ne $server.key (printf "%s-key" (trimSuffix "-predictor" $service.name)) -}}
{{- fail (printf "%s.decoder.apiKey.existingSecret: is not set, but the key of %s is in Secret %q. Set it to %q." $part $decoder.url $server.key $server.key) -}}
{{- end -}}
{{- end -}}
{{- else if and $servers (regexMatch "^model-[-a-z0-9]+$" $service.name) -}}
{{- $urls := list -}}
{{- range $servers }}{{ $urls = append $urls (printf "%s/v1" (include "signalbox.url" (list .service .port))) }}{{ end -}}
{{- fail (printf "%s.decoder.url: %q, but this release installs no such model server. Use %s." $part $decoder.url (join " or " $urls)) -}}
{{- end -}}
{{- end -}}
