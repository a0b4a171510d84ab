-- Sets right what is overdue, then leases messages in order.
--
-- ARGV: 3 how many at most, 4 seconds of the lease, 5 messages of one user in flight, 6 one that
--       has run out in `sending` is queued again (1) or uncertain (0)
-- Answers {record, ..}.
--
-- Between classes it is stride scheduling: each turn of a class moves its pass on by 8 / weight,
-- and the class with the least pass is next. `clock` is the pass of the last turn: a class that
-- had nothing begins there, so that it has saved up nothing.

local most, lease, in_flight = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local repeats = ARGV[6] == '1'
local STRIDE = {[0] = 1, 2, 4, 8}

local function answer(ids)
  local records = {}
  for _, id in ipairs(ids) do
    records[#records + 1] = record(id)
  end
  return records
end

local before = answered()
if #before > 0 then
  return answer(before)
end

-- The first command frees memory, and so a Redis that is full does not refuse the others.
call('ZREMRANGEBYSCORE', P .. 'off', '-inf', now)
bound(in_flight)

local function overdue(key)
  return call('ZRANGEBYSCORE', P .. key, '-inf', now, 'LIMIT', 0, SWEPT)
end

for _, id in ipairs(overdue('leases')) do
  local m = load(id)
  local code, why = 'lease_lost', 'the lease ended before anybody said what became of it'
  if m.state == 'leased' then
    fail(m, m.due, 'dead', code, why)
  elseif repeats then
    fail(m, m.due, 'uncertain', code, why)
  else
    change(m, 'uncertain', {code = code, why = why})
  end
end
local expired = overdue('deadlines')
for _, id in ipairs(expired) do
  change(load(id), 'dead', {code = 'expired', why = 'its time was over before it began to be sent'})
end
for _, id in ipairs(overdue('aging')) do
  local m = load(id)
  set(m, {class = m.class - 1, aged = now})
  place(m.class + 1, m.user)
  place(m.class, m.user)
end

local function take_turn(class, user)
  call('ZADD', P .. 'ready:' .. class, call('HINCRBY', P .. 'meta', 'turn', 1), user)
end

-- Has lanes join the round: at its end, those first that could have joined first.
for class = 0, 3 do
  for _, user in ipairs(overdue('waiting:' .. class)) do
    local at = place(class, user)
    if at and at <= now then
      call('ZREM', P .. 'waiting:' .. class, user)
      take_turn(class, user)
    end
  end
end

-- Where more may have expired than were set right, the next claim goes on: none of them may be leased.
if paused('all') or #expired == SWEPT then
  return {}
end

-- Looks at lanes that turn out not to be ready at most so often; the next claim goes on.
local looks = SWEPT + most

local function next_of(class)
  while looks > 0 do
    local user = call('ZRANGE', P .. 'ready:' .. class, 0, 0)[1]
    if not user then
      return nil
    end
    looks = looks - 1
    local at, id = place(class, user)
    if at and at <= now then
      return id, user
    end
  end
  return nil
end

local clock = tonumber(meta('clock') or '0')
local pass = {}
for class = 0, 3 do
  pass[class] = tonumber(meta('pass:' .. class) or '0')
end

-- The classes by their pass, of equal ones the most urgent first.
local function by_pass()
  local order = {0, 1, 2, 3}
  table.sort(order, function(a, b)
    local left, right = math.max(pass[a], clock), math.max(pass[b], clock)
    return left < right or (left == right and a < b)
  end)
  return order
end

local function pick()
  for _, class in ipairs(by_pass()) do
    local id, user = next_of(class)
    if id then
      clock = math.max(pass[class], clock)
      pass[class] = clock + STRIDE[class]
      take_turn(class, user)
      return load(id)
    end
  end
  return nil
end

local claimed = {}
while #claimed < most do
  local m = pick()
  if not m then
    break
  end
  change(m, 'leased', {gen = m.gen + 1, lease = now + lease})
  claimed[#claimed + 1] = m.id
end
if #claimed > 0 then
  call('HSET', P .. 'meta', 'clock', clock, 'pass:0', pass[0], 'pass:1', pass[1], 'pass:2', pass[2],
    'pass:3', pass[3])
end
remember(claimed)
return answer(claimed)
