{{/*
The engine's entry in files/engines.yaml, or that of files/engine-defaults.yaml, overridden by .Values.engines, as JSON. Adds table, its
name in the capacity table. Maps and lists of named items merge; all other values replace.
*/}}
{{- define "model-server.engine" -}}
{{- include "model-server.once" (list . "model-server.engineEntry") -}}
{{- end -}}

{{- define "model-server.engineEntry" -}}
{{- $table := .Files.Get "files/engines.yaml" | fromYaml -}}
{{- $name := .Values.engine -}}
{{- $own := get (default dict .Values.engines) $name | default dict -}}
{{- if not (or $own (hasKey $table $name)) -}}
{{- $known := concat (keys $table) (keys (default dict .Values.engines)) | uniq | sortAlpha | join ", " -}}
{{- include "model-server.fail" (list . (printf "engine: unknown engine %q. Use one of %s. Other engines can be added in engines." $name $known)) -}}
{{- end -}}
{{- $like := default $name $own.like -}}
{{- if and $own.like (not (hasKey $table $like)) -}}
{{- include "model-server.fail" (list . (printf "engines.%s.like: unknown engine %q. Use one of %s, or remove it."
  $name $like (keys $table | sortAlpha | join ", "))) -}}
{{- end -}}
{{- $base := get $table $like | default (.Files.Get "files/engine-defaults.yaml" | fromYaml) -}}
{{- $entry := (include "common.merge" (list "engines" "" (merge (dict "table" $like) $base) (omit $own "like")) | fromJson).result -}}
{{- if not (and $entry.image.repository (or $entry.image.tag $entry.imageTags)) -}}
{{- include "model-server.fail" (list . (printf
  "engines.%s.image: repository and tag are required for an engine of your own. Set them, or set engines.%s.like to one of %s."
  $name $name (keys $table | sortAlpha | join ", "))) -}}
{{- end -}}
{{- merge $entry (dict "title" $name) | toJson -}}
{{- end -}}

{{- define "model-server.servedName" -}}
{{- default (.Values.model.name | splitList "/" | last | lower) .Values.model.servedName -}}
{{- end -}}

{{/* Image of the engine: values take precedence over the table. On CPU it may have another tag; each NIM has its own repository. */}}
{{- define "model-server.image" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- $image := $engine.image -}}
{{- with get (default dict $engine.imageTags) .Values.model.name }}{{ $_ := set $image "tag" . }}{{ end -}}
{{- if and (not $pool.resource) $engine.cpuTag }}{{ $_ := set $image "tag" $engine.cpuTag }}{{ end -}}
{{- if $engine.imageOfModel }}{{ $_ := set $image "repository" (printf "%s/%s" $image.repository .Values.model.name) }}{{ end -}}
{{- range $field := list "registry" "repository" "tag" "digest" -}}
{{- with get $.Values.image $field }}{{ $_ := set $image $field . }}{{ end -}}
{{- end -}}
{{- include "common.image" (list . $image) -}}
{{- end -}}

{{/* Repositories of the hub besides the model's, as a JSON list: of adapters, and of the draft model if that is no path. */}}
{{- define "model-server.hubRepositories" -}}
{{- $draft := default "" .Values.speculative.model -}}
{{- $repositories := list (ternary "" $draft (regexMatch "^[./]" $draft)) -}}
{{- range .Values.lora.adapters }}{{ $repositories = append $repositories .repository }}{{ end -}}
{{- compact $repositories | toJson -}}
{{- end -}}

