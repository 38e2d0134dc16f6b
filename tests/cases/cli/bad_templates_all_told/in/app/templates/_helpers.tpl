{{ define "app.tag" }}
{{- .Values.image.tag.main -}}
{{ end }}
{{ define "app.size" -}}
size: {{ trim .Values.size }}
{{- end }}
