{{/* Refuses what cannot work: each sentence names the key, its value and the hint. Called by every workload. */}}
{{- define "model-server.validate" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- range $key, $image := dict "image" .Values.image "test.image" .Values.test.image -}}
{{- if eq (default "" $image.tag) "latest" }}{{ fail (printf "%s.tag: \"latest\" names no version, so nobody could say what ran. Give a version, or leave it empty for the chart's." $key) }}{{ end -}}
{{- end -}}
{{- include "model-server.validateSource" . -}}
{{- if le (int $.Values.context) 0 }}{{ fail (printf "context: %d is no length. Give the tokens of the longest request, such as 8192." (int $.Values.context)) }}{{ end -}}
{{- include "model-server.validateParallel" . -}}
{{- include "model-server.validateScaling" . -}}
{{- include "model-server.validateNumbers" . -}}
{{- if and $.Values.apiKey.value $.Values.apiKey.existingSecret }}{{ fail "apiKey: both value and existingSecret are set, and one of them would be ignored. Remove apiKey.value." }}{{ end -}}
{{- if and (eq $engine.gpu "required") (not $pool.resource) }}{{ fail (printf "gpu.product: %s has no GPU, and %s needs one. Use engine llamacpp or ollama, or a GPU." $pool.name $engine.title) }}{{ end -}}
{{- if and (not $pool.resource) (gt (int $.Values.gpu.count) 0) }}{{ fail (printf "gpu.count: %d GPUs of product %s. Set gpu.count to 0." (int $.Values.gpu.count) $pool.name) }}{{ end -}}
{{- if and $pool.resource (eq (int $.Values.gpu.count) 0) }}{{ fail (printf "gpu.count: 0 GPUs of product %s. Set gpu.count to 1 or more, or gpu.product to CPU." $pool.name) }}{{ end -}}
{{- if and (ne $pool.arch "any") (not (has $pool.arch $engine.arch)) }}{{ fail (printf "engine: %s on %s: the nodes are %s, and the image is made for %s only. Use engine vllm." $.Values.engine $pool.name $pool.arch (join ", " $engine.arch)) }}{{ end -}}
{{- include "model-server.enforce" . -}}
{{- end }}

{{- define "model-server.validateSource" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $set := dict "pvc" $.Values.model.pvc.claimName "oci" $.Values.model.oci.reference "url" $.Values.model.url.address -}}
{{- $field := dict "pvc" "model.pvc.claimName" "oci" "model.oci.reference" "url" "model.url.address" -}}
{{- range $source, $value := $set -}}
{{- if and $value (ne $source $.Values.model.source) }}{{ fail (printf "%s: %q is set, but model.source is %q. Set model.source to %q, or remove %s." (get $field $source) $value $.Values.model.source $source (get $field $source)) }}{{ end -}}
{{- if and (not $value) (eq $source $.Values.model.source) }}{{ fail (printf "%s: is empty, and model.source %q needs it. Say where the files are." (get $field $source) $source) }}{{ end -}}
{{- end -}}
{{- if and (ne $.Values.model.source "hf") $.Values.model.token.existingSecret }}{{ fail (printf "model.token.existingSecret: %q is for a hub, but model.source is %q. Remove it, or set model.source to hf." $.Values.model.token.existingSecret $.Values.model.source) }}{{ end -}}
{{- if not (has $.Values.model.source $engine.sources) }}{{ fail (printf "model.source: %s cannot take %q. It takes %s." $engine.title $.Values.model.source (join ", " $engine.sources)) }}{{ end -}}
{{- if and $engine.ggufOnly (ne $.Values.model.source "url") (not $.Values.model.file) }}{{ fail (printf "model.file: is empty. %s opens one GGUF file: name it, such as model-q4_k_m.gguf." $engine.title) }}{{ end -}}
{{- if and $.Values.airGapped (has $.Values.model.source (list "hf" "url")) (not $.Values.cache.existingClaim) }}{{ fail (printf "model.source: %q downloads, but airGapped is true. Use %sa filled cache in cache.existingClaim." $.Values.model.source (ternary "source pvc or oci, or " "" (has "pvc" $engine.sources))) }}{{ end -}}
{{- if and $.Values.cache.existingClaim (not $.Values.cache.persistent) }}{{ fail (printf "cache.existingClaim: %q is set, but cache.persistent is false. Set cache.persistent to true, or remove the claim." $.Values.cache.existingClaim) }}{{ end -}}
{{- end }}

