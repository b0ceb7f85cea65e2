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
{{- default (include "model-server.currentClaim" . | fromJson).name .Values.persistence.existingClaim -}}
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
{{- $suffix := ternary "-rwx" (ternary "-rwop" "" (has "ReadWriteOncePod" $modes)) (has "ReadWriteMany" $modes) -}}
{{- $name := printf "%s-cache" (include "common.fullname" .) -}}
{{- $spec := dict -}}
{{- with .Values.persistence.claimName -}}
{{- $name = . -}}
{{- else -}}
{{- $spec = dig "spec" dict (lookup "v1" "PersistentVolumeClaim" .Release.Namespace $name) -}}
{{- if and $spec (ne (sortAlpha $spec.accessModes | toJson) (sortAlpha $modes | toJson)) }}{{ $suffix = default "-rwo" $suffix }}{{ end -}}
{{- if or (not $spec) (ne (sortAlpha $spec.accessModes | toJson) (sortAlpha $modes | toJson)) }}{{ $name = print $name $suffix }}{{ end -}}
{{- end -}}
{{- $spec = dig "spec" dict (lookup "v1" "PersistentVolumeClaim" .Release.Namespace $name) -}}
{{- dict "name" $name "spec" $spec | toJson -}}
{{- end -}}

{{/* Arguments: (list ROOT NAME). Result of the template NAME, computed once per render and kept in .Values, which all templates share. */}}
{{- define "model-server.once" -}}
{{- $values := (index . 0).Values -}}{{- $key := printf "result of %s" (index . 1) -}}
{{- if not (hasKey $values $key) }}{{ $_ := set $values $key (include (index . 1) (index . 0)) }}{{ end -}}
{{- get $values $key -}}
{{- end -}}
