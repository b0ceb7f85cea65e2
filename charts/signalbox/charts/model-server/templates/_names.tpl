{{/* Service that clients use: the chart's own, or the one that KServe creates. */}}
{{- define "model-server.service" -}}
{{- include "common.fullname" . }}{{ if .Values.kserve.enabled }}-predictor{{ end -}}
{{- end -}}

{{- define "model-server.servicePort" -}}
{{- ternary 80 (int .Values.service.port) .Values.kserve.enabled -}}
{{- end -}}

{{- define "model-server.keySecret" -}}
{{- default (printf "%s-key" (include "common.fullname" .)) .Values.apiKey.existingSecret -}}
{{- end -}}

{{- define "model-server.cacheClaim" -}}
{{- default (printf "%s-cache" (include "common.fullname" .)) .Values.persistence.existingClaim -}}
{{- end -}}

{{/* Arguments: (list ROOT NAME). Result of the template NAME, computed once per render and kept in .Values, which all templates share. */}}
{{- define "model-server.once" -}}
{{- $values := (index . 0).Values -}}{{- $key := printf "result of %s" (index . 1) -}}
{{- if not (hasKey $values $key) }}{{ $_ := set $values $key (include (index . 1) (index . 0)) }}{{ end -}}
{{- get $values $key -}}
{{- end -}}
