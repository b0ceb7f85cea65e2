{{/* Arguments: (list ROOT SECRET), SECRET holding the URL where it stands in the values. Postgres only. */}}
{{- define "assessor.databaseUrl" -}}
{{- $postgres := (index . 0).Values.database.postgres -}}
- name: SIGNALBOX_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ default (index . 1) $postgres.existingSecret }}
      key: {{ ternary $postgres.existingSecretKey "database-url" (not (empty $postgres.existingSecret)) }}
{{- end -}}
