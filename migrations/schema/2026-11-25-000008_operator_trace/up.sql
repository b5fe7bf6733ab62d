-- What operators do to an organisation stands in its own audit, and is told on as every line is.
CREATE POLICY operator_trace ON audit_events AS PERMISSIVE FOR INSERT TO core_owner
  WITH CHECK (org_id = current_app_org_id());
CREATE POLICY operator_trace ON telemetry_events AS PERMISSIVE FOR INSERT TO core_owner
  WITH CHECK (org_id = current_app_org_id());
