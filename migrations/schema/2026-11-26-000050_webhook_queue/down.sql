-- Back to one table of events, of deliveries and of attempts, with what is in the feed and on its way.
DROP TABLE webhook_jobs;
REVOKE SELECT ON webhook_counters FROM core_app;
ALTER TABLE webhook_endpoints DROP COLUMN header_count, DROP COLUMN headers_version,
  DROP COLUMN headers_sealed, DROP COLUMN rate_per_minute, DROP COLUMN rate_full_at, DROP COLUMN ramp;
GRANT SELECT ON webhook_endpoints TO core_app;
DROP PROCEDURE keep_webhook_weeks(timestamptz, integer, interval);

ALTER TABLE webhook_outbox NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_queue NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_events RENAME TO webhook_events_new;
ALTER TABLE webhook_deliveries RENAME TO webhook_deliveries_new;
ALTER TABLE webhook_attempts RENAME TO webhook_attempts_new;
ALTER TABLE webhook_events_new NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries_new NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_attempts_new NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
ALTER INDEX webhook_events_feed RENAME TO webhook_events_new_feed;

CREATE TABLE webhook_events (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  type text NOT NULL CHECK (length(type) BETWEEN 3 AND 80),
  occurred_at timestamptz NOT NULL,
  data text NOT NULL CHECK (length(data) <= 2048 AND webhook_words_only(data::jsonb)),
  only_for uuid,
  seq bigint CHECK (seq >= 0),
  body text CHECK (octet_length(body) <= 4096 AND webhook_words_only(body::jsonb)),
  PRIMARY KEY (org_id, id),
  CHECK ((seq IS NULL) = (body IS NULL))
);
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

ALTER TABLE webhook_endpoints NO FORCE ROW LEVEL SECURITY;
INSERT INTO webhook_events (org_id, id, type, occurred_at, data, only_for)
SELECT org_id, id, type, occurred_at, data, only_for FROM webhook_outbox;
INSERT INTO webhook_events (org_id, id, type, occurred_at, data, seq, body)
SELECT org_id, id, type, kept_at, body::jsonb ->> 'data', seq, body FROM webhook_events_new;
INSERT INTO webhook_deliveries (org_id, id, endpoint_id, event_id, event_type, status, attempts, due_at)
SELECT q.org_id, q.id, q.endpoint_id, q.event_id, q.event_type, 'waiting', q.attempts, q.due_at
FROM webhook_queue q JOIN webhook_endpoints e ON e.org_id = q.org_id AND e.id = q.endpoint_id
JOIN webhook_events v ON v.org_id = q.org_id AND v.id = q.event_id;
INSERT INTO webhook_deliveries (org_id, id, endpoint_id, event_id, event_type, status, attempts, due_at)
SELECT d.org_id, d.id, d.endpoint_id, d.event_id, d.event_type, d.outcome, d.attempts, d.ended_at
FROM webhook_deliveries_new d JOIN webhook_endpoints e ON e.org_id = d.org_id AND e.id = d.endpoint_id
JOIN webhook_events v ON v.org_id = d.org_id AND v.id = d.event_id ON CONFLICT DO NOTHING;
INSERT INTO webhook_attempts (org_id, id, delivery_id, ended_at, status, code, duration_ms, size)
SELECT d.org_id, gen_random_uuid(), d.id, d.ended_at, d.status, d.code, d.duration_ms, d.size
FROM webhook_deliveries_new d JOIN webhook_deliveries o ON o.org_id = d.org_id AND o.id = d.id
UNION ALL
SELECT a.org_id, a.id, a.delivery_id, a.ended_at, a.status, a.code, a.duration_ms, a.size
FROM webhook_attempts_new a JOIN webhook_deliveries o ON o.org_id = a.org_id AND o.id = a.delivery_id;
ALTER TABLE webhook_endpoints FORCE ROW LEVEL SECURITY;

DROP TABLE webhook_outbox, webhook_queue, webhook_in_flight, webhook_events_new, webhook_deliveries_new, webhook_attempts_new;
DROP PROCEDURE wall_partition(regclass, regclass);
DROP FUNCTION webhook_delivery_id(timestamptz, uuid, uuid);
DROP FUNCTION webhook_words(text);

CREATE UNIQUE INDEX webhook_events_feed ON webhook_events (org_id, seq) WHERE seq > 0;
CREATE INDEX webhook_events_waiting ON webhook_events (org_id, occurred_at, id) WHERE seq IS NULL;
CALL make_tenant_table('webhook_events', '', '');
GRANT SELECT, INSERT (org_id, id, type, occurred_at, data, only_for) ON webhook_events TO core_app;
GRANT INSERT (org_id, id, type, occurred_at, data, only_for) ON webhook_events TO core_worker;
GRANT SELECT, INSERT (org_id, id, type, occurred_at, data, only_for), UPDATE (seq, body) ON webhook_events TO core_definer;
CALL classify('webhook_events', 'tenant',
  'org_id: id, id: id, type: enum, occurred_at: time, data: enum, only_for: id, seq: number, body: enum');
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
CREATE INDEX webhook_attempts_of_delivery ON webhook_attempts (org_id, delivery_id, ended_at);
CALL make_tenant_table('webhook_attempts', 'SELECT', '');
GRANT INSERT ON webhook_attempts TO core_definer;
CALL classify('webhook_attempts', 'tenant',
  'org_id: id, id: id, delivery_id: id, ended_at: time, status: number, code: enum, duration_ms: number, size: number');
