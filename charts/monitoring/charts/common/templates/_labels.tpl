{{/* Arguments: (list ROOT COMPONENT). Labels for selectors, which are immutable in most objects. */}}
{{- define "common.selector" -}}
app.kubernetes.io/name: {{ include "common.name" (index . 0) }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Arguments: (list ROOT COMPONENT). Labels of an object; commonLabels cannot replace those that others rely on. Flux adds "+DIGEST" to versions, which no label may contain. */}}
{{- define "common.labels" -}}
{{- $root := index . 0 -}}
{{- $labels := dict "app.kubernetes.io/version" ($root.Chart.AppVersion | replace "+" "_") "app.kubernetes.io/part-of" "signalbox"
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "_" | trimSuffix "-") -}}
{{- $fixed := set (include "common.selector" . | fromYaml) "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- merge $fixed (deepCopy (default dict $root.Values.commonLabels)) $labels | toYaml -}}
{{- end -}}

{{/* Arguments: (list ROOT COMPONENT). Labels of a Pod: without the chart's version, which would replace the pods at every release. */}}
{{- define "common.podLabels" -}}
{{- omit (include "common.labels" . | fromYaml) "helm.sh/chart" | toYaml -}}
{{- end -}}

{{/* Arguments: (list ROOT ANNOTATIONS…). The field annotations of an object: ANNOTATIONS over commonAnnotations; empty without any. */}}
{{- define "common.annotations" -}}
{{- $all := dict -}}
{{- range rest . }}{{ $all = merge $all (default dict .) }}{{ end -}}
{{- with merge $all (default dict (first .).Values.commonAnnotations) -}}
annotations: {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}
