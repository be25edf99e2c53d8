{{/* What pods of services and of migrations share. All take root, name and service. */}}

{{- define "stoa.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
# The mounted key belongs to this group.
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "stoa.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "stoa.env" -}}
- name: STOA_CONFIG
  value: /etc/stoa/config/stoa.toml
{{- if .service.store }}
- name: STOA_STORE__URL
  valueFrom:
    secretKeyRef:
      name: {{ .service.postgres.urlSecret.name }}
      key: {{ .service.postgres.urlSecret.key }}
{{- with .root.Values.nats.urlSecret }}
{{- if .name }}
- name: STOA_BUS__URL
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .key }}
{{- end }}
{{- end }}
{{- end }}
{{- with .service.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "stoa.volumeMounts" -}}
- name: config
  mountPath: /etc/stoa/config
  readOnly: true
- name: keys
  mountPath: /etc/stoa/keys
  readOnly: true
- name: data
  mountPath: /var/lib/stoa
- name: tmp
  mountPath: /tmp
{{- with .service.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Takes configMap as well. */}}
{{- define "stoa.volumes" -}}
- name: config
  configMap:
    name: {{ .configMap }}
- name: keys
  secret:
    secretName: {{ .root.Values.auth.serviceKeySecret.name }}
    # Owner and group may read: the suite refuses a key that others can use.
    defaultMode: 0440
    items:
      - key: {{ .root.Values.auth.serviceKeySecret.key }}
        path: service.pem
- name: data
  emptyDir:
    sizeLimit: {{ .service.scratchSizeLimit }}
- name: tmp
  emptyDir:
    sizeLimit: {{ .service.scratchSizeLimit }}
{{- with .service.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
