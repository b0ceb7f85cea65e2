{{/* The row of files/pools.yaml for gpu.product, with values.pools over it, as JSON. An unknown product fails with the nearest names. */}}
{{- define "model-server.pool" -}}
{{- include "model-server.once" (dict "root" . "name" "model-server.poolRow") -}}
{{- end }}

{{- define "model-server.poolRow" -}}
{{- $pools := mustMergeOverwrite (.Files.Get "files/pools.yaml" | fromYaml) (deepCopy (default dict .Values.pools)) -}}
{{- $asked := include "model-server.plainProduct" .Values.gpu.product -}}
{{- $found := "" -}}
{{- range $name, $row := $pools -}}
{{- range concat (list $name) (default list $row.aliases) (dig "gfd" "nvidia.com/gpu.product" list $row) -}}
{{- if eq (include "model-server.plainProduct" .) $asked }}{{ $found = $name }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if not $found -}}
{{- $short := regexFind "^[a-z]+[0-9]?" $asked -}}
{{- $slice := contains "mig" $asked -}}
{{- $near := list -}}
{{- $wholes := list -}}
{{- range $name, $row := $pools -}}
{{- if not $row.mig }}{{ $wholes = append $wholes $name }}{{ end -}}
{{- if and $short (hasPrefix $short (include "model-server.plainProduct" $name)) (eq $slice (not (empty $row.mig))) }}{{ $near = append $near $name }}{{ end -}}
{{- end -}}
{{- $hint := ternary (printf "Near it: %s." (join ", " $near)) (printf "Known: %s, and MIG slices such as H100-MIG-1g.10gb." (join ", " $wholes)) (gt (len $near) 0) -}}
{{- fail (printf "gpu.product: %q is in no pool. %s Or describe it in values.pools." .Values.gpu.product $hint) -}}
{{- end -}}
{{- $row := get $pools $found -}}
{{- $mig := and $row.mig (eq .Values.gpu.migStrategy "mixed") -}}
{{- $resource := ternary (printf "nvidia.com/mig-%s" $row.mig) "nvidia.com/gpu" (not (empty $mig)) -}}
{{- if hasKey $row "resource" }}{{ $resource = $row.resource }}{{ end -}}
{{- $labels := dict -}}
{{- if $resource -}}
{{- $labels = get $row .Values.gpu.labelSet -}}
{{- if not $labels -}}
{{- $sets := list -}}
{{- range list "gfd" "gke" "eks" "eksAuto" "aks" }}{{ if get $row . }}{{ $sets = append $sets . }}{{ end }}{{ end -}}
{{- fail (printf "gpu.labelSet: %q has no labels for %s. It has: %s. Choose one, or set values.pools.%s.%s." .Values.gpu.labelSet $found (join ", " $sets | default "none") $found .Values.gpu.labelSet) -}}
{{- end -}}
{{- if and $mig (eq .Values.gpu.labelSet "gfd") -}}
{{- $labels = dict (printf "%s.product" $resource) (get $labels "nvidia.com/gpu.product") -}}
{{- end -}}
{{- end -}}
{{- merge (dict "name" $found "resource" $resource "labels" $labels "arch" (default "any" $row.arch)) (deepCopy $row) | toJson -}}
{{- end }}

{{/* A product as people and `kubectl describe node` spell it, without what tells only the publisher, case and blanks. */}}
{{- define "model-server.plainProduct" -}}
{{- regexReplaceAll "^(nvidia|tesla|geforce)+" (regexReplaceAll "[^a-z0-9.]" (lower .) "") "" -}}
{{- end }}

{{/* Tolerations: the pool's own, or the usual ones of GPU nodes; arm64 nodes are tainted in many clusters. */}}
{{- define "model-server.tolerations" -}}
{{- $pool := .pool -}}
{{- $all := list -}}
{{- if hasKey $pool "tolerations" }}{{ $all = $pool.tolerations }}
{{- else if $pool.resource -}}
{{- $all = append $all (dict "key" "nvidia.com/gpu" "operator" "Exists" "effect" "NoSchedule") -}}
{{- if eq .root.Values.gpu.labelSet "aks" }}{{ $all = append $all (dict "key" "sku" "operator" "Equal" "value" "gpu" "effect" "NoSchedule") }}{{ end -}}
{{- end -}}
{{- if eq (default "any" $pool.arch) "arm64" }}{{ $all = append $all (dict "key" "kubernetes.io/arch" "operator" "Equal" "value" "arm64" "effect" "NoSchedule") }}{{ end -}}
{{- with concat $all (default list .root.Values.tolerations) }}{{ toYaml . }}{{ end -}}
{{- end }}

{{/* Node affinity: In, so that one pool may have several products. */}}
{{- define "model-server.nodeTerms" -}}
{{- range $label, $values := .pool.labels }}
- {key: {{ $label }}, operator: In, values: {{ $values | toJson }}}
{{- end }}
{{- if has .pool.arch (list "amd64" "arm64") }}
- {key: kubernetes.io/arch, operator: In, values: [{{ .pool.arch }}]}
{{- end }}
{{- range $label, $value := .root.Values.nodeSelector }}
- {key: {{ $label }}, operator: In, values: [{{ $value | quote }}]}
{{- end }}
{{- end }}
