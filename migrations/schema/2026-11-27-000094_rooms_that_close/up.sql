-- Rooms are closed by a worker of its own: the provider lets few go in a second, and nobody's new room waits
-- behind that.

ALTER TABLE outbox DROP CONSTRAINT outbox_topic_check,
  ADD CONSTRAINT outbox_topic_check CHECK (topic IN ('video', 'video_closing'));
ALTER TABLE outbox NO FORCE ROW LEVEL SECURITY;
UPDATE outbox SET topic = 'video_closing' WHERE kind = 'appointment.cancelled';
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;

-- What happened to an appointment before, whatever its topic.
CREATE INDEX outbox_of_appointment_in_turn ON outbox (org_id, appointment_id, id);
DROP INDEX outbox_of_appointment;
ALTER INDEX outbox_of_appointment_in_turn RENAME TO outbox_of_appointment;
