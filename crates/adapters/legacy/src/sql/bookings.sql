-- One row per booking, whichever source has it. Its clinic is proven when specialist, patient, type and its own
-- link, or its calendar's, all are of the same. Two that would take one specialist's time are both put aside.
TRUNCATE legacy.bookings RESTART IDENTITY;
INSERT INTO legacy.bookings (org_id, appointment, booking, appointment_id, session_id, type_id, specialist_id, patient_id, starts_at,
  ends_at, before, after, online, consent, status, cancel_reason, created_at, fault, detail)
WITH rows AS (
  SELECT appointment, booking, fault FROM legacy.pairs
  UNION ALL
  SELECT a.id, NULL, NULL FROM legacy.staged_appointments a
  WHERE a.published AND NOT EXISTS (SELECT FROM legacy.pairs p WHERE p.appointment = a.id)
  UNION ALL
  SELECT NULL, b.id, NULL FROM legacy.staged_bookings b
  WHERE NOT EXISTS (SELECT FROM legacy.pairs p WHERE p.booking = b.id)
), merged AS (
  SELECT r.appointment, r.booking, r.fault AS match_fault, a.faults AS a_faults, b.faults AS b_faults, a.booking AS named,
    a.organisation AS a_organisation, c.organisation AS c_organisation, c.id AS calendar,
    coalesce(a.specialist, c.specialist) AS specialist, coalesce(a.patient, b.patient) AS patient,
    coalesce(a.type, b.type) AS type, b.type AS b_type, coalesce(a.starts_at, b.starts_at) AS starts_at,
    coalesce(a.ends_at, b.ends_at) AS ends_at, coalesce(a.status, b.status) AS status, a.online, coalesce(a.consent, false) AS consent,
    coalesce(a.created_at, b.created_at, a.starts_at, b.starts_at) AS created_at,
    CASE WHEN a.id IS NOT NULL AND b.id IS NOT NULL THEN concat_ws(' ',
      CASE WHEN a.starts_at <> b.starts_at THEN 'starts_at' END, CASE WHEN a.ends_at <> b.ends_at THEN 'ends_at' END,
      CASE WHEN a.specialist <> c.specialist THEN 'specialist' END, CASE WHEN a.patient <> b.patient THEN 'patient' END,
      CASE WHEN a.status <> b.status THEN 'status' END) END AS differ
  FROM rows r
  LEFT JOIN legacy.staged_appointments a ON a.id = r.appointment
  LEFT JOIN legacy.staged_bookings b ON b.id = r.booking
  LEFT JOIN legacy.staged_calendars c ON c.id = b.calendar
), judged AS (
  SELECT m.*, s.org_id, s.id AS specialist_id, p.id AS patient_id, k.id AS type_id, k.before, k.after,
    coalesce(m.online, k.online) AS takes_place_online,
    coalesce(ia.new_id, ib.new_id) AS known,
    CASE
      WHEN m.a_faults IS NOT NULL THEN split_part(m.a_faults, ',', 1)
      WHEN m.b_faults IS NOT NULL THEN split_part(m.b_faults, ',', 1)
      WHEN m.match_fault IS NOT NULL THEN m.match_fault
      WHEN m.named IS NOT NULL AND m.booking IS NULL THEN 'orphan_link'
      WHEN m.differ <> '' OR bk.id <> k.id THEN 'sources_disagree'
      WHEN m.appointment IS NULL AND m.calendar IS NULL THEN 'orphan_link'
      WHEN s.id IS NULL OR p.id IS NULL OR k.id IS NULL THEN 'orphan_link'
      WHEN s.fault IS NOT NULL OR p.fault IS NOT NULL OR k.fault IS NOT NULL THEN 'depends_on_another'
      WHEN coalesce(m.a_organisation, m.c_organisation) IS NULL THEN 'organisation_unproven'
      WHEN strpos(m.a_organisation, ',') > 0 THEN 'several_organisations'
      WHEN s.org_id <> p.org_id OR s.org_id <> k.org_id OR oa.org_id IS DISTINCT FROM s.org_id AND m.a_organisation IS NOT NULL
        OR oc.org_id IS DISTINCT FROM s.org_id AND m.c_organisation IS NOT NULL THEN 'cross_organisation'
      WHEN m.starts_at IS NULL OR m.ends_at IS NULL OR m.ends_at <= m.starts_at THEN 'bad_interval'
      WHEN coalesce(ia.org_id, s.org_id) <> s.org_id OR coalesce(ib.org_id, s.org_id) <> s.org_id THEN 'organisation_changed'
      WHEN ia.new_id <> ib.new_id THEN 'several_matches'
    END AS fault,
    CASE
      WHEN m.a_faults IS NOT NULL OR m.b_faults IS NOT NULL THEN split_part(coalesce(m.a_faults, m.b_faults), ',', 2)
      WHEN m.named IS NOT NULL AND m.booking IS NULL THEN 'booking ' || m.named
      WHEN m.differ <> '' THEN m.differ
      WHEN bk.id <> k.id THEN 'type'
      WHEN s.id IS NULL THEN 'specialist ' || m.specialist
      WHEN p.id IS NULL THEN 'patient ' || m.patient
      WHEN k.id IS NULL THEN 'type ' || m.type
      WHEN s.fault IS NOT NULL THEN 'specialist ' || m.specialist
      WHEN p.fault IS NOT NULL THEN 'patient ' || m.patient
      WHEN k.fault IS NOT NULL THEN 'type ' || m.type
      WHEN s.org_id <> p.org_id THEN 'patient ' || m.patient
      WHEN s.org_id <> k.org_id THEN 'type ' || m.type
    END AS detail
  FROM merged m
  LEFT JOIN legacy.people s ON s.source_entity = 'specialists' AND s.legacy_id = m.specialist
  LEFT JOIN legacy.people p ON p.source_entity = 'patients' AND p.legacy_id = m.patient
  LEFT JOIN legacy.types t ON t.legacy_id = m.type
  LEFT JOIN legacy.types k ON k.legacy_id = t.canonical
  LEFT JOIN legacy.types bt ON bt.legacy_id = m.b_type
  LEFT JOIN legacy.types bk ON bk.legacy_id = bt.canonical
  LEFT JOIN legacy.organisations oa ON oa.legacy_id = m.a_organisation
  LEFT JOIN legacy.organisations oc ON oc.legacy_id = m.c_organisation
  LEFT JOIN legacy.ids ia ON ia.source = 'strapi' AND ia.entity = 'appointments' AND ia.legacy_id = m.appointment
  LEFT JOIN legacy.ids ib ON ib.source = 'intakes' AND ib.entity = 'bookings' AND ib.legacy_id = m.booking
), apart AS (
  SELECT j.*,
    fault IS NULL AND status IN ('confirmed', 'in_progress') AND (
      max(ends_at + after * interval '1 minute') OVER (diary ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > starts_at - before * interval '1 minute'
      OR lead(starts_at - before * interval '1 minute') OVER diary < ends_at + after * interval '1 minute') AS meets
  FROM judged j
  WINDOW diary AS (PARTITION BY org_id, specialist_id, fault IS NULL AND status IN ('confirmed', 'in_progress')
    ORDER BY starts_at - before * interval '1 minute')
), numbered AS (
  SELECT a.*, coalesce(known::bigint, legacy.number(legacy.digest((SELECT seed FROM legacy.run), 'bookings', coalesce('strapi/' || appointment, 'intakes/' || booking)))) AS number
  FROM apart a
)
SELECT org_id, appointment, booking, number, legacy.v4(legacy.digest((SELECT seed FROM legacy.run), 'sessions', number::text)), type_id, specialist_id, patient_id, starts_at,
  ends_at, before, after, takes_place_online, consent, status, CASE WHEN status = 'cancelled' THEN 'other' END, created_at,
  CASE WHEN fault IS NOT NULL THEN fault WHEN meets THEN 'overlap' END,
  CASE WHEN fault IS NOT NULL THEN detail WHEN meets THEN 'specialist ' || specialist END
FROM numbered;
