{{- define "assessor.encoderName" -}}
{{- printf "%s-encoder" (include "common.fullname" .) -}}
{{- end -}}

{{/* How this chart installs the encoder: `deployment`, `kserve`, or empty if it does not. */}}
{{- define "assessor.encoderKind" -}}
{{- $encoder := .Values.encoder -}}
{{- if and $encoder.enabled $encoder.install -}}
{{- if $encoder.kserve }}kserve{{ else if not $encoder.url }}deployment{{ end -}}
{{- end -}}
{{- end -}}

{{/* In Standard mode, KServe serves an InferenceService at NAME-predictor. */}}
{{- define "assessor.encoderUrl" -}}
{{- $encoder := .Values.encoder -}}
{{- $kind := include "assessor.encoderKind" . -}}
{{- if or $encoder.url (not $kind) -}}
{{ $encoder.url }}
{{- else -}}
{{- $name := printf "%s%s" (include "assessor.encoderName" .) (ternary "-predictor" "" (eq $kind "kserve")) -}}
http://{{ $name }}.{{ .Release.Namespace }}.svc{{ if ne (int $encoder.port) 80 }}:{{ int $encoder.port }}{{ end }}
{{- end -}}
{{- end -}}

{{/* JSON with `claim` and `path` of storageUri; both are empty if it is not pvc://CLAIM or pvc://CLAIM/PATH. */}}
{{- define "assessor.encoderClaim" -}}
{{- $parts := splitn "/" 2 (trimPrefix "pvc://" .Values.encoder.storageUri) -}}
{{- $valid := regexMatch "^pvc://[a-z0-9][-.a-z0-9]*(/.*)?$" .Values.encoder.storageUri -}}
{{- ternary (dict "claim" $parts._0 "path" (default "" $parts._1 | trimSuffix "/")) (dict "claim" "" "path" "") $valid | toJson -}}
{{- end -}}

{{/* The claim that the encoder's pods mount; empty for none. */}}
{{- define "assessor.encoderMount" -}}
{{- if include "assessor.encoderKind" . }}{{ (include "assessor.encoderClaim" . | fromJson).claim }}{{ end -}}
{{- end -}}

{{/* Affinity of the encoder; empty if its pods may be on several nodes: more than one pod, and not on the volume of SQLite. */}}
{{- define "assessor.encoderAffinity" -}}
{{- $claim := include "assessor.encoderMount" . -}}
{{- $oneNode := eq (include "assessor.oneNode" .) "true" -}}
{{- $shared := and $oneNode (eq $claim (include "assessor.databaseClaim" .)) -}}
{{- if and $claim (or $shared (eq (int .Values.encoder.maxReplicas) 1)) -}}
{{ include "common.claimAffinity" (list . (ternary $claim "" $oneNode)) }}
{{- end -}}
{{- end -}}

{{- define "assessor.encoderSelector" -}}
{{- if eq (include "assessor.encoderKind" .) "kserve" -}}
serving.kserve.io/inferenceservice: {{ include "assessor.encoderName" . }}
{{- else -}}
{{ include "common.selector" (list . "encoder") }}
{{- end -}}
{{- end -}}

{{/* Arguments: (list ROOT FOLDER). Fields of the container that serves the release in FOLDER, for both kinds. */}}
{{- define "assessor.encoderContainer" -}}
{{- $root := index . 0 -}}{{- $encoder := $root.Values.encoder -}}
image: {{ include "common.image" (list $root $encoder.image) }}
imagePullPolicy: {{ $encoder.image.pullPolicy }}
command: [python, -m, services.encoder]
args:
  - --release-dir={{ index . 1 }}
  - --http_port=8080
  - --threads={{ int $encoder.threads }}
  - --drain-seconds={{ $root.Values.shutdown.connectionCloseSeconds }}
ports:
  - {name: http1, containerPort: 8080, protocol: TCP}
env:
  - {name: HOME, value: /tmp} # the root is read-only
startupProbe:
  httpGet: {path: /v2/models/encoder/ready, port: 8080}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /v2/health/live, port: 8080}
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /v2/models/encoder/ready, port: 8080}
  periodSeconds: 5
  timeoutSeconds: 3
{{- with $root.Values.shutdown.preStopSeconds }}
lifecycle:
  preStop:
    sleep: {seconds: {{ int . }}}
{{- end }}
resources: {{- toYaml $encoder.resources | nindent 2 }}
{{- end -}}

{{/* Time to leave the proxies' endpoints, to close connections, and to finish the longest request. */}}
{{- define "assessor.encoderGrace" -}}
{{- add .Values.shutdown.preStopSeconds .Values.shutdown.connectionCloseSeconds (ceil .Values.encoder.timeoutSeconds) 10 -}}
{{- end -}}

{{- define "assessor.encoderStrategy" -}}
{{- default (dict "type" "RollingUpdate" "rollingUpdate" (dict "maxSurge" 1 "maxUnavailable" 0)) .Values.encoder.strategy | toYaml -}}
{{- end -}}
