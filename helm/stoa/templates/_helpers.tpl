{{/* Name of the release's resources. 40 characters leave room for the service. */}}
{{- define "stoa.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels that select the pods of the release. */}}
{{- define "stoa.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels of a service's resources. Takes root and name. */}}
{{- define "stoa.labels" -}}
{{ include "stoa.selector" .root }}
app.kubernetes.io/component: {{ .name }}
app.kubernetes.io/part-of: stoa
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* A service's values: the defaults, overridden by its own. Takes root and name. */}}
{{- define "stoa.service" -}}
{{- $own := index .root.Values.services .name | default dict -}}
{{- $base := merge (dict "postgres" .root.Values.postgres) .root.Values.defaults -}}
{{- mergeOverwrite (deepCopy $base) (deepCopy $own) | toYaml -}}
{{- end -}}

{{- define "stoa.serviceAccountName" -}}
{{- if .root.Values.serviceAccount.create -}}
{{- printf "%s-%s" (include "stoa.fullname" .root) .name -}}
{{- else -}}
{{- default "default" .root.Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "stoa.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}
