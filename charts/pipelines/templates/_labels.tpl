{{/* Arguments: (list ROOT COMPONENT). What selectors use, which can never change. */}}
{{- define "pipelines.selector" -}}
app.kubernetes.io/name: {{ include "pipelines.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Arguments: (list ROOT COMPONENT). */}}
{{- define "pipelines.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{ include "pipelines.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: signalbox
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end -}}
