DROP TRIGGER audit_events_queued ON audit_events;
DROP FUNCTION queue_audit();
DROP TABLE telemetry_batches, telemetry_events;
