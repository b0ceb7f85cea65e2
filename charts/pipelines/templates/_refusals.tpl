{{/* What cannot work is refused here, before anything is made: key, value, hint. */}}
{{- define "pipelines.refuse" -}}
{{- range $name, $_ := .Values.jobs -}}
{{- include "pipelines.refuseJob" (list $ $name) -}}
{{- end -}}
{{- include "pipelines.refuseDatabase" .Values.database -}}
{{- include "pipelines.refuseMlflow" .Values.mlflow -}}
{{- include "pipelines.refuseClaim" (list "state" .Values.state) -}}
{{- include "pipelines.refuseClaim" (list "mlflow.volume" .Values.mlflow.volume) -}}
{{- range $key, $image := dict "image" .Values.image "mlflow.image" .Values.mlflow.image "metrics.image" .Values.metrics.image -}}
{{- if eq $image.tag "latest" -}}
{{- fail (printf "%s.tag: \"latest\" names no release. Give a version." $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Arguments: (list ROOT JOB). */}}
{{- define "pipelines.refuseJob" -}}
{{- $v := (index . 0).Values -}}{{- $key := printf "jobs.%s" (index . 1) -}}
{{- $job := include "pipelines.job" . | fromJson -}}
{{- $program := include "pipelines.program" . | fromJson -}}
{{- if contains "TZ=" (default "" $job.schedule) -}}
{{- fail (printf "%s.schedule: %q names a time zone, which Kubernetes refuses there. Put it into %s.timeZone." $key $job.schedule $key) -}}
{{- end -}}
{{- if and $job.schedule (not (regexMatch "^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|@every \\S+|\\S+( +\\S+){4})$" $job.schedule)) -}}
{{- fail (printf "%s.schedule: %q is no schedule. Give five fields (minute, hour, day, month, weekday), such as \"30 2 * * *\", or a word such as @daily." $key $job.schedule) -}}
{{- end -}}
{{- if and (gt (int $job.shards) 1) (not $program.shards) -}}
{{- fail (printf "%s.shards: %d, but this job can't share its work. Set it to 1; only judge can." $key (int $job.shards)) -}}
{{- end -}}
{{- range $job.args -}}
{{- if regexMatch "^--shards?(=|$)" . -}}
{{- fail (printf "%s.args: %q is set by the chart. Give the number of pods in %s.shards." $key . $key) -}}
{{- end -}}
{{- end -}}
{{- $urls := dict "assessor" $v.assessor.url "encoder" $v.encoder.url "decoder" $v.decoder.url "judge" $v.judge.url -}}
{{- range $need := $program.needs -}}
{{- if and $job.enabled (hasKey $urls $need) (not (get $urls $need)) -}}
{{- fail (printf "%s.url: is empty, while %s.enabled is true. Give the base URL of the %s, or set %s.enabled to false." $need $key $need $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "pipelines.refuseDatabase" -}}
{{- $sqlite := eq .type "sqlite" -}}
{{- if and $sqlite (not .sqlite.existingClaim) -}}
{{- fail "database.sqlite.existingClaim: is empty with database.type sqlite. Name the claim of the assessor, which holds signalbox.db, or set database.type to postgres." -}}
{{- end -}}
{{- if and $sqlite .postgres.existingSecret -}}
{{- fail (printf "database.type: sqlite, while database.postgres.existingSecret is %q. Set database.type to postgres, or empty the Secret's name." .postgres.existingSecret) -}}
{{- end -}}
{{- if and (not $sqlite) (not .postgres.existingSecret) -}}
{{- fail "database.postgres.existingSecret: is empty with database.type postgres. Name the Secret that holds the URL, for example CloudNativePG's CLUSTER-app." -}}
{{- end -}}
{{- end -}}

{{- define "pipelines.refuseMlflow" -}}
{{- $volume := or (not .postgres.existingSecret) (not .s3.uri) -}}
{{- if and .enabled .url -}}
{{- fail (printf "mlflow.url: %q, while mlflow.enabled is true. Set mlflow.enabled to false to use that server, or empty mlflow.url to install one." .url) -}}
{{- end -}}
{{- if not (or .enabled .url) -}}
{{- fail "mlflow.url: is empty, while mlflow.enabled is false. Give the base URL of an MLflow server, or set mlflow.enabled to true." -}}
{{- end -}}
{{- if and (gt (int .replicas) 1) $volume -}}
{{- fail (printf "mlflow.replicas: %d with a volume, which one pod writes. Set it to 1, or give both mlflow.postgres.existingSecret and mlflow.s3.uri." (int .replicas)) -}}
{{- end -}}
{{- if and .postgres.uriKey (not .postgres.existingSecret) -}}
{{- fail (printf "mlflow.postgres.existingSecret: is empty, while mlflow.postgres.uriKey is %q. Name the Secret that has this entry." .postgres.uriKey) -}}
{{- end -}}
{{- if and (or .s3.endpoint .s3.region .s3.existingSecret) (not .s3.uri) -}}
{{- fail "mlflow.s3.uri: is empty, while other keys of mlflow.s3 are given. Name the bucket, for example s3://signalbox/mlflow." -}}
{{- end -}}
{{- end -}}

{{/* Arguments: (list KEY CLAIM). */}}
{{- define "pipelines.refuseClaim" -}}
{{- $key := index . 0 -}}{{- $claim := index . 1 -}}
{{- range list "size" "storageClass" -}}
{{- if and $claim.existingClaim (get $claim .) -}}
{{- fail (printf "%s.%s: %q, while %s.existingClaim is %q, which has its own. Empty one of the two." $key . (get $claim .) $key $claim.existingClaim) -}}
{{- end -}}
{{- end -}}
{{- end -}}
