{{/* Annotations of a server's pod. Environment variables are read at the start only, so a changed key must start new pods. */}}
{{- define "model-server.podAnnotations" -}}
{{- $all := deepCopy (default dict .Values.podAnnotations) -}}
{{- if .Values.openshift }}{{ $_ := set $all "openshift.io/required-scc" "restricted-v2" }}{{ end -}}
{{- if .Values.apiKey.value }}{{ $_ := set $all "checksum/key" (sha256sum .Values.apiKey.value) }}{{ end -}}
{{- if $all }}{{ toYaml $all }}{{ end -}}
{{- end }}

{{/*
The pod of a server, shared by Deployment, LeaderWorkerSet and InferenceService.
Call with (dict "root" $ "container" NAME "more" ARGUMENTS "probes" true|false "waits" SECONDS): `waits` is what the pod
lets pass before its own SIGTERM, besides shutdown.preStopSeconds.
*/}}
{{- define "model-server.pod" -}}
{{- $root := .root -}}
{{- $engine := include "model-server.engine" $root | fromJson -}}
{{- $pool := include "model-server.pool" $root | fromJson -}}
{{- /* An engine that cuts its answers on SIGTERM gets it when they have had their time: nothing new comes in by then. */}}
{{- $waits := ternary $root.Values.shutdown.drainSeconds (default 0 .waits) (not (empty $engine.drain)) -}}
{{- $preStop := add (int $root.Values.shutdown.preStopSeconds) (int $waits) -}}
serviceAccountName: {{ include "common.serviceAccountName" $root }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ add $preStop (ternary 0 (int $root.Values.shutdown.drainSeconds) (not (empty $engine.drain))) 15 }}
{{- with $root.Values.gpu.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with include "common.imagePullSecrets" (list $root $root.Values.image) }}
{{ . }}
{{- end }}
securityContext: {{- include "common.podSecurity" (list $root $engine.user) | nindent 2 }}
{{- with include "model-server.nodeTerms" (dict "root" $root "pool" $pool) | trim }}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
      - matchExpressions:
        {{- . | nindent 8 }}
{{- end }}
{{- with include "model-server.tolerations" (dict "root" $root "pool" $pool) }}
tolerations:
{{ . }}
{{- end }}
{{- if and $engine.pull (not $root.Values.airGapped) }}
initContainers:
- name: pull
  image: {{ include "model-server.engineImage" $root }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  command: [/bin/sh, -c]
  args:
  - {{ $engine.pull | quote }}
  env:
  - {name: MODEL, value: {{ $root.Values.model.name | quote }}}
  {{- include "model-server.env" $root | trim | nindent 2 }}
  securityContext: {{- include "common.containerSecurity" . | nindent 4 }}
  resources: {{- toYaml $root.Values.resources | nindent 4 }}
  volumeMounts: {{- include "model-server.mounts" $root | nindent 2 }}
{{- end }}
containers:
- name: {{ .container }}
  image: {{ include "model-server.engineImage" $root }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  {{- with $engine.command }}
  command: {{ toJson . }}
  {{- end }}
  {{- with include "model-server.args" (dict "root" $root "more" .more) }}
  args: {{- . | nindent 2 }}
  {{- end }}
  env: {{- include "model-server.env" $root | trim | nindent 2 }}
  {{- if .probes }}
  ports:
  - {name: http, containerPort: {{ $engine.port }}, protocol: TCP}
  {{- $seconds := include "model-server.startupSeconds" $root | int }}
  # Nothing else is judged before this one succeeds: {{ $seconds }} s to load the weights.
  startupProbe:
    {{- include "model-server.ready" $root | nindent 4 }}
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: {{ div (add $seconds 9) 10 }}
  readinessProbe:
    {{- include "model-server.ready" $root | nindent 4 }}
    {{- include "model-server.probeTimes" $root.Values.readinessProbe | nindent 4 }}
  # An engine at its limit answers late, and killing it would cut its streams: {{ mul $root.Values.livenessProbe.periodSeconds $root.Values.livenessProbe.failureThreshold }} s of silence before that.
  livenessProbe:
    httpGet: {path: {{ $engine.probes.live }}, port: http}
    {{- include "model-server.probeTimes" $root.Values.livenessProbe | nindent 4 }}
  {{- end }}
  lifecycle:
    preStop:
      exec: {command: [sleep, {{ $preStop | toString | quote }}]}
  securityContext: {{- include "common.containerSecurity" . | nindent 4 }}
  resources: {{- include "model-server.resources" $root | nindent 4 }}
  volumeMounts: {{- include "model-server.mounts" $root | nindent 2 }}
volumes:
{{ include "model-server.volumes" $root | trim }}
{{- end }}

{{- define "model-server.ready" -}}
{{- $probes := (include "model-server.engine" . | fromJson).probes -}}
{{- with $probes.readyCommand }}exec: {command: {{ append . $.Values.model.name | toJson }}}
{{- else }}httpGet: {path: {{ $probes.ready }}, port: http}{{ end -}}
{{- end }}

{{- define "model-server.probeTimes" -}}
periodSeconds: {{ .periodSeconds }}
timeoutSeconds: {{ .timeoutSeconds }}
failureThreshold: {{ .failureThreshold }}
{{- end }}

{{/* Requests and limits with the GPUs of one node. */}}
{{- define "model-server.resources" -}}
{{- $all := deepCopy .Values.resources -}}
{{- $pool := include "model-server.pool" . | fromJson -}}
{{- if $pool.resource -}}
{{- $each := div (int .Values.gpu.count) (int .Values.parallelism.nodes) -}}
{{- $_ := set $all "requests" (merge (dict $pool.resource $each) (default dict $all.requests)) -}}
{{- $_ := set $all "limits" (merge (dict $pool.resource $each) (default dict $all.limits)) -}}
{{- end -}}
{{- toYaml $all -}}
{{- end }}

{{/* Size of /dev/shm; empty where one process serves alone. */}}
{{- define "model-server.sharedMemory" -}}
{{- if .Values.sharedMemory }}{{ .Values.sharedMemory }}
{{- else if gt (int .Values.gpu.count) 1 }}{{ printf "%dGi" (mul 2 (div (int .Values.gpu.count) (int .Values.parallelism.nodes))) }}{{ end -}}
{{- end }}

{{- define "model-server.mounts" -}}
- {name: cache, mountPath: /cache}
- {name: tmp, mountPath: /tmp}
{{- with include "common.caMount" . }}{{ . | nindent 0 }}{{ end }}
{{- if include "model-server.sharedMemory" . }}
- {name: shm, mountPath: /dev/shm}
{{- end }}
{{- if has .Values.model.source (list "pvc" "oci") }}
- {name: model, mountPath: /model, readOnly: true}
{{- end }}
{{- end }}

{{- define "model-server.volumes" -}}
{{- if .Values.cache.persistent }}
- name: cache
  persistentVolumeClaim: {claimName: {{ include "model-server.cacheClaim" . }}}
{{- else }}
- name: cache
  emptyDir: {sizeLimit: {{ include "model-server.cacheSize" . }}}
{{- end }}
- name: tmp
  emptyDir: {sizeLimit: 4Gi}
{{- with include "common.caVolume" . }}{{ . | nindent 0 }}{{ end }}
{{- with include "model-server.sharedMemory" . }}
- name: shm
  emptyDir: {medium: Memory, sizeLimit: {{ . }}}
{{- end }}
{{- if eq .Values.model.source "pvc" }}
- name: model
  persistentVolumeClaim: {claimName: {{ .Values.model.pvc.claimName }}, readOnly: true}
{{- else if eq .Values.model.source "oci" }}
- name: model
  image: {reference: {{ .Values.model.oci.reference }}, pullPolicy: IfNotPresent}
{{- end }}
{{- end }}
