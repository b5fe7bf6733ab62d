ALTER TABLE webhook_outbox DROP CONSTRAINT webhook_outbox_sound,
  ADD CONSTRAINT webhook_outbox_type CHECK (type IN (
    'appointment.created', 'appointment.rescheduled', 'appointment.cancelled', 'appointment.started',
    'appointment.completed', 'appointment.no_show', 'appointment.reminder_due',
    'video.room_ready', 'video.participant_joined', 'video.participant_left', 'video.recording_available',
    'file.available', 'file.rejected', 'file.infected', 'file.deleted', 'document.signed',
    'program.assigned', 'program.paused', 'program.resumed', 'program.revised', 'program.ended',
    'exercise.completed', 'outcome.recorded',
    'endpoint.verification', 'endpoint.test', 'endpoint.disabled', 'endpoint.recovered',
    'member.added', 'member.removed')),
  ADD CONSTRAINT webhook_outbox_data CHECK (
    length(data) <= 2048 AND data ~ '^\{"object":"[a-z]+","id":("[0-9a-f-]{36}"|[0-9]+),"version":[0-9]+[,}]'
    AND webhook_words(data) AND data::jsonb IS NOT NULL);
ALTER TABLE telemetry_events DROP CONSTRAINT telemetry_events_sound,
  ADD CONSTRAINT telemetry_events_reason_check CHECK (reason IN ('malformed', 'schema', 'unknown_type', 'other')),
  ADD CONSTRAINT telemetry_events_check CHECK (CASE WHEN kind = 'audit'
    THEN type IS NULL AND occurred_at IS NULL AND subject_id IS NULL AND data IS NULL
    ELSE org_id > 0 AND kind IN ('analytics', 'rehab') AND type IS NOT NULL AND length(type) BETWEEN 3 AND 80
      AND occurred_at IS NOT NULL AND (subject_kind IS NULL) = (subject_id IS NULL)
      AND (subject_kind IS NULL OR subject_kind IN ('staff', 'patient'))
      AND data IS NOT NULL AND length(data) <= 2048 AND webhook_words_only(data::jsonb) END),
  ADD CONSTRAINT telemetry_events_check1 CHECK (reason IS NULL OR batch_id IS NULL);
ALTER TABLE audit_events DROP CONSTRAINT audit_events_actor, DROP CONSTRAINT audit_events_sound,
  ADD CONSTRAINT audit_events_org_id_check CHECK (org_id > 0),
  ADD CONSTRAINT audit_events_actor_kind_check CHECK (actor_kind IN ('user', 'client', 'system')),
  ADD CONSTRAINT audit_events_check CHECK ((actor_id IS NULL) = (actor_kind = 'system')),
  ADD CONSTRAINT audit_events_actor_role_check CHECK (actor_role IN ('patient', 'specialist', 'admin')),
  ADD CONSTRAINT audit_events_operation_check CHECK (length(operation) BETWEEN 1 AND 80),
  ADD CONSTRAINT audit_events_resource_kind_check CHECK (length(resource_kind) BETWEEN 1 AND 40),
  ADD CONSTRAINT audit_events_resource_id_check CHECK (length(resource_id) BETWEEN 1 AND 80),
  ADD CONSTRAINT audit_events_outcome_check CHECK (outcome IN ('success', 'refused', 'failed')),
  ADD CONSTRAINT audit_events_code_check CHECK (length(code) BETWEEN 1 AND 80);
DROP FUNCTION sound_webhook_event(text, text);
DROP FUNCTION sound_telemetry_event(bigint, text, text, timestamptz, text, uuid, text, uuid, text);
DROP FUNCTION sound_audit_line(bigint, text, text, text, text, text);
DROP FUNCTION sound_actor(text, uuid, text);
