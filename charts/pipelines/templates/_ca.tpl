{{/* A certificate authority of one's own: the variables named in (list ROOT NAME…), which make programs trust it, its mount, its volume. */}}
{{- define "pipelines.caVariables" -}}
{{- $root := first . -}}
{{- if $root.Values.caBundle.existingConfigMap -}}
{{- range rest . }}
- {name: {{ . }}, value: /etc/signalbox/ca/{{ $root.Values.caBundle.key }}}
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
