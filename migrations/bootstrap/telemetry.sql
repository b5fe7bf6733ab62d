-- The listed functions of the audit's seals and of what the Telemetry service is told.

-- Freezes what waits for the Telemetry service into batches, each of one organisation, and leases
-- batches that are due, the oldest first: of all of it, the id and the members of each batch are
-- durable before anybody gets it. An organisation has a few batches at once, so that those of a long
-- outage are not all made in advance.
CREATE OR REPLACE FUNCTION definer.claim_telemetry(
  p_batches integer, p_events integer, p_epoch integer, p_now timestamptz, p_lease uuid,
  p_until timestamptz)
RETURNS TABLE (org_id bigint, id uuid, key_epoch integer, attempts integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c_at_once CONSTANT integer := 4;
  v_org bigint;
  v_batch uuid;
  v_taken bigint;
BEGIN
  FOR v_org IN
    SELECT o.id FROM public.organizations o
    CROSS JOIN LATERAL (
      SELECT e.id FROM public.telemetry_events e
      WHERE e.org_id = o.id AND e.batch_id IS NULL AND e.reason IS NULL ORDER BY e.id LIMIT 1) first
    WHERE (SELECT count(*) FROM public.telemetry_batches b WHERE b.org_id = o.id) < c_at_once
    ORDER BY first.id LIMIT p_batches
  LOOP
    FOR v_room IN 1 .. c_at_once - (SELECT count(*) FROM public.telemetry_batches b WHERE b.org_id = v_org) LOOP
      v_batch := gen_random_uuid();
      WITH members AS (
        SELECT e.id FROM public.telemetry_events e
        WHERE e.org_id = v_org AND e.batch_id IS NULL AND e.reason IS NULL
        ORDER BY e.id LIMIT p_events FOR UPDATE SKIP LOCKED
      )
      UPDATE public.telemetry_events e SET batch_id = v_batch
      FROM members m WHERE e.org_id = v_org AND e.id = m.id;
      GET DIAGNOSTICS v_taken = ROW_COUNT;
      -- None: another forwarder has just taken them.
      EXIT WHEN v_taken = 0;
      INSERT INTO public.telemetry_batches (org_id, id, key_epoch, due_at)
      VALUES (v_org, v_batch, p_epoch, p_now);
      EXIT WHEN v_taken < p_events;
    END LOOP;
  END LOOP;
  RETURN QUERY
  WITH due AS (
    SELECT b.org_id, b.id FROM public.telemetry_batches b
    WHERE b.due_at <= p_now ORDER BY b.due_at LIMIT p_batches FOR UPDATE SKIP LOCKED
  )
  UPDATE public.telemetry_batches b
  SET lease = p_lease, due_at = p_until, attempts = b.attempts + 1
  FROM due WHERE b.org_id = due.org_id AND b.id = due.id
  RETURNING b.org_id, b.id, b.key_epoch, b.attempts - 1;
END
$$;

-- Records what became of claimed batches; one whose lease is not the current one changes nothing.
-- p_verdicts: done, retry, split, quarantine. Of a batch in quarantine the named events are put aside
-- with their reason, and the others wait for another batch. A batch that is split becomes two. What was
-- taken of facts is kept with the digest of what was told, and their hours are to be compared again.
DROP FUNCTION IF EXISTS definer.settle_telemetry(uuid[], uuid[], text[], timestamptz[], uuid[], uuid[], text[]);
CREATE OR REPLACE FUNCTION definer.settle_telemetry(
  p_ids uuid[], p_leases uuid[], p_verdicts text[], p_retry_at timestamptz[],
  p_poison_ids uuid[], p_poison_batches uuid[], p_poison_reasons text[],
  p_told_ids uuid[], p_told_batches uuid[], p_told_digests bytea[], p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v record;
  v_halves uuid[];
BEGIN
  FOR v IN
    SELECT b.org_id, b.id, b.key_epoch, t.verdict, t.retry_at
    FROM unnest(p_ids, p_leases, p_verdicts, p_retry_at) AS t (id, lease, verdict, retry_at)
    JOIN public.telemetry_batches b ON b.id = t.id AND b.lease = t.lease
    ORDER BY b.id FOR UPDATE OF b
  LOOP
    IF v.verdict = 'retry' THEN
      UPDATE public.telemetry_batches b SET due_at = v.retry_at, lease = NULL
      WHERE b.org_id = v.org_id AND b.id = v.id;
      CONTINUE;
    END IF;
    IF v.verdict = 'done' THEN
      WITH gone AS (
        DELETE FROM public.telemetry_events e WHERE e.org_id = v.org_id AND e.batch_id = v.id
        RETURNING e.id, e.kind, e.type, e.occurred_at, e.subject_kind, e.subject_id, e.data
      ), kept AS (
        INSERT INTO public.telemetry_sent
          (org_id, id, kind, type, occurred_at, subject_kind, subject_id, data, digest)
        SELECT v.org_id, g.id, g.kind, g.type, g.occurred_at, g.subject_kind, g.subject_id, g.data, t.digest
        FROM gone g JOIN unnest(p_told_ids, p_told_batches, p_told_digests) AS t (id, batch_id, digest)
          ON t.id = g.id AND t.batch_id = v.id
        WHERE g.kind <> 'audit'
        ON CONFLICT (org_id, id) DO NOTHING
      ), hours AS (
        SELECT DISTINCT date_trunc('hour', coalesce(g.occurred_at, a.occurred_at), 'UTC') AS hour
        FROM gone g LEFT JOIN public.audit_events a ON a.org_id = v.org_id AND a.id = g.id AND g.kind = 'audit'
      )
      INSERT INTO public.telemetry_hours AS h (org_id, hour, due_at)
      SELECT v.org_id, n.hour, greatest(p_now, n.hour + interval '70 minutes') FROM hours n
      WHERE n.hour IS NOT NULL ORDER BY n.hour
      ON CONFLICT (org_id, hour) DO UPDATE SET state = 'open', due_at = EXCLUDED.due_at, lease = NULL,
        replays = CASE WHEN h.state = 'agreed' THEN 0 ELSE h.replays END
      WHERE h.state <> 'open' OR h.lease IS NOT NULL;
    ELSIF v.verdict = 'split' THEN
      v_halves := ARRAY[gen_random_uuid(), gen_random_uuid()];
      WITH members AS (
        SELECT e.id, ntile(2) OVER (ORDER BY e.id) AS half
        FROM public.telemetry_events e WHERE e.org_id = v.org_id AND e.batch_id = v.id
      )
      UPDATE public.telemetry_events e SET batch_id = v_halves[m.half]
      FROM members m WHERE e.org_id = v.org_id AND e.id = m.id;
      INSERT INTO public.telemetry_batches (org_id, id, key_epoch, due_at)
      SELECT v.org_id, h.id, v.key_epoch, p_now FROM unnest(v_halves) AS h (id)
      WHERE EXISTS (SELECT FROM public.telemetry_events e WHERE e.org_id = v.org_id AND e.batch_id = h.id);
    ELSE
      UPDATE public.telemetry_events e SET batch_id = NULL, reason = p.reason
      FROM unnest(p_poison_ids, p_poison_batches, p_poison_reasons) AS p (id, batch_id, reason)
      WHERE e.org_id = v.org_id AND e.batch_id = v.id AND p.batch_id = v.id AND e.id = p.id;
      UPDATE public.telemetry_events e SET batch_id = NULL
      WHERE e.org_id = v.org_id AND e.batch_id = v.id;
    END IF;
    DELETE FROM public.telemetry_batches b WHERE b.org_id = v.org_id AND b.id = v.id;
  END LOOP;
END
$$;

-- How much waits for the Telemetry service, since when, how much was put aside, and of how many hours
-- both sides do not agree. The database's clock said when; nothing waits since later than now on the
-- caller's.
DROP FUNCTION IF EXISTS definer.telemetry_backlog(timestamptz);
CREATE FUNCTION definer.telemetry_backlog(p_now timestamptz)
RETURNS TABLE (events bigint, since timestamptz, quarantined bigint, differing bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT count(*) FILTER (WHERE e.reason IS NULL),
    least(min(e.queued_at) FILTER (WHERE e.reason IS NULL), CASE WHEN bool_or(e.reason IS NULL) THEN p_now END),
    count(*) FILTER (WHERE e.reason IS NOT NULL),
    (SELECT count(*) FROM public.telemetry_hours h WHERE h.state = 'differs')
  FROM public.telemetry_events e;
END
$$;

-- Lets what was put aside for this reason wait again, in all organisations; answers how much.
CREATE OR REPLACE FUNCTION definer.requeue_telemetry(p_reason text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_count bigint;
BEGIN
  UPDATE public.telemetry_events e SET reason = NULL WHERE e.reason = p_reason;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END
$$;

-- The epochs, from p_least on, of the pseudonyms in batches that are on their way.
CREATE OR REPLACE FUNCTION definer.telemetry_epochs(p_least integer)
RETURNS TABLE (epoch integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT DISTINCT b.key_epoch FROM public.telemetry_batches b WHERE b.key_epoch >= p_least;
END
$$;

-- Lines of the audit that have no place yet, oldest first, and the head on which they follow: those above
-- the highest key that was sealed. With p_since also those that committed late, from then on and from two
-- minutes before that key: a line commits well within that of the time in its key, because statements and
-- transactions have time-outs.
CREATE OR REPLACE FUNCTION definer.claim_unsealed(p_lines integer, p_since timestamptz)
RETURNS TABLE (org_id bigint, last_seq bigint, chain bytea, reach uuid, id uuid, occurred_at timestamptz,
  actor_id uuid, actor_role text, operation text, resource_kind text, resource_id text, patient_id uuid,
  outcome text, code text, request_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off AS $$
DECLARE
  c_none CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
  c_slack CONSTANT bigint := 120000;
  -- The first key that was made at p_since (UUIDv7: it begins with milliseconds of Unix time).
  v_since uuid := (lpad(to_hex((extract(epoch FROM p_since) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
BEGIN
  IF p_since IS NULL THEN
    RETURN QUERY
    SELECT o.id, coalesce(h.seq, 0), h.chain, h.reach, l.id, l.occurred_at, l.actor_id, l.actor_role,
      l.operation, l.resource_kind, l.resource_id, l.patient_id, l.outcome, l.code, l.request_id
    FROM public.organizations o
    LEFT JOIN LATERAL (
      SELECT s.seq, s.chain, s.reach FROM public.audit_heads s
      WHERE s.org_id = o.id ORDER BY s.seq DESC LIMIT 1) h ON true
    CROSS JOIN LATERAL (
      SELECT e.* FROM public.audit_events e
      WHERE e.org_id = o.id AND e.id > coalesce(h.reach, c_none) ORDER BY e.id LIMIT p_lines) l
    ORDER BY o.id, l.id;
    RETURN;
  END IF;
  RETURN QUERY
  SELECT o.id, coalesce(h.seq, 0), h.chain, h.reach, l.id, l.occurred_at, l.actor_id, l.actor_role,
    l.operation, l.resource_kind, l.resource_id, l.patient_id, l.outcome, l.code, l.request_id
  FROM public.organizations o
  LEFT JOIN LATERAL (
    SELECT s.seq, s.chain, s.reach,
      (lpad(to_hex(greatest(0,
        ('x' || left(replace(s.reach::text, '-', ''), 12))::bit(48)::bigint - c_slack)), 12, '0')
        || repeat('0', 20))::uuid AS since
    FROM public.audit_heads s WHERE s.org_id = o.id ORDER BY s.seq DESC LIMIT 1) h ON true
  CROSS JOIN LATERAL (
    SELECT e.* FROM public.audit_events e
    WHERE e.org_id = o.id
      AND e.id >= CASE WHEN h.seq IS NULL THEN c_none ELSE least(h.since, v_since) END
      AND NOT EXISTS (SELECT FROM public.audit_leaves s WHERE s.org_id = e.org_id AND s.event_id = e.id)
    ORDER BY e.id LIMIT p_lines) l
  ORDER BY o.id, l.id;
END
$$;

-- Gives lines the places behind p_after, with the signed head that covers them. Answers false, and does
-- nothing, when somebody else has sealed meanwhile. Their hours are to be compared.
CREATE OR REPLACE FUNCTION definer.seal_audit(
  p_org bigint, p_after bigint, p_ids uuid[], p_leaves bytea[], p_hours timestamptz[],
  p_chain bytea, p_reach uuid, p_now timestamptz, p_key bytea, p_signature bytea)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('audit_heads', p_org));
  IF p_after <> coalesce((SELECT max(h.seq) FROM public.audit_heads h WHERE h.org_id = p_org), 0) THEN
    RETURN false;
  END IF;
  INSERT INTO public.audit_leaves (org_id, seq, event_id, leaf, hour)
  SELECT p_org, p_after + t.nth, t.id, t.leaf, t.hour
  FROM unnest(p_ids, p_leaves, p_hours) WITH ORDINALITY AS t (id, leaf, hour, nth);
  INSERT INTO public.audit_heads (org_id, seq, chain, reach, sealed_at, key, signature)
  VALUES (p_org, p_after + cardinality(p_ids), p_chain, p_reach, p_now, p_key, p_signature);
  INSERT INTO public.telemetry_hours AS h (org_id, hour, due_at)
  SELECT p_org, n.hour, greatest(p_now, n.hour + interval '70 minutes')
  FROM (SELECT DISTINCT t.hour FROM unnest(p_hours) AS t (hour) ORDER BY 1) n
  ON CONFLICT (org_id, hour) DO UPDATE SET state = 'open', due_at = EXCLUDED.due_at, lease = NULL,
    replays = CASE WHEN h.state = 'agreed' THEN 0 ELSE h.replays END
  WHERE h.state <> 'open' OR h.lease IS NOT NULL;
  RETURN true;
END
$$;

-- Hours that are over and to be compared, leased, the longest due first.
CREATE OR REPLACE FUNCTION definer.claim_telemetry_hours(
  p_limit integer, p_now timestamptz, p_lease uuid, p_until timestamptz)
RETURNS TABLE (org_id bigint, hour timestamptz, replays integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  WITH due AS (
    SELECT h.org_id, h.hour FROM public.telemetry_hours h
    WHERE h.state <> 'agreed' AND h.due_at <= p_now
    ORDER BY h.due_at LIMIT p_limit FOR UPDATE SKIP LOCKED
  )
  UPDATE public.telemetry_hours h SET lease = p_lease, due_at = p_until
  FROM due WHERE h.org_id = due.org_id AND h.hour = due.hour
  RETURNING h.org_id, h.hour, h.replays;
END
$$;

-- Records how a comparison ended; one whose lease is not the current one changes nothing. p_verdict:
-- agreed, later, differs, replay. In a replay all that is known of the hour waits again, but for what was
-- put aside; answers how much.
CREATE OR REPLACE FUNCTION definer.settle_telemetry_hour(
  p_org bigint, p_hour timestamptz, p_lease uuid, p_verdict text, p_due_at timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_lines bigint;
  v_facts bigint;
BEGIN
  UPDATE public.telemetry_hours h
  SET lease = NULL,
    state = CASE p_verdict WHEN 'agreed' THEN 'agreed' WHEN 'differs' THEN 'differs' ELSE h.state END,
    replays = CASE p_verdict WHEN 'agreed' THEN 0 WHEN 'replay' THEN h.replays + 1 ELSE h.replays END,
    due_at = coalesce(p_due_at, h.due_at)
  WHERE h.org_id = p_org AND h.hour = p_hour AND h.lease = p_lease;
  IF NOT FOUND OR p_verdict <> 'replay' THEN
    RETURN 0;
  END IF;
  INSERT INTO public.telemetry_events (org_id, id, kind)
  SELECT l.org_id, l.event_id, 'audit' FROM public.audit_leaves l
  WHERE l.org_id = p_org AND l.hour = p_hour
  ON CONFLICT (org_id, id) DO NOTHING;
  GET DIAGNOSTICS v_lines = ROW_COUNT;
  WITH gone AS (
    DELETE FROM public.telemetry_sent s
    WHERE s.org_id = p_org AND s.occurred_at >= p_hour AND s.occurred_at < p_hour + interval '1 hour'
    RETURNING s.*
  )
  INSERT INTO public.telemetry_events (org_id, id, kind, type, occurred_at, subject_kind, subject_id, data)
  SELECT g.org_id, g.id, g.kind, g.type, g.occurred_at, g.subject_kind, g.subject_id, g.data FROM gone g
  ON CONFLICT (org_id, id) DO NOTHING;
  GET DIAGNOSTICS v_facts = ROW_COUNT;
  RETURN v_lines + v_facts;
END
$$;
