{{/* Arguments: (list ROOT USER). securityContext of a Pod. OpenShift assigns the user and groups itself, from the range of the project. */}}
{{- define "common.podSecurity" -}}
runAsNonRoot: true
{{- if not (index . 0).Values.openshift }}
runAsUser: {{ index . 1 }}
runAsGroup: {{ index . 1 }}
fsGroup: {{ index . 1 }}
{{- end }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "common.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Annotation of a Pod on OpenShift. Without it, a Pod that an administrator creates may get another constraint and keep the image's user. */}}
{{- define "common.constraint" -}}
{{- if .Values.openshift -}}
openshift.io/required-scc: restricted-v2
{{- end -}}
{{- end -}}
