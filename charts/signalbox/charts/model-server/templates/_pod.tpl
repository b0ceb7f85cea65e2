{{/* The Pod template of templates/deployment.yaml as JSON. LeaderWorkerSet and InferenceService run it with small changes. */}}
{{- define "model-server.podTemplate" -}}
{{- $root := dict "podOnly" true "Values" .Values "Chart" .Chart "Release" .Release "Files" .Files "Template" .Template -}}
{{- (include (print .Template.BasePath "/deployment.yaml") $root | fromYaml).spec.template | toJson -}}
{{- end -}}
