-- Webhooks in blocks: what was told together is kept together, and what was sent together is logged
-- together. Of the two rows that were left of a delivery, none is its own any more.
--
--   webhook_outbox     what one transaction told; gone as soon as it is sequenced
--   webhook_events     the feed: blocks of places that follow one another, with the very bytes that are sent
--   webhook_queue      runs of places that wait for an endpoint
--   webhook_in_flight  runs that a dispatcher has, and until when it may keep them
--   webhook_deliveries what is over of such a run, with the attempts that ended it
--   webhook_attempts   the attempts before those
--
-- A delivery is in the queue, in flight or over at any time, and moves within one statement.

ALTER TABLE webhook_outbox NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_in_flight NO FORCE ROW LEVEL SECURITY;

-- As it was; the length in bytes is known, that in characters is counted.
CREATE OR REPLACE FUNCTION webhook_words(document text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$select document ~ '^(?:[^"\\]|"[A-Za-z0-9_.:/+-]+")*$' AND (octet_length(document) <= 82 OR document !~ '"[^"]{81}')$$;

-- What is for one endpoint alone is told by itself. What a block holds stays in its row: to compress it
-- costs more than it saves, for it is gone a moment later.
ALTER TABLE webhook_outbox DROP CONSTRAINT webhook_outbox_sound;
DROP FUNCTION sound_webhook_events(uuid[], text[], timestamptz[], text[], uuid[]);
CREATE FUNCTION sound_webhook_events(ids uuid[], types text[], moments timestamptz[], data text[])
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  v_count integer := cardinality(ids);
  v_all text := array_to_string(data, E'\n') || E'\n';
  v_one text;
BEGIN
  FOREACH v_one IN ARRAY data LOOP
    IF octet_length(v_one) > 2048 THEN
      RETURN false;
    END IF;
  END LOOP;
  -- All of the data together are one document, which is looked at once: an expression costs more to begin
  -- than to go on. As many flat objects as data, each on a line of its own: so each of the data is one.
  RETURN v_count BETWEEN 1 AND 500 AND cardinality(types) = v_count AND cardinality(moments) = v_count
    AND cardinality(data) = v_count AND array_position(data, NULL) IS NULL
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
    AND v_all ~ ('^(?:\{"object":"[a-z]+","id":(?:"[0-9a-f-]+"|[0-9]+),"version":[0-9]+'
      '(?:,"[a-z_]+":(?:"[A-Za-z0-9_.:/+-]+"|-?[0-9]+|true|false|null))*\}\n)+$')
    AND octet_length(v_all) - octet_length(replace(v_all, '{', '')) = v_count
    AND v_all !~ '"[^"]{81}';
END
$$;
REVOKE ALL ON FUNCTION sound_webhook_events(uuid[], text[], timestamptz[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sound_webhook_events(uuid[], text[], timestamptz[], text[])
  TO core_app, core_worker, core_definer;
COMMENT ON FUNCTION sound_webhook_events(uuid[], text[], timestamptz[], text[])
  IS 'Whether what a transaction tells holds what it may.';
ALTER TABLE webhook_outbox RENAME only_for TO only_for_each;
ALTER TABLE webhook_outbox ADD only_for uuid;
ALTER TABLE webhook_outbox ALTER only_for_each DROP NOT NULL;
-- Each by itself; those of a transaction follow one another by their ids.
WITH mixed AS (
  DELETE FROM webhook_outbox o WHERE array_remove(o.only_for_each, NULL) <> '{}' RETURNING o.*
)
INSERT INTO webhook_outbox (org_id, id, occurred_at, ids, types, moments, data, only_for)
SELECT m.org_id, e.id, e.occurred_at, ARRAY[e.id], ARRAY[e.type], ARRAY[e.occurred_at], ARRAY[e.data], e.only_for
FROM mixed m
CROSS JOIN LATERAL unnest(m.ids, m.types, m.moments, m.data, m.only_for_each) AS e (id, type, occurred_at, data, only_for);
ALTER TABLE webhook_outbox DROP only_for_each;
ALTER TABLE webhook_outbox
  ADD CONSTRAINT webhook_outbox_sound CHECK (sound_webhook_events(ids, types, moments, data)),
  SET (toast_tuple_target = 8160);
CALL classify('webhook_outbox', 'tenant', 'only_for: id');
ALTER TABLE webhook_outbox FORCE ROW LEVEL SECURITY;

-- The feed in blocks, of one moment each. By its last place: whoever looks for a place, or for what
-- follows it, finds the first block that is not before it.
DROP TRIGGER webhook_events_words ON webhook_events;
ALTER TABLE webhook_events DROP CONSTRAINT webhook_events_body, DROP CONSTRAINT webhook_events_type_check1;
ALTER TABLE webhook_events
  ALTER id TYPE uuid[] USING ARRAY[id], ALTER type TYPE text[] USING ARRAY[type], ALTER body TYPE text[] USING ARRAY[body];
ALTER TABLE webhook_events RENAME seq TO last_seq;
ALTER TABLE webhook_events RENAME id TO ids;
ALTER TABLE webhook_events RENAME type TO types;
ALTER TABLE webhook_events RENAME body TO bodies;
ALTER TABLE webhook_events
  ADD first_seq bigint GENERATED ALWAYS AS (last_seq - cardinality(ids) + 1) STORED,
  ADD CONSTRAINT webhook_events_together CHECK (cardinality(ids) BETWEEN 1 AND 25
    AND cardinality(types) = cardinality(ids) AND cardinality(bodies) = cardinality(ids)
    AND array_position(ids, NULL) IS NULL AND array_position(bodies, NULL) IS NULL
    AND (last_seq >= cardinality(ids) OR (last_seq < 0 AND cardinality(ids) = 1)));
ALTER TABLE webhook_events RENAME CONSTRAINT webhook_events_seq_check TO webhook_events_last_seq_check;
CALL classify('webhook_events', 'tenant',
  'ids: id, types: enum, last_seq: number, bodies: enum, first_seq: number');
CREATE OR REPLACE FUNCTION refuse_webhook_prose() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_all text;
  v_longest integer;
BEGIN
  SELECT string_agg(array_to_string(k.bodies, ''), ''),
    max((SELECT max(octet_length(b)) FROM unnest(k.bodies) b))
  INTO v_all, v_longest FROM kept k;
  IF v_longest > 4096 OR NOT public.webhook_words(v_all) THEN
    RAISE EXCEPTION 'a body is too long or has a text that is not a word' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION refuse_webhook_prose() IS 'Refuses bodies that are too long or with texts that are not words.';
CREATE TRIGGER webhook_events_words AFTER INSERT ON webhook_events
  REFERENCING NEW TABLE AS kept FOR EACH STATEMENT EXECUTE FUNCTION refuse_webhook_prose();

-- What a dispatcher has of a run: some places that follow one another, and a bit for each that is not over.
ALTER TABLE webhook_in_flight RENAME TO webhook_in_flight_old;
ALTER INDEX webhook_in_flight_lapsed RENAME TO webhook_in_flight_old_lapsed;
ALTER INDEX webhook_in_flight_pkey RENAME TO webhook_in_flight_old_pkey;
CREATE TABLE webhook_in_flight (
  org_id bigint NOT NULL,
  endpoint_id uuid NOT NULL,
  lease uuid NOT NULL,
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL,
  kept_at timestamptz NOT NULL,
  attempts integer NOT NULL CHECK (attempts >= 0),
  -- Of what, for the log.
  types text[] NOT NULL,
  leased_until timestamptz NOT NULL,
  -- The first is the lowest; a row without one is gone.
  under_way bigint NOT NULL CHECK (under_way > 0),
  PRIMARY KEY (org_id, endpoint_id, lease, first_seq),
  CHECK (last_seq BETWEEN first_seq AND first_seq + 59 AND cardinality(types) = last_seq - first_seq + 1)
);
CREATE INDEX webhook_in_flight_lapsed ON webhook_in_flight (leased_until);
ALTER TABLE webhook_in_flight SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
INSERT INTO webhook_in_flight (org_id, endpoint_id, lease, first_seq, last_seq, kept_at, attempts, types, leased_until, under_way)
SELECT f.org_id, f.endpoint_id, f.lease, t.seq, t.seq, t.kept_at, t.attempts, ARRAY[t.type], f.leased_until, 1
FROM webhook_in_flight_old f
CROSS JOIN LATERAL unnest(f.seqs, f.kept_at, f.attempts, f.event_types)
  WITH ORDINALITY AS t (seq, kept_at, attempts, type, nth)
WHERE f.under_way & (1::bigint << (t.nth - 1)::integer) <> 0;
DROP TABLE webhook_in_flight_old;
CALL make_tenant_table('webhook_in_flight', '', '');
-- Who leased it is nobody's business.
GRANT SELECT (org_id, endpoint_id, first_seq, last_seq, kept_at, attempts, leased_until, under_way)
  ON webhook_in_flight TO core_app;
GRANT SELECT, INSERT, UPDATE (under_way), DELETE ON webhook_in_flight TO core_definer;
CALL classify('webhook_in_flight', 'tenant',
  'org_id: id, endpoint_id: id, lease: id, first_seq: number, last_seq: number, kept_at: time, attempts: number, types: enum, leased_until: time, under_way: number');

-- The log: what ended together of a run, in the order of its places. Its id is that of the last one's
-- delivery that is there; the ids of the events stand in the feed, which is kept for as long.
ALTER TABLE webhook_deliveries
  DROP CONSTRAINT webhook_deliveries_code_check, DROP CONSTRAINT webhook_deliveries_duration_ms_check,
  DROP CONSTRAINT webhook_deliveries_event_type_check1, DROP CONSTRAINT webhook_deliveries_size_check,
  DROP CONSTRAINT webhook_deliveries_status_check1,
  DROP event_id;
ALTER TABLE webhook_deliveries
  ALTER event_type TYPE text[] USING ARRAY[event_type],
  ALTER status TYPE integer[] USING ARRAY[status], ALTER code TYPE text[] USING ARRAY[code],
  ALTER duration_ms TYPE integer[] USING ARRAY[duration_ms], ALTER size TYPE integer[] USING ARRAY[size],
  ADD places bigint NOT NULL DEFAULT 1;
ALTER TABLE webhook_deliveries RENAME seq TO first_seq;
ALTER TABLE webhook_deliveries RENAME event_type TO types;
ALTER TABLE webhook_deliveries RENAME status TO statuses;
ALTER TABLE webhook_deliveries RENAME code TO codes;
ALTER TABLE webhook_deliveries RENAME duration_ms TO durations_ms;
ALTER TABLE webhook_deliveries RENAME size TO sizes;
ALTER TABLE webhook_deliveries ALTER places DROP DEFAULT, ALTER statuses SET NOT NULL, ALTER codes SET NOT NULL,
  -- A bit for each that is there, the first is the lowest; one that is sent again is there no more.
  ADD CONSTRAINT webhook_deliveries_together CHECK (places > 0 AND cardinality(statuses) BETWEEN 1 AND 60
    AND places >> cardinality(statuses) = 0 AND cardinality(codes) = cardinality(statuses)
    AND cardinality(durations_ms) = cardinality(statuses) AND cardinality(sizes) = cardinality(statuses)
    AND cardinality(types) = cardinality(statuses)),
  ADD CONSTRAINT webhook_deliveries_numbers CHECK (0 <= ALL (durations_ms) AND 0 <= ALL (sizes)
    AND 100 <= ALL (statuses) AND 999 >= ALL (statuses)),
  ADD CONSTRAINT webhook_deliveries_codes CHECK (array_remove(codes, NULL) = '{}'
    OR array_to_string(codes, ' ') ~ '^[a-z_]{1,40}(?: [a-z_]{1,40})*$');
GRANT UPDATE (id, places) ON webhook_deliveries TO core_app, core_definer;
CALL classify('webhook_deliveries', 'tenant',
  'first_seq: number, places: number, types: enum, statuses: number, codes: enum, durations_ms: number, sizes: number');

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
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL) WITH (toast_tuple_target = 8160)',
          v_name, v_parent);
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

DO $$
DECLARE
  v record;
BEGIN
  FOR v IN SELECT i.inhrelid::regclass AS week, c.name
    FROM (VALUES ('webhook_deliveries'::regclass, 'places'), ('webhook_events'::regclass, 'first_seq')) AS c (parent, name)
    JOIN pg_inherits i ON i.inhparent = c.parent
  LOOP
    EXECUTE format('COMMENT ON COLUMN %s.%I IS ''number''', v.week, v.name);
    EXECUTE format('ALTER TABLE %s SET (toast_tuple_target = 8160)', v.week);
  END LOOP;
END
$$;

-- The place that an id of a delivery names, of the feed.
CREATE FUNCTION webhook_delivery_seq(id uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$select ('x' || substr(id::text, 16, 3) || substr(id::text, 21, 3) || substr(id::text, 25, 4))::bit(40)::bigint$$;
COMMENT ON FUNCTION webhook_delivery_seq(uuid) IS 'The place in the feed that a delivery''s id names.';

CREATE AGGREGATE array_cat_agg(anycompatiblearray) (SFUNC = array_cat, STYPE = anycompatiblearray, PARALLEL = SAFE);
REVOKE ALL ON FUNCTION array_cat_agg(anycompatiblearray) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION array_cat_agg(anycompatiblearray) TO core_definer;
COMMENT ON AGGREGATE array_cat_agg(anycompatiblearray) IS 'One array after the other.';

-- Of the places that a row holds, the last: the number of the highest bit, from 0.
CREATE FUNCTION highest_place(places bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$select 64 - position('1' in places::bit(64)::text)$$;
COMMENT ON FUNCTION highest_place(bigint) IS 'The number of the highest bit, from 0.';

-- Whether a row that begins with a place holds another: a bit for each, the first is the lowest.
CREATE FUNCTION holds_place(places bigint, first_seq bigint, seq bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$select CASE WHEN seq BETWEEN first_seq AND first_seq + 59 THEN places >> (seq - first_seq)::integer & 1 = 1 ELSE false END$$;
COMMENT ON FUNCTION holds_place(bigint, bigint, bigint) IS 'Whether a row holds a place.';

-- The greatest id that a delivery of the run of an id's delivery may have.
CREATE FUNCTION webhook_run_end(id uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$select (left(id::text, 13) || '-7' || substr(h, 1, 3) || '-8' || substr(h, 4, 3) || '-' || substr(h, 7, 4) || 'ffffffff')::uuid
  from lpad(to_hex(least(public.webhook_delivery_seq(id) + 59, 1099511627775)), 10, '0') h$$;
COMMENT ON FUNCTION webhook_run_end(uuid) IS 'The greatest id of a run.';

-- The events of the places from one to another of one moment that are in the feed, the last first: so many
-- at most, and of one type if one is asked for.
CREATE FUNCTION webhook_places(p_org bigint, p_kept_at timestamptz, p_first bigint, p_last bigint, p_type text, p_limit bigint)
RETURNS TABLE (seq bigint, id uuid, type text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 50 AS $$
  SELECT v.first_seq + e.nth - 1, e.id, e.type
  FROM (SELECT v.first_seq, v.ids, v.types FROM webhook_events v
    -- A block that reaches into them ends less than a block's length after them.
    WHERE v.org_id = p_org AND v.kept_at = p_kept_at AND v.last_seq BETWEEN p_first AND p_last + 24
      AND v.first_seq <= p_last AND (p_type IS NULL OR p_type = ANY (v.types))
    -- The first and the last of them may hold none.
    ORDER BY v.last_seq DESC LIMIT p_limit + 2) v
  CROSS JOIN LATERAL unnest(v.ids, v.types) WITH ORDINALITY AS e (id, type, nth)
  WHERE v.first_seq + e.nth - 1 BETWEEN p_first AND p_last AND (p_type IS NULL OR e.type = p_type)
  ORDER BY 1 DESC LIMIT p_limit
$$;

-- An organisation's feed from after a place: so many events at most. What it begins with is kept no longer
-- at some time; from there on it has no gaps.
CREATE FUNCTION webhook_feed(p_org bigint, p_after bigint, p_limit bigint)
RETURNS TABLE (seq bigint, kept_at timestamptz, type text, body text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  WITH begun AS MATERIALIZED (
    SELECT greatest(v.first_seq - 1, p_after) AS after FROM public.webhook_events v
    WHERE v.org_id = p_org AND v.last_seq > greatest(p_after, 0) ORDER BY v.last_seq LIMIT 1
  )
  SELECT v.first_seq + e.nth - 1, v.kept_at, e.type, e.body
  FROM begun b
  JOIN public.webhook_events v ON v.org_id = p_org AND v.last_seq > b.after AND v.last_seq <= b.after + p_limit + 24
  CROSS JOIN LATERAL unnest(v.types, v.bodies) WITH ORDINALITY AS e (type, body, nth)
  WHERE v.first_seq + e.nth - 1 > b.after
  ORDER BY 1 LIMIT p_limit
$$;

-- An organisation's deliveries that wait, the newest first, from below an id: of the runs, the newest so
-- many and those that reach across that id; and what is under way. Of one type, all of them are looked at.
DROP FUNCTION webhook_waiting(bigint, uuid, uuid, text, timestamptz, timestamptz, bigint);
CREATE FUNCTION webhook_waiting(p_org bigint, p_before uuid, p_endpoint uuid, p_type text,
  p_since timestamptz, p_until timestamptz, p_limit bigint)
RETURNS TABLE (id uuid, endpoint_id uuid, event_id uuid, event_type text, attempts integer, due_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  WITH runs AS MATERIALIZED (
    (SELECT q.endpoint_id, q.kept_at, q.first_seq, q.last_seq, q.attempts, q.due_at, NULL::bigint AS under_way
     FROM webhook_queue q
     WHERE q.org_id = p_org AND q.id < coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
       AND (p_endpoint IS NULL OR q.endpoint_id = p_endpoint)
       AND q.kept_at >= coalesce(p_since, '-infinity') AND q.kept_at < coalesce(p_until, 'infinity')
     ORDER BY q.id DESC LIMIT CASE WHEN p_type IS NULL THEN p_limit END)
    UNION ALL
    (SELECT q.endpoint_id, q.kept_at, q.first_seq, q.last_seq, q.attempts, q.due_at, NULL FROM webhook_queue q
     WHERE q.org_id = p_org AND q.id BETWEEN p_before AND (left(p_before::text, 13) || '-ffff-ffff-ffffffffffff')::uuid
       AND webhook_delivery_id(q.kept_at, q.endpoint_id, q.first_seq) < p_before
       AND (p_endpoint IS NULL OR q.endpoint_id = p_endpoint)
       AND q.kept_at >= coalesce(p_since, '-infinity') AND q.kept_at < coalesce(p_until, 'infinity'))
    UNION ALL
    SELECT f.endpoint_id, f.kept_at, f.first_seq, f.last_seq, f.attempts, f.leased_until, f.under_way
    FROM webhook_in_flight f
    WHERE f.org_id = p_org AND (p_endpoint IS NULL OR f.endpoint_id = p_endpoint)
      AND f.kept_at >= coalesce(p_since, '-infinity') AND f.kept_at < coalesce(p_until, 'infinity')
  )
  SELECT webhook_delivery_id(r.kept_at, r.endpoint_id, v.seq), r.endpoint_id, v.id, v.type, r.attempts, r.due_at
  FROM (
    -- Of a run that reaches across the id, what is below it: by the place that the id names.
    SELECT r.*, CASE WHEN p_before IS NULL OR webhook_delivery_id(r.kept_at, r.endpoint_id, r.last_seq) < p_before THEN r.last_seq
      ELSE (SELECT max(s) FROM generate_series(greatest(r.first_seq, b.seq - 1), least(r.last_seq, b.seq)) s
        WHERE webhook_delivery_id(r.kept_at, r.endpoint_id, s) < p_before) END AS upto
    FROM runs r CROSS JOIN (SELECT webhook_delivery_seq(p_before) AS seq) b
  ) r
  CROSS JOIN LATERAL webhook_places(p_org, r.kept_at, r.first_seq, r.upto, p_type,
    CASE WHEN r.under_way IS NULL THEN p_limit ELSE 60 END) v
  WHERE r.under_way IS NULL OR holds_place(r.under_way, r.first_seq, v.seq)
  ORDER BY 1 DESC LIMIT p_limit
$$;

-- An organisation's deliveries that are over, the newest first, from below an id: of each endpoint that the
-- log knows the newest rows, and those that reach across that id; of what they hold, the newest. Each row
-- holds one at least, so that as many rows as are asked for are enough; of one type, those of the same run
-- may come before it for what they hold of another.
DROP FUNCTION webhook_ended(bigint, uuid, uuid, text, timestamptz, timestamptz, text, bigint);
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
  ), over AS MATERIALIZED (
    SELECT webhook_delivery_id(d.kept_at, d.endpoint_id, d.first_seq + n) AS id, d.first_seq + n AS seq, n + 1 AS nth, d.*
    FROM endpoints e CROSS JOIN LATERAL (
      (SELECT d.kept_at, d.endpoint_id, d.first_seq, d.places, d.types, d.outcome, d.attempts, d.ended_at, d.statuses,
         d.codes, d.durations_ms, d.sizes
       FROM webhook_deliveries d
       WHERE d.org_id = p_org AND d.endpoint_id = e.id
         AND d.id < coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
         AND (p_outcome IS NULL OR d.outcome = p_outcome)
         AND d.kept_at >= coalesce(p_since, '-infinity') AND d.kept_at < coalesce(p_until, 'infinity')
         AND (p_type IS NULL OR (p_type = ANY (d.types) AND EXISTS (SELECT FROM unnest(d.types) WITH ORDINALITY AS t (type, nth)
           WHERE t.type = p_type AND holds_place(d.places, 1, t.nth))))
       ORDER BY d.id DESC LIMIT p_limit + CASE WHEN p_type IS NULL THEN 0 ELSE 59 END)
      UNION ALL
      SELECT d.kept_at, d.endpoint_id, d.first_seq, d.places, d.types, d.outcome, d.attempts, d.ended_at, d.statuses,
        d.codes, d.durations_ms, d.sizes
      FROM webhook_deliveries d
      WHERE d.org_id = p_org AND d.endpoint_id = e.id
        AND d.id BETWEEN p_before AND webhook_run_end(p_before)
        AND webhook_delivery_id(d.kept_at, d.endpoint_id, d.first_seq) < p_before
        AND (p_outcome IS NULL OR d.outcome = p_outcome)
        AND d.kept_at >= coalesce(p_since, '-infinity') AND d.kept_at < coalesce(p_until, 'infinity')) d
    CROSS JOIN LATERAL generate_series(0, cardinality(d.sizes) - 1) n
    WHERE holds_place(d.places, 0, n) AND (p_type IS NULL OR d.types[n + 1] = p_type)
      AND (p_before IS NULL OR webhook_delivery_id(d.kept_at, d.endpoint_id, d.first_seq + n) < p_before)
    ORDER BY 1 DESC LIMIT p_limit
  )
  SELECT o.id, o.kept_at, o.endpoint_id, o.seq, v.id, v.type, o.outcome, o.attempts, o.ended_at,
    o.statuses[o.nth], o.codes[o.nth], o.durations_ms[o.nth], o.sizes[o.nth]
  FROM over o CROSS JOIN LATERAL webhook_places(p_org, o.kept_at, o.seq, o.seq, NULL, 1) v
  ORDER BY o.id DESC LIMIT p_limit
$$;

-- Takes a delivery that is over out of the log, to send it again: what ended it is one of its attempts
-- from now on. Whether it was there.
CREATE FUNCTION retake_webhook(p_org bigint, p_endpoint uuid, p_kept_at timestamptz, p_seq bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  v_id uuid := public.webhook_delivery_id(p_kept_at, p_endpoint, p_seq);
  v public.webhook_deliveries;
  v_at integer;
  v_left bigint;
BEGIN
  SELECT d.* INTO v FROM public.webhook_deliveries d
  WHERE d.org_id = p_org AND d.endpoint_id = p_endpoint AND d.kept_at = p_kept_at
    AND d.id BETWEEN v_id AND public.webhook_run_end(v_id) AND public.holds_place(d.places, d.first_seq, p_seq)
  FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  v_at := p_seq - v.first_seq + 1;
  INSERT INTO public.webhook_attempts (org_id, delivery_id, id, kept_at, ended_at, status, code, duration_ms, size)
  VALUES (p_org, v_id, gen_random_uuid(), p_kept_at, v.ended_at,
    v.statuses[v_at], v.codes[v_at], v.durations_ms[v_at], v.sizes[v_at]);
  v_left := v.places & ~(1::bigint << (v_at - 1));
  IF v_left = 0 THEN
    DELETE FROM public.webhook_deliveries d
    WHERE d.org_id = p_org AND d.endpoint_id = p_endpoint AND d.id = v.id AND d.kept_at = p_kept_at;
  ELSE
    UPDATE public.webhook_deliveries d
    SET places = v_left, id = public.webhook_delivery_id(p_kept_at, p_endpoint, v.first_seq + public.highest_place(v_left))
    WHERE d.org_id = p_org AND d.endpoint_id = p_endpoint AND d.id = v.id AND d.kept_at = p_kept_at;
  END IF;
  RETURN true;
END
$$;

DO $$
DECLARE
  f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['webhook_waiting(bigint, uuid, uuid, text, timestamptz, timestamptz, bigint)',
    'webhook_ended(bigint, uuid, uuid, text, timestamptz, timestamptz, text, bigint)',
    'webhook_places(bigint, timestamptz, bigint, bigint, text, bigint)', 'webhook_delivery_seq(uuid)',
    'webhook_feed(bigint, bigint, bigint)', 'webhook_run_end(uuid)', 'highest_place(bigint)',
    'holds_place(bigint, bigint, bigint)', 'retake_webhook(bigint, uuid, timestamptz, bigint)']
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO core_app, core_definer', f);
  END LOOP;
END
$$;
COMMENT ON FUNCTION webhook_waiting(bigint, uuid, uuid, text, timestamptz, timestamptz, bigint)
  IS 'Deliveries of one organisation that wait.';
COMMENT ON FUNCTION webhook_ended(bigint, uuid, uuid, text, timestamptz, timestamptz, text, bigint)
  IS 'Deliveries of one organisation that are over.';
COMMENT ON FUNCTION webhook_places(bigint, timestamptz, bigint, bigint, text, bigint)
  IS 'Events of places that follow one another.';
COMMENT ON FUNCTION webhook_feed(bigint, bigint, bigint) IS 'Events of one organisation from after a place.';
COMMENT ON FUNCTION retake_webhook(bigint, uuid, timestamptz, bigint)
  IS 'Takes a delivery out of the log, to send it again.';
