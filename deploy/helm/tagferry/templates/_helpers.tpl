{{/* What everything is called: the release, as long as the name of a CronJob may be. */}}
{{- define "tagferry.name" -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/* What finds the pods. */}}
{{- define "tagferry.selector" -}}
app.kubernetes.io/name: tagferry
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tagferry.labels" -}}
{{ include "tagferry.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "tagferry.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Metadata of a pod. A changed configuration makes a Deployment start anew. */}}
{{- define "tagferry.podMetadata" -}}
labels:
  {{- include "tagferry.selector" . | nindent 2 }}
  {{- with .Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  tagferry/config: {{ .Values.config | sha256sum | trunc 16 | quote }}
  {{- with .Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* A pod without its restart policy. Takes the root as `root`, and `args`, `env`, and `container`, more of the container. */}}
{{- define "tagferry.pod" -}}
{{- $values := .root.Values -}}
serviceAccountName: {{ include "tagferry.name" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
# Copies in flight have shutdown_grace, 25 s, to end.
terminationGracePeriodSeconds: 30
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: tagferry
    image: {{ include "tagferry.image" .root }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    args: {{ concat (list "--config" "/etc/tagferry/tagferry.yaml" "--log-format" "json") .args | toJson }}
    {{- with concat .env $values.env }}
    env:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .container }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
    resources:
      {{- toYaml $values.resources | nindent 6 }}
    volumeMounts:
      - name: config
        mountPath: /etc/tagferry
        readOnly: true
      {{- range $values.secretMounts }}
      - name: {{ .name }}
        mountPath: /var/run/secrets/tagferry/{{ .name }}
        readOnly: true
      {{- end }}
volumes:
  - name: config
    configMap:
      name: {{ $values.existingConfigMap | default (include "tagferry.name" .root) }}
  {{- range $values.secretMounts }}
  - name: {{ .name }}
    secret:
      secretName: {{ .secretName }}
      optional: true
      defaultMode: 0440
  {{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
