-- The schema itself was made by the DBA's part.
DO $$
DECLARE
  t regclass;
BEGIN
  FOR t IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'legacy'::regnamespace AND relkind = 'r' LOOP
    EXECUTE format('DROP TABLE %s CASCADE', t);
  END LOOP;
END
$$;
DROP FUNCTION legacy.number(text), legacy.v7(timestamptz, text), legacy.v4(text), legacy.digest(text, text, text);
