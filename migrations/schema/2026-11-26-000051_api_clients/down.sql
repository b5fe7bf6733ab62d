ALTER TABLE audit_events DROP CONSTRAINT audit_events_actor_kind_check,
  ADD CONSTRAINT audit_events_actor_kind_check CHECK (actor_kind IN ('user', 'system')) NOT VALID;
DROP TABLE api_tokens;
DROP TABLE api_clients;
