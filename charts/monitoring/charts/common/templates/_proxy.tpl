{{/* Arguments: (list ROOT URL…). Environment variables for global.proxy, empty without one. NO_PROXY has the names of the cluster and
     those hosts of the URLs that are Services. Programs read the upper or the lower case. */}}
{{- define "common.proxyVariables" -}}
{{- $root := first . -}}{{- $proxy := $root.Values.global.proxy -}}
{{- if or $proxy.http $proxy.https -}}
{{- $direct := list "localhost" "127.0.0.1" "::1" ".svc" (printf ".svc.%s" $root.Values.clusterDomain) -}}
{{- range rest . -}}
{{- $host := (urlParse (default "" .)).hostname -}}
{{- if regexMatch (printf "^[a-z0-9-]+(\\.%s)?$" $root.Release.Namespace) $host }}{{ $direct = append $direct $host }}{{ end -}}
{{- end -}}
{{- $direct = concat $direct (splitList "," (default "" $proxy.noProxy)) | uniq | compact -}}
{{- range $name, $value := dict "HTTP_PROXY" $proxy.http "HTTPS_PROXY" $proxy.https "NO_PROXY" (join "," $direct) }}
{{- if $value }}
- {name: {{ $name }}, value: {{ $value | quote }}}
- {name: {{ lower $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Egress rules: the port of each proxy, at global.proxy.cidrs, its own IP address, or any address. */}}
{{- define "common.egressProxy" -}}
{{- $proxy := .Values.global.proxy -}}
{{- range list $proxy.http $proxy.https | compact | uniq -}}
{{- $host := (urlParse .).hostname -}}
{{- $suffix := ternary "/128" "/32" (contains ":" $host) -}}
{{- $cidrs := default (ternary (list (print $host $suffix)) list (regexMatch "^[0-9.]+$|:" $host)) $proxy.cidrs -}}
{{- $rule := include "common.egressUrl" . | fromYamlArray | first -}}
{{- range $cidrs }}{{ $_ := set $rule "to" (append (default list $rule.to) (dict "ipBlock" (dict "cidr" .))) }}{{ end }}
- {{ toJson $rule }}
{{- end -}}
{{- end -}}
