{{/* What cannot work is refused here, before anything is made: key, value, hint. */}}
{{- define "assessor.refuse" -}}
{{- $v := .Values -}}
{{- $sqlite := eq $v.database.type "sqlite" -}}
{{- if not $v.decoder.url -}}
{{- fail "decoder.url: is empty. Give the base URL of an OpenAI-compatible server that ends in /v1, for example http://model-server/v1." -}}
{{- end -}}
{{- if not (or $v.encoder.install $v.encoder.url) -}}
{{- fail "encoder.url: is empty. Give the base URL of an encoder, or set encoder.install to true to install one on KServe." -}}
{{- end -}}
{{- if and $v.encoder.install (not $v.encoder.storageUri) -}}
{{- fail "encoder.storageUri: is empty, while encoder.install is true. Say where the trained release lies, for example pvc://pipelines/releases/encoder-v1." -}}
{{- end -}}
{{- if gt (int $v.encoder.minReplicas) (int $v.encoder.maxReplicas) -}}
{{- fail (printf "encoder.minReplicas: %d is more than encoder.maxReplicas, %d. Raise the one or lower the other." (int $v.encoder.minReplicas) (int $v.encoder.maxReplicas)) -}}
{{- end -}}
{{- if and $sqlite (gt (int (include "assessor.replicas" .)) 1) -}}
{{- fail (printf "replicas: %d with database.type sqlite. SQLite is one file with one writer: set replicas to 1, or database.type to postgres." (int $v.replicas)) -}}
{{- end -}}
{{- if and $sqlite $v.autoscaling.enabled -}}
{{- fail "autoscaling.enabled: true with database.type sqlite. SQLite allows one pod: set it to false, or database.type to postgres." -}}
{{- end -}}
{{- if and $sqlite (or $v.database.postgres.url $v.database.postgres.existingSecret) -}}
{{- fail "database.type: sqlite, while database.postgres is filled in. Set database.type to postgres, or empty database.postgres." -}}
{{- end -}}
{{- if and (not $sqlite) (not $v.database.postgres.url) (not $v.database.postgres.existingSecret) -}}
{{- fail "database.postgres.existingSecret: is empty with database.type postgres. Name the Secret that holds the URL, for example CloudNativePG's CLUSTER-app." -}}
{{- end -}}
{{- if and $v.database.postgres.url $v.database.postgres.existingSecret -}}
{{- fail (printf "database.postgres.existingSecret: %q, while database.postgres.url is given too. Keep one; the Secret is the safer one." $v.database.postgres.existingSecret) -}}
{{- end -}}
{{- if and $v.decoder.apiKey.value $v.decoder.apiKey.existingSecret -}}
{{- fail (printf "decoder.apiKey.existingSecret: %q, while decoder.apiKey.value is given too. Keep one; the Secret is the safer one." $v.decoder.apiKey.existingSecret) -}}
{{- end -}}
{{- if and $v.apiKeys.existingSecret (not $v.apiKeys.enabled) -}}
{{- fail (printf "apiKeys.existingSecret: %q, while apiKeys.enabled is false. Set apiKeys.enabled to true, or empty apiKeys.existingSecret." $v.apiKeys.existingSecret) -}}
{{- end -}}
{{- if and $v.apiKeys.existingSecret $v.apiKeys.requestsPerMinute -}}
{{- fail (printf "apiKeys.requestsPerMinute: %d, while apiKeys.existingSecret is %q. Write the limit into the clients file of that Secret." (int $v.apiKeys.requestsPerMinute) $v.apiKeys.existingSecret) -}}
{{- end -}}
{{- if and $v.thresholds.existingConfigMap $v.thresholds.existingClaim -}}
{{- fail (printf "thresholds.existingClaim: %q, while thresholds.existingConfigMap is %q. Thresholds come from one place: empty one of the two." $v.thresholds.existingClaim $v.thresholds.existingConfigMap) -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) -}}
{{- fail (printf "autoscaling.minReplicas: %d is more than autoscaling.maxReplicas, %d. Raise the one or lower the other." (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (not $v.autoscaling.targetCPUUtilizationPercentage) (not $v.autoscaling.metrics) -}}
{{- fail "autoscaling.metrics: is empty, and autoscaling.targetCPUUtilizationPercentage too. Give the autoscaler at least one metric." -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.host) -}}
{{- fail "ingress.host: is empty, while ingress.enabled is true. Give the host name under which the assessor is reached." -}}
{{- end -}}
{{- if and $v.httpRoute.enabled (not $v.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs: is empty, while httpRoute.enabled is true. Name the gateway that the route joins." -}}
{{- end -}}
{{- range $key, $image := dict "image" $v.image "encoder.image" $v.encoder.image -}}
{{- if eq $image.tag "latest" -}}
{{- fail (printf "%s.tag: \"latest\" names no release. Give a version, or leave it empty for the chart's." $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
