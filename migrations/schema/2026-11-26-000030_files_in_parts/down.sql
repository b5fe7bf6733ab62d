UPDATE files SET refusal = 'type_mismatch' WHERE refusal = 'truncated';
ALTER TABLE files DROP CONSTRAINT files_refusal_check;
ALTER TABLE files ADD CONSTRAINT files_refusal_check
  CHECK (refusal IN ('checksum_mismatch', 'size_mismatch', 'type_mismatch', 'not_encrypted'));
ALTER TABLE files DROP COLUMN upload;
