{{/* Name of the claim with the jobs' state; empty without persistence. */}}
{{- define "pipelines.claim" -}}
{{- if .Values.persistence.enabled }}{{ default (include "pipelines.newClaim" . | fromJson).name .Values.persistence.existingClaim }}{{ end -}}
{{- end -}}

{{/* The claims that the chart creates, for the state and for MLflow, as JSON; see common.claim. */}}
{{- define "pipelines.newClaim" -}}
{{- include "common.claim" (list . (include "common.fullname" .) .Values.persistence) -}}
{{- end -}}

{{- define "pipelines.mlflowClaim" -}}
{{- include "common.claim" (list . (include "pipelines.mlflowName" .) .Values.mlflow.persistence) -}}
{{- end -}}

{{- define "pipelines.mlflowName" -}}
{{- printf "%s-mlflow" (include "common.fullname" .) -}}
{{- end -}}

{{- define "pipelines.mlflowUrl" -}}
{{- if .Values.mlflow.enabled -}}
http://{{ include "pipelines.mlflowName" . }}:{{ int .Values.mlflow.port }}
{{- else -}}
{{ .Values.mlflow.url }}
{{- end -}}
{{- end -}}

{{/* "true" if SQLite or artifacts of MLflow are on a volume, which only one pod may write to. */}}
{{- define "pipelines.mlflowVolume" -}}
{{- or (not .Values.mlflow.postgres.existingSecret) (not .Values.mlflow.s3.uri) -}}
{{- end -}}

{{/* Arguments: (list ROOT JOB). The job's row of files/jobs.yaml, as JSON. */}}
{{- define "pipelines.program" -}}
{{- index ((index . 0).Files.Get "files/jobs.yaml" | fromYaml) (index . 1) | toJson -}}
{{- end -}}

{{/* Arguments: (list ROOT JOB). The job's values over jobDefaults, as JSON. Key by key, because `merge` ignores false, 0 and null. */}}
{{- define "pipelines.job" -}}
{{- $job := deepCopy (index . 0).Values.jobDefaults -}}
{{- $own := index (index . 0).Values.jobs (index . 1) -}}
{{- if $own.hook }}{{ $_ := set $job "schedule" "" }}{{ end -}}
{{- range $key, $value := $own -}}
{{- $_ := set $job $key $value -}}
{{- end -}}
{{- toJson $job -}}
{{- end -}}

{{/* Arguments: (list ROOT NEEDS). "true" if SQLite is on a claim other than that of the state. */}}
{{- define "pipelines.mountsDatabase" -}}
{{- $database := (index . 0).Values.database -}}
{{- and (has "database" (index . 1)) (eq $database.type "sqlite") (ne $database.sqlite.existingClaim (include "pipelines.claim" (index . 0))) -}}
{{- end -}}

{{/* Folder with signalbox.db: that of the state if both are on one claim. */}}
{{- define "pipelines.databaseFolder" -}}
{{- ternary "/var/lib/signalbox" "/var/lib/signalbox-database" (eq .Values.database.sqlite.existingClaim (include "pipelines.claim" .)) -}}
{{- end -}}

{{/* Arguments: (list ROOT NEEDS). Labels of a pod that mounts the state, and SQLite if it needs it. */}}
{{- define "pipelines.claimLabels" -}}
{{- $database := ternary (index . 0).Values.database.sqlite.existingClaim "" (eq (include "pipelines.mountsDatabase" .) "true") -}}
{{- include "common.claimLabels" (list (include "pipelines.claim" (index . 0)) $database) -}}
{{- end -}}

{{/* Arguments: (list ROOT NEEDS). Affinity of a pod that mounts the state. A claim that one node can mount keeps its pods together. */}}
{{- define "pipelines.affinity" -}}
{{- $values := (index . 0).Values -}}
{{- $oneNode := and $values.persistence.enabled (not (has "ReadWriteMany" $values.persistence.accessModes)) -}}
{{- $sqlite := and (has "database" (index . 1)) (eq $values.database.type "sqlite") -}}
{{- if $values.affinity -}}
{{ toYaml $values.affinity }}
{{- else if $oneNode -}}
{{ include "common.claimAffinity" (list (index . 0) (include "pipelines.claim" (index . 0))) }}
{{- else if $sqlite -}}
{{ include "common.claimAffinity" (list (index . 0) $values.database.sqlite.existingClaim) }}
{{- end -}}
{{- end -}}

{{/* Egress rules of jobs and MLflow: this namespace, DNS, the proxy, and those in networkPolicy. */}}
{{- define "pipelines.egress" -}}
- to: [{podSelector: {}}]
{{ include "common.egressDns" . }}
{{- include "common.egressProxy" . }}
{{- with concat (default list .Values.networkPolicy.extraEgress) (default list .Values.networkPolicy.mesh.egress) }}
{{ toYaml . }}
{{- end }}
{{- end -}}
