-- What the Telemetry service was told and has, to be compared with what it says that it has.

-- Facts that it took: to be told again should it have lost them. (Lines of the audit are in the audit.)
CREATE TABLE telemetry_sent (
  org_id bigint NOT NULL CHECK (org_id > 0),
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('analytics', 'rehab')),
  type text NOT NULL,
  occurred_at timestamptz NOT NULL,
  subject_kind text CHECK (subject_kind IN ('staff', 'patient')),
  subject_id uuid CHECK ((subject_id IS NULL) = (subject_kind IS NULL)),
  data text NOT NULL CHECK (webhook_words_only(data::jsonb)),
  -- SHA-256 of a zero byte and the line, as it was told.
  digest bytea NOT NULL CHECK (length(digest) = 32),
  PRIMARY KEY (org_id, id)
);
CREATE INDEX telemetry_sent_by_time ON telemetry_sent (org_id, occurred_at);
CALL make_tenant_table('telemetry_sent', '', 'SELECT');
GRANT SELECT, INSERT, DELETE ON telemetry_sent TO core_definer;
CALL classify('telemetry_sent', 'tenant',
  'org_id: id, id: id, kind: enum, type: enum, occurred_at: time, subject_kind: enum, subject_id: id, data: enum, digest: bytes');

-- Hours of which something was told, and whether both sides agree about them.
CREATE TABLE telemetry_hours (
  org_id bigint NOT NULL CHECK (org_id > 0),
  hour timestamptz NOT NULL CHECK (date_trunc('hour', hour, 'UTC') = hour),
  -- `open`: to be compared; `differs`: told again as often as it helps, and still not the same.
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'agreed', 'differs')),
  -- Not compared before then; of a claimed hour, the end of its lease.
  due_at timestamptz NOT NULL,
  lease uuid,
  -- How often it was told again since both sides agreed.
  replays integer NOT NULL DEFAULT 0 CHECK (replays >= 0),
  PRIMARY KEY (org_id, hour)
);
CREATE INDEX telemetry_hours_due ON telemetry_hours (due_at) WHERE state <> 'agreed';
CALL make_tenant_table('telemetry_hours', '', '');
GRANT SELECT, INSERT, UPDATE (state, due_at, lease, replays) ON telemetry_hours TO core_definer;
CALL classify('telemetry_hours', 'tenant',
  'org_id: id, hour: time, state: enum, due_at: time, lease: id, replays: number');
