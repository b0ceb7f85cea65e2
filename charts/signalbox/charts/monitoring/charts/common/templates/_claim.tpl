{{/* Arguments: (list ROOT NAME). The claim of that name in the cluster, as JSON: its spec, and the storage class that its chart has set. The
     class that the cluster has added is left out: a manifest with it could not be rolled back to one without. */}}
{{- define "common.liveClaim" -}}
{{- $live := lookup "v1" "PersistentVolumeClaim" (index . 0).Release.Namespace (index . 1) -}}
{{- dict "spec" (dig "spec" dict $live) "class" (dig "metadata" "annotations" "signalbox.dev/storage-class" "" $live) | toJson -}}
{{- end -}}

{{/* Arguments: (list CLAIM PERSISTENCE). The storage class of the values, or the one that an earlier revision has set; empty for the default. */}}
{{- define "common.claimClass" -}}
{{- default (index . 0).class (index . 1).storageClass -}}
{{- end -}}

{{/* Arguments: (list PERSISTENCE CLASS). Annotations of a claim, as JSON. */}}
{{- define "common.claimAnnotations" -}}
{{- $annotations := ternary (dict "helm.sh/resource-policy" "keep") dict (index . 0).retain -}}
{{- with index . 1 }}{{ $_ := set $annotations "signalbox.dev/storage-class" . }}{{ end -}}
{{- toJson $annotations -}}
{{- end -}}

{{/* Arguments: (list ROOT NAME PERSISTENCE). The claim that the chart creates, as JSON: its name, and spec and class if the cluster has it.
     Access modes of a claim cannot change, so other modes get a claim with a suffix; `previous` is then the one without. */}}
{{- define "common.claim" -}}
{{- $root := index . 0 -}}{{- $persistence := index . 2 -}}{{- $modes := $persistence.accessModes -}}
{{- $name := default (index . 1) $persistence.claimName -}}
{{- $live := include "common.liveClaim" (list $root $name) | fromJson -}}
{{- $previous := "" -}}
{{- if not $persistence.claimName -}}
{{- $other := printf "%s-%s" $name (ternary "rwx" (ternary "rwop" "rwo" (has "ReadWriteOncePod" $modes)) (has "ReadWriteMany" $modes)) -}}
{{- $otherLive := include "common.liveClaim" (list $root $other) | fromJson -}}
{{- if and (or $live.spec $otherLive.spec) (ne (toJson (sortAlpha (default list $live.spec.accessModes))) (toJson (sortAlpha $modes))) -}}
{{- $previous = ternary $name "" (not (empty $live.spec)) -}}
{{- $name = $other -}}{{- $live = $otherLive -}}
{{- end -}}
{{- end -}}
{{- merge $live (dict "name" $name "previous" $previous) | toJson -}}
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

{{/* Argument: a list of claims, in which "" is none. Labels of a Pod that mounts them, in all charts. The name in a key has 63 characters at most. */}}
{{- define "common.claimLabels" -}}
{{- $labels := dict -}}
{{- range compact . }}{{ $_ := set $labels (printf "claim.signalbox.dev/%s" (regexReplaceAll "[^a-z0-9]+$" (trunc 63 .) "")) "true" }}{{ end -}}
{{- with $labels }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* Arguments: (list ROOT CLAIM). Affinity of a Pod with a volume that one node can mount at a time: that node. CLAIM is empty if more nodes may be able to. */}}
{{- define "common.claimAffinity" -}}
podAffinity:
  {{- with index . 1 }}
  # On another node, the pod would wait for the volume without end. The first of these pods may start on any node.
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels: {{- include "common.claimLabels" (list .) | nindent 10 }}
  {{- end }}
  # Also near pods with another claim that a job may mount, too.
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchExpressions:
            - {key: app.kubernetes.io/part-of, operator: In, values: [signalbox]}
            - {key: app.kubernetes.io/name, operator: In, values: {{ list "assessor" "pipelines" (include "common.name" (index . 0)) | uniq | toJson }}}
            - {key: app.kubernetes.io/component, operator: NotIn, values: [mlflow]}
{{- end -}}
