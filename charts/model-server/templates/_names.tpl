{{/* Names of the objects, and references of images. */}}
{{- define "model-server.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "model-server.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "model-server.name" . -}}
{{- if contains $name .Release.Name -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- end -}}
{{- end }}

{{- define "model-server.serviceAccountName" -}}
{{- default (ternary (include "model-server.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end }}

{{/* The Service that clients ask: the chart's, or the one that KServe makes, on port 80. */}}
{{- define "model-server.service" -}}
{{- include "model-server.fullname" . }}{{ if .Values.kserve.enabled }}-predictor{{ end -}}
{{- end }}

{{- define "model-server.servicePort" -}}
{{- ternary 80 (int .Values.service.port) .Values.kserve.enabled -}}
{{- end }}

{{- define "model-server.keySecret" -}}
{{- default (printf "%s-key" (include "model-server.fullname" .)) .Values.apiKey.existingSecret -}}
{{- end }}

{{- define "model-server.cacheClaim" -}}
{{- default (printf "%s-cache" (include "model-server.fullname" .)) .Values.cache.existingClaim -}}
{{- end }}

{{/* Names of the Secrets with which the pods pull their images, as JSON. */}}
{{- define "model-server.pullSecretNames" -}}
{{- $names := list -}}
{{- range .Values.global.imagePullSecrets }}{{ $names = append $names .name }}{{ end -}}
{{- concat $names (default list .Values.image.pullSecrets) | uniq | toJson -}}
{{- end }}

{{- define "model-server.pullSecrets" -}}
{{- with include "model-server.pullSecretNames" . | fromJsonArray -}}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* An image from (dict "root" $ "key" PATH "image" {registry repository tag digest}); global.imageRegistry wins over its registry. */}}
{{- define "model-server.image" -}}
{{- if eq .image.tag "latest" }}{{ fail (printf "%s.tag: \"latest\" names no version, so nobody could say what ran. Give a version, or leave it empty for the chart's." .key) }}{{ end -}}
{{- $registry := default .image.registry .root.Values.global.imageRegistry -}}
{{- printf "%s/%s:%s" $registry .image.repository .image.tag -}}
{{- with .image.digest }}@{{ . }}{{ end -}}
{{- end }}
