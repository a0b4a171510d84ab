-- Tells how buckets stand, without what is held back for attempts that should have ended.
-- Buckets: see reserve.lua.
--
-- KEYS: three for each bucket
-- ARGV: 1 milliseconds of Unix time, or '' for the server's own; 2 who asks;
--       then for each bucket: first slice, last slice
-- Answers for each bucket what is held back, corrections, attempts that it is held back for, and
-- for each slice what is spent, and what of it by whoever asks.

local MOST = 1000

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local who = ARGV[2]

-- Subtracts digits: a minus before them is what the command understands, but for zero.
local function take(hash, field, amount)
  if amount ~= '0' then
    redis.call('HINCRBY', hash, field, '-' .. amount)
  end
end

local function let_go(hash, ends)
  for _, one in ipairs(redis.call(
    'ZRANGEBYSCORE', ends, '-inf', string.format('%.0f', now), 'LIMIT', 0, MOST
  )) do
    local amount = redis.call('HGET', hash, 'l:' .. one)
    if amount then
      take(hash, 'r', amount)
      redis.call('HDEL', hash, 'l:' .. one)
    end
    redis.call('ZREM', ends, one)
  end
end

local answer = {}
for i = 1, #KEYS / 3 do
  local hash, ends, slices = KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i]
  let_go(hash, ends)
  answer[#answer + 1] = redis.call('HGET', hash, 'r') or '0'
  answer[#answer + 1] = redis.call('HGET', hash, 'c:' .. who) or '0'
  answer[#answer + 1] = redis.call('ZCARD', ends)
  for slice = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2]) do
    local name = string.format('%.0f', slice)
    local both = redis.call('HMGET', slices, name, name .. ':' .. who)
    answer[#answer + 1] = both[1] or '0'
    answer[#answer + 1] = both[2] or '0'
  end
end
return answer
