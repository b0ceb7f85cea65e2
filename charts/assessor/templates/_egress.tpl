{{/* Whom the pods may reach: this namespace, the cluster's DNS wherever it runs, and what the values name. */}}
{{- define "assessor.egress" -}}
- to: [{podSelector: {}}]
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
    - {port: 5353, protocol: UDP} # where OpenShift's DNS pods listen
    - {port: 5353, protocol: TCP}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
