{{/* Labels of every object, and those that select the servers. */}}
{{- define "model-server.selector" -}}
app.kubernetes.io/name: {{ include "model-server.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}

{{- define "model-server.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: signalbox
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "model-server.selector" . }}
{{- end }}

{{/* A map of labels as kubectl takes it: a=b,c=d. */}}
{{- define "model-server.asSelector" -}}
{{- $all := list -}}
{{- range $label, $value := . }}{{ $all = append $all (printf "%s=%s" $label $value) }}{{ end -}}
{{- join "," $all -}}
{{- end }}

{{/* Labels of a server's pod. */}}
{{- define "model-server.podLabels" -}}
{{ include "model-server.labels" . }}
{{- with .Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}
