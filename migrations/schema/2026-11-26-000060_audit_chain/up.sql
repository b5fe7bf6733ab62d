-- What seals the audit: a place in its organisation's sequence for every line, and signed heads of a
-- chain over all of them (RFC 6962 style: SHA-256 with a byte before each kind of thing). Written after the
-- line has committed, so that no request waits for another one's place. Append-only, as the audit is.

CREATE TABLE audit_leaves (
  org_id bigint NOT NULL CHECK (org_id > 0),
  seq bigint NOT NULL CHECK (seq > 0),
  event_id uuid NOT NULL,
  -- SHA-256 of a zero byte and the line, as it is told to the Telemetry service.
  leaf bytea NOT NULL CHECK (length(leaf) = 32),
  -- The hour in which it happened.
  hour timestamptz NOT NULL CHECK (date_trunc('hour', hour, 'UTC') = hour),
  PRIMARY KEY (org_id, seq),
  UNIQUE (org_id, event_id)
);
CREATE INDEX audit_leaves_by_hour ON audit_leaves (org_id, hour);
CALL make_tenant_table('audit_leaves', 'SELECT', 'SELECT');
GRANT SELECT, INSERT ON audit_leaves TO core_definer;
CALL classify('audit_leaves', 'tenant',
  'org_id: id, seq: number, event_id: id, leaf: bytes, hour: time');
CREATE TRIGGER audit_leaves_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_leaves
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One per batch that was sealed: up to its place, this is the audit.
CREATE TABLE audit_heads (
  org_id bigint NOT NULL CHECK (org_id > 0),
  seq bigint NOT NULL CHECK (seq > 0),
  chain bytea NOT NULL CHECK (length(chain) = 32),
  -- The highest key of a line that was sealed so far: keys begin with the time.
  reach uuid NOT NULL,
  sealed_at timestamptz NOT NULL,
  -- Which key signed: the first bytes of the SHA-256 of its public key.
  key bytea NOT NULL CHECK (length(key) = 8),
  -- Ed25519.
  signature bytea NOT NULL CHECK (length(signature) = 64),
  PRIMARY KEY (org_id, seq)
);
CALL make_tenant_table('audit_heads', 'SELECT', 'SELECT');
GRANT SELECT, INSERT ON audit_heads TO core_definer;
CALL classify('audit_heads', 'tenant',
  'org_id: id, seq: number, chain: bytes, reach: id, sealed_at: time, key: bytes, signature: bytes');
CREATE TRIGGER audit_heads_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_heads
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT ON audit_events TO core_definer;
