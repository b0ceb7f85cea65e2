{{/* Arguments: (list ROOT COMPONENT). Labels for selectors, which are immutable in most objects. */}}
{{- define "common.selector" -}}
app.kubernetes.io/name: {{ include "common.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Arguments: (list ROOT COMPONENT). Labels of an object. */}}
{{- define "common.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{ include "common.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: signalbox
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end -}}
