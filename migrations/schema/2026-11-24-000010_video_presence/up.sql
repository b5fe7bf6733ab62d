-- Who was in which room, as the video provider told it.

-- Notices that were dealt with: the provider sends each at least once.
CREATE TABLE video_notices (
  org_id bigint NOT NULL REFERENCES organizations (id),
  -- The provider's own.
  id text NOT NULL CHECK (id ~ '^[!-~]{1,128}$'),
  heard_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX video_notices_by_age ON video_notices (org_id, heard_at);
CALL make_tenant_table('video_notices', 'SELECT, INSERT, DELETE', '');
CALL classify('video_notices', 'tenant', 'org_id: id, id: id, heard_at: time');

-- One person's connection to one room.
CREATE TABLE video_stays (
  org_id bigint NOT NULL REFERENCES organizations (id),
  appointment_id bigint NOT NULL,
  id uuid NOT NULL,
  person_id uuid NOT NULL,
  joined_at timestamptz NOT NULL,
  left_at timestamptz CHECK (left_at >= joined_at),
  PRIMARY KEY (org_id, appointment_id, id),
  FOREIGN KEY (org_id, appointment_id) REFERENCES appointments (org_id, id),
  FOREIGN KEY (org_id, person_id) REFERENCES people (org_id, id)
);
CREATE INDEX video_stays_of_person ON video_stays (org_id, person_id);
CALL make_tenant_table('video_stays', 'SELECT, INSERT, UPDATE (left_at)', '');
CALL classify('video_stays', 'tenant',
  'org_id: id, appointment_id: id, id: id, person_id: id, joined_at: time, left_at: time');

-- A notice names a room and no organisation.
CREATE INDEX video_rooms_by_name ON video_rooms (name);
GRANT SELECT (org_id, appointment_id, name) ON video_rooms TO core_definer;
