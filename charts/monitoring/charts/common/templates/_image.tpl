{{/* Arguments: (list ROOT IMAGE), where IMAGE has registry, repository, tag and digest. The tag defaults to the chart's appVersion. */}}
{{- define "common.image" -}}
{{- $root := index . 0 -}}{{- $image := index . 1 -}}
{{- $registry := default $image.registry $root.Values.global.imageRegistry -}}
{{- $tag := default $root.Chart.AppVersion $image.tag -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $image.repository }}:{{ $tag }}{{ with $image.digest }}@{{ . }}{{ end }}
{{- end -}}

{{/* Arguments: (list ROOT IMAGE). A JSON list: the names in global.imagePullSecrets and in the image's pullSecrets. */}}
{{- define "common.pullSecretNames" -}}
{{- $names := list -}}
{{- range (index . 0).Values.global.imagePullSecrets }}{{ $names = append $names .name }}{{ end -}}
{{- concat $names (default list (index . 1).pullSecrets) | uniq | toJson -}}
{{- end -}}

{{/* Arguments: (list ROOT IMAGE). The field imagePullSecrets of a Pod; empty without such Secrets. */}}
{{- define "common.imagePullSecrets" -}}
{{- with include "common.pullSecretNames" . | fromJsonArray -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end -}}
{{- end -}}
