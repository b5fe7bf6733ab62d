DROP TABLE join_codes, video_rooms, outbox;
