-- Stores a state and its audit entry, both or neither.
--
-- KEYS: states, versions, marks of the last saves, fence, audit, the rollout's part of the audit,
--       the idempotency key
-- ARGV: 1 name, 2 version expected, 3 version to be, 4 state, 5 entry ('' for none), 6 fence (0 for
--       none), 7 mark of this save, 8 channel, 9 writer, 10 entries kept, 11 seconds that an
--       idempotency key is kept (0 without one)
-- Answers {'stored'}, {'fenced'} or {'conflict', state ('' for none)}.

-- The same save once more, because its first answer was lost.
if redis.call('HGET', KEYS[3], ARGV[1]) == ARGV[7] then
  return {'stored'}
end

local fence = tonumber(ARGV[6])
if fence > 0 and fence < tonumber(redis.call('GET', KEYS[4]) or '0') then
  return {'fenced'}
end

if (redis.call('HGET', KEYS[2], ARGV[1]) or '0') ~= ARGV[2] then
  return {'conflict', redis.call('HGET', KEYS[1], ARGV[1]) or ''}
end

if ARGV[5] ~= '' then
  local id = redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[10], '*', 'entry', ARGV[5])
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[10], id, 'rollout', ARGV[1])
  if ARGV[11] ~= '0' then
    redis.call('SET', KEYS[7], id, 'EX', ARGV[11])
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[7])
redis.call('PUBLISH', ARGV[8], ARGV[9])
return {'stored'}
