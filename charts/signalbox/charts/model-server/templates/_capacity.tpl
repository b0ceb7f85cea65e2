{{/* The fit check, computed once per render. */}}
{{- define "model-server.capacity" -}}
{{- include "model-server.once" (list . "model-server.fit") -}}
{{- end -}}

{{/*
The entry of the configuration in files/capacity.json, as JSON, with verdict (fits, rejected, unknown) and text of the fit check.
The generator of that file describes its format.
model: name in the table, empty if it is not there. heads, splits, maximum: of that model. weightsMiB: of one replica, 0 if unknown.
cell: empty if the table does not cover the configuration. context: longest that fits, 0 for none. tokens: size of the KV cache.
reason: why the GPU cannot run the quantization. option: nearest configuration that fits (quantization, product, count).
*/}}
{{- define "model-server.fit" -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- $table := .Files.Get "files/capacity.json" | fromJson -}}
{{- $model := include "model-server.knownModel" (list . $table.models) -}}
{{- $known := get $table.models $model | default dict -}}
{{- $rows := dig .Values.engine $model dict $table.cells -}}
{{- $tensor := toString (int .Values.parallelism.tensor) -}}
{{- /* 16-bit weights: dtype decides if both types are in the table; bf16 is used if fp16 is not. */ -}}
{{- $quantization := .Values.quantization -}}
{{- if and (eq .Values.dtype "bfloat16") (eq $quantization "fp16") }}{{ $quantization = "bf16" }}{{ end -}}
{{- if and (eq .Values.dtype "float16") (eq $quantization "bf16") (hasKey $rows "fp16") }}{{ $quantization = "fp16" }}{{ end -}}
{{- if and (eq $quantization "fp16") (not (hasKey $rows "fp16")) }}{{ $quantization = "bf16" }}{{ end -}}
{{- $row := dig $quantization $tensor "" $rows -}}
{{- if not $model -}}
{{- /* What a GPU cannot compute does not depend on the model: use any model that has a cell. */ -}}
{{- range dig .Values.engine dict $table.cells }}{{ $row = $row | default (dig $quantization "1" "" .) }}{{ end -}}
{{- end -}}
{{- $cell := "" -}}{{- $totalMiB := 0 -}}
{{- range $index, $name := $table.gpus -}}
{{- if eq $name (default "" $pool.capacity) -}}
{{- $cells := splitList " " $row -}}
{{- $cell = index $cells (min $index (sub (len $cells) 1) | int) -}}
{{- $totalMiB = index $table.total_mib $index -}}
{{- end -}}
{{- end -}}
{{- $head := splitList ":" $cell | first -}}{{- $tail := splitList ":" $cell | last -}}
{{- $reason := "" -}}{{- $option := dict -}}{{- $context := 0 -}}
{{- if hasPrefix "r" $head -}}
{{- $words := printf "\\b%s\\b" (regexQuoteMeta $pool.capacity) -}}
{{- $reason = regexReplaceAll $words (index $table.reasons (trimPrefix "r" $head | int)) $pool.name -}}
{{- else if and $head (ne $head "-") -}}
{{- $context = ternary (default 0 $known.max) $head (eq $head "m") -}}
{{- end -}}
{{- if and $cell (ne $tail "-") (or $reason (eq $head "0")) -}}
{{- $words := index $table.options (int $tail) | splitList " " -}}
{{- $product := regexReplaceAll "MIG-([0-9])G[.]([0-9]+)GB" (index $words 2 | upper) "MIG-${1}g.${2}gb" -}}
{{- $option = dict "quantization" (index $words 0) "count" (index $words 1) "product" $product -}}
{{- end -}}
{{- $weights := mul (dig .Values.engine $model $quantization $tensor "0" $table.terms | splitList " " | first | int) (int $tensor) -}}
{{- $covered := and (ne $model "") (eq (int .Values.parallelism.pipeline) 1) (gt (int $context) 0) -}}
{{- $entry := dict "model" $model "heads" $known.heads "splits" $known.splits "maximum" (int $known.max) "quantization" $quantization "cell" $cell
  "context" (int $context) "tokens" (ternary (mul (int $tail) 1000) 0 $covered) "reason" $reason "option" $option
  "weightsMiB" $weights "totalMiB" (int $totalMiB) "maxConcurrency" (int $table.concurrency) -}}
{{- merge (include "model-server.check" (list . "fit" $entry) | fromJson) $entry | toJson -}}
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
{{- $formats := "awq|gptq|gguf|bnb|bits|int4|int8|4bit|8bit|fp8|dynamic|quantized|w4a16|w8a8|w8a16" -}}
{{- $suffix := printf "[-_.](instruct|it|chat|hf|base|%s|128k|4k)\\b" $formats -}}
{{- regexReplaceAll $suffix (regexReplaceAll $suffix (splitList "/" . | last | lower | trimPrefix "meta-") "") "" -}}
{{- end -}}

{{/* Size of the model's files in MiB: model.sizeGiB, or the weights in the capacity table, or 0. */}}
{{- define "model-server.filesMiB" -}}
{{- mulf (default 0 .Values.model.sizeGiB) 1024 | int | default (include "model-server.capacity" . | fromJson).weightsMiB -}}
{{- end -}}

{{- define "model-server.cacheSize" -}}
{{- .Values.persistence.size | default (printf "%dGi" (max 50 (div (mul (include "model-server.filesMiB" . | int) 6) 5120 | add1))) -}}
{{- end -}}

{{/* Argument: a quantity such as 50Gi or 1.5T. Its MiB. */}}
{{- define "model-server.quantityMiB" -}}
{{- $binary := dict "Ki" 0.0009765625 "Mi" 1.0 "Gi" 1024.0 "Ti" 1048576.0 "Pi" 1073741824.0 -}}
{{- $decimal := dict "" 0.00000095367 "k" 0.00095367 "M" 0.953674 "G" 953.674316 "T" 953674.316406 "P" 953674316.4 -}}
{{- mulf (regexFind "^[0-9.]+" (toString .) | float64) (get (merge $binary $decimal) (regexFind "[A-Za-z]*$" (toString .))) | floor | int -}}
{{- end -}}

{{/* Seconds until the server must be ready. */}}
{{- define "model-server.startupSeconds" -}}
{{- with int .Values.probes.startup.budgetSeconds }}{{ . }}{{ else }}{{ include "model-server.expectedStartup" . }}{{ end -}}
{{- end -}}

{{/* Seconds that engine and model are expected to need. */}}
{{- define "model-server.expectedStartup" -}}
{{- $startup := .Values.probes.startup -}}
{{- $perGiB := ternary $startup.secondsPerGiBDownloaded $startup.secondsPerGiBRead (has .Values.model.source (list "hf" "url")) -}}
{{- $mib := include "model-server.filesMiB" . | int | default 20480 -}}
{{- add (include "model-server.engine" . | fromJson).startup (div (mul $mib (int $perGiB)) 1024) -}}
{{- end -}}
