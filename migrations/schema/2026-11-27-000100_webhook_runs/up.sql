-- Webhooks with fewer rows: what a transaction tells is one row, what waits for an endpoint is a run of
-- places in the feed, and what was claimed together is one row until it is over. Measured: of eight rows
-- written for a delivery two are left, the event and the line of the log.
--
--   webhook_outbox     what one transaction told; gone as soon as it is sequenced
--   webhook_events     the feed: a place, and the very bytes that are sent
--   webhook_queue      runs of places that wait for an endpoint
--   webhook_in_flight  what a dispatcher took of an endpoint's runs, and until when it may keep it
--   webhook_deliveries deliveries that are over, with the attempt that ended them
--   webhook_attempts   the attempts before that one
--
-- A delivery is in one of the last four at any time, and moves within one statement.

-- The id of an event's delivery to an endpoint: a UUIDv7 of when the event got its place, its place and
-- the end of the endpoint's id. So the newest come first, and those of a run follow one another. Of a
-- timestamp and not of a timestamptz, whose functions are not immutable: so that it is inlined.
CREATE FUNCTION webhook_delivery_id(kept_at timestamptz, endpoint_id uuid, seq bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$select (lpad(to_hex((date_part('epoch', kept_at AT TIME ZONE 'UTC') * 1000)::bigint), 12, '0') || '7'
  || overlay(lpad(to_hex(seq & 1099511627775), 10, '0') placing '8' from 4 for 0)
  || right(endpoint_id::text, 8))::uuid$$;
REVOKE ALL ON FUNCTION webhook_delivery_id(timestamptz, uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION webhook_delivery_id(timestamptz, uuid, bigint) TO core_app, core_definer;
COMMENT ON FUNCTION webhook_delivery_id(timestamptz, uuid, bigint) IS 'The id of a place''s delivery to an endpoint.';

-- The owner is bound as everybody is: for the move the walls are lowered on what is moved.
ALTER TABLE webhook_outbox RENAME TO webhook_outbox_old;
ALTER INDEX webhook_outbox_oldest RENAME TO webhook_outbox_old_oldest;
ALTER INDEX webhook_outbox_pkey RENAME TO webhook_outbox_old_pkey;
ALTER TABLE webhook_outbox_old NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_queue RENAME TO webhook_queue_old;
ALTER INDEX webhook_queue_due RENAME TO webhook_queue_old_due;
ALTER INDEX webhook_queue_verifying RENAME TO webhook_queue_old_verifying;
ALTER INDEX webhook_queue_pkey RENAME TO webhook_queue_old_pkey;
ALTER TABLE webhook_queue_old NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_counters NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_events NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_attempts NO FORCE ROW LEVEL SECURITY;

-- Whether what a transaction tells holds what it may. Each of the data is one flat object; so all of them
-- together are one document, which is looked at once: an expression costs more to begin than to go on.
CREATE FUNCTION sound_webhook_events(ids uuid[], types text[], moments timestamptz[], data text[], only_for uuid[])
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  v_count integer := cardinality(ids);
  v_all text := '[' || array_to_string(data, ',') || ']';
  v_one text;
BEGIN
  FOREACH v_one IN ARRAY data LOOP
    IF length(v_one) <= 2048 AND v_one LIKE '{"object":"%}' THEN CONTINUE; END IF;
    RETURN false;
  END LOOP;
  RETURN v_count BETWEEN 1 AND 500 AND cardinality(types) = v_count AND cardinality(moments) = v_count
    AND cardinality(data) = v_count AND cardinality(only_for) = v_count
    AND array_position(ids, NULL) IS NULL AND array_position(moments, NULL) IS NULL
    AND types <@ ARRAY[
      'appointment.created', 'appointment.rescheduled', 'appointment.cancelled', 'appointment.started',
      'appointment.completed', 'appointment.no_show', 'appointment.reminder_due',
      'video.room_ready', 'video.participant_joined', 'video.participant_left', 'video.recording_available',
      'file.available', 'file.rejected', 'file.infected', 'file.deleted', 'document.signed',
      'program.assigned', 'program.paused', 'program.resumed', 'program.revised', 'program.ended',
      'exercise.completed', 'outcome.recorded',
      'endpoint.verification', 'endpoint.test', 'endpoint.disabled', 'endpoint.recovered',
      'member.added', 'member.removed']
    AND v_all ~ '^\[(?:\{"object":"[a-z]+","id":(?:"[0-9a-f-]+"|[0-9]+),"version":[0-9]+(?:,[^][{}]+)?\},?)+\]$'
    AND public.webhook_words(v_all) AND jsonb_array_length(v_all::jsonb) = v_count;
END
$$;
REVOKE ALL ON FUNCTION sound_webhook_events(uuid[], text[], timestamptz[], text[], uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sound_webhook_events(uuid[], text[], timestamptz[], text[], uuid[])
  TO core_app, core_worker, core_definer;
COMMENT ON FUNCTION sound_webhook_events(uuid[], text[], timestamptz[], text[], uuid[])
  IS 'Whether what a transaction tells holds what it may.';

CREATE TABLE webhook_outbox (
  org_id bigint NOT NULL,
  -- The first event's; the others follow in the order of the arrays.
  id uuid NOT NULL,
  -- When the first happened.
  occurred_at timestamptz NOT NULL,
  ids uuid[] NOT NULL,
  types text[] NOT NULL,
  moments timestamptz[] NOT NULL,
  -- object, id, version and the closed fields, as they will stand in the body.
  data text[] NOT NULL,
  -- The one endpoint that it is for, or null; such an event has no place in the feed.
  only_for uuid[] NOT NULL,
  PRIMARY KEY (org_id, id),
  CONSTRAINT webhook_outbox_sound CHECK (sound_webhook_events(ids, types, moments, data, only_for))
);
-- The oldest first, whoever's they are.
CREATE INDEX webhook_outbox_oldest ON webhook_outbox (occurred_at, id);
ALTER TABLE webhook_outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
INSERT INTO webhook_outbox
SELECT org_id, id, occurred_at, ARRAY[id], ARRAY[type], ARRAY[occurred_at], ARRAY[data], ARRAY[only_for]
FROM webhook_outbox_old;
DROP TABLE webhook_outbox_old;
DROP FUNCTION sound_webhook_event(text, text);
CALL make_tenant_table('webhook_outbox', 'INSERT', 'INSERT');
GRANT SELECT, INSERT, DELETE ON webhook_outbox TO core_definer;
CALL classify('webhook_outbox', 'tenant',
  'org_id: id, id: id, occurred_at: time, ids: id, types: enum, moments: time, data: enum, only_for: id');

-- What is for one endpoint alone is counted downwards, and kept like the feed.
ALTER TABLE webhook_counters ADD least_seq bigint NOT NULL DEFAULT 0 CHECK (least_seq <= 0);
GRANT UPDATE (least_seq) ON webhook_counters TO core_definer;
CALL classify('webhook_counters', 'tenant', 'least_seq: number');

-- A place is what an event is found by; its id stands in its body.
ALTER TABLE webhook_events DROP CONSTRAINT webhook_events_pkey1, DROP CONSTRAINT webhook_events_seq_check1;
DROP INDEX webhook_events_feed;
UPDATE webhook_events v SET seq = -n.nth
FROM (SELECT org_id, id, kept_at, row_number() OVER (PARTITION BY org_id ORDER BY kept_at, id) AS nth
  FROM webhook_events WHERE seq = 0) n
WHERE v.org_id = n.org_id AND v.id = n.id AND v.kept_at = n.kept_at;
ALTER TABLE webhook_events ADD PRIMARY KEY (org_id, seq, kept_at), ADD CONSTRAINT webhook_events_seq_check CHECK (seq <> 0);
-- What leaves is looked at once for all that get their places together.
ALTER TABLE webhook_events DROP CONSTRAINT webhook_events_body,
  ADD CONSTRAINT webhook_events_body CHECK (octet_length(body) <= 4096);
CREATE FUNCTION refuse_webhook_prose() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT (SELECT public.webhook_words(string_agg(k.body, '')) FROM kept k) THEN
    RAISE EXCEPTION 'a body has a text that is not a word' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION refuse_webhook_prose() FROM PUBLIC;
COMMENT ON FUNCTION refuse_webhook_prose() IS 'Refuses bodies with texts that are not words.';
CREATE TRIGGER webhook_events_words AFTER INSERT ON webhook_events
  REFERENCING NEW TABLE AS kept FOR EACH STATEMENT EXECUTE FUNCTION refuse_webhook_prose();
UPDATE webhook_counters c SET least_seq = n.least
FROM (SELECT org_id, min(seq) AS least FROM webhook_events WHERE seq < 0 GROUP BY org_id) n WHERE n.org_id = c.org_id;

-- The places from the first to the last, all of one moment: an endpoint is still to hear of each of them.
CREATE TABLE webhook_queue (
  org_id bigint NOT NULL,
  -- Of the last one's delivery.
  id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  kept_at timestamptz NOT NULL,
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL,
  -- Of one that was tried before: it waits by itself.
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  due_at timestamptz NOT NULL,
  -- What may be sent to an endpoint that is not verified.
  verifies boolean NOT NULL DEFAULT false,
  PRIMARY KEY (org_id, id),
  CHECK (last_seq >= first_seq AND (last_seq = first_seq OR (attempts = 0 AND NOT verifies)))
);
CREATE INDEX webhook_queue_due ON webhook_queue (org_id, endpoint_id, due_at, id);
CREATE INDEX webhook_queue_verifying ON webhook_queue (org_id, endpoint_id) WHERE verifies;
ALTER TABLE webhook_queue SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
INSERT INTO webhook_queue (org_id, id, endpoint_id, kept_at, first_seq, last_seq, attempts, due_at, verifies)
SELECT q.org_id, webhook_delivery_id(q.kept_at, q.endpoint_id, v.seq), q.endpoint_id, q.kept_at, v.seq, v.seq,
  q.attempts, q.due_at, q.event_type = 'endpoint.verification'
FROM webhook_queue_old q
JOIN webhook_events v ON v.org_id = q.org_id AND v.id = q.event_id AND v.kept_at = q.kept_at;
UPDATE webhook_attempts a SET delivery_id = webhook_delivery_id(q.kept_at, q.endpoint_id, v.seq)
FROM webhook_queue_old q
JOIN webhook_events v ON v.org_id = q.org_id AND v.id = q.event_id AND v.kept_at = q.kept_at
WHERE a.org_id = q.org_id AND a.delivery_id = q.id;
DROP TABLE webhook_queue_old;
CALL make_tenant_table('webhook_queue', 'SELECT, INSERT, DELETE', '');
GRANT UPDATE (attempts, due_at) ON webhook_queue TO core_app;
GRANT SELECT, INSERT, UPDATE (first_seq, attempts, due_at), DELETE ON webhook_queue TO core_definer;
CALL classify('webhook_queue', 'tenant',
  'org_id: id, id: id, endpoint_id: id, kept_at: time, first_seq: number, last_seq: number, attempts: number, due_at: time, verifies: enum');

-- What was under way is in the queue as well, and is sent again.
DROP TABLE webhook_in_flight;
CREATE TABLE webhook_in_flight (
  org_id bigint NOT NULL,
  endpoint_id uuid NOT NULL,
  lease uuid NOT NULL,
  leased_until timestamptz NOT NULL,
  -- What was taken; the first is the first in each.
  seqs bigint[] NOT NULL CHECK (cardinality(seqs) BETWEEN 1 AND 60),
  kept_at timestamptz[] NOT NULL,
  attempts integer[] NOT NULL,
  event_ids uuid[] NOT NULL,
  event_types text[] NOT NULL,
  -- A bit for each that is not over, the first is the lowest; a row without one is gone.
  under_way bigint NOT NULL CHECK (under_way > 0),
  PRIMARY KEY (org_id, endpoint_id, lease)
);
CREATE INDEX webhook_in_flight_lapsed ON webhook_in_flight (leased_until);
ALTER TABLE webhook_in_flight SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CALL make_tenant_table('webhook_in_flight', '', '');
-- Who leased it is nobody's business.
GRANT SELECT (org_id, endpoint_id, seqs, kept_at, attempts, event_ids, event_types, under_way, leased_until)
  ON webhook_in_flight TO core_app;
GRANT SELECT, INSERT, UPDATE (under_way), DELETE ON webhook_in_flight TO core_definer;
CALL classify('webhook_in_flight', 'tenant',
  'org_id: id, endpoint_id: id, lease: id, leased_until: time, seqs: number, kept_at: time, attempts: number, event_ids: id, event_types: enum, under_way: number');

-- The log: one index, by endpoint; whoever asks for all of them goes from endpoint to endpoint.
ALTER TABLE webhook_deliveries ADD seq bigint;
ALTER TABLE webhook_deliveries DROP CONSTRAINT webhook_deliveries_pkey1;
DROP INDEX webhook_deliveries_to;
UPDATE webhook_deliveries d SET seq = v.seq
FROM webhook_events v WHERE v.org_id = d.org_id AND v.id = d.event_id AND v.kept_at = d.kept_at;
-- Its event is gone: then nobody is told of the delivery either.
DELETE FROM webhook_deliveries WHERE seq IS NULL;
UPDATE webhook_attempts a SET delivery_id = webhook_delivery_id(d.kept_at, d.endpoint_id, d.seq)
FROM webhook_deliveries d WHERE a.org_id = d.org_id AND a.delivery_id = d.id;
UPDATE webhook_deliveries SET id = webhook_delivery_id(kept_at, endpoint_id, seq);
ALTER TABLE webhook_deliveries ALTER seq SET NOT NULL, ADD PRIMARY KEY (org_id, endpoint_id, id, kept_at);
CALL classify('webhook_deliveries', 'tenant', 'seq: number');
DROP FUNCTION webhook_delivery_id(timestamptz, uuid, uuid);

DO $$
DECLARE
  v regclass;
BEGIN
  FOR v IN SELECT i.inhrelid::regclass FROM pg_inherits i WHERE i.inhparent = 'webhook_deliveries'::regclass LOOP
    EXECUTE format('COMMENT ON COLUMN %s.seq IS ''number''', v);
  END LOOP;
END
$$;
ALTER TABLE webhook_counters FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_events FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_attempts FORCE ROW LEVEL SECURITY;

-- An organisation's deliveries that wait, the newest first, from below an id: of the runs, the newest so
-- many and those that reach across that id; and what is under way. Of one type, all of them are looked at.
CREATE FUNCTION webhook_waiting(p_org bigint, p_before uuid, p_endpoint uuid, p_type text,
  p_since timestamptz, p_until timestamptz, p_limit bigint)
RETURNS TABLE (id uuid, endpoint_id uuid, event_id uuid, event_type text, attempts integer, due_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  WITH runs AS MATERIALIZED (
    (SELECT q.endpoint_id, q.kept_at, q.first_seq, q.last_seq, q.attempts, q.due_at FROM webhook_queue q
     WHERE q.org_id = p_org AND q.id < coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
       AND (p_endpoint IS NULL OR q.endpoint_id = p_endpoint)
       AND q.kept_at >= coalesce(p_since, '-infinity') AND q.kept_at < coalesce(p_until, 'infinity')
     ORDER BY q.id DESC LIMIT CASE WHEN p_type IS NULL THEN p_limit END)
    UNION ALL
    (SELECT q.endpoint_id, q.kept_at, q.first_seq, q.last_seq, q.attempts, q.due_at FROM webhook_queue q
     WHERE q.org_id = p_org AND q.id BETWEEN p_before AND (left(p_before::text, 13) || '-ffff-ffff-ffffffffffff')::uuid
       AND webhook_delivery_id(q.kept_at, q.endpoint_id, q.first_seq) < p_before
       AND (p_endpoint IS NULL OR q.endpoint_id = p_endpoint)
       AND q.kept_at >= coalesce(p_since, '-infinity') AND q.kept_at < coalesce(p_until, 'infinity'))
  ), waiting AS (
    SELECT webhook_delivery_id(r.kept_at, r.endpoint_id, v.seq) AS id, r.endpoint_id, v.id AS event_id,
      v.type AS event_type, r.attempts, r.due_at
    FROM runs r CROSS JOIN LATERAL (
      SELECT v.id, v.type, v.seq FROM webhook_events v
      WHERE v.org_id = p_org AND v.kept_at = r.kept_at AND v.seq BETWEEN r.first_seq AND r.last_seq
        AND (p_type IS NULL OR v.type = p_type)
        AND (p_before IS NULL OR webhook_delivery_id(r.kept_at, r.endpoint_id, v.seq) < p_before)
      ORDER BY v.seq DESC LIMIT p_limit) v
    UNION ALL
    SELECT webhook_delivery_id(t.kept_at, f.endpoint_id, t.seq), f.endpoint_id, t.event_id, t.type, t.attempts,
      f.leased_until
    FROM webhook_in_flight f
    CROSS JOIN LATERAL unnest(f.seqs, f.kept_at, f.attempts, f.event_ids, f.event_types)
      WITH ORDINALITY AS t (seq, kept_at, attempts, event_id, type, nth)
    WHERE f.org_id = p_org AND f.under_way & (1::bigint << (t.nth - 1)::integer) <> 0
      AND (p_endpoint IS NULL OR f.endpoint_id = p_endpoint) AND (p_type IS NULL OR t.type = p_type)
      AND t.kept_at >= coalesce(p_since, '-infinity') AND t.kept_at < coalesce(p_until, 'infinity')
      AND (p_before IS NULL OR webhook_delivery_id(t.kept_at, f.endpoint_id, t.seq) < p_before)
  )
  SELECT w.* FROM waiting w ORDER BY w.id DESC LIMIT p_limit
$$;

-- An organisation's deliveries that are over, the newest first, from below an id: the newest of each
-- endpoint that the log knows, and of those the newest.
CREATE FUNCTION webhook_ended(p_org bigint, p_before uuid, p_endpoint uuid, p_type text,
  p_since timestamptz, p_until timestamptz, p_outcome text, p_limit bigint)
RETURNS TABLE (id uuid, kept_at timestamptz, endpoint_id uuid, seq bigint, event_id uuid, event_type text,
  outcome text, attempts integer, ended_at timestamptz, status integer, code text, duration_ms integer, size integer)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  WITH RECURSIVE endpoints AS (
    SELECT coalesce(p_endpoint, (SELECT d.endpoint_id FROM webhook_deliveries d
      WHERE d.org_id = p_org ORDER BY d.endpoint_id LIMIT 1)) AS id
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM webhook_deliveries d
      WHERE d.org_id = p_org AND d.endpoint_id > e.id ORDER BY d.endpoint_id LIMIT 1)
    FROM endpoints e WHERE p_endpoint IS NULL AND e.id IS NOT NULL
  )
  SELECT d.id, d.kept_at, d.endpoint_id, d.seq, d.event_id, d.event_type, d.outcome, d.attempts, d.ended_at,
    d.status, d.code, d.duration_ms, d.size
  FROM endpoints e CROSS JOIN LATERAL (
    SELECT d.* FROM webhook_deliveries d
    WHERE d.org_id = p_org AND d.endpoint_id = e.id
      AND d.id < coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
      AND (p_type IS NULL OR d.event_type = p_type) AND (p_outcome IS NULL OR d.outcome = p_outcome)
      AND d.kept_at >= coalesce(p_since, '-infinity') AND d.kept_at < coalesce(p_until, 'infinity')
    ORDER BY d.id DESC LIMIT p_limit) d
  ORDER BY d.id DESC LIMIT p_limit
$$;

DO $$
DECLARE
  f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['webhook_waiting(bigint, uuid, uuid, text, timestamptz, timestamptz, bigint)',
    'webhook_ended(bigint, uuid, uuid, text, timestamptz, timestamptz, text, bigint)']
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO core_app', f);
  END LOOP;
END
$$;
COMMENT ON FUNCTION webhook_waiting(bigint, uuid, uuid, text, timestamptz, timestamptz, bigint)
  IS 'Deliveries of one organisation that wait.';
COMMENT ON FUNCTION webhook_ended(bigint, uuid, uuid, text, timestamptz, timestamptz, text, bigint)
  IS 'Deliveries of one organisation that are over.';
