{{/* A certificate authority of one's own: variables that make the programs trust it, its mount, its volume. */}}
{{- define "pipelines.caVariables" -}}
{{- if .Values.caBundle.existingConfigMap -}}
{{- range list "SSL_CERT_FILE" "REQUESTS_CA_BUNDLE" "PGSSLROOTCERT" }}
- {name: {{ . }}, value: /etc/signalbox/ca/{{ $.Values.caBundle.key }}}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "pipelines.caMount" -}}
{{- if .Values.caBundle.existingConfigMap -}}
- {name: ca, mountPath: /etc/signalbox/ca, readOnly: true}
{{- end -}}
{{- end -}}

{{- define "pipelines.caVolume" -}}
{{- with .Values.caBundle.existingConfigMap -}}
- {name: ca, configMap: {name: {{ . }}}}
{{- end -}}
{{- end -}}
