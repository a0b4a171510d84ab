-- Stores a message, and leases it to who put it where that was asked for and can be.
--
-- ARGV: 3 id, 4 body, 5 text, 6 approval ('' for none), 7 user, 8 priority, 9 size, 10 dedupe key,
--       11 due, 12 expires, 13 attempts, 14 most live messages, 15 and 16 messages and bytes of one
--       user, 17 messages of one user in flight, 18 seconds of the lease ('' for none),
--       19 the request that brought it ('' for none)
-- Answers {'made' or 'known', record} or {'full', which bound}.

local id, user, priority, size = ARGV[3], ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local dedupe, due, expires = ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12])
local in_flight, lease = tonumber(ARGV[17]), tonumber(ARGV[18])

bound(in_flight)
local maker = call('HGET', P .. 'm:' .. id, 'maker')
if maker == TOKEN then
  return {'made', record(id)} -- The same call once more, because its first answer was lost.
end
local known = maker and id or dedupe ~= '' and call('HGET', P .. 'keys', dedupe)
if known then
  return {'known', record(known)}
end

local has = call('HMGET', P .. 'user:' .. user, 'live', 'bytes')
if tonumber(meta('live') or '0') >= tonumber(ARGV[14]) then
  return {'full', 'messages'}
elseif tonumber(has[1] or '0') >= tonumber(ARGV[15]) then
  return {'full', 'user_messages'}
elseif tonumber(has[2] or '0') + size > tonumber(ARGV[16]) then
  return {'full', 'user_bytes'}
end

-- Would it overtake one of the same user that is due?
local function overtakes()
  for class = 0, priority do
    for _, other in ipairs(WITHIN[class]) do
      if call('ZCOUNT', lane_key(class, other, user), '-inf', now) > 0 then
        return true
      end
    end
  end
  return false
end

local function leasable()
  return due <= now and now < expires and put_off(user) <= now and free(user, in_flight)
    and not paused('all') and not paused('priority:' .. PRIORITIES[priority]) and not overtakes()
end

local m = {
  id = id, user = user, priority = priority, size = size, key = dedupe, most = tonumber(ARGV[13]),
  state = 'queued', class = priority, due = due, aged = now, expires = expires, attempts = 0,
  throttles = 0, gen = 0, lease = 0, changed = now, platform = '', code = '', why = '', by = TOKEN,
}
if ARGV[6] == '' then
  m.state = 'held'
elseif lease and leasable() then
  m.state, m.gen, m.lease = 'leased', 1, now + lease
end
call('HSET', P .. 'm:' .. id, 'body', ARGV[4], 'text', ARGV[5], 'approval', ARGV[6],
  'user', user, 'priority', priority, 'size', size, 'key', dedupe, 'most', m.most, 'maker', TOKEN,
  'request', ARGV[19], unpack(changing(m)))
call('ZADD', P .. 'ids', 0, id)
call('ZADD', P .. 'of:' .. user, 0, id)
if dedupe ~= '' then
  call('HSET', P .. 'keys', dedupe, id)
end
if ARGV[19] ~= '' then
  call('ZADD', P .. 'requests', 0, ARGV[19] .. ' ' .. id)
end
happened('enqueued')
index(m, 1)
count(m, 1, one(FLIGHT[m.state]))
if FLIGHT[m.state] then
  place_all(user)
else
  place(priority, user)
end
return done({'made', record(id)})
