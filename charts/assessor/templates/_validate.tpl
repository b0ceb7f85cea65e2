{{/* Rejects values that cannot work, before any object is created. Each rule: condition, problem with key and value, hint. */}}
{{- define "assessor.validate" -}}
{{- $v := .Values -}}
{{- $sqlite := eq $v.database.type "sqlite" -}}
{{- $postgres := $v.database.postgres -}}
{{- $autoscaling := $v.autoscaling -}}
{{- $claim := $v.persistence.existingClaim -}}
{{- $kind := include "assessor.encoderKind" . -}}
{{- $service := $v.encoder.service -}}
{{- range list
  (list (not (or $v.encoder.enabled $v.decoder.enabled))
    "decoder.enabled: is false, and encoder.enabled, too."
    "Enable at least one of them.")
  (list (and $v.decoder.enabled (not $v.decoder.url))
    "decoder.url: is empty."
    "Give the base URL of an OpenAI-compatible server that ends in /v1, for example http://model-server/v1, or set decoder.enabled to false.")
  (list (and $v.encoder.enabled (not $v.encoder.install) (not $v.encoder.url))
    "encoder.url: is empty, but encoder.install is false."
    "Give the base URL of an encoder, set encoder.install to true to install one, or set encoder.enabled to false.")
  (list (and $kind (not $v.encoder.storageUri))
    "encoder.storageUri: is empty, but encoder.install is true."
    "Give the URI of the trained release, for example pvc://pipelines/releases/encoder-v1.")
  (list (and (eq $kind "deployment") $v.encoder.storageUri (not (include "assessor.encoderClaim" . | fromJson).claim))
    (printf "encoder.storageUri: %q is not pvc://CLAIM/PATH, but encoder.kserve is false." $v.encoder.storageUri)
    "Name a claim, or set encoder.kserve to true to have KServe download the release.")
  (list (and (eq $kind "kserve") (.Capabilities.APIVersions.Has "v1/Pod") (not (.Capabilities.APIVersions.Has "serving.kserve.io/v1beta1/InferenceService")))
    "encoder.kserve: true, but the cluster has no serving.kserve.io/v1beta1."
    "Install KServe 0.16 or later, or set encoder.kserve to false to install a Deployment.")
  (list (and (eq $kind "kserve") (or (omit $service "type" "appProtocol" | values | compact) (ne $service.type "ClusterIP")))
    "encoder.service: has no effect with encoder.kserve, because KServe creates the Service."
    "Remove it, or set encoder.kserve to false.")
  (list (and $service.loadBalancerSourceRanges (ne $service.type "LoadBalancer"))
    (printf "encoder.service.loadBalancerSourceRanges: is set, but encoder.service.type is %s." $service.type)
    "Set encoder.service.type to LoadBalancer, or remove the ranges.")
  (list (gt (int $v.encoder.minReplicas) (int $v.encoder.maxReplicas))
    (printf "encoder.minReplicas: %d is greater than encoder.maxReplicas, %d." (int $v.encoder.minReplicas) (int $v.encoder.maxReplicas))
    "Increase encoder.maxReplicas or reduce encoder.minReplicas.")
  (list (and $sqlite (gt (int (include "assessor.replicas" .)) 1))
    (printf "replicas: %d with database.type sqlite, which supports one pod." (int $v.replicas))
    "Set replicas to 1, or database.type to postgres.")
  (list (and $sqlite $autoscaling.enabled)
    "autoscaling.enabled: true with database.type sqlite, which supports one pod."
    "Set autoscaling.enabled to false, or database.type to postgres.")
  (list (and $sqlite (or $postgres.url $postgres.existingSecret))
    "database.type: sqlite, but database.postgres is set."
    "Set database.type to postgres, or remove database.postgres.")
  (list (and (not $sqlite) (not $postgres.url) (not $postgres.existingSecret))
    "database.postgres.existingSecret: is empty, but database.type is postgres."
    "Name the Secret that contains the URL, for example CloudNativePG's CLUSTER-app.")
  (list (and $postgres.url $postgres.existingSecret)
    (printf "database.postgres.existingSecret: %q, but database.postgres.url is set, too." $postgres.existingSecret)
    "Keep only one, preferably the Secret.")
  (list (and $v.decoder.apiKey.value $v.decoder.apiKey.existingSecret)
    (printf "decoder.apiKey.existingSecret: %q, but decoder.apiKey.value is set, too." $v.decoder.apiKey.existingSecret)
    "Keep only one, preferably the Secret.")
  (list (and $v.apiKeys.enabled (eq (toString $v.apiKeys.generate) "false") (not $v.apiKeys.existingSecret))
    "apiKeys.existingSecret: is empty, but apiKeys.generate is false."
    "Write a clients file with `signalbox keys add CLIENT`, create a Secret with it as clients.yaml, and set apiKeys.existingSecret to its name.")
  (list (and $sqlite $v.strategy (ne (toString (default dict $v.strategy).type) "Recreate"))
    "strategy: updates in a rolling way, but database.type is sqlite, which supports one pod."
    "Set strategy.type to Recreate, or database.type to postgres.")
  (list (and $v.service.loadBalancerSourceRanges (ne $v.service.type "LoadBalancer"))
    (printf "service.loadBalancerSourceRanges: is set, but service.type is %s." $v.service.type)
    "Set service.type to LoadBalancer, or remove the ranges.")
  (list (and $v.ingress.enabled (lt (trimSuffix "s" $v.ingress.timeout | int) (ceil $v.decoder.timeoutSeconds | int)))
    (printf "ingress.timeout: %s is shorter than decoder.timeoutSeconds, %v." $v.ingress.timeout $v.decoder.timeoutSeconds)
    "Increase ingress.timeout, or reduce decoder.timeoutSeconds.")
  (list (and $v.apiKeys.existingSecret (not $v.apiKeys.enabled))
    (printf "apiKeys.existingSecret: %q, but apiKeys.enabled is false." $v.apiKeys.existingSecret)
    "Set apiKeys.enabled to true, or remove apiKeys.existingSecret.")
  (list (and $v.apiKeys.existingSecret $v.apiKeys.requestsPerMinute)
    (printf "apiKeys.requestsPerMinute: %d, but apiKeys.existingSecret is %q." (int $v.apiKeys.requestsPerMinute) $v.apiKeys.existingSecret)
    "Write the limit into the clients file of that Secret.")
  (list (and $v.thresholds.existingConfigMap $v.thresholds.existingClaim)
    (printf "thresholds.existingClaim: %q, but thresholds.existingConfigMap is set, too." $v.thresholds.existingClaim)
    "Keep only one of them.")
  (list (and $claim (not $v.persistence.enabled))
    (printf "persistence.existingClaim: %q, but persistence.enabled is false." $claim)
    "Set persistence.enabled to true, or remove persistence.existingClaim.")
  (list (and $claim $v.persistence.claimName)
    (printf "persistence.claimName: %q, but persistence.existingClaim is %q." $v.persistence.claimName $claim)
    "Keep only one of them.")
  (list (and $claim $v.persistence.size)
    (printf "persistence.size: %q, but persistence.existingClaim is %q, which has its own size." $v.persistence.size $claim)
    "Keep only one of them.")
  (list (and $claim $v.persistence.storageClass)
    (printf "persistence.storageClass: %q, but persistence.existingClaim is %q, which has its own class." $v.persistence.storageClass $claim)
    "Keep only one of them.")
  (list (and $autoscaling.enabled (gt (int $autoscaling.minReplicas) (int $autoscaling.maxReplicas)))
    (printf "autoscaling.minReplicas: %d is greater than autoscaling.maxReplicas, %d." (int $autoscaling.minReplicas) (int $autoscaling.maxReplicas))
    "Increase autoscaling.maxReplicas or reduce autoscaling.minReplicas.")
  (list (and $autoscaling.enabled (not $autoscaling.targetCPUUtilizationPercentage) (not $autoscaling.metrics))
    "autoscaling.metrics: is empty, and autoscaling.targetCPUUtilizationPercentage is not set."
    "Give the autoscaler at least one metric.")
  (list (and $v.ingress.enabled (not $v.ingress.host))
    "ingress.host: is empty, but ingress.enabled is true."
    "Give the host name of the assessor.")
  (list (and $v.httpRoute.enabled (not $v.httpRoute.parentRefs))
    "httpRoute.parentRefs: is empty, but httpRoute.enabled is true."
    "Name the Gateway that the HTTPRoute attaches to.")
  (list (eq $v.image.tag "latest")
    "image.tag: \"latest\" does not identify a version."
    "Give a version, or leave it empty for the chart's appVersion.")
  (list (eq $v.encoder.image.tag "latest")
    "encoder.image.tag: \"latest\" does not identify a version."
    "Give a version, or leave it empty for the chart's appVersion.")
-}}
{{- if first . }}{{ fail (printf "%s %s" (index . 1) (index . 2)) }}{{ end -}}
{{- end -}}
{{- end -}}
