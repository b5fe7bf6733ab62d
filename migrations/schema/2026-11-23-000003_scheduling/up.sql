-- What can be booked, with whom, and what was booked.

CREATE TABLE specialists (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  timezone text NOT NULL CHECK (length(timezone) BETWEEN 1 AND 64),
  active boolean NOT NULL DEFAULT true,
  last_booked_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, id) REFERENCES people (org_id, id)
);
CALL make_tenant_table('specialists', 'SELECT, INSERT, UPDATE', '');
CALL classify('specialists', 'tenant', 'org_id: id, id: id, timezone: id, active: bool, last_booked_at: time');

CREATE TABLE specialist_weekly_hours (
  org_id bigint NOT NULL REFERENCES organizations (id),
  specialist_id uuid NOT NULL,
  -- ISO 8601: 1 is Monday.
  weekday smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),
  -- Minutes on the wall since 00:00; 1440 is 24:00.
  start_minute smallint NOT NULL CHECK (start_minute BETWEEN 0 AND 1439),
  end_minute smallint NOT NULL CHECK (end_minute BETWEEN 1 AND 1440 AND end_minute > start_minute),
  PRIMARY KEY (org_id, specialist_id, weekday, start_minute, end_minute),
  FOREIGN KEY (org_id, specialist_id) REFERENCES specialists (org_id, id)
);
CALL make_tenant_table('specialist_weekly_hours', 'SELECT, INSERT, DELETE', '');
CALL classify('specialist_weekly_hours', 'tenant',
  'org_id: id, specialist_id: id, weekday: number, start_minute: number, end_minute: number');

CREATE TABLE appointment_types (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  duration_minutes integer NOT NULL CHECK (duration_minutes BETWEEN 1 AND 1440),
  interval_minutes integer NOT NULL CHECK (interval_minutes BETWEEN 1 AND 1440),
  buffer_before_minutes integer NOT NULL CHECK (buffer_before_minutes BETWEEN 0 AND 1440),
  buffer_after_minutes integer NOT NULL CHECK (buffer_after_minutes BETWEEN 0 AND 1440),
  min_notice_minutes integer NOT NULL CHECK (min_notice_minutes BETWEEN 0 AND 525600),
  horizon_minutes integer CHECK (horizon_minutes BETWEEN 0 AND 5270400),
  max_per_day integer CHECK (max_per_day BETWEEN 1 AND 1000),
  alignment text NOT NULL CHECK (alignment IN ('window_start', 'round_window_start', 'local_day_grid', 'query_grid')),
  alignment_step_minutes integer CHECK (alignment_step_minutes BETWEEN 1 AND 1440),
  alignment_offset_minutes integer NOT NULL DEFAULT 0 CHECK (alignment_offset_minutes BETWEEN -1440 AND 1440),
  online boolean NOT NULL,
  recording boolean NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  retired_at timestamptz,
  CHECK ((alignment_step_minutes IS NULL) = (alignment <> 'round_window_start')),
  PRIMARY KEY (org_id, id)
);
CALL make_tenant_table('appointment_types', 'SELECT, INSERT, UPDATE', '');
CALL classify('appointment_types', 'tenant',
  'org_id: id, id: id, name: text, duration_minutes: number, interval_minutes: number, buffer_before_minutes: number, buffer_after_minutes: number, min_notice_minutes: number, horizon_minutes: number, max_per_day: number, alignment: enum, alignment_step_minutes: number, alignment_offset_minutes: number, online: bool, recording: bool, version: number, retired_at: time');

-- A session is a time with one or more specialists; an appointment is a seat in it.
CREATE TABLE appointment_sessions (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  appointment_type_id uuid NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, appointment_type_id) REFERENCES appointment_types (org_id, id)
);
CALL make_tenant_table('appointment_sessions', 'SELECT, INSERT, UPDATE', '');
CALL classify('appointment_sessions', 'tenant',
  'org_id: id, id: id, appointment_type_id: id, starts_at: time, ends_at: time');

-- One row per specialist of a session: what keeps two bookings apart, whatever the program does.
-- Filters use the two instants; the range is there for the constraint alone, because its operators
-- are not leakproof and lose their index under row-level security.
CREATE TABLE occupancies (
  org_id bigint NOT NULL REFERENCES organizations (id),
  session_id uuid NOT NULL,
  specialist_id uuid NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
  buffer_before_minutes integer NOT NULL CHECK (buffer_before_minutes BETWEEN 0 AND 1440),
  buffer_after_minutes integer NOT NULL CHECK (buffer_after_minutes BETWEEN 0 AND 1440),
  -- Start and end with the type's buffers as they were at booking time.
  blocked tstzrange NOT NULL,
  active boolean NOT NULL DEFAULT true,
  PRIMARY KEY (org_id, session_id, specialist_id),
  FOREIGN KEY (org_id, session_id) REFERENCES appointment_sessions (org_id, id),
  FOREIGN KEY (org_id, specialist_id) REFERENCES specialists (org_id, id),
  CONSTRAINT occupancies_apart EXCLUDE USING gist
    (org_id WITH =, specialist_id WITH =, blocked WITH &&) WHERE (active)
);
CREATE INDEX occupancies_by_time ON occupancies (org_id, specialist_id, starts_at) WHERE active;
CALL make_tenant_table('occupancies', 'SELECT, INSERT, UPDATE', '');
CALL classify('occupancies', 'tenant',
  'org_id: id, session_id: id, specialist_id: id, starts_at: time, ends_at: time, buffer_before_minutes: number, buffer_after_minutes: number, blocked: time, active: bool');

CREATE TABLE appointments (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id bigint NOT NULL CHECK (id BETWEEN 1 AND 9007199254740991),
  session_id uuid NOT NULL,
  appointment_type_id uuid NOT NULL,
  specialist_id uuid NOT NULL,
  patient_id uuid NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
  online boolean NOT NULL,
  recording_consent boolean NOT NULL,
  status text NOT NULL CHECK (status IN ('confirmed', 'in_progress', 'completed', 'cancelled', 'no_show')),
  cancel_reason text CHECK ((cancel_reason IS NOT NULL) = (status = 'cancelled')
    AND cancel_reason IN ('patient_request', 'specialist_unavailable', 'clinic_closed', 'technical', 'other')),
  version integer NOT NULL CHECK (version > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, session_id) REFERENCES appointment_sessions (org_id, id),
  FOREIGN KEY (org_id, appointment_type_id) REFERENCES appointment_types (org_id, id),
  FOREIGN KEY (org_id, specialist_id) REFERENCES specialists (org_id, id),
  FOREIGN KEY (org_id, patient_id) REFERENCES people (org_id, id)
);
CREATE INDEX appointments_by_time ON appointments (org_id, starts_at, id);
CREATE INDEX appointments_of_specialist ON appointments (org_id, specialist_id, starts_at, id);
CREATE INDEX appointments_of_patient ON appointments (org_id, patient_id, starts_at, id);
CREATE INDEX appointments_of_session ON appointments (org_id, session_id);
CALL make_tenant_table('appointments', 'SELECT, INSERT, UPDATE', 'SELECT');
CALL classify('appointments', 'tenant',
  'org_id: id, id: id, session_id: id, appointment_type_id: id, specialist_id: id, patient_id: id, starts_at: time, ends_at: time, online: bool, recording_consent: bool, status: enum, cancel_reason: enum, version: number, created_at: time');
