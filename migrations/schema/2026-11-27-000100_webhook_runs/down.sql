-- A row for each event, for each delivery that waits and for each lease, as it was.
DROP FUNCTION webhook_waiting(bigint, uuid, uuid, text, timestamptz, timestamptz, bigint);
DROP FUNCTION webhook_ended(bigint, uuid, uuid, text, timestamptz, timestamptz, text, bigint);
DROP TRIGGER webhook_events_words ON webhook_events;
DROP FUNCTION refuse_webhook_prose();

CREATE FUNCTION webhook_delivery_id(kept_at timestamptz, endpoint_id uuid, event_id uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$select (lpad(to_hex((extract(epoch from kept_at) * 1000)::bigint), 12, '0') || '7'
  || overlay(substr(md5(endpoint_id::text || event_id::text), 1, 19) placing '8' from 4 for 1))::uuid$$;
REVOKE ALL ON FUNCTION webhook_delivery_id(timestamptz, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION webhook_delivery_id(timestamptz, uuid, uuid) TO core_app, core_definer;
COMMENT ON FUNCTION webhook_delivery_id(timestamptz, uuid, uuid) IS 'The id of an event''s delivery to an endpoint.';

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
REVOKE ALL ON FUNCTION sound_webhook_event(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sound_webhook_event(text, text) TO core_app, core_worker, core_definer;
COMMENT ON FUNCTION sound_webhook_event(text, text) IS 'Whether what waits for its place in a feed holds what it may.';

ALTER TABLE webhook_outbox RENAME TO webhook_outbox_runs;
ALTER INDEX webhook_outbox_oldest RENAME TO webhook_outbox_runs_oldest;
ALTER INDEX webhook_outbox_pkey RENAME TO webhook_outbox_runs_pkey;
ALTER TABLE webhook_outbox_runs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_queue RENAME TO webhook_queue_runs;
ALTER INDEX webhook_queue_due RENAME TO webhook_queue_runs_due;
ALTER INDEX webhook_queue_verifying RENAME TO webhook_queue_runs_verifying;
ALTER INDEX webhook_queue_pkey RENAME TO webhook_queue_runs_pkey;
ALTER TABLE webhook_queue_runs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_in_flight NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_endpoints NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_events NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_attempts NO FORCE ROW LEVEL SECURITY;

CREATE TABLE webhook_outbox (
  org_id bigint NOT NULL,
  id uuid NOT NULL,
  type text NOT NULL,
  occurred_at timestamptz NOT NULL,
  data text NOT NULL,
  only_for uuid,
  PRIMARY KEY (org_id, id),
  CONSTRAINT webhook_outbox_sound CHECK (sound_webhook_event(type, data))
);
CREATE INDEX webhook_outbox_oldest ON webhook_outbox (occurred_at, id);
ALTER TABLE webhook_outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
INSERT INTO webhook_outbox (org_id, id, type, occurred_at, data, only_for)
SELECT r.org_id, e.id, e.type, e.occurred_at, e.data, e.only_for
FROM webhook_outbox_runs r
CROSS JOIN LATERAL unnest(r.ids, r.types, r.moments, r.data, r.only_for) AS e (id, type, occurred_at, data, only_for);
DROP TABLE webhook_outbox_runs;
DROP FUNCTION sound_webhook_events(uuid[], text[], timestamptz[], text[], uuid[]);
CALL make_tenant_table('webhook_outbox', 'INSERT', 'INSERT');
GRANT SELECT, INSERT, DELETE ON webhook_outbox TO core_definer;
CALL classify('webhook_outbox', 'tenant',
  'org_id: id, id: id, type: enum, occurred_at: time, data: enum, only_for: id');

CREATE TABLE webhook_queue (
  org_id bigint NOT NULL,
  id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_id uuid NOT NULL,
  kept_at timestamptz NOT NULL,
  event_type text NOT NULL CHECK (length(event_type) BETWEEN 3 AND 80),
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  due_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX webhook_queue_due ON webhook_queue (org_id, endpoint_id, due_at, id);
CREATE INDEX webhook_queue_verifying ON webhook_queue (org_id, endpoint_id) WHERE event_type = 'endpoint.verification';
ALTER TABLE webhook_queue SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
INSERT INTO webhook_queue (org_id, id, endpoint_id, event_id, kept_at, event_type, attempts, due_at)
SELECT r.org_id, webhook_delivery_id(r.kept_at, r.endpoint_id, v.id), r.endpoint_id, v.id, r.kept_at, v.type,
  r.attempts, r.due_at
FROM webhook_queue_runs r
JOIN webhook_events v ON v.org_id = r.org_id AND v.kept_at = r.kept_at AND v.seq BETWEEN r.first_seq AND r.last_seq
UNION ALL
SELECT f.org_id, webhook_delivery_id(t.kept_at, f.endpoint_id, t.event_id), f.endpoint_id, t.event_id, t.kept_at,
  t.type, t.attempts, f.leased_until
FROM webhook_in_flight f
CROSS JOIN LATERAL unnest(f.kept_at, f.attempts, f.event_ids, f.event_types)
  WITH ORDINALITY AS t (kept_at, attempts, event_id, type, nth)
WHERE f.under_way & (1::bigint << (t.nth - 1)::integer) <> 0;
UPDATE webhook_attempts a SET delivery_id = webhook_delivery_id(v.kept_at, e.id, v.id)
FROM webhook_events v JOIN (SELECT org_id, id FROM webhook_endpoints
  UNION SELECT org_id, endpoint_id FROM webhook_deliveries) e ON e.org_id = v.org_id
WHERE a.org_id = v.org_id AND a.kept_at = v.kept_at AND a.delivery_id = webhook_delivery_id(v.kept_at, e.id, v.seq);
DROP TABLE webhook_queue_runs;
DROP TABLE webhook_in_flight;
CALL make_tenant_table('webhook_queue', 'SELECT, INSERT, DELETE', '');
GRANT UPDATE (attempts, due_at) ON webhook_queue TO core_app;
GRANT SELECT, INSERT, UPDATE (attempts, due_at), DELETE ON webhook_queue TO core_definer;
CALL classify('webhook_queue', 'tenant',
  'org_id: id, id: id, endpoint_id: id, event_id: id, kept_at: time, event_type: enum, attempts: number, due_at: time');

CREATE TABLE webhook_in_flight (
  org_id bigint NOT NULL,
  endpoint_id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  lease uuid NOT NULL,
  leased_until timestamptz NOT NULL,
  PRIMARY KEY (org_id, endpoint_id, delivery_id)
);
ALTER TABLE webhook_in_flight SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CALL make_tenant_table('webhook_in_flight', '', '');
GRANT SELECT, INSERT, UPDATE (lease, leased_until), DELETE ON webhook_in_flight TO core_definer;
CALL classify('webhook_in_flight', 'tenant',
  'org_id: id, endpoint_id: id, delivery_id: id, lease: id, leased_until: time');

ALTER TABLE webhook_deliveries DROP CONSTRAINT webhook_deliveries_pkey;
UPDATE webhook_deliveries SET id = webhook_delivery_id(kept_at, endpoint_id, event_id);
ALTER TABLE webhook_deliveries DROP seq, ADD CONSTRAINT webhook_deliveries_pkey1 PRIMARY KEY (org_id, id, kept_at);
CREATE INDEX webhook_deliveries_to ON webhook_deliveries (org_id, endpoint_id, id);
DROP FUNCTION webhook_delivery_id(timestamptz, uuid, bigint);

ALTER TABLE webhook_events DROP CONSTRAINT webhook_events_pkey, DROP CONSTRAINT webhook_events_seq_check,
  DROP CONSTRAINT webhook_events_body;
UPDATE webhook_events SET seq = 0 WHERE seq < 0;
ALTER TABLE webhook_events ADD CONSTRAINT webhook_events_pkey1 PRIMARY KEY (org_id, id, kept_at),
  ADD CONSTRAINT webhook_events_seq_check1 CHECK (seq >= 0),
  ADD CONSTRAINT webhook_events_body CHECK (octet_length(body) <= 4096 AND webhook_words(body));
CREATE UNIQUE INDEX webhook_events_feed ON webhook_events (org_id, seq, kept_at) WHERE seq > 0;
ALTER TABLE webhook_counters DROP least_seq;

ALTER TABLE webhook_endpoints FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_events FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_attempts FORCE ROW LEVEL SECURITY;
