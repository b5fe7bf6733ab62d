-- What a row of the three busiest queues must be, said by functions: PostgreSQL reads the expression of a check
-- anew for each statement, and a function once for each connection. With long lists of words that was the
-- better half of what such a row cost.

CREATE FUNCTION sound_actor(kind text, id uuid, role text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN kind = ANY (ARRAY['user', 'client', 'system']) AND (id IS NULL) = (kind = 'system')
    AND (role IS NULL OR role = ANY (ARRAY['patient', 'specialist', 'admin']));
END
$$;
COMMENT ON FUNCTION sound_actor(text, uuid, text) IS 'Whether somebody who acts is told of as one may be.';

CREATE FUNCTION sound_audit_line(org_id bigint, operation text, resource_kind text, resource_id text, outcome text,
  code text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN org_id > 0 AND outcome = ANY (ARRAY['success', 'refused', 'failed'])
    AND length(operation) BETWEEN 1 AND 80 AND length(resource_kind) BETWEEN 1 AND 40
    AND (resource_id IS NULL OR length(resource_id) BETWEEN 1 AND 80)
    AND (code IS NULL OR length(code) BETWEEN 1 AND 80);
END
$$;
COMMENT ON FUNCTION sound_audit_line(bigint, text, text, text, text, text)
  IS 'Whether a line of the audit holds what one may.';

CREATE FUNCTION sound_telemetry_event(org_id bigint, kind text, type text, occurred_at timestamptz,
  subject_kind text, subject_id uuid, data text, batch_id uuid, reason text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF reason IS NOT NULL AND (batch_id IS NOT NULL
      OR reason <> ALL (ARRAY['malformed', 'schema', 'unknown_type', 'other'])) THEN
    RETURN false;
  END IF;
  -- A line of the audit says all by its id.
  IF kind = 'audit' THEN
    RETURN type IS NULL AND occurred_at IS NULL AND subject_id IS NULL AND data IS NULL;
  END IF;
  RETURN org_id > 0 AND kind = ANY (ARRAY['analytics', 'rehab'])
    AND type IS NOT NULL AND length(type) BETWEEN 3 AND 80 AND occurred_at IS NOT NULL
    AND (subject_kind IS NULL) = (subject_id IS NULL)
    AND (subject_kind IS NULL OR subject_kind = ANY (ARRAY['staff', 'patient']))
    AND data IS NOT NULL AND length(data) <= 2048 AND public.webhook_words(data) AND data::jsonb IS NOT NULL;
END
$$;
COMMENT ON FUNCTION sound_telemetry_event(bigint, text, text, timestamptz, text, uuid, text, uuid, text)
  IS 'Whether what waits for the Telemetry service holds what it may.';

CREATE FUNCTION sound_webhook_event(type text, data text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN type = ANY (ARRAY[
      'appointment.created', 'appointment.rescheduled', 'appointment.cancelled', 'appointment.started',
      'appointment.completed', 'appointment.no_show', 'appointment.reminder_due',
      'video.room_ready', 'video.participant_joined', 'video.participant_left', 'video.recording_available',
      'file.available', 'file.rejected', 'file.infected', 'file.deleted', 'document.signed',
      'program.assigned', 'program.paused', 'program.resumed', 'program.revised', 'program.ended',
      'exercise.completed', 'outcome.recorded',
      'endpoint.verification', 'endpoint.test', 'endpoint.disabled', 'endpoint.recovered',
      'member.added', 'member.removed'])
    AND length(data) <= 2048 AND data ~ '^\{"object":"[a-z]+","id":("[0-9a-f-]{36}"|[0-9]+),"version":[0-9]+[,}]'
    AND public.webhook_words(data) AND data::jsonb IS NOT NULL;
END
$$;
COMMENT ON FUNCTION sound_webhook_event(text, text) IS 'Whether what waits for its place in a feed holds what it may.';

DO $$
DECLARE
  f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['sound_actor(text, uuid, text)', 'sound_audit_line(bigint, text, text, text, text, text)',
    'sound_telemetry_event(bigint, text, text, timestamptz, text, uuid, text, uuid, text)',
    'sound_webhook_event(text, text)']
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO core_app, core_worker, core_definer', f);
  END LOOP;
END
$$;

ALTER TABLE audit_events
  DROP CONSTRAINT audit_events_org_id_check, DROP CONSTRAINT audit_events_actor_kind_check,
  DROP CONSTRAINT audit_events_check, DROP CONSTRAINT audit_events_actor_role_check,
  DROP CONSTRAINT audit_events_operation_check, DROP CONSTRAINT audit_events_resource_kind_check,
  DROP CONSTRAINT audit_events_resource_id_check, DROP CONSTRAINT audit_events_outcome_check,
  DROP CONSTRAINT audit_events_code_check,
  ADD CONSTRAINT audit_events_actor CHECK (sound_actor(actor_kind, actor_id, actor_role)),
  ADD CONSTRAINT audit_events_sound CHECK (sound_audit_line(
    org_id, operation, resource_kind, resource_id, outcome, code));
ALTER TABLE telemetry_events
  DROP CONSTRAINT telemetry_events_reason_check, DROP CONSTRAINT telemetry_events_check,
  DROP CONSTRAINT telemetry_events_check1,
  ADD CONSTRAINT telemetry_events_sound CHECK (sound_telemetry_event(
    org_id, kind, type, occurred_at, subject_kind, subject_id, data, batch_id, reason));
ALTER TABLE webhook_outbox
  DROP CONSTRAINT webhook_outbox_type, DROP CONSTRAINT webhook_outbox_data,
  ADD CONSTRAINT webhook_outbox_sound CHECK (sound_webhook_event(type, data));
