-- What all scripts of the queue share: this text stands before each of them.
--
-- KEYS: 1 what the names of all keys begin with. The others are made from it; its hash tag keeps
--       them in one slot.
-- ARGV: 1 Unix seconds ('' for the server's own time), 2 the token of this call: who, a colon,
--       which call
--
-- The keys, behind KEYS[1]:
--   m:<id>                        HASH, the message: see FIELDS
--   ids, ids:<state>, of:<user>,  ZSETs of ids, all with the score 0: read in the order of ids
--     in:<state>:<user>
--   since:<state>                 ZSETs of those that have ended: id, when it came to that state
--   due:<priority>                ZSET: queued id, when it is due
--   lane:<class>:<priority>:<user>  ZSET: queued id, when it is due. A lane is a user within a class;
--                                 one set for each priority that may have aged into it, so that a
--                                 priority can be paused without looking at any message
--   ready:<class>                 ZSET, the round: user whose lane has something to give, its turn
--   waiting:<class>               ZSET: user whose lane is not in the round, when it may join
--   blocked:<class>               ZSET: user whose lane only another change lets join
--   user:<user>                   HASH: live, bytes, flight (leased and sending) of live messages
--   off                           ZSET: user, until when he is put off
--   leases, deadlines, aging      ZSETs: id, when something has to be set right
--   depth                         HASH: <state>:<priority>, how many
--   paused                        SET, as `pause` has them
--   keys                          HASH: dedupe key, id
--   requests                      ZSET of <request> <id>, all with the score 0
--   meta                          HASH: live, turn, clock and pass:<class> (see claim), in_flight
--   rates:<minute>                HASH, for two hours: <what>:<second>, how many came to that
--   answer:<token>                LIST, for a minute: what a call was answered
--   bell                          a channel: somebody may claim now

local P = KEYS[1] .. ':'
local TOKEN = ARGV[2]
local PRIORITIES = {[0] = 'critical', 'high', 'medium', 'low'}
local LIVE = {held = true, queued = true, leased = true, sending = true}
local FLIGHT = {leased = true, sending = true}
-- Class: the priorities that are in it or may have aged into it.
local WITHIN = {[0] = {0}, {1, 2, 3}, {2, 3}, {3}}
local AGING = 30
local SWEPT = 100

-- What changes about a message, and what is needed to move it; the rest is the caller's.
local FIELDS = {
  'user', 'priority', 'size', 'key', 'most',
  'state', 'class', 'due', 'aged', 'expires', 'attempts', 'throttles', 'gen', 'lease', 'changed',
  'platform', 'code', 'why', 'by',
}
local NUMBERS = {
  priority = true, size = true, most = true, class = true, due = true, aged = true, expires = true,
  attempts = true, throttles = true, gen = true, lease = true, changed = true,
}
local CHANGING = 6
-- What a record is made of.
local SHOWN = {
  'body', 'text', 'approval', 'expires', 'state', 'due', 'attempts', 'throttles', 'gen', 'changed',
  'platform', 'code', 'why', 'lease',
}

local call = redis.call
local now
if ARGV[1] == '' then
  local time = call('TIME')
  now = time[1] + time[2] / 1e6
else
  now = tonumber(ARGV[1])
end

-- What this very call was answered when it was sent before, and the answer was lost; empty if not.
-- A message knows by itself which call changed it last: this is for all else.
local function answered()
  return call('LRANGE', P .. 'answer:' .. TOKEN, 0, -1)
end

local function remember(values)
  if #values > 0 then
    call('RPUSH', P .. 'answer:' .. TOKEN, unpack(values))
    call('EXPIRE', P .. 'answer:' .. TOKEN, 60)
  end
end

local rung = false

-- Every script that may make something claimable ends with this.
local function done(answer)
  if rung then
    call('PUBLISH', P .. 'bell', string.match(TOKEN, '^[^:]*'))
  end
  return answer
end

local function meta(field)
  return call('HGET', P .. 'meta', field)
end

local pauses = {}
local function paused(what)
  if pauses[what] == nil then
    pauses[what] = call('SISMEMBER', P .. 'paused', what) == 1
  end
  return pauses[what]
end

local function record(id)
  return call('HMGET', P .. 'm:' .. id, unpack(SHOWN))
end

-- Returns nil where there is no such message.
local function load(id)
  local values = call('HMGET', P .. 'm:' .. id, unpack(FIELDS))
  if not values[1] then
    return nil
  end
  local m = {id = id}
  for i, field in ipairs(FIELDS) do
    m[field] = NUMBERS[field] and tonumber(values[i]) or values[i]
  end
  return m
end

local function changing(m)
  local values = {}
  for i = CHANGING, #FIELDS do
    values[#values + 1] = FIELDS[i]
    values[#values + 1] = m[FIELDS[i]]
  end
  return values
end

-- lanes -----------------------------------------------------------------------------------------

local function lane_key(class, priority, user)
  return P .. 'lane:' .. class .. ':' .. priority .. ':' .. user
end

-- Returns the id that goes first and its due time (nil if all is paused), and whether there is any.
local function head(class, user)
  local first, first_due, any
  for _, priority in ipairs(WITHIN[class]) do
    local found = call('ZRANGE', lane_key(class, priority, user), 0, 0, 'WITHSCORES')
    if found[1] then
      any = true
      local id, due = found[1], tonumber(found[2])
      local sooner = not first or due < first_due or (due == first_due and id < first)
      if sooner and not paused('priority:' .. PRIORITIES[priority]) then
        first, first_due = id, due
      end
    end
  end
  return first, first_due, any
end

local function put_off(user)
  return tonumber(call('ZSCORE', P .. 'off', user) or '0')
end

-- Can something of this user be claimed at all, as far as he himself is concerned?
local function free(user, in_flight)
  local flight = tonumber(call('HGET', P .. 'user:' .. user, 'flight') or '0')
  return flight < in_flight and not paused('user:' .. user)
end

-- So many messages of one user may be in flight, as the last call that knew has said.
local known_bound
local function last_bound()
  known_bound = known_bound or tonumber(meta('in_flight')) or math.huge
  return known_bound
end

local function round_keys(class)
  return P .. 'ready:' .. class, P .. 'waiting:' .. class, P .. 'blocked:' .. class
end

-- Notes when a lane may join the round, and rings where that is sooner than any other.
local function wait(waiting, at, user)
  local first = call('ZRANGE', waiting, 0, 0, 'WITHSCORES')
  rung = rung or not first[2] or at < tonumber(first[2])
  call('ZADD', waiting, at, user)
end

-- Puts a lane where it belongs. A claim alone lets it join the round, but it leaves that as soon as
-- it has nothing to give. Returns when something of it can be claimed, and the id of that; nil where
-- time alone does not make it so.
local function place(class, user)
  local ready, waiting, blocked = round_keys(class)
  local id, due, any = head(class, user)
  local at = id and math.max(due, put_off(user))
  local able = at and free(user, last_bound())
  if able and at <= now and call('ZSCORE', ready, user) then
    return at, id
  end
  call('ZREM', ready, user)
  if able then
    call('ZREM', blocked, user)
    wait(waiting, at, user)
    return at, id
  end
  call('ZREM', waiting, user)
  if any then
    call('ZADD', blocked, 0, user)
  else
    call('ZREM', blocked, user)
  end
  return nil
end

local function place_all(user)
  for class = 0, 3 do
    place(class, user)
  end
end

-- After a change that may concern every lane: has those that were blocked looked at by the claims to
-- come; with `all` those that wait, too. The first of them are looked at now, so that no script takes
-- long however many there are.
local function revise(all)
  for class = 0, 3 do
    local ready, waiting, blocked = round_keys(class)
    call('ZUNIONSTORE', waiting, 2, waiting, blocked, 'WEIGHTS', all and 0 or 1, 0)
    call('DEL', blocked)
    for _, key in ipairs({ready, waiting}) do
      for _, user in ipairs(call('ZRANGE', key, 0, SWEPT - 1)) do
        place(class, user)
      end
    end
  end
  rung = true
end

-- Notes how many messages of one user may be in flight.
local function bound(in_flight)
  if last_bound() ~= in_flight then
    call('HSET', P .. 'meta', 'in_flight', in_flight)
    known_bound = in_flight
    revise(false)
  end
end

-- messages --------------------------------------------------------------------------------------

-- Takes a message out of whatever it is in by its state, or puts it in.
local function index(m, sign)
  local add = sign > 0
  local function within(key, score)
    if add then
      call('ZADD', P .. key, score, m.id)
    else
      call('ZREM', P .. key, m.id)
    end
  end
  within('ids:' .. m.state, 0)
  within('in:' .. m.state .. ':' .. m.user, 0)
  if not LIVE[m.state] then
    within('since:' .. m.state, m.changed)
  end
  call('HINCRBY', P .. 'depth', m.state .. ':' .. PRIORITIES[m.priority], sign)
  if m.state == 'queued' then
    within('due:' .. m.priority, m.due)
    within('lane:' .. m.class .. ':' .. m.priority .. ':' .. m.user, m.due)
    if m.class > 1 then
      within('aging', math.max(m.due, m.aged) + AGING)
    end
  end
  if m.state == 'queued' or m.state == 'held' then
    within('deadlines', m.expires)
  end
  if FLIGHT[m.state] then
    within('leases', m.lease)
  end
end

local function one(truth)
  return truth and 1 or 0
end

-- Notes that one more has come to something, for the rates.
local function happened(what)
  local key = P .. 'rates:' .. math.floor(now / 60)
  call('HINCRBY', key, what .. ':' .. math.floor(now), 1)
  call('EXPIRE', key, 7200)
end

-- Counts what a user has, and forgets one who has nothing.
local function count(m, live, flight)
  local user = P .. 'user:' .. m.user
  if flight ~= 0 then
    call('HINCRBY', user, 'flight', flight)
  end
  if live ~= 0 then
    call('HINCRBY', P .. 'meta', 'live', live)
    call('HINCRBY', user, 'bytes', live * m.size)
    if call('HINCRBY', user, 'live', live) == 0 then
      call('DEL', user)
    end
  end
end

-- Sets fields of a message, and where it is found by them.
local function set(m, fields)
  index(m, -1)
  for field, value in pairs(fields) do
    m[field] = value
  end
  index(m, 1)
  call('HSET', P .. 'm:' .. m.id, unpack(changing(m)))
end

-- Brings a message into a state, with the fields given, and sets right all that depends on it.
local function change(m, state, fields)
  fields = fields or {}
  local class, before = m.class, m.state
  fields.state, fields.changed, fields.by = state, now, TOKEN
  if state == 'queued' then
    fields.aged = now
  end
  set(m, fields)
  local flight = one(FLIGHT[state]) - one(FLIGHT[before])
  count(m, one(LIVE[state]) - one(LIVE[before]), flight)
  if not LIVE[state] then
    happened(state)
  end
  if flight ~= 0 then
    place_all(m.user)
  elseif before == 'queued' or state == 'queued' then
    place(class, m.user)
    if class ~= m.class then
      place(m.class, m.user)
    end
  end
end

-- Of what will not be sent any more, or was: the text goes.
local function forget(m)
  call('HDEL', P .. 'm:' .. m.id, 'text', 'approval')
end

-- Counts an attempt that came to nothing: queued until `due`, or in the state `last` if it was the
-- last one.
local function fail(m, due, last, code, why)
  local fields = {attempts = m.attempts + 1, code = code, why = why}
  if fields.attempts >= m.most then
    change(m, last, fields)
  else
    fields.due = due
    change(m, 'queued', fields)
  end
end
