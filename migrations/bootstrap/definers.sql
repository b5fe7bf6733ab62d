-- The listed functions that belong to no file of their own, and what is done with all of them at the
-- end; open.sql begins, and telemetry.sql stands between.

-- Who stands behind each of several subjects, and where they act now: by its place in the arrays, so
-- that each of those who asked together is told of nobody else. A subject that is unknown has no row.
-- Every request pays for it. On small tables the planner would read and hash them whole, and keep to
-- that plan while they grow.
DROP FUNCTION IF EXISTS definer.resolve_principal(text, text);
CREATE OR REPLACE FUNCTION definer.resolve_principals(p_subjects text[], p_sessions text[])
RETURNS TABLE (ordinal bigint, user_id uuid, org_id bigint, org_status text, person_id uuid, role text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
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

-- The organisations among which a user may choose.
CREATE OR REPLACE FUNCTION definer.list_memberships(p_user uuid)
RETURNS TABLE (org_id bigint, role text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT m.org_id, m.role
  FROM public.memberships m
  JOIN public.organizations o ON o.id = m.org_id
  WHERE m.user_id = p_user AND m.ended_at IS NULL AND o.status = 'active'
  ORDER BY m.org_id;
END
$$;

-- Makes an organisation the current one, when the user is an active member of it.
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

-- A batch of due events of one topic: leased, one per appointment, the oldest first.
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
        WHERE earlier.org_id = q.org_id AND earlier.topic = q.topic
          AND earlier.appointment_id = q.appointment_id AND earlier.id < q.id)
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
-- commits, so places have no gaps; what is for one endpoint alone has the place 0.
CREATE OR REPLACE FUNCTION definer.sequence_webhooks(p_limit integer, p_now timestamptz)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_org bigint;
  v_last bigint;
  v_done integer;
  v_total integer := 0;
BEGIN
  FOR v_org IN
    SELECT DISTINCT w.org_id FROM (
      SELECT e.org_id FROM public.webhook_events e WHERE e.seq IS NULL LIMIT 10000) w
  LOOP
    INSERT INTO public.webhook_counters (org_id) VALUES (v_org) ON CONFLICT DO NOTHING;
    SELECT c.last_seq INTO v_last FROM public.webhook_counters c
    WHERE c.org_id = v_org FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    WITH waiting AS (
      SELECT e.id, e.type, e.occurred_at, e.data, e.only_for,
        CASE WHEN e.only_for IS NULL
          THEN v_last + count(*) FILTER (WHERE e.only_for IS NULL) OVER (ORDER BY e.occurred_at, e.id)
          ELSE 0 END AS seq
      FROM (
        SELECT * FROM public.webhook_events e
        WHERE e.org_id = v_org AND e.seq IS NULL
        ORDER BY e.occurred_at, e.id LIMIT p_limit) e
    ), frozen AS (
      UPDATE public.webhook_events e
      SET seq = w.seq,
        body = format('{"id":"evt_%s","type":"%s","timestamp":"%s","organization_id":%s,"seq":%s,"data":%s}',
          w.id, w.type, to_char(w.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
          v_org, w.seq, w.data)
      FROM waiting w
      WHERE e.org_id = v_org AND e.id = w.id
      RETURNING e.id, e.type, e.only_for, e.seq
    ), fanned AS (
      INSERT INTO public.webhook_deliveries (org_id, id, endpoint_id, event_id, event_type, due_at)
      SELECT v_org, gen_random_uuid(), p.id, f.id, f.type, p_now
      FROM frozen f
      JOIN public.webhook_endpoints p ON p.org_id = v_org
        AND CASE WHEN f.only_for IS NULL
          THEN p.state = 'enabled' AND f.type = ANY (p.admits)
          ELSE p.id = f.only_for END
    ), counted AS (
      UPDATE public.webhook_counters c
      SET last_seq = greatest(c.last_seq, (SELECT max(f.seq) FROM frozen f))
      WHERE c.org_id = v_org
    )
    SELECT count(*) INTO v_done FROM frozen;
    v_total := v_total + v_done;
  END LOOP;
  IF v_total > 0 THEN
    NOTIFY webhook_deliveries;
  END IF;
  RETURN v_total;
END
$$;

-- A batch of deliveries to send, leased: at most so many under way to one endpoint and for one
-- organisation. Whoever claims for an endpoint locks it, so that the caps hold; one that has been
-- failing gets a single delivery, the oldest, as a probe.
CREATE OR REPLACE FUNCTION definer.claim_webhooks(
  p_limit integer, p_per_endpoint integer, p_per_org integer,
  p_now timestamptz, p_lease uuid, p_until timestamptz)
RETURNS TABLE (org_id bigint, id uuid, endpoint_id uuid, event_id uuid, attempts integer, url text,
  body text, secret_versions integer[], secrets bytea[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  WITH ready AS MATERIALIZED (
    SELECT e.org_id, e.id, e.url, e.state, e.probe_at IS NOT NULL AS probe
    FROM public.webhook_endpoints e
    WHERE e.state <> 'disabled'
      AND (e.probe_at IS NULL OR e.probe_at <= p_now)
      AND (e.paused_until IS NULL OR e.paused_until <= p_now)
      AND EXISTS (
        SELECT FROM public.webhook_deliveries d
        WHERE d.org_id = e.org_id AND d.endpoint_id = e.id AND d.status = 'waiting'
          AND (d.due_at <= p_now OR e.probe_at IS NOT NULL)
          AND (d.leased_until IS NULL OR d.leased_until <= p_now)
          AND (e.state = 'enabled' OR d.event_type = 'endpoint.verification'))
    FOR UPDATE OF e SKIP LOCKED
  ), busy AS MATERIALIZED (
    SELECT d.org_id, d.endpoint_id, count(*) AS under_way
    FROM public.webhook_deliveries d
    WHERE d.org_id IN (SELECT r.org_id FROM ready r) AND d.lease IS NOT NULL AND d.leased_until > p_now
    GROUP BY d.org_id, d.endpoint_id
  ), candidates AS (
    SELECT r.org_id, r.id AS endpoint_id, r.url, r.probe, d.id, d.event_id, d.nth,
      row_number() OVER (PARTITION BY r.org_id ORDER BY d.nth, r.id)
        + coalesce((SELECT sum(b.under_way) FROM busy b WHERE b.org_id = r.org_id), 0) AS of_org
    FROM ready r
    LEFT JOIN busy b ON b.org_id = r.org_id AND b.endpoint_id = r.id
    CROSS JOIN LATERAL (
      SELECT d.id, d.event_id, row_number() OVER (ORDER BY d.due_at, d.id) AS nth
      FROM (
        SELECT d.id, d.event_id, d.due_at
        FROM public.webhook_deliveries d
        WHERE d.org_id = r.org_id AND d.endpoint_id = r.id AND d.status = 'waiting'
          AND (d.due_at <= p_now OR r.probe)
          AND (d.leased_until IS NULL OR d.leased_until <= p_now)
          AND (r.state = 'enabled' OR d.event_type = 'endpoint.verification')
        ORDER BY d.due_at
        LIMIT CASE WHEN r.probe THEN 1 ELSE greatest(0, p_per_endpoint - coalesce(b.under_way, 0)) END
      ) d
    ) d
  ), chosen AS (
    -- The first of each endpoint, then the second of each, and so on.
    SELECT * FROM candidates c WHERE c.of_org <= p_per_org ORDER BY c.nth LIMIT p_limit
  ), probed AS (
    UPDATE public.webhook_endpoints e SET probe_at = p_until
    FROM chosen c WHERE c.probe AND e.org_id = c.org_id AND e.id = c.endpoint_id
  ), leased AS (
    UPDATE public.webhook_deliveries d SET lease = p_lease, leased_until = p_until
    FROM chosen c WHERE d.org_id = c.org_id AND d.id = c.id
    RETURNING d.org_id, d.id, d.attempts
  )
  SELECT c.org_id, c.id, c.endpoint_id, c.event_id, l.attempts, c.url, v.body,
    array(SELECT s.version FROM public.webhook_secrets s
      WHERE s.org_id = c.org_id AND s.endpoint_id = c.endpoint_id
        AND (s.expires_at IS NULL OR s.expires_at > p_now) ORDER BY s.version DESC),
    array(SELECT s.sealed FROM public.webhook_secrets s
      WHERE s.org_id = c.org_id AND s.endpoint_id = c.endpoint_id
        AND (s.expires_at IS NULL OR s.expires_at > p_now) ORDER BY s.version DESC)
  FROM chosen c
  JOIN leased l ON l.org_id = c.org_id AND l.id = c.id
  JOIN public.webhook_events v ON v.org_id = c.org_id AND v.id = c.event_id;
END
$$;

-- Records what became of claimed deliveries; one whose lease is not the current one changes nothing.
-- p_verdicts: delivered, retry, failed, gone. An endpoint that failed twice in a row is probed with
-- one delivery at a time, whose schedule is not spent by that; the first success makes all that
-- waits due at once. After five days of nothing but failures it is disabled.
CREATE OR REPLACE FUNCTION definer.settle_webhooks(
  p_ids uuid[], p_leases uuid[], p_verdicts text[], p_retry_at timestamptz[],
  p_pause_until timestamptz[], p_statuses integer[], p_codes text[], p_durations integer[],
  p_sizes integer[], p_probe_at timestamptz, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- After so many failures in a row only probes are sent.
  c_patience CONSTANT integer := 2;
  v record;
  v_endpoint public.webhook_endpoints;
  v_event text;
BEGIN
  FOR v IN
    WITH told AS (
      SELECT * FROM unnest(p_ids, p_leases, p_verdicts, p_retry_at, p_pause_until, p_statuses,
          p_codes, p_durations, p_sizes)
        AS t (id, lease, verdict, retry_at, pause_until, status, code, duration, size)
    ), held AS (
      SELECT d.org_id, d.endpoint_id, d.event_type, t.*
      FROM told t JOIN public.webhook_deliveries d ON d.id = t.id AND d.lease = t.lease
      WHERE d.status = 'waiting'
    ), noted AS (
      INSERT INTO public.webhook_attempts (org_id, id, delivery_id, ended_at, status, code, duration_ms, size)
      SELECT h.org_id, gen_random_uuid(), h.id, p_now, h.status, h.code, h.duration, h.size FROM held h
    ), moved AS (
      UPDATE public.webhook_deliveries d
      SET lease = NULL, leased_until = NULL,
        status = CASE h.verdict WHEN 'delivered' THEN 'delivered' WHEN 'retry' THEN 'waiting' ELSE 'failed' END,
        attempts = d.attempts + CASE WHEN e.probe_at IS NULL OR h.verdict <> 'retry' THEN 1 ELSE 0 END,
        -- A probe that failed goes to the back: what one receiver cannot stomach must not stop the rest.
        due_at = CASE WHEN h.verdict <> 'retry' THEN d.due_at
          WHEN e.probe_at IS NULL THEN h.retry_at ELSE greatest(d.due_at, p_now) END
      FROM held h JOIN public.webhook_endpoints e ON e.org_id = h.org_id AND e.id = h.endpoint_id
      WHERE d.org_id = h.org_id AND d.id = h.id
    )
    SELECT h.org_id, h.endpoint_id,
      count(*) FILTER (WHERE h.verdict = 'delivered') AS good,
      count(*) FILTER (WHERE h.verdict <> 'delivered') AS bad,
      bool_or(h.verdict = 'gone') AS gone,
      bool_or(h.verdict = 'delivered' AND h.event_type = 'endpoint.verification') AS verified,
      max(h.pause_until) AS pause_until
    FROM held h GROUP BY h.org_id, h.endpoint_id ORDER BY h.org_id, h.endpoint_id
  LOOP
    SELECT * INTO v_endpoint FROM public.webhook_endpoints e
    WHERE e.org_id = v.org_id AND e.id = v.endpoint_id FOR UPDATE;
    CONTINUE WHEN NOT FOUND;
    v_event := NULL;
    IF v.good > 0 AND NOT v.gone THEN
      IF v_endpoint.probe_at IS NOT NULL THEN
        v_event := 'endpoint.recovered';
        UPDATE public.webhook_deliveries d SET due_at = p_now
        WHERE d.org_id = v.org_id AND d.endpoint_id = v.endpoint_id AND d.status = 'waiting'
          AND d.due_at > p_now;
      END IF;
      UPDATE public.webhook_endpoints e
      SET failures = 0, failing_since = NULL, probe_at = NULL, paused_until = v.pause_until,
        state = CASE WHEN v.verified AND e.state = 'pending_verification' THEN 'enabled' ELSE e.state END
      WHERE e.org_id = v.org_id AND e.id = v.endpoint_id
        AND (e.failures > 0 OR e.probe_at IS NOT NULL OR e.paused_until IS NOT NULL
          OR v.pause_until IS NOT NULL OR e.state = 'pending_verification');
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
      INSERT INTO public.webhook_events (org_id, id, type, occurred_at, data)
      SELECT v.org_id, gen_random_uuid(), v_event, p_now,
        format('{"object":"endpoint","id":"%s","version":%s}', e.id, e.version)
      FROM public.webhook_endpoints e WHERE e.org_id = v.org_id AND e.id = v.endpoint_id;
    END IF;
  END LOOP;
END
$$;

DO $$
DECLARE
  f regprocedure;
  -- Who may call what.
  callers CONSTANT jsonb := '{
    "resolve_principals": "core_app", "list_memberships": "core_app",
    "choose_organization": "core_app", "enlist_user": "core_app",
    "resolve_join_code": "core_app", "resolve_video_room": "core_app",
    "append_audit": "core_app",
    "claim_outbox": "core_worker", "settle_outbox": "core_worker",
    "claim_files": "core_worker", "forget_answers": "core_worker",
    "claim_recordings": "core_worker", "list_open_calls": "core_worker",
    "list_room_duties": "core_worker",
    "sequence_webhooks": "core_worker", "claim_webhooks": "core_worker",
    "settle_webhooks": "core_worker",
    "claim_telemetry": "core_worker", "settle_telemetry": "core_worker",
    "telemetry_backlog": "core_worker", "requeue_telemetry": "core_worker",
    "telemetry_epochs": "core_worker",
    "claim_unsealed": "core_worker", "seal_audit": "core_worker",
    "claim_telemetry_hours": "core_worker", "settle_telemetry_hour": "core_worker"}';
BEGIN
  GRANT CREATE ON SCHEMA definer TO core_definer;
  FOR f IN
    SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'definer'
  LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO core_definer', f);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, core_app, core_worker', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', f,
      callers ->> (SELECT proname FROM pg_proc WHERE oid = f)::text);
  END LOOP;
  REVOKE CREATE ON SCHEMA definer FROM core_definer;
  GRANT USAGE ON SCHEMA definer TO core_definer;
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('REVOKE core_definer FROM %I', current_user);
  END IF;
END
$$;
