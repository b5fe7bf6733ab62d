-- An entry in several languages is one type: that of the mapping's language, else the first. What refers to
-- another of them means it.
TRUNCATE legacy.types;
INSERT INTO legacy.types (org_id, id, legacy_id, canonical, name, duration, step, before, after, notice, online, recording, fault, detail)
SELECT o.org_id, legacy.v7(t.created_at, legacy.digest((SELECT seed FROM legacy.run), 'types', t.id)), t.id, family.canonical, t.name, t.duration, t.step, t.before, t.after,
  t.notice, t.online, t.recording,
  CASE
    WHEN family.canonical <> t.id THEN NULL
    WHEN t.faults IS NOT NULL THEN split_part(t.faults, ',', 1)
    WHEN t.organisation IS NULL THEN 'organisation_unproven'
    WHEN strpos(t.organisation, ',') > 0 THEN 'several_organisations'
    WHEN c.id IS NULL THEN 'orphan_link'
    WHEN o.org_id IS NULL THEN 'depends_on_another'
    WHEN t.created_at IS NULL THEN 'implausible_date'
    WHEN t.duration IS NULL OR t.duration NOT BETWEEN 1 AND 1440 OR t.before NOT BETWEEN 0 AND 1440 OR t.after NOT BETWEEN 0 AND 1440
      OR t.notice NOT BETWEEN 0 AND 525600 OR t.step NOT BETWEEN 1 AND 1440 THEN 'out_of_bounds'
    WHEN i.org_id <> o.org_id THEN 'organisation_changed' END,
  CASE WHEN family.canonical = t.id THEN coalesce(split_part(t.faults, ',', 2), 'organisation ' || t.organisation) END
FROM legacy.staged_types t
CROSS JOIN LATERAL (
  SELECT s.id AS canonical FROM legacy.staged_types s
  WHERE s.published AND (s.id = t.id OR s.id IN (SELECT l.sibling FROM legacy.staged_type_locales l WHERE l.id = t.id))
  ORDER BY s.locale IS NOT DISTINCT FROM {{locale}} DESC, length(s.id), s.id LIMIT 1) family
LEFT JOIN legacy.staged_organisations c ON c.id = t.organisation
LEFT JOIN legacy.organisations o ON o.legacy_id = t.organisation
LEFT JOIN legacy.ids i ON i.source = 'strapi' AND i.entity = 'types' AND i.legacy_id = t.id
WHERE t.published;
