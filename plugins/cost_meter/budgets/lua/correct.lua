-- Adds to a bucket what it lacks against the ledger, unless somebody has corrected it since it was
-- read. Buckets: see reserve.lua.
--
-- KEYS: three of the bucket
-- ARGV: 1 who corrects, 2 corrections when it was read, 3 milliseconds for which it is kept;
--       then for each slice: the slice, nano-USD to be added
-- Answers 1 if it was done.

local who = ARGV[1]
if (redis.call('HGET', KEYS[1], 'c:' .. who) or '0') ~= ARGV[2] then
  return 0
end
redis.call('HINCRBY', KEYS[1], 'c:' .. who, 1)
for at = 4, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[3], ARGV[at], ARGV[at + 1])
  redis.call('HINCRBY', KEYS[3], ARGV[at] .. ':' .. who, ARGV[at + 1])
end
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', key, ARGV[3])
  end
end
return 1
