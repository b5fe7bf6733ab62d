REVOKE SELECT (org_id, appointment_id, name) ON video_rooms FROM core_definer;
DROP INDEX video_rooms_by_name;
DROP TABLE video_stays, video_notices;
