-- Takes the lease, or renews one's own.
--
-- KEYS: lease, fence
-- ARGV: 1 replica, 2 milliseconds that it holds
-- Answers the fencing token, 0 if another replica has the lease.

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
local token = tonumber(redis.call('GET', KEYS[2]) or '0')
if holder and token > 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return token
end
-- Not below the time, so that tokens go on growing even where the counter was lost.
local now = redis.call('TIME')
token = math.max(token + 1, now[1] * 1000 + math.floor(now[2] / 1000))
redis.call('SET', KEYS[2], string.format('%.0f', token))
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return token
