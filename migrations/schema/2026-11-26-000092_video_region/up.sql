-- Where the servers are that carry an organisation's calls; null: wherever the account says.
ALTER TABLE organizations ADD video_region text CHECK (video_region ~ '^[a-z0-9-]{1,32}$');
GRANT UPDATE (video_region) ON organizations TO core_app;
CALL classify('organizations', 'system', 'video_region: id');
