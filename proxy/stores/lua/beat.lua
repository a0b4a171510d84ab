-- Notes that a replica is alive, and tells which are.
--
-- KEYS: times (replica by milliseconds), what each said
-- ARGV: 1 replica, 2 what it says, 3 milliseconds after which it counts as gone, 4 seconds that the
--       keys are kept, 5 how many replicas are told of at most
-- Answers {replica, milliseconds, said, replica, ..}.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3], 'LIMIT', 0, 1000)
for _, replica in ipairs(gone) do
  redis.call('ZREM', KEYS[1], replica)
  redis.call('HDEL', KEYS[2], replica)
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])

local found = {}
local alive = redis.call('ZREVRANGE', KEYS[1], 0, ARGV[5] - 1, 'WITHSCORES')
for i = 1, #alive, 2 do
  found[#found + 1] = alive[i]
  found[#found + 1] = alive[i + 1]
  found[#found + 1] = redis.call('HGET', KEYS[2], alive[i]) or ''
end
return found
