-- Insights: what is computed of each patient from what happened, and which of it is stale.
--
-- Nothing here is a truth of its own: all of it may be taken away and is computed again.

-- What happened to a patient since a day (of whichever calendar) is not in what is computed. A row
-- for each time, and never changed by who writes it: a mark that was there already might be taken
-- away by a worker who has not seen what the new one stands for.
CREATE TABLE insight_marks (
  org_id bigint NOT NULL,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  patient_id uuid NOT NULL,
  since date NOT NULL,
  -- Not before then: at once, when a week begins, or at the end of a lease.
  due_at timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, patient_id) REFERENCES people (org_id, id)
);
CREATE INDEX insight_marks_due ON insight_marks (due_at);
CREATE INDEX insight_marks_of_patient ON insight_marks (org_id, patient_id);
CALL make_tenant_table('insight_marks', '', 'SELECT, UPDATE (due_at), DELETE');
GRANT INSERT (org_id, patient_id, since) ON insight_marks TO core_app;
GRANT INSERT (org_id, patient_id, since, due_at) ON insight_marks TO core_worker;
GRANT SELECT (org_id, id, patient_id, due_at), UPDATE (due_at), INSERT (org_id, patient_id, since)
  ON insight_marks TO core_definer;
CALL classify('insight_marks', 'tenant',
  'org_id: id, id: id, patient_id: id, since: time, due_at: time');

-- One patient's week: sums are in sevenths (see `restartix_telemetry::insights`), sets of days are
-- seven bits, Monday the lowest.
CREATE TABLE insight_weeks (
  org_id bigint NOT NULL,
  patient_id uuid NOT NULL,
  week date NOT NULL CHECK (extract(isodow FROM week) = 1),
  -- The version of the definitions by which it was computed.
  definition integer NOT NULL CHECK (definition > 0),
  prescribed integer NOT NULL CHECK (prescribed >= 0),
  done integer NOT NULL CHECK (done >= 0),
  credited integer NOT NULL CHECK (credited BETWEEN 0 AND prescribed),
  overdone integer NOT NULL CHECK (overdone >= 0),
  exercises_prescribed integer NOT NULL CHECK (exercises_prescribed >= 0),
  exercises_credited integer NOT NULL CHECK (exercises_credited BETWEEN 0 AND exercises_prescribed),
  asked_days smallint NOT NULL CHECK (asked_days BETWEEN 0 AND 127),
  active_days smallint NOT NULL CHECK (active_days BETWEEN 0 AND 127),
  exercises integer NOT NULL CHECK (exercises >= 0),
  confirmed integer NOT NULL CHECK (confirmed >= 0),
  in_progress integer NOT NULL CHECK (in_progress >= 0),
  completed integer NOT NULL CHECK (completed >= 0),
  cancelled integer NOT NULL CHECK (cancelled >= 0),
  no_show integer NOT NULL CHECK (no_show >= 0),
  video_seconds integer NOT NULL CHECK (video_seconds >= 0),
  PRIMARY KEY (org_id, week, patient_id),
  FOREIGN KEY (org_id, patient_id) REFERENCES people (org_id, id)
);
CREATE INDEX insight_weeks_of_patient ON insight_weeks (org_id, patient_id, week);
CALL make_tenant_table('insight_weeks', 'SELECT', 'SELECT, INSERT, DELETE');
CALL classify('insight_weeks', 'tenant',
  'org_id: id, patient_id: id, week: time, definition: number, prescribed: number, done: number, credited: number, overdone: number, exercises_prescribed: number, exercises_credited: number, asked_days: number, active_days: number, exercises: number, confirmed: number, in_progress: number, completed: number, cancelled: number, no_show: number, video_seconds: number');

-- One programme's week.
CREATE TABLE insight_course_weeks (
  org_id bigint NOT NULL,
  patient_id uuid NOT NULL,
  program_id uuid NOT NULL,
  week date NOT NULL CHECK (extract(isodow FROM week) = 1),
  definition integer NOT NULL CHECK (definition > 0),
  prescribed integer NOT NULL CHECK (prescribed >= 0),
  done integer NOT NULL CHECK (done >= 0),
  credited integer NOT NULL CHECK (credited BETWEEN 0 AND prescribed),
  overdone integer NOT NULL CHECK (overdone >= 0),
  exercises_prescribed integer NOT NULL CHECK (exercises_prescribed >= 0),
  exercises_credited integer NOT NULL CHECK (exercises_credited BETWEEN 0 AND exercises_prescribed),
  asked_days smallint NOT NULL CHECK (asked_days BETWEEN 0 AND 127),
  PRIMARY KEY (org_id, program_id, week),
  FOREIGN KEY (org_id, patient_id, program_id) REFERENCES programs (org_id, patient_id, id)
);
CREATE INDEX insight_course_weeks_of_patient ON insight_course_weeks (org_id, patient_id, week);
CALL make_tenant_table('insight_course_weeks', 'SELECT', 'SELECT, INSERT, DELETE');
CALL classify('insight_course_weeks', 'tenant',
  'org_id: id, patient_id: id, program_id: id, week: time, definition: number, prescribed: number, done: number, credited: number, overdone: number, exercises_prescribed: number, exercises_credited: number, asked_days: number');

