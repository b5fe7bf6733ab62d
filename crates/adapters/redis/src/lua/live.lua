-- KEYS: the holds of each specialist
-- ARGV: the range, from and until; now (microseconds)
-- Answers one line per specialist and hold: the number of the key, the hold's id, its record.
local from, till, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local live = {}
for number, key in ipairs(KEYS) do
  local holds = redis.call('HGETALL', key)
  for i = 1, #holds, 2 do
    local start, stop, before, after, expires =
      holds[i + 1]:match('^%S+ %S+ (%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+) ')
    if now < tonumber(expires)
      and start - before * 60000000 < till and from < stop + after * 60000000 then
      live[#live + 1] = {number, holds[i], holds[i + 1]}
    end
  end
end
return live
