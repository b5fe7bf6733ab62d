-- KEYS: the specialist's holds; the owner's hold of the type; the hold's place
-- ARGV: the hold's id; its owner; what KEYS[2] holds when it is this hold
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record or record:match('^%S+ (%S+)') ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[3])
if redis.call('GET', KEYS[2]) == ARGV[3] then redis.call('DEL', KEYS[2]) end
return 1
