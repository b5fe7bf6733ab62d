-- What waits to be sent to the Telemetry service.

-- One row per event, gone when the service has it. Of a line of the audit it is only the name; of a
-- fact it is the fact. A row of its own and no mark beside the line: the audit is append-only, and a
-- place in a sequence or a transaction's number says nothing after a restore elsewhere.
-- No foreign keys, as in the audit: every read would pay for them.
-- Every request waits for the line that it leaves here: so one check that ends at once for a line of
-- the audit, and no index besides the key (measured, 30 lines a commit: the queue costs a tenth of the
-- audit; with a check a column and an index of what waits, a half).
CREATE TABLE telemetry_events (
  org_id bigint NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL,
  type text,
  occurred_at timestamptz,
  -- Whom it tells of, by pseudonym when it is sent.
  subject_kind text,
  subject_id uuid,
  -- The closed fields, as they will stand on the wire.
  data text,
  queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- The batch into which it was frozen.
  batch_id uuid,
  -- Why the service will never take it: it is kept, and not sent.
  reason text CHECK (reason IN ('malformed', 'schema', 'unknown_type', 'other')),
  PRIMARY KEY (org_id, id),
  CHECK (CASE WHEN kind = 'audit'
    THEN type IS NULL AND occurred_at IS NULL AND subject_id IS NULL AND data IS NULL
    ELSE org_id > 0 AND kind IN ('analytics', 'rehab')
      AND type IS NOT NULL AND length(type) BETWEEN 3 AND 80 AND occurred_at IS NOT NULL
      AND (subject_kind IS NULL) = (subject_id IS NULL)
      AND (subject_kind IS NULL OR subject_kind IN ('staff', 'patient'))
      AND data IS NOT NULL AND length(data) <= 2048 AND webhook_words_only(data::jsonb) END),
  CHECK (reason IS NULL OR batch_id IS NULL)
);
CREATE INDEX telemetry_events_of_batch ON telemetry_events (org_id, batch_id) WHERE batch_id IS NOT NULL;
CALL make_tenant_table('telemetry_events', '', 'SELECT');
GRANT INSERT (org_id, id, kind, type, occurred_at, subject_kind, subject_id, data)
  ON telemetry_events TO core_app, core_worker, core_definer;
GRANT SELECT, UPDATE (batch_id, reason), DELETE ON telemetry_events TO core_definer;
CALL classify('telemetry_events', 'tenant',
  'org_id: id, id: id, kind: enum, type: enum, occurred_at: time, subject_kind: enum, subject_id: id, data: enum, queued_at: time, batch_id: id, reason: enum');

-- What is sent at once: its id and its members are durable before it is sent for the first time.
CREATE TABLE telemetry_batches (
  org_id bigint NOT NULL CHECK (org_id > 0),
  id uuid NOT NULL,
  -- The epoch of the pseudonyms in it.
  key_epoch integer NOT NULL CHECK (key_epoch >= 0),
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  -- Not before then; of a claimed batch, the end of its lease.
  due_at timestamptz NOT NULL,
  lease uuid,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX telemetry_batches_due ON telemetry_batches (due_at);
CREATE INDEX telemetry_batches_by_id ON telemetry_batches (id);
CALL make_tenant_table('telemetry_batches', '', '');
GRANT SELECT, INSERT, UPDATE (due_at, attempts, lease), DELETE ON telemetry_batches TO core_definer;
CALL classify('telemetry_batches', 'tenant',
  'org_id: id, id: id, key_epoch: number, attempts: number, due_at: time, lease: id');

-- Every line of the audit waits to be sent from the moment in which it commits, whoever writes it.
CREATE FUNCTION queue_audit() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.telemetry_events (org_id, id, kind) SELECT l.org_id, l.id, 'audit' FROM lines l;
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION queue_audit() FROM PUBLIC;
CREATE TRIGGER audit_events_queued AFTER INSERT ON audit_events
  REFERENCING NEW TABLE AS lines FOR EACH STATEMENT EXECUTE FUNCTION queue_audit();
