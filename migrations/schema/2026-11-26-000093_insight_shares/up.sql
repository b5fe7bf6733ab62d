-- What a clinic's weeks are counted by, computed once when a patient's week is written and not once for every
-- reader. Shares are as `Share::ten_thousandths`, bands as `Share::band` has them (0 high, 1 middle, 2 low); all
-- are null where nothing was asked.
ALTER TABLE insight_weeks
  ADD sessions_share smallint GENERATED ALWAYS AS (CASE WHEN prescribed > 0
    THEN ((credited::bigint * 10000 + prescribed / 2) / prescribed)::smallint END) STORED,
  ADD exercises_share smallint GENERATED ALWAYS AS (CASE WHEN exercises_prescribed > 0
    THEN ((exercises_credited::bigint * 10000 + exercises_prescribed / 2) / exercises_prescribed)::smallint END) STORED,
  ADD band smallint GENERATED ALWAYS AS (CASE
    WHEN prescribed = 0 THEN NULL
    WHEN credited::bigint * 100 >= prescribed::bigint * 80 THEN 0
    WHEN credited::bigint * 100 >= prescribed::bigint * 50 THEN 1
    ELSE 2 END) STORED;
CALL classify('insight_weeks', 'tenant', 'sessions_share: number, exercises_share: number, band: enum');
