-- KEYS: the specialist's holds; the owner's hold of the type; the hold's place
-- ARGV: the hold's id; its owner; now; the new expiry (microseconds); how often it may be renewed;
--       how many milliseconds the record is kept
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record then return {'absent'} end
local slot, owner, expires, renewals =
  record:match('^(%S+ (%S+) %-?%d+ %-?%d+ %-?%d+ %-?%d+) (%-?%d+) (%-?%d+) %-?%d+$')
if owner ~= ARGV[2] or tonumber(expires) <= tonumber(ARGV[3]) then return {'absent'} end
if tonumber(renewals) >= tonumber(ARGV[5]) then return {'exhausted'} end
local kept_for = tonumber(ARGV[6])
local time = redis.call('TIME')
local sweep = time[1] * 1000 + math.floor(time[2] / 1000) + kept_for
record = slot .. ' ' .. ARGV[4] .. ' ' .. (renewals + 1) .. ' ' .. string.format('%.0f', sweep)
redis.call('HSET', KEYS[1], ARGV[1], record)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, kept_for) end
return {'made', ARGV[1], record}
