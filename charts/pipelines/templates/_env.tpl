{{/* What a job needs, as variables: files/jobs.yaml names these templates. Keys come from Secrets only. */}}
{{- define "pipelines.env.encoder" -}}
- {name: SIGNALBOX_ENCODER_URL, value: {{ .Values.encoder.url | quote }}}
- {name: SIGNALBOX_ENCODER_TIMEOUT_SECONDS, value: {{ .Values.encoder.timeoutSeconds | quote }}}
{{- end -}}

{{- define "pipelines.env.decoder" -}}
- {name: SIGNALBOX_DECODER_URL, value: {{ .Values.decoder.url | quote }}}
- {name: SIGNALBOX_DECODER_MODEL, value: {{ .Values.decoder.model | quote }}}
- {name: SIGNALBOX_DECODER_TIMEOUT_SECONDS, value: {{ .Values.decoder.timeoutSeconds | quote }}}
- {name: SIGNALBOX_DECODER_CONCURRENCY, value: {{ int .Values.decoder.concurrency | quote }}}
- {name: SIGNALBOX_DECODER_CONSTRAINED, value: {{ .Values.decoder.constrained | quote }}}
{{- include "pipelines.env.key" (list "SIGNALBOX_DECODER_API_KEY" .Values.decoder.url "-key" .Values.decoder.apiKey) }}
{{- end -}}

{{- define "pipelines.env.mlflow" -}}
- {name: SIGNALBOX_MLFLOW_URL, value: {{ include "pipelines.mlflowUrl" . | quote }}}
- {name: MLFLOW_HTTP_REQUEST_MAX_RETRIES, value: "7"} # four minutes: at an installation the server starts beside the job
- {name: MLFLOW_DISABLE_TELEMETRY, value: "true"}
- {name: DO_NOT_TRACK, value: "true"}
{{- end -}}

{{- define "pipelines.env.assessor" -}}
- {name: SIGNALBOX_ASSESSOR_URL, value: {{ .Values.assessor.url | quote }}}
{{- include "pipelines.env.key" (list "SIGNALBOX_API_KEY" .Values.assessor.url "-keys" .Values.assessor.apiKey) }}
{{- end -}}

{{- define "pipelines.env.judge" -}}
- {name: SIGNALBOX_JUDGE_URL, value: {{ .Values.judge.url | quote }}}
- {name: SIGNALBOX_JUDGE_MODEL, value: {{ .Values.judge.model | quote }}}
{{- include "pipelines.env.key" (list "SIGNALBOX_JUDGE_API_KEY" .Values.judge.url "-key" .Values.judge.apiKey) }}
{{- end -}}

{{- define "pipelines.env.database" -}}
{{- $postgres := .Values.database.postgres -}}
{{- if eq .Values.database.type "sqlite" -}}
- {name: SIGNALBOX_DATABASE_URL, value: "sqlite:///{{ include "pipelines.databaseFolder" . }}/signalbox.db"}
{{- else -}}
- name: SIGNALBOX_DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ $postgres.existingSecret }}, key: {{ $postgres.existingSecretKey }}}
{{- end -}}
{{- end -}}

{{/* Where SQLite's file lies: in the state's folder when both are one claim. */}}
{{- define "pipelines.databaseFolder" -}}
{{- ternary "/var/lib/signalbox" "/var/lib/signalbox-database" (eq .Values.database.sqlite.existingClaim (include "pipelines.claim" .)) -}}
{{- end -}}

{{/* Arguments: (list VARIABLE URL ENDING KEY). Without a name, the Secret is the one that the chart behind a plain Service name makes; it may be missing. */}}
{{- define "pipelines.env.key" -}}
{{- $host := index (urlParse (index . 1)) "host" | splitList ":" | first -}}
{{- $key := index . 3 -}}
{{- $named := kindIs "string" $key.existingSecret -}}
{{- $guess := ternary (printf "%s%s" $host (index . 2)) "" (regexMatch "^[a-z0-9][-a-z0-9]*$" $host) -}}
{{- with ternary $key.existingSecret $guess $named }}
- name: {{ index $ 0 }}
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: {{ $key.existingSecretKey }}{{ if not $named }}, optional: true{{ end }}}
{{- end -}}
{{- end -}}
