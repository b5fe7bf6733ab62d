-- The weeks of the webhooks' logs are kept by the workers themselves, every day, through
-- definer.keep_webhook_weeks, which runs as the owner: search_path is pinned here too. A week of which the
-- default partition has something already stays there and is not dropped; the others are made all the same.
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
