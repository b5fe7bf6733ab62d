-- What breaks the weekly hours: dates with hours of their own, time off, closures.

-- Any row of a date takes the place of that date's weekly hours.
CREATE TABLE specialist_date_overrides (
  org_id bigint NOT NULL REFERENCES organizations (id),
  specialist_id uuid NOT NULL,
  -- On the specialist's calendar.
  date date NOT NULL,
  -- Minutes on the wall since 00:00; 1440 is 24:00, and 0 to 0 is a closed date.
  start_minute smallint NOT NULL CHECK (start_minute BETWEEN 0 AND 1439),
  end_minute smallint NOT NULL CHECK (end_minute BETWEEN 0 AND 1440),
  CHECK (end_minute > start_minute OR (start_minute = 0 AND end_minute = 0)),
  PRIMARY KEY (org_id, specialist_id, date, start_minute, end_minute),
  FOREIGN KEY (org_id, specialist_id) REFERENCES specialists (org_id, id)
);
CALL make_tenant_table('specialist_date_overrides', 'SELECT, INSERT, DELETE', '');
CALL classify('specialist_date_overrides', 'tenant',
  'org_id: id, specialist_id: id, date: time, start_minute: number, end_minute: number');

CREATE TABLE specialist_time_off (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  specialist_id uuid NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, specialist_id) REFERENCES specialists (org_id, id)
);
CREATE INDEX specialist_time_off_by_time ON specialist_time_off (org_id, specialist_id, ends_at);
CALL make_tenant_table('specialist_time_off', 'SELECT, INSERT, DELETE', '');
CALL classify('specialist_time_off', 'tenant',
  'org_id: id, id: id, specialist_id: id, starts_at: time, ends_at: time');

-- Days on which nobody of the organisation works, as each specialist's calendar counts them.
CREATE TABLE closures (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  starts_on date NOT NULL,
  -- The last of the days.
  ends_on date NOT NULL CHECK (ends_on >= starts_on),
  PRIMARY KEY (org_id, id)
);
CREATE INDEX closures_by_time ON closures (org_id, ends_on);
CALL make_tenant_table('closures', 'SELECT, INSERT, DELETE', '');
CALL classify('closures', 'tenant', 'org_id: id, id: id, starts_on: time, ends_on: time');
