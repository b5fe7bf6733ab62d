REVOKE SELECT ON audit_events FROM core_definer;
DROP TABLE audit_heads, audit_leaves;
