ALTER TABLE specialists DROP COLUMN version;
ALTER TABLE appointments DROP COLUMN reminder_minutes, DROP COLUMN reminder_due_at;
ALTER TABLE appointment_sessions DROP COLUMN seats_taken, DROP COLUMN seats;
ALTER TABLE appointment_types DROP COLUMN capacity, DROP COLUMN reminder_minutes;
REVOKE SELECT (org_id, id), UPDATE ON appointments FROM core_definer;
