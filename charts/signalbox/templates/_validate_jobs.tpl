{{/* Argument: the root with `needs`, the needs of the enabled jobs. Rejects jobs that look for the assessor, its encoder or its database elsewhere. */}}
{{- define "signalbox.validateJobs" -}}
{{- $jobs := .Values.pipelines -}}{{- $assessor := .Values.assessor -}}
{{- if ne $jobs.database.type $assessor.database.type -}}
{{- fail (printf "pipelines.database.type: %q, but assessor.database.type is %q. Set both to the same database." $jobs.database.type $assessor.database.type) -}}
{{- end -}}
{{- if and (contains " database " .needs) (eq $jobs.database.type "sqlite") }}{{ include "signalbox.validateDatabase" . }}{{ end -}}
{{- if and (contains " assessor " .needs) }}{{ include "signalbox.validateAssessor" . }}{{ end -}}
{{- if and (contains " encoder " .needs) $jobs.encoder.enabled }}{{ include "signalbox.validateEncoder" . }}{{ end -}}
{{- end -}}

{{/* The jobs read the assessor's SQLite. */}}
{{- define "signalbox.validateDatabase" -}}
{{- $claim := .Values.pipelines.database.sqlite.existingClaim -}}
{{- $persistence := .Values.assessor.persistence -}}
{{- if not $persistence.enabled -}}
{{- fail "assessor.persistence.enabled: false, so the jobs cannot read the assessor's database. Set it to true, or database.type of both parts to postgres." -}}
{{- end -}}
{{- $database := include "assessor.databaseClaim" .Subcharts.assessor -}}
{{- if ne $claim $database -}}
{{- fail (printf "pipelines.database.sqlite.existingClaim: %q, but the database of the assessor is on claim %q. Set it to %q." $claim $database $database) -}}
{{- end -}}
{{- end -}}

{{/* Jobs that query the assessor use its port, and send a key of the Secret that it reads. */}}
{{- define "signalbox.validateAssessor" -}}
{{- $assessor := .Values.assessor -}}{{- $client := .Values.pipelines.assessor -}}
{{- $name := include "common.fullname" .Subcharts.assessor -}}
{{- $service := include "signalbox.service" (list . $client.url) | fromJson -}}
{{- if has $service.name (list $name "assessor") -}}
{{- $url := include "signalbox.url" (list $name $assessor.service.port) -}}
{{- if or (ne $service.name $name) (ne (int $service.port) (int $assessor.service.port)) -}}
{{- fail (printf "pipelines.assessor.url: %q, but the Service of the assessor is %s. Use %s." $client.url $name $url) -}}
{{- end -}}
{{- $secret := $assessor.apiKeys.existingSecret -}}
{{- if and $secret $assessor.apiKeys.enabled (kindIs "invalid" $client.apiKey.existingSecret) (ne $secret (printf "%s-keys" $name)) -}}
{{- fail (printf "pipelines.assessor.apiKey.existingSecret: is not set, but the keys of the assessor are in Secret %q. Set it to %q, which needs the key in plain text as %s." $secret $secret $client.apiKey.existingSecretKey) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Jobs that query the encoder use the assessor's. A name that this release does not install may be another encoder. */}}
{{- define "signalbox.validateEncoder" -}}
{{- $url := .Values.pipelines.encoder.url -}}
{{- $service := include "signalbox.service" (list . $url) | fromJson -}}
{{- $name := include "assessor.encoderName" .Subcharts.assessor -}}
{{- if has (trimSuffix "-predictor" $service.name) (list $name "assessor-encoder") -}}
{{- if not .Values.assessor.encoder.enabled -}}
{{- fail (printf "pipelines.encoder.url: %q, but assessor.encoder.enabled is false. Set pipelines.encoder.enabled to false, too." $url) -}}
{{- end -}}
{{- $own := include "assessor.encoderUrl" .Subcharts.assessor -}}
{{- $target := include "signalbox.service" (list . $own) | fromJson -}}
{{- if ne (toJson $service) (toJson $target) -}}
{{- fail (printf "pipelines.encoder.url: %q, but the assessor calls %s. Set it to %s." $url $own
  (empty $target.name | ternary $own (include "signalbox.url" (list $target.name $target.port)))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Rejects the name of a claim that a part of this release would create, but does not. Claims of other names are the user's. */}}
{{- define "signalbox.validateClaims" -}}
{{- $assessor := .Subcharts.assessor -}}{{- $pipelines := .Subcharts.pipelines -}}
{{- $names := list -}}{{- $claims := list -}}{{- $uses := dict -}}
{{- if .Values.assessor.enabled -}}
{{- $names = list "assessor" (include "common.fullname" $assessor) -}}
{{- $claims = list (include "assessor.databaseClaim" $assessor) -}}
{{- $_ := set $uses "assessor.encoder.storageUri" (include "assessor.encoderMount" $assessor) -}}
{{- $_ := set $uses "assessor.thresholds.existingClaim" .Values.assessor.thresholds.existingClaim -}}
{{- end -}}
{{- if .Values.pipelines.enabled -}}
{{- $names = concat $names (list "pipelines" (include "common.fullname" $pipelines)) -}}
{{- $existing := .Values.pipelines.persistence.existingClaim -}}
{{- if $existing -}}
{{- $_ := set $uses "pipelines.persistence.existingClaim" (ternary $existing "" .Values.pipelines.persistence.enabled) -}}
{{- else -}}
{{- $claims = append $claims (include "pipelines.claim" $pipelines) -}}
{{- end -}}
{{- end -}}
{{- range $key, $claim := $uses -}}
{{- if and (has $claim $names) (not (has $claim $claims)) (not (include "common.liveClaim" (list $ $claim) | fromJson).spec) -}}
{{- fail (printf "%s: names claim %q, but no part of this release creates it. %s" $key $claim
  (ternary "Name a claim that exists, or create one as values-postgres.yaml does." (printf "Name %s." (compact $claims | join " or ")) (empty (compact $claims)))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
