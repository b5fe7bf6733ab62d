-- Programmes of exercises, what became of them over time, and what was reported of them.

CREATE TABLE programs (
  org_id bigint NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  patient_id uuid NOT NULL,
  -- On the patient's calendar, as every day here.
  starts_on date NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'paused', 'ended')),
  ended_at timestamptz CHECK ((ended_at IS NULL) = (status <> 'ended')),
  -- The version of the latest revision.
  revision integer NOT NULL DEFAULT 1 CHECK (revision > 0),
  version integer NOT NULL DEFAULT 1 CHECK (version >= revision),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, id),
  -- A patient's programmes; and what refers to one may say whose it is.
  UNIQUE (org_id, patient_id, id),
  FOREIGN KEY (org_id, patient_id) REFERENCES people (org_id, id)
);
CALL make_tenant_table('programs', 'SELECT, INSERT, UPDATE (status, ended_at, revision, version)', '');
CALL classify('programs', 'tenant',
  'org_id: id, id: id, patient_id: id, starts_on: time, status: enum, ended_at: time, revision: number, version: number, created_at: time');

-- What a programme asks for from a day on; nothing of it is ever changed.
CREATE TABLE program_revisions (
  org_id bigint NOT NULL REFERENCES organizations (id),
  program_id uuid NOT NULL,
  -- The programme's, with this revision.
  version integer NOT NULL CHECK (version > 0),
  effective_on date NOT NULL,
  sessions_per_week integer NOT NULL CHECK (sessions_per_week BETWEEN 1 AND 21),
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, program_id, version),
  FOREIGN KEY (org_id, program_id) REFERENCES programs (org_id, id)
);
CALL make_tenant_table('program_revisions', 'SELECT, INSERT', '');
CALL classify('program_revisions', 'tenant',
  'org_id: id, program_id: id, version: number, effective_on: time, sessions_per_week: number, made_at: time');

CREATE TABLE program_exercises (
  org_id bigint NOT NULL REFERENCES organizations (id),
  program_id uuid NOT NULL,
  version integer NOT NULL,
  position integer NOT NULL CHECK (position BETWEEN 1 AND 50),
  exercise_id uuid NOT NULL,
  sets integer NOT NULL CHECK (sets BETWEEN 1 AND 100),
  reps integer NOT NULL CHECK (reps BETWEEN 1 AND 1000),
  PRIMARY KEY (org_id, program_id, version, position),
  UNIQUE (org_id, program_id, version, exercise_id),
  FOREIGN KEY (org_id, program_id, version) REFERENCES program_revisions (org_id, program_id, version)
);
CALL make_tenant_table('program_exercises', 'SELECT, INSERT', '');
CALL classify('program_exercises', 'tenant',
  'org_id: id, program_id: id, version: number, position: number, exercise_id: id, sets: number, reps: number');

CREATE TABLE program_pauses (
  org_id bigint NOT NULL REFERENCES organizations (id),
  program_id uuid NOT NULL,
  -- The programme's, when it was paused.
  version integer NOT NULL CHECK (version > 0),
  paused_at timestamptz NOT NULL,
  resumed_at timestamptz CHECK (resumed_at >= paused_at),
  PRIMARY KEY (org_id, program_id, version),
  FOREIGN KEY (org_id, program_id) REFERENCES programs (org_id, id)
);
CALL make_tenant_table('program_pauses', 'SELECT, INSERT, UPDATE (resumed_at)', '');
CALL classify('program_pauses', 'tenant',
  'org_id: id, program_id: id, version: number, paused_at: time, resumed_at: time');

-- What was reported, once per patient and key; nothing of it is ever changed.
CREATE TABLE rehab_events (
  org_id bigint NOT NULL REFERENCES organizations (id),
  patient_id uuid NOT NULL,
  -- The client's.
  id uuid NOT NULL,
  program_id uuid NOT NULL,
  type text NOT NULL CHECK (type IN ('exercise.completed', 'outcome.recorded')),
  occurred_at timestamptz NOT NULL,
  told_at timestamptz NOT NULL,
  exercise_id uuid,
  sets integer CHECK (sets BETWEEN 1 AND 100),
  reps integer CHECK (reps BETWEEN 1 AND 1000),
  pain integer CHECK (pain BETWEEN 0 AND 10),
  effort integer CHECK (effort BETWEEN 0 AND 10),
  duration_seconds integer CHECK (duration_seconds BETWEEN 0 AND 86400),
  source text CHECK (source IN ('self_reported', 'sensor')),
  instrument text CHECK (instrument IN ('pain', 'effort', 'function', 'range_of_motion', 'other')),
  score integer CHECK (score BETWEEN 0 AND 1000),
  PRIMARY KEY (org_id, patient_id, id),
  CHECK (type <> 'exercise.completed'
    OR num_nulls(exercise_id, sets, reps, duration_seconds, source) = 0),
  CHECK (type <> 'outcome.recorded' OR num_nulls(instrument, score) = 0),
  FOREIGN KEY (org_id, patient_id, program_id) REFERENCES programs (org_id, patient_id, id)
);
CREATE INDEX rehab_events_by_time ON rehab_events (org_id, patient_id, occurred_at, id);
CALL make_tenant_table('rehab_events', 'SELECT, INSERT', '');
CALL classify('rehab_events', 'tenant',
  'org_id: id, patient_id: id, id: id, program_id: id, type: enum, occurred_at: time, told_at: time, exercise_id: id, sets: number, reps: number, pain: number, effort: number, duration_seconds: number, source: enum, instrument: enum, score: number');
