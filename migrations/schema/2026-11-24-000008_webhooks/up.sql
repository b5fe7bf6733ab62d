-- What an organisation's own systems are told: endpoints, events, deliveries.

-- Whether every text in a document, at whatever depth, is a word and not prose: the database's own
-- look at what leaves, whatever program wrote it.
CREATE FUNCTION webhook_words_only(body jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$select not exists (
  select from jsonb_path_query(body, 'strict $.** ? (@.type() == "string")') as found (value)
  where found.value #>> '{}' !~ '^[A-Za-z0-9_.:/+-]{1,80}$')$$;
REVOKE ALL ON FUNCTION webhook_words_only(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION webhook_words_only(jsonb) TO core_app, core_worker, core_definer;
COMMENT ON FUNCTION webhook_words_only(jsonb) IS 'Whether every text of a document is a word and not prose.';

CREATE TABLE webhook_endpoints (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2048),
  -- As the organisation wrote them, and the types that they come to.
  filters text[] NOT NULL CHECK (cardinality(filters) BETWEEN 1 AND 50),
  admits text[] NOT NULL,
  state text NOT NULL CHECK (state IN ('pending_verification', 'enabled', 'disabled')),
  disabled_reason text CHECK (disabled_reason IN ('admin', 'failure', 'gone')),
  version integer NOT NULL DEFAULT 1 CHECK (version > 0),
  -- Attempts that failed since the last that did not, and since when.
  failures integer NOT NULL DEFAULT 0,
  failing_since timestamptz,
  -- The breaker: nothing is sent before then, and then one delivery alone.
  probe_at timestamptz,
  -- The receiver's own wish to be left alone.
  paused_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  CHECK ((state = 'disabled') = (disabled_reason IS NOT NULL))
);
CALL make_tenant_table('webhook_endpoints', 'SELECT, INSERT, UPDATE, DELETE', '');
GRANT SELECT, UPDATE (state, disabled_reason, version, failures, failing_since, probe_at, paused_until)
  ON webhook_endpoints TO core_definer;
CALL classify('webhook_endpoints', 'tenant',
  'org_id: id, id: id, url: secret, filters: enum, admits: enum, state: enum, disabled_reason: enum, version: number, failures: number, failing_since: time, probe_at: time, paused_until: time, created_at: time');

CREATE TABLE webhook_secrets (
  org_id bigint NOT NULL REFERENCES organizations (id),
  endpoint_id uuid NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  sealed bytea NOT NULL CHECK (length(sealed) BETWEEN 1 AND 512),
  -- From then on it signs nothing; null: the current one.
  expires_at timestamptz,
  PRIMARY KEY (org_id, endpoint_id, version),
  FOREIGN KEY (org_id, endpoint_id) REFERENCES webhook_endpoints (org_id, id) ON DELETE CASCADE
);
CALL make_tenant_table('webhook_secrets', 'INSERT, DELETE', '');
-- What is sealed leaves to whoever sends, and to nobody who asks.
GRANT SELECT (org_id, endpoint_id, version, expires_at), UPDATE (expires_at) ON webhook_secrets TO core_app;
GRANT SELECT ON webhook_secrets TO core_definer;
CALL classify('webhook_secrets', 'tenant',
  'org_id: id, endpoint_id: id, version: number, sealed: secret, expires_at: time');

-- One row per organisation, locked by whoever gives its events their places.
CREATE TABLE webhook_counters (
  org_id bigint NOT NULL PRIMARY KEY REFERENCES organizations (id),
  last_seq bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0)
);
CALL make_tenant_table('webhook_counters', '', '');
GRANT SELECT, INSERT, UPDATE (last_seq) ON webhook_counters TO core_definer;
CALL classify('webhook_counters', 'tenant', 'org_id: id, last_seq: number');

CREATE TABLE webhook_events (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  type text NOT NULL CHECK (length(type) BETWEEN 3 AND 80),
  occurred_at timestamptz NOT NULL,
  -- object, id, version and the closed fields, as they will stand in the body.
  data text NOT NULL CHECK (length(data) <= 2048 AND webhook_words_only(data::jsonb)),
  -- The one endpoint that it is for; such an event has no place in the feed.
  only_for uuid,
  -- Both are null until a sequencer was here; 0: no place in the feed.
  seq bigint CHECK (seq >= 0),
  body text CHECK (octet_length(body) <= 4096 AND webhook_words_only(body::jsonb)),
  PRIMARY KEY (org_id, id),
  CHECK ((seq IS NULL) = (body IS NULL))
);
CREATE UNIQUE INDEX webhook_events_feed ON webhook_events (org_id, seq) WHERE seq > 0;
CREATE INDEX webhook_events_waiting ON webhook_events (org_id, occurred_at, id) WHERE seq IS NULL;
CALL make_tenant_table('webhook_events', '', '');
GRANT SELECT, INSERT (org_id, id, type, occurred_at, data, only_for) ON webhook_events TO core_app;
GRANT INSERT (org_id, id, type, occurred_at, data, only_for) ON webhook_events TO core_worker;
GRANT SELECT, INSERT (org_id, id, type, occurred_at, data, only_for), UPDATE (seq, body) ON webhook_events TO core_definer;
CALL classify('webhook_events', 'tenant',
  'org_id: id, id: id, type: enum, occurred_at: time, data: enum, only_for: id, seq: number, body: enum');

-- Small and hot: no payload.
CREATE TABLE webhook_deliveries (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_id uuid NOT NULL,
  event_type text NOT NULL CHECK (length(event_type) BETWEEN 3 AND 80),
  status text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'delivered', 'failed')),
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  due_at timestamptz NOT NULL,
  lease uuid,
  leased_until timestamptz,
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, endpoint_id, event_id),
  FOREIGN KEY (org_id, endpoint_id) REFERENCES webhook_endpoints (org_id, id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, event_id) REFERENCES webhook_events (org_id, id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (org_id, endpoint_id, due_at) WHERE status = 'waiting';
CREATE INDEX webhook_deliveries_leased ON webhook_deliveries (org_id, endpoint_id, leased_until) WHERE lease IS NOT NULL;
CREATE INDEX webhook_deliveries_by_id ON webhook_deliveries (id);
CREATE INDEX webhook_deliveries_of_event ON webhook_deliveries (org_id, event_id);
CALL make_tenant_table('webhook_deliveries', 'SELECT', '');
GRANT UPDATE (status, attempts, due_at, lease, leased_until) ON webhook_deliveries TO core_app;
GRANT SELECT, INSERT (org_id, id, endpoint_id, event_id, event_type, due_at),
  UPDATE (status, attempts, due_at, lease, leased_until) ON webhook_deliveries TO core_definer;
CALL classify('webhook_deliveries', 'tenant',
  'org_id: id, id: id, endpoint_id: id, event_id: id, event_type: enum, status: enum, attempts: number, due_at: time, lease: id, leased_until: time');

-- What a receiver said is not kept: a status, a duration, a size, a word.
CREATE TABLE webhook_attempts (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  ended_at timestamptz NOT NULL,
  status integer CHECK (status BETWEEN 100 AND 999),
  code text CHECK (code ~ '^[a-z_]{1,40}$'),
  duration_ms integer NOT NULL CHECK (duration_ms >= 0),
  size integer NOT NULL CHECK (size >= 0),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, delivery_id) REFERENCES webhook_deliveries (org_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_attempts_of_delivery ON webhook_attempts (org_id, delivery_id, ended_at);
CALL make_tenant_table('webhook_attempts', 'SELECT', '');
GRANT INSERT ON webhook_attempts TO core_definer;
CALL classify('webhook_attempts', 'tenant',
  'org_id: id, id: id, delivery_id: id, ended_at: time, status: number, code: enum, duration_ms: number, size: number');
