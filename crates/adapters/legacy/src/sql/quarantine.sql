-- What was not loaded and why, and what was and is worth a look. Ids and reasons alone.
TRUNCATE legacy.quarantine;
INSERT INTO legacy.quarantine (source, entity, legacy_id, verdict, reason, detail)
SELECT 'strapi', 'organisations', id, 'quarantined', split_part(faults, ',', 1), split_part(faults, ',', 2) FROM legacy.staged_organisations WHERE published AND faults IS NOT NULL
UNION ALL SELECT 'strapi', 'users', id, 'quarantined', split_part(faults, ',', 1), split_part(faults, ',', 2) FROM legacy.staged_users WHERE faults IS NOT NULL
UNION ALL SELECT 'strapi', source_entity, legacy_id, 'quarantined', fault, detail FROM legacy.people WHERE fault IS NOT NULL
UNION ALL SELECT 'strapi', 'types', legacy_id, 'quarantined', fault, detail FROM legacy.types WHERE fault IS NOT NULL
UNION ALL SELECT 'strapi', 'appointments', appointment, 'quarantined', fault, detail FROM legacy.bookings WHERE fault IS NOT NULL AND appointment IS NOT NULL
UNION ALL SELECT 'intakes', 'bookings', booking, 'quarantined', fault, detail FROM legacy.bookings WHERE fault IS NOT NULL AND booking IS NOT NULL
UNION ALL SELECT 'strapi', 'files', legacy_id, 'quarantined', fault, detail FROM legacy.files WHERE fault IS NOT NULL
UNION ALL SELECT 'strapi', 'signatures', legacy_id, 'quarantined', fault, detail FROM legacy.signatures WHERE fault IS NOT NULL
UNION ALL SELECT 'intakes', 'calendars', legacy_id, 'quarantined', fault, detail FROM legacy.calendars WHERE fault IS NOT NULL
UNION ALL SELECT 'intakes', 'rules', legacy_id, 'quarantined', fault, detail FROM legacy.hours WHERE fault IS NOT NULL
UNION ALL SELECT 'intakes', 'overrides', legacy_id, 'quarantined', fault, detail FROM legacy.overrides WHERE fault IS NOT NULL
-- By a rule.
UNION ALL SELECT 'strapi', 'organisations', id, 'left_out', 'draft', NULL FROM legacy.staged_organisations WHERE NOT published
UNION ALL SELECT 'strapi', 'patients', id, 'left_out', 'draft', NULL FROM legacy.staged_patients WHERE NOT published
UNION ALL SELECT 'strapi', 'specialists', id, 'left_out', 'draft', NULL FROM legacy.staged_specialists WHERE NOT published
UNION ALL SELECT 'strapi', 'types', id, 'left_out', 'draft', NULL FROM legacy.staged_types WHERE NOT published
UNION ALL SELECT 'strapi', 'appointments', id, 'left_out', 'draft', NULL FROM legacy.staged_appointments WHERE NOT published
UNION ALL SELECT 'strapi', 'signatures', id, 'left_out', 'draft', NULL FROM legacy.staged_signatures WHERE NOT published
UNION ALL SELECT 'strapi', 'types', legacy_id, 'left_out', 'locale', 'type ' || canonical FROM legacy.types WHERE canonical <> legacy_id
UNION ALL SELECT 'intakes', 'holds', id, 'left_out', 'short_lived', NULL FROM legacy.staged_holds
-- Loaded, and worth a look.
UNION ALL SELECT 'strapi', 'organisations', id, 'flagged', unnest(string_to_array(flags, ',')), NULL FROM legacy.staged_organisations WHERE flags IS NOT NULL
UNION ALL SELECT 'strapi', 'patients', id, 'flagged', unnest(string_to_array(flags, ',')), NULL FROM legacy.staged_patients WHERE flags IS NOT NULL
UNION ALL SELECT 'strapi', 'specialists', id, 'flagged', unnest(string_to_array(flags, ',')), NULL FROM legacy.staged_specialists WHERE flags IS NOT NULL
UNION ALL SELECT 'strapi', 'users', id, 'flagged', unnest(string_to_array(flags, ',')), NULL FROM legacy.staged_users WHERE flags IS NOT NULL
UNION ALL SELECT 'strapi', 'types', id, 'flagged', unnest(string_to_array(flags, ',')), NULL FROM legacy.staged_types WHERE flags IS NOT NULL
UNION ALL SELECT 'strapi', 'files', id, 'flagged', unnest(string_to_array(flags, ',')), NULL FROM legacy.staged_files WHERE flags IS NOT NULL
UNION ALL SELECT 'strapi', 'appointments', id, 'flagged', unnest(string_to_array(flags, ',')), NULL FROM legacy.staged_appointments WHERE flags IS NOT NULL
UNION ALL SELECT 'intakes', 'bookings', id, 'flagged', unnest(string_to_array(flags, ',')), NULL FROM legacy.staged_bookings WHERE flags IS NOT NULL
UNION ALL SELECT 'strapi', 'users', u.id, 'flagged', 'shared_email', NULL FROM legacy.staged_users u
  WHERE lower(u.email) IN (SELECT lower(email) FROM legacy.staged_users GROUP BY 1 HAVING count(*) > 1)
UNION ALL SELECT 'strapi', p.source_entity, p.legacy_id, 'flagged', CASE WHEN u.blocked THEN 'user_blocked' ELSE 'cannot_sign_in' END, 'user ' || p."user"
  FROM legacy.people p LEFT JOIN legacy.staged_users u ON u.id = p."user"
  WHERE p.fault IS NULL AND p."user" IS NOT NULL AND p.membership_id IS NULL
UNION ALL SELECT 'strapi', 'specialists', p.legacy_id, 'flagged', 'zone_of_organisation', NULL FROM legacy.people p
  WHERE p.source_entity = 'specialists' AND p.fault IS NULL
    AND NOT EXISTS (SELECT FROM legacy.calendars c WHERE c.specialist_id = p.id AND c.fault IS NULL);
