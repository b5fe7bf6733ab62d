ALTER TABLE organizations DROP COLUMN video_region;
