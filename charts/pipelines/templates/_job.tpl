{{/* Arguments: (list ROOT JOB). The job's row of files/jobs.yaml. */}}
{{- define "pipelines.program" -}}
{{- index ((index . 0).Files.Get "files/jobs.yaml" | fromYaml) (index . 1) | toJson -}}
{{- end -}}

{{/* Arguments: (list ROOT JOB). The job's values over jobDefaults, key by key: a merge would take false and 0 for not given. */}}
{{- define "pipelines.job" -}}
{{- $job := dict -}}
{{- range $key, $value := (index . 0).Values.jobDefaults -}}
{{- $_ := set $job $key $value -}}
{{- end -}}
{{- range $key, $value := index (index . 0).Values.jobs (index . 1) -}}
{{- $_ := set $job $key $value -}}
{{- end -}}
{{- toJson $job -}}
{{- end -}}

{{/* Arguments: (list ROOT JOB). The spec of a Job, alone or in a CronJob. */}}
{{- define "pipelines.jobSpec" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- $job := include "pipelines.job" . | fromJson -}}
{{- $program := include "pipelines.program" . | fromJson -}}
{{- $shards := int $job.shards -}}
{{- if gt $shards 1 -}}
completionMode: Indexed
completions: {{ $shards }}
parallelism: {{ $shards }}
backoffLimitPerIndex: {{ int $job.backoffLimit }} # a shard that fails does not end the others
{{- else -}}
backoffLimit: {{ int $job.backoffLimit }}
{{- end }}
activeDeadlineSeconds: {{ int $job.activeDeadlineSeconds }}
{{- if not (kindIs "invalid" $job.ttlSecondsAfterFinished) }}
ttlSecondsAfterFinished: {{ int $job.ttlSecondsAfterFinished }}
{{- end }}
podFailurePolicy:
  rules:
    # Drained, preempted, evicted: not the job's fault.
    - action: Ignore
      onPodConditions: [{type: DisruptionTarget, status: "True"}]
    # Exit status 2 is wrong input, which stays wrong.
    - action: FailJob
      onExitCodes: {containerName: {{ $name }}, operator: In, values: [2]}
template:
  metadata:
    labels:
      {{- include "pipelines.selector" (list $root "job") | nindent 6 }}
      app.kubernetes.io/part-of: signalbox
      signalbox/job: {{ $name }}
      {{- with $root.Values.podLabels }}{{ toYaml . | nindent 6 }}{{ end }}
    {{- $annotations := merge (deepCopy (default dict $root.Values.podAnnotations)) (include "pipelines.constraint" $root | fromYaml) }}
    {{- with $job.run }}{{ $annotations = merge (dict "signalbox/run" .) $annotations }}{{ end }}
    {{- with $annotations }}
    annotations: {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    restartPolicy: Never
    {{- include "pipelines.pod" (list $root $program.needs) | nindent 4 }}
    containers:
      - name: {{ $name }}
        command: [python, -m, {{ $program.module }}]
        {{- $args := default list $job.args }}
        {{- if gt $shards 1 }}{{ $args = concat $args (list "--shards" (toString $shards)) }}{{ end }}
        {{- with $args }}
        args: {{- toYaml . | nindent 10 }}
        {{- end }}
        {{- include "pipelines.container" (list $root $program.needs) | nindent 8 }}
          {{- with $job.extraEnv }}{{ toYaml . | nindent 10 }}{{ end }}
        resources: {{- toYaml $job.resources | nindent 10 }}
{{- end -}}

{{/* Arguments: (list ROOT NEEDS). What is alike in every pod that runs the jobs' image, but its containers. */}}
{{- define "pipelines.pod" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ include "pipelines.serviceAccountName" $root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.global.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- include "pipelines.podSecurity" $root | nindent 0 }}
{{- with include "pipelines.placement" . | trim }}{{ . | nindent 0 }}{{ end }}
volumes:
  - {name: state, persistentVolumeClaim: {claimName: {{ include "pipelines.claim" $root }}}}
  - {name: tmp, emptyDir: {sizeLimit: 2Gi}}
  {{- if eq (include "pipelines.mountsDatabase" .) "true" }}
  - {name: database, persistentVolumeClaim: {claimName: {{ $root.Values.database.sqlite.existingClaim }}}}
  {{- end }}
  {{- with include "pipelines.caVolume" $root }}{{ . | nindent 2 }}{{ end }}
  {{- with $root.Values.task.existingConfigMap }}
  - {name: task, configMap: {name: {{ . }}}}
  {{- end }}
{{- end -}}

{{/* Arguments: (list ROOT NEEDS). What is alike in every container of the jobs' image; ends within `env`. */}}
{{- define "pipelines.container" -}}
{{- $root := index . 0 -}}
image: {{ include "pipelines.image" (list $root $root.Values.image) }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
{{- include "pipelines.containerSecurity" $root | nindent 0 }}
volumeMounts:
  - {name: state, mountPath: /var/lib/signalbox}
  - {name: tmp, mountPath: /tmp}
  {{- if eq (include "pipelines.mountsDatabase" .) "true" }}
  - {name: database, mountPath: {{ include "pipelines.databaseFolder" $root }}}
  {{- end }}
  {{- with include "pipelines.caMount" $root }}{{ . | nindent 2 }}{{ end }}
  {{- if $root.Values.task.existingConfigMap }}
  - {name: task, mountPath: /etc/signalbox/task, readOnly: true}
  {{- end }}
env:
  - {name: HOME, value: /tmp} # the root is read-only, and the image's user has no home
  - {name: USER, value: signalbox} # nor a name, which MLflow writes to each run
  - {name: SIGNALBOX_STATE_DIR, value: /var/lib/signalbox}
  - {name: SIGNALBOX_TASK, value: {{ ternary "/etc/signalbox/task" $root.Values.task.path (not (empty $root.Values.task.existingConfigMap)) | quote }}}
  {{- range index . 1 }}
  {{- include (printf "pipelines.env.%s" .) $root | nindent 2 }}
  {{- end }}
  {{- with include "pipelines.caVariables" (list $root "SSL_CERT_FILE" "REQUESTS_CA_BUNDLE" "PGSSLROOTCERT") | trim }}{{ . | nindent 2 }}{{ end }}
{{- end -}}

{{/* Arguments: (list ROOT NEEDS). "true" where SQLite's file lies on a claim of its own. */}}
{{- define "pipelines.mountsDatabase" -}}
{{- $database := (index . 0).Values.database -}}
{{- and (has "database" (index . 1)) (eq $database.type "sqlite") (ne $database.sqlite.existingClaim (include "pipelines.claim" (index . 0))) -}}
{{- end -}}
