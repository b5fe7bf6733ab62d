//! Functions: the organisation of a transaction, and the short list that may look across.

use super::CatalogueProbe;

pub(super) fn probes() -> Vec<CatalogueProbe> {
    vec![
        CatalogueProbe::new(
            "FN-01",
            "current_app_org_id() is what the planner can inline and nobody can cache",
            "As in migrations/schema/2026-11-23-000001_tenancy: LANGUAGE sql STABLE PARALLEL SAFE, one expression",
            "SELECT p.oid::regprocedure::text, CASE
               WHEN p.provolatile <> 's' THEN 'is not STABLE: a cached plan would serve another clinic'
               WHEN p.proparallel <> 's' THEN 'is not PARALLEL SAFE' WHEN p.prosecdef THEN 'runs as its owner'
               WHEN p.proconfig IS NOT NULL THEN 'has settings: it is not inlined'
               WHEN btrim(p.prosrc) <> 'select nullif(current_setting(''app.current_org_id'', true), '''')::bigint' THEN 'has another body' END
             FROM pg_proc p WHERE p.proname = 'current_app_org_id' ORDER BY 1",
            &[
                ("a function whose answer is cached", "ALTER FUNCTION public.current_app_org_id() IMMUTABLE"),
                ("a function with another body", "CREATE OR REPLACE FUNCTION public.current_app_org_id() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$select 1::bigint$$"),
                ("a function that is not inlined", "ALTER FUNCTION public.current_app_org_id() SET search_path = pg_catalog"),
            ],
        ),
        CatalogueProbe::new(
            "FN-02",
            "whatever runs with its owner's rights is in the listed schema, with a pinned search_path, of the definer; what makes and drops weeks, of the owner",
            "Move it to migrations/bootstrap, or make it SECURITY INVOKER",
            "SELECT p.oid::regprocedure::text, CASE
               WHEN n.nspname <> 'definer' THEN 'stands outside of the list'
               WHEN NOT p.prosecdef THEN NULL
               WHEN r.rolname <> CASE p.proname WHEN 'keep_webhook_weeks' THEN 'core_owner' ELSE 'core_definer' END THEN 'belongs to ' || r.rolname
               WHEN NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false) THEN 'has no pinned search_path' END
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles r ON r.oid = p.proowner
             WHERE (p.prosecdef AND n.nspname !~ '^pg_') OR n.nspname = 'definer' ORDER BY 1",
            &[
                ("a definer outside of the list", "CREATE FUNCTION public.peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$select count(*) from public.people$$"),
                ("a search_path of the caller's", "ALTER FUNCTION definer.list_memberships(uuid) RESET search_path"),
                ("a listed function of the superuser", "ALTER FUNCTION definer.list_memberships(uuid) OWNER TO CURRENT_USER"),
                ("one that drops tables and sees every row", "ALTER FUNCTION definer.keep_webhook_weeks(timestamptz) OWNER TO core_definer"),
            ],
        ),
        CatalogueProbe::new(
            "FN-03",
            "each listed function may be called by one role",
            "REVOKE EXECUTE: `callers` in migrations/bootstrap/definers.sql says by whom",
            "SELECT p.oid::regprocedure::text, CASE
               WHEN (SELECT count(*) FROM runtime r WHERE has_function_privilege(r.oid, p.oid, 'EXECUTE')) <> 1 THEN 'may be called by both, or by nobody'
               WHEN EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
                 WHERE x.grantee <> p.proowner AND x.grantee NOT IN (SELECT oid FROM runtime)) THEN 'may be called by others' END
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'definer' ORDER BY 1",
            &[
                ("a claim that requests may make", "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA definer TO core_app"),
                ("a principal for the migrator", "GRANT EXECUTE ON FUNCTION definer.list_memberships(uuid) TO core_migrator"),
            ],
        ),
        CatalogueProbe::new(
            "FN-04",
            "the definer has no right to a table beyond what its functions touch: never all of it",
            "GRANT ... (columns) in the table's migration",
            "SELECT t.relname, CASE WHEN has_table_privilege(d.oid, t.oid, 'TRUNCATE, REFERENCES, TRIGGER')
                 THEN 'may be emptied'
               WHEN t.class = 'tenant' AND has_table_privilege(d.oid, t.oid, 'SELECT') AND EXISTS (
                 SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0 AND col_description(t.oid, a.attnum) IN ('pii', 'text'))
                 THEN 'can be read whole, personal data too'
               WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
                   AND col_description(t.oid, a.attnum) = 'pii' AND has_column_privilege(d.oid, t.oid, a.attnum, 'SELECT, INSERT, UPDATE'))
                 THEN 'gives personal data' END
             FROM t CROSS JOIN (SELECT oid FROM pg_roles WHERE rolname = 'core_definer') d ORDER BY 1",
            &[
                ("a definer who reads names", "GRANT SELECT (display_name) ON public.people TO core_definer"),
                ("a definer who may empty a table", "GRANT TRUNCATE ON public.outbox TO core_definer"),
            ],
        ),
    ]
}
