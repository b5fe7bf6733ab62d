-- What waits to be sent to the Telemetry service.

-- One row per event, gone when the service has it. Of a line of the audit it is only the name; of a
-- fact it is the fact. A row of its own and no mark beside the line: the audit is append-only, and a
-- place in a sequence or a transaction's number says nothing after a restore elsewhere.
-- No foreign keys, as in the audit: every read would pay for them.
CREATE TABLE telemetry_events (
  org_id bigint NOT NULL CHECK (org_id > 0),
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('audit', 'analytics', 'rehab')),
  type text CHECK (length(type) BETWEEN 3 AND 80),
  occurred_at timestamptz,
  -- Whom it tells of, by pseudonym when it is sent.
  subject_kind text CHECK (subject_kind IN ('staff', 'patient')),
  subject_id uuid,
  -- The closed fields, as they will stand on the wire.
  data text CHECK (length(data) <= 2048 AND webhook_words_only(data::jsonb)),
  queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- The batch into which it was frozen.
  batch_id uuid,
  -- Why the service will never take it: it is kept, and not sent.
  reason text CHECK (reason IN ('malformed', 'schema', 'unknown_type', 'other')),
  PRIMARY KEY (org_id, id),
  CHECK ((subject_kind IS NULL) = (subject_id IS NULL)),
  CHECK ((kind = 'audit') = (type IS NULL) AND (type IS NULL) = (data IS NULL)
    AND (type IS NULL) = (occurred_at IS NULL)),
  CHECK (reason IS NULL OR batch_id IS NULL)
);
CREATE INDEX telemetry_events_waiting ON telemetry_events (org_id, id) WHERE batch_id IS NULL AND reason IS NULL;
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
