-- Makes decisions, one after the other: each is all or nothing over all windows of all its claims.
--
-- A bucket of units (log, lease, distinct) is a sorted set, scored by the microsecond each was
-- taken in. A log and a lease have `<ticket>:<n>` in it, so that several windows look at the same
-- units from the latest backwards; distinct has the members. A level is a hash: for each period
-- what is owed, times the period, and when that was so.
--
-- KEYS: for each claim, in the order of ARGV, its bucket; of distinct also who was last counted by
--       which ticket
-- ARGV: 1 microseconds, or '' for the server's own; 2 milliseconds that a key outlives its windows;
--       3 number of shapes, then each: kind, number of windows, for each limit, period, burst;
--       then number of decisions, each: what to do, ticket, microseconds ago, number of claims, for
--       each: which shape, cost, member
-- Answers for each decision 1, 0 (refused, gone) or -1 and why it failed; behind 1 and 0 of take and
-- peek for each window: remaining, reset, wait.

local NEVER, EXACT, MOST_AT_ONCE = -1, 9007199254740992, 1000

local at = 0
local function word()
  at = at + 1
  return ARGV[at]
end
local function number()
  return tonumber(word())
end

-- Digits of a whole number: Lua would write 1e+15.
local function whole(value)
  return string.format('%.0f', value)
end

-- Whole numbers divided, up; `%` would round on its way.
local function divided(value, by)
  local rest = math.fmod(value, by)
  return (value - rest) / by + (rest > 0 and 1 or 0)
end

local now = number()
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local spare = number()

local function expire(key, microseconds)
  redis.call('PEXPIRE', key, whole(divided(microseconds, 1000) + spare))
end

-- Units

-- Returns microseconds until the unit of this rank, of which 0 is the latest, has left a window.
local function leaves(key, rank, window)
  local found = redis.call('ZREVRANGE', key, rank, rank, 'WITHSCORES')
  return found[2] and math.max(0, found[2] + window.period - now) or 0
end

-- Says how many units a window has, how many it needs more, and for how long they do not fit.
local function look(claim, i, need)
  local window = claim.windows[i]
  local count = redis.call('ZCOUNT', claim.key, window.since, '+inf')
  local wait = 0
  if need > window.limit then
    wait = NEVER
  elseif count + need > window.limit then
    wait = leaves(claim.key, window.limit - need, window)
  end
  claim.counts[i], claim.needs[i], claim.waits[i] = count, need, wait
end

local function tell_units(claim, i, taken)
  local window = claim.windows[i]
  local count = claim.counts[i] + (taken and claim.needs[i] or 0)
  local reset = 0
  if count > 0 then
    reset = leaves(claim.key, math.min(count, window.limit) - 1, window)
  end
  return math.max(0, window.limit - count), reset
end

