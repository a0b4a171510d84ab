-- What all scripts of alerts share: this text stands before each of them.
--
-- KEYS: 1 what the names of all keys begin with. The others are made from it; its hash tag keeps
--       them in one slot.
-- ARGV: 1 Unix seconds ('' for the server's own time); the rest is the script's
--
-- The keys, behind KEYS[1]:
--   a:<id>                HASH, an alert: see SHOWN, and identity, told, channels
--   open                  HASH: identity, the alert of it that has not ended
--   ids, of:<user>        ZSETs of ids of alerts, all with the score 0: read in the order of ids
--   d:<id>                HASH, a delivery: see DELIVERY, and identity, free, lease
--   seq                   the last id of a delivery
--   line:<channel>:<identity>  LIST of deliveries in the order in which they go
--   due:<channel>         ZSET: delivery at the head of its line, when it is due
--   leases:<channel>      ZSET: delivery that was claimed, when it may be claimed again
--   live:<channel>        ZSET: delivery that waits or was claimed, when it was taken
--   expires:<channel>     ZSET: the same ones, when they expire
--   dead                  ZSET: delivery, when it died
--   sends:<channel>       ZSET: <delivery>:<generation>, when that was claimed to be sent
--   channels              SET of the channels for which something has waited
--   bell                  a channel: something was taken in

local P = KEYS[1] .. ':'
local SHOWN = {
  'id', 'name', 'subject', 'text', 'severity', 'user', 'at', 'last', 'count', 'ended_at', 'ended',
  'known_at', 'known_by', 'measured',
}
local DELIVERY = {
  'id', 'channel', 'notice', 'at', 'due', 'expires', 'attempts', 'gen', 'dead', 'why',
}
local RANK = {info = 0, warning = 1, critical = 2}
local EXPIRED = 'nobody could be told in time'

local call = redis.call
local now
if ARGV[1] == '' then
  local time = call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
else
  now = tonumber(ARGV[1])
end

local function text(number)
  return string.format('%.17g', number)
end

local function get(key, ...)
  return call('HMGET', P .. key, ...)
end

local function line(channel, identity)
  return P .. 'line:' .. channel .. ':' .. identity
end

-- Have the head of a line be claimed when it is due.
local function arm(channel, identity)
  local head = call('LINDEX', line(channel, identity), 0)
  if head then
    local found = get('d:' .. head, 'due', 'lease')
    if found[2] == '' then
      call('ZADD', P .. 'due:' .. channel, found[1], head)
    end
  end
end

-- Put a delivery at the end of its line.
local function join(id, channel, identity, at)
  call('ZADD', P .. 'live:' .. channel, text(at), id)
  call('ZADD', P .. 'expires:' .. channel, get('d:' .. id, 'expires')[1], id)
  call('SADD', P .. 'channels', channel)
  if call('RPUSH', line(channel, identity), id) == 1 then
    arm(channel, identity)
  end
end

-- Take a delivery, which is the head of its line, out of it.
local function leave(id, channel, identity)
  call('ZREM', P .. 'due:' .. channel, id)
  call('ZREM', P .. 'leases:' .. channel, id)
  call('ZREM', P .. 'live:' .. channel, id)
  call('ZREM', P .. 'expires:' .. channel, id)
  call('LREM', line(channel, identity), 1, id)
  arm(channel, identity)
end

local function die(id, channel, identity, why)
  leave(id, channel, identity)
  if why == '' then
    why = get('d:' .. id, 'why')[1]
    if why == '' then
      why = EXPIRED
    end
  end
  call('HSET', P .. 'd:' .. id, 'dead', text(now), 'why', why, 'lease', '')
  call('ZADD', P .. 'dead', text(now), id)
end

local function forget_alert(id)
  local found = get('a:' .. id, 'identity', 'user')
  call('ZREM', P .. 'ids', id)
  if found[1] then
    call('ZREM', P .. 'of:' .. found[2], id)
    if call('HGET', P .. 'open', found[1]) == id then
      call('HDEL', P .. 'open', found[1])
    end
  end
  call('DEL', P .. 'a:' .. id)
end

-- How many messages count against a cap, and when the oldest of those was sent that fill it.
local function counted(channel, messages, seconds)
  local since = '(' .. text(now - seconds)
  local many = call('ZCOUNT', P .. 'sends:' .. channel, since, '+inf')
  local oldest
  if many >= messages then
    oldest = tonumber(
      call('ZREVRANGE', P .. 'sends:' .. channel, messages - 1, messages - 1, 'WITHSCORES')[2]
    )
  end
  return many, oldest
end
