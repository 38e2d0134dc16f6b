{{- define "helpers.name" -}}{{ .Release.Name }}-{{ .Chart.Name }}{{- end -}}
{{- define "helpers.labels" -}}
app: {{ include "helpers.name" . | quote }}
{{ toYaml .Values.labels }}
{{- end -}}
