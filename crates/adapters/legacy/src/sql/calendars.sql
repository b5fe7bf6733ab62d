-- A calendar is of its specialist's clinic, and must say so itself. Hours and dates are on its wall.
TRUNCATE legacy.calendars;
INSERT INTO legacy.calendars (org_id, legacy_id, specialist, specialist_id, timezone, fault, detail)
SELECT s.org_id, c.id, c.specialist, s.id, c.timezone,
  CASE
    WHEN c.faults IS NOT NULL THEN split_part(c.faults, ',', 1)
    WHEN c.organisation IS NULL THEN 'organisation_unproven'
    WHEN s.id IS NULL THEN 'orphan_link'
    WHEN s.fault IS NOT NULL THEN 'depends_on_another'
    WHEN s.org_id IS DISTINCT FROM o.org_id THEN 'cross_organisation'
    WHEN c.timezone IS NULL THEN 'unknown_zone'
    WHEN count(*) FILTER (WHERE s.org_id = o.org_id) OVER (PARTITION BY c.specialist) > 1 THEN 'several_calendars' END,
  coalesce(split_part(c.faults, ',', 2), 'specialist ' || c.specialist)
FROM legacy.staged_calendars c
LEFT JOIN legacy.people s ON s.source_entity = 'specialists' AND s.legacy_id = c.specialist
LEFT JOIN legacy.organisations o ON o.legacy_id = c.organisation;

TRUNCATE legacy.hours;
INSERT INTO legacy.hours (org_id, legacy_id, specialist_id, weekday, start_minute, end_minute, fault, detail)
SELECT c.org_id, r.id, c.specialist_id, r.weekday::smallint, r.starts, r.ends,
  CASE
    WHEN r.faults IS NOT NULL THEN split_part(r.faults, ',', 1)
    WHEN c.legacy_id IS NULL THEN 'orphan_link'
    WHEN c.fault IS NOT NULL THEN 'depends_on_another'
    WHEN r.weekday IS NULL THEN 'unmapped_value'
    WHEN r.starts IS NULL OR r.ends IS NULL OR r.ends <= r.starts THEN 'bad_interval' END,
  coalesce(split_part(r.faults, ',', 2), 'calendar ' || r.calendar)
FROM legacy.staged_rules r LEFT JOIN legacy.calendars c ON c.legacy_id = r.calendar;

TRUNCATE legacy.overrides;
INSERT INTO legacy.overrides (org_id, legacy_id, specialist_id, date, start_minute, end_minute, fault, detail)
SELECT c.org_id, v.id, c.specialist_id, v.date, CASE WHEN v.closed THEN 0 ELSE v.starts END, CASE WHEN v.closed THEN 0 ELSE v.ends END,
  CASE
    WHEN v.faults IS NOT NULL THEN split_part(v.faults, ',', 1)
    WHEN c.legacy_id IS NULL THEN 'orphan_link'
    WHEN c.fault IS NOT NULL THEN 'depends_on_another'
    WHEN v.date IS NULL THEN 'implausible_date'
    WHEN NOT coalesce(v.closed, false) AND (v.starts IS NULL OR v.ends IS NULL OR v.ends <= v.starts) THEN 'bad_interval' END,
  coalesce(split_part(v.faults, ',', 2), 'calendar ' || v.calendar)
FROM legacy.staged_overrides v LEFT JOIN legacy.calendars c ON c.legacy_id = v.calendar;
