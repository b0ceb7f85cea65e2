{{/* Names of objects. */}}
{{/* The Service that clients ask: the chart's, or the one that KServe makes, on port 80. */}}
{{- define "model-server.service" -}}
{{- include "common.fullname" . }}{{ if .Values.kserve.enabled }}-predictor{{ end -}}
{{- end }}

{{- define "model-server.servicePort" -}}
{{- ternary 80 (int .Values.service.port) .Values.kserve.enabled -}}
{{- end }}

{{- define "model-server.keySecret" -}}
{{- default (printf "%s-key" (include "common.fullname" .)) .Values.apiKey.existingSecret -}}
{{- end }}

{{- define "model-server.cacheClaim" -}}
{{- default (printf "%s-cache" (include "common.fullname" .)) .Values.cache.existingClaim -}}
{{- end }}
