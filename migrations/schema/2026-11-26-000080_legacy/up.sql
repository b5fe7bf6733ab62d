-- What the migration from Strapi and Intakes works with. Nobody who serves requests reaches any of it:
-- the schema `legacy` is the owner's, and what core_loader may read of it while it loads one clinic.
-- Names and addresses stand in the staging tables alone, from `load` until `forget`.

-- The one migration of this database, and how far it is.
CREATE TABLE legacy.run (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  -- What new ids are made with: who does not know it cannot tell one from a legacy id.
  seed text NOT NULL CHECK (length(seed) >= 32),
  -- The staging tables are whole.
  staged_at timestamptz,
  loaded_at timestamptz,
  frozen_at timestamptz,
  flipped_at timestamptz,
  rolled_back_at timestamptz
);
CALL classify('legacy.run', 'system',
  'single: bool, seed: secret, staged_at: time, loaded_at: time, frozen_at: time, flipped_at: time, rolled_back_at: time');

-- Until when each source was read.
CREATE TABLE legacy.watermarks (
  source text PRIMARY KEY CHECK (source IN ('strapi', 'intakes')),
  read_until timestamptz NOT NULL
);
CALL classify('legacy.watermarks', 'system', 'source: enum, read_until: time');

CREATE TABLE legacy.organisations (
  legacy_id text PRIMARY KEY,
  org_id bigint NOT NULL UNIQUE CHECK (org_id > 0),
  made boolean NOT NULL DEFAULT false
);
CALL classify('legacy.organisations', 'system', 'legacy_id: id, org_id: id, made: bool');

-- What became of each legacy row: the last that was loaded of it stays here, also when it is gone there.
CREATE TABLE legacy.ids (
  source text NOT NULL CHECK (source IN ('strapi', 'intakes')),
  entity text NOT NULL CHECK (length(entity) BETWEEN 1 AND 40),
  legacy_id text NOT NULL,
  org_id bigint NOT NULL,
  new_id text NOT NULL,
  -- Two lines a booking: one index (with a second, they were a third of the whole load).
  PRIMARY KEY (source, entity, legacy_id)
);
CALL classify('legacy.ids', 'system', 'source: enum, entity: enum, legacy_id: id, org_id: id, new_id: id');
GRANT SELECT, INSERT ON legacy.ids TO core_loader;

-- What was not loaded, or was not loaded as it stands, and why. No value of the row is kept here.
CREATE TABLE legacy.quarantine (
  source text NOT NULL CHECK (source IN ('strapi', 'intakes')),
  entity text NOT NULL,
  legacy_id text NOT NULL,
  -- quarantined: not loaded; left_out: by a rule of the mapping; flagged: loaded, and worth a look.
  verdict text NOT NULL CHECK (verdict IN ('quarantined', 'left_out', 'flagged')),
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 40),
  -- Names of fields, ids of other rows; never a name or an address.
  detail text CHECK (length(detail) <= 200)
);
CREATE INDEX quarantine_by_reason ON legacy.quarantine (verdict, entity, reason);
CALL classify('legacy.quarantine', 'system',
  'source: enum, entity: enum, legacy_id: id, verdict: enum, reason: enum, detail: id');

-- What was copied into the files' bucket, each byte of it hashed on both sides.
CREATE TABLE legacy.file_copies (
  legacy_id text PRIMARY KEY,
  org_id bigint NOT NULL,
  file_id uuid NOT NULL,
  object text NOT NULL,
  size bigint,
  sha256 bytea CHECK (octet_length(sha256) = 32),
  object_version text,
  -- Null: whole and clean.
  fault text,
  CHECK ((fault IS NULL) = (num_nulls(size, sha256, object_version) = 0))
);
CALL classify('legacy.file_copies', 'system',
  'legacy_id: id, org_id: id, file_id: id, object: id, size: number, sha256: id, object_version: id, fault: enum');
GRANT SELECT ON legacy.file_copies TO core_loader;

-- New ids: as those that the platform makes, and the same each time for the same legacy row. One plain
-- expression, so that it is inlined: a million times it is called.
CREATE FUNCTION legacy.digest(seed text, kind text, id text) RETURNS text LANGUAGE sql STABLE
AS $$select encode(sha256(convert_to(seed || '/' || kind || '/' || id, 'UTF8')), 'hex')$$;
CREATE FUNCTION legacy.v4(digest text) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$select overlay(overlay(left(digest, 32) placing '4' from 13 for 1) placing '8' from 17 for 1)::uuid$$;
CREATE FUNCTION legacy.v7(at timestamptz, digest text) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(digest, 1, 3) || '8' || substr(digest, 4, 15))::uuid$$;
-- 1 to 2^52: of 53 bits, those that all readers of JSON know.
CREATE FUNCTION legacy.number(digest text) RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$select ('x' || right(digest, 13))::bit(52)::bigint + 1$$;
REVOKE ALL ON FUNCTION legacy.digest(text, text, text), legacy.v4(text), legacy.v7(timestamptz, text), legacy.number(text) FROM PUBLIC;

