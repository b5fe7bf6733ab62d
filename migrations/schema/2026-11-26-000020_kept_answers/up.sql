-- What clients were answered who may ask again: `Idempotency-Key`.

-- Inserted by the first statement of the transaction that makes something, and filled by the last. So
-- a twin waits at its insert, and a row that anybody sees has its answer. No foreign key: it would
-- cost as much as the row, and no organisation is ever deleted.
CREATE TABLE kept_answers (
  org_id bigint NOT NULL CHECK (org_id > 0),
  -- Whose key it is.
  actor_id uuid NOT NULL,
  operation text NOT NULL CHECK (length(operation) BETWEEN 1 AND 80),
  -- SHA-256 of the key: it may say anything.
  key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
  -- What the request was, and the answer; null until it commits.
  sealed bytea CHECK (length(sealed) BETWEEN 1 AND 2097152),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, actor_id, operation, key_hash)
);
CREATE INDEX kept_answers_by_expiry ON kept_answers (expires_at);
CALL make_tenant_table('kept_answers', 'SELECT, INSERT, UPDATE', '');
GRANT SELECT (org_id, actor_id, operation, key_hash, expires_at), UPDATE (expires_at), DELETE ON kept_answers TO core_definer;
CALL classify('kept_answers', 'tenant',
  'org_id: id, actor_id: id, operation: enum, key_hash: secret, sealed: secret, expires_at: time');
