//! Roles: what those who serve requests may be, and may not.

use super::CatalogueProbe;

pub(super) fn probes() -> Vec<CatalogueProbe> {
    vec![
        CatalogueProbe::new(
            "ROLE-01",
            "no role that signs in for requests or workers is above row-level security",
            "ALTER ROLE ... NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION; REVOKE the membership",
            ", roles AS (
               WITH RECURSIVE m AS (SELECT oid, oid AS start FROM runtime
                 UNION SELECT g.roleid, m.start FROM pg_auth_members g JOIN m ON m.oid = g.member)
               SELECT m.start, r.* FROM m JOIN pg_roles r ON r.oid = m.oid)
             SELECT s.rolname || ' as ' || r.rolname, CASE
               WHEN r.rolsuper THEN 'is a superuser' WHEN r.rolbypassrls THEN 'bypasses row-level security'
               WHEN r.rolreplication THEN 'may replicate' WHEN r.rolcreaterole THEN 'may make roles'
               WHEN r.rolcreatedb THEN 'may make databases' WHEN r.rolname ~ '^pg_' THEN 'has powers over the server'
               WHEN r.rolname IN ('core_owner', 'core_migrator', 'core_definer') THEN 'may become it' END
             FROM roles r JOIN runtime s ON s.oid = r.start ORDER BY 1",
            &[
                ("a worker above it", "ALTER ROLE core_worker BYPASSRLS"),
                ("an app that may make roles", "ALTER ROLE core_app CREATEROLE"),
                ("an app that may become the owner", "GRANT core_owner TO core_app"),
                ("an app that may read all", "GRANT pg_read_all_data TO core_app"),
            ],
        ),
        CatalogueProbe::new(
            "ROLE-02",
            "nobody signs in as the owner or as the definer, and nobody is the definer's member",
            "ALTER ROLE ... NOLOGIN; REVOKE core_definer FROM ...",
            "SELECT r.rolname, CASE WHEN r.rolcanlogin THEN 'can sign in'
               WHEN r.rolname = 'core_definer' AND EXISTS (SELECT FROM pg_auth_members g WHERE g.roleid = r.oid) THEN 'has a member'
               WHEN r.rolsuper OR r.rolcreaterole OR r.rolreplication THEN 'may do more than it needs'
               WHEN r.rolname = 'core_owner' AND r.rolbypassrls THEN 'bypasses row-level security' END
             FROM pg_roles r WHERE r.rolname IN ('core_owner', 'core_definer') ORDER BY 1",
            &[
                ("an owner who signs in", "ALTER ROLE core_owner LOGIN"),
                ("a definer with a member", "GRANT core_definer TO core_app"),
                ("an owner above the wall", "ALTER ROLE core_owner BYPASSRLS"),
            ],
        ),
        CatalogueProbe::new(
            "ROLE-03",
            "only the migrator may become the owner, and only by saying so",
            "REVOKE core_owner FROM ...; ALTER ROLE core_migrator NOINHERIT",
            "SELECT m.rolname, CASE WHEN m.rolname <> 'core_migrator' AND NOT m.rolsuper THEN 'may become the owner'
               WHEN m.rolname = 'core_migrator' AND (m.rolinherit OR m.rolbypassrls OR m.rolsuper) THEN 'has the owner''s rights without saying so' END
             FROM pg_auth_members g JOIN pg_roles o ON o.oid = g.roleid JOIN pg_roles m ON m.oid = g.member
             WHERE o.rolname = 'core_owner' ORDER BY 1",
            &[
                ("a worker who may", "GRANT core_owner TO core_worker"),
                ("a migrator who inherits", "ALTER ROLE core_migrator INHERIT"),
            ],
        ),
        CatalogueProbe::new(
            "ROLE-05",
            "the loader of the migration signs in nowhere, is bound as the app is, and is the migrator's alone",
            "ALTER ROLE core_loader NOLOGIN NOBYPASSRLS; REVOKE core_loader FROM ...; REVOKE ... FROM core_loader",
            "SELECT l.rolname, CASE WHEN l.rolcanlogin THEN 'can sign in'
               WHEN l.rolsuper OR l.rolbypassrls OR l.rolcreaterole OR l.rolcreatedb OR l.rolreplication THEN 'may do more than it needs'
               WHEN EXISTS (SELECT FROM pg_auth_members g JOIN pg_roles m ON m.oid = g.member
                 WHERE g.roleid = l.oid AND m.rolname <> 'core_migrator' AND NOT m.rolsuper) THEN 'may be become by others'
               WHEN EXISTS (SELECT FROM pg_auth_members g JOIN pg_roles o ON o.oid = g.roleid
                 WHERE g.member = l.oid AND o.rolname <> 'core_app') THEN 'may become more than the app' END
             FROM pg_roles l WHERE l.rolname = 'core_loader'",
            &[
                ("a loader above the wall", "ALTER ROLE core_loader BYPASSRLS"),
                ("a loader who signs in", "ALTER ROLE core_loader LOGIN"),
                ("an app that may become it", "GRANT core_loader TO core_worker"),
                ("a loader who may become the owner", "GRANT core_owner TO core_loader"),
            ],
        ),
        CatalogueProbe::new(
            "ROLE-04",
            "no default setting names an organisation or switches the walls off",
            "ALTER ROLE ... RESET ...",
            "SELECT coalesce(r.rolname, 'every role'), (SELECT 'sets ' || min(c) FROM pg_db_role_setting s, unnest(s.setconfig) c
               WHERE s.setrole = coalesce(r.oid, 0)
                 AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) AND c ~* '^(app\\.|row_security|session_replication_role|role|search_path)')
             FROM (SELECT oid, rolname FROM runtime UNION ALL SELECT NULL, NULL) r ORDER BY 1",
            &[
                ("an app that is always in one clinic", "ALTER ROLE core_app SET app.current_org_id = '1'"),
                ("workers without walls", "ALTER ROLE core_worker SET row_security = off"),
            ],
        ),
    ]
}
