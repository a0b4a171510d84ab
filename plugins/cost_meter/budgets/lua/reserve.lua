-- Holds back what attempts may cost, one after the other: in all buckets of one, or in none.
--
-- A bucket is a hash (`r` what is held back; `l:<attempt>` for which attempt how much of it;
-- `c:<who>` how often it was corrected by whom), a sorted set of the attempts by the millisecond at
-- which they have ended at the latest, and a hash of what is spent: `<slice>`, and
-- `<slice>:<who>` of it by whom.
--
-- Amounts are whole nano-USD. What is added to them is added by commands, which are exact to 2^63;
-- what is compared is exact as long as the cap is below 2^53: a sum above that is larger than the
-- cap whatever its last digits are.
--
-- KEYS: for each attempt: the attempts of the same minute that have ended, then three for each
--       bucket
-- ARGV: 1 milliseconds of Unix time, or '' for the server's own; 2 who asks; then for each attempt:
--       the attempt, milliseconds for which is held back, number of buckets; for each: first slice,
--       last slice, cap (below zero: none), amount, milliseconds for which it is kept
-- Answers for each attempt 1 or 0; then for each of its buckets what was held back, corrections, and
-- spent for each slice.

local MOST_AT_ONCE, MOST_ROUNDS = 20, 50
local SLICES = 100

local function whole(value)
  return string.format('%.0f', value)
end

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local who = ARGV[2]
local at, key = 2, 0

local function word()
  at = at + 1
  return ARGV[at]
end

local function number()
  return tonumber(word())
end

local function next_key()
  key = key + 1
  return KEYS[key]
end

-- Subtracts digits: a minus before them is what the command understands, but for zero.
local function take(hash, field, amount)
  if amount ~= '0' then
    redis.call('HINCRBY', hash, field, '-' .. amount)
  end
end

-- Lets go of what is held back for attempts that should have ended; true if there may be more.
local function reap(bucket)
  local old = redis.call('ZRANGEBYSCORE', bucket.ends, '-inf', whole(now), 'LIMIT', 0, MOST_AT_ONCE)
  for _, one in ipairs(old) do
    local amount = redis.call('HGET', bucket.hash, 'l:' .. one)
    if amount then
      take(bucket.hash, 'r', amount)
      redis.call('HDEL', bucket.hash, 'l:' .. one)
    end
    redis.call('ZREM', bucket.ends, one)
  end
  return #old == MOST_AT_ONCE
end

local function fits(bucket)
  if bucket.cap < 0 then
    return true
  end
  local reserved = tonumber(redis.call('HGET', bucket.hash, 'r') or '0')
  return bucket.total + reserved + bucket.amount <= bucket.cap
end

-- Reads what counts, and forgets slices that will never count again where many have gathered.
local function look(bucket)
  local names = {}
  for at = bucket.first, bucket.last do
    names[#names + 1] = whole(at)
  end
  bucket.spent = redis.call('HMGET', bucket.slices, unpack(names))
  bucket.total = 0
  for _, amount in ipairs(bucket.spent) do
    bucket.total = bucket.total + tonumber(amount or '0')
  end
  if redis.call('HLEN', bucket.slices) > SLICES then
    local old = {}
    for _, name in ipairs(redis.call('HKEYS', bucket.slices)) do
      local at = tonumber(string.match(name, '^(%d+)'))
      if at and at < bucket.first and #old < 1000 then
        old[#old + 1] = name
      end
    end
    if #old > 0 then
      redis.call('HDEL', bucket.slices, unpack(old))
    end
  end
end

local function read_bucket()
  local bucket = {hash = next_key(), ends = next_key(), slices = next_key()}
  bucket.first, bucket.last, bucket.cap = number(), number(), number()
  bucket.digits = word()
  bucket.amount, bucket.keep = tonumber(bucket.digits), number()
  look(bucket)
  reap(bucket)
  return bucket
end

local function all_fit(buckets)
  for _, bucket in ipairs(buckets) do
    local rounds = 0
    while not fits(bucket) and rounds < MOST_ROUNDS and reap(bucket) do
      rounds = rounds + 1
    end
    if not fits(bucket) then
      return false
    end
  end
  return true
end

local function hold(bucket, attempt, lease)
  redis.call('HSET', bucket.hash, 'l:' .. attempt, bucket.digits)
  redis.call('HINCRBY', bucket.hash, 'r', bucket.digits)
  redis.call('ZADD', bucket.ends, whole(now + lease), attempt)
  for _, one in ipairs({bucket.hash, bucket.ends, bucket.slices}) do
    redis.call('PEXPIRE', one, whole(math.max(bucket.keep, lease)))
  end
end

local answer = {}

local function tell(bucket)
  answer[#answer + 1] = redis.call('HGET', bucket.hash, 'r') or '0'
  answer[#answer + 1] = redis.call('HGET', bucket.hash, 'c:' .. who) or '0'
  for slice = 1, bucket.last - bucket.first + 1 do
    answer[#answer + 1] = bucket.spent[slice] or '0'
  end
end

while at < #ARGV do
  local ended = next_key()
  local attempt, lease, buckets, known = word(), number(), {}, false
  for i = 1, number() do
    buckets[i] = read_bucket()
    known = known or redis.call('HEXISTS', buckets[i].hash, 'l:' .. attempt) == 1
  end
  local over = redis.call('SISMEMBER', ended, attempt) == 1
  local admitted = not over and (known or all_fit(buckets))
  answer[#answer + 1] = admitted and 1 or 0
  for _, bucket in ipairs(buckets) do
    tell(bucket)
    if admitted and not known then
      hold(bucket, attempt, lease)
    end
  end
end
return answer
