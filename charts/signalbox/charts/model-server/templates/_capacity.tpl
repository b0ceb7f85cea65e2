{{/* The fit check, computed once per render. */}}
{{- define "model-server.capacity" -}}
{{- include "model-server.once" (list . "model-server.fit") -}}
{{- end -}}

{{/*
The entry of the configuration in files/capacity.json, as JSON, with verdict (fits, rejected, unknown) and text of the fit check.
The generator of that file describes its format.
model: name in the table, empty if it is not there. sized: its name among those whose size is known. models: those of the size that
capacity.model names, or all. heads, splits, maximum: of that model. weightsMiB: of one replica, at least; 0 if unknown.
filesMiB: of the model's files, 0 if unknown. tokenBytes, slotBytes: of a token in the KV cache, of one GPU and of a GGUF server.
cell: empty if the table does not cover the configuration. general: the reason holds for any model. context: longest that fits, 0 for none. tokens: size of the KV cache.
reason: why the GPU cannot run the quantization. option: nearest configuration that fits (quantization, product, count).
*/}}
{{- define "model-server.fit" -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $table := .Files.Get "files/capacity.json" | fromJson -}}
{{- $model := include "model-server.knownModel" (list . $table.models) -}}
{{- $known := get $table.models $model | default dict -}}
{{- $rows := dig $engine.table $model dict $table.cells -}}
{{- $anyModel := get $table.any_model $engine.table | default dict -}}
{{- $tensor := toString (int .Values.parallelism.tensor) -}}
{{- /* 16-bit weights: dtype decides if both types are in the table; bf16 is used if fp16 is not. */ -}}
{{- $quantization := .Values.quantization -}}
{{- $types := ternary $rows $anyModel (hasKey $rows "bf16") -}}
{{- if and (eq .Values.dtype "bfloat16") (eq $quantization "fp16") }}{{ $quantization = "bf16" }}{{ end -}}
{{- if and (eq .Values.dtype "float16") (eq $quantization "bf16") (hasKey $types "fp16") }}{{ $quantization = "fp16" }}{{ end -}}
{{- if and (eq $quantization "fp16") (not (hasKey $types "fp16")) }}{{ $quantization = "bf16" }}{{ end -}}
{{- $row := dig $quantization $tensor "" $rows -}}
{{- /* What a GPU cannot compute does not depend on the model. */ -}}
{{- $general := or (eq $row "") (not $pool.capacity) -}}
{{- if $general }}{{ $row = get $anyModel $quantization }}{{ end -}}
{{- $cell := "" -}}{{- $totalMiB := int (default 0 $pool.memoryMiB) -}}
{{- range $index, $name := $table.gpus -}}
{{- if eq $name (default (default "" $pool.like) $pool.capacity) -}}
{{- $cells := splitList " " $row -}}
{{- $cell = index $cells (min $index (sub (len $cells) 1) | int) -}}
{{- if $pool.capacity }}{{ $totalMiB = index $table.total_mib $index }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $head := splitList ":" $cell | first -}}{{- $tail := splitList ":" $cell | last -}}
{{- $reason := "" -}}{{- $option := dict -}}{{- $context := 0 -}}
{{- if hasPrefix "r" $head -}}
{{- $words := printf "\\b%s\\b" (regexQuoteMeta (default $pool.like $pool.capacity)) -}}
{{- $reason = regexReplaceAll (printf "(?i)%s" $words) (index $table.reasons (trimPrefix "r" $head | int)) $pool.name -}}
{{- else if and $head (ne $head "-") -}}
{{- $context = ternary (default 0 $known.max) $head (eq $head "m") -}}
{{- end -}}
{{- if and $cell (ne $tail "-") (or $reason (eq $head "0")) -}}
{{- $words := index $table.options (int $tail) | splitList " " -}}
{{- $product := regexReplaceAll "MIG-([0-9])G[.]([0-9]+)GB" (index $words 2 | upper) "MIG-${1}g.${2}gb" -}}
{{- $option = dict "quantization" (index $words 0) "count" (index $words 1) "product" $product -}}
{{- end -}}
{{- if $general }}{{ $cell = "" }}{{ end -}}
{{- $sized := default (include "model-server.knownModel" (list . $table.files)) $model -}}
{{- $sizes := dict -}}
{{- with get $table.files $sized }}{{ range $index, $size := splitList " " .sizes }}{{ $_ := set $sizes (index $table.file_types $index) $size }}{{ end }}{{ end -}}
{{- $files := include "model-server.files" (list . $sizes) | int -}}
{{- /* Some repositories have the weights twice, and the engine downloads both copies. */ -}}
{{- $copies := 1 -}}
{{- if and (eq .Values.model.source "hf") (not .Values.model.sizeGiB) -}}
{{- range $engine.copies }}{{ if hasPrefix . $.Values.model.name }}{{ $copies = 2 }}{{ end }}{{ end -}}
{{- end -}}
{{- $terms := dig $engine.table $model $quantization $tensor "0 0 0" $table.terms | splitList " " -}}
{{- $weights := mul (index $terms 0 | int) (int $tensor) -}}
{{- /* Without a row: the files, in fewer bits if the engine quantizes them while loading. It is a lower bound. */ -}}
{{- if and (not $weights) $files -}}
{{- $bits := ternary (get $table.bits $quantization | default 16.0) 16.0 (and (has $quantization $engine.onLoad) (not .Values.model.quantized)) -}}
{{- $weights = divf (mulf $files $bits) 16 | int -}}
{{- end -}}
{{- $slotBytes := dig "llamacpp" $model $quantization "1" "0 0 0" $table.terms | splitList " " | last | int -}}
{{- $similar := list -}}
{{- $billions := regexFind "[0-9.]+b\\b" (default "" .Values.capacity.model | lower) | default "b" -}}
{{- range $name, $ := $table.models }}{{ if hasSuffix (printf "-%s" $billions) (include "model-server.plainModel" $name) }}{{ $similar = append $similar $name }}{{ end }}{{ end -}}
{{- $covered := and (ne $model "") (eq (int .Values.parallelism.pipeline) 1) (gt (int $context) 0) -}}
{{- $entry := dict "model" $model "heads" $known.heads "splits" $known.splits "maximum" (int $known.max) "quantization" $quantization "cell" $cell
  "context" (int $context) "tokens" (ternary (mul (int $tail) 1000) 0 $covered) "reason" $reason "general" $general "option" $option
  "weightsMiB" $weights "totalMiB" (int $totalMiB) "maxConcurrency" (int $table.concurrency) "filesMiB" (mul $copies $files | int)
  "planned" (include "model-server.planned" . | int)
  "tokenBytes" (index $terms 2 | int) "slotBytes" $slotBytes "sized" $sized "models" (default (keys $table.models | sortAlpha) $similar) -}}
{{- merge (include "model-server.check" (list . "fit" $entry) | fromJson) $entry | toJson -}}
{{- end -}}

