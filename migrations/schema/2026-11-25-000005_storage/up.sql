-- Files: what is known of them. Their bytes are in the bucket, under {org_id}/{folder}/{id}.

CREATE TABLE files (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('document', 'prescription', 'image', 'signature', 'recording')),
  -- What its owner calls it: it may say who somebody is.
  name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 255),
  content_type text NOT NULL CHECK (length(content_type) BETWEEN 3 AND 127),
  size bigint NOT NULL CHECK (size > 0),
  sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
  patient_id uuid,
  appointment_id bigint,
  -- Null: the platform itself.
  uploader_id uuid,
  status text NOT NULL CHECK (status IN ('pending', 'scanning', 'available', 'infected', 'rejected', 'deleted')),
  refusal text CHECK (refusal IN ('checksum_mismatch', 'size_mismatch', 'type_mismatch', 'not_encrypted')),
  -- The version of its object that was looked at, and no other.
  object_version text CHECK (octet_length(object_version) BETWEEN 1 AND 1024),
  legal_hold boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL,
  -- When somebody has to look after it; also the lease of who does.
  due_at timestamptz,
  version integer NOT NULL CHECK (version > 0),
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, patient_id) REFERENCES people (org_id, id),
  FOREIGN KEY (org_id, uploader_id) REFERENCES people (org_id, id),
  FOREIGN KEY (org_id, appointment_id) REFERENCES appointments (org_id, id),
  CHECK ((status = 'rejected') = (refusal IS NOT NULL) OR status = 'deleted'),
  CHECK (status NOT IN ('scanning', 'available') OR object_version IS NOT NULL)
);
CREATE INDEX files_of_patient ON files (org_id, patient_id, id);
CREATE INDEX files_of_uploader ON files (org_id, uploader_id, id);
CREATE INDEX files_of_appointment ON files (org_id, appointment_id) WHERE appointment_id IS NOT NULL;
CREATE INDEX files_due ON files (due_at) WHERE due_at IS NOT NULL AND (NOT legal_hold OR status <> 'available');
CALL make_tenant_table('files',
  'SELECT, INSERT, UPDATE (status, refusal, object_version, legal_hold, due_at, version)',
  'SELECT, UPDATE (status, refusal, object_version, due_at, version)');
GRANT SELECT (org_id, id, status, legal_hold, due_at, version), UPDATE (due_at) ON files TO core_definer;
CALL classify('files', 'tenant',
  'org_id: id, id: id, kind: enum, name: pii, content_type: enum, size: number, sha256: id, patient_id: id, appointment_id: id, uploader_id: id, status: enum, refusal: enum, object_version: id, legal_hold: bool, created_at: time, due_at: time, version: number');

-- A picture of a signature, bound to the bytes of a document. Never changed.
CREATE TABLE file_signatures (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  document_id uuid NOT NULL,
  document_sha256 bytea NOT NULL CHECK (octet_length(document_sha256) = 32),
  picture_id uuid NOT NULL,
  signer_id uuid NOT NULL,
  signer_role text NOT NULL CHECK (signer_role IN ('patient', 'specialist', 'admin')),
  signed_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, document_id) REFERENCES files (org_id, id),
  FOREIGN KEY (org_id, picture_id) REFERENCES files (org_id, id),
  FOREIGN KEY (org_id, signer_id) REFERENCES people (org_id, id)
);
CREATE INDEX file_signatures_of_document ON file_signatures (org_id, document_id, id);
CREATE INDEX file_signatures_with_picture ON file_signatures (org_id, picture_id);
CREATE INDEX file_signatures_of_signer ON file_signatures (org_id, signer_id);
CALL make_tenant_table('file_signatures', 'SELECT, INSERT', '');
CALL classify('file_signatures', 'tenant',
  'org_id: id, id: id, document_id: id, document_sha256: id, picture_id: id, signer_id: id, signer_role: enum, signed_at: time');
