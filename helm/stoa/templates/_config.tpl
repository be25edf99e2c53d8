{{/*
The settings of a service as a map: `config`, then the service's own, then those
that the chart decides. Takes root, name and service (its merged values).
*/}}
{{- define "stoa.settings" -}}
{{- $root := .root -}}
{{- $full := include "stoa.fullname" $root -}}
{{- $peers := dict -}}
{{- range $peer, $_ := $root.Values.services -}}
{{- if ne $peer "gateway" -}}
{{- $_ := set $peers $peer (printf "http://%s-%s:8080" $full $peer) -}}
{{- end -}}
{{- end -}}
{{- $fixed := dict
  "data_dir" "/var/lib/stoa"
  "listen" "0.0.0.0:8080"
  "management_listen" "0.0.0.0:9090"
  "services" (list .name)
  "auth" (dict "local_key" "off" "service_key" "/etc/stoa/keys/service.pem" "issuers" $root.Values.auth.issuers)
  "peers" $peers -}}
{{- if .service.store -}}
{{- $_ := set $fixed "store" (dict "backend" "postgres") -}}
{{- $bus := dict "kind" "jetstream" -}}
{{- if not $root.Values.nats.urlSecret.name -}}
{{- $_ := set $bus "url" $root.Values.nats.url -}}
{{- end -}}
{{- $_ := set $fixed "bus" $bus -}}
{{- end -}}
{{- $settings := mergeOverwrite (deepCopy $root.Values.config) (deepCopy .service.config) $fixed -}}
{{- if and (eq .name "gateway") $root.Values.ingress.enabled -}}
{{- /* All callers have the address of the ingress controller. */ -}}
{{- $settings = merge $settings (dict "limits" (dict "proxies" (list "0.0.0.0/0" "::/0"))) -}}
{{- end -}}
{{- $settings | toJson -}}
{{- end -}}

{{/* The settings as TOML. Helm's toToml writes whole numbers as floats, which the suite refuses. */}}
{{- define "stoa.toml" -}}
{{- include "stoa.toml.table" (dict "path" "" "table" (include "stoa.settings" . | fromJson)) | trim }}
{{ end -}}

{{/* One table and its subtables. Plain values come first, or they would belong to a subtable. */}}
{{- define "stoa.toml.table" -}}
{{- range $key, $value := .table -}}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value) (include "stoa.toml.isTables" $value)) }}
{{ $key }} = {{ toJson $value }}
{{- end -}}
{{- end -}}
{{- $parent := .path -}}
{{- range $key, $value := .table -}}
{{- $path := ternary $key (printf "%s.%s" $parent $key) (eq $parent "") -}}
{{- if kindIs "map" $value }}

[{{ $path }}]
{{- include "stoa.toml.table" (dict "path" $path "table" $value) -}}
{{- else if include "stoa.toml.isTables" $value -}}
{{- range $item := $value }}

[[{{ $path }}]]
{{- include "stoa.toml.table" (dict "path" $path "table" $item) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "stoa.toml.isTables" -}}
{{- if kindIs "slice" . -}}
{{- if . -}}
{{- if kindIs "map" (first .) -}}true{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