{{- define "model-server.validateParallel" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- $tensor := int $.Values.parallelism.tensor -}}
{{- $pipeline := int $.Values.parallelism.pipeline -}}
{{- $nodes := int $.Values.parallelism.nodes -}}
{{- if and (gt $pipeline 1) (not $engine.pipeline) }}{{ fail (printf "parallelism.pipeline: %d, but %s takes no stages here. Set it to 1 and parallelism.tensor to the GPUs, or use engine vllm." $pipeline $engine.title) }}{{ end -}}
{{- if and (gt $tensor 1) (eq $engine.split "heads") -}}
{{- $fit := include "model-server.capacity" . | fromJson -}}
{{- with $fit.model -}}
{{- if not (has (float64 $tensor) $fit.splits) }}{{ fail (printf "parallelism.tensor: %d does not divide the attention heads (%v, %v of keys and values) or the width of %s. Use %s." $tensor (index $fit.heads 0) (index $fit.heads 1) . (join ", " $fit.splits)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int $.Values.gpu.count) 0) (ne (mul $tensor $pipeline | int) (int $.Values.gpu.count)) (ne $engine.split "self") }}{{ fail (printf "gpu.count: %d GPUs, but parallelism.tensor %d × parallelism.pipeline %d uses %d. Make them equal." (int $.Values.gpu.count) $tensor $pipeline (mul $tensor $pipeline)) }}{{ end -}}
{{- if and $pool.mig (gt (int $.Values.gpu.count) 1) }}{{ fail (printf "gpu.count: %d slices of product %s, but a process sees one slice. Set gpu.count to 1, or take a larger slice or a whole GPU." (int $.Values.gpu.count) $pool.name) }}{{ end -}}
{{- if gt $nodes 1 -}}
{{- if not $engine.multiNode }}{{ fail (printf "parallelism.nodes: %d, but %s runs on one node here. Use engine vllm." $nodes $engine.title) }}{{ end -}}
{{- if mod (int $.Values.gpu.count) $nodes }}{{ fail (printf "parallelism.nodes: gpu.count %d does not divide by %d nodes. Choose a count that does." (int $.Values.gpu.count) $nodes) }}{{ end -}}
{{- if $.Values.kserve.enabled }}{{ fail "kserve.enabled: an InferenceService runs on one node here. Set parallelism.nodes to 1, or kserve.enabled to false." }}{{ end -}}
{{- end -}}
{{- end }}

{{/* What the engine would be told in vain, or not be told at all. */}}
{{- define "model-server.validateNumbers" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- $kind := ternary "gguf" $.Values.quantization (hasPrefix "gguf-" $.Values.quantization) -}}
{{- if not (has $kind $engine.quantizations) }}{{ fail (printf "quantization: %s cannot serve %q. It serves %s." $engine.title $.Values.quantization (join ", " $engine.quantizations | replace "gguf" "gguf-q4_k_m and other gguf-…")) }}{{ end -}}
{{- if and $engine.dtypes (ne $.Values.dtype "auto") (not (hasKey $engine.dtypes $.Values.dtype)) }}{{ fail (printf "dtype: %s does not compute in %q. Use auto, %s." $engine.title $.Values.dtype (keys $engine.dtypes | sortAlpha | join ", ")) }}{{ end -}}
{{- if and (not $pool.resource) (gt (mul $.Values.parallelism.tensor $.Values.parallelism.pipeline | int) 1) }}{{ fail (printf "parallelism.tensor: %d × parallelism.pipeline %d share GPUs, and product %s has none. Set both to 1." (int $.Values.parallelism.tensor) (int $.Values.parallelism.pipeline) $pool.name) }}{{ end -}}
{{- $quiet := mul $.Values.readinessProbe.periodSeconds $.Values.readinessProbe.failureThreshold -}}
{{- $dead := mul $.Values.livenessProbe.periodSeconds $.Values.livenessProbe.failureThreshold -}}
{{- if lt $dead $quiet }}{{ fail (printf "livenessProbe.failureThreshold: %d questions, one every %d s, end a server that is busy before readinessProbe takes it out of the Service (%d s). Use %d or more." (int $.Values.livenessProbe.failureThreshold) (int $.Values.livenessProbe.periodSeconds) $quiet (div (add $quiet $.Values.livenessProbe.periodSeconds -1) $.Values.livenessProbe.periodSeconds)) }}{{ end -}}
{{- range $part := list "requests" "limits" -}}
{{- if and $pool.resource (hasKey (default dict (get $.Values.resources $part)) $pool.resource) }}{{ fail (printf "resources.%s: %s is set from gpu.count. Remove it, and set gpu.count." $part $pool.resource) }}{{ end -}}
{{- end -}}
{{- end }}

