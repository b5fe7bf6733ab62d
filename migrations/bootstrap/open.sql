-- The functions that may look across organisations: a short, listed set, owned by core_definer,
-- which has BYPASSRLS, no login and no member (one makes and drops tables, and is the owner's). For want of a member, only a DBA can replace them:
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
    EXECUTE format('GRANT core_definer, core_owner TO %I', current_user);
  END IF;
END
$$;

CREATE SCHEMA IF NOT EXISTS definer;
GRANT USAGE ON SCHEMA definer TO core_app, core_worker;
REVOKE ALL ON SCHEMA definer FROM PUBLIC;
