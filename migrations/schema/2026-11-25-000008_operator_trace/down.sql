DROP POLICY operator_trace ON telemetry_events;
DROP POLICY operator_trace ON audit_events;
