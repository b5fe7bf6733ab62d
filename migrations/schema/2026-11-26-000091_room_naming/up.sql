-- Who chose a room's name. Where the provider does, nothing in a name tells whose room it is: this table
-- alone does, and the report of isolation says so.
ALTER TABLE video_rooms ADD naming text NOT NULL DEFAULT 'deterministic'
  CHECK (naming IN ('deterministic', 'provider_assigned'));
ALTER TABLE video_rooms NO FORCE ROW LEVEL SECURITY;
UPDATE video_rooms SET naming = 'provider_assigned'
WHERE name <> 'restartix-' || org_id || '-' || appointment_id;
ALTER TABLE video_rooms FORCE ROW LEVEL SECURITY;
ALTER TABLE video_rooms ALTER naming DROP DEFAULT;
-- Whether a room was made so that it may be recorded: a consent may come, or go, after that.
ALTER TABLE video_rooms ADD recorded boolean NOT NULL DEFAULT false;
ALTER TABLE video_rooms ALTER recorded DROP DEFAULT;
CALL classify('video_rooms', 'tenant', 'naming: enum, recorded: bool');
