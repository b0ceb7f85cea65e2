{{/* Arguments: (list TEXT FRAGMENT…). TEXT is the YAML of a workload, of the spec of a Job, or of a Pod. Each FRAGMENT is a map with
     metadata and spec that is merged over its pod; entry, if set, begins its errors. Without fragments, TEXT is unchanged and keeps its comments. */}}
{{- define "common.pod" -}}
{{- $object := dict -}}{{- $pod := dict -}}
{{- range $fragment := compact (rest .) -}}
{{- if not $object }}{{ $object = first $ | fromYaml }}{{ $pod = dig "spec" "template" (get $object "template" | default $object) $object }}{{ end -}}
{{- $path := print (default "" $fragment.entry) "podTemplate" -}}
{{- $merged := include "common.merge" (list $path "" (pick $pod "metadata" "spec") (omit $fragment "entry")) | fromJson -}}
{{- range $key, $value := $merged.result }}{{ $_ := set $pod $key $value }}{{ end -}}
{{- end -}}
{{- if $object }}{{ toYaml $object }}{{ else }}{{ first . }}{{ end -}}
{{- end -}}

{{/* Arguments: (list PATH KEY BASE FRAGMENT), the values of KEY. FRAGMENT over BASE as JSON under `result`: maps merge, null removes a
     key, containers merge with those of their name, other named items replace those of their name, and all other values replace. */}}
{{- define "common.merge" -}}
{{- $path := index . 0 -}}{{- $key := index . 1 -}}{{- $base := index . 2 -}}{{- $result := index . 3 -}}
{{- $id := get (dict "volumeMounts" "mountPath" "volumeDevices" "devicePath" "hostAliases" "ip") $key | default "name" -}}
{{- if kindIs "map" $result -}}
{{- $result = ternary $base dict (kindIs "map" $base) -}}
{{- range $name, $value := index . 3 -}}
{{- $arguments := list (printf "%s.%s" $path $name) $name (get $result $name) $value -}}
{{- if kindIs "invalid" $value }}{{ $_ := unset $result $name }}{{ else }}{{ $_ := set $result $name (include "common.merge" $arguments | fromJson).result }}{{ end -}}
{{- end -}}
{{- else if and (kindIs "slice" $base) (kindIs "slice" $result) -}}
{{- $items := dict -}}{{- $names := list -}}{{- $containers := has $key (list "containers" "initContainers") -}}
{{- range $index, $item := concat $base $result -}}
{{- $name := kindIs "map" . | ternary (toString (get (kindIs "map" . | ternary . dict) $id)) "" -}}
{{- $names = append $names $name -}}
{{- if and $containers (ge $index (len $base)) (not (hasKey $items $name)) (not $item.image) }}{{ fail (printf "%s: unknown container %q. Use one of %s, or set image to add it." $path $name (initial $names | join ", ")) }}{{ end -}}
{{- if $containers }}{{ $item = (include "common.merge" (list (printf "%s.%s" $path $name) "" (get $items $name) $item) | fromJson).result }}{{ end -}}
{{- $_ := set $items $name $item -}}
{{- end -}}
{{- if not (has "" $names) }}{{ $result = list }}{{ range uniq $names }}{{ $result = append $result (get $items .) }}{{ end }}{{ end -}}
{{- end -}}
{{- dict "result" $result | toJson -}}
{{- end -}}

{{/* Arguments: (list CONTAINER VALUES LIST): extraEnv and envFrom in VALUES for a container in LIST, as a fragment for common.pod. */}}
{{- define "common.environment" -}}
{{- $container := dict -}}
{{- range $key, $field := dict "extraEnv" "env" "envFrom" "envFrom" }}{{ with get (index $ 1) $key }}{{ $_ := set $container $field . }}{{ end }}{{ end -}}
{{- if $container }}{{ $container = dict "spec" (dict (index . 2) (list (set $container "name" (index . 0)))) }}{{ end -}}
{{- toJson $container -}}
{{- end -}}
