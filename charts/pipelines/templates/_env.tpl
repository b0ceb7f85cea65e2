{{/* Environment variables by need: files/jobs.yaml names these templates. API keys come from Secrets only. */}}
{{- define "pipelines.env.encoder" -}}
- {name: SIGNALBOX_ENCODER_ENABLED, value: {{ .Values.encoder.enabled | quote }}}
- {name: SIGNALBOX_ENCODER_URL, value: {{ .Values.encoder.url | quote }}}
- {name: SIGNALBOX_ENCODER_TIMEOUT_SECONDS, value: {{ .Values.encoder.timeoutSeconds | quote }}}
{{- end -}}

{{- define "pipelines.env.decoder" -}}
- {name: SIGNALBOX_DECODER_ENABLED, value: {{ .Values.decoder.enabled | quote }}}
- {name: SIGNALBOX_DECODER_URL, value: {{ .Values.decoder.url | quote }}}
- {name: SIGNALBOX_DECODER_MODEL, value: {{ .Values.decoder.model | quote }}}
- {name: SIGNALBOX_DECODER_TIMEOUT_SECONDS, value: {{ .Values.decoder.timeoutSeconds | quote }}}
- {name: SIGNALBOX_DECODER_CONCURRENCY, value: {{ int .Values.decoder.concurrency | quote }}}
- {name: SIGNALBOX_DECODER_CONSTRAINED, value: {{ .Values.decoder.constrained | quote }}}
{{- include "pipelines.env.key" (list "SIGNALBOX_DECODER_API_KEY" .Values.decoder "-key") }}
{{- end -}}

{{- define "pipelines.env.mlflow" -}}
- {name: SIGNALBOX_MLFLOW_URL, value: {{ include "pipelines.mlflowUrl" . | quote }}}
- {name: MLFLOW_HTTP_REQUEST_MAX_RETRIES, value: "7"} # four minutes: during an installation, the server and the job start together
- {name: MLFLOW_DISABLE_TELEMETRY, value: "true"}
- {name: DO_NOT_TRACK, value: "true"}
{{- end -}}

{{- define "pipelines.env.assessor" -}}
- {name: SIGNALBOX_ASSESSOR_URL, value: {{ .Values.assessor.url | quote }}}
{{- include "pipelines.env.key" (list "SIGNALBOX_API_KEY" .Values.assessor "-keys") }}
{{- end -}}

{{- define "pipelines.env.judge" -}}
- {name: SIGNALBOX_JUDGE_URL, value: {{ .Values.judge.url | quote }}}
- {name: SIGNALBOX_JUDGE_MODEL, value: {{ .Values.judge.model | quote }}}
{{- include "pipelines.env.key" (list "SIGNALBOX_JUDGE_API_KEY" .Values.judge "-key") }}
{{- end -}}

{{- define "pipelines.env.database" -}}
{{- $postgres := .Values.database.postgres -}}
{{- if eq .Values.database.type "sqlite" -}}
- {name: SIGNALBOX_DATABASE_URL, value: "sqlite:///{{ include "pipelines.databaseFolder" . }}/signalbox.db"}
{{- else -}}
- name: SIGNALBOX_DATABASE_URL
  valueFrom:
    secretKeyRef: {name: {{ $postgres.existingSecret }}, key: {{ $postgres.existingSecretKey }}}
- {name: SIGNALBOX_DATABASE_WAIT_SECONDS, value: "60"} # as SIGNALBOX_SERVER_WAIT_SECONDS
{{- end -}}
{{- end -}}

{{- define "pipelines.env.certificates" -}}
- {name: SIGNALBOX_CERTIFICATE_KEY, value: /etc/signalbox/certificate/certificate.pub}
{{- end -}}

{{- define "pipelines.env.signing" -}}
- {name: SIGNALBOX_CERTIFICATE_PRIVATE_KEY, value: /etc/signalbox/certificate/certificate.pem}
{{- end -}}

{{/* Arguments: (list VARIABLE SERVER SUFFIX), where SERVER has url and apiKey. If no Secret is named and the host is a Service in
     this namespace, the Secret is SERVICE with SUFFIX, as the chart of that Service names it, without KServe's -predictor; it may be missing. */}}
{{- define "pipelines.env.key" -}}
{{- $variable := index . 0 -}}{{- $server := index . 1 -}}
{{- $host := index (urlParse $server.url) "host" | splitList ":" | first | trimSuffix "-predictor" -}}
{{- $explicit := kindIs "string" $server.apiKey.existingSecret -}}
{{- $derived := ternary (printf "%s%s" $host (index . 2)) "" (regexMatch "^[a-z0-9][-a-z0-9]*$" $host) -}}
{{- with ternary $server.apiKey.existingSecret $derived $explicit }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: {{ $server.apiKey.existingSecretKey }}{{ if not $explicit }}, optional: true{{ end }}}
{{- end -}}
{{- end -}}
