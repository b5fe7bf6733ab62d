DROP TABLE telemetry_hours, telemetry_sent;
