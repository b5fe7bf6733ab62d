-- A row for each event and for each line of the log, and a lease for each claim, as it was.
DROP FUNCTION webhook_waiting(bigint, uuid, uuid, text, timestamptz, timestamptz, bigint);
DROP FUNCTION webhook_ended(bigint, uuid, uuid, text, timestamptz, timestamptz, text, bigint);
DROP FUNCTION webhook_places(bigint, timestamptz, bigint, bigint, text, bigint);
DROP FUNCTION webhook_feed(bigint, bigint, bigint);
DROP FUNCTION retake_webhook(bigint, uuid, timestamptz, bigint);
DROP FUNCTION webhook_run_end(uuid);
DROP FUNCTION webhook_delivery_seq(uuid);
DROP FUNCTION highest_place(bigint);
DROP FUNCTION holds_place(bigint, bigint, bigint);
DROP AGGREGATE array_cat_agg(anycompatiblearray);
CREATE OR REPLACE FUNCTION webhook_words(document text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$select document ~ '^(?:[^"\\]|"[A-Za-z0-9_.:/+-]+")*$' AND (length(document) <= 82 OR document !~ '"[^"]{81}')$$;
DROP TRIGGER webhook_events_words ON webhook_events;
CREATE OR REPLACE PROCEDURE keep_webhook_weeks(p_now timestamptz, p_ahead integer DEFAULT 5, p_keep interval DEFAULT '35 days')
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  v_parent text;
  v_week timestamptz;
  v_name text;
  v record;
BEGIN
  FOREACH v_parent IN ARRAY ARRAY['webhook_events', 'webhook_deliveries', 'webhook_attempts'] LOOP
    FOR v_week IN
      SELECT date_trunc('week', p_now, 'UTC') + w * interval '7 days' FROM generate_series(0, p_ahead) w
    LOOP
      v_name := v_parent || '_' || to_char(v_week AT TIME ZONE 'UTC', 'YYYYMMDD');
      CONTINUE WHEN to_regclass('public.' || v_name) IS NOT NULL;
      BEGIN
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', v_name, v_parent);
        CALL wall_partition(('public.' || v_name)::regclass, ('public.' || v_parent)::regclass);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
          v_parent, v_name, v_week, v_week + interval '7 days');
      EXCEPTION WHEN check_violation THEN
        RAISE NOTICE 'of the week of % something is in the default partition: it stays there', v_name;
      END;
    END LOOP;
    FOR v IN
      SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = ('public.' || v_parent)::regclass AND c.relname ~ '_[0-9]{8}$'
        AND to_date(right(c.relname, 8), 'YYYYMMDD') + 7 <= (p_now - p_keep) AT TIME ZONE 'UTC'
    LOOP
      EXECUTE format('DROP TABLE public.%I', v.relname);
    END LOOP;
  END LOOP;
END
$$;

ALTER TABLE webhook_outbox NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_in_flight NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_events NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries NO FORCE ROW LEVEL SECURITY;

ALTER TABLE webhook_outbox DROP CONSTRAINT webhook_outbox_sound;
DROP FUNCTION sound_webhook_events(uuid[], text[], timestamptz[], text[]);
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
ALTER TABLE webhook_outbox ALTER only_for TYPE uuid[] USING array_fill(only_for, ARRAY[cardinality(ids)]);
ALTER TABLE webhook_outbox ALTER only_for SET NOT NULL,
  ADD CONSTRAINT webhook_outbox_sound CHECK (sound_webhook_events(ids, types, moments, data, only_for)),
  RESET (toast_tuple_target);

-- What the feed and the log hold is put aside, and comes back a row for each.
CREATE TABLE webhook_told AS
SELECT v.org_id, e.id, v.kept_at, e.type, v.first_seq + e.nth - 1 AS seq, e.body FROM webhook_events v
CROSS JOIN LATERAL unnest(v.ids, v.types, v.bodies) WITH ORDINALITY AS e (id, type, body, nth);
CREATE TABLE webhook_ended AS
SELECT d.org_id, d.kept_at, d.endpoint_id, t.id AS event_id, t.type AS event_type, d.outcome, d.attempts, d.ended_at,
  d.statuses[n + 1] AS status, d.codes[n + 1] AS code, d.durations_ms[n + 1] AS duration_ms, d.sizes[n + 1] AS size, t.seq
FROM webhook_deliveries d
CROSS JOIN LATERAL generate_series(0, cardinality(d.sizes) - 1) n
JOIN webhook_told t ON t.org_id = d.org_id AND t.kept_at = d.kept_at AND t.seq = d.first_seq + n
WHERE d.places & (1::bigint << n) <> 0;
CREATE TABLE webhook_flying AS
SELECT f.*, t.seq, t.id AS event_id, t.type AS event_type FROM webhook_in_flight f
JOIN webhook_told t ON t.org_id = f.org_id AND t.kept_at = f.kept_at AND t.seq BETWEEN f.first_seq AND f.last_seq
WHERE f.under_way & (1::bigint << (t.seq - f.first_seq)::integer) <> 0;
TRUNCATE webhook_events, webhook_deliveries;

