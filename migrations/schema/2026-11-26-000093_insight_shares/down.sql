ALTER TABLE insight_weeks DROP band, DROP exercises_share, DROP sessions_share;
