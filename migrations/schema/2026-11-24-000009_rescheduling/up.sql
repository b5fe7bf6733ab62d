-- From when to when an appointment was moved, and why.
CREATE TABLE appointment_moves (
  org_id bigint NOT NULL REFERENCES organizations (id),
  appointment_id bigint NOT NULL,
  -- The appointment's version after the move.
  version integer NOT NULL CHECK (version > 1),
  starts_at_before timestamptz NOT NULL,
  starts_at_after timestamptz NOT NULL,
  reason text NOT NULL CHECK (reason IN ('patient_request', 'specialist_unavailable', 'clinic_closed', 'technical', 'other')),
  moved_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, appointment_id, version),
  FOREIGN KEY (org_id, appointment_id) REFERENCES appointments (org_id, id)
);
CALL make_tenant_table('appointment_moves', 'SELECT, INSERT', '');
CALL classify('appointment_moves', 'tenant',
  'org_id: id, appointment_id: id, version: number, starts_at_before: time, starts_at_after: time, reason: enum, moved_at: time');