-- Where a patient stood at the end of a month, by one instrument.
CREATE TABLE insight_outcomes (
  org_id bigint NOT NULL,
  patient_id uuid NOT NULL,
  month date NOT NULL CHECK (extract(day FROM month) = 1),
  instrument text NOT NULL CHECK (instrument IN ('pain', 'effort', 'function', 'range_of_motion', 'other')),
  definition integer NOT NULL CHECK (definition > 0),
  baseline integer NOT NULL CHECK (baseline BETWEEN 0 AND 1000),
  latest integer NOT NULL CHECK (latest BETWEEN 0 AND 1000),
  PRIMARY KEY (org_id, month, instrument, patient_id),
  FOREIGN KEY (org_id, patient_id) REFERENCES people (org_id, id)
);
CREATE INDEX insight_outcomes_of_patient ON insight_outcomes (org_id, patient_id, month);
CALL make_tenant_table('insight_outcomes', 'SELECT', 'SELECT, INSERT, DELETE');
CALL classify('insight_outcomes', 'tenant',
  'org_id: id, patient_id: id, month: time, instrument: enum, definition: number, baseline: number, latest: number');

-- To begin anew, for what happened before there were insights, and after a change of definitions:
-- `core-api insights rebuild`.
GRANT SELECT (org_id), DELETE ON insight_weeks, insight_course_weeks, insight_outcomes TO core_definer;
GRANT SELECT (org_id, patient_id) ON programs, appointments TO core_definer;

-- What a worker computes from; of people no more than where their clocks are.
GRANT SELECT ON programs, program_revisions, program_exercises, program_pauses, rehab_events, video_stays
  TO core_worker;
GRANT SELECT (org_id, id, timezone) ON people TO core_worker;
CREATE INDEX rehab_events_outcomes ON rehab_events (org_id, patient_id, occurred_at)
  WHERE type = 'outcome.recorded';

-- Marks, in the transaction of what they stand for, whoever writes it. A day of UTC less one is never
-- later than the patient's own.
CREATE FUNCTION mark_rehab_events() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.insight_marks (org_id, patient_id, since)
  SELECT t.org_id, t.patient_id, min((t.occurred_at AT TIME ZONE 'UTC')::date) - 1
  FROM told t GROUP BY t.org_id, t.patient_id;
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION mark_rehab_events() FROM PUBLIC;
CREATE TRIGGER rehab_events_marked AFTER INSERT ON rehab_events
  REFERENCING NEW TABLE AS told FOR EACH STATEMENT EXECUTE FUNCTION mark_rehab_events();

CREATE FUNCTION mark_program() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.insight_marks (org_id, patient_id, since)
  VALUES (NEW.org_id, NEW.patient_id,
    coalesce((NEW.ended_at AT TIME ZONE 'UTC')::date - 1, NEW.starts_on));
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION mark_program() FROM PUBLIC;
CREATE TRIGGER programs_marked AFTER INSERT ON programs
  FOR EACH ROW EXECUTE FUNCTION mark_program();
CREATE TRIGGER programs_ended_marked AFTER UPDATE OF ended_at ON programs
  FOR EACH ROW WHEN (OLD.ended_at IS DISTINCT FROM NEW.ended_at) EXECUTE FUNCTION mark_program();

CREATE FUNCTION mark_revision() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.insight_marks (org_id, patient_id, since)
  SELECT p.org_id, p.patient_id, NEW.effective_on
  FROM public.programs p WHERE p.org_id = NEW.org_id AND p.id = NEW.program_id;
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION mark_revision() FROM PUBLIC;
CREATE TRIGGER program_revisions_marked AFTER INSERT ON program_revisions
  FOR EACH ROW EXECUTE FUNCTION mark_revision();

CREATE FUNCTION mark_pause() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.insight_marks (org_id, patient_id, since)
  SELECT p.org_id, p.patient_id, (NEW.paused_at AT TIME ZONE 'UTC')::date - 1
  FROM public.programs p WHERE p.org_id = NEW.org_id AND p.id = NEW.program_id;
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION mark_pause() FROM PUBLIC;
CREATE TRIGGER program_pauses_marked AFTER INSERT OR UPDATE ON program_pauses
  FOR EACH ROW EXECUTE FUNCTION mark_pause();

CREATE FUNCTION mark_person() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Another calendar: every day of theirs may be another.
  INSERT INTO public.insight_marks (org_id, patient_id, since) VALUES (NEW.org_id, NEW.id, '1970-01-01');
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION mark_person() FROM PUBLIC;
CREATE TRIGGER people_marked AFTER UPDATE OF timezone ON people
  FOR EACH ROW WHEN (OLD.timezone IS DISTINCT FROM NEW.timezone) EXECUTE FUNCTION mark_person();

CREATE FUNCTION mark_appointment() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  earliest timestamptz := NEW.starts_at;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    earliest := least(OLD.starts_at, NEW.starts_at);
  END IF;
  INSERT INTO public.insight_marks (org_id, patient_id, since)
  VALUES (NEW.org_id, NEW.patient_id, (earliest AT TIME ZONE 'UTC')::date - 1);
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION mark_appointment() FROM PUBLIC;
CREATE TRIGGER appointments_marked AFTER INSERT OR UPDATE OF status, starts_at ON appointments
  FOR EACH ROW EXECUTE FUNCTION mark_appointment();

CREATE FUNCTION mark_stay() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.insight_marks (org_id, patient_id, since)
  SELECT a.org_id, a.patient_id, (NEW.joined_at AT TIME ZONE 'UTC')::date - 1
  FROM public.appointments a
  WHERE a.org_id = NEW.org_id AND a.id = NEW.appointment_id AND a.patient_id = NEW.person_id;
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION mark_stay() FROM PUBLIC;
CREATE TRIGGER video_stays_marked AFTER INSERT OR UPDATE OF left_at ON video_stays
  FOR EACH ROW WHEN (NEW.left_at IS NOT NULL) EXECUTE FUNCTION mark_stay();
