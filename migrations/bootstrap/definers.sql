-- The listed functions that belong to no file of their own, and what is done with all of them at the
-- end; open.sql begins, and telemetry.sql stands between.

-- Who stands behind each of several subjects, and where they act now: by its place in the arrays, so
-- that each of those who asked together is told of nobody else. A subject that is unknown has no row.
-- Every request pays for it, so it is planned once. On small tables the planner would read and hash them
-- whole, and keep to that plan while they grow.
DROP FUNCTION IF EXISTS definer.resolve_principal(text, text);
CREATE OR REPLACE FUNCTION definer.resolve_principals(p_subjects text[], p_sessions text[])
RETURNS TABLE (ordinal bigint, user_id uuid, org_id bigint, org_status text, person_id uuid, role text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN QUERY
  SELECT asked.ordinal, u.id, coalesce(s.org_id, u.current_org_id), o.status, m.person_id, m.role
  FROM unnest(p_subjects, p_sessions) WITH ORDINALITY AS asked (subject, session, ordinal)
  JOIN public.users u ON u.subject = asked.subject
  LEFT JOIN public.user_sessions s ON s.user_id = u.id AND s.session = asked.session
  LEFT JOIN public.organizations o ON o.id = coalesce(s.org_id, u.current_org_id)
  LEFT JOIN public.memberships m ON m.org_id = o.id AND m.user_id = u.id AND m.ended_at IS NULL;
END
$$;

-- The program of an id that was not revoked, of an organisation that is not suspended.
CREATE OR REPLACE FUNCTION definer.resolve_api_client(p_id uuid)
RETURNS TABLE (org_id bigint, secret_digest bytea, scopes text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT c.org_id, c.secret_digest, c.scopes FROM public.api_clients c
  JOIN public.organizations o ON o.id = c.org_id AND o.status = 'active'
  WHERE c.id = p_id AND c.revoked_at IS NULL;
END
$$;

-- Who stands behind a program's token that is good now, and how their organisation stands.
CREATE OR REPLACE FUNCTION definer.resolve_api_token(p_digest bytea, p_now timestamptz)
RETURNS TABLE (org_id bigint, org_status text, client_id uuid, scopes text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT t.org_id, o.status, t.client_id, t.scopes FROM public.api_tokens t
  JOIN public.api_clients c ON c.org_id = t.org_id AND c.id = t.client_id AND c.revoked_at IS NULL
  JOIN public.organizations o ON o.id = t.org_id
  WHERE t.digest = p_digest AND t.expires_at > p_now;
END
$$;

-- The organisations among which a user may choose.
DROP FUNCTION IF EXISTS definer.list_memberships(uuid);
CREATE FUNCTION definer.list_memberships(p_user uuid)
RETURNS TABLE (org_id bigint, person_id uuid, role text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT m.org_id, m.person_id, m.role
  FROM public.memberships m
  JOIN public.organizations o ON o.id = m.org_id
  WHERE m.user_id = p_user AND m.ended_at IS NULL AND o.status = 'active'
  ORDER BY m.org_id;
END
$$;

-- Makes an organisation the current one, when the user is an active member of it; called in the
-- transaction that leaves a line of it in that organisation's audit.
CREATE OR REPLACE FUNCTION definer.choose_organization(p_user uuid, p_session text, p_org bigint, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM public.memberships m
  JOIN public.organizations o ON o.id = m.org_id
  WHERE m.user_id = p_user AND m.org_id = p_org AND m.ended_at IS NULL AND o.status = 'active';
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF p_session IS NULL THEN
    UPDATE public.users SET current_org_id = p_org WHERE id = p_user;
  ELSE
    -- Sessions end without telling us; a month is longer than any of them.
    DELETE FROM public.user_sessions s
    WHERE s.user_id = p_user AND s.chosen_at < p_now - interval '30 days';
    INSERT INTO public.user_sessions (user_id, session, org_id, chosen_at)
    VALUES (p_user, p_session, p_org, p_now)
    ON CONFLICT (user_id, session) DO UPDATE SET org_id = excluded.org_id, chosen_at = excluded.chosen_at;
  END IF;
  RETURN true;
END
$$;

-- The user behind a subject, made when new. Their first organisation becomes the current one.
-- The answer is the same whether or not the subject was known: it tells nothing of elsewhere.
CREATE OR REPLACE FUNCTION definer.enlist_user(p_user uuid, p_subject text)
RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_user uuid;
BEGIN
  INSERT INTO public.users (id, subject, current_org_id)
  VALUES (p_user, p_subject, public.current_app_org_id())
  ON CONFLICT (subject) DO NOTHING
  RETURNING id INTO v_user;
  IF v_user IS NULL THEN
    -- Known already: read, and not locked, so that no clinic waits for another's transaction.
    SELECT id INTO v_user FROM public.users WHERE subject = p_subject;
    UPDATE public.users SET current_org_id = public.current_app_org_id()
    WHERE id = v_user AND current_org_id IS NULL;
  END IF;
  RETURN v_user;
END
$$;

-- The appointment and the member behind a join code that is still good.
CREATE OR REPLACE FUNCTION definer.resolve_join_code(p_code_hash bytea, p_now timestamptz)
RETURNS TABLE (org_id bigint, appointment_id bigint, user_id uuid, person_id uuid, role text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT c.org_id, c.appointment_id, m.user_id, m.person_id, m.role
  FROM public.join_codes c
  JOIN public.organizations o ON o.id = c.org_id AND o.status = 'active'
  JOIN public.memberships m
    ON m.org_id = c.org_id AND m.person_id = c.person_id AND m.ended_at IS NULL
  WHERE c.code_hash = p_code_hash AND c.expires_at > p_now;
END
$$;

-- The appointment whose room has a name at the provider. A name that two have is nobody's.
CREATE OR REPLACE FUNCTION definer.resolve_video_room(p_name text)
RETURNS TABLE (org_id bigint, appointment_id bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT min(r.org_id), min(r.appointment_id)
  FROM public.video_rooms r
  JOIN public.organizations o ON o.id = r.org_id AND o.status = 'active'
  WHERE r.name = p_name
  HAVING count(*) = 1;
END
$$;

-- The rooms in which somebody may be at a moment: those that are open, and those in which somebody was
-- seen last and is not known to have left.
CREATE OR REPLACE FUNCTION definer.list_open_calls(p_limit integer, p_now timestamptz)
RETURNS TABLE (org_id bigint, appointment_id bigint, name text, occupied boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT c.org_id, c.appointment_id, c.name, c.occupied
  FROM (
    SELECT r.org_id, r.appointment_id, r.name, r.closes_at, EXISTS (
      SELECT FROM public.video_stays s
      WHERE s.org_id = r.org_id AND s.appointment_id = r.appointment_id AND s.left_at IS NULL) AS occupied
    FROM public.video_rooms r
    JOIN public.organizations o ON o.id = r.org_id AND o.status = 'active'
    WHERE r.closes_at > p_now - interval '1 day' AND r.opens_at <= p_now
  ) c
  WHERE c.occupied OR c.closes_at > p_now
  ORDER BY c.closes_at
  LIMIT p_limit;
END
$$;

-- The appointments by video that end after a moment, and the rooms that are kept for them, by when they
-- end: a page after a place.
CREATE OR REPLACE FUNCTION definer.list_room_duties(
  p_after timestamptz, p_after_org bigint, p_after_id bigint, p_limit integer)
RETURNS TABLE (org_id bigint, appointment_id bigint, ends_at timestamptz, standing text,
  name text, opens_at timestamptz, closes_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT a.org_id, a.id, a.ends_at,
    -- Of a suspended organisation, rooms stand as they are: nobody gets in.
    CASE WHEN o.status <> 'active' THEN 'over'
      WHEN a.status IN ('confirmed', 'in_progress') THEN 'active'
      WHEN a.status = 'cancelled' THEN 'cancelled' ELSE 'over' END,
    r.name, r.opens_at, r.closes_at
  FROM public.appointments a
  JOIN public.organizations o ON o.id = a.org_id
  LEFT JOIN public.video_rooms r ON r.org_id = a.org_id AND r.appointment_id = a.id
  WHERE a.online AND (a.ends_at, a.org_id, a.id) > (p_after, p_after_org, p_after_id)
  ORDER BY a.ends_at, a.org_id, a.id
  LIMIT p_limit;
END
$$;

-- A batch of recordings that somebody has to look after: leased, by when they are due.
CREATE OR REPLACE FUNCTION definer.claim_recordings(p_limit integer, p_now timestamptz, p_until timestamptz)
RETURNS TABLE (org_id bigint, id uuid, version integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  WITH due AS (
    SELECT r.org_id, r.id
    FROM public.recordings r
    JOIN public.organizations o ON o.id = r.org_id AND o.status = 'active'
    WHERE r.due_at <= p_now
    ORDER BY r.due_at
    LIMIT p_limit
    FOR UPDATE OF r SKIP LOCKED
  )
  UPDATE public.recordings r
  SET due_at = p_until
  FROM due
  WHERE r.org_id = due.org_id AND r.id = due.id
  RETURNING r.org_id, r.id, r.version;
END
$$;

-- A batch of due events of one topic: leased, one per appointment, the oldest first. What happened to it
-- before is dealt with before, whatever its topic.
CREATE OR REPLACE FUNCTION definer.claim_outbox(
  p_topic text, p_limit integer, p_now timestamptz, p_lease uuid, p_until timestamptz)
RETURNS TABLE (org_id bigint, id uuid, appointment_id bigint, attempts integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  WITH due AS (
    SELECT q.org_id, q.id
    FROM public.outbox q
    WHERE q.topic = p_topic AND q.due_at <= p_now
      AND NOT EXISTS (
        SELECT FROM public.outbox earlier
        WHERE earlier.org_id = q.org_id AND earlier.appointment_id = q.appointment_id AND earlier.id < q.id)
    ORDER BY q.due_at
    LIMIT p_limit
    FOR UPDATE SKIP LOCKED
  )
  UPDATE public.outbox q
  SET lease = p_lease, due_at = p_until, attempts = q.attempts + 1
  FROM due
  WHERE q.org_id = due.org_id AND q.topic = p_topic AND q.id = due.id
  RETURNING q.org_id, q.id, q.appointment_id, q.attempts - 1;
END
$$;

-- Records what became of claimed events; one whose lease is not the current one changes nothing.
-- A null in p_retry_at: done.
CREATE OR REPLACE FUNCTION definer.settle_outbox(p_ids uuid[], p_leases uuid[], p_retry_at timestamptz[])
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM public.outbox q
  USING unnest(p_ids, p_leases, p_retry_at) AS s (id, lease, retry_at)
  WHERE q.id = s.id AND q.lease = s.lease AND s.retry_at IS NULL;
  UPDATE public.outbox q
  SET due_at = s.retry_at, lease = NULL
  FROM unnest(p_ids, p_leases, p_retry_at) AS s (id, lease, retry_at)
  WHERE q.id = s.id AND q.lease = s.lease AND s.retry_at IS NOT NULL;
END
$$;

-- A batch of files that somebody has to look after: leased, by when they are due.
CREATE OR REPLACE FUNCTION definer.claim_files(p_limit integer, p_now timestamptz, p_until timestamptz)
RETURNS TABLE (org_id bigint, id uuid, version integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  WITH due AS (
    SELECT f.org_id, f.id
    FROM public.files f
    WHERE f.due_at <= p_now AND (NOT f.legal_hold OR f.status <> 'available')
    ORDER BY f.due_at
    LIMIT p_limit
    FOR UPDATE SKIP LOCKED
  )
  UPDATE public.files f
  SET due_at = p_until
  FROM due
  WHERE f.org_id = due.org_id AND f.id = due.id
  RETURNING f.org_id, f.id, f.version;
END
$$;

-- A batch of appointments with a reminder that is due: leased, by when they are due.
CREATE OR REPLACE FUNCTION definer.claim_reminders(p_limit integer, p_now timestamptz, p_until timestamptz)
RETURNS TABLE (org_id bigint, id bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  WITH due AS (
    SELECT a.org_id, a.id
    FROM public.appointments a
    WHERE a.reminder_due_at <= p_now
    ORDER BY a.reminder_due_at
    LIMIT p_limit
    FOR UPDATE SKIP LOCKED
  )
  UPDATE public.appointments a
  SET reminder_due_at = p_until
  FROM due
  WHERE a.org_id = due.org_id AND a.id = due.id
  RETURNING a.org_id, a.id;
END
$$;

-- Forgets answers that nobody may ask for any more, so many at most; how many it were.
CREATE OR REPLACE FUNCTION definer.forget_answers(p_now timestamptz, p_limit integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_forgotten integer;
BEGIN
  WITH expired AS (
    SELECT a.org_id, a.actor_id, a.operation, a.key_hash
    FROM public.kept_answers a
    WHERE a.expires_at <= p_now
    ORDER BY a.expires_at
    LIMIT p_limit
    FOR UPDATE SKIP LOCKED
  )
  DELETE FROM public.kept_answers a
  USING expired e
  WHERE a.org_id = e.org_id AND a.actor_id = e.actor_id AND a.operation = e.operation
    AND a.key_hash = e.key_hash;
  GET DIAGNOSTICS v_forgotten = ROW_COUNT;
  RETURN v_forgotten;
END
$$;

-- Appends audit lines of many organisations in one statement: reads, refusals and failures have no
-- transaction of their own. The organisation of each line is the one its request was proven for.
CREATE OR REPLACE FUNCTION definer.append_audit(
  p_org_ids bigint[], p_ids uuid[], p_occurred_at timestamptz[], p_actor_kinds text[],
  p_actor_ids uuid[], p_actor_roles text[], p_operations text[], p_resource_kinds text[],
  p_resource_ids text[], p_patient_ids uuid[], p_outcomes text[], p_codes text[],
  p_request_ids uuid[])
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.audit_events (
    org_id, id, occurred_at, actor_kind, actor_id, actor_role, operation, resource_kind,
    resource_id, patient_id, outcome, code, request_id)
  SELECT * FROM unnest(
    p_org_ids, p_ids, p_occurred_at, p_actor_kinds, p_actor_ids, p_actor_roles, p_operations,
    p_resource_kinds, p_resource_ids, p_patient_ids, p_outcomes, p_codes, p_request_ids);
END
$$;

-- Gives the events that wait their places, freezes their bodies and fans them out, for every
-- organisation that waits and that nobody else serves. The counter's row is locked until this
-- commits, so places have no gaps; what is for one endpoint alone has a place below 0, and says 0.
-- What was told together is kept in blocks of up to 25, and what an endpoint is to hear of a batch is
-- queued as runs of places without a gap.
CREATE OR REPLACE FUNCTION definer.sequence_webhooks(p_limit integer, p_now timestamptz)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
  v_orgs bigint[];
  v_done integer;
BEGIN
  v_orgs := ARRAY(SELECT DISTINCT o.org_id FROM (
    SELECT w.org_id FROM public.webhook_outbox w ORDER BY w.occurred_at, w.id LIMIT least(p_limit, 250)) o);
  IF cardinality(v_orgs) = 0 THEN
    RETURN 0;
  END IF;
  INSERT INTO public.webhook_counters (org_id)
  SELECT o FROM unnest(v_orgs) o
  WHERE NOT EXISTS (SELECT FROM public.webhook_counters c WHERE c.org_id = o)
  ORDER BY o ON CONFLICT DO NOTHING;
  -- A statement of its own: the next one sees what whoever held a counter before has committed.
  v_orgs := ARRAY(SELECT c.org_id FROM public.webhook_counters c
    WHERE c.org_id = ANY (v_orgs) ORDER BY c.org_id FOR UPDATE SKIP LOCKED);
  WITH batch AS MATERIALIZED (
    SELECT w.org_id, w.id FROM (
      SELECT w.org_id, w.id, sum(cardinality(w.ids)) OVER (ORDER BY w.occurred_at, w.id) - cardinality(w.ids) AS before
      FROM (SELECT w.org_id, w.id, w.occurred_at, w.ids FROM public.webhook_outbox w
        WHERE w.org_id = ANY (v_orgs) ORDER BY w.occurred_at, w.id LIMIT p_limit) w) w
    WHERE w.before < p_limit
  ), taken AS (
    DELETE FROM public.webhook_outbox w USING batch b
    WHERE w.org_id = b.org_id AND w.id = b.id
    RETURNING w.*, cardinality(w.ids) AS count
  ), placed AS (
    -- How many places are given before: of those of the feed, and of the others.
    SELECT t.*, c.last_seq, c.least_seq,
      sum(t.count) OVER (PARTITION BY t.org_id, t.only_for IS NULL ORDER BY t.occurred_at, t.id) - t.count AS before
    FROM taken t JOIN public.webhook_counters c ON c.org_id = t.org_id
  ), blocks AS MATERIALIZED (
    SELECT p.org_id, p.only_for, b.first_seq, b.first_seq + b.high - b.low AS last_seq, p.ids[b.low:b.high] AS ids, p.types[b.low:b.high] AS types,
      ARRAY(SELECT concat('{"id":"evt_', e.id, '","type":"', e.type, '","timestamp":"',
          to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
          '","organization_id":', p.org_id, ',"seq":', greatest(b.first_seq + e.nth - 1, 0), ',"data":', e.data, '}')
        FROM unnest(p.ids[b.low:b.high], p.types[b.low:b.high], p.moments[b.low:b.high], p.data[b.low:b.high])
          WITH ORDINALITY AS e (id, type, occurred_at, data, nth)) AS bodies
    FROM placed p
    CROSS JOIN LATERAL (
      SELECT n AS low, least(n + 24, p.count) AS high, (p.last_seq + p.before + n)::bigint AS first_seq
      FROM generate_series(1, p.count, 25) n WHERE p.only_for IS NULL
      UNION ALL
      SELECT n, n, (p.least_seq - p.before - n)::bigint
      FROM generate_series(1, p.count) n WHERE p.only_for IS NOT NULL
    ) b
  ), frozen AS (
    INSERT INTO public.webhook_events (org_id, kept_at, last_seq, ids, types, bodies)
    SELECT b.org_id, p_now, b.last_seq, b.ids, b.types, b.bodies FROM blocks b
  ), heard AS (
    -- Of each block all of it, or the places of the types that the endpoint admits.
    SELECT b.org_id, e.id AS endpoint_id, r.first_seq, r.last_seq, b.types
    FROM blocks b
    JOIN public.webhook_endpoints e ON e.org_id = b.org_id
      AND CASE WHEN b.only_for IS NULL THEN e.state = 'enabled' ELSE e.id = b.only_for END
    CROSS JOIN LATERAL (
      SELECT b.first_seq, b.last_seq WHERE b.only_for IS NOT NULL OR b.types <@ e.admits
      UNION ALL
      SELECT b.first_seq + t.nth - 1, b.first_seq + t.nth - 1
      FROM unnest(b.types) WITH ORDINALITY AS t (type, nth)
      WHERE b.only_for IS NULL AND NOT b.types <@ e.admits AND t.type = ANY (e.admits)
    ) r
  ), fanned AS (
    INSERT INTO public.webhook_queue (org_id, id, endpoint_id, kept_at, first_seq, last_seq, due_at, verifies)
    SELECT r.org_id, public.webhook_delivery_id(p_now, r.endpoint_id, max(r.last_seq)), r.endpoint_id, p_now,
      min(r.first_seq), max(r.last_seq), p_now, bool_and(r.types = ARRAY['endpoint.verification'])
    FROM (
      -- Without a gap between them: as far from each other as there are places in them.
      SELECT h.*, CASE WHEN h.first_seq > 0
          THEN h.first_seq - sum(h.last_seq - h.first_seq + 1) OVER (PARTITION BY h.org_id, h.endpoint_id ORDER BY h.first_seq)
            + h.last_seq - h.first_seq + 1
        ELSE h.first_seq END AS run
      FROM heard h
    ) r
    GROUP BY r.org_id, r.endpoint_id, r.first_seq > 0, r.run
  ), counted AS (
    UPDATE public.webhook_counters c
    SET last_seq = greatest(c.last_seq, n.last_seq), least_seq = least(c.least_seq, n.least_seq)
    FROM (SELECT b.org_id, max(b.last_seq) AS last_seq, min(b.first_seq) AS least_seq FROM blocks b GROUP BY b.org_id) n
    WHERE c.org_id = n.org_id
  )
  SELECT sum(cardinality(b.ids)) INTO v_done FROM blocks b;
  IF v_done > 0 THEN
    NOTIFY webhook_deliveries;
  END IF;
  RETURN coalesce(v_done, 0);
END
$$;

-- A batch of deliveries to send, leased, a row for each run that it takes of: at most so many under way to one
-- endpoint and for one organisation. One at a time claims for an organisation (whoever finds its turn
-- taken passes it by), so that the caps hold. An endpoint that has been failing gets a single delivery,
-- the oldest, as a probe; one that has just recovered a few; one with a rate of its own no more than that.
--
-- What is lost of a claim in a crash is sent again: so nobody waits for it to be durable.
DROP FUNCTION IF EXISTS definer.claim_webhooks(integer, integer, integer, timestamptz, uuid, timestamptz);
CREATE FUNCTION definer.claim_webhooks(
  p_limit integer, p_per_endpoint integer, p_per_org integer,
  p_now timestamptz, p_lease uuid, p_until timestamptz)
RETURNS TABLE (org_id bigint, endpoint_id uuid, url text, secret_versions integer[], secrets bytea[],
  headers_version integer, headers bytea, first_seq bigint, attempts integer, event_ids uuid[], bodies text[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off AS $$
#variable_conflict use_column
DECLARE
  v_orgs bigint[];
  v_endpoints uuid[];
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  -- What somebody did not bring to its end waits again, each by itself.
  WITH lapsed AS MATERIALIZED (
    SELECT f.org_id, f.endpoint_id, f.lease, f.first_seq FROM public.webhook_in_flight f
    WHERE f.leased_until <= p_now ORDER BY f.leased_until LIMIT 1000 FOR UPDATE SKIP LOCKED
  ), freed AS (
    DELETE FROM public.webhook_in_flight f USING lapsed l
    WHERE f.org_id = l.org_id AND f.endpoint_id = l.endpoint_id AND f.lease = l.lease AND f.first_seq = l.first_seq
    RETURNING f.*
  )
  INSERT INTO public.webhook_queue (org_id, id, endpoint_id, kept_at, first_seq, last_seq, attempts, due_at, verifies)
  SELECT f.org_id, public.webhook_delivery_id(f.kept_at, f.endpoint_id, s), f.endpoint_id, f.kept_at, s, s, f.attempts,
    f.kept_at, f.types = ARRAY['endpoint.verification']
  FROM freed f CROSS JOIN LATERAL generate_series(f.first_seq, f.last_seq) s
  WHERE public.holds_place(f.under_way, f.first_seq, s);
  -- Who waits: from endpoint to endpoint through the index, whatever the length of each one's queue.
  WITH RECURSIVE lanes AS (
    (SELECT q.org_id, q.endpoint_id, q.due_at FROM public.webhook_queue q ORDER BY q.org_id, q.endpoint_id, q.due_at LIMIT 1)
    UNION ALL
    SELECT n.org_id, n.endpoint_id, n.due_at FROM lanes l CROSS JOIN LATERAL (
      SELECT q.org_id, q.endpoint_id, q.due_at FROM public.webhook_queue q
      WHERE (q.org_id, q.endpoint_id) > (l.org_id, l.endpoint_id)
      ORDER BY q.org_id, q.endpoint_id, q.due_at LIMIT 1) n
  ), able AS MATERIALIZED (
    SELECT l.org_id, l.endpoint_id FROM lanes l
    JOIN public.webhook_endpoints e ON e.org_id = l.org_id AND e.id = l.endpoint_id
    WHERE (e.probe_at IS NULL OR e.probe_at <= p_now)
      AND (e.paused_until IS NULL OR e.paused_until <= p_now)
      AND CASE e.state
        WHEN 'enabled' THEN e.probe_at IS NOT NULL OR l.due_at <= p_now
        WHEN 'pending_verification' THEN EXISTS (SELECT FROM public.webhook_queue q
          WHERE q.org_id = l.org_id AND q.endpoint_id = l.endpoint_id AND q.verifies)
        ELSE false END
  ), turns AS MATERIALIZED (
    SELECT o.org_id FROM (SELECT DISTINCT a.org_id FROM able a) o
    WHERE pg_try_advisory_xact_lock(hashint8extended(o.org_id, 7740561))
  )
  SELECT array_agg(a.org_id), array_agg(a.endpoint_id) INTO v_orgs, v_endpoints
  FROM able a WHERE a.org_id = ANY (ARRAY(SELECT t.org_id FROM turns t));
  IF v_orgs IS NULL THEN
    RETURN;
  END IF;
  -- A statement of its own: it sees what those have committed whose turn it was before. Nobody else
  -- leases for these organisations now, so what is chosen is leased.
  RETURN QUERY
  WITH roomy AS MATERIALIZED (
    SELECT e.org_id, e.id, e.state, e.probe_at IS NOT NULL AS probe, e.rate_per_minute IS NOT NULL AS metered,
      least(
        CASE WHEN e.probe_at IS NOT NULL THEN 1 ELSE least(p_per_endpoint, e.ramp) END
          - (SELECT coalesce(sum(bit_count(f.under_way::bit(64))), 0) FROM public.webhook_in_flight f
             WHERE f.org_id = e.org_id AND f.endpoint_id = e.id AND f.leased_until > p_now),
        CASE WHEN e.rate_per_minute IS NULL THEN p_limit
          -- A second's worth at once, one at least.
          ELSE floor((extract(epoch FROM p_now - greatest(e.rate_full_at, p_now))
            + greatest(60.0 / e.rate_per_minute, 1)) * e.rate_per_minute / 60 + 0.000001) END,
        -- What a row of those under way holds.
        p_limit, 60)::bigint AS room,
      (SELECT coalesce(sum(bit_count(f.under_way::bit(64))), 0)::bigint FROM public.webhook_in_flight f
       WHERE f.org_id = e.org_id AND f.leased_until > p_now) AS of_org
    FROM unnest(v_orgs, v_endpoints) AS l (org_id, id)
    JOIN public.webhook_endpoints e ON e.org_id = l.org_id AND e.id = l.id
    WHERE e.state <> 'disabled' AND (e.probe_at IS NULL OR e.probe_at <= p_now)
      AND (e.paused_until IS NULL OR e.paused_until <= p_now)
  ), heads AS MATERIALIZED (
    -- Of each run the head that its endpoint has room for.
    SELECT r.org_id, r.id AS endpoint_id, r.probe, r.metered, r.of_org,
      d.id AS run, d.kept_at, d.attempts, d.first_seq, d.last_seq, d.before,
      least(d.last_seq, d.first_seq + r.room - d.before - 1) AS upto
    FROM roomy r
    CROSS JOIN LATERAL (
      SELECT d.*, sum(d.last_seq - d.first_seq + 1) OVER (ORDER BY d.due_at, d.id)::bigint
        - (d.last_seq - d.first_seq + 1) AS before
      FROM (
        (SELECT q.id, q.kept_at, q.attempts, q.due_at, q.first_seq, q.last_seq FROM public.webhook_queue q
         WHERE r.state = 'enabled' AND q.org_id = r.org_id AND q.endpoint_id = r.id
           AND (q.due_at <= p_now OR r.probe)
         ORDER BY q.due_at, q.id LIMIT greatest(0, r.room))
        UNION ALL
        (SELECT q.id, q.kept_at, q.attempts, q.due_at, q.first_seq, q.last_seq FROM public.webhook_queue q
         WHERE r.state <> 'enabled' AND q.org_id = r.org_id AND q.endpoint_id = r.id
           AND q.verifies AND (q.due_at <= p_now OR r.probe)
         LIMIT greatest(0, r.room))
      ) d
    ) d
    WHERE d.before < r.room
  ), crowded AS MATERIALIZED (
    -- Those for whom that is too much together, or everybody.
    SELECT h.org_id FROM heads h GROUP BY h.org_id, h.of_org
    HAVING h.of_org + sum(h.upto - h.first_seq + 1) > p_per_org
      OR (SELECT sum(a.upto - a.first_seq + 1) FROM heads a) > p_limit
  ), candidates AS (
    SELECT h.*, s.seq, h.before + s.seq - h.first_seq AS nth,
      row_number() OVER (PARTITION BY h.org_id ORDER BY h.before + s.seq - h.first_seq, h.endpoint_id)
        + h.of_org AS within_org
    FROM heads h CROSS JOIN LATERAL generate_series(h.first_seq, h.upto) AS s (seq)
    WHERE h.org_id = ANY (ARRAY(SELECT c.org_id FROM crowded c))
  ), taken AS MATERIALIZED (
    SELECT h.org_id, h.endpoint_id, h.run, h.probe, h.metered, h.kept_at, h.attempts, h.first_seq, h.last_seq,
      h.before, h.upto
    FROM heads h WHERE h.org_id <> ALL (ARRAY(SELECT c.org_id FROM crowded c))
    UNION ALL
    -- The first of each endpoint, then the second of each, and so on.
    SELECT c.org_id, c.endpoint_id, c.run, c.probe, c.metered, c.kept_at, c.attempts, c.first_seq, c.last_seq,
      c.before, max(c.seq)
    FROM (SELECT * FROM candidates c WHERE c.within_org <= p_per_org ORDER BY c.nth LIMIT p_limit) c
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
  ), emptied AS (
    DELETE FROM public.webhook_queue q USING taken t
    WHERE q.org_id = t.org_id AND q.id = t.run AND t.upto = t.last_seq
  ), shortened AS (
    UPDATE public.webhook_queue q SET first_seq = t.upto + 1 FROM taken t
    WHERE q.org_id = t.org_id AND q.id = t.run AND t.upto < t.last_seq
  ), found AS MATERIALIZED (
    SELECT t.*, v.ids, v.types, v.bodies
    FROM taken t
    CROSS JOIN LATERAL (
      SELECT public.array_cat_agg(v.ids[v.low:v.high]) AS ids, public.array_cat_agg(v.types[v.low:v.high]) AS types,
        public.array_cat_agg(v.bodies[v.low:v.high]) AS bodies
      FROM (SELECT v.ids, v.types, v.bodies, t.first_seq - v.first_seq + 1 AS low, t.upto - v.first_seq + 1 AS high
        FROM public.webhook_events v
        WHERE v.org_id = t.org_id AND v.kept_at = t.kept_at AND v.last_seq BETWEEN t.first_seq AND t.upto + 24
          -- Of the weeks that are still to come none is looked at, whatever the clock of who gave the places.
          AND v.kept_at <= p_now + interval '1 day'
        -- Each holds one at least.
        ORDER BY v.last_seq LIMIT t.upto - t.first_seq + 1) v
      WHERE v.high > 0
    ) v
    -- What the feed does not keep any more is over.
    WHERE cardinality(v.ids) = t.upto - t.first_seq + 1
  ), leased AS (
    INSERT INTO public.webhook_in_flight (org_id, endpoint_id, lease, first_seq, last_seq, kept_at, attempts, types,
      leased_until, under_way)
    SELECT f.org_id, f.endpoint_id, p_lease, f.first_seq, f.upto, f.kept_at, f.attempts, f.types, p_until,
      (1::bigint << (f.upto - f.first_seq + 1)::integer) - 1
    FROM found f
  ), noted AS (
    UPDATE public.webhook_endpoints e
    SET probe_at = CASE WHEN t.probe THEN p_until ELSE e.probe_at END,
      rate_full_at = CASE WHEN t.metered
        THEN greatest(e.rate_full_at, p_now) + t.taken * interval '60 s' / e.rate_per_minute
        ELSE e.rate_full_at END
    FROM (SELECT t.org_id, t.endpoint_id, t.probe, t.metered, sum(t.upto - t.first_seq + 1)::bigint AS taken FROM taken t
      WHERE t.probe OR t.metered GROUP BY 1, 2, 3, 4) t
    WHERE e.org_id = t.org_id AND e.id = t.endpoint_id
  )
  SELECT f.org_id, f.endpoint_id, e.url, coalesce(k.versions, '{}'), coalesce(k.sealed, '{}'),
    e.headers_version, e.headers_sealed, f.first_seq, f.attempts, f.ids, f.bodies
  FROM found f
  JOIN public.webhook_endpoints e ON e.org_id = f.org_id AND e.id = f.endpoint_id
  CROSS JOIN LATERAL (
    SELECT array_agg(s.version ORDER BY s.version DESC) AS versions,
      array_agg(s.sealed ORDER BY s.version DESC) AS sealed
    FROM public.webhook_secrets s
    WHERE s.org_id = f.org_id AND s.endpoint_id = f.endpoint_id
      AND (s.expires_at IS NULL OR s.expires_at > p_now)) k
  ORDER BY f.org_id, f.endpoint_id, f.before;
END
$$;

-- Records what became of claimed deliveries; one whose lease is not the current one changes nothing.
-- What came to the same of a run comes together: a bit of p_places for each, the first of the run is the
-- lowest; what was heard of them stands from p_lows to p_highs, the run's first place first. What is tried
-- again comes by itself.
-- p_verdicts: delivered, retry, failed, gone. An endpoint that failed twice in a row is probed with
-- one delivery at a time, whose schedule is not spent by that; the first success makes all that
-- waits due, and lets it in slowly. After five days of nothing but failures it is disabled.
DROP FUNCTION IF EXISTS definer.settle_webhooks(bigint[], uuid[], uuid[], uuid[], text[], timestamptz[], timestamptz[],
  integer[], text[], integer[], integer[], timestamptz, timestamptz);
DROP FUNCTION IF EXISTS definer.settle_webhooks(bigint[], uuid[], uuid[], integer[], integer[], integer[], text[],
  timestamptz[], timestamptz[], integer[], text[], integer[], integer[], timestamptz, timestamptz);
CREATE OR REPLACE FUNCTION definer.settle_webhooks(
  p_org_ids bigint[], p_endpoint_ids uuid[], p_leases uuid[], p_runs bigint[], p_places bigint[], p_verdicts text[],
  p_retry_at timestamptz[], p_pause_until timestamptz[], p_lows integer[], p_highs integer[],
  p_statuses integer[], p_codes text[], p_durations integer[], p_sizes integer[],
  p_probe_at timestamptz, p_now timestamptz)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off AS $$
DECLARE
  -- After so many failures in a row only probes are sent.
  c_patience CONSTANT integer := 2;
  -- Under way to one that has just recovered; twice as many after each good batch.
  c_ramp CONSTANT integer := 2;
  c_ramped CONSTANT integer := 64;
  v record;
  v_endpoint public.webhook_endpoints;
  v_event text;
  v_held integer := 0;
BEGIN
  FOR v IN
    WITH held AS MATERIALIZED (
      SELECT f.org_id, f.endpoint_id, f.lease, f.first_seq, f.kept_at, f.attempts, f.types, f.under_way,
        f.under_way & t.places AS places, t.verdict, t.retry_at, t.pause_until, t.low, t.high
      FROM unnest(p_org_ids, p_endpoint_ids, p_leases, p_runs, p_places, p_verdicts, p_retry_at, p_pause_until, p_lows, p_highs)
        AS t (org_id, endpoint_id, lease, run, places, verdict, retry_at, pause_until, low, high)
      JOIN public.webhook_in_flight f
        ON f.org_id = t.org_id AND f.endpoint_id = t.endpoint_id AND f.lease = t.lease AND f.first_seq = t.run
      WHERE f.under_way & t.places <> 0
      FOR UPDATE OF f
    ), over AS MATERIALIZED (
      -- By what was locked: what this statement sees of the row by itself may be older.
      SELECT h.org_id, h.endpoint_id, h.lease, h.first_seq, bit_and(h.under_way) & ~bit_or(h.places) AS rest
      FROM held h GROUP BY 1, 2, 3, 4
    ), freed AS (
      DELETE FROM public.webhook_in_flight f USING over o
      WHERE f.org_id = o.org_id AND f.endpoint_id = o.endpoint_id AND f.lease = o.lease AND f.first_seq = o.first_seq
        AND o.rest = 0
    ), left_over AS (
      UPDATE public.webhook_in_flight f SET under_way = o.rest FROM over o
      WHERE f.org_id = o.org_id AND f.endpoint_id = o.endpoint_id AND f.lease = o.lease AND f.first_seq = o.first_seq
        AND o.rest <> 0
    ), logged AS (
      INSERT INTO public.webhook_deliveries (org_id, endpoint_id, id, kept_at, first_seq, places, types, outcome, attempts,
        ended_at, statuses, codes, durations_ms, sizes)
      SELECT h.org_id, h.endpoint_id,
        public.webhook_delivery_id(h.kept_at, h.endpoint_id, h.first_seq + public.highest_place(h.places)), h.kept_at,
        h.first_seq, h.places, h.types[:h.high - h.low + 1],
        CASE h.verdict WHEN 'delivered' THEN 'delivered' ELSE 'failed' END, h.attempts + 1, p_now,
        p_statuses[h.low:h.high], p_codes[h.low:h.high], p_durations[h.low:h.high], p_sizes[h.low:h.high]
      FROM held h WHERE h.verdict <> 'retry'
      -- What nobody can explain for one must not keep all others from being recorded.
      ON CONFLICT DO NOTHING
    ), retried AS MATERIALIZED (
      SELECT h.*, h.first_seq + public.highest_place(h.places) AS seq,
        public.webhook_delivery_id(h.kept_at, h.endpoint_id, h.first_seq + public.highest_place(h.places)) AS id
      FROM held h WHERE h.verdict = 'retry'
    ), again AS (
      -- A probe that failed spends nothing of its schedule, and goes to the back: what one receiver cannot
      -- stomach must not stop the rest.
      INSERT INTO public.webhook_queue (org_id, id, endpoint_id, kept_at, first_seq, last_seq, attempts, due_at, verifies)
      SELECT r.org_id, r.id, r.endpoint_id, r.kept_at, r.seq, r.seq,
        r.attempts + CASE WHEN e.probe_at IS NULL THEN 1 ELSE 0 END,
        CASE WHEN e.probe_at IS NULL THEN r.retry_at ELSE p_now END, r.types = ARRAY['endpoint.verification']
      FROM retried r JOIN public.webhook_endpoints e ON e.org_id = r.org_id AND e.id = r.endpoint_id
    ), noted AS (
      INSERT INTO public.webhook_attempts (org_id, delivery_id, id, kept_at, ended_at, status, code, duration_ms, size)
      SELECT r.org_id, r.id, gen_random_uuid(), r.kept_at, p_now, p_statuses[r.high], p_codes[r.high], p_durations[r.high],
        p_sizes[r.high]
      FROM retried r
    )
    SELECT t.*, e.failures = 0 AND e.probe_at IS NULL AND e.paused_until IS NULL AND e.ramp IS NULL
      AND e.state = 'enabled' AS well
    FROM (
      SELECT h.org_id, h.endpoint_id, sum(bit_count(h.places::bit(64)))::integer AS told,
        coalesce(sum(bit_count(h.places::bit(64))) FILTER (WHERE h.verdict = 'delivered'), 0)::integer AS good,
        coalesce(sum(bit_count(h.places::bit(64))) FILTER (WHERE h.verdict <> 'delivered'), 0)::integer AS bad,
        bool_or(h.verdict = 'gone') AS gone, bool_or(h.verdict = 'delivered' AND h.types = ARRAY['endpoint.verification']) AS verified,
        max(h.pause_until) AS pause_until
      FROM held h GROUP BY h.org_id, h.endpoint_id
    ) t
    LEFT JOIN public.webhook_endpoints e ON e.org_id = t.org_id AND e.id = t.endpoint_id
    ORDER BY t.org_id, t.endpoint_id
  LOOP
    v_held := v_held + v.told;
    -- Of one that is well and stays so there is nothing to be written.
    CONTINUE WHEN v.well AND v.bad = 0;
    SELECT * INTO v_endpoint FROM public.webhook_endpoints e
    WHERE e.org_id = v.org_id AND e.id = v.endpoint_id FOR UPDATE;
    CONTINUE WHEN NOT FOUND;
    v_event := NULL;
    IF v.good > 0 AND NOT v.gone THEN
      IF v_endpoint.probe_at IS NOT NULL THEN
        v_event := 'endpoint.recovered';
        UPDATE public.webhook_queue q SET due_at = p_now
        WHERE q.org_id = v.org_id AND q.endpoint_id = v.endpoint_id AND q.due_at > p_now;
      END IF;
      UPDATE public.webhook_endpoints e
      SET failures = 0, failing_since = NULL, probe_at = NULL, paused_until = v.pause_until,
        ramp = CASE WHEN e.probe_at IS NOT NULL THEN c_ramp
          WHEN e.ramp * 2 >= c_ramped THEN NULL ELSE e.ramp * 2 END,
        state = CASE WHEN v.verified AND e.state = 'pending_verification' THEN 'enabled' ELSE e.state END
      WHERE e.org_id = v.org_id AND e.id = v.endpoint_id;
    ELSIF v.gone OR v_endpoint.failing_since <= p_now - interval '5 days' THEN
      v_event := CASE WHEN v_endpoint.state <> 'disabled' THEN 'endpoint.disabled' END;
      UPDATE public.webhook_endpoints e
      SET state = 'disabled', disabled_reason = CASE WHEN v.gone THEN 'gone' ELSE 'failure' END,
        version = e.version + 1, failures = e.failures + v.bad
      WHERE e.org_id = v.org_id AND e.id = v.endpoint_id AND e.state <> 'disabled';
    ELSE
      UPDATE public.webhook_endpoints e
      SET failures = e.failures + v.bad, failing_since = coalesce(e.failing_since, p_now),
        probe_at = CASE WHEN e.failures + v.bad >= c_patience THEN p_probe_at ELSE e.probe_at END,
        paused_until = greatest(e.paused_until, v.pause_until)
      WHERE e.org_id = v.org_id AND e.id = v.endpoint_id;
    END IF;
    IF v_event IS NOT NULL THEN
      INSERT INTO public.webhook_outbox (org_id, id, occurred_at, ids, types, moments, data, only_for)
      SELECT v.org_id, n.id, p_now, ARRAY[n.id], ARRAY[v_event], ARRAY[p_now],
        ARRAY[format('{"object":"endpoint","id":"%s","version":%s}', e.id, e.version)], NULL
      FROM public.webhook_endpoints e CROSS JOIN (SELECT gen_random_uuid() AS id) n
      WHERE e.org_id = v.org_id AND e.id = v.endpoint_id;
    END IF;
  END LOOP;
  RETURN v_held;
END
$$;

-- Brings replay jobs a piece further: the next places of the feed that the endpoint subscribes to are
-- queued for it, once each, and those that were delivered before are delivered again. A piece at a
-- time, and none while as much waits: what happens now is not kept waiting by what happened then.
CREATE OR REPLACE FUNCTION definer.replay_webhooks(p_jobs integer, p_events integer, p_now timestamptz)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off AS $$
DECLARE
  v record;
  v_waiting integer;
  v_next bigint;
  v_queued integer;
  v_total integer := 0;
BEGIN
  FOR v IN
    SELECT j.org_id, j.id, j.endpoint_id, j.next_seq, j.last_seq, e.state, e.admits
    FROM public.webhook_jobs j JOIN public.webhook_endpoints e ON e.org_id = j.org_id AND e.id = j.endpoint_id
    WHERE j.status = 'running' AND j.due_at <= p_now
    ORDER BY j.due_at LIMIT p_jobs FOR UPDATE OF j SKIP LOCKED
  LOOP
    -- One job of an endpoint at a time, so that nothing waits twice.
    CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtextextended(v.endpoint_id::text, 7740562));
    SELECT coalesce(sum(w.last_seq - w.first_seq + 1), 0) INTO v_waiting FROM (
      SELECT q.first_seq, q.last_seq FROM public.webhook_queue q
      WHERE q.org_id = v.org_id AND q.endpoint_id = v.endpoint_id LIMIT p_events) w;
    IF v.state = 'disabled' THEN
      UPDATE public.webhook_jobs j SET status = 'cancelled', ended_at = p_now
      WHERE j.org_id = v.org_id AND j.id = v.id;
      CONTINUE;
    END IF;
    IF v_waiting >= p_events AND v.next_seq <= v.last_seq THEN
      UPDATE public.webhook_jobs j SET due_at = p_now + interval '1 s'
      WHERE j.org_id = v.org_id AND j.id = v.id;
      CONTINUE;
    END IF;
    WITH piece AS MATERIALIZED (
      SELECT e.kept_at, e.type, e.seq FROM public.webhook_feed(v.org_id, v.next_seq - 1, p_events) e WHERE e.seq <= v.last_seq
    ), waiting AS MATERIALIZED (
      SELECT q.first_seq, q.last_seq, NULL::bigint AS under_way FROM public.webhook_queue q
      WHERE q.org_id = v.org_id AND q.endpoint_id = v.endpoint_id
      UNION ALL
      SELECT f.first_seq, f.last_seq, f.under_way FROM public.webhook_in_flight f
      WHERE f.org_id = v.org_id AND f.endpoint_id = v.endpoint_id
    ), wanted AS MATERIALIZED (
      SELECT p.kept_at, p.seq, public.webhook_delivery_id(p.kept_at, v.endpoint_id, p.seq) AS delivery
      FROM piece p WHERE p.type = ANY (v.admits)
        AND NOT EXISTS (SELECT FROM waiting w WHERE p.seq BETWEEN w.first_seq AND w.last_seq
          AND (w.under_way IS NULL OR public.holds_place(w.under_way, w.first_seq, p.seq)))
    ), logged AS MATERIALIZED (
      SELECT w.kept_at, w.seq FROM wanted w
      WHERE EXISTS (SELECT FROM public.webhook_deliveries d
        WHERE d.org_id = v.org_id AND d.endpoint_id = v.endpoint_id AND d.kept_at = w.kept_at
          AND d.id BETWEEN w.delivery AND public.webhook_run_end(w.delivery)
          AND public.holds_place(d.places, d.first_seq, w.seq))
    ), over AS MATERIALIZED (
      SELECT l.seq FROM logged l WHERE public.retake_webhook(v.org_id, v.endpoint_id, l.kept_at, l.seq)
    ), ours AS MATERIALIZED (
      -- Not what somebody else has just taken out of the log, to send it again.
      SELECT w.kept_at, w.seq, w.seq - row_number() OVER (PARTITION BY w.kept_at ORDER BY w.seq) AS run
      FROM wanted w
      WHERE NOT EXISTS (SELECT FROM logged l WHERE l.seq = w.seq) OR EXISTS (SELECT FROM over o WHERE o.seq = w.seq)
    ), again AS (
      INSERT INTO public.webhook_queue (org_id, id, endpoint_id, kept_at, first_seq, last_seq, due_at)
      SELECT v.org_id, public.webhook_delivery_id(o.kept_at, v.endpoint_id, max(o.seq)), v.endpoint_id, o.kept_at,
        min(o.seq), max(o.seq), p_now
      FROM ours o GROUP BY o.kept_at, o.run ORDER BY min(o.seq)
    )
    SELECT (SELECT max(p.seq) + 1 FROM piece p), (SELECT count(*) FROM ours) INTO v_next, v_queued;
    -- Nothing left in the feed: what is missing was kept no longer.
    v_next := coalesce(v_next, v.last_seq + 1);
    UPDATE public.webhook_jobs j
    SET next_seq = v_next, queued = j.queued + v_queued, due_at = p_now,
      status = CASE WHEN v_next > j.last_seq THEN 'done' ELSE 'running' END,
      ended_at = CASE WHEN v_next > j.last_seq THEN p_now END
    WHERE j.org_id = v.org_id AND j.id = v.id;
    v_total := v_total + 1;
  END LOOP;
  IF v_total > 0 THEN
    NOTIFY webhook_deliveries;
  END IF;
  RETURN v_total;
END
$$;

-- Forgets what no longer leads anywhere: deliveries of events that are kept no longer or to endpoints
-- that are gone. A batch at a time.
CREATE OR REPLACE FUNCTION definer.sweep_webhooks(p_limit integer, p_before timestamptz, p_now timestamptz)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_swept integer;
BEGIN
  WITH old AS (
    SELECT q.org_id, q.id FROM public.webhook_queue q
    WHERE q.kept_at < p_before OR NOT EXISTS (SELECT FROM public.webhook_endpoints e
      WHERE e.org_id = q.org_id AND e.id = q.endpoint_id)
    LIMIT p_limit FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM public.webhook_queue q USING old o WHERE q.org_id = o.org_id AND q.id = o.id
    RETURNING q.last_seq - q.first_seq + 1 AS deliveries
  )
  SELECT coalesce(sum(g.deliveries), 0) INTO v_swept FROM gone g;
  RETURN v_swept;
END
$$;

-- How the webhooks of everybody fare: what waits and is due, since when, in how many organisations it
-- waits for longer than so many seconds, and how many endpoints stand how. No organisation by name:
-- a gauge has a few labels.
CREATE OR REPLACE FUNCTION definer.webhook_backlog(p_now timestamptz)
RETURNS TABLE (unsequenced bigint, unsequenced_since timestamptz, due bigint, due_since timestamptz,
  lag_seconds double precision[], enabled bigint, open bigint, half_open bigint, ramping bigint, paused bigint,
  disabled bigint, pending bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
  RETURN QUERY
  WITH RECURSIVE lanes AS (
    (SELECT q.org_id, q.endpoint_id FROM public.webhook_queue q ORDER BY q.org_id, q.endpoint_id LIMIT 1)
    UNION ALL
    SELECT n.org_id, n.endpoint_id FROM lanes l CROSS JOIN LATERAL (
      SELECT q.org_id, q.endpoint_id FROM public.webhook_queue q
      WHERE (q.org_id, q.endpoint_id) > (l.org_id, l.endpoint_id)
      ORDER BY q.org_id, q.endpoint_id LIMIT 1) n
  ), heads AS MATERIALIZED (
    SELECT l.org_id, h.due_at FROM lanes l
    JOIN public.webhook_endpoints e ON e.org_id = l.org_id AND e.id = l.endpoint_id AND e.state = 'enabled'
    CROSS JOIN LATERAL (SELECT q.due_at FROM public.webhook_queue q
      WHERE q.org_id = l.org_id AND q.endpoint_id = l.endpoint_id AND q.due_at <= p_now
      ORDER BY q.due_at LIMIT 1) h
  ), health AS MATERIALIZED (
    SELECT e.state, e.probe_at, e.paused_until, e.ramp FROM public.webhook_endpoints e
  )
  SELECT (SELECT least(coalesce(sum(cardinality(o.ids)), 0), 100000)::bigint FROM (SELECT o.ids FROM public.webhook_outbox o LIMIT 100000) o),
    (SELECT min(o.occurred_at) FROM public.webhook_outbox o),
    (SELECT least(coalesce(sum(q.last_seq - q.first_seq + 1), 0), 100000)::bigint FROM (
      SELECT q.first_seq, q.last_seq FROM public.webhook_queue q WHERE q.due_at <= p_now LIMIT 100000) q),
    (SELECT min(h.due_at) FROM heads h),
    ARRAY(SELECT extract(epoch FROM p_now - min(h.due_at))::double precision FROM heads h GROUP BY h.org_id),
    count(*) FILTER (WHERE h.state = 'enabled' AND h.probe_at IS NULL),
    count(*) FILTER (WHERE h.state = 'enabled' AND h.probe_at > p_now),
    count(*) FILTER (WHERE h.state = 'enabled' AND h.probe_at <= p_now),
    count(*) FILTER (WHERE h.state = 'enabled' AND h.ramp IS NOT NULL),
    count(*) FILTER (WHERE h.state = 'enabled' AND h.paused_until > p_now),
    count(*) FILTER (WHERE h.state = 'disabled'),
    count(*) FILTER (WHERE h.state = 'pending_verification')
  FROM health h;
END
$$;

-- Makes the weeks of the webhooks' logs that are missing and drops those that are over; whether there was
-- anything to do. The one function of the owner: tables are its own, and it sees no row of them. One at a
-- time, under the lock of migrations; whoever comes second finds nothing to do. The caller's clock does not
-- reach further than the server's: nothing is dropped that is not over by both.
CREATE OR REPLACE FUNCTION definer.keep_webhook_weeks(p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s' AS $$
DECLARE
  c_weeks CONSTANT text := 'SELECT array_agg(i.inhrelid ORDER BY i.inhrelid) FROM pg_inherits i
    WHERE i.inhparent = ANY (ARRAY[''public.webhook_events'', ''public.webhook_deliveries'', ''public.webhook_attempts'']::regclass[])';
  v_before oid[];
  v_after oid[];
BEGIN
  PERFORM pg_advisory_xact_lock(7500920);
  EXECUTE c_weeks INTO v_before;
  CALL public.keep_webhook_weeks(p_now, p_keep => interval '35 days' + greatest(p_now - now(), interval '0'));
  EXECUTE c_weeks INTO v_after;
  RETURN v_before IS DISTINCT FROM v_after;
END
$$;

DO $$
DECLARE
  f regprocedure;
  -- Who may call what.
  callers CONSTANT jsonb := '{
    "resolve_principals": "core_app", "list_memberships": "core_app",
    "choose_organization": "core_app", "resolve_api_client": "core_app", "resolve_api_token": "core_app", "enlist_user": "core_app",
    "resolve_join_code": "core_app", "resolve_video_room": "core_app",
    "append_audit": "core_app",
    "claim_outbox": "core_worker", "settle_outbox": "core_worker",
    "claim_files": "core_worker", "claim_reminders": "core_worker", "forget_answers": "core_worker",
    "claim_recordings": "core_worker", "list_open_calls": "core_worker",
    "list_room_duties": "core_worker",
    "claim_insights": "core_worker", "rebuild_insights": "core_worker",
    "sequence_webhooks": "core_worker", "claim_webhooks": "core_worker",
    "settle_webhooks": "core_worker", "replay_webhooks": "core_worker",
    "sweep_webhooks": "core_worker", "webhook_backlog": "core_worker",
    "keep_webhook_weeks": "core_worker",
    "claim_telemetry": "core_worker", "settle_telemetry": "core_worker",
    "telemetry_backlog": "core_worker", "requeue_telemetry": "core_worker",
    "telemetry_epochs": "core_worker",
    "claim_unsealed": "core_worker", "seal_audit": "core_worker",
    "claim_telemetry_hours": "core_worker", "settle_telemetry_hour": "core_worker"}';
BEGIN
  GRANT CREATE ON SCHEMA definer TO core_definer, core_owner;
  FOR f IN
    SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'definer'
  LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO %I', f,
      CASE (SELECT proname FROM pg_proc WHERE oid = f) WHEN 'keep_webhook_weeks' THEN 'core_owner' ELSE 'core_definer' END);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, core_app, core_worker', f);
    -- Where scans are forbidden, plans cost what no plan costs: each call would be compiled, for 0.4 s.
    EXECUTE format('ALTER FUNCTION %s SET jit = off', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', f,
      callers ->> (SELECT proname FROM pg_proc WHERE oid = f)::text);
  END LOOP;
  REVOKE CREATE ON SCHEMA definer FROM core_definer, core_owner;
  GRANT USAGE ON SCHEMA definer TO core_definer;
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('REVOKE core_definer, core_owner FROM %I', current_user);
  END IF;
END
$$;
