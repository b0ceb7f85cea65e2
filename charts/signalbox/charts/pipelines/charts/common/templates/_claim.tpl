{{/* Arguments: (list ROOT NAME PERSISTENCE). The claim that the chart creates, as JSON: its name, and its spec if the cluster has it.
     Access modes of a claim cannot change, so other modes get a claim with a suffix; `previous` is then the one without. */}}
{{- define "common.claim" -}}
{{- $namespace := (index . 0).Release.Namespace -}}{{- $persistence := index . 2 -}}{{- $modes := $persistence.accessModes -}}
{{- $name := default (index . 1) $persistence.claimName -}}
{{- $spec := dig "spec" dict (lookup "v1" "PersistentVolumeClaim" $namespace $name) -}}
{{- $previous := "" -}}
{{- if not $persistence.claimName -}}
{{- $other := printf "%s-%s" $name (ternary "rwx" (ternary "rwop" "rwo" (has "ReadWriteOncePod" $modes)) (has "ReadWriteMany" $modes)) -}}
{{- $otherSpec := dig "spec" dict (lookup "v1" "PersistentVolumeClaim" $namespace $other) -}}
{{- if and (or $spec $otherSpec) (ne (toJson (sortAlpha (default list $spec.accessModes))) (toJson (sortAlpha $modes))) -}}
{{- $previous = ternary $name "" (not (empty $spec)) -}}
{{- $name = $other -}}{{- $spec = $otherSpec -}}
{{- end -}}
{{- end -}}
{{- dict "name" $name "spec" $spec "previous" $previous | toJson -}}
{{- end -}}

{{/* Arguments: (list CLAIM SIZE), with the result of common.claim. SIZE, or that of the claim if it is larger: claims cannot become smaller. */}}
{{- define "common.claimSize" -}}
{{- $current := dig "spec" "resources" "requests" "storage" "0" (index . 0) -}}
{{- ternary $current (index . 1) (gt (include "common.quantityMiB" $current | int) (include "common.quantityMiB" (index . 1) | int)) -}}
{{- end -}}

{{/* Argument: a quantity such as 50Gi or 1.5T. Its MiB. */}}
{{- define "common.quantityMiB" -}}
{{- $binary := dict "Ki" 0.0009765625 "Mi" 1.0 "Gi" 1024.0 "Ti" 1048576.0 "Pi" 1073741824.0 -}}
{{- $decimal := dict "" 0.00000095367 "k" 0.00095367 "M" 0.953674 "G" 953.674316 "T" 953674.316406 "P" 953674316.4 -}}
{{- mulf (regexFind "^[0-9.]+" (toString .) | float64) (get (merge $binary $decimal) (regexFind "[A-Za-z]*$" (toString .))) | floor | int -}}
{{- end -}}

{{/* Arguments: (list KEY CLAIM PERSISTENCE). Rejects what cannot change in a claim that the cluster has. */}}
{{- define "common.validateClaim" -}}
{{- $key := index . 0 -}}{{- $claim := index . 1 -}}{{- $persistence := index . 2 -}}
{{- $modes := default list $claim.spec.accessModes -}}
{{- $class := default "" $claim.spec.storageClassName -}}
{{- range list
  (list (ne (toJson (sortAlpha $modes)) (toJson (sortAlpha $persistence.accessModes))) "accessModes" (join ", " $persistence.accessModes) (join ", " $modes))
  (list (and $persistence.storageClass (ne $persistence.storageClass $class)) "storageClass" (quote $persistence.storageClass) (printf "class %q" $class)) -}}
{{- if and (first .) $claim.spec -}}
{{- fail (printf "%s.%s: %s, but claim %s exists with %s, which cannot change. Set %s.claimName to a new name, and copy the data yourself."
  $key (index . 1) (index . 2) $claim.name (index . 3) $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Arguments: (list CLAIM SIZE). Notes on a claim that stays larger, and on one that replaces another. */}}
{{- define "common.claimNotes" -}}
{{- $claim := index . 0 -}}{{- $current := dig "spec" "resources" "requests" "storage" "" $claim -}}
{{- if and $current (ne $current (index . 1)) (eq $current (include "common.claimSize" .)) }}
  - Claim {{ $claim.name }} keeps its {{ $current }}: a claim cannot become smaller.
{{- end }}
{{- with $claim.previous }}
  - WARNING: claim {{ . }} has other access modes, so claim {{ $claim.name }} replaces it. The data of {{ . }} is kept, but not copied.
    Values of other charts that name {{ . }} must name {{ $claim.name }}.
{{- end }}
{{- end -}}
