{{/* Arguments: (list ROOT NAME…). Environment variables NAME… with the path of the private CA bundle, which programs read certificates from. */}}
{{- define "common.caVariables" -}}
{{- $root := first . -}}
{{- if $root.Values.caBundle.existingConfigMap -}}
{{- range rest . }}
- {name: {{ . }}, value: /etc/signalbox/ca/{{ $root.Values.caBundle.key }}}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "common.caMount" -}}
{{- if .Values.caBundle.existingConfigMap }}- {name: ca, mountPath: /etc/signalbox/ca, readOnly: true}{{ end -}}
{{- end -}}

{{- define "common.caVolume" -}}
{{- with .Values.caBundle.existingConfigMap }}- {name: ca, configMap: {name: {{ . }}}}{{ end -}}
{{- end -}}
