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
-- What an endpoint is to hear of a batch is queued as runs of places without a gap.
CREATE OR REPLACE FUNCTION definer.sequence_webhooks(p_limit integer, p_now timestamptz)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
  v_orgs bigint[];
  v_done integer;
BEGIN
  v_orgs := ARRAY(SELECT DISTINCT o.org_id FROM (
    SELECT w.org_id FROM public.webhook_outbox w ORDER BY w.occurred_at, w.id LIMIT p_limit) o);
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
    RETURNING w.*
  ), placed AS MATERIALIZED (
    SELECT t.org_id, e.id, e.type, e.occurred_at, e.data, e.only_for,
      CASE WHEN e.only_for IS NULL THEN c.last_seq ELSE c.least_seq END
        + CASE WHEN e.only_for IS NULL THEN 1 ELSE -1 END
        * row_number() OVER (PARTITION BY t.org_id, e.only_for IS NULL ORDER BY t.occurred_at, t.id, e.nth) AS seq
    FROM taken t
    CROSS JOIN LATERAL unnest(t.ids, t.types, t.moments, t.data, t.only_for)
      WITH ORDINALITY AS e (id, type, occurred_at, data, only_for, nth)
    JOIN public.webhook_counters c ON c.org_id = t.org_id
  ), frozen AS (
    INSERT INTO public.webhook_events (org_id, id, kept_at, type, seq, body)
    SELECT p.org_id, p.id, p_now, p.type, p.seq,
      concat('{"id":"evt_', p.id, '","type":"', p.type, '","timestamp":"',
        to_char(p.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        '","organization_id":', p.org_id, ',"seq":', greatest(p.seq, 0), ',"data":', p.data, '}')
    FROM placed p
  ), fanned AS (
    INSERT INTO public.webhook_queue (org_id, id, endpoint_id, kept_at, first_seq, last_seq, due_at, verifies)
    SELECT r.org_id, public.webhook_delivery_id(p_now, r.endpoint_id, max(r.seq)), r.endpoint_id, p_now,
      min(r.seq), max(r.seq), p_now, bool_and(r.type = 'endpoint.verification')
    FROM (
      -- Places without a gap between them are as far from their rank as one another.
      SELECT p.org_id, e.id AS endpoint_id, p.seq, p.type,
        CASE WHEN p.seq > 0 THEN p.seq - row_number() OVER (PARTITION BY p.org_id, e.id ORDER BY p.seq)
          ELSE p.seq END AS run
      FROM placed p
      JOIN public.webhook_endpoints e ON e.org_id = p.org_id
        AND CASE WHEN p.only_for IS NULL
          THEN e.state = 'enabled' AND p.type = ANY (e.admits)
          ELSE e.id = p.only_for END
    ) r
    GROUP BY r.org_id, r.endpoint_id, r.seq > 0, r.run
  ), counted AS (
    UPDATE public.webhook_counters c
    SET last_seq = greatest(c.last_seq, n.last_seq), least_seq = least(c.least_seq, n.least_seq)
    FROM (SELECT p.org_id, max(p.seq) AS last_seq, min(p.seq) AS least_seq FROM placed p GROUP BY p.org_id) n
    WHERE c.org_id = n.org_id
  )
  SELECT count(*) INTO v_done FROM placed;
  IF v_done > 0 THEN
    NOTIFY webhook_deliveries;
  END IF;
  RETURN v_done;
END
$$;

-- A batch of deliveries to send, leased, a row for each endpoint: at most so many under way to one
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
  headers_version integer, headers bytea, event_ids uuid[], attempts integer[], bodies text[])
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
    SELECT f.org_id, f.endpoint_id, f.lease FROM public.webhook_in_flight f
    WHERE f.leased_until <= p_now ORDER BY f.leased_until LIMIT 1000 FOR UPDATE SKIP LOCKED
  ), freed AS (
    DELETE FROM public.webhook_in_flight f USING lapsed l
    WHERE f.org_id = l.org_id AND f.endpoint_id = l.endpoint_id AND f.lease = l.lease
    RETURNING f.*
  )
  INSERT INTO public.webhook_queue (org_id, id, endpoint_id, kept_at, first_seq, last_seq, attempts, due_at, verifies)
  SELECT f.org_id, public.webhook_delivery_id(t.kept_at, f.endpoint_id, t.seq), f.endpoint_id, t.kept_at,
    t.seq, t.seq, t.attempts, t.kept_at, t.type = 'endpoint.verification'
  FROM freed f
  CROSS JOIN LATERAL unnest(f.seqs, f.kept_at, f.attempts, f.event_types)
    WITH ORDINALITY AS t (seq, kept_at, attempts, type, nth)
  WHERE f.under_way & (1::bigint << (t.nth - 1)::integer) <> 0;
  -- Who waits: from endpoint to endpoint through the index, whatever the length of each one's queue.
  WITH RECURSIVE lanes AS (
    (SELECT q.org_id, q.endpoint_id FROM public.webhook_queue q ORDER BY q.org_id, q.endpoint_id LIMIT 1)
    UNION ALL
    SELECT n.org_id, n.endpoint_id FROM lanes l CROSS JOIN LATERAL (
      SELECT q.org_id, q.endpoint_id FROM public.webhook_queue q
      WHERE (q.org_id, q.endpoint_id) > (l.org_id, l.endpoint_id)
      ORDER BY q.org_id, q.endpoint_id LIMIT 1) n
  ), able AS MATERIALIZED (
    SELECT l.org_id, l.endpoint_id FROM lanes l
    JOIN public.webhook_endpoints e ON e.org_id = l.org_id AND e.id = l.endpoint_id
    WHERE (e.probe_at IS NULL OR e.probe_at <= p_now)
      AND (e.paused_until IS NULL OR e.paused_until <= p_now)
      AND CASE e.state
        WHEN 'enabled' THEN e.probe_at IS NOT NULL OR EXISTS (SELECT FROM public.webhook_queue q
          WHERE q.org_id = l.org_id AND q.endpoint_id = l.endpoint_id AND q.due_at <= p_now)
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
        -- What one row of those under way holds.
        p_limit, 60)::bigint AS room,
      (SELECT coalesce(sum(bit_count(f.under_way::bit(64))), 0)::bigint FROM public.webhook_in_flight f
       WHERE f.org_id = e.org_id AND f.leased_until > p_now) AS of_org
    FROM unnest(v_orgs, v_endpoints) AS l (org_id, id)
    JOIN public.webhook_endpoints e ON e.org_id = l.org_id AND e.id = l.id
    WHERE e.state <> 'disabled' AND (e.probe_at IS NULL OR e.probe_at <= p_now)
      AND (e.paused_until IS NULL OR e.paused_until <= p_now)
  ), runs AS (
    SELECT r.org_id, r.id AS endpoint_id, r.probe, r.metered, r.room, r.of_org,
      d.id AS run, d.kept_at, d.attempts, d.first_seq, d.last_seq, d.before
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
  ), candidates AS (
    SELECT r.*, s.seq, r.before + s.seq - r.first_seq AS nth,
      row_number() OVER (PARTITION BY r.org_id ORDER BY r.before + s.seq - r.first_seq, r.endpoint_id)
        + r.of_org AS within_org
    FROM runs r
    CROSS JOIN LATERAL generate_series(r.first_seq, least(r.last_seq, r.first_seq + r.room - r.before - 1)) AS s (seq)
  ), taken AS MATERIALIZED (
    -- The first of each endpoint, then the second of each, and so on: of each run, its head.
    SELECT c.org_id, c.endpoint_id, c.run, c.probe, c.metered, c.kept_at, c.attempts, c.first_seq, c.last_seq,
      c.before, max(c.seq) AS upto
    FROM (SELECT * FROM candidates c WHERE c.within_org <= p_per_org ORDER BY c.nth LIMIT p_limit) c
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
  ), emptied AS (
    DELETE FROM public.webhook_queue q USING taken t
    WHERE q.org_id = t.org_id AND q.id = t.run AND t.upto = t.last_seq
  ), shortened AS (
    UPDATE public.webhook_queue q SET first_seq = t.upto + 1 FROM taken t
    WHERE q.org_id = t.org_id AND q.id = t.run AND t.upto < t.last_seq
  ), batches AS MATERIALIZED (
    SELECT b.org_id, b.endpoint_id, array_agg(b.seq) AS seqs, array_agg(b.kept_at) AS kept_at,
      array_agg(b.attempts) AS attempts, array_agg(b.id) AS event_ids, array_agg(b.type) AS event_types,
      array_agg(b.body) AS bodies, count(*)::integer AS taken
    FROM (
      SELECT t.org_id, t.endpoint_id, t.kept_at, t.attempts, v.seq, v.id, v.type, v.body
      FROM taken t
      -- By itself and not joined: a join is planned for how few rows there were once.
      CROSS JOIN LATERAL (SELECT v.seq, v.id, v.type, v.body FROM public.webhook_events v
        WHERE v.org_id = t.org_id AND v.kept_at = t.kept_at AND v.seq BETWEEN t.first_seq AND t.upto
          -- Of the weeks that are still to come none is looked at.
          AND v.kept_at <= p_now
        OFFSET 0) v
      ORDER BY t.org_id, t.endpoint_id, t.before, v.seq
    ) b
    GROUP BY b.org_id, b.endpoint_id
  ), leased AS (
    INSERT INTO public.webhook_in_flight (org_id, endpoint_id, lease, leased_until, seqs, kept_at, attempts,
      event_ids, event_types, under_way)
    SELECT b.org_id, b.endpoint_id, p_lease, p_until, b.seqs, b.kept_at, b.attempts, b.event_ids, b.event_types,
      (1::bigint << b.taken) - 1
    FROM batches b
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
  SELECT b.org_id, b.endpoint_id, e.url, coalesce(k.versions, '{}'), coalesce(k.sealed, '{}'),
    e.headers_version, e.headers_sealed, b.event_ids, b.attempts, b.bodies
  FROM batches b
  JOIN public.webhook_endpoints e ON e.org_id = b.org_id AND e.id = b.endpoint_id
  CROSS JOIN LATERAL (
    SELECT array_agg(s.version ORDER BY s.version DESC) AS versions,
      array_agg(s.sealed ORDER BY s.version DESC) AS sealed
    FROM public.webhook_secrets s
    WHERE s.org_id = b.org_id AND s.endpoint_id = b.endpoint_id
      AND (s.expires_at IS NULL OR s.expires_at > p_now)) k;
END
$$;

-- Records what became of claimed deliveries; one whose lease is not the current one changes nothing.
-- What was claimed together comes together: the outcomes from p_firsts to p_lasts are those of one lease
-- of one endpoint, each with its number among what was claimed (p_nths, from 1).
-- p_verdicts: delivered, retry, failed, gone. An endpoint that failed twice in a row is probed with
-- one delivery at a time, whose schedule is not spent by that; the first success makes all that
-- waits due, and lets it in slowly. After five days of nothing but failures it is disabled.
DROP FUNCTION IF EXISTS definer.settle_webhooks(bigint[], uuid[], uuid[], uuid[], text[], timestamptz[], timestamptz[],
  integer[], text[], integer[], integer[], timestamptz, timestamptz);
CREATE OR REPLACE FUNCTION definer.settle_webhooks(
  p_org_ids bigint[], p_endpoint_ids uuid[], p_leases uuid[], p_firsts integer[], p_lasts integer[],
  p_nths integer[], p_verdicts text[], p_retry_at timestamptz[], p_pause_until timestamptz[],
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
      SELECT f.*, b.first, b.last
      FROM unnest(p_org_ids, p_endpoint_ids, p_leases, p_firsts, p_lasts) AS b (org_id, endpoint_id, lease, first, last)
      JOIN public.webhook_in_flight f ON f.org_id = b.org_id AND f.endpoint_id = b.endpoint_id AND f.lease = b.lease
      FOR UPDATE OF f
    ), done AS MATERIALIZED (
      SELECT h.org_id, h.endpoint_id, h.lease, n.i, n.nth, h.seqs[n.nth] AS seq, h.kept_at[n.nth] AS kept_at,
        h.attempts[n.nth] AS attempts, h.event_ids[n.nth] AS event_id, h.event_types[n.nth] AS event_type,
        p_verdicts[n.i] AS verdict, p_pause_until[n.i] AS pause_until
      FROM held h
      CROSS JOIN LATERAL (SELECT i, p_nths[i] AS nth FROM generate_series(h.first, h.last) i) n
      WHERE h.under_way & (1::bigint << (n.nth - 1)) <> 0
    ), over AS MATERIALIZED (
      SELECT d.org_id, d.endpoint_id, d.lease, bit_or(1::bigint << (d.nth - 1)) AS bits
      FROM done d GROUP BY 1, 2, 3
    ), freed AS (
      DELETE FROM public.webhook_in_flight f USING over o
      WHERE f.org_id = o.org_id AND f.endpoint_id = o.endpoint_id AND f.lease = o.lease
        AND f.under_way & ~o.bits = 0
    ), left_over AS (
      UPDATE public.webhook_in_flight f SET under_way = f.under_way & ~o.bits FROM over o
      WHERE f.org_id = o.org_id AND f.endpoint_id = o.endpoint_id AND f.lease = o.lease
        AND f.under_way & ~o.bits <> 0
    ), logged AS (
      INSERT INTO public.webhook_deliveries (org_id, id, kept_at, endpoint_id, seq, event_id, event_type,
        outcome, attempts, ended_at, status, code, duration_ms, size)
      SELECT d.org_id, public.webhook_delivery_id(d.kept_at, d.endpoint_id, d.seq), d.kept_at, d.endpoint_id, d.seq,
        d.event_id, d.event_type, CASE d.verdict WHEN 'delivered' THEN 'delivered' ELSE 'failed' END, d.attempts + 1,
        p_now, p_statuses[d.i], p_codes[d.i], p_durations[d.i], p_sizes[d.i]
      FROM done d WHERE d.verdict <> 'retry'
    ), again AS (
      -- A probe that failed spends nothing of its schedule, and goes to the back: what one receiver cannot
      -- stomach must not stop the rest.
      INSERT INTO public.webhook_queue (org_id, id, endpoint_id, kept_at, first_seq, last_seq, attempts, due_at, verifies)
      SELECT d.org_id, public.webhook_delivery_id(d.kept_at, d.endpoint_id, d.seq), d.endpoint_id, d.kept_at,
        d.seq, d.seq, d.attempts + CASE WHEN e.probe_at IS NULL THEN 1 ELSE 0 END,
        CASE WHEN e.probe_at IS NULL THEN p_retry_at[d.i] ELSE p_now END, d.event_type = 'endpoint.verification'
      FROM done d JOIN public.webhook_endpoints e ON e.org_id = d.org_id AND e.id = d.endpoint_id
      WHERE d.verdict = 'retry'
    ), noted AS (
      INSERT INTO public.webhook_attempts (org_id, delivery_id, id, kept_at, ended_at, status, code, duration_ms, size)
      SELECT d.org_id, public.webhook_delivery_id(d.kept_at, d.endpoint_id, d.seq), gen_random_uuid(), d.kept_at,
        p_now, p_statuses[d.i], p_codes[d.i], p_durations[d.i], p_sizes[d.i]
      FROM done d WHERE d.verdict = 'retry'
    )
    SELECT d.org_id, d.endpoint_id, count(*)::integer AS told,
      count(*) FILTER (WHERE d.verdict = 'delivered') AS good,
      count(*) FILTER (WHERE d.verdict <> 'delivered') AS bad,
      bool_or(d.verdict = 'gone') AS gone,
      bool_or(d.verdict = 'delivered' AND d.event_type = 'endpoint.verification') AS verified,
      max(d.pause_until) AS pause_until
    FROM done d GROUP BY d.org_id, d.endpoint_id ORDER BY d.org_id, d.endpoint_id
  LOOP
    v_held := v_held + v.told;
    SELECT * INTO v_endpoint FROM public.webhook_endpoints e
    WHERE e.org_id = v.org_id AND e.id = v.endpoint_id;
    CONTINUE WHEN NOT FOUND;
    -- Of one that is well and stays so there is nothing to be written.
    CONTINUE WHEN v.bad = 0 AND v_endpoint.failures = 0 AND v_endpoint.probe_at IS NULL
      AND v_endpoint.paused_until IS NULL AND v_endpoint.ramp IS NULL AND v_endpoint.state = 'enabled';
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
        ARRAY[format('{"object":"endpoint","id":"%s","version":%s}', e.id, e.version)], ARRAY[NULL::uuid]
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
      SELECT e.kept_at, e.type, e.seq FROM public.webhook_events e
      WHERE e.org_id = v.org_id AND e.seq > 0 AND e.seq BETWEEN v.next_seq AND v.last_seq
      ORDER BY e.seq LIMIT p_events
    ), waiting AS MATERIALIZED (
      SELECT q.first_seq, q.last_seq FROM public.webhook_queue q
      WHERE q.org_id = v.org_id AND q.endpoint_id = v.endpoint_id
      UNION ALL
      SELECT t.seq, t.seq FROM public.webhook_in_flight f
      CROSS JOIN LATERAL unnest(f.seqs) WITH ORDINALITY AS t (seq, nth)
      WHERE f.org_id = v.org_id AND f.endpoint_id = v.endpoint_id
        AND f.under_way & (1::bigint << (t.nth - 1)::integer) <> 0
    ), wanted AS MATERIALIZED (
      SELECT p.kept_at, p.seq, public.webhook_delivery_id(p.kept_at, v.endpoint_id, p.seq) AS delivery
      FROM piece p WHERE p.type = ANY (v.admits)
        AND NOT EXISTS (SELECT FROM waiting w WHERE p.seq BETWEEN w.first_seq AND w.last_seq)
    ), logged AS MATERIALIZED (
      SELECT d.id FROM public.webhook_deliveries d JOIN wanted w
        ON d.org_id = v.org_id AND d.endpoint_id = v.endpoint_id AND d.id = w.delivery AND d.kept_at = w.kept_at
    ), over AS (
      DELETE FROM public.webhook_deliveries d USING wanted w
      WHERE d.org_id = v.org_id AND d.endpoint_id = v.endpoint_id AND d.id = w.delivery AND d.kept_at = w.kept_at
      RETURNING d.*
    ), noted AS (
      INSERT INTO public.webhook_attempts (org_id, delivery_id, id, kept_at, ended_at, status, code, duration_ms, size)
      SELECT o.org_id, o.id, gen_random_uuid(), o.kept_at, o.ended_at, o.status, o.code, o.duration_ms, o.size
      FROM over o
    ), ours AS MATERIALIZED (
      -- Not what somebody else has just taken out of the log, to send it again.
      SELECT w.kept_at, w.seq, w.seq - row_number() OVER (PARTITION BY w.kept_at ORDER BY w.seq) AS run
      FROM wanted w
      WHERE NOT EXISTS (SELECT FROM logged l WHERE l.id = w.delivery) OR EXISTS (SELECT FROM over o WHERE o.id = w.delivery)
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
