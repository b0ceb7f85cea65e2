{{/* Rejects combinations of parts that cannot work. The charts of the parts reject everything else. Each rule: condition, problem, hint. */}}
{{- define "signalbox.validate" -}}
{{- $server := index .Values "model-server" -}}
{{- $services := list -}}
{{- if $server.enabled }}{{ $services = append $services (include "common.fullname" (index .Subcharts "model-server")) }}{{ end -}}
{{- range $name, $values := .Values.models -}}
{{- $service := default (printf "model-%s" $name) $values.fullnameOverride -}}
{{- if has $service $services }}{{ fail (printf "models.%s: its name %q is that of another server. Rename one of them." $name $service) }}{{ end -}}
{{- if ne (toString $values.enabled) "false" }}{{ $services = append $services $service }}{{ end -}}
{{- end -}}
{{- $decoders := dict -}}
{{- if .Values.assessor.enabled }}{{ $_ := set $decoders "assessor.decoder.url" .Values.assessor.decoder.url }}{{ end -}}
{{- if .Values.pipelines.enabled }}{{ $_ := set $decoders "pipelines.decoder.url" .Values.pipelines.decoder.url }}{{ end -}}
{{- range $key, $url := $decoders -}}
{{- $host := (urlParse (default "" $url)).hostname | trimSuffix "-predictor" -}}
{{- if and (regexMatch "^model-[-a-z0-9]+$" $host) (not (has $host $services)) -}}
{{- fail (printf "%s: %q, but this release installs no such model server. %s" $key $url
  (ternary "Give the URL of another server that ends in /v1." (printf "Use http://%s/v1." (join "/v1 or http://" $services)) (empty $services))) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.pipelines.enabled (not .Values.assessor.enabled) -}}
{{- $claim := .Values.pipelines.persistence.existingClaim -}}
{{- if eq $claim "assessor" -}}
{{- fail "pipelines.persistence.existingClaim: \"assessor\", but assessor.enabled is false, so nothing creates it. Name another claim, or set it to \"\" to create one." -}}
{{- end -}}
{{- end -}}
{{- if and .Values.pipelines.enabled .Values.assessor.enabled (ne .Values.pipelines.database.type .Values.assessor.database.type) -}}
{{- fail (printf "pipelines.database.type: %q, but assessor.database.type is %q. Set both to the same database."
  .Values.pipelines.database.type .Values.assessor.database.type) -}}
{{- end -}}
{{- end -}}
