{{/* "true" where SQLite's file or artifacts lie on a volume, which one pod writes. */}}
{{- define "pipelines.mlflowVolume" -}}
{{- or (not .Values.mlflow.postgres.existingSecret) (not .Values.mlflow.s3.uri) -}}
{{- end -}}

{{- define "pipelines.mlflowClaim" -}}
{{- default (include "pipelines.mlflowName" .) .Values.mlflow.volume.existingClaim -}}
{{- end -}}

{{/* Host headers that MLflow answers: every form of the Service's name, a port-forward, Prometheus, and what values add. */}}
{{- define "pipelines.mlflowHosts" -}}
{{- $name := include "pipelines.mlflowName" . -}}
{{- $within := printf "%s.%s" $name .Release.Namespace -}}
{{- $names := list "localhost" "127.0.0.1" $name $within (printf "%s.svc" $within) (printf "%s.svc.%s" $within .Values.clusterDomain) -}}
{{- $hosts := list -}}
{{- range $names -}}
{{- $hosts = concat $hosts (list . (printf "%s:*" .)) -}}
{{- end -}}
{{- concat $hosts (default list .Values.mlflow.podHosts) (default list .Values.mlflow.allowedHosts) | join "," -}}
{{- end -}}

{{/* Where runs are stored, as variables. A reference in a value is filled in by Kubernetes, so the password stays in its Secret. */}}
{{- define "pipelines.mlflowStore" -}}
{{- $postgres := .Values.mlflow.postgres -}}
{{- if not $postgres.existingSecret -}}
- {name: MLFLOW_BACKEND_STORE_URI, value: "sqlite:////var/lib/mlflow/mlflow.db"}
{{- else if $postgres.uriKey -}}
- name: MLFLOW_BACKEND_STORE_URI
  valueFrom:
    secretKeyRef: {name: {{ $postgres.existingSecret }}, key: {{ $postgres.uriKey }}}
{{- else -}}
{{- range $entry := list "username" "password" "host" "port" "dbname" }}
- name: DATABASE_{{ upper $entry }}
  valueFrom:
    secretKeyRef: {name: {{ $postgres.existingSecret }}, key: {{ $entry }}}
{{- end }}
- name: MLFLOW_BACKEND_STORE_URI
  value: postgresql+pg8000://$(DATABASE_USERNAME):$(DATABASE_PASSWORD)@$(DATABASE_HOST):$(DATABASE_PORT)/$(DATABASE_DBNAME)
{{- end -}}
{{- end -}}

{{- define "pipelines.mlflowBucket" -}}
{{- with .Values.mlflow.s3.endpoint }}
- {name: MLFLOW_S3_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.mlflow.s3.region }}
- {name: AWS_DEFAULT_REGION, value: {{ . | quote }}}
{{- end }}
{{- range ternary (list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY") list (not (empty .Values.mlflow.s3.existingSecret)) }}
- name: {{ . }}
  valueFrom:
    secretKeyRef: {name: {{ $.Values.mlflow.s3.existingSecret }}, key: {{ . }}}
{{- end }}
{{- end -}}
