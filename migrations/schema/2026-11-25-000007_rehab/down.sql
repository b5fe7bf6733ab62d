DROP TABLE rehab_events, program_pauses, program_exercises, program_revisions, programs;
