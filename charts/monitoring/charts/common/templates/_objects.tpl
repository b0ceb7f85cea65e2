{{/* The objects in extraObjects, maps or texts, with template expressions evaluated. */}}
{{- define "common.extraObjects" -}}
{{- range .Values.extraObjects }}
---
{{ tpl (kindIs "string" . | ternary . (toYaml .)) $ }}
{{- end -}}
{{- end -}}

{{/* Arguments: (list ROOT GENERATE). "true" if a key may be generated: not in client-side renders, where it would differ each time.
     With a cluster, `lookup` returns a list, even an empty one. Helm stores releases in Secrets, so it may list them. */}}
{{- define "common.mayGenerate" -}}
{{- $auto := eq (toString (index . 1)) "auto" -}}
{{- if $auto }}{{ hasKey (lookup "v1" "Secret" (index . 0).Release.Namespace "") "items" }}{{ else }}{{ index . 1 }}{{ end -}}
{{- end -}}
