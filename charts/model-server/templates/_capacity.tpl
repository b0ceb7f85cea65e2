{{/*
The fit check: looks the set-up up in files/capacity.json, whose format src/signalbox/capacity/helm.py describes.
Returns JSON: verdict (fits, refused, unknown), text, weightsMiB (of one server, 0 where unknown), tokens of cache,
model (the table's name; empty where it has none), heads and splits of the model.
*/}}
{{- define "model-server.capacity" -}}
{{- include "model-server.once" (dict "root" . "name" "model-server.capacityCheck") -}}
{{- end }}

{{- define "model-server.capacityCheck" -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $table := .Files.Get "files/capacity.json" | fromJson -}}
{{- $model := include "model-server.knownModel" (dict "root" . "models" $table.models) -}}
{{- $known := get $table.models $model | default dict -}}
{{- $gpus := max 1 (int $.Values.gpu.count) -}}
{{- $quantization := $.Values.quantization -}}
{{- $rows := dig $.Values.engine $model (dict) $table.cells -}}
{{- if and (eq $.Values.dtype "bfloat16") (eq $quantization "fp16") }}{{ $quantization = "bf16" }}{{ end -}}
{{- if and (eq $.Values.dtype "float16") (eq $quantization "bf16") (hasKey $rows "fp16") }}{{ $quantization = "fp16" }}{{ end -}}
{{- if and (eq $quantization "fp16") (not (hasKey $rows "fp16")) }}{{ $quantization = "bf16" }}{{ end -}}
{{- $tensor := toString (int $.Values.parallelism.tensor) -}}
{{- $terms := dig $.Values.engine $model $quantization $tensor "" $table.terms -}}
{{- $weights := mul (splitList " " (default "0" $terms) | first | int) (int $.Values.parallelism.tensor) -}}
{{- $row := dig $quantization $tensor "" $rows -}}
{{- $place := 0 -}}
{{- range $index, $gpu := $table.gpus }}{{ if eq $gpu (default "" $pool.capacity) }}{{ $place = add1 $index }}{{ end }}{{ end -}}
{{- /* What a GPU cannot compute does not depend on the model: any model's cell tells it. */ -}}
{{- $cellOfAny := "" -}}
{{- if and (not $model) $place -}}
{{- range $name, $quantizations := dig $.Values.engine dict $table.cells -}}
{{- with and (not $cellOfAny) (dig $quantization "1" "" $quantizations) -}}
{{- $all := splitList " " . -}}
{{- $cellOfAny = index $all (min (sub $place 1) (sub (len $all) 1) | int) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $out := dict "verdict" "unknown" "weightsMiB" $weights "tokens" 0 "model" $model "heads" $known.heads "splits" $known.splits -}}
{{- if not $pool.resource -}}{{- $_ := set $out "text" "On a CPU only the memory limit counts; the table is about GPUs." -}}
{{- else if and (not $model) (hasPrefix "r" $cellOfAny) -}}
{{- $_ := set $out "verdict" "refused" -}}
{{- $_ := set $out "text" (printf "quantization: %s on %s with %s: %s" $quantization $pool.name $.Values.engine (index $table.reasons ($cellOfAny | splitList ":" | first | trimPrefix "r" | int))) -}}
{{- $tail := $cellOfAny | splitList ":" | last -}}
{{- if ne $tail "-" }}{{ $_ := set $out "text" (printf "%s Nearest: quantization %s." $out.text (index $table.options (int $tail) | splitList " " | first)) }}{{ end -}}
{{- else if not $model -}}{{- $_ := set $out "text" (printf "%s is not in the capacity table. Name a model of the same shape in capacity.model, or ask `signalbox plan`." $.Values.model.name) -}}
{{- else if and $place (gt (int $.Values.parallelism.pipeline) 1) (gt (div $weights $gpus) (index $table.total_mib (int (sub $place 1)) | int64)) -}}
{{- $_ := set $out "verdict" "refused" -}}
{{- $_ := set $out "text" (printf "gpu.count: %s in %s on %d× %s does not fit: the weights take %d MiB a GPU of %d MiB. Take more or larger GPUs, or fewer bits." $model $quantization $gpus $pool.name (div $weights $gpus) (index $table.total_mib (int (sub $place 1)) | int)) -}}
{{- else if or (not $row) (not $place) (gt (int $.Values.parallelism.pipeline) 1) -}}{{- $_ := set $out "text" (printf "The capacity table has no cell for %s, quantization %s, tensor %s × pipeline %d, %s. Ask `signalbox plan`." $.Values.engine $.Values.quantization $tensor (int $.Values.parallelism.pipeline) $pool.name) -}}
{{- else -}}
{{- $cells := splitList " " $row -}}
{{- $cell := ternary $row (index $cells (min (sub $place 1) (sub (len $cells) 1) | int)) (eq (len $cells) 1) -}}
{{- $head := splitList ":" $cell | first -}}
{{- $tail := splitList ":" $cell | last -}}
{{- $option := "" -}}
{{- if or (eq $head "0") (hasPrefix "r" $head) -}}
{{- if ne $tail "-" -}}
{{- $words := index $table.options (int $tail) | splitList " " -}}
{{- $option = printf " Nearest that fits: quantization %s, gpu.product %s, gpu.count %s, parallelism.tensor %s." (index $words 0) (upper (index $words 2)) (index $words 1) (index $words 1) -}}
{{- end -}}
{{- end -}}
{{- $setup := printf "%s in %s on %s× %s with %s" $model $quantization $tensor $pool.name $.Values.engine -}}
{{- if eq $cell "-" -}}{{- $_ := set $out "text" "A slice of a GPU cannot be one of several." -}}{{- $_ := set $out "verdict" "refused" -}}
{{- else if hasPrefix "r" $head -}}
{{- $_ := set $out "verdict" "refused" -}}
{{- $_ := set $out "text" (printf "quantization: %s: %s%s" $setup (index $table.reasons (trimPrefix "r" $head | int)) $option) -}}
{{- else if eq $head "0" -}}
{{- $_ := set $out "verdict" "refused" -}}
{{- $_ := set $out "text" (printf "gpu.product: %s does not fit: the weights take %d MiB a GPU of %d MiB.%s" $setup (div $weights (int $.Values.parallelism.tensor)) (index $table.total_mib (int (sub $place 1)) | int) $option) -}}
{{- else -}}
{{- $longest := ternary (int $known.max) (int $head) (eq $head "m") -}}
{{- $tokens := mul (int $tail) 1000 -}}
{{- $_ := set $out "tokens" $tokens -}}
{{- /* Slots are laid out at the start; engines without them let requests share the cache. */ -}}
{{- $slots := ternary (int $.Values.concurrency) 1 (default false $engine.slots) -}}
{{- $cells := mul (int $.Values.context) $slots | int -}}
{{- if and (gt $slots 1) (gt $cells $longest) (le (int $.Values.context) $longest) -}}
{{- if eq $head "m" -}}
{{- $_ := set $out "text" (printf "%s fits %d tokens over all slots, more was not computed, and context × concurrency is %d. Ask `signalbox plan`." $setup $longest $cells) -}}
{{- else -}}
{{- $_ := set $out "verdict" "refused" -}}
{{- $_ := set $out "text" (printf "concurrency: %s fits %d tokens over all slots, and context × concurrency is %d. Lower context or concurrency, or take a larger GPU." $setup $longest $cells) -}}
{{- end -}}
{{- else if gt (int $.Values.context) (int $known.max) -}}
{{- $_ := set $out "verdict" "refused" -}}
{{- $_ := set $out "text" (printf "context: %d is more than %s was made for. It fits up to context %d here: ask for no more." (int $.Values.context) $model $longest) -}}
{{- else if gt (int $.Values.context) $longest -}}
{{- $_ := set $out "verdict" "refused" -}}
{{- $_ := set $out "text" (printf "context: %s fits up to context %d, and %d is asked. Lower context, or take more or larger GPUs." $setup $longest (int $.Values.context)) -}}
{{- else if gt (int $.Values.concurrency) (int $table.concurrency) -}}
{{- $_ := set $out "text" (printf "%s fits for up to %d requests at once; concurrency %d was not computed. Ask `signalbox plan`." $setup (int $table.concurrency) (int $.Values.concurrency)) -}}
{{- else if and $.Values.memoryShare (ne (float64 $.Values.memoryShare) (float64 $engine.memoryShare)) -}}
{{- $_ := set $out "text" (printf "%s fits with memoryShare %v; %v was not computed. Ask `signalbox plan`." $setup $engine.memoryShare $.Values.memoryShare) -}}
{{- else -}}
{{- $_ := set $out "verdict" "fits" -}}
{{- $_ := set $out "text" (printf "%s fits: up to context %d, %d tokens of cache." $setup $longest (int $tokens)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $out -}}
{{- end }}

{{/* The table's name of the model; empty where it has none. Call with (dict "root" $ "models" ROWS). */}}
{{- define "model-server.knownModel" -}}
{{- $asked := include "model-server.plainModel" (default .root.Values.model.name .root.Values.capacity.model) -}}
{{- range $name, $row := .models -}}
{{- range prepend $row.aliases $name -}}
{{- if eq (include "model-server.plainModel" .) $asked }}{{ $name }}{{ break }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A model's name without what tells only its tuning, its format or its publisher. */}}
{{- define "model-server.plainModel" -}}
{{- $name := splitList "/" . | last | lower | trimPrefix "meta-" -}}
{{- $name = regexReplaceAll "[-_.](instruct|it|chat|hf|base|awq|gptq|gguf|bnb|bits|int4|int8|4bit|8bit|fp8|dynamic|quantized|w4a16|w8a8|w8a16|128k|4k)\\b" $name "" -}}
{{- regexReplaceAll "[-_.](instruct|it|chat|hf|base|awq|gptq|gguf|bnb|bits|int4|int8|4bit|8bit|fp8|dynamic|quantized|w4a16|w8a8|w8a16|128k|4k)\\b" $name "" -}}
{{- end }}

{{/* MiB of the model's files: what values say, else the weights of the capacity table, else 0. */}}
{{- define "model-server.filesMiB" -}}
{{- if .Values.model.sizeGiB }}{{ mulf .Values.model.sizeGiB 1024 | int | max 1 }}
{{- else }}{{ (include "model-server.capacity" . | fromJson).weightsMiB | int }}{{ end -}}
{{- end }}

{{/* Size of the cache: what values say, else room for the files and what is compiled. */}}
{{- define "model-server.cacheSize" -}}
{{- .Values.cache.size | default (printf "%dGi" (max 50 (div (mul (include "model-server.filesMiB" . | int) 6) 5120 | add1))) -}}
{{- end }}

{{/* MiB of a quantity as Kubernetes writes it, such as 50Gi or 1.5T; without a unit it counts bytes. */}}
{{- define "model-server.quantityMiB" -}}
{{- $mib := dict "Ki" 0.0009765625 "Mi" 1.0 "Gi" 1024.0 "Ti" 1048576.0 "Pi" 1073741824.0 "k" 0.00095367 "M" 0.953674 "G" 953.674316 "T" 953674.316406 "P" 953674316.4 "" 0.00000095367 -}}
{{- mulf (regexFind "^[0-9.]+" (toString .) | float64) (get $mib (regexFind "[A-Za-z]*$" (toString .))) | floor | int -}}
{{- end }}

{{/* Seconds that a server may take until it is ready. */}}
{{- define "model-server.startupSeconds" -}}
{{- with int .Values.startup.budgetSeconds }}{{ . }}{{ else }}{{ include "model-server.expectedStartup" . }}{{ end -}}
{{- end }}

{{/* Seconds that engine and size of the model let expect. */}}
{{- define "model-server.expectedStartup" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $mib := include "model-server.filesMiB" . | int | default 20480 -}}
{{- $each := ternary .Values.startup.secondsPerGiBDownloaded .Values.startup.secondsPerGiBRead (has .Values.model.source (list "hf" "url")) -}}
{{- add (int $engine.startup) (div (mul $mib (int $each)) 1024) -}}
{{- end }}
