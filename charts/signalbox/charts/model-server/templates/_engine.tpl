{{/* The engine's entry in files/engines.yaml, as JSON. */}}
{{- define "model-server.engine" -}}
{{- include "model-server.once" (list . "model-server.engineEntry") -}}
{{- end -}}

{{- define "model-server.engineEntry" -}}
{{- get (.Files.Get "files/engines.yaml" | fromYaml) .Values.engine | toJson -}}
{{- end -}}

{{- define "model-server.servedName" -}}
{{- default (.Values.model.name | splitList "/" | last | lower) .Values.model.servedName -}}
{{- end -}}

{{/* Image of the engine: values take precedence over the table. On CPU it may have another tag; each NIM has its own repository. */}}
{{- define "model-server.image" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- $image := $engine.image -}}
{{- if and (not $pool.resource) $engine.cpuTag }}{{ $_ := set $image "tag" $engine.cpuTag }}{{ end -}}
{{- if $engine.imageOfModel }}{{ $_ := set $image "repository" (printf "%s/%s" $image.repository .Values.model.name) }}{{ end -}}
{{- range $field := list "registry" "repository" "tag" "digest" -}}
{{- with get $.Values.image $field }}{{ $_ := set $image $field . }}{{ end -}}
{{- end -}}
{{- include "common.image" (list . $image) -}}
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
{{- $path := printf "/model/%s" $folder | trimSuffix "/" -}}
{{- $halfOnly := and $pool.capability (lt (float64 $pool.capability) 8.0) -}}
{{- $auto := ternary "float16" "auto" (or (eq .Values.quantization "fp16") (not (empty $halfOnly))) -}}
{{- $dtype := get $engine.dtypes (ternary $auto .Values.dtype (eq .Values.dtype "auto")) | default "" -}}
{{- $quantize := ternary "" (get $engine.quantize .Values.quantization | default "") $model.quantized -}}
{{- dict
  "model" (ternary $model.name $path $onHub)
  "modelFile" (ternary "" (printf "%s/%s" $path $model.file) (or $onHub (eq $model.source "url")))
  "hubName" (ternary $model.name "" $onHub)
  "hubFile" (ternary $model.file "" $onHub)
  "url" (ternary $model.url.address "" (eq $model.source "url"))
  "servedName" (include "model-server.servedName" .)
  "revision" (ternary $model.revision "" $onHub)
  "host" $host
  "address" (printf (ternary "[%s]:%d" "%s:%d" (contains ":" $host)) $host (int $engine.port))
  "port" (toString $engine.port)
  "dtype" $dtype
  "dtypeUnlessQuantized" (ternary $dtype "" (eq $quantize ""))
  "quantize" $quantize
  "context" (toString (int .Values.context))
  "contextLessOne" (toString (sub (int .Values.context) 1))
  "contextOfAll" (toString (mul (int .Values.context) (int .Values.concurrency)))
  "concurrency" (toString (int .Values.concurrency))
  "queue" (toString (max 128 (mul 4 (int .Values.concurrency))))
  "memoryShare" (toString (default $engine.memoryShare .Values.memoryShare))
  "tensor" (ternary (toString (int $parallel.tensor)) "" (gt (int $parallel.tensor) 1))
  "pipeline" (ternary (toString (int $parallel.pipeline)) "" (gt (int $parallel.pipeline) 1))
  "gpuLayers" (ternary "999" "0" (ne $pool.resource ""))
  "drainSeconds" (toString (int .Values.shutdown.drainSeconds))
  "offline" (ternary "true" "" .Values.airGapped)
  "always" "true" | toJson -}}
{{- end -}}

{{/* Arguments: (list ROOT MORE). Command-line arguments of the server as a YAML list; MORE comes before extraArgs. */}}
{{- define "model-server.args" -}}
{{- $engine := include "model-server.engine" (index . 0) | fromJson -}}
{{- $facts := include "model-server.facts" (index . 0) | fromJson -}}
{{- $words := list -}}
{{- with $engine.positional }}{{ $words = append $words (get $facts .) }}{{ end -}}
{{- range $engine.flags -}}
{{- $value := get $facts .value -}}
{{- if eq $value "true" }}{{ $words = append $words .flag }}{{ else if $value }}{{ $words = concat $words (list .flag $value) }}{{ end -}}
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
