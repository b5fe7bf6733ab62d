-- Programs of an organisation's own, and the tokens that they got. Of secret and token only the digest
-- is kept.
CREATE TABLE api_clients (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  scopes text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 20),
  secret_digest bytea NOT NULL CHECK (length(secret_digest) = 32),
  created_at timestamptz NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX api_clients_by_id ON api_clients (id);
CALL make_tenant_table('api_clients', 'INSERT', '');
-- The digest leaves to whoever compares it, and to nobody who lists.
GRANT SELECT (org_id, id, name, scopes, created_at, revoked_at), UPDATE (revoked_at) ON api_clients TO core_app;
GRANT SELECT (org_id, id, scopes, secret_digest, revoked_at) ON api_clients TO core_definer;
CALL classify('api_clients', 'tenant',
  'org_id: id, id: id, name: text, scopes: enum, secret_digest: secret, created_at: time, revoked_at: time');

CREATE TABLE api_tokens (
  org_id bigint NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32),
  client_id uuid NOT NULL,
  scopes text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 20),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, digest),
  FOREIGN KEY (org_id, client_id) REFERENCES api_clients (org_id, id)
);
CREATE INDEX api_tokens_by_digest ON api_tokens (digest);
CREATE INDEX api_tokens_of ON api_tokens (org_id, client_id);
CALL make_tenant_table('api_tokens', 'INSERT, DELETE', '');
GRANT SELECT (org_id, client_id, expires_at) ON api_tokens TO core_app;
GRANT SELECT ON api_tokens TO core_definer;
CALL classify('api_tokens', 'tenant',
  'org_id: id, digest: secret, client_id: id, scopes: enum, expires_at: time');

-- A program acts as itself.
ALTER TABLE audit_events DROP CONSTRAINT audit_events_actor_kind_check,
  ADD CONSTRAINT audit_events_actor_kind_check CHECK (actor_kind IN ('user', 'client', 'system'));
