-- Reads what all replicas have observed of a segment.
--
-- KEYS: 1 the segment's prefix, 2 the slices' prefix
-- ARGV: 1 the first slice, 2 seconds of a slice, 3 slices at most
-- Answers {counts, sets, sketches, slices}: counts and sketches as pairs, sets as pairs of name and
-- size, slices as pairs of number and counts.

local sets = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1] .. ':sets')) do
  sets[#sets + 1] = name
  sets[#sets + 1] = redis.call('SCARD', KEYS[1] .. ':keys:' .. name)
end

-- A clock that is fast names slices that are still to come here.
local last = math.floor(redis.call('TIME')[1] / ARGV[2]) + 6
local slices = {}
for slice = math.max(tonumber(ARGV[1]), last - ARGV[3]), last do
  local counts = redis.call('HGETALL', KEYS[2] .. ':' .. string.format('%.0f', slice))
  if #counts > 0 then
    slices[#slices + 1] = slice
    slices[#slices + 1] = counts
  end
end

return {
  redis.call('HGETALL', KEYS[1] .. ':counts'),
  sets,
  redis.call('HGETALL', KEYS[1] .. ':sketches'),
  slices,
}
