{{/* Egress rule: DNS, wherever it runs in the cluster. */}}
{{- define "common.egressDns" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
    - {port: 5353, protocol: UDP} # OpenShift's DNS pods
    - {port: 5353, protocol: TCP}
{{- end -}}

{{/* Argument: a URL. Egress rule: the port of the URL. A NetworkPolicy cannot name hosts, so the rule allows the port on every host. */}}
{{- define "common.egressUrl" -}}
{{- $url := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "80" "443" (eq $url.scheme "http")) -}}
- ports: [{port: {{ $port }}, protocol: TCP}]
{{- end -}}

{{/* Argument: a URL. Its host if that is outside the cluster: a name with dots that is not NAME.NAMESPACE.svc. Else empty. */}}
{{- define "common.externalHost" -}}
{{- $host := (urlParse (default "" .)).hostname -}}
{{- if and (contains "." $host) (not (regexMatch "\\.svc(\\.|$)|^[0-9.]+$" $host)) }}{{ $host }}{{ end -}}
{{- end -}}
