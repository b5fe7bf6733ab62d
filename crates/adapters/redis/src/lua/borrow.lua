-- A token bucket in one number: the instant, on Redis's clock, at which it is full again (GCRA).
-- KEYS: the bucket
-- ARGV: microseconds per token; the burst; how many tokens are wanted
-- Answers how many were given, and when none, after how many microseconds there will be one.
local interval, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local room = interval * burst
local full_at = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now), now + room)
local given = math.min(math.floor((now + room - full_at) / interval), wanted)
if given < 1 then return {0, full_at + interval - now - room} end
full_at = full_at + given * interval
redis.call('SET', KEYS[1], string.format('%.0f', full_at),
  'PX', math.ceil((full_at - now) / 1000) + 1)
return {given, 0}
