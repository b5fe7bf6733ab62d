-- KEYS: the owner's hold of the type; the specialist's holds; the new hold's place;
--       the holds of the earlier hold's specialist; the earlier hold's place
-- ARGV: what the caller saw under KEYS[1] ('' for nothing); the earlier hold's id; the new hold's
--       id; its slot `type owner start end before after`; its footprint, from and until; now; the
--       new expiry (all in microseconds); what to keep under KEYS[1] and KEYS[3]; how many
--       milliseconds the record is kept
local seen, earlier, id, slot = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local from, till, now, expires = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local kept_for = tonumber(ARGV[11])

-- Somebody acted for the same owner since the caller looked: the keys given are not the right ones.
if (redis.call('GET', KEYS[1]) or '') ~= seen then return {'moved'} end

local shape = '^((%S+) (%S+) (%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+)) (%-?%d+) (%-?%d+) (%-?%d+)$'
local owner = slot:match('^%S+ (%S+)')
local time = redis.call('TIME')
local clock = time[1] * 1000 + math.floor(time[2] / 1000)

if earlier ~= '' and KEYS[4] == KEYS[2] then
  local record = redis.call('HGET', KEYS[4], earlier)
  if record then
    local same, _, _, _, _, _, _, ends = record:match(shape)
    if same == slot and now < tonumber(ends) then return {'kept', earlier, record} end
  end
end

local holds = redis.call('HGETALL', KEYS[2])
for i = 1, #holds, 2 do
  local _, _, who, start, stop, before, after, ends, _, sweep = holds[i + 1]:match(shape)
  if tonumber(sweep) < clock then
    redis.call('HDEL', KEYS[2], holds[i])
  elseif who ~= owner and now < tonumber(ends)
    and start - before * 60000000 < till and from < stop + after * 60000000 then
    return {'taken'}
  end
end

if earlier ~= '' then
  redis.call('HDEL', KEYS[4], earlier)
  redis.call('DEL', KEYS[5])
end
local record = slot .. ' ' .. expires .. ' 0 ' .. string.format('%.0f', clock + kept_for)
redis.call('HSET', KEYS[2], id, record)
redis.call('PEXPIRE', KEYS[2], kept_for)
redis.call('SET', KEYS[1], ARGV[9], 'PX', kept_for)
redis.call('SET', KEYS[3], ARGV[10], 'PX', kept_for)
return {'made', id, record}
