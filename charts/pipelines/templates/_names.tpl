{{- define "pipelines.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The release's name alone where it holds the chart's name already. A CronJob's name may have 52 characters. */}}
{{- define "pipelines.fullname" -}}
{{- $name := include "pipelines.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "pipelines.serviceAccountName" -}}
{{- default (ternary (include "pipelines.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "pipelines.claim" -}}
{{- default (include "pipelines.fullname" .) .Values.state.existingClaim -}}
{{- end -}}

{{/* Argument: a URL. Its host where it is no Service by its form, as one with dots that ends otherwise. */}}
{{- define "pipelines.elsewhere" -}}
{{- $host := (urlParse (default "" .)).hostname -}}
{{- if and (contains "." $host) (not (regexMatch "\\.svc(\\.|$)|^[0-9.]+$" $host)) }}{{ $host }}{{ end -}}
{{- end -}}

{{- define "pipelines.mlflowName" -}}
{{- printf "%s-mlflow" (include "pipelines.fullname" .) -}}
{{- end -}}

{{- define "pipelines.mlflowUrl" -}}
{{- if .Values.mlflow.enabled -}}
http://{{ include "pipelines.mlflowName" . }}:{{ int .Values.mlflow.port }}
{{- else -}}
{{ .Values.mlflow.url }}
{{- end -}}
{{- end -}}

{{/* Arguments: (list ROOT IMAGE), IMAGE being the values of one image. */}}
{{- define "pipelines.image" -}}
{{- $root := index . 0 -}}{{- $image := index . 1 -}}
{{- $registry := default $image.registry $root.Values.global.imageRegistry -}}
{{- $tag := default $root.Chart.AppVersion $image.tag -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{ $image.repository }}:{{ $tag }}{{ with $image.digest }}@{{ . }}{{ end }}
{{- end -}}
