{{/* Rejects values that cannot work, and with capacity.enforce true also those that are not expected to. See files/checks.yaml. */}}
{{- define "model-server.validate" -}}
{{- $fit := include "model-server.capacity" . | fromJson -}}
{{- with include "model-server.check" (list . "reject" $fit) }}{{ include "model-server.fail" (list $ (fromJson .).text) }}{{ end -}}
{{- if eq (toString .Values.capacity.enforce) "true" -}}
{{- with include "model-server.check" (list . "doubt" $fit) -}}
{{- include "model-server.fail" (list $ (printf "%s (To install it anyway, set capacity.enforce to warn.)" (fromJson .).text)) -}}
{{- end -}}
{{- end -}}
{{- with include "model-server.check" (list . "required" $fit) }}{{ include "model-server.fail" (list $ (fromJson .).text) }}{{ end -}}
{{- end -}}

{{/* Arguments: (list ROOT MESSAGE). Fails; a chart with several servers names the server in the value `entry`. */}}
{{- define "model-server.fail" -}}
{{- fail (print (get (index . 0).Values "entry") (index . 1)) -}}
{{- end -}}

{{/* Arguments: (list ROOT LIST FIT), where FIT is the result of the fit check. The first check of the list that holds, as JSON with verdict and text; empty if none does. */}}
{{- define "model-server.check" -}}
{{- $root := index . 0 -}}{{- $values := $root.Values -}}
{{- $engine := include "model-server.engine" $root | fromJson -}}
{{- $pool := include "model-server.pool" $root | fromJson -}}
{{- $fit := index . 2 -}}
{{- range $name, $value := $fit }}{{ if kindIs "float64" $value }}{{ $_ := set $fit $name (int $value) }}{{ end }}{{ end -}}
{{- $slots := ternary (int $values.concurrency) 1 (default false $engine.slots) -}}
{{- $oneMount := and $values.persistence.enabled (not (has "ReadWriteMany" $values.persistence.accessModes)) (not $values.persistence.existingClaim) -}}
{{- /* A smaller share takes its part from the KV cache. */ -}}
{{- $share := default $engine.memoryShare $values.memoryShare | float64 -}}
{{- $tokens := subf $fit.tokens (divf (mulf (subf $engine.memoryShare $share) $fit.totalMiB 1048576) (max 1 $fit.tokenBytes)) | int -}}
{{- $uses := list -}}
{{- range concat $engine.flags $engine.env }}{{ $uses = append $uses (default "" .value) }}{{ end -}}
{{- $context := dict "Values" $values "Template" $root.Template "engine" $engine "pool" $pool "fit" $fit "oneMount" $oneMount "uses" $uses
  "gpus" (int $values.gpu.count) "tensor" (int $values.parallelism.tensor) "pipeline" (int $values.parallelism.pipeline)
  "data" (int $values.parallelism.data) "layers" (toString $values.offload.gpuLayers) "offloadGiB" (float64 $values.offload.weightsGiB)
  "slots" (int $values.lora.maxAdapters | default (len (default list $values.lora.adapters)))
  "nodes" (int $values.parallelism.nodes) "context" (int $values.context) "concurrency" (int $values.concurrency)
  "slotTokens" (ternary (mul $values.context $slots) 0 (gt $slots 1) | int)
  "maxReplicas" (int (ternary $values.autoscaling.maxReplicas $values.replicas $values.autoscaling.enabled))
  "filesMiB" $fit.filesMiB "namedType" (include "model-server.namedType" $root) "shareMiB" (mulf $share $fit.totalMiB | int) "shareTokens" $tokens
  "weightsOfGpu" (div $fit.weightsMiB (max 1 $values.gpu.count) | int)
  "downloads" (has $values.model.source (list "hf" "url" "s3")) "claim" (include "model-server.currentClaim" $root | fromJson)
  "oneClaim" (and $values.persistence.enabled (not $values.persistence.existingClaim))
  "hostMiB" (add $fit.weightsMiB (div (mul (default 0 $fit.slotBytes) (int $values.context) $slots) 1048576) | int)
  "hubRepositories" (include "model-server.hubRepositories" $root | fromJsonArray)
  "readinessSeconds" (mul $values.probes.readiness.periodSeconds $values.probes.readiness.failureThreshold)
  "livenessSeconds" (mul $values.probes.liveness.periodSeconds $values.probes.liveness.failureThreshold)
  "subject" (printf "%s in %s on %d× %s with %s" $fit.model $fit.quantization (int $values.parallelism.tensor) $pool.name $engine.title) -}}
{{- /* One template for the whole list: {{ if … }}MESSAGE{{ else if … }}MESSAGE…{{ end }}. */ -}}
{{- $chain := "{{ if false }}" -}}
{{- range get ($root.Files.Get "files/checks.yaml" | fromYaml) (index . 1) -}}
{{- $message := printf "%s|%s%s %s" (default "rejected" .verdict) (ternary "" (printf "%s: " .key) (empty .key)) .problem (default "" .hint) -}}
{{- $chain = printf "%s{{ else if %s }}%s" $chain .when $message -}}
{{- end -}}
{{- with tpl (printf "%s{{ end }}" $chain) $context -}}
{{- $parts := splitn "|" 2 . -}}
{{- dict "verdict" $parts._0 "text" (trim $parts._1) | toJson -}}
{{- end -}}
{{- end -}}
