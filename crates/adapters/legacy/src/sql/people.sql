-- Patients and specialists are of the one clinic that their entry is linked to, and their user, where they
-- have one, must be of it too. Admins have no entry: they are people by their user, in each of their clinics.
TRUNCATE legacy.people;
INSERT INTO legacy.people (org_id, id, source_entity, legacy_id, display_name, email, timezone, created_at, "user", role, fault, detail)
WITH rows AS (
  SELECT 'specialists' AS entity, 'specialist' AS role, id, name, email, timezone, "user", organisation, created_at, faults
  FROM legacy.staged_specialists WHERE published
  UNION ALL
  SELECT 'patients', 'patient', id, name, email, timezone, "user", organisation, created_at, faults
  FROM legacy.staged_patients WHERE published
)
SELECT o.org_id, legacy.v4(legacy.digest((SELECT seed FROM legacy.run), r.entity, r.id)), r.entity, r.id, r.name, r.email, coalesce(r.timezone, c.timezone),
  coalesce(r.created_at, c.created_at), r."user", CASE WHEN u.role = 'admin' THEN u.role ELSE r.role END, judged.*
FROM rows r
LEFT JOIN legacy.staged_organisations c ON c.id = r.organisation
LEFT JOIN legacy.organisations o ON o.legacy_id = r.organisation
LEFT JOIN legacy.staged_users u ON u.id = r."user"
LEFT JOIN legacy.ids i ON i.source = 'strapi' AND i.entity = r.entity AND i.legacy_id = r.id
CROSS JOIN LATERAL (SELECT CASE
    WHEN r.faults IS NOT NULL THEN split_part(r.faults, ',', 1)
    WHEN r.organisation IS NULL THEN 'organisation_unproven'
    WHEN strpos(r.organisation, ',') > 0 THEN 'several_organisations'
    WHEN c.id IS NULL THEN 'orphan_link'
    WHEN o.org_id IS NULL THEN 'depends_on_another'
    WHEN r."user" IS NOT NULL AND u.id IS NULL THEN 'orphan_link'
    WHEN NOT r.organisation = ANY (string_to_array(u.organisations, ',')) THEN 'cross_organisation'
    WHEN i.org_id <> o.org_id THEN 'organisation_changed' END AS fault,
  CASE
    WHEN r.faults IS NOT NULL THEN split_part(r.faults, ',', 2)
    WHEN r.organisation IS NULL THEN NULL
    WHEN strpos(r.organisation, ',') > 0 OR c.id IS NULL OR o.org_id IS NULL THEN 'organisation ' || r.organisation
    WHEN r."user" IS NOT NULL THEN 'user ' || r."user" END AS detail) judged;

INSERT INTO legacy.people (org_id, id, source_entity, legacy_id, display_name, email, timezone, created_at, "user", role)
SELECT o.org_id, legacy.v4(legacy.digest((SELECT seed FROM legacy.run), 'staff', u.id || '/' || o.legacy_id)), 'staff', u.id || '/' || o.legacy_id,
  u.name, u.email, c.timezone, coalesce(u.created_at, c.created_at), u.id, 'admin'
FROM legacy.staged_users u
JOIN legacy.organisations o ON o.legacy_id = ANY (string_to_array(u.organisations, ','))
JOIN legacy.staged_organisations c ON c.id = o.legacy_id
WHERE u.role = 'admin' AND u.faults IS NULL AND u.blocked IS NOT TRUE
  AND NOT EXISTS (SELECT FROM legacy.people p WHERE p.org_id = o.org_id AND p."user" = u.id AND p.fault IS NULL);

-- Who may sign in: one person of each user in a clinic.
UPDATE legacy.people p SET membership_id = legacy.v4(legacy.digest((SELECT seed FROM legacy.run), 'memberships/' || p.source_entity, p.legacy_id)),
  user_id = legacy.v4(legacy.digest((SELECT seed FROM legacy.run), 'users', p."user"))
FROM (
  SELECT source_entity, legacy_id, row_number() OVER (PARTITION BY org_id, "user" ORDER BY source_entity DESC, length(legacy_id), legacy_id) AS nth
  FROM legacy.people WHERE fault IS NULL AND "user" IS NOT NULL) first
JOIN legacy.people q ON q.source_entity = first.source_entity AND q.legacy_id = first.legacy_id
JOIN legacy.staged_users u ON u.id = q."user" AND u.faults IS NULL AND u.blocked IS NOT TRUE
WHERE first.nth = 1 AND p.source_entity = first.source_entity AND p.legacy_id = first.legacy_id;
