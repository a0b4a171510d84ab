-- Forgets a replica; the lease is free if it was its own.
--
-- KEYS: times, what each said, lease
-- ARGV: 1 replica

redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
if redis.call('GET', KEYS[3]) == ARGV[1] then
  redis.call('DEL', KEYS[3])
end
return 1
