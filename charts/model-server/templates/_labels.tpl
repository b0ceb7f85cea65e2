{{/* A map of labels as kubectl takes it: a=b,c=d. */}}
{{- define "model-server.asSelector" -}}
{{- $all := list -}}
{{- range $label, $value := . }}{{ $all = append $all (printf "%s=%s" $label $value) }}{{ end -}}
{{- join "," $all -}}
{{- end }}

{{/* Labels of a server's pod. */}}
{{- define "model-server.podLabels" -}}
{{ include "common.labels" (list . "server") }}
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}