ALTER TABLE webhook_events DROP CONSTRAINT webhook_events_together, DROP first_seq;
ALTER TABLE webhook_events RENAME CONSTRAINT webhook_events_last_seq_check TO webhook_events_seq_check;
ALTER TABLE webhook_events RENAME last_seq TO seq;
ALTER TABLE webhook_events RENAME ids TO id;
ALTER TABLE webhook_events RENAME types TO type;
ALTER TABLE webhook_events RENAME bodies TO body;
ALTER TABLE webhook_events
  ALTER id TYPE uuid USING id[1], ALTER type TYPE text USING type[1], ALTER body TYPE text USING body[1],
  ADD CONSTRAINT webhook_events_type_check1 CHECK (length(type) BETWEEN 3 AND 80),
  ADD CONSTRAINT webhook_events_body CHECK (octet_length(body) <= 4096);
INSERT INTO webhook_events (org_id, id, kept_at, type, seq, body) SELECT t.org_id, t.id, t.kept_at, t.type, t.seq, t.body FROM webhook_told t;
CREATE OR REPLACE FUNCTION refuse_webhook_prose() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT (SELECT public.webhook_words(string_agg(k.body, '')) FROM kept k) THEN
    RAISE EXCEPTION 'a body has a text that is not a word' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION refuse_webhook_prose() IS 'Refuses bodies with texts that are not words.';
CREATE TRIGGER webhook_events_words AFTER INSERT ON webhook_events
  REFERENCING NEW TABLE AS kept FOR EACH STATEMENT EXECUTE FUNCTION refuse_webhook_prose();

REVOKE UPDATE (id, places) ON webhook_deliveries FROM core_app, core_definer;
ALTER TABLE webhook_deliveries DROP CONSTRAINT webhook_deliveries_together, DROP CONSTRAINT webhook_deliveries_numbers,
  DROP CONSTRAINT webhook_deliveries_codes, DROP places;
ALTER TABLE webhook_deliveries RENAME first_seq TO seq;
ALTER TABLE webhook_deliveries RENAME types TO event_type;
ALTER TABLE webhook_deliveries RENAME statuses TO status;
ALTER TABLE webhook_deliveries RENAME codes TO code;
ALTER TABLE webhook_deliveries RENAME durations_ms TO duration_ms;
ALTER TABLE webhook_deliveries RENAME sizes TO size;
ALTER TABLE webhook_deliveries
  ALTER status DROP NOT NULL, ALTER status TYPE integer USING status[1],
  ALTER code DROP NOT NULL, ALTER code TYPE text USING code[1],
  ALTER duration_ms TYPE integer USING duration_ms[1], ALTER size TYPE integer USING size[1],
  ALTER event_type TYPE text USING event_type[1], ADD event_id uuid NOT NULL,
  ADD CONSTRAINT webhook_deliveries_code_check CHECK (code ~ '^[a-z_]{1,40}$'),
  ADD CONSTRAINT webhook_deliveries_duration_ms_check CHECK (duration_ms >= 0),
  ADD CONSTRAINT webhook_deliveries_event_type_check1 CHECK (length(event_type) BETWEEN 3 AND 80),
  ADD CONSTRAINT webhook_deliveries_size_check CHECK (size >= 0),
  ADD CONSTRAINT webhook_deliveries_status_check1 CHECK (status BETWEEN 100 AND 999);
INSERT INTO webhook_deliveries (org_id, id, kept_at, endpoint_id, seq, event_id, event_type, outcome, attempts, ended_at, status,
  code, duration_ms, size)
SELECT e.org_id, webhook_delivery_id(e.kept_at, e.endpoint_id, e.seq), e.kept_at, e.endpoint_id, e.seq, e.event_id, e.event_type,
  e.outcome, e.attempts, e.ended_at, e.status, e.code, e.duration_ms, e.size
FROM webhook_ended e;
CALL classify('webhook_deliveries', 'tenant', 'event_id: id');

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
INSERT INTO webhook_in_flight (org_id, endpoint_id, lease, leased_until, seqs, kept_at, attempts, event_ids, event_types, under_way)
SELECT f.org_id, f.endpoint_id, f.lease, max(f.leased_until), array_agg(f.seq), array_agg(f.kept_at), array_agg(f.attempts),
  array_agg(f.event_id), array_agg(f.event_type), (1::bigint << count(*)::integer) - 1
FROM webhook_flying f GROUP BY f.org_id, f.endpoint_id, f.lease;
DROP TABLE webhook_told, webhook_ended, webhook_flying;
CREATE INDEX webhook_in_flight_lapsed ON webhook_in_flight (leased_until);
ALTER TABLE webhook_in_flight SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CALL make_tenant_table('webhook_in_flight', '', '');
-- Who leased it is nobody's business.
GRANT SELECT (org_id, endpoint_id, seqs, kept_at, attempts, event_ids, event_types, under_way, leased_until)
  ON webhook_in_flight TO core_app;
GRANT SELECT, INSERT, UPDATE (under_way), DELETE ON webhook_in_flight TO core_definer;
CALL classify('webhook_in_flight', 'tenant',
  'org_id: id, endpoint_id: id, lease: id, leased_until: time, seqs: number, kept_at: time, attempts: number, event_ids: id, event_types: enum, under_way: number');

DO $$
DECLARE
  v record;
BEGIN
  FOR v IN SELECT i.inhrelid::regclass AS week, i.inhparent FROM pg_inherits i
    WHERE i.inhparent IN ('webhook_deliveries'::regclass, 'webhook_events'::regclass)
  LOOP
    EXECUTE format('ALTER TABLE %s RESET (toast_tuple_target)', v.week);
    CONTINUE WHEN v.inhparent = 'webhook_events'::regclass;
    EXECUTE format('COMMENT ON COLUMN %s.event_id IS ''id''', v.week);
  END LOOP;
END
$$;
ALTER TABLE webhook_outbox FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_events FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;

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
