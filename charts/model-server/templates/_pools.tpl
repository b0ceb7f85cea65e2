{{/* The entry of gpu.product in files/pools.yaml, overridden by .Values.pools, as JSON. Adds name, resource, labels and arch. */}}
{{- define "model-server.pool" -}}
{{- include "model-server.once" (list . "model-server.poolEntry") -}}
{{- end -}}

{{- define "model-server.poolEntry" -}}
{{- $pools := mustMergeOverwrite (.Files.Get "files/pools.yaml" | fromYaml) (deepCopy (default dict .Values.pools)) -}}
{{- $product := include "model-server.plainProduct" .Values.gpu.product -}}
{{- $name := "" -}}
{{- range $candidate, $entry := $pools -}}
{{- range concat (list $candidate) (default list $entry.aliases) (dig "gfd" "nvidia.com/gpu.product" list $entry) -}}
{{- if eq (include "model-server.plainProduct" .) $product }}{{ $name = $candidate }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if not $name }}{{ include "model-server.failUnknownProduct" (list . $pools $product) }}{{ end -}}
{{- $entry := get $pools $name -}}
{{- $mixed := and $entry.mig (eq .Values.gpu.migStrategy "mixed") | empty | not -}}
{{- $resource := ternary (printf "nvidia.com/mig-%s" $entry.mig) "nvidia.com/gpu" $mixed -}}
{{- if hasKey $entry "resource" }}{{ $resource = $entry.resource }}{{ end -}}
{{- $labels := ternary (get $entry .Values.gpu.labelSet | default dict) dict (ne $resource "") -}}
{{- if and $resource (not (hasKey $entry .Values.gpu.labelSet)) -}}
{{- $sets := list -}}
{{- range list "gfd" "gke" "eks" "eksAuto" "aks" }}{{ if get $entry . }}{{ $sets = append $sets . }}{{ end }}{{ end -}}
{{- include "model-server.fail" (list $ (printf "gpu.labelSet: %q has no labels for %s. Use one of %s, or set pools.%s.%s."
  .Values.gpu.labelSet $name (join ", " $sets | default "none") $name .Values.gpu.labelSet)) -}}
{{- end -}}
{{- if and $mixed (eq .Values.gpu.labelSet "gfd") -}}
{{- $labels = dict (printf "%s.product" $resource) (get $labels "nvidia.com/gpu.product") -}}
{{- end -}}
{{- /* GPU feature discovery adds a suffix to the product of a GPU that time-slicing offers several times. */ -}}
{{- if and .Values.gpu.timeSlicing (eq .Values.gpu.labelSet "gfd") -}}
{{- $labels = regexReplaceAll "\"([],])" (toJson $labels) "-SHARED\"${1}" | fromJson -}}
{{- end -}}
{{- merge (dict "name" $name "resource" $resource "labels" $labels "arch" (default "any" $entry.arch)) (deepCopy $entry) | toJson -}}
{{- end -}}

{{/* Arguments: (list ROOT POOLS PRODUCT). Fails with the nearest products. */}}
{{- define "model-server.failUnknownProduct" -}}
{{- $product := index . 2 -}}
{{- $prefix := regexFind "^[a-z]+[0-9]?" $product -}}
{{- $near := list -}}{{- $whole := list -}}
{{- range $name, $entry := index . 1 -}}
{{- if not $entry.mig }}{{ $whole = append $whole $name }}{{ end -}}
{{- $similar := and $prefix (hasPrefix $prefix (include "model-server.plainProduct" $name)) -}}
{{- if and $similar (eq (contains "mig" $product) (not (empty $entry.mig))) }}{{ $near = append $near $name }}{{ end -}}
{{- end -}}
{{- $hint := printf "Did you mean %s?" (join ", " $near) -}}
{{- if not $near }}{{ $hint = printf "Use one of %s or a MIG slice such as H100-MIG-1g.10gb." (join ", " $whole) }}{{ end -}}
{{- $problem := printf "gpu.product: unknown product %q. %s Other products can be added in pools." (index . 0).Values.gpu.product $hint -}}
{{- include "model-server.fail" (list (index . 0) $problem) -}}
{{- end -}}

{{/* A product without case, punctuation and brand names, for comparison. */}}
{{- define "model-server.plainProduct" -}}
{{- regexReplaceAll "^(nvidia|tesla|geforce)+" (regexReplaceAll "[^a-z0-9.]" (lower .) "") "" -}}
{{- end -}}