-- Staging: the sources' rows under the mapping's names. Unlogged: a crash of the server empties them,
-- and they are read anew. `faults`: why a row cannot be loaded as it stands; `flags`: what is worth a look.
CREATE UNLOGGED TABLE legacy.staged_organisations (
  id text, name text, timezone text, created_at timestamptz, published boolean, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_users (
  id text, email text, name text, role text, blocked boolean, organisations text, created_at timestamptz, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_patients (
  id text, name text, email text, timezone text, "user" text, organisation text, created_at timestamptz, published boolean, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_specialists (
  id text, name text, email text, timezone text, "user" text, organisation text, created_at timestamptz, published boolean, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_types (
  id text, name text, duration integer, step integer, before integer, after integer, notice integer, online boolean, recording boolean,
  organisation text, locale text, created_at timestamptz, published boolean, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_type_locales (id text, sibling text, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_appointments (
  id text, booking text, patient text, specialist text, type text, organisation text, starts_at timestamptz, ends_at timestamptz,
  status text, online boolean, consent boolean, created_at timestamptz, published boolean, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_files (
  id text, name text, content_type text, object text, created_at timestamptz, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_file_links (id text, file text, related text, what text, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_signatures (
  id text, signer text, signed_at timestamptz, published boolean, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_calendars (
  id text, specialist text, organisation text, timezone text, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_rules (
  id text, calendar text, weekday text, starts smallint, ends smallint, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_overrides (
  id text, calendar text, date date, starts smallint, ends smallint, closed boolean, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_holds (id text, faults text, flags text);
CREATE UNLOGGED TABLE legacy.staged_bookings (
  id text, calendar text, patient text, type text, timezone text, starts_at timestamptz, ends_at timestamptz, status text,
  created_at timestamptz, faults text, flags text);
-- Rows that changed since, and the ids that there still are.
CREATE UNLOGGED TABLE legacy.changed_appointments (LIKE legacy.staged_appointments);
CREATE UNLOGGED TABLE legacy.changed_bookings (LIKE legacy.staged_bookings);
CREATE UNLOGGED TABLE legacy.present (id text);

-- What is to be in the platform: rows whose organisation is proven, and, with a fault, those whose is not.
CREATE UNLOGGED TABLE legacy.people (
  org_id bigint, id uuid, source_entity text, legacy_id text, display_name text, email text, timezone text, created_at timestamptz,
  "user" text, user_id uuid, role text, membership_id uuid, fault text, detail text);
CREATE UNLOGGED TABLE legacy.calendars (
  org_id bigint, legacy_id text, specialist text, specialist_id uuid, timezone text, fault text, detail text);
CREATE UNLOGGED TABLE legacy.hours (
  org_id bigint, legacy_id text, specialist_id uuid, weekday smallint, start_minute smallint, end_minute smallint, fault text, detail text);
CREATE UNLOGGED TABLE legacy.overrides (
  org_id bigint, legacy_id text, specialist_id uuid, date date, start_minute smallint, end_minute smallint, fault text, detail text);
CREATE UNLOGGED TABLE legacy.types (
  org_id bigint, id uuid, legacy_id text, canonical text, name text, duration integer, step integer, before integer, after integer,
  notice integer, online boolean, recording boolean, fault text, detail text);
CREATE UNLOGGED TABLE legacy.pairs (appointment text, booking text, fault text);
CREATE UNLOGGED TABLE legacy.bookings (
  n bigint GENERATED ALWAYS AS IDENTITY, org_id bigint, appointment text, booking text, appointment_id bigint, session_id uuid,
  type_id uuid, specialist_id uuid, patient_id uuid, starts_at timestamptz, ends_at timestamptz, before integer, after integer,
  online boolean, consent boolean, status text, cancel_reason text, created_at timestamptz, fault text, detail text);
CREATE INDEX bookings_in_order ON legacy.bookings (org_id, n);
CREATE UNLOGGED TABLE legacy.files (
  org_id bigint, id uuid, legacy_id text, kind text, name text, content_type text, object text, patient_id uuid, appointment_id bigint, uploader_id uuid,
  created_at timestamptz, fault text, detail text);
CREATE UNLOGGED TABLE legacy.signatures (
  org_id bigint, id uuid, legacy_id text, document_id uuid, document_sha256 bytea, picture_id uuid, signer_id uuid, signer_role text,
  signed_at timestamptz, fault text, detail text);
GRANT SELECT ON legacy.quarantine, legacy.people, legacy.calendars, legacy.hours, legacy.overrides, legacy.types, legacy.bookings, legacy.files,
  legacy.signatures TO core_loader;

-- A class for each, by the names that they share.
DO $$
DECLARE
  c record;
BEGIN
  FOR c IN
    SELECT t.oid::regclass AS t, a.attname, a.atttypid::regtype::text AS kind
    FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
    WHERE t.relnamespace = 'legacy'::regnamespace AND t.relkind = 'r' AND t.relpersistence = 'u'
  LOOP
    EXECUTE format('COMMENT ON TABLE %s IS %L', c.t, 'system');
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', c.t, c.attname, CASE
      WHEN c.attname IN ('name', 'display_name', 'email', 'object') THEN 'pii'
      WHEN c.attname IN ('status', 'role', 'fault', 'faults', 'flags', 'kind', 'what', 'weekday', 'locale', 'cancel_reason', 'signer_role',
        'content_type', 'source_entity') THEN 'enum'
      WHEN c.kind IN ('timestamp with time zone', 'date') THEN 'time'
      WHEN c.kind = 'boolean' THEN 'bool'
      WHEN c.kind IN ('integer', 'smallint') OR c.attname = 'n' THEN 'number'
      ELSE 'id' END);
  END LOOP;
END
$$;
