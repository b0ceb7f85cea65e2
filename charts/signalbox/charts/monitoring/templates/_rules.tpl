{{/* The defaults of values.yaml that the generated files contain: replaced by the values of the release. */}}
{{- define "monitoring.text" -}}
{{- $text := index . 1 -}}
{{- $defaults := (index . 0).Files.Get "files/defaults.yaml" | fromYaml -}}
{{- $text | replace $defaults.runbooksUrl (trimSuffix "/" (index . 0).Values.runbooksUrl) -}}
{{- end -}}

{{/* The matcher of a bucket: some versions of a library write 2, others 2.0. */}}
{{- define "monitoring.bound" -}}
{{- $bound := toString . -}}
{{- if contains "." $bound }}le="{{ $bound }}"{{ else }}le=~"{{ $bound }}(\\.0)?"{{ end -}}
{{- end -}}

{{/* All groups, as JSON: settings and the bound of the latency objective from the values, without disabled alerts. */}}
{{- define "monitoring.groups" -}}
{{- $root := . -}}
{{- $defaults := .Files.Get "files/defaults.yaml" | fromYaml -}}
{{- $from := include "monitoring.bound" $defaults.latencySeconds -}}
{{- $to := include "monitoring.bound" .Values.slo.latencySeconds -}}
{{- $settings := dict
  "availability_objective_ratio" .Values.slo.availabilityObjective
  "latency_objective_ratio" .Values.slo.latencyObjective
  "electricity_price_per_kwh" .Values.cost.electricityPricePerKwh
  "gpu_price_per_hour" .Values.cost.gpuPricePerHour
  "grid_co2_grams_per_kwh" .Values.cost.gridCo2GramsPerKwh
  "assumed_watts" .Values.cost.assumedWatts -}}
{{- $groups := list -}}
{{- range $name := ternary (list "settings" "recording" "alerts") (list "settings" "recording") .Values.alerts.enabled -}}
{{- range (include "monitoring.text" (list $root ($root.Files.Get (printf "files/rules/%s.yaml" $name))) | fromYaml).groups -}}
{{- $rules := list -}}
{{- range .rules -}}
{{- $_ := set . "expr" (.expr | replace $from $to) -}}
{{- if eq $name "settings" }}{{ $_ := set . "expr" (printf "vector(%v)" (get $settings .labels.setting)) }}{{ end -}}
{{- if .alert }}{{ $_ := set . "labels" (merge .labels (default dict $root.Values.alerts.labels)) }}{{ end -}}
{{- if not (has .alert (default list $root.Values.alerts.disabled)) }}{{ $rules = append $rules . }}{{ end -}}
{{- end -}}
{{- if $rules }}{{ $groups = append $groups (set . "rules" $rules) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- dict "groups" $groups | toJson -}}
{{- end -}}
