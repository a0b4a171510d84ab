-- Adds what a replica has observed. Further keys' names are made from those given; all of them share
-- one hash tag, so they are in one slot.
--
-- KEYS: 1 the replica's last sequence, 2 the segment's prefix, 3 the slices' prefix
-- ARGV: 1 sequence, 2 replica, 3 seconds that a segment is kept, 4 seconds that a slice is, 5 members
--       of a set at most, 6 names of a hash at most; then four lists, each with its length before it:
--         name, count ..
--         slice, names in it, name, count .. ..
--         name, eight bytes for each key ..
--         name, a sketch in eight bytes for each tag ..
-- Answers 1, or 0 where the sequence was added before.

local segment_seconds, slice_seconds = ARGV[3], ARGV[4]
local most_members, most_names = tonumber(ARGV[5]), tonumber(ARGV[6])
local at = 6

local function take()
  at = at + 1
  return ARGV[at]
end

local function take_number()
  return tonumber(take())
end

if tonumber(ARGV[1]) <= tonumber(redis.call('GET', KEYS[1]) or '-1') then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', segment_seconds)

local function add_counts(key, seconds)
  local names = take_number()
  if names == 0 then
    return
  end
  local full = redis.call('HLEN', key) >= most_names
  for _ = 1, names do
    local name, count = take(), take()
    if not full or redis.call('HEXISTS', key, name) == 1 then
      redis.call('HINCRBY', key, name, count)
    end
  end
  redis.call('EXPIRE', key, seconds)
end

local function add_members(key, packed)
  local room = most_members - redis.call('SCARD', key)
  local last = math.min(#packed / 8, room)
  local from = 1
  while from <= last do
    local to = math.min(from + 999, last)
    local members = {}
    for i = from, to do
      members[#members + 1] = string.sub(packed, i * 8 - 7, i * 8)
    end
    redis.call('SADD', key, unpack(members))
    from = to + 1
  end
end

add_counts(KEYS[2] .. ':counts', segment_seconds)

for _ = 1, take_number() do
  add_counts(KEYS[3] .. ':' .. take(), slice_seconds)
end

local sets = KEYS[2] .. ':sets'
for _ = 1, take_number() do
  local name, packed = take(), take()
  local key = KEYS[2] .. ':keys:' .. name
  if redis.call('SCARD', sets) < most_names or redis.call('SISMEMBER', sets, name) == 1 then
    redis.call('SADD', sets, name)
    add_members(key, packed)
    redis.call('EXPIRE', key, segment_seconds)
    redis.call('EXPIRE', sets, segment_seconds)
  end
end

local sketches = KEYS[2] .. ':sketches'
for _ = 1, take_number() do
  local field, packed = ARGV[2] .. '\0' .. take(), take()
  if redis.call('HLEN', sketches) < most_names or redis.call('HEXISTS', sketches, field) == 1 then
    redis.call('HSET', sketches, field, packed)
    redis.call('EXPIRE', sketches, segment_seconds)
  end
end
return 1
