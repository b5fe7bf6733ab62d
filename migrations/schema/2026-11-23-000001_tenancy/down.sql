DROP TABLE care_relations, memberships, people, user_sessions, users, organizations;
COMMENT ON TABLE __diesel_schema_migrations IS NULL;
REVOKE ALL ON __diesel_schema_migrations FROM core_app, core_worker;
DROP PROCEDURE classify(regclass, text, text);
DROP PROCEDURE make_tenant_table(regclass, text, text, text);
DROP FUNCTION current_app_org_id();
