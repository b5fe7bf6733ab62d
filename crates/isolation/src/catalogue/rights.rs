//! Rights: no more than what is needed, and nothing to everybody.

use super::CatalogueProbe;

pub(super) fn probes() -> Vec<CatalogueProbe> {
    vec![
        CatalogueProbe::new(
            "ACL-01",
            "nobody who serves may truncate, reference or hang a trigger on a table",
            "REVOKE TRUNCATE, REFERENCES, TRIGGER: row-level security does not bind them",
            "SELECT t.relname || ' for ' || r.rolname,
               CASE WHEN has_table_privilege(r.oid, t.oid, 'TRUNCATE, REFERENCES, TRIGGER') THEN 'may' END
             FROM t CROSS JOIN runtime r ORDER BY 1",
            &[
                ("a worker who may truncate", "GRANT TRUNCATE ON public.outbox TO core_worker"),
                ("an app that may reference", "GRANT REFERENCES ON public.people TO core_app"),
            ],
        ),
        CatalogueProbe::new(
            "ACL-02",
            "nothing is granted to everybody",
            "REVOKE ALL ... FROM PUBLIC",
            "SELECT relname, CASE WHEN EXISTS (SELECT FROM aclexplode(relacl) x WHERE x.grantee = 0) THEN 'is granted to everybody' END
               FROM t
             UNION ALL SELECT 'schema ' || n.nspname, CASE WHEN EXISTS (SELECT FROM aclexplode(n.nspacl) x WHERE x.grantee = 0
                 AND (n.nspname IN ('public', 'definer') OR x.privilege_type = 'CREATE')) THEN 'is granted to everybody' END
               FROM pg_namespace n WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
             UNION ALL SELECT 'function ' || p.proname, CASE WHEN EXISTS (
                 SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x WHERE x.grantee = 0) THEN 'is granted to everybody' END
               FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('public', 'definer')
                 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
             UNION ALL SELECT 'database', CASE WHEN EXISTS (SELECT FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
                 WHERE d.datname = current_database() AND x.grantee = 0) THEN 'is granted to everybody' END
             ORDER BY 1",
            &[
                ("a table for everybody", "GRANT SELECT ON public.people TO PUBLIC"),
                ("a schema for everybody", "GRANT USAGE ON SCHEMA public TO PUBLIC"),
                ("a listed function for everybody", "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA definer TO PUBLIC"),
                ("temporary tables for everybody", "DO $$ BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO PUBLIC', current_database()); END $$"),
            ],
        ),
        CatalogueProbe::new(
            "ACL-03",
            "nobody who serves may make tables, temporary ones or schemas",
            "REVOKE CREATE ON SCHEMA ...; REVOKE TEMP, CREATE ON DATABASE ...",
            "SELECT r.rolname || ' in ' || n.nspname, CASE WHEN has_schema_privilege(r.oid, n.oid, 'CREATE') THEN 'may' END
               FROM runtime r CROSS JOIN pg_namespace n WHERE n.nspname !~ '^pg_(temp|toast)'
             UNION ALL SELECT r.rolname || ' in the database', CASE WHEN has_database_privilege(r.oid, current_database(), 'TEMP, CREATE') THEN 'may' END
               FROM runtime r ORDER BY 1",
            &[
                ("an app that makes tables", "GRANT CREATE ON SCHEMA public TO core_app"),
                ("a worker with temporary ones", "DO $$ BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO core_worker', current_database()); END $$"),
            ],
        ),
        CatalogueProbe::new(
            "ACL-04",
            "large objects cannot be made: they know no row-level security",
            "REVOKE EXECUTE ON FUNCTION lo_creat, lo_create, lo_from_bytea, lo_import FROM PUBLIC",
            "SELECT p.oid::regprocedure || ' for ' || r.rolname, CASE WHEN has_function_privilege(r.oid, p.oid, 'EXECUTE') THEN 'may be called' END
             FROM pg_proc p CROSS JOIN runtime r WHERE p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import') ORDER BY 1",
            &[("an app that may", "GRANT EXECUTE ON FUNCTION lo_from_bytea(oid, bytea) TO core_app")],
        ),
        CatalogueProbe::new(
            "ACL-05",
            "no sequence shows how much another clinic does",
            "REVOKE ALL ON SEQUENCE ...: ids are random or UUIDs",
            "SELECT c.relname || ' for ' || r.rolname,
               CASE WHEN has_sequence_privilege(r.oid, c.oid, 'SELECT, USAGE, UPDATE') THEN 'can be read' END
             FROM pg_class c CROSS JOIN runtime r WHERE c.relkind = 'S' ORDER BY 1",
            &[("a sequence that can be read", "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO core_app")],
        ),
        CatalogueProbe::new(
            "ACL-06",
            "the extensions are those that are needed",
            "DROP EXTENSION: each one is code that runs in the server",
            "SELECT extname, CASE WHEN extname NOT IN ('plpgsql', 'btree_gist') THEN 'is not on the list' END
             FROM pg_extension ORDER BY 1",
            &[("an extension that is not", "CREATE EXTENSION citext SCHEMA extensions")],
        ),
        CatalogueProbe::new(
            "ACL-07",
            "the server has the fixes that row-level security needs",
            "Upgrade PostgreSQL: https://www.postgresql.org/support/security/",
"SELECT 'PostgreSQL ' || v.number, CASE WHEN v.number < 150000 THEN 'is too old'
               WHEN v.number < CASE v.number / 10000 WHEN 15 THEN 150010 WHEN 16 THEN 160006 WHEN 17 THEN 170002 ELSE 0 END
               THEN 'lacks fixes (CVE-2024-10976)' END
             FROM (SELECT coalesce(nullif(current_setting('isolation.claimed_version', true), ''),
               current_setting('server_version_num'))::int AS number) v",
            &[("a server that is too old", "SET LOCAL isolation.claimed_version = '150009'")],
        ),
    ]
}
