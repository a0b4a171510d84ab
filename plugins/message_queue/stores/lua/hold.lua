-- What a worker does with a message that it has.
--
-- ARGV: 3 id, 4 generation of its receipt, 5 which: begin, extend (6 seconds); sent (6 the
--       platform's id); retry (6 due, 7 code, 8 why); throttle (6 until, 7 why, 8 until when the
--       whole user is put off); bury, park (6 code, 7 why)
-- Answers 1, or 0 where the receipt is of no use any more.

local m = load(ARGV[3])
if not m then
  return 0
elseif m.by == TOKEN then
  return 1 -- The same call once more, because its first answer was lost.
elseif not FLIGHT[m.state] or m.gen ~= tonumber(ARGV[4]) or m.lease <= now then
  return 0
end

local deeds = {}

function deeds.begin()
  change(m, 'sending', {lease = now + tonumber(ARGV[6])})
  return 1
end

function deeds.extend()
  set(m, {lease = now + tonumber(ARGV[6])})
  return 1
end

function deeds.sent()
  forget(m)
  change(m, 'sent', {platform = ARGV[6], code = '', why = ''})
  return 1
end

function deeds.retry()
  fail(m, tonumber(ARGV[6]), 'dead', ARGV[7], ARGV[8])
  return 1
end

function deeds.throttle()
  local whole_user = tonumber(ARGV[8])
  if whole_user > now then
    call('ZREM', P .. 'leases', m.id) -- Frees memory first: a full Redis does not refuse the rest.
    call('ZADD', P .. 'off', 'GT', whole_user, m.user)
  end
  -- A message that may go as soon as its user may keeps its place among his.
  local due = tonumber(ARGV[6])
  if due <= math.max(now, put_off(m.user)) then
    due = m.due
  end
  change(m, 'queued', {due = due, throttles = m.throttles + 1, code = '', why = ARGV[7]})
  return 1
end

function deeds.bury()
  change(m, 'dead', {code = ARGV[6], why = ARGV[7]})
  return 1
end

function deeds.park()
  change(m, 'uncertain', {code = ARGV[6], why = ARGV[7]})
  return 1
end

return done(deeds[ARGV[5]]())
