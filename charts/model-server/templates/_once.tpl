{{/*
The result of a named template that costs to work out, worked out once a render: the first caller leaves it in .Values,
which all templates of the chart share. Call with (dict "root" $ "name" TEMPLATE).
*/}}
{{- define "model-server.once" -}}
{{- $place := printf "result of %s" .name -}}
{{- if not (hasKey .root.Values $place) }}{{ $_ := set .root.Values $place (include .name .root) }}{{ end -}}
{{- get .root.Values $place -}}
{{- end }}
