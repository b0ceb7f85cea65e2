{{/* Arguments: (list ROOT NAME). Values of a server in `models`, complete, as JSON. Its names and selectors differ from those of other servers. */}}
{{- define "signalbox.modelValues" -}}
{{- $root := index . 0 -}}{{- $name := printf "model-%s" (index . 1) -}}
{{- $defaults := $root.Files.Get "files/defaults/model-server.yaml" | fromYaml -}}
{{- $names := dict "nameOverride" $name "fullnameOverride" $name "global" $root.Values.global -}}
{{- $entry := index $root.Values.models (index . 1) | default dict -}}
{{- $values := include "signalbox.merged" (list (mustMergeOverwrite $defaults $names) $entry) | fromJson -}}
{{- /* Errors name the entry: those of the chart, and those of both fragments of a pod. */ -}}
{{- range list $values $values.podTemplate $values.helmTest.podTemplate }}{{ if . }}{{ $_ := set . "entry" (printf "models.%s: " (index $ 1)) }}{{ end }}{{ end -}}
{{- toJson $values -}}
{{- end -}}

{{/* Arguments: (list MAP MORE). MAP with MORE over it, as JSON. In contrast to mergeOverwrite, MORE also sets false, 0 and "". */}}
{{- define "signalbox.merged" -}}
{{- $map := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- if and (kindIs "map" $value) (kindIs "map" (get $map $key)) -}}
{{- $value = include "signalbox.merged" (list (get $map $key) $value) | fromJson -}}
{{- end -}}
{{- $_ := set $map $key $value -}}
{{- end -}}
{{- toJson $map -}}
{{- end -}}