-- Calls a command for all units of a ticket; more than `most` would say no more than those do.
local function each_unit(claim, command, ...)
  local units = math.min(claim.cost, claim.most + 1)
  for from = 1, units, MOST_AT_ONCE do
    local words = {}
    for i = from, math.min(from + MOST_AT_ONCE - 1, units) do
      for _, before in ipairs({...}) do
        words[#words + 1] = before
      end
      words[#words + 1] = claim.ticket .. ':' .. i
    end
    redis.call(command, claim.key, unpack(words))
  end
end

local units = {tell = tell_units}

function units.knows(claim)
  local taken = claim.cost > 0 and redis.call('ZSCORE', claim.key, claim.ticket .. ':1')
  return taken and tonumber(taken) > now - claim.longest
end

function units.look(claim)
  for i = 1, #claim.windows do
    look(claim, i, claim.cost)
  end
end

function units.add(claim)
  redis.call('ZREMRANGEBYSCORE', claim.key, '-inf', whole(now - claim.longest))
  each_unit(claim, 'ZADD', whole(now - claim.ago))
  expire(claim.key, claim.longest)
end

function units.refund(claim)
  each_unit(claim, 'ZREM')
end

local lease = setmetatable({lasts = true}, {__index = units})

-- Distinct members

local distinct = {tell = tell_units}

local function last_of(claim)
  return tonumber(redis.call('ZSCORE', claim.key, claim.member) or -math.huge)
end

-- Returns the ticket that a member was last counted by, and when it had been counted before.
local function counted_by(claim)
  return string.match(redis.call('HGET', claim.tickets, claim.member) or '', '^(%S*) (%S*)$')
end

function distinct.knows(claim)
  return counted_by(claim) == claim.ticket and last_of(claim) > now - claim.longest
end

function distinct.look(claim)
  local last = last_of(claim)
  for i, window in ipairs(claim.windows) do
    local known = last > now - window.period
    look(claim, i, known and 0 or 1)
    if known then
      claim.waits[i] = 0
    end
  end
end

function distinct.add(claim)
  local old = redis.call('ZRANGEBYSCORE', claim.key, '-inf', whole(now - claim.longest), 'LIMIT', 0, MOST_AT_ONCE)
  if #old > 0 then
    redis.call('ZREM', claim.key, unpack(old))
    redis.call('HDEL', claim.tickets, unpack(old))
  end
  local before = redis.call('ZSCORE', claim.key, claim.member) or ''
  redis.call('ZADD', claim.key, 'GT', whole(now - claim.ago), claim.member)
  redis.call('HSET', claim.tickets, claim.member, claim.ticket .. ' ' .. before)
  expire(claim.key, claim.longest)
  expire(claim.tickets, claim.longest)
end

function distinct.refund(claim)
  local ticket, before = counted_by(claim)
  if ticket ~= claim.ticket then
    return
  end
  redis.call('HDEL', claim.tickets, claim.member)
  if before == '' then
    redis.call('ZREM', claim.key, claim.member)
  else
    redis.call('ZADD', claim.key, before, claim.member)
  end
end

-- Levels

local level = {}

-- Reads what is owed, less what has drained until now; for what happened before, until then.
function level.look(claim)
  local moment = now - claim.ago
  claim.times = {}
  for i, window in ipairs(claim.windows) do
    local said = redis.call('HGET', claim.key, whole(window.period)) or '0 0'
    local owed, time = string.match(said, '^(%d+) (%d+)$')
    claim.times[i] = math.max(moment, time)
    claim.counts[i] = math.max(0, owed - (claim.times[i] - time) * window.limit)
    local over = claim.counts[i] - (window.burst - claim.cost) * window.period
    if claim.cost > window.burst then
      claim.waits[i] = NEVER
    else
      claim.waits[i] = over > 0 and divided(over, window.limit) or 0
    end
  end
end

local function change(claim, cost)
  local longest = 0
  for i, window in ipairs(claim.windows) do
    local owed = math.min(math.max(0, claim.counts[i] + cost * window.period), EXACT)
    claim.counts[i] = owed
    redis.call('HSET', claim.key, whole(window.period), whole(owed) .. ' ' .. whole(claim.times[i]))
    longest = math.max(longest, divided(owed, window.limit))
  end
  expire(claim.key, longest)
end

function level.knows()
  return false
end

function level.add(claim)
  change(claim, claim.cost)
end

function level.refund(claim)
  level.look(claim)
  change(claim, -claim.cost)
end

function level.tell(claim, i)
  local window, owed = claim.windows[i], claim.counts[i]
  local left = math.max(0, window.burst * window.period - owed)
  local remaining = (left - math.fmod(left, window.period)) / window.period
  local over = owed - (window.burst - remaining - 1) * window.period
  return remaining, owed > 0 and divided(over, window.limit) or 0
end

-- Decisions

local function knows(claims)
  for _, claim in ipairs(claims) do
    if claim.kind.knows(claim) then
      return true
    end
  end
  return false
end

local function add(claims)
  for _, claim in ipairs(claims) do
    if claim.cost > 0 then
      claim.kind.add(claim)
    end
  end
end

-- Looks at all claims, takes them if that is wanted and they fit, and tells how they stand then.
local function check(claims, known, taking)
  local fits = true
  for _, claim in ipairs(claims) do
    claim.kind.look(claim)
    for i, wait in ipairs(claim.waits) do
      claim.waits[i] = known and 0 or wait
      fits = fits and claim.waits[i] == 0
    end
  end
  local taken = taking and fits and not known
  if taken then
    add(claims)
  end
  local answer = {fits and 1 or 0}
  for _, claim in ipairs(claims) do
    for i, wait in ipairs(claim.waits) do
      local remaining, reset = claim.kind.tell(claim, i, taken)
      answer[#answer + 1] = remaining
      answer[#answer + 1] = math.min(reset, EXACT)
      answer[#answer + 1] = math.min(wait, EXACT)
    end
  end
  return answer
end

local ops = {}

-- What a ticket was taken for, all of it was: the same take came before, over a connection that died.
function ops.take(claims)
  return check(claims, knows(claims), true)
end

function ops.peek(claims)
  return check(claims, false, false)
end

function ops.refund(claims)
  for _, claim in ipairs(claims) do
    claim.kind.refund(claim)
  end
  return {1}
end

function ops.debit(claims)
  for _, claim in ipairs(claims) do
    if claim.kind == level then
      level.look(claim)
    end
  end
  if not knows(claims) then
    add(claims)
  end
  return {1}
end

function ops.extend(claims)
  local lasting = {}
  for _, claim in ipairs(claims) do
    if claim.kind.lasts and claim.cost > 0 then
      if not claim.kind.knows(claim) then
        return {0}
      end
      lasting[#lasting + 1] = claim
    end
  end
  add(lasting)
  return {1}
end

function ops.clear(claims)
  for _, claim in ipairs(claims) do
    redis.call('DEL', claim.key, claim.tickets or claim.key)
  end
  return {1}
end

-- What is asked

local kinds = {log = units, lease = lease, distinct = distinct, level = level}

local function read_shape()
  local shape = {kind = kinds[word()], windows = {}, longest = 0, most = 0}
  for i = 1, number() do
    local window = {limit = number(), period = number(), burst = number()}
    window.since = '(' .. whole(now - window.period)
    shape.windows[i] = window
    shape.longest = math.max(shape.longest, window.period)
    shape.most = math.max(shape.most, window.limit)
  end
  return shape
end

local shapes = {}
for i = 1, number() do
  shapes[i] = read_shape()
end

local key = 0
local function next_key()
  key = key + 1
  return KEYS[key]
end

local function read_claim(ticket, ago)
  local shape = shapes[number()]
  local claim = {kind = shape.kind, windows = shape.windows, longest = shape.longest, most = shape.most}
  claim.cost, claim.member, claim.ticket, claim.ago = number(), word(), ticket, ago
  claim.key = next_key()
  claim.tickets = shape.kind == distinct and next_key() or nil
  claim.counts, claim.needs, claim.waits = {}, {}, {}
  return claim
end

-- What is wrong with one bucket spoils one decision; what is wrong with the server, such as that it
-- may not write, spoils the call.
local function failure(said)
  local text = type(said) == 'table' and said.err or tostring(said)
  local code = string.match(text, '^%u+') or 'ERR'
  if code ~= 'WRONGTYPE' and code ~= 'ERR' then
    error(said)
  end
  return {-1, text}
end

local answers = {}
for _ = 1, number() do
  local op, ticket, ago, claims = ops[word()], word(), number(), {}
  for i = 1, number() do
    claims[i] = read_claim(ticket, ago)
  end
  local went, answer = pcall(op, claims)
  if not went then
    answer = failure(answer)
  end
  for _, value in ipairs(answer) do
    answers[#answers + 1] = value
  end
end
return answers
