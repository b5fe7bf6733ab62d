ALTER TABLE video_rooms DROP COLUMN recorded, DROP COLUMN naming;
