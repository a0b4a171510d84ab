-- Counts what attempts have cost, each once, and lets go of what was held back for them.
-- Buckets: see reserve.lua.
--
-- KEYS: for each attempt: the attempts of the same minute that have ended, then three for each
--       bucket
-- ARGV: 1 milliseconds for which is remembered that an attempt has ended; 2 who tells;
--       then for each attempt: the attempt, nano-USD or '' if it was never sent, number of buckets;
--       for each: first slice, slice in which it counts, milliseconds for which it is kept
-- Answers for each attempt and bucket what is held back, corrections, and spent for each slice.

local keep_ended, who = ARGV[1], ARGV[2]
local at, key = 2, 0

local function word()
  at = at + 1
  return ARGV[at]
end

local function next_key()
  key = key + 1
  return KEYS[key]
end

local answer = {}

local function tell(hash, slices, first, last)
  answer[#answer + 1] = redis.call('HGET', hash, 'r') or '0'
  answer[#answer + 1] = redis.call('HGET', hash, 'c:' .. who) or '0'
  local names = {}
  for slice = first, last do
    names[#names + 1] = string.format('%.0f', slice)
  end
  for i, amount in ipairs(redis.call('HMGET', slices, unpack(names))) do
    answer[#answer + 1] = amount or '0'
  end
end

-- Subtracts digits: a minus before them is what the command understands, but for zero.
local function take(hash, field, amount)
  if amount ~= '0' then
    redis.call('HINCRBY', hash, field, '-' .. amount)
  end
end

local function let_go(hash, ends, attempt)
  local amount = redis.call('HGET', hash, 'l:' .. attempt)
  if amount then
    take(hash, 'r', amount)
    redis.call('HDEL', hash, 'l:' .. attempt)
    redis.call('ZREM', ends, attempt)
  end
end

while at < #ARGV do
  local ended = next_key()
  local attempt, spent, buckets = word(), word(), tonumber(word())
  local first_time = redis.call('SADD', ended, attempt) == 1
  redis.call('PEXPIRE', ended, keep_ended)
  for _ = 1, buckets do
    local hash, ends, slices = next_key(), next_key(), next_key()
    local first, slice, keep = word(), word(), word()
    if first_time then
      let_go(hash, ends, attempt)
      if spent ~= '' then
        redis.call('HINCRBY', slices, slice, spent)
        redis.call('HINCRBY', slices, slice .. ':' .. who, spent)
      end
      for _, one in ipairs({hash, ends, slices}) do
        if redis.call('PTTL', one) < tonumber(keep) then
          redis.call('PEXPIRE', one, keep)
        end
      end
    end
    tell(hash, slices, tonumber(first), tonumber(slice))
  end
end
return answer
