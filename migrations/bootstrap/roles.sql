-- Roles and extensions: a DBA's part, run by `core-api migrate --bootstrap`. Idempotent.
-- On a managed database the roles and the extension may exist already; then nothing here needs
-- more than their being there.
--
-- core_owner     owns every table; nobody signs in as it
-- core_definer   owns the listed functions that may look across organisations; nobody is a member
-- core_migrator  may become core_owner, and only by saying so; used by `core-api migrate` alone
-- core_app       serves requests; DML only, bound by row-level security
-- core_worker    runs workers; DML only, bound by row-level security
-- core_loader    what core_app may do, and read the staging tables of the migration from the legacy
--                systems; nobody signs in as it: core_migrator may become it, by saying so
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'core_owner') THEN
    CREATE ROLE core_owner NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'core_definer') THEN
    -- FORCE and the floor policy bind an owner too: without BYPASSRLS its functions see nothing.
    CREATE ROLE core_definer NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'core_migrator') THEN
    CREATE ROLE core_migrator LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'core_app') THEN
    CREATE ROLE core_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'core_worker') THEN
    CREATE ROLE core_worker LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'core_loader') THEN
    CREATE ROLE core_loader NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
  END IF;
  IF NOT pg_has_role('core_migrator', 'core_owner', 'MEMBER') THEN
    GRANT core_owner TO core_migrator;
  END IF;
  IF NOT pg_has_role('core_loader', 'core_app', 'MEMBER') THEN
    GRANT core_app TO core_loader;
  END IF;
  IF NOT pg_has_role('core_migrator', 'core_loader', 'MEMBER') THEN
    GRANT core_loader TO core_migrator;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'btree_gist') THEN
    -- Trusted since PostgreSQL 13: CREATE on the database suffices.
    CREATE SCHEMA IF NOT EXISTS extensions;
    CREATE EXTENSION btree_gist SCHEMA extensions;
  END IF;
END
$$;

-- A role that was there before must be no more than it should be.
DO $$
DECLARE
  found text;
BEGIN
  SELECT string_agg(rolname, ', ') INTO found FROM pg_roles
  WHERE rolname IN ('core_owner', 'core_migrator', 'core_app', 'core_worker', 'core_loader')
    AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication);
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'these roles may do more than row-level security allows: %', found;
  END IF;
  -- Deadlocks and time-outs are told apart by the server's words.
  ALTER ROLE core_app SET lc_messages = 'C';
  ALTER ROLE core_worker SET lc_messages = 'C';
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'lc_messages stays as the server has it: %', SQLERRM;
END
$$;

DO $$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO core_migrator, core_app, core_worker',
                 current_database());
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO core_owner;
GRANT USAGE ON SCHEMA public TO core_migrator, core_app, core_worker, core_definer;

-- What the migration from the legacy systems works with: the owner's, and nobody's who serves requests.
DO $$
BEGIN
  IF to_regnamespace('legacy') IS NULL THEN
    CREATE SCHEMA legacy;
    GRANT ALL ON SCHEMA legacy TO core_owner;
    GRANT USAGE ON SCHEMA legacy TO core_loader;
  END IF;
END
$$;

-- Large objects know no row-level security.
REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea),
  lo_import(text), lo_import(text, oid) FROM PUBLIC;
