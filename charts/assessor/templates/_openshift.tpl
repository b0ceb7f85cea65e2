{{/* Who a pod runs as. A project of OpenShift has a range of users, and gives each pod one of them. */}}
{{- define "assessor.user" -}}
{{- if not .Values.openshift -}}
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
{{- end -}}
{{- end -}}

{{/* Annotation of a pod. An administrator who makes one may use other constraints, which would leave the image's user in it. */}}
{{- define "assessor.constraint" -}}
{{- if .Values.openshift -}}
openshift.io/required-scc: restricted-v2
{{- end -}}
{{- end -}}
