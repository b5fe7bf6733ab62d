-- Both sources describe the same bookings: the same is what says so by its id, else what has the same
-- specialist and start. What could be the same as two others is nobody's.
TRUNCATE legacy.pairs;
INSERT INTO legacy.pairs (appointment, booking, fault)
WITH twice AS (
  SELECT booking FROM legacy.staged_appointments WHERE published GROUP BY booking HAVING count(*) > 1)
SELECT a.id, b.id, CASE WHEN t.booking IS NOT NULL THEN 'several_matches' END
FROM legacy.staged_appointments a
JOIN legacy.staged_bookings b ON b.id = a.booking
LEFT JOIN twice t ON t.booking = a.booking
WHERE a.published;
ANALYZE legacy.pairs;

-- The likest first: same patient and status, then same patient, then whoever both think has the time now. Whether
-- what is the same is also told alike is judged later.
INSERT INTO legacy.pairs (appointment, booking, fault)
WITH a AS (
  SELECT a.id, a.specialist, a.patient, a.starts_at, a.status FROM legacy.staged_appointments a
  WHERE a.published AND a.booking IS NULL AND a.starts_at IS NOT NULL
), b AS (
  SELECT b.id, c.specialist, b.patient, b.starts_at, b.status
  FROM legacy.staged_bookings b JOIN legacy.staged_calendars c ON c.id = b.calendar
  WHERE b.starts_at IS NOT NULL AND NOT EXISTS (SELECT FROM legacy.pairs p WHERE p.booking = b.id)
), met AS (
  SELECT a.id AS appointment, b.id AS booking,
    CASE WHEN a.patient = b.patient AND a.status = b.status THEN 3 WHEN a.patient = b.patient THEN 2
      WHEN a.status <> 'cancelled' AND b.status <> 'cancelled' THEN 1 END AS likeness
  FROM a JOIN b ON b.specialist = a.specialist AND b.starts_at = a.starts_at
), likest AS (
  SELECT *, max(likeness) OVER (PARTITION BY appointment) AS of_a, max(likeness) OVER (PARTITION BY booking) AS of_b FROM met
), chosen AS (
  SELECT *, count(*) OVER (PARTITION BY appointment) AS as_like_a, count(*) OVER (PARTITION BY booking) AS as_like_b
  FROM likest WHERE likeness = of_a AND likeness = of_b
)
SELECT appointment, min(booking), CASE WHEN max(as_like_a) > 1 OR max(as_like_b) > 1 THEN 'several_matches' END
FROM chosen GROUP BY appointment;
ANALYZE legacy.pairs;
