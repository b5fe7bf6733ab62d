-- A number for each clinic that can be loaded, the next ones that the platform would give; kept once given.
-- The number is taken from the sequence's state and not from the sequence: a load that was killed leaves no gap.
DELETE FROM legacy.organisations o WHERE NOT o.made;
INSERT INTO legacy.organisations (legacy_id, org_id)
SELECT s.id, greatest(
    (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM public.organizations_id_seq),
    (SELECT max(o.org_id) FROM legacy.organisations o)) + row_number() OVER (ORDER BY length(s.id), s.id)
FROM legacy.staged_organisations s
WHERE s.published AND s.faults IS NULL
  AND NOT EXISTS (SELECT FROM legacy.organisations o WHERE o.legacy_id = s.id);