{{/* Facts that flags and environment variables in files/engines.yaml refer to, as JSON. A flag whose fact is empty is omitted. */}}
{{- define "model-server.facts" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- $model := .Values.model -}}
{{- $parallel := .Values.parallelism -}}
{{- $onHub := eq $model.source "hf" -}}
{{- $host := .Values.listenAddress | default $engine.listenAddress | default "0.0.0.0" -}}
{{- $folder := get (dict "pvc" $model.pvc.path "oci" $model.oci.path) $model.source | default "" | trimAll "/" -}}
{{- $root := ternary "/cache/s3" "/model" (eq $model.source "s3") -}}
{{- $path := printf "%s/%s" $root $folder | trimSuffix "/" -}}
{{- $halfOnly := and $pool.capability (lt (float64 $pool.capability) 8.0) -}}
{{- $auto := ternary "float16" "auto" (or (eq .Values.quantization "fp16") (not (empty $halfOnly))) -}}
{{- $dtype := get $engine.dtypes (ternary $auto .Values.dtype (eq .Values.dtype "auto")) | default "" -}}
{{- $adapters := list -}}
{{- range default list .Values.lora.adapters -}}
{{- $adapters = append $adapters (printf "%s=%s" .name (.repository | default (printf "%s/%s" $root .path))) -}}
{{- end -}}
{{- $models := concat (list $model.name) (default list .Values.ollama.models) (keys (default dict .Values.ollama.modelfiles) | sortAlpha) | uniq -}}
{{- $precision := get (default dict $engine.precisions) .Values.quantization -}}
{{- $quantize := ternary "" (get $engine.quantize .Values.quantization | default "") $model.quantized -}}
{{- $keyType := splitList "/" .Values.kvCacheDtype | first -}}{{- $valueType := splitList "/" .Values.kvCacheDtype | last -}}
{{- $batch := int .Values.batchedTokens -}}{{- $pixels := int .Values.multimodal.maxPixels -}}
{{- $images := toString .Values.multimodal.images -}}
{{- $slots := int .Values.lora.maxAdapters | default (len $adapters) -}}
{{- $proposal := dict "method" .Values.speculative.method "num_speculative_tokens" (int .Values.speculative.tokens) -}}
{{- with .Values.speculative.model }}{{ $_ := set $proposal "model" . }}{{ end -}}
{{- $layers := toString .Values.offload.gpuLayers -}}
{{- dict
  "model" (ternary $model.name $path $onHub)
  "modelFile" (ternary "" (printf "%s/%s" $path $model.file) (or $onHub (eq $model.source "url")))
  "key" (ternary (printf "$(%s)" $engine.keyVariable) "" (and .Values.apiKey.enabled (ne $engine.keyVariable "")))
  "hubName" (ternary $model.name "" $onHub)
  "hubFile" (ternary $model.file "" $onHub)
  "url" (ternary $model.url.address "" (eq $model.source "url"))
  "servedName" (include "model-server.servedName" .)
  "revision" (ternary $model.revision "" $onHub)
  "host" $host
  "address" (printf (ternary "[%s]:%d" "%s:%d" (contains ":" $host)) $host (int $engine.port))
  "port" (toString $engine.port)
  "dtype" $dtype
  "dtypeUnlessQuantized" (ternary $dtype "" (and (eq $quantize "") (not $model.quantized)))
  "quantize" $quantize
  "context" (toString (int .Values.context))
  "contextLessOne" (toString (sub (int .Values.context) 1))
  "contextOfAll" (toString (mul (div (add (int .Values.context) 255) 256) 256 (ternary 1 (int .Values.concurrency) .Values.sharedCache)))
  "concurrency" (toString (int .Values.concurrency))
  "queue" (toString (max 128 (mul 4 (int .Values.concurrency))))
  "memoryShare" (toString (default $engine.memoryShare .Values.memoryShare))
  "tensor" (ternary (toString (int $parallel.tensor)) "" (gt (int $parallel.tensor) 1))
  "pipeline" (ternary (toString (int $parallel.pipeline)) "" (gt (int $parallel.pipeline) 1))
  "gpuLayers" (ternary (ternary "999" $layers (eq $layers "auto")) "0" (ne $pool.resource ""))
  "drainSeconds" (toString (int .Values.shutdown.drainSeconds))
  "offline" (ternary "true" "" .Values.airGapped)
  "hasAdapters" (ternary "true" "" (gt $slots 0))
  "adapters" $adapters
  "adaptersJoined" (join "," $adapters)
  "adapterCount" (ternary (toString $slots) "" (gt $slots 0))
  "adapterCountAndBase" (ternary (add1 $slots | toString) "" (gt $slots 0))
  "adapterRank" (ternary (toString (int .Values.lora.maxRank)) "" (gt $slots 0))
  "speculative" (ternary "" (toJson $proposal) (empty .Values.speculative.method))
  "runner" (ternary "" .Values.runner (eq .Values.runner "auto"))
  "offloadGiB" (ternary (printf "%v" .Values.offload.weightsGiB) "" (gt (float64 .Values.offload.weightsGiB) 0.0))
  "dataParallel" (ternary (toString (int $parallel.data)) "" (gt (int $parallel.data) 1))
  "expertParallel" (ternary "true" "" $parallel.experts)
  "chatTemplate" (ternary "" "/etc/signalbox/files/chat-template.jinja" (empty (or .Values.chatTemplate.text .Values.chatTemplate.existingConfigMap)))
  "pulls" (ternary "" (join " " $models) .Values.airGapped)
  "modelCount" (ternary (len $models | toString) "" (gt (len $models) 1))
  "kvDtype" (ternary "" .Values.kvCacheDtype (eq .Values.kvCacheDtype "auto"))
  "keyType" (ternary "" $keyType (has $keyType (list "auto" "f16")))
  "valueType" (ternary "" $valueType (has $valueType (list "auto" "f16")))
  "flashAttention" (ternary "" "on" (has $valueType (list "auto" "f16")))
  "batchedTokens" (ternary (toString $batch) "" (gt $batch 0))
  "logicalBatch" (ternary (toString (max 2048 $batch)) "" (gt $batch 0))
  "eager" (ternary "true" "" .Values.eager)
  "graphsOff" (ternary "disabled" "" .Values.eager)
  "noGraphs" (ternary "0" "" .Values.eager)
  "sharedCache" (ternary "true" "" .Values.sharedCache)
  "attentionBackend" .Values.attentionBackend
  "imageLimit" (ternary "" (printf "{\"image\":%v,\"video\":0}" $images) (eq $images "auto"))
  "imageOptions" (ternary (printf "{\"max_pixels\":%d}" $pixels) "" (gt $pixels 0))
  "profile" $model.profile
  "profileTags" (ternary (printf "precision=%s,tp=%d" $precision (int $parallel.tensor)) "" (and (empty $model.profile) (ne $precision "")))
  "always" "true" | toJson -}}
{{- end -}}

