-- What others are to hear of, and the rooms that are made because of it.

-- One row per event and topic; a row that was dealt with is deleted, so the table stays small.
CREATE TABLE outbox (
  org_id bigint NOT NULL REFERENCES organizations (id),
  topic text NOT NULL CHECK (topic IN ('video')),
  id uuid NOT NULL,
  kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 80),
  appointment_id bigint NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  occurred_at timestamptz NOT NULL,
  -- Not before then; of a claimed row, the end of its lease.
  due_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  lease uuid,
  PRIMARY KEY (org_id, topic, id),
  FOREIGN KEY (org_id, appointment_id) REFERENCES appointments (org_id, id)
);
CREATE INDEX outbox_due ON outbox (topic, due_at);
CREATE INDEX outbox_by_id ON outbox (id);
CREATE INDEX outbox_of_appointment ON outbox (org_id, topic, appointment_id, id);
CALL make_tenant_table('outbox', 'INSERT', '');
GRANT SELECT (org_id, topic, id, appointment_id, due_at, attempts, lease), UPDATE (due_at, attempts, lease), DELETE ON outbox TO core_definer;
CALL classify('outbox', 'tenant',
  'org_id: id, topic: enum, id: id, kind: enum, appointment_id: id, version: number, occurred_at: time, due_at: time, attempts: number, lease: id');

CREATE TABLE video_rooms (
  org_id bigint NOT NULL REFERENCES organizations (id),
  appointment_id bigint NOT NULL,
  -- As the provider returned them; nothing derives or parses them.
  name text NOT NULL CHECK (name ~ '^[A-Za-z0-9_-]{1,128}$'),
  url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2048),
  opens_at timestamptz NOT NULL,
  closes_at timestamptz NOT NULL CHECK (closes_at > opens_at),
  PRIMARY KEY (org_id, appointment_id),
  UNIQUE (org_id, name),
  FOREIGN KEY (org_id, appointment_id) REFERENCES appointments (org_id, id)
);
CALL make_tenant_table('video_rooms', 'SELECT', 'SELECT, INSERT, UPDATE, DELETE');
CALL classify('video_rooms', 'tenant',
  'org_id: id, appointment_id: id, name: id, url: secret, opens_at: time, closes_at: time');

-- Ways into a room that were handed out: the code itself is known to its holder alone.
CREATE TABLE join_codes (
  org_id bigint NOT NULL REFERENCES organizations (id),
  code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
  appointment_id bigint NOT NULL,
  person_id uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, code_hash),
  FOREIGN KEY (org_id, appointment_id) REFERENCES video_rooms (org_id, appointment_id) ON DELETE CASCADE,
  FOREIGN KEY (org_id, person_id) REFERENCES people (org_id, id)
);
CREATE INDEX join_codes_by_hash ON join_codes (code_hash);
CREATE INDEX join_codes_of_room ON join_codes (org_id, appointment_id);
CREATE INDEX join_codes_by_expiry ON join_codes (org_id, expires_at);
-- Those of a room go with it, by their foreign key.
CALL make_tenant_table('join_codes', 'SELECT, INSERT, DELETE', '');
GRANT SELECT (org_id, code_hash, appointment_id, person_id, expires_at) ON join_codes TO core_definer;
CALL classify('join_codes', 'tenant',
  'org_id: id, code_hash: secret, appointment_id: id, person_id: id, expires_at: time');
