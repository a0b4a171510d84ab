-- What a person does with a message.
--
-- ARGV: 3 id, 4 which: approve (5 the approval); cancel; requeue (5 when it expires); settle (5 the
--       state, 6 code, 7 why)
-- Answers its record, or nothing where it is in a state in which that cannot be done.

local m = load(ARGV[3])
if not m then
  return false
elseif m.by == TOKEN then
  return record(m.id) -- The same call once more, because its first answer was lost.
end

local deeds = {}

function deeds.approve()
  if m.state ~= 'held' then
    return false
  end
  call('HSET', P .. 'm:' .. m.id, 'approval', ARGV[5])
  change(m, 'queued', {code = '', why = ''})
  return true
end

function deeds.cancel()
  if m.state ~= 'held' and m.state ~= 'queued' then
    return false
  end
  forget(m)
  change(m, 'cancelled')
  return true
end

function deeds.requeue()
  if m.state ~= 'dead' and m.state ~= 'uncertain' and m.state ~= 'queued' then
    return false
  end
  local fields = {due = now, class = m.priority}
  if m.state == 'queued' then
    fields = {due = math.min(m.due, now)}
  end
  fields.expires, fields.attempts, fields.throttles = tonumber(ARGV[5]), 0, 0
  fields.code, fields.why = '', ''
  change(m, 'queued', fields)
  return true
end

function deeds.settle()
  local state = ARGV[5]
  local waits = m.state == 'held' or m.state == 'queued'
  if m.state ~= 'uncertain' and not (waits and state == 'dead') then
    return false
  end
  if state == 'sent' then
    forget(m)
  end
  change(m, state, {code = ARGV[6], why = ARGV[7]})
  return true
end

return done(deeds[ARGV[4]]() and record(m.id))
