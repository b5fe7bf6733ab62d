-- Files that come in parts, and files that end before they should.

-- The upload in parts by which the bytes come, as the store names it.
ALTER TABLE files ADD COLUMN upload text CHECK (octet_length(upload) BETWEEN 1 AND 1024);
GRANT UPDATE (upload) ON files TO core_app, core_worker;
CALL classify('files', 'tenant', 'upload: id');

ALTER TABLE files DROP CONSTRAINT files_refusal_check;
ALTER TABLE files ADD CONSTRAINT files_refusal_check
  CHECK (refusal IN ('checksum_mismatch', 'size_mismatch', 'type_mismatch', 'not_encrypted', 'truncated'));
