//! Tables: their class, their walls, who owns them.

use super::CatalogueProbe;
use crate::Item;

const A_TENANT_TABLE: &str = "README, \"Add a table\": CALL make_tenant_table(...) and CALL classify(...) in the table's migration";

pub(super) fn probes() -> Vec<CatalogueProbe> {
    vec![
        CatalogueProbe::new(
            "DB-01",
            "every table has a class",
            A_TENANT_TABLE,
            "SELECT relname, CASE WHEN class IS NULL THEN 'has no class'
               WHEN class NOT IN ('tenant', 'shared_readonly', 'system') THEN 'has the class ' || class END
             FROM t ORDER BY 1",
            &[
                ("a table without a class", "CREATE TABLE public.stray (org_id bigint NOT NULL)"),
                ("a class that does not exist", "COMMENT ON TABLE public.people IS 'public'"),
            ],
        ),
        CatalogueProbe::new(
            "DB-02",
            "every column has a class",
            A_TENANT_TABLE,
            "SELECT t.relname || '.' || a.attname,
               CASE WHEN col_description(t.oid, a.attnum) IS NULL THEN 'has no class'
                 WHEN col_description(t.oid, a.attnum) NOT IN
                   ('pii', 'text', 'id', 'enum', 'bool', 'number', 'time', 'bytes', 'secret')
                 THEN 'has the class ' || col_description(t.oid, a.attnum) END
             FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY 1",
            &[
                ("a column without a class", "ALTER TABLE public.people ADD nickname text"),
                ("a class that does not exist", "COMMENT ON COLUMN public.people.email IS 'harmless'"),
            ],
        ),
        CatalogueProbe::new(
            "DB-03",
            "row-level security is on for every table of organisations",
            A_TENANT_TABLE,
            "SELECT relname, CASE WHEN NOT relrowsecurity THEN 'row-level security is off' END
             FROM bound ORDER BY 1",
            &[
                ("a table without it", "ALTER TABLE public.people DISABLE ROW LEVEL SECURITY"),
                ("a new table without a policy", "CREATE TABLE public.stray (org_id bigint NOT NULL)"),
            ],
        ),
        CatalogueProbe::new(
            "DB-04",
            "row-level security binds the owner too",
            A_TENANT_TABLE,
            "SELECT relname, CASE WHEN NOT relforcerowsecurity THEN 'the owner is above it' END
             FROM bound ORDER BY 1",
            &[("a table whose owner is above it", "ALTER TABLE public.appointments NO FORCE ROW LEVEL SECURITY")],
        ),
        CatalogueProbe::new(
            "DB-05",
            "a restrictive floor binds every row to the transaction's organisation",
            A_TENANT_TABLE,
            "SELECT b.relname, CASE WHEN NOT EXISTS (
               SELECT FROM pg_policy p WHERE p.polrelid = b.oid AND p.polname = 'tenant_floor'
                 AND NOT p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}'
                 AND pg_get_expr(p.polqual, p.polrelid) = format('(%I = current_app_org_id())', b.org_column)
                 AND pg_get_expr(p.polwithcheck, p.polrelid) = format('(%I = current_app_org_id())', b.org_column))
               THEN 'has no tenant_floor as it must be' END
             FROM bound b ORDER BY 1",
            &[
                ("a floor that was dropped", "DROP POLICY tenant_floor ON public.people"),
                ("a floor that lets all through", "ALTER POLICY tenant_floor ON public.people USING (true)"),
                ("a floor that checks no write", "ALTER POLICY tenant_floor ON public.people WITH CHECK (true)"),
                ("a floor for one role only", "ALTER POLICY tenant_floor ON public.people TO core_app"),
            ],
        ),
        CatalogueProbe::new(
            "DB-06",
            "the policy that admits has the same predicate as the floor",
            A_TENANT_TABLE,
            "SELECT b.relname, CASE WHEN NOT EXISTS (
               SELECT FROM pg_policy p WHERE p.polrelid = b.oid AND p.polname = 'tenant_base'
                 AND p.polpermissive AND p.polcmd = '*'
                 AND ARRAY(SELECT rolname::text FROM pg_roles WHERE oid = ANY (p.polroles) ORDER BY 1) = '{core_app,core_worker}'
                 AND pg_get_expr(p.polqual, p.polrelid) = format('(%I = current_app_org_id())', b.org_column)
                 AND pg_get_expr(p.polwithcheck, p.polrelid) = format('(%I = current_app_org_id())', b.org_column))
               THEN 'has no tenant_base as it must be' END
             FROM bound b ORDER BY 1",
            &[
                ("a base that admits all", "ALTER POLICY tenant_base ON public.people USING (true)"),
                ("a base for everybody", "ALTER POLICY tenant_base ON public.people TO PUBLIC"),
            ],
        ),
        CatalogueProbe::new(
            "DB-07",
            "no other policy admits anybody",
            "Drop the policy: tenant_base admits whom it should",
            "SELECT b.relname || '.' || p.polname, CASE WHEN p.polpermissive AND p.polname <> 'tenant_base'
               AND NOT (p.polname = 'operator_base' AND b.relname = 'organizations'
                 AND pg_get_expr(p.polqual, p.polrelid) = '(id = current_app_org_id())'
                 AND pg_get_expr(p.polwithcheck, p.polrelid) = '(id = current_app_org_id())'
                 AND p.polroles = ARRAY(SELECT oid FROM pg_roles WHERE rolname = 'core_owner'))
               AND NOT (p.polname = 'operator_trace' AND p.polcmd = 'a'
                 AND b.relname IN ('audit_events', 'telemetry_events')
                 AND pg_get_expr(p.polwithcheck, p.polrelid) = '(org_id = current_app_org_id())'
                 AND p.polroles = ARRAY(SELECT oid FROM pg_roles WHERE rolname = 'core_owner'))
               THEN 'admits beside tenant_base' END
             FROM bound b JOIN pg_policy p ON p.polrelid = b.oid ORDER BY 1",
            &[
                ("a second way in", "CREATE POLICY support ON public.people FOR SELECT TO core_app USING (true)"),
                ("an operator above the wall", "ALTER POLICY operator_base ON public.organizations USING (true)"),
                ("an operator who writes anybody's audit", "ALTER POLICY operator_trace ON public.audit_events WITH CHECK (true)"),
            ],
        ),
        CatalogueProbe::new(
            "DB-08",
            "every row of an organisation says which",
            A_TENANT_TABLE,
            "SELECT relname, CASE WHEN org_column IS NULL THEN 'has no org_id'
               WHEN NOT org_notnull THEN 'org_id may be null'
               WHEN org_type <> 'bigint'::regtype THEN 'org_id is no bigint' END
             FROM bound ORDER BY 1",
            &[
                ("an org_id that may be null", "ALTER TABLE public.audit_events DROP CONSTRAINT audit_events_pkey, ALTER org_id DROP NOT NULL"),
                ("a table without org_id", "CREATE TABLE public.stray (id uuid)"),
            ],
        ),
        CatalogueProbe::new(
            "DB-09",
            "tables, views and sequences belong to the owner, whom nobody signs in as",
            "ALTER TABLE ... OWNER TO core_owner: tables are made by `core-api migrate` alone",
            "SELECT c.relname, CASE WHEN r.rolname <> 'core_owner' THEN 'belongs to ' || r.rolname END
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
             WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') ORDER BY 1",
            &[("a table of the app's own", "ALTER TABLE public.people OWNER TO core_app")],
        ),
        CatalogueProbe::new(
            "DB-10",
            "views ask as whoever looks; nothing is materialised or foreign",
            "WITH (security_invoker = true); no materialised view, no foreign table",
            "SELECT c.relname, CASE
               WHEN c.relkind = 'v' AND NOT coalesce(c.reloptions::text ~* 'security_invoker=(true|on|1)', false)
                 THEN 'asks as its owner'
               WHEN c.relkind = 'm' THEN 'is materialised' WHEN c.relkind = 'f' THEN 'is foreign' END
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname NOT IN ('information_schema', 'extensions') AND n.nspname !~ '^pg_'
               AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1",
            &[
                ("a view that asks as its owner", "CREATE VIEW public.everybody AS SELECT * FROM public.people"),
                ("a materialised view", "CREATE MATERIALIZED VIEW public.kept AS SELECT id FROM public.people"),
            ],
        ),
        CatalogueProbe::new(
            "DB-11",
            "tables of the platform are out of reach of those who serve requests",
            "Reach it through a listed function, or make it a tenant table",
            "SELECT t.relname || ' for ' || r.rolname,
               CASE WHEN (has_table_privilege(r.oid, t.oid, 'SELECT, INSERT, UPDATE, DELETE')
                   OR has_any_column_privilege(r.oid, t.oid, 'SELECT, INSERT, UPDATE'))
                 AND NOT (t.relname = '__diesel_schema_migrations' AND NOT has_table_privilege(r.oid, t.oid, 'INSERT, UPDATE, DELETE'))
               THEN 'can be used directly' END
             FROM t CROSS JOIN runtime r WHERE t.class = 'system' AND t.relname <> 'organizations' ORDER BY 1",
            &[
                ("users that can be read", "GRANT SELECT ON public.users TO core_app"),
                ("one column of sessions", "GRANT SELECT (org_id) ON public.user_sessions TO core_worker"),
                ("a staging table of the migration", "GRANT SELECT ON legacy.staged_patients TO core_app"),
            ],
        ),
        CatalogueProbe::new(
            "DB-12",
            "partitions give nothing that their table does not",
            "REVOKE ALL on the partition: rights and policies stand on the table",
            "SELECT t.relname, CASE WHEN t.relispartition AND EXISTS (
               SELECT FROM runtime r WHERE has_table_privilege(r.oid, t.oid, 'SELECT, INSERT, UPDATE, DELETE'))
               THEN 'can be used directly' END
             FROM t ORDER BY 1",
            &[(
                "a partition with rights of its own",
                "CREATE TABLE public.stray (org_id bigint NOT NULL) PARTITION BY LIST (org_id);
                 CREATE TABLE public.stray_1 PARTITION OF public.stray FOR VALUES IN (1);
                 GRANT SELECT ON public.stray_1 TO core_app",
            )],
        ),
        CatalogueProbe::new(
            "DB-13",
            "no rule rewrites what is asked of a table",
            "DROP RULE; a rule runs with its owner's rights",
            "SELECT t.relname, (SELECT 'has the rule ' || min(w.rulename) FROM pg_rewrite w WHERE w.ev_class = t.oid)
             FROM t ORDER BY 1",
            &[("a rule that copies", "CREATE RULE copy AS ON INSERT TO public.people DO ALSO NOTIFY copied")],
        ),
        CatalogueProbe::new(
            "DB-14",
            "no trigger runs with its owner's rights",
            "ALTER FUNCTION ... SECURITY INVOKER",
            "SELECT t.relname, (SELECT 'the trigger ' || min(g.tgname) || ' runs as its owner' FROM pg_trigger g
               JOIN pg_proc f ON f.oid = g.tgfoid WHERE g.tgrelid = t.oid AND NOT g.tgisinternal AND f.prosecdef)
             FROM t ORDER BY 1",
            &[("a trigger that does", "ALTER FUNCTION public.refuse_change() SECURITY DEFINER")],
        ),
        CatalogueProbe::new(
            "DB-15",
            "nothing is published to another server",
            "DROP PUBLICATION",
            "SELECT current_database(), (SELECT 'is published as ' || min(pubname) FROM pg_publication)",
            &[("a publication", "CREATE PUBLICATION leak FOR TABLE public.people")],
        ),
        CatalogueProbe::new(
            "SCH-01",
            "the scheduling tables are those of the manifest, each bound to current_app_org_id()",
            "Bring SCHEDULING in crates/isolation/src/catalogue/tables.rs and the schema together; CALL make_tenant_table(...)",
            "SELECT coalesce(m.name, b.relname),
                   CASE WHEN b.oid IS NULL THEN 'is in the manifest and not in the schema'
                     WHEN m.name IS NULL THEN 'is in the schema and not in the manifest'
                     WHEN NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = b.oid AND p.polname = 'tenant_floor'
                       AND pg_get_expr(p.polqual, p.polrelid) = '(org_id = current_app_org_id())')
                       OR NOT b.relrowsecurity THEN 'is not scoped to current_app_org_id()' END
                 FROM (VALUES ('appointment_types'), ('specialists'), ('specialist_weekly_hours'),
                   ('specialist_date_overrides'), ('specialist_time_off'), ('closures'),
                   ('appointment_sessions'), ('appointments'), ('appointment_moves'), ('occupancies')) AS m (name)
                 FULL JOIN (SELECT * FROM bound WHERE relname ~ '^(appointment|specialist|occupanc|closure)') b
                   ON b.relname = m.name ORDER BY 1",
            &[
                ("a scheduling table that nobody listed", "CREATE TABLE public.specialist_notes (org_id bigint NOT NULL)"),
                ("a scheduling table that is gone", "DROP TABLE public.specialist_weekly_hours CASCADE"),
                ("a scheduling table whose wall is off", "ALTER TABLE public.appointments DISABLE ROW LEVEL SECURITY"),
            ],
        )
        .of(Item::Scheduling),
        CatalogueProbe::new(
            "AUD-01",
            "audit events carry the organisation, and nobody can change them",
            "REVOKE UPDATE, DELETE; the trigger audit_events_append_only; org_id NOT NULL",
            "SELECT t.relname, CASE
               WHEN NOT coalesce(t.org_notnull, false) THEN 'may be of no organisation'
               WHEN EXISTS (SELECT FROM pg_roles r WHERE r.rolname IN ('core_app', 'core_worker', 'core_definer')
                 AND (has_table_privilege(r.oid, t.oid, 'UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(r.oid, t.oid, 'UPDATE')))
                 THEN 'can be changed'
               WHEN NOT EXISTS (SELECT FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid
                 WHERE g.tgrelid = t.oid AND f.proname = 'refuse_change' AND g.tgenabled IN ('O', 'A')
                   AND g.tgtype & 2 = 2 AND g.tgtype & 8 = 8 AND g.tgtype & 16 = 16 AND g.tgtype & 32 = 32)
                 THEN 'no trigger refuses a change' END
             FROM t WHERE t.relname ~ '^audit_' ORDER BY 1",
            &[
                ("a right to delete", "GRANT DELETE ON public.audit_events TO core_worker"),
                ("a right to change one column", "GRANT UPDATE (outcome) ON public.audit_events TO core_app"),
                ("a trigger that is off", "ALTER TABLE public.audit_events DISABLE TRIGGER audit_events_append_only"),
                ("an event of no organisation", "ALTER TABLE public.audit_events DROP CONSTRAINT audit_events_pkey, ALTER org_id DROP NOT NULL"),
            ],
        )
        .of(Item::Audit),
    ]
}