{{/* Tokens that `signalbox plan` computed, if they hold for these values; 0 if not. planner/helm_values.py writes the same texts. */}}
{{- define "model-server.planned" -}}
{{- $values := .Values -}}
{{- $slots := int $values.lora.maxAdapters | default (len (default list $values.lora.adapters)) -}}
{{- $now := list
  (printf "engine=%s" $values.engine) (printf "image=%s" $values.image.tag) (printf "model=%s" $values.model.name)
  (printf "gpu=%s" (include "model-server.pool" . | fromJson).name) (printf "count=%d" (int $values.gpu.count))
  (printf "quantization=%s" $values.quantization) (printf "dtype=%s" $values.dtype) (printf "context=%d" (int $values.context))
  (printf "concurrency=%d" (int $values.concurrency)) (printf "memoryShare=%v" $values.memoryShare)
  (printf "tensor=%d" (int $values.parallelism.tensor)) (printf "pipeline=%d" (int $values.parallelism.pipeline))
  (printf "kvCacheDtype=%s" $values.kvCacheDtype) (printf "batchedTokens=%d" (int $values.batchedTokens))
  (printf "eager=%t" $values.eager) (printf "sharedCache=%t" $values.sharedCache)
  (printf "images=%v" $values.multimodal.images) (printf "maxPixels=%d" (int $values.multimodal.maxPixels))
  (printf "adapters=%d" $slots) (printf "adapterRank=%d" (ternary (int $values.lora.maxRank) 0 (gt $slots 0)))
  (printf "speculative=%s:%s:%d" (default "" $values.speculative.method) (default "" $values.speculative.model) (int $values.speculative.tokens))
  (printf "runner=%s" $values.runner) (printf "offload=%v" $values.offload.weightsGiB) (printf "gpuLayers=%v" $values.offload.gpuLayers)
  (printf "data=%d" (int $values.parallelism.data)) (printf "experts=%t" $values.parallelism.experts) -}}
{{- $same := eq (toJson $now) (toJson $values.capacity.plan.settings) -}}
{{- ternary (int $values.capacity.plan.tokens) 0 (and $same (not $values.extraArgs)) -}}
{{- end -}}

