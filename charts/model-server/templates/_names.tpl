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

{{/* What clients need, as JSON: the Service, its port (0 for any: KServe's may be headless), and the Secret with the key if the values name it. */}}
{{- define "model-server.endpoint" -}}
{{- $port := ternary 0 (int .Values.service.port) .Values.kserve.enabled -}}
{{- $key := ternary .Values.apiKey.existingSecret "" .Values.apiKey.enabled -}}
{{- dict "service" (include "model-server.service" .) "port" $port "key" $key | toJson -}}
{{- end -}}

{{- define "model-server.cacheClaim" -}}
{{- default (include "model-server.currentClaim" . | fromJson).name .Values.persistence.existingClaim -}}
{{- end -}}

{{/* Name of the ConfigMap with the chat template or the Modelfiles; empty if there is none. */}}
{{- define "model-server.configMap" -}}
{{- $own := ternary "" (printf "%s-files" (include "common.fullname" .)) (empty (or .Values.chatTemplate.text .Values.ollama.modelfiles)) -}}
{{- .Values.chatTemplate.existingConfigMap | default .Values.ollama.existingConfigMap | default $own -}}
{{- end -}}

{{/* The claim that the chart creates, as JSON: its name and, if the cluster has it already, its spec. */}}
{{- define "model-server.currentClaim" -}}
{{- include "model-server.once" (list . "model-server.claimEntry") -}}
{{- end -}}

{{/*
Access modes of a claim cannot change, so other modes get a claim of another name: a release can be upgraded to ReadWriteMany. A claim
whose modes are the same keeps its name.
*/}}
{{- define "model-server.claimEntry" -}}
{{- $modes := .Values.persistence.accessModes -}}
{{- $name := default (printf "%s-cache" (include "common.fullname" .)) .Values.persistence.claimName -}}
{{- $live := include "common.liveClaim" (list . $name) | fromJson -}}
{{- $current := default (list "ReadWriteOnce") $live.spec.accessModes -}}
{{- if and (not .Values.persistence.claimName) (ne (sortAlpha $current | toJson) (sortAlpha $modes | toJson)) -}}
{{- $name = printf "%s-%s" $name (ternary "rwx" (ternary "rwop" "rwo" (has "ReadWriteOncePod" $modes)) (has "ReadWriteMany" $modes)) -}}
{{- $live = include "common.liveClaim" (list . $name) | fromJson -}}
{{- end -}}
{{- merge $live (dict "name" $name) | toJson -}}
{{- end -}}

{{/* Arguments: (list ROOT NAME). Result of the template NAME, computed once per render and kept in .Values, which all templates share. */}}
{{- define "model-server.once" -}}
{{- $values := (index . 0).Values -}}{{- $key := printf "result of %s" (index . 1) -}}
{{- if not (hasKey $values $key) }}{{ $_ := set $values $key (include (index . 1) (index . 0)) }}{{ end -}}
{{- get $values $key -}}
{{- end -}}
