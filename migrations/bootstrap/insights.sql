-- The listed functions of insights.

-- Patients of whom what is computed is stale: their marks are leased, by when they are due.
CREATE OR REPLACE FUNCTION definer.claim_insights(p_limit integer, p_now timestamptz, p_until timestamptz)
RETURNS TABLE (org_id bigint, patient_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  WITH due AS (
    SELECT m.org_id, m.id
    FROM public.insight_marks m
    WHERE m.due_at <= p_now
    ORDER BY m.due_at
    LIMIT p_limit
    FOR UPDATE SKIP LOCKED
  ), leased AS (
    UPDATE public.insight_marks m
    SET due_at = p_until
    FROM due
    WHERE m.org_id = due.org_id AND m.id = due.id
    RETURNING m.org_id, m.patient_id
  )
  SELECT DISTINCT l.org_id, l.patient_id FROM leased l;
END
$$;

-- Takes away all that is computed of an organisation's patients, and marks each to be computed again;
-- answers how many they are.
CREATE OR REPLACE FUNCTION definer.rebuild_insights(p_org bigint)
RETURNS TABLE (patients bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_patients bigint;
BEGIN
  -- The marks first: whoever computes meanwhile waits for nobody, and computes again afterwards.
  INSERT INTO public.insight_marks (org_id, patient_id, since)
  SELECT p_org, t.patient_id, '1970-01-01' FROM (
    SELECT p.patient_id FROM public.programs p WHERE p.org_id = p_org
    UNION SELECT a.patient_id FROM public.appointments a WHERE a.org_id = p_org) t;
  GET DIAGNOSTICS v_patients = ROW_COUNT;
  DELETE FROM public.insight_weeks w WHERE w.org_id = p_org;
  DELETE FROM public.insight_course_weeks w WHERE w.org_id = p_org;
  DELETE FROM public.insight_outcomes o WHERE o.org_id = p_org;
  RETURN QUERY SELECT v_patients;
END
$$;

