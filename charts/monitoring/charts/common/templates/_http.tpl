{{/* Argument: service of the values. Fields of a Service's spec apart from ports and selector. */}}
{{- define "common.service" -}}
type: {{ .type }}
{{- range $field := list "ipFamilyPolicy" "ipFamilies" "loadBalancerSourceRanges" }}{{ with get $ $field }}{{ printf "\n%s: %s" $field (toJson .) }}{{ end }}{{ end -}}
{{- end -}}

{{/* Arguments: (list SERVICE PORT TARGET), where SERVICE is service of the values. The port of a Service. */}}
{{- define "common.servicePort" -}}
{name: http, port: {{ int (index . 1) }}, targetPort: {{ index . 2 }}, protocol: TCP{{ with (index . 0).appProtocol }}, appProtocol: {{ . }}{{ end }}}
{{- end -}}

{{/* Argument: ingress of the values. Annotations for its timeout, which has no field; controllers ignore those of others. */}}
{{- define "common.ingressTimeout" -}}
nginx.ingress.kubernetes.io/proxy-buffering: "off" # for streamed answers
{{- range list "nginx.ingress.kubernetes.io/proxy-read-timeout" "nginx.ingress.kubernetes.io/proxy-send-timeout" }}{{ printf "\n%s: %q" . (trimSuffix "s" $.timeout) }}{{ end -}}
{{- range list "nginx.org/proxy-read-timeout" "haproxy.org/timeout-server" "haproxy-ingress.github.io/timeout-server" "haproxy.router.openshift.io/timeout" }}{{ printf "\n%s: %s" . $.timeout }}{{ end -}}
{{- end -}}
