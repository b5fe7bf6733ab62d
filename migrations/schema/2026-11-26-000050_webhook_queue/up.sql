-- Webhooks at speed: what is hot is small and short-lived, what is kept is append-only and in weekly
-- partitions that are dropped whole.
--
--   webhook_outbox     committed with the change that caused it; gone as soon as it is sequenced
--   webhook_events     the feed: a place, and the very bytes that are sent
--   webhook_queue      deliveries that wait; gone when they are over
--   webhook_in_flight  who is sending what, and until when; gone with the outcome
--   webhook_deliveries deliveries that are over, with the attempt that ended them
--   webhook_attempts   the attempts before that one
--
-- No foreign keys on these: every event would pay for them six times (measured: a third of a
-- delivery's cost in the database). Row-level security and the proven organisation stand instead.

-- Whether every text in a JSON document is a word and not prose, as `webhook_words_only` says it; of
-- the bytes themselves, at a fortieth of its cost. A document with a backslash has no words.
CREATE FUNCTION webhook_words(document text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$select document ~ '^(?:[^"\\]|"[A-Za-z0-9_.:/+-]+")*$' AND (length(document) <= 82 OR document !~ '"[^"]{81}')$$;
REVOKE ALL ON FUNCTION webhook_words(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION webhook_words(text) TO core_app, core_worker, core_definer;
COMMENT ON FUNCTION webhook_words(text) IS 'Whether every text of a JSON document is a word and not prose.';

-- The id of an event's delivery to an endpoint: a UUIDv7 of when the event got its place, so that the
-- newest come first, and the same whenever it is asked for, so that nothing is queued twice.
CREATE FUNCTION webhook_delivery_id(kept_at timestamptz, endpoint_id uuid, event_id uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$select (lpad(to_hex((extract(epoch from kept_at) * 1000)::bigint), 12, '0') || '7'
  || overlay(substr(md5(endpoint_id::text || event_id::text), 1, 19) placing '8' from 4 for 1))::uuid$$;
REVOKE ALL ON FUNCTION webhook_delivery_id(timestamptz, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION webhook_delivery_id(timestamptz, uuid, uuid) TO core_app, core_definer;
COMMENT ON FUNCTION webhook_delivery_id(timestamptz, uuid, uuid) IS 'The id of an event''s delivery to an endpoint.';

-- What was there before. The owner is bound as everybody is, so for the move the walls are lowered on
-- what is about to go.
ALTER TABLE webhook_attempts RENAME TO webhook_attempts_old;
ALTER TABLE webhook_deliveries RENAME TO webhook_deliveries_old;
ALTER TABLE webhook_events RENAME TO webhook_events_old;
ALTER TABLE webhook_attempts_old NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries_old NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_events_old NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
ALTER INDEX webhook_events_feed RENAME TO webhook_events_old_feed;

CREATE TABLE webhook_outbox (
  org_id bigint NOT NULL,
  id uuid NOT NULL,
  type text NOT NULL,
  occurred_at timestamptz NOT NULL,
  -- object, id, version and the closed fields, as they will stand in the body.
  data text NOT NULL,
  -- The one endpoint that it is for; such an event has no place in the feed.
  only_for uuid,
  PRIMARY KEY (org_id, id),
  CONSTRAINT webhook_outbox_type CHECK (type IN (
    'appointment.created', 'appointment.rescheduled', 'appointment.cancelled', 'appointment.started',
    'appointment.completed', 'appointment.no_show', 'appointment.reminder_due',
    'video.room_ready', 'video.participant_joined', 'video.participant_left', 'video.recording_available',
    'file.available', 'file.rejected', 'file.infected', 'file.deleted', 'document.signed',
    'program.assigned', 'program.paused', 'program.resumed', 'program.revised', 'program.ended',
    'exercise.completed', 'outcome.recorded',
    'endpoint.verification', 'endpoint.test', 'endpoint.disabled', 'endpoint.recovered',
    'member.added', 'member.removed')),
  CONSTRAINT webhook_outbox_data CHECK (
    length(data) <= 2048 AND data ~ '^\{"object":"[a-z]+","id":("[0-9a-f-]{36}"|[0-9]+),"version":[0-9]+[,}]'
    AND webhook_words(data) AND data::jsonb IS NOT NULL)
);
-- The oldest first, whoever's they are.
CREATE INDEX webhook_outbox_oldest ON webhook_outbox (occurred_at, id);

CREATE TABLE webhook_events (
  org_id bigint NOT NULL,
  id uuid NOT NULL,
  -- When it got its place: by this the feed, its deliveries and their attempts are kept together.
  kept_at timestamptz NOT NULL,
  type text NOT NULL CHECK (length(type) BETWEEN 3 AND 80),
  -- 0: no place in the feed.
  seq bigint NOT NULL CHECK (seq >= 0),
  body text NOT NULL,
  PRIMARY KEY (org_id, id, kept_at),
  CONSTRAINT webhook_events_body CHECK (octet_length(body) <= 4096 AND webhook_words(body))
) PARTITION BY RANGE (kept_at);
CREATE UNIQUE INDEX webhook_events_feed ON webhook_events (org_id, seq, kept_at) WHERE seq > 0;

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

CREATE TABLE webhook_in_flight (
  org_id bigint NOT NULL,
  endpoint_id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  lease uuid NOT NULL,
  leased_until timestamptz NOT NULL,
  PRIMARY KEY (org_id, endpoint_id, delivery_id)
);
-- Rows live for a moment here: what is dead is cleaned up by its number, whatever the share of it.
ALTER TABLE webhook_outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE webhook_queue SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE webhook_in_flight SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE webhook_deliveries (
  org_id bigint NOT NULL,
  id uuid NOT NULL,
  kept_at timestamptz NOT NULL,
  endpoint_id uuid NOT NULL,
  event_id uuid NOT NULL,
  event_type text NOT NULL CHECK (length(event_type) BETWEEN 3 AND 80),
  outcome text NOT NULL CHECK (outcome IN ('delivered', 'failed')),
  attempts integer NOT NULL CHECK (attempts >= 0),
  -- The attempt that ended it. Nothing of what a receiver wrote is kept: a status, a duration, a size, a word.
  ended_at timestamptz NOT NULL,
  status integer CHECK (status BETWEEN 100 AND 999),
  code text CHECK (code ~ '^[a-z_]{1,40}$'),
  duration_ms integer NOT NULL CHECK (duration_ms >= 0),
  size integer NOT NULL CHECK (size >= 0),
  PRIMARY KEY (org_id, id, kept_at)
) PARTITION BY RANGE (kept_at);
CREATE INDEX webhook_deliveries_to ON webhook_deliveries (org_id, endpoint_id, id);

CREATE TABLE webhook_attempts (
  org_id bigint NOT NULL,
  delivery_id uuid NOT NULL,
  id uuid NOT NULL,
  kept_at timestamptz NOT NULL,
  ended_at timestamptz NOT NULL,
  status integer CHECK (status BETWEEN 100 AND 999),
  code text CHECK (code ~ '^[a-z_]{1,40}$'),
  duration_ms integer NOT NULL CHECK (duration_ms >= 0),
  size integer NOT NULL CHECK (size >= 0),
  PRIMARY KEY (org_id, delivery_id, id, kept_at)
) PARTITION BY RANGE (kept_at);

-- What no week was made for: nothing is refused because a command did not run.
CREATE TABLE webhook_events_rest PARTITION OF webhook_events DEFAULT;
CREATE TABLE webhook_deliveries_rest PARTITION OF webhook_deliveries DEFAULT;
CREATE TABLE webhook_attempts_rest PARTITION OF webhook_attempts DEFAULT;

INSERT INTO webhook_outbox (org_id, id, type, occurred_at, data, only_for)
SELECT org_id, id, type, occurred_at, data, only_for FROM webhook_events_old WHERE seq IS NULL;
INSERT INTO webhook_events (org_id, id, kept_at, type, seq, body)
SELECT org_id, id, occurred_at, type, seq, body FROM webhook_events_old WHERE seq IS NOT NULL;
INSERT INTO webhook_queue (org_id, id, endpoint_id, event_id, kept_at, event_type, attempts, due_at)
SELECT d.org_id, webhook_delivery_id(e.occurred_at, d.endpoint_id, d.event_id), d.endpoint_id, d.event_id,
  e.occurred_at, d.event_type, d.attempts, d.due_at
FROM webhook_deliveries_old d JOIN webhook_events_old e ON e.org_id = d.org_id AND e.id = d.event_id
WHERE d.status = 'waiting';
WITH attempt AS (
  SELECT a.*, webhook_delivery_id(e.occurred_at, d.endpoint_id, d.event_id) AS new_id,
    e.occurred_at AS kept_at, d.endpoint_id, d.event_id, d.event_type, d.status AS outcome, d.attempts,
    row_number() OVER (PARTITION BY a.org_id, a.delivery_id ORDER BY a.ended_at DESC, a.id) AS back
  FROM webhook_attempts_old a
  JOIN webhook_deliveries_old d ON d.org_id = a.org_id AND d.id = a.delivery_id
  JOIN webhook_events_old e ON e.org_id = d.org_id AND e.id = d.event_id
), over AS (
  INSERT INTO webhook_deliveries (org_id, id, kept_at, endpoint_id, event_id, event_type, outcome, attempts,
    ended_at, status, code, duration_ms, size)
  SELECT org_id, new_id, kept_at, endpoint_id, event_id, event_type, outcome, attempts,
    ended_at, status, code, duration_ms, size
  FROM attempt WHERE back = 1 AND outcome <> 'waiting'
)
INSERT INTO webhook_attempts (org_id, delivery_id, id, kept_at, ended_at, status, code, duration_ms, size)
SELECT org_id, new_id, id, kept_at, ended_at, status, code, duration_ms, size
FROM attempt WHERE back > 1 OR outcome = 'waiting';

DROP TABLE webhook_attempts_old;
DROP TABLE webhook_deliveries_old;
DROP TABLE webhook_events_old;

CALL make_tenant_table('webhook_outbox', 'INSERT', 'INSERT');
GRANT SELECT, INSERT, DELETE ON webhook_outbox TO core_definer;
CALL classify('webhook_outbox', 'tenant',
  'org_id: id, id: id, type: enum, occurred_at: time, data: enum, only_for: id');

CALL make_tenant_table('webhook_events', 'SELECT', '');
GRANT SELECT, INSERT ON webhook_events TO core_definer;
CALL classify('webhook_events', 'tenant',
  'org_id: id, id: id, kept_at: time, type: enum, seq: number, body: enum');

CALL make_tenant_table('webhook_queue', 'SELECT, INSERT, DELETE', '');
GRANT UPDATE (attempts, due_at) ON webhook_queue TO core_app;
GRANT SELECT, INSERT, UPDATE (attempts, due_at), DELETE ON webhook_queue TO core_definer;
CALL classify('webhook_queue', 'tenant',
  'org_id: id, id: id, endpoint_id: id, event_id: id, kept_at: time, event_type: enum, attempts: number, due_at: time');

CALL make_tenant_table('webhook_in_flight', '', '');
GRANT SELECT, INSERT, UPDATE (lease, leased_until), DELETE ON webhook_in_flight TO core_definer;
CALL classify('webhook_in_flight', 'tenant',
  'org_id: id, endpoint_id: id, delivery_id: id, lease: id, leased_until: time');

CALL make_tenant_table('webhook_deliveries', 'SELECT, DELETE', '');
GRANT SELECT, INSERT, DELETE ON webhook_deliveries TO core_definer;
CALL classify('webhook_deliveries', 'tenant',
  'org_id: id, id: id, kept_at: time, endpoint_id: id, event_id: id, event_type: enum, outcome: enum, attempts: number, ended_at: time, status: number, code: enum, duration_ms: number, size: number');

CALL make_tenant_table('webhook_attempts', 'SELECT, INSERT', '');
GRANT INSERT ON webhook_attempts TO core_definer;
CALL classify('webhook_attempts', 'tenant',
  'org_id: id, delivery_id: id, id: id, kept_at: time, ended_at: time, status: number, code: enum, duration_ms: number, size: number');

-- A partition has the walls and the words of its table, and no rights of its own.
CREATE PROCEDURE wall_partition(partition regclass, parent regclass)
LANGUAGE plpgsql AS $$
DECLARE
  v record;
BEGIN
  CALL make_tenant_table(partition, '', '');
  EXECUTE format('COMMENT ON TABLE %s IS %L', partition, obj_description(parent, 'pg_class'));
  FOR v IN SELECT attname, attnum FROM pg_attribute
    WHERE attrelid = parent AND attnum > 0 AND NOT attisdropped
  LOOP
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', partition, v.attname, col_description(parent, v.attnum));
  END LOOP;
END
$$;
REVOKE ALL ON PROCEDURE wall_partition(regclass, regclass) FROM PUBLIC;
COMMENT ON PROCEDURE wall_partition(regclass, regclass) IS 'A partition has the walls and the words of its table.';

CALL wall_partition('webhook_events_rest', 'webhook_events');
CALL wall_partition('webhook_deliveries_rest', 'webhook_deliveries');
CALL wall_partition('webhook_attempts_rest', 'webhook_attempts');

-- Makes the weeks from the current one on that are missing, and drops those that ended so long ago. A
-- week is filled apart and attached, which readers and writers do not wait for.
CREATE PROCEDURE keep_webhook_weeks(p_now timestamptz, p_ahead integer, p_keep interval)
LANGUAGE plpgsql AS $$
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
      EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', v_name, v_parent);
      CALL wall_partition(('public.' || v_name)::regclass, ('public.' || v_parent)::regclass);
      EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        v_parent, v_name, v_week, v_week + interval '7 days');
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
REVOKE ALL ON PROCEDURE keep_webhook_weeks(timestamptz, integer, interval) FROM PUBLIC;
COMMENT ON PROCEDURE keep_webhook_weeks(timestamptz, integer, interval) IS 'Makes the weeks to come, drops those that are over.';

-- Endpoints: headers of their own, a rate of their own, and a slow start.
ALTER TABLE webhook_endpoints
  -- How many there are, and what they are; sealed for this version.
  ADD header_count integer NOT NULL DEFAULT 0 CHECK (header_count BETWEEN 0 AND 10),
  ADD headers_version integer,
  ADD headers_sealed bytea CHECK (length(headers_sealed) BETWEEN 1 AND 65536),
  -- Deliveries a minute at most, and when the bucket is full again (GCRA).
  ADD rate_per_minute integer CHECK (rate_per_minute BETWEEN 1 AND 60000),
  ADD rate_full_at timestamptz,
  -- After a recovery: how many may be under way at once; null: as many as to anybody.
  ADD ramp integer CHECK (ramp > 0),
  ADD CONSTRAINT webhook_endpoints_headers CHECK ((header_count = 0) = (headers_sealed IS NULL) AND (headers_version IS NULL) = (headers_sealed IS NULL));
GRANT UPDATE (rate_full_at, ramp) ON webhook_endpoints TO core_definer;
-- What is sealed leaves to whoever sends, and to nobody who asks.
REVOKE SELECT ON webhook_endpoints FROM core_app;
GRANT SELECT (org_id, id, url, filters, admits, state, disabled_reason, version, failures, failing_since,
  probe_at, paused_until, created_at, header_count, headers_version, rate_per_minute, rate_full_at, ramp)
  ON webhook_endpoints TO core_app;
CALL classify('webhook_endpoints', 'tenant',
  'header_count: number, headers_version: number, headers_sealed: secret, rate_per_minute: number, rate_full_at: time, ramp: number');

-- What an endpoint is to hear once more, or for the first time: a part of the feed, a piece at a time.
CREATE TABLE webhook_jobs (
  org_id bigint NOT NULL,
  id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  -- The places of the feed: from the first to the last, and the next to be looked at.
  first_seq bigint NOT NULL CHECK (first_seq > 0),
  last_seq bigint NOT NULL CHECK (last_seq >= first_seq - 1),
  next_seq bigint NOT NULL CHECK (next_seq BETWEEN first_seq AND last_seq + 1),
  -- Deliveries that came of it.
  queued bigint NOT NULL DEFAULT 0 CHECK (queued >= 0),
  status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done', 'cancelled')),
  due_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, endpoint_id) REFERENCES webhook_endpoints (org_id, id) ON DELETE CASCADE,
  CHECK ((status = 'running') = (ended_at IS NULL))
);
CREATE INDEX webhook_jobs_due ON webhook_jobs (due_at) WHERE status = 'running';
CREATE INDEX webhook_jobs_of ON webhook_jobs (org_id, endpoint_id);
CALL make_tenant_table('webhook_jobs', 'SELECT, INSERT', '');
GRANT SELECT, UPDATE (next_seq, queued, status, due_at, ended_at) ON webhook_jobs TO core_definer;
GRANT SELECT ON webhook_counters TO core_app;
CALL classify('webhook_jobs', 'tenant',
  'org_id: id, id: id, endpoint_id: id, first_seq: number, last_seq: number, next_seq: number, queued: number, status: enum, due_at: time, created_at: time, ended_at: time');

CALL keep_webhook_weeks(now(), 5, interval '35 days');
