{{/* Hooks run before the chart's ServiceAccount exists. */}}
{{- define "assessor.hookAccountName" -}}
{{- ternary "default" (include "common.serviceAccountName" .) .Values.serviceAccount.create -}}
{{- end -}}

{{- define "assessor.keysSecret" -}}
{{- default (printf "%s-keys" (include "common.fullname" .)) .Values.apiKeys.existingSecret -}}
{{- end -}}

{{/* Secret with the decoder's key; empty for none. A host without a dot is a Service in this namespace, and charts/model-server
     names its Secret after it, without the suffix of KServe. No other server receives a key that was not configured for it. */}}
{{- define "assessor.decoderKeySecret" -}}
{{- $apiKey := .Values.decoder.apiKey -}}
{{- $host := (urlParse .Values.decoder.url).hostname | trimSuffix "-predictor" -}}
{{- if not .Values.decoder.enabled -}}
{{- else if kindIs "string" $apiKey.existingSecret -}}
{{ $apiKey.existingSecret }}
{{- else if and (not $apiKey.value) (regexMatch "^[a-z0-9][-a-z0-9]*$" $host) -}}
{{ $host }}-key
{{- end -}}
{{- end -}}

{{/* Routes over the enabled models among helmTest.models, or the first enabled model. */}}
{{- define "assessor.testModels" -}}
{{- $encoder := .Values.encoder.enabled -}}{{- $decoder := .Values.decoder.enabled -}}
{{- $enabled := dict "encoder" $encoder "decoder" $decoder "cascade" (and $encoder $decoder) -}}
{{- $models := list -}}
{{- range .Values.helmTest.models }}{{ if get $enabled . }}{{ $models = append $models . }}{{ end }}{{ end -}}
{{- join " " $models | default (ternary "encoder" "decoder" $encoder) -}}
{{- end -}}

{{- define "assessor.replicas" -}}
{{- if kindIs "invalid" .Values.replicas -}}
{{ ternary 1 2 (eq .Values.database.type "sqlite") }}
{{- else -}}
{{ int .Values.replicas }}
{{- end -}}
{{- end -}}

{{/* Arguments: (list ROOT SECRET), where SECRET contains the URL if the values do. Postgres only. */}}
{{- define "assessor.databaseUrl" -}}
{{- $postgres := (index . 0).Values.database.postgres -}}
- name: SIGNALBOX_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ default (index . 1) $postgres.existingSecret }}
      key: {{ ternary $postgres.existingSecretKey "database-url" (not (empty $postgres.existingSecret)) }}
{{- end -}}

{{/* The claim with the SQLite database that the chart creates, as JSON; see common.claim. */}}
{{- define "assessor.claim" -}}
{{- include "common.claim" (list . (include "common.fullname" .) .Values.persistence) -}}
{{- end -}}

{{/* Name of the claim with SQLite; empty for none. */}}
{{- define "assessor.databaseClaim" -}}
{{- if and (eq .Values.database.type "sqlite") .Values.persistence.enabled -}}
{{ default (include "assessor.claim" . | fromJson).name .Values.persistence.existingClaim }}
{{- end -}}
{{- end -}}

{{/* Claims that the assessor mounts, as a JSON list: that of SQLite first, then that of the thresholds. */}}
{{- define "assessor.claims" -}}
{{- list (include "assessor.databaseClaim" .) .Values.thresholds.existingClaim | compact | uniq | toJson -}}
{{- end -}}

{{/* "true" if one node can mount SQLite, so that pods that share a claim must share a node. Access modes of other charts' claims are not known here. */}}
{{- define "assessor.oneNode" -}}
{{- and (not (empty (include "assessor.databaseClaim" .))) (not (has "ReadWriteMany" .Values.persistence.accessModes)) -}}
{{- end -}}

{{/* Affinity of the assessor. If the encoder shares a claim with it, the node of that claim, because the encoder does not release it during an update. */}}
{{- define "assessor.affinity" -}}
{{- $claims := include "assessor.claims" . | fromJsonArray -}}
{{- $encoder := include "assessor.encoderMount" . -}}
{{- $oneNode := eq (include "assessor.oneNode" .) "true" -}}
{{- if .Values.affinity -}}
{{ toYaml .Values.affinity }}
{{- else if $oneNode -}}
{{ include "common.claimAffinity" (list . (ternary $encoder (include "assessor.databaseClaim" .) (has $encoder $claims))) }}
{{- else if and $claims (not .Values.autoscaling.enabled) (eq (include "assessor.replicas" .) "1") -}}
{{ include "common.claimAffinity" (list . "") }}
{{- end -}}
{{- end -}}

{{/* Egress rules of all pods: this namespace, DNS, the proxy, and those in networkPolicy. */}}
{{- define "assessor.egress" -}}
- to: [{podSelector: {}}]
{{ include "common.egressDns" . }}
{{- include "common.egressProxy" . }}
{{- with concat (default list .Values.networkPolicy.extraEgress) (default list .Values.networkPolicy.mesh.egress) }}
{{ toYaml . }}
{{- end }}
{{- end -}}
