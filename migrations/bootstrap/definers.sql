-- The functions that may look across organisations: a short, listed set, owned by core_definer,
-- which has BYPASSRLS, no login and no member. For want of a member, only a DBA can replace them:
-- they are part of `core-api migrate --bootstrap`. Idempotent. The tables come later, by
-- `core-api migrate`, so bodies are not checked here.
--
-- Written in plpgsql where a request waits for them: its plans are kept for the session.
SET LOCAL check_function_bodies = off;

-- To replace a function, or to hand one over, one must be a member of its owner: for the moment of
-- this transaction, where the DBA is no superuser.
DO $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT core_definer TO %I', current_user);
  END IF;
END
$$;

CREATE SCHEMA IF NOT EXISTS definer;
GRANT USAGE ON SCHEMA definer TO core_app, core_worker;
REVOKE ALL ON SCHEMA definer FROM PUBLIC;

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

DO $$
DECLARE
  f regprocedure;
  -- Who may call what.
  callers CONSTANT jsonb := '{
    "resolve_principals": "core_app", "list_memberships": "core_app",
    "choose_organization": "core_app", "enlist_user": "core_app",
    "resolve_join_code": "core_app", "append_audit": "core_app",
    "claim_outbox": "core_worker", "settle_outbox": "core_worker"}';
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
