{{/* The engine's row of files/engines.yaml, as JSON. */}}
{{- define "model-server.engine" -}}
{{- include "model-server.once" (dict "root" . "name" "model-server.engineRow") -}}
{{- end }}

{{- define "model-server.engineRow" -}}
{{- get (.Files.Get "files/engines.yaml" | fromYaml) .Values.engine | toJson -}}
{{- end }}

{{- define "model-server.servedName" -}}
{{- default (.Values.model.name | splitList "/" | last | lower) .Values.model.servedName -}}
{{- end }}

{{/* Image of the engine: values over the table; a CPU has its own tag, and a NIM is its image. */}}
{{- define "model-server.engineImage" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- $image := dict "registry" $engine.image.registry "repository" $engine.image.repository "tag" $engine.image.tag "digest" "" -}}
{{- if and (not $pool.resource) $engine.cpuTag }}{{ $_ := set $image "tag" $engine.cpuTag }}{{ end -}}
{{- if $engine.imageOfModel }}{{ $_ := set $image "repository" (printf "%s/%s" $engine.image.repository .Values.model.name) }}{{ end -}}
{{- range $field := list "registry" "repository" "tag" "digest" -}}
{{- with get $.Values.image $field }}{{ $_ := set $image $field . }}{{ end -}}
{{- end -}}
{{- include "common.image" (list . $image) -}}
{{- end }}

{{/* What the flags and variables of the engine table can ask for, as JSON. An empty fact leaves its flag out. */}}
{{- define "model-server.facts" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- $onHub := eq $.Values.model.source "hf" -}}
{{- $folder := get (dict "pvc" $.Values.model.pvc.path "oci" $.Values.model.oci.path) $.Values.model.source | default "" -}}
{{- $path := ternary "/model" (printf "/model/%s" (trimAll "/" $folder)) (eq (trimAll "/" $folder) "") -}}
{{- $dtype := $.Values.dtype -}}
{{- if and (eq $dtype "auto") (or (eq $.Values.quantization "fp16") (and $pool.capability (lt (float64 $pool.capability) 8.0))) }}{{ $dtype = "float16" }}{{ end -}}
{{- $quantize := ternary "" (get $engine.quantize $.Values.quantization | default "") $.Values.model.quantized -}}
{{- $share := default $engine.memoryShare $.Values.memoryShare -}}
{{- $context := int $.Values.context -}}
{{- dict
  "model" (ternary $.Values.model.name $path $onHub)
  "modelFile" (ternary "" (printf "%s/%s" $path $.Values.model.file) (or $onHub (eq $.Values.model.source "url")))
  "hubName" (ternary $.Values.model.name "" $onHub)
  "hubFile" (ternary $.Values.model.file "" $onHub)
  "url" (ternary $.Values.model.url.address "" (eq $.Values.model.source "url"))
  "servedName" (include "model-server.servedName" .)
  "revision" (ternary $.Values.model.revision "" $onHub)
  "host" "0.0.0.0"
  "address" (printf "0.0.0.0:%d" (int $engine.port))
  "port" (toString $engine.port)
  "dtype" (get $engine.dtypes $dtype | default "")
  "dtypeUnlessQuantized" (ternary (get $engine.dtypes $dtype | default "") "" (eq $quantize ""))
  "quantize" $quantize
  "context" (toString $context)
  "contextLessOne" (toString (sub $context 1))
  "contextOfAll" (toString (mul $context (int $.Values.concurrency)))
  "concurrency" (toString (int $.Values.concurrency))
  "queue" (toString (max 128 (mul 4 (int $.Values.concurrency))))
  "memoryShare" (toString $share)
  "tensor" (ternary (toString (int $.Values.parallelism.tensor)) "" (gt (int $.Values.parallelism.tensor) 1))
  "pipeline" (ternary (toString (int $.Values.parallelism.pipeline)) "" (gt (int $.Values.parallelism.pipeline) 1))
  "gpuLayers" (ternary "999" "0" (ne $pool.resource ""))
  "drainSeconds" (toString (int $.Values.shutdown.drainSeconds))
  "offline" (ternary "true" "" $.Values.airGapped)
  "always" "true" | toJson -}}
{{- end }}

{{/* Arguments of the server, one word each; call with (dict "root" $ "more" LIST). */}}
{{- define "model-server.args" -}}
{{- $engine := include "model-server.engine" .root | fromJson -}}
{{- $facts := include "model-server.facts" .root | fromJson -}}
{{- $words := list -}}
{{- with $engine.positional }}{{ $words = append $words (get $facts .) }}{{ end -}}
{{- range $engine.flags -}}
{{- $value := get $facts .value -}}
{{- if eq $value "true" }}{{ $words = append $words .flag }}
{{- else if $value }}{{ $words = concat $words (list .flag $value) }}{{ end -}}
{{- end -}}
{{- with concat $words (default list .more) (default list .root.Values.extraArgs) }}{{ toYaml . }}{{ end -}}
{{- end }}

{{/* Environment of the server. */}}
{{- define "model-server.env" -}}
{{- $engine := include "model-server.engine" . | fromJson -}}
{{- $facts := include "model-server.facts" . | fromJson -}}
{{- range $engine.env }}
{{- $value := hasKey . "text" | ternary .text (get $facts (default "" .value)) }}
{{- if $value }}
- {name: {{ .name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{- if .Values.airGapped }}
{{- range $name, $value := $engine.offline }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{- if and .Values.apiKey.enabled $engine.keyVariable }}
- name: {{ $engine.keyVariable }}
  valueFrom:
    secretKeyRef: {name: {{ include "model-server.keySecret" . }}, key: {{ .Values.apiKey.secretKey }}}
{{- end }}
{{- if and .Values.model.token.existingSecret $engine.tokenVariable }}
- name: {{ $engine.tokenVariable }}
  valueFrom:
    secretKeyRef: {name: {{ .Values.model.token.existingSecret }}, key: {{ .Values.model.token.key }}}
{{- end }}
{{- include "common.caVariables" (list . "SSL_CERT_FILE" "REQUESTS_CA_BUNDLE" "CURL_CA_BUNDLE") }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What an autoscaler asks Prometheus: a recording rule, of this server alone. Call with (dict "root" $ "rule" NAME). */}}
{{- define "model-server.scalingQuery" -}}
{{- printf "sum(%s{namespace=%q, service=%q})" .rule .root.Release.Namespace (include "model-server.service" .root) -}}
{{- end }}
