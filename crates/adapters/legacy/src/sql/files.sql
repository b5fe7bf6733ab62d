-- A file is of the clinic of everything that it hangs on: of two, it is nobody's.
TRUNCATE legacy.files;
INSERT INTO legacy.files (org_id, id, legacy_id, kind, name, content_type, object, patient_id, appointment_id, uploader_id, created_at, fault, detail)
WITH links AS (
  SELECT l.file, l.faults, split_part(l.what, ':', 1) AS about, split_part(l.what, ':', 2) AS kind, l.related,
    coalesce(p.org_id, b.org_id, s.org_id) AS org_id, coalesce(p.id, b.patient_id) AS patient_id, b.appointment_id,
    CASE WHEN l.what = 'signature:signature' THEN s.id END AS uploader_id
  FROM legacy.staged_file_links l
  LEFT JOIN legacy.people p ON l.what ~ '^patient:' AND p.source_entity = 'patients' AND p.legacy_id = l.related AND p.fault IS NULL
  LEFT JOIN legacy.bookings b ON l.what ~ '^appointment:' AND b.appointment = l.related AND b.fault IS NULL
  LEFT JOIN legacy.staged_signatures g ON l.what ~ '^signature:' AND g.id = l.related
  LEFT JOIN LATERAL (
    SELECT min(q.org_id) AS org_id, (array_agg(q.id))[1] AS id FROM legacy.people q
    WHERE q."user" = g.signer AND q.fault IS NULL HAVING count(*) = 1) s ON true
), gathered AS (
  SELECT file, min(faults) AS faults, bool_or(org_id IS NULL) AS orphan, count(DISTINCT org_id) AS organisations, min(org_id) AS org_id,
    count(DISTINCT kind) AS kinds, min(kind) AS kind, count(DISTINCT patient_id) AS patients, (array_agg(patient_id ORDER BY patient_id))[1] AS patient_id,
    max(appointment_id) AS appointment_id, (array_agg(uploader_id ORDER BY uploader_id))[1] AS uploader_id,
    string_agg(about || ' ' || related, ' ' ORDER BY about, length(related), related) AS detail
  FROM links GROUP BY file
)
SELECT CASE WHEN g.organisations = 1 THEN g.org_id END, legacy.v7(f.created_at, legacy.digest((SELECT seed FROM legacy.run), 'files', f.id)), f.id, g.kind, f.name, f.content_type,
  f.object, g.patient_id, g.appointment_id, g.uploader_id, f.created_at,
  CASE
    WHEN f.faults IS NOT NULL THEN split_part(f.faults, ',', 1)
    WHEN g.file IS NULL THEN 'organisation_unproven'
    WHEN g.faults IS NOT NULL THEN split_part(g.faults, ',', 1)
    WHEN g.organisations > 1 THEN 'cross_organisation'
    WHEN g.orphan THEN 'orphan_link'
    WHEN g.kinds > 1 THEN 'several_kinds'
    WHEN g.patients > 1 THEN 'several_patients'
    WHEN f.created_at IS NULL THEN 'implausible_date'
    WHEN NOT EXISTS (SELECT FROM (VALUES {{allowed}}) AS k (kind, content_type) WHERE k.kind = g.kind AND k.content_type = f.content_type) THEN 'type_not_allowed'
    WHEN y.org_id <> g.org_id OR i.org_id <> g.org_id THEN 'organisation_changed'
    WHEN y.object <> f.object THEN 'object_changed'
    ELSE y.fault END,
  left(coalesce(split_part(f.faults, ',', 2), split_part(g.faults, ',', 2), g.detail), 200)
FROM legacy.staged_files f
LEFT JOIN gathered g ON g.file = f.id
LEFT JOIN legacy.file_copies y ON y.legacy_id = f.id
LEFT JOIN legacy.ids i ON i.source = 'strapi' AND i.entity = 'files' AND i.legacy_id = f.id;

TRUNCATE legacy.signatures;
INSERT INTO legacy.signatures (org_id, id, legacy_id, document_id, document_sha256, picture_id, signer_id, signer_role, signed_at, fault, detail)
SELECT d.org_id, legacy.v7(g.signed_at, legacy.digest((SELECT seed FROM legacy.run), 'signatures', g.id)), g.id, d.id, y.sha256, p.id, w.id, w.role, g.signed_at,
  CASE
    WHEN g.faults IS NOT NULL THEN split_part(g.faults, ',', 1)
    WHEN d.id IS NULL OR p.id IS NULL OR w.id IS NULL THEN 'orphan_link'
    WHEN d.fault IS NOT NULL OR p.fault IS NOT NULL THEN 'depends_on_another'
    WHEN d.org_id <> p.org_id OR d.org_id <> w.org_id THEN 'cross_organisation'
    WHEN g.signed_at IS NULL THEN 'implausible_date' END,
  coalesce(split_part(g.faults, ',', 2), concat_ws(' ', 'document', coalesce(d.legacy_id, '?'), 'picture', coalesce(p.legacy_id, '?'), 'user', g.signer))
FROM legacy.staged_signatures g
LEFT JOIN legacy.staged_file_links ld ON ld.what = 'signature:document' AND ld.related = g.id
LEFT JOIN legacy.files d ON d.legacy_id = ld.file
LEFT JOIN legacy.file_copies y ON y.legacy_id = ld.file
LEFT JOIN legacy.staged_file_links lp ON lp.what = 'signature:signature' AND lp.related = g.id
LEFT JOIN legacy.files p ON p.legacy_id = lp.file
LEFT JOIN legacy.people w ON w."user" = g.signer AND w.fault IS NULL AND w.org_id = d.org_id
WHERE g.published;
