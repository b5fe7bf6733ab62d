-- Recordings of visits, and what presence in a room says of its appointment.

ALTER TABLE organizations ADD COLUMN start_on_arrival boolean NOT NULL DEFAULT true;
GRANT UPDATE (start_on_arrival) ON organizations TO core_app;
CALL classify('organizations', 'system', 'start_on_arrival: bool');

CREATE TABLE recordings (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  appointment_id bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('requested', 'recording', 'ready', 'imported', 'failed', 'deleted')),
  -- The provider's own name of it, once it is known.
  footage_id text CHECK (footage_id ~ '^[A-Za-z0-9_-]{1,64}$'),
  -- Allotted before the file is there, so that each try of an import writes to the same place.
  file_id uuid,
  seconds integer CHECK (seconds >= 0),
  -- Null: begun in the room itself.
  requested_by uuid,
  requested_at timestamptz NOT NULL,
  -- When somebody has to look after it; also the lease of who does.
  due_at timestamptz,
  version integer NOT NULL CHECK (version > 0),
  PRIMARY KEY (org_id, id),
  UNIQUE (org_id, footage_id),
  FOREIGN KEY (org_id, appointment_id) REFERENCES appointments (org_id, id),
  FOREIGN KEY (org_id, requested_by) REFERENCES people (org_id, id),
  CHECK (state NOT IN ('ready', 'imported') OR (footage_id IS NOT NULL AND file_id IS NOT NULL))
);
CREATE INDEX recordings_of_appointment ON recordings (org_id, appointment_id, id);
CREATE INDEX recordings_by_requester ON recordings (org_id, requested_by);
CREATE INDEX recordings_due ON recordings (due_at) WHERE due_at IS NOT NULL;
CALL make_tenant_table('recordings',
  'SELECT, INSERT, UPDATE (state, footage_id, file_id, seconds, due_at, version)',
  'SELECT, INSERT, UPDATE (state, footage_id, file_id, seconds, due_at, version)');
GRANT SELECT (org_id, id, due_at, version), UPDATE (due_at) ON recordings TO core_definer;
CALL classify('recordings', 'tenant',
  'org_id: id, id: id, appointment_id: id, state: enum, footage_id: id, file_id: id, seconds: number, requested_by: id, requested_at: time, due_at: time, version: number');

-- A worker copies what the provider has into a file.
GRANT INSERT ON files TO core_worker;
-- It asks of a type whether its visits may be recorded.
GRANT SELECT ON appointment_types TO core_worker;
-- It learns who is in a room of which no notice told, and what that says of the appointment.
GRANT SELECT, INSERT, UPDATE (left_at) ON video_stays TO core_worker;
GRANT UPDATE (status, cancel_reason, version) ON appointments TO core_worker;

-- What is compared with the provider's account, across organisations.
CREATE INDEX appointments_online_by_end ON appointments (ends_at, org_id, id) WHERE online;
CREATE INDEX video_rooms_by_end ON video_rooms (closes_at);
GRANT SELECT (org_id, id, online, status, ends_at) ON appointments TO core_definer;
GRANT SELECT (opens_at, closes_at) ON video_rooms TO core_definer;
GRANT SELECT (org_id, appointment_id, left_at) ON video_stays TO core_definer;
