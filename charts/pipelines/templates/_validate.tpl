{{/* Rejects values that cannot work, before any object is created. Each rule: condition, problem with key and value, hint. */}}
{{- define "pipelines.validate" -}}
{{- $v := .Values -}}
{{- range $name, $_ := $v.jobs }}{{ include "pipelines.validateJob" (list $ $name) }}{{ end -}}
{{- range $key, $volume := dict "persistence" $v.persistence "mlflow.persistence" $v.mlflow.persistence -}}
{{- include "pipelines.validatePersistence" (list $key $volume) -}}
{{- end -}}
{{- $sqlite := eq $v.database.type "sqlite" -}}
{{- $secret := $v.database.postgres.existingSecret -}}
{{- $mlflow := $v.mlflow -}}
{{- $s3 := $mlflow.s3 -}}
{{- range list
  (list (not (or $v.encoder.enabled $v.decoder.enabled))
    "decoder.enabled: is false, and encoder.enabled, too."
    "Enable at least one of them.")
  (list (and $sqlite (not $v.database.sqlite.existingClaim))
    "database.sqlite.existingClaim: is empty, but database.type is sqlite."
    "Name the claim of the assessor, which contains signalbox.db, or set database.type to postgres.")
  (list (and $sqlite $secret)
    (printf "database.type: sqlite, but database.postgres.existingSecret is %q." $secret)
    "Set database.type to postgres, or remove the name of the Secret.")
  (list (and (not $sqlite) (not $secret))
    "database.postgres.existingSecret: is empty, but database.type is postgres."
    "Name the Secret that contains the URL, for example CloudNativePG's CLUSTER-app.")
  (list (and $mlflow.enabled $mlflow.url)
    (printf "mlflow.url: %q, but mlflow.enabled is true." $mlflow.url)
    "Set mlflow.enabled to false to use that server, or remove mlflow.url to install one.")
  (list (not (or $mlflow.enabled $mlflow.url))
    "mlflow.url: is empty, but mlflow.enabled is false."
    "Give the base URL of an MLflow server, or set mlflow.enabled to true.")
  (list (and (gt (int $mlflow.replicas) 1) (eq (include "pipelines.mlflowVolume" .) "true"))
    (printf "mlflow.replicas: %d with a volume, which only one pod may write to." (int $mlflow.replicas))
    "Set it to 1, or set both mlflow.postgres.existingSecret and mlflow.s3.uri.")
  (list (and $mlflow.strategy (eq (include "pipelines.mlflowVolume" .) "true") (ne (toString (default dict $mlflow.strategy).type) "Recreate"))
    "mlflow.strategy: updates in a rolling way, but MLflow has a volume, which only one pod may write to."
    "Set mlflow.strategy.type to Recreate, or set both mlflow.postgres.existingSecret and mlflow.s3.uri.")
  (list (and $mlflow.service.loadBalancerSourceRanges (ne $mlflow.service.type "LoadBalancer"))
    (printf "mlflow.service.loadBalancerSourceRanges: is set, but mlflow.service.type is %s." $mlflow.service.type)
    "Set mlflow.service.type to LoadBalancer, or remove the ranges.")
  (list (and $mlflow.ingress.enabled (not $mlflow.ingress.host))
    "mlflow.ingress.host: is empty, but mlflow.ingress.enabled is true."
    "Give the host name of MLflow.")
  (list (and $mlflow.httpRoute.enabled (not $mlflow.httpRoute.parentRefs))
    "mlflow.httpRoute.parentRefs: is empty, but mlflow.httpRoute.enabled is true."
    "Name the Gateway that the HTTPRoute attaches to.")
  (list (and $mlflow.postgres.existingSecretKey (not $mlflow.postgres.existingSecret))
    (printf "mlflow.postgres.existingSecret: is empty, but mlflow.postgres.existingSecretKey is %q." $mlflow.postgres.existingSecretKey)
    "Name the Secret that contains this key.")
  (list (and (or $s3.endpoint $s3.region $s3.existingSecret) (not $s3.uri))
    "mlflow.s3.uri: is empty, but other keys of mlflow.s3 are set."
    "Name the bucket, for example s3://signalbox/mlflow.")
  (list (and $v.metrics.enabled (not $v.persistence.enabled))
    "metrics.enabled: true, but persistence.enabled is false, so the exporter cannot read the files of the jobs."
    "Set persistence.enabled to true, or metrics.enabled to false.")
  (list (eq $v.image.tag "latest") "image.tag: \"latest\" does not identify a version." "Give a version.")
  (list (eq $mlflow.image.tag "latest") "mlflow.image.tag: \"latest\" does not identify a version." "Give a version.")
  (list (eq $v.metrics.image.tag "latest") "metrics.image.tag: \"latest\" does not identify a version." "Give a version.")
-}}
{{- if first . }}{{ fail (printf "%s %s" (index . 1) (index . 2)) }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Arguments: (list ROOT JOB). */}}
{{- define "pipelines.validateJob" -}}
{{- $v := (index . 0).Values -}}{{- $key := printf "jobs.%s" (index . 1) -}}
{{- $job := include "pipelines.job" . | fromJson -}}
{{- $program := include "pipelines.program" . | fromJson -}}
{{- $schedule := default "" $job.schedule -}}
{{- $cron := "^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|@every \\S+|\\S+( +\\S+){4})$" -}}
{{- $rules := list
  (list (contains "TZ=" $schedule)
    (printf "%s.schedule: %q contains a time zone, which Kubernetes does not allow." $key $schedule)
    (printf "Set %s.timeZone instead." $key))
  (list (and $schedule (not (regexMatch $cron $schedule)))
    (printf "%s.schedule: %q is not a cron schedule." $key $schedule)
    "Give five fields (minute, hour, day, month, weekday), such as \"30 2 * * *\", or a word such as @daily.")
  (list (and (gt (int $job.shards) 1) (not $program.shards))
    (printf "%s.shards: %d, but this job cannot share its work." $key (int $job.shards))
    "Set it to 1; only evaluate, compare and judge support shards.")
  (list (and $job.hook $schedule)
    (printf "%s.schedule: %q, but %s.hook is %q." $key $schedule $key $job.hook)
    (printf "Remove the schedule, or set %s.hook to \"\"." $key))
  (list (and $job.enabled (has "certificates" $program.needs) (not $v.certificates.existingSecret))
    (printf "certificates.existingSecret: is empty, but %s.enabled is true." $key)
    "Create the keys with `signalbox certify --create-key certificate.pem`, then a Secret with both files, and name it.")
-}}
{{- range $option := default list $program.required }}{{- $rules = append $rules
  (list (and $job.enabled (not (regexMatch (printf "(^| )%s( |=|$)" $option) (join " " $job.args))))
    (printf "%s.args: has no %s, which the job needs." $key $option)
    (printf "Add it, for example %s.args: [%s, VALUE]." $key $option)) }}{{ end -}}
{{- range $job.args }}{{- $rules = append $rules
  (list (regexMatch "^--shards?(=|$)" .)
    (printf "%s.args: %q is an option that the chart sets." $key .)
    (printf "Set the number of pods in %s.shards." $key)) }}{{ end -}}
{{- $urls := dict "assessor" $v.assessor.url "judge" $v.judge.url -}}
{{- range $model := list "encoder" "decoder" -}}
{{- if (get $v $model).enabled }}{{ $urls = set $urls $model (get $v $model).url }}{{ end -}}
{{- end -}}
{{- range $need := $program.needs }}{{- $rules = append $rules
  (list (and $job.enabled (hasKey $urls $need) (not (get $urls $need)))
    (printf "%s.url: is empty, but %s.enabled is true." $need $key)
    (printf "Give the base URL of the %s, or set %s.enabled to false." $need $key)) }}{{ end -}}
{{- range $rules }}{{ if first . }}{{ fail (printf "%s %s" (index . 1) (index . 2)) }}{{ end }}{{ end -}}
{{- end -}}

{{/* Arguments: (list KEY VOLUME). */}}
{{- define "pipelines.validatePersistence" -}}
{{- $key := index . 0 -}}{{- $volume := index . 1 -}}{{- $claim := $volume.existingClaim -}}
{{- if and $claim (not $volume.enabled) -}}
{{- fail (printf "%s.existingClaim: %q, but %s.enabled is false. Set %s.enabled to true, or remove the claim." $key $claim $key $key) -}}
{{- end -}}
{{- range list "size" "storageClass" "claimName" -}}
{{- if and $claim (get $volume .) -}}
{{- fail (printf "%s.%s: %q, but %s.existingClaim is %q, which has its own. Keep only one of them." $key . (get $volume .) $key $claim) -}}
{{- end -}}
{{- end -}}
{{- end -}}