{{/* Arguments: (list ROOT MODELS). Name of the model in the table; empty if it is not there. */}}
{{- define "model-server.knownModel" -}}
{{- $values := (index . 0).Values -}}
{{- $plain := include "model-server.plainModel" (default $values.model.name $values.capacity.model) -}}
{{- range $name, $entry := index . 1 -}}
{{- range prepend $entry.aliases $name -}}
{{- if eq (include "model-server.plainModel" .) $plain }}{{ $name }}{{ break }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A model name without publisher, tuning and format. Applied twice, because matches share their separators. */}}
{{- define "model-server.plainModel" -}}
{{- $formats := "awq|gptq|gguf|bnb|bits|int4|int8|4bit|8bit|fp8|fp16|bf16|dynamic|quantized|w4a16|w8a8|w8a16|i?q[1-8](_[a-z0-9]+)*" -}}
{{- $suffix := printf "[-_.](instruct|it|chat|hf|base|%s|128k|4k)\\b" $formats -}}
{{- $name := splitList "/" . | last | lower | trimPrefix "meta-" | replace ":" "-" -}}
{{- regexReplaceAll $suffix (regexReplaceAll $suffix $name "") "" -}}
{{- end -}}

{{/* The GGUF type that the name of the file or the tag has, such as gguf-q8_0; empty if it has none. */}}
{{- define "model-server.namedType" -}}
{{- $model := .Values.model -}}
{{- $name := get (dict "url" $model.url.address) $model.source | default $model.file | default $model.name | splitList "/" | last | lower -}}
{{- $type := regexFind "(iq[1-4]_[a-z]+|q[2-8]_(k_[sml]|k|0|1)|bf16|fp16|f16|mxfp4)([^a-z0-9]|$)" $name -}}
{{- with regexReplaceAll "[^a-z0-9_]" $type "" | trimSuffix "gguf" }}{{ printf "gguf-%s" (replace "fp16" "f16" .) }}{{ end -}}
{{- end -}}

{{/*
Arguments: (list ROOT SIZES), where SIZES are those of the model in the capacity table, in MiB by quantization. Size of the model's files in MiB:
model.sizeGiB or, from the table, what the engine downloads; 0 if it is unknown. It does not depend on the GPUs.
*/}}
{{- define "model-server.files" -}}
{{- $values := (index . 0).Values -}}{{- $sizes := index . 1 -}}
{{- $engine := include "model-server.engine" (index . 0) | fromJson -}}
{{- $quantization := $values.quantization -}}
{{- $name := "checkpoint" -}}
{{- if eq $engine.files "gguf" -}}
{{- $name = include "model-server.namedType" (index . 0) | replace "bf16" "f16" -}}
{{- if not (hasKey $sizes $name) }}{{ $name = printf "gguf-%s" (trimPrefix "gguf-" $quantization | replace "fp16" "f16" | replace "bf16" "f16") }}{{ end -}}
{{- else if and $values.model.quantized (eq $engine.files "checkpoint") (not (has $quantization (list "bf16" "fp16" "fp32"))) -}}
{{- /* The FP8 types have the same size, and so have the other types of 8 bits. */ -}}
{{- $name = get (dict "fp8-block" "fp8" "fp8-marlin" "fp8" "int8" "w8a8-int8" "eetq" "w8a8-int8") $quantization | default $quantization -}}
{{- else if has $quantization (list "bf16" "fp16" "fp32") -}}
{{- $name = ternary "bf16" "checkpoint" (gt (get $sizes "bf16" | int) (get $sizes "checkpoint" | int)) -}}
{{- end -}}
{{- mulf (default 0 $values.model.sizeGiB) 1024 | int | default (get $sizes $name | int) -}}
{{- end -}}

{{/* Size of the model's files in MiB, 0 if it is unknown. */}}
{{- define "model-server.filesMiB" -}}
{{- (include "model-server.capacity" . | fromJson).filesMiB -}}
{{- end -}}

{{/* Size of the cache: the files and 20 % more, at least 50Gi. A claim that exists is never made smaller. */}}
{{- define "model-server.cacheSize" -}}
{{- $size := .Values.persistence.size | default (printf "%dGi" (max 50 (div (mul (include "model-server.filesMiB" . | int) 6) 5120 | add1))) -}}
{{- $current := dig "spec" "resources" "requests" "storage" "" (include "model-server.currentClaim" . | fromJson) -}}
{{- if gt (include "common.quantityMiB" (default "0" $current) | int) (include "common.quantityMiB" $size | int) -}}
{{- $size = $current -}}
{{- end -}}
{{- $size -}}
{{- end -}}

{{/* Seconds until the server must be ready. */}}
{{- define "model-server.startupSeconds" -}}
{{- with int .Values.probes.startup.budgetSeconds }}{{ . }}{{ else }}{{ include "model-server.expectedStartup" . }}{{ end -}}
{{- end -}}

{{/* Seconds that engine and model are expected to need. */}}
{{- define "model-server.expectedStartup" -}}
{{- $startup := .Values.probes.startup -}}
{{- $perGiB := ternary $startup.secondsPerGiBDownloaded $startup.secondsPerGiBRead (has .Values.model.source (list "hf" "url" "s3")) -}}
{{- add (include "model-server.engine" . | fromJson).startup (div (add (mul (include "model-server.filesMiB" . | int) (int $perGiB)) 1023) 1024) -}}
{{- end -}}
