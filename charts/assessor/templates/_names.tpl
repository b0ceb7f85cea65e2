{{- define "assessor.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The release's name alone where it holds the chart's name already. Room is left for suffixes. */}}
{{- define "assessor.fullname" -}}
{{- $name := include "assessor.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 45 | trimSuffix "-" -}}
{{- end -}}

{{- define "assessor.serviceAccountName" -}}
{{- default (ternary (include "assessor.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{/* Hooks run before the chart's own account is made. */}}
{{- define "assessor.hookAccountName" -}}
{{- ternary "default" (include "assessor.serviceAccountName" .) .Values.serviceAccount.create -}}
{{- end -}}

{{- define "assessor.keysSecret" -}}
{{- default (printf "%s-keys" (include "assessor.fullname" .)) .Values.apiKeys.existingSecret -}}
{{- end -}}

{{/* Secret of the decoder's key, empty for none. A host without a dot is a Service of this namespace; charts/model-server
     names its Secret after it. No other server is ever sent a key that was not named for it. */}}
{{- define "assessor.decoderKeySecret" -}}
{{- $apiKey := .Values.decoder.apiKey -}}
{{- $host := (urlParse .Values.decoder.url).hostname -}}
{{- if kindIs "string" $apiKey.existingSecret -}}
{{ $apiKey.existingSecret }}
{{- else if and (not $apiKey.value) (regexMatch "^[a-z0-9][-a-z0-9]*$" $host) -}}
{{ $host }}-key
{{- end -}}
{{- end -}}

{{/* Argument: a URL. Its host where it is no Service by its form, as one with dots that ends otherwise. */}}
{{- define "assessor.elsewhere" -}}
{{- $host := (urlParse (default "" .)).hostname -}}
{{- if and (contains "." $host) (not (regexMatch "\\.svc(\\.|$)|^[0-9.]+$" $host)) }}{{ $host }}{{ end -}}
{{- end -}}

{{- define "assessor.encoderName" -}}
{{- printf "%s-encoder" (include "assessor.fullname" .) -}}
{{- end -}}

{{/* KServe's Standard mode serves an InferenceService at NAME-predictor, port 80. */}}
{{- define "assessor.encoderUrl" -}}
{{- if .Values.encoder.install -}}
http://{{ include "assessor.encoderName" . }}-predictor.{{ .Release.Namespace }}.svc
{{- else -}}
{{ .Values.encoder.url }}
{{- end -}}
{{- end -}}

{{- define "assessor.replicas" -}}
{{- if kindIs "invalid" .Values.replicas -}}
{{ ternary 1 2 (eq .Values.database.type "sqlite") }}
{{- else -}}
{{ int .Values.replicas }}
{{- end -}}
{{- end -}}

{{/* Arguments: (list ROOT IMAGE), IMAGE being the values of one image. */}}
{{- define "assessor.image" -}}
{{- $root := index . 0 -}}{{- $image := index . 1 -}}
{{- $registry := default $image.registry $root.Values.global.imageRegistry -}}
{{- $tag := default $root.Chart.AppVersion $image.tag -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{ $image.repository }}:{{ $tag }}{{ with $image.digest }}@{{ . }}{{ end }}
{{- end -}}