{{/* Arguments: (list ROOT MORE). Command-line arguments of the server as a YAML list; MORE comes before extraArgs. */}}
{{- define "model-server.args" -}}
{{- $engine := include "model-server.engine" (index . 0) | fromJson -}}
{{- $facts := include "model-server.facts" (index . 0) | fromJson -}}
{{- $words := list -}}
{{- with $engine.positional }}{{ $words = append $words (get $facts .) }}{{ end -}}
{{- range $flag := $engine.flags -}}
{{- $value := get $facts .value -}}
{{- if kindIs "slice" $value -}}
{{- with $value }}{{ $words = concat $words (list $flag.flag) . }}{{ end -}}
{{- else if eq $value "true" -}}
{{- $words = append $words $flag.flag -}}
{{- else if $value -}}
{{- $words = concat $words (list $flag.flag $value) -}}
{{- end -}}
{{- end -}}
{{- with concat $words (index . 1) (default list (index . 0).Values.extraArgs) }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* Environment variables that files/engines.yaml lists for the engine. */}}
{{- define "model-server.env" -}}
{{- $facts := include "model-server.facts" . | fromJson -}}
{{- range $variable := (include "model-server.engine" . | fromJson).env }}
{{- with hasKey $variable "text" | ternary $variable.text (get $facts (default "" $variable.value)) }}
- {name: {{ $variable.name }}, value: {{ . | quote }}}
{{- end }}
{{- end }}
{{- end -}}
