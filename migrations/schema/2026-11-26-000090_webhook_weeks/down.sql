DROP PROCEDURE keep_webhook_weeks(timestamptz, integer, interval);
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
