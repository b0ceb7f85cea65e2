{{/* What every pod of the chart has. A project of OpenShift has a range of users, and gives each pod one of them. */}}
{{- define "pipelines.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  {{- if not .Values.openshift }}
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  {{- end }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Annotation of a pod. An administrator who makes one may use other constraints, which would leave the image's user in it. */}}
{{- define "pipelines.constraint" -}}
{{- if .Values.openshift -}}
openshift.io/required-scc: restricted-v2
{{- end -}}
{{- end -}}

{{- define "pipelines.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* Arguments: (list ROOT NEEDS). Where a pod that mounts the state's claim may run. A claim that one node may mount draws its pods together. */}}
{{- define "pipelines.placement" -}}
{{- $root := index . 0 -}}
{{- with $root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- $shared := has "ReadWriteMany" $root.Values.state.accessModes -}}
{{- $sqlite := and (has "database" (index . 1)) (eq $root.Values.database.type "sqlite") -}}
{{- if $root.Values.affinity }}
affinity: {{- toYaml $root.Values.affinity | nindent 2 }}
{{- else if or $sqlite (not $shared) }}
affinity:
  podAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchExpressions:
              - {key: app.kubernetes.io/part-of, operator: In, values: [signalbox]}
              - {key: app.kubernetes.io/name, operator: In, values: [assessor, {{ include "pipelines.name" $root }}]}
              - {key: app.kubernetes.io/component, operator: NotIn, values: [mlflow]}
{{- end }}
{{- end -}}

{{/* Outbound traffic: pods of the namespace, names, and what values add. */}}
{{- define "pipelines.egress" -}}
- to: [{podSelector: {}}]
- ports: # names are looked up wherever the cluster's DNS runs
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
    - {port: 5353, protocol: UDP} # where OpenShift's DNS pods listen
    - {port: 5353, protocol: TCP}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
