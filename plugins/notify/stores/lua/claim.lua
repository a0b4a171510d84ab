-- ARGV: 2 channel, 3 messages and 4 seconds of its cap, 5 lease, 6 most
-- Answers: the deliveries that are leased

local channel, most = ARGV[2], tonumber(ARGV[6])

for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'leases:' .. channel, '-inf', text(now))) do
  call('ZREM', P .. 'leases:' .. channel, id)
  call('HSET', P .. 'd:' .. id, 'lease', '')
  call('ZADD', P .. 'due:' .. channel, get('d:' .. id, 'due')[1], id)
end
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'expires:' .. channel, '-inf', text(now))) do
  local one = get('d:' .. id, 'lease', 'identity')
  if one[1] == '' then
    die(id, channel, one[2], '')
  end
end

local free, others = {}, {}
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'due:' .. channel, '-inf', text(now))) do
  local one = get('d:' .. id, 'free', 'due')
  local into = one[1] == '1' and free or others
  into[#into + 1] = {id = id, due = tonumber(one[2])}
end
-- A ZSET has those with one score in the order of letters; they go in that of numbers.
local function first(a, b)
  if a.due ~= b.due then
    return a.due < b.due
  end
  return tonumber(a.id) < tonumber(b.id)
end
local many = counted(channel, tonumber(ARGV[3]), tonumber(ARGV[4]))
local left = tonumber(ARGV[3]) - many
local from = #free > 0 and free or others
table.sort(from, first)
local take = math.min(#from, 1)
if #free == 0 then
  take = left <= 0 and 0 or (left == 1 and math.min(#from, most) or take)
end

local found = {}
for place = 1, take do
  local id = from[place].id
  call('ZREM', P .. 'due:' .. channel, id)
  call('ZADD', P .. 'leases:' .. channel, text(now + tonumber(ARGV[5])), id)
  call('HSET', P .. 'd:' .. id, 'lease', text(now + tonumber(ARGV[5])))
  call('HINCRBY', P .. 'd:' .. id, 'attempts', 1)
  local gen = call('HINCRBY', P .. 'd:' .. id, 'gen', 1)
  if place == 1 and #free == 0 then
    local sends = P .. 'sends:' .. channel
    call('ZREMRANGEBYSCORE', sends, '-inf', text(now - tonumber(ARGV[4])))
    call('ZADD', sends, text(now), id .. ':' .. gen)
    call('EXPIRE', sends, math.ceil(tonumber(ARGV[4])) + 1)
  end
  found[place] = get('d:' .. id, unpack(DELIVERY))
end
return found
