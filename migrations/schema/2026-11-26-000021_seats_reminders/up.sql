-- Sessions with several seats, reminders of appointments, and versions of calendars.

ALTER TABLE appointment_types
  ADD COLUMN capacity integer NOT NULL DEFAULT 1 CHECK (capacity BETWEEN 1 AND 1000),
  -- Minutes before the start, the longest first.
  ADD COLUMN reminder_minutes integer[] NOT NULL DEFAULT '{1440,60}'
    CHECK (cardinality(reminder_minutes) <= 5 AND 1 <= ALL (reminder_minutes) AND 43200 >= ALL (reminder_minutes));
CALL classify('appointment_types', 'tenant', 'capacity: number, reminder_minutes: number');

-- Seats as the type had them when the session was opened, and how many appointments keep one. Whoever
-- takes or leaves one locks the row; that there are no more than there are is said here once more.
ALTER TABLE appointment_sessions
  ADD COLUMN seats integer NOT NULL DEFAULT 1 CHECK (seats BETWEEN 1 AND 1000),
  ADD COLUMN seats_taken integer NOT NULL DEFAULT 1,
  ADD CONSTRAINT appointment_sessions_seats CHECK (seats_taken BETWEEN 0 AND seats);
CALL classify('appointment_sessions', 'tenant', 'seats: number, seats_taken: number');
-- Of sessions so far, those whose appointment no longer keeps its time: for every organisation, and so
-- for this moment past the owner's own wall.
ALTER TABLE appointment_sessions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE occupancies NO FORCE ROW LEVEL SECURITY;
UPDATE appointment_sessions s SET seats_taken = 0
FROM occupancies o
WHERE o.org_id = s.org_id AND o.session_id = s.id AND NOT o.active;
ALTER TABLE appointment_sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE occupancies FORCE ROW LEVEL SECURITY;

-- The reminders that are to come, as they were when it was booked, and when the first is due; of a
-- claimed one, the end of the lease.
ALTER TABLE appointments
  ADD COLUMN reminder_minutes integer[] NOT NULL DEFAULT '{}',
  ADD COLUMN reminder_due_at timestamptz;
CREATE INDEX appointments_reminders ON appointments (reminder_due_at) WHERE reminder_due_at IS NOT NULL;
GRANT UPDATE (reminder_minutes, reminder_due_at) ON appointments TO core_worker;
GRANT SELECT (org_id, id, reminder_due_at), UPDATE (reminder_due_at) ON appointments TO core_definer;
CALL classify('appointments', 'tenant', 'reminder_minutes: number, reminder_due_at: time');

-- Of zone and weekly hours.
ALTER TABLE specialists ADD COLUMN version integer NOT NULL DEFAULT 1 CHECK (version > 0);
CALL classify('specialists', 'tenant', 'version: number');
