CREATE INDEX outbox_of_appointment_of_topic ON outbox (org_id, topic, appointment_id, id);
DROP INDEX outbox_of_appointment;
ALTER INDEX outbox_of_appointment_of_topic RENAME TO outbox_of_appointment;

ALTER TABLE outbox NO FORCE ROW LEVEL SECURITY;
UPDATE outbox SET topic = 'video' WHERE topic = 'video_closing';
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
ALTER TABLE outbox DROP CONSTRAINT outbox_topic_check,
  ADD CONSTRAINT outbox_topic_check CHECK (topic IN ('video'));