{{- define "model-server.validateScaling" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $most := int (ternary $.Values.autoscaling.maxReplicas $.Values.replicas $.Values.autoscaling.enabled) -}}
{{- if $.Values.autoscaling.enabled -}}
{{- if not $.Values.autoscaling.metrics }}{{ fail "autoscaling.metrics: is empty, so nothing would ever scale. Name a recording rule, such as {rule: signalbox:requests_waiting, perServer: 4}." }}{{ end -}}
{{- if not $engine.metrics }}{{ fail (printf "autoscaling.enabled: %s has no metrics to scale on. Set replicas, or use another engine." $engine.title) }}{{ end -}}
{{- if gt (int $.Values.autoscaling.minReplicas) (int $.Values.autoscaling.maxReplicas) }}{{ fail (printf "autoscaling.minReplicas: %d is above maxReplicas %d." (int $.Values.autoscaling.minReplicas) (int $.Values.autoscaling.maxReplicas)) }}{{ end -}}
{{- if and (eq $.Values.autoscaling.kind "hpa") (eq (int $.Values.autoscaling.minReplicas) 0) }}{{ fail "autoscaling.minReplicas: 0, but a HorizontalPodAutoscaler keeps one. Use autoscaling.kind keda, or minReplicas 1." }}{{ end -}}
{{- if and $.Values.kserve.enabled (eq $.Values.autoscaling.kind "hpa") }}{{ fail "autoscaling.kind: hpa, but with kserve.enabled KServe makes the autoscaler, and its own looks at the CPU alone. Use autoscaling.kind keda." }}{{ end -}}
{{- end -}}
{{- $shared := and $.Values.cache.persistent (ne $.Values.cache.accessMode "ReadWriteMany") (eq $.Values.cache.existingClaim "") -}}
{{- if and $shared (gt $most 1) }}{{ fail (printf "cache.accessMode: %s lets one node mount the cache, but there may be %d servers. Use ReadWriteMany, or cache.persistent false." $.Values.cache.accessMode $most) }}{{ end -}}
{{- if and $shared (eq (int $.Values.update.surge) 1) }}{{ fail (printf "update.surge: 1 starts a second server while the first holds the cache (%s). Use surge 0, cache.accessMode ReadWriteMany, or cache.persistent false." $.Values.cache.accessMode) }}{{ end -}}
{{- end }}

{{/* Refusals that rest on arithmetic or on lack of proof; capacity.enforce overrules them. */}}
{{- define "model-server.enforce" -}}
{{- if eq (toString .Values.capacity.enforce) "true" -}}
{{- with include "model-server.doubts" . -}}
{{- fail (printf "%s (capacity.enforce: warn installs it all the same.)" .) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Why the set-up should not be tried; empty when nothing speaks against it. */}}
{{- define "model-server.doubts" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- $capability := float64 (default 0 $pool.capability) -}}
{{- $fit := include "model-server.capacity" . | fromJson -}}
{{- if and $capability (or (lt $capability (float64 $engine.capability.from)) (ge $capability (float64 $engine.capability.below))) -}}
engine: {{ $.Values.engine }} is unproven on {{ $pool.name }} (compute capability {{ printf "%.1f" $capability }}): the image is built from {{ printf "%.1f" (float64 $engine.capability.from) }}{{ if lt (float64 $engine.capability.below) 99.0 }} to below {{ printf "%.1f" (float64 $engine.capability.below) }}{{ end }}. Use engine {{ if ge $capability 7.5 }}vllm or llamacpp{{ else }}llamacpp{{ end }}.
{{- else if and (lt $capability 8.0) $capability (eq $.Values.dtype "bfloat16") -}}
dtype: bfloat16 needs compute capability 8.0; {{ $pool.name }} has {{ printf "%.1f" $capability }}. Use dtype float16.
{{- else if and (eq $engine.split "heads") (not (has (int $.Values.parallelism.tensor) (list 1 2 4 8 16))) (not $fit.model) -}}
parallelism.tensor: {{ $.Values.parallelism.tensor }} does not divide the attention heads of most models (32 or 64), and {{ $.Values.model.name }} is not in the capacity table. Use 1, 2, 4, 8 or 16, or name a model of the same shape in capacity.model.
{{- else if eq $fit.verdict "refused" -}}
{{ $fit.text }}
{{- else -}}
{{- include "model-server.smallCache" . -}}
{{- end -}}
{{- end }}

{{/* Why cache.size cannot hold the download; empty when it can. A claim that exists is its owner's to size. */}}
{{- define "model-server.smallCache" -}}
{{- $own := not (and .Values.cache.persistent .Values.cache.existingClaim) -}}
{{- if and .Values.cache.size $own (has .Values.model.source (list "hf" "url")) -}}
{{- $mib := include "model-server.filesMiB" . | int -}}
{{- if lt (include "model-server.quantityMiB" .Values.cache.size | int) $mib -}}
cache.size: {{ .Values.cache.size }} cannot hold the {{ div (add $mib 1023) 1024 }} GiB of {{ .Values.model.name }}: the download would fill it. Give {{ div (mul $mib 6) 5120 | add1 }}Gi or more, or a volume with the files (model.source pvc).
{{- end -}}
{{- end -}}
{{- end }}
