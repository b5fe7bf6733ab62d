DROP TRIGGER video_stays_marked ON video_stays;
DROP TRIGGER appointments_marked ON appointments;
DROP TRIGGER people_marked ON people;
DROP TRIGGER program_pauses_marked ON program_pauses;
DROP TRIGGER program_revisions_marked ON program_revisions;
DROP TRIGGER programs_ended_marked ON programs;
DROP TRIGGER programs_marked ON programs;
DROP TRIGGER rehab_events_marked ON rehab_events;
DROP FUNCTION mark_stay(), mark_appointment(), mark_person(), mark_pause(), mark_revision(),
  mark_program(), mark_rehab_events();
DROP INDEX rehab_events_outcomes;
REVOKE SELECT (org_id, id, timezone) ON people FROM core_worker;
REVOKE SELECT ON programs, program_revisions, program_exercises, program_pauses, rehab_events, video_stays
  FROM core_worker;
DROP TABLE insight_outcomes, insight_course_weeks, insight_weeks, insight_marks;
