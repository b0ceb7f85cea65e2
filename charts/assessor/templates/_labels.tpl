{{/* Arguments: (list ROOT COMPONENT). What selectors use, which can never change. */}}
{{- define "assessor.selector" -}}
app.kubernetes.io/name: {{ include "assessor.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Arguments: (list ROOT COMPONENT). */}}
{{- define "assessor.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{ include "assessor.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: signalbox
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end -}}
