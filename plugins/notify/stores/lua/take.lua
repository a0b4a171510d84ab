-- ARGV: 2 repeat, 3 give_up, 4 waiting, 5 listed, 6 '1' if it resolves, 7.. the notice: id,
--       identity, name, subject, text, severity, user, at; 15 as JSON; 16 what it compares, as
--       JSON; then pairs: channel, free
-- Answers: what; channels for which it waits; channels for which there is no room

local id, identity, severity, at = ARGV[7], ARGV[8], ARGV[12], ARGV[14]

local function queue(told)
  local queued, full = {}, {}
  for place = 17, #ARGV, 2 do
    local channel = ARGV[place]
    if told == nil or told[channel] then
      if call('ZCARD', P .. 'live:' .. channel) >= tonumber(ARGV[4]) then
        full[#full + 1] = channel
      else
        local made = tostring(call('INCR', P .. 'seq'))
        call('HSET', P .. 'd:' .. made,
          'id', made, 'channel', channel, 'notice', ARGV[15], 'at', text(now), 'due', text(now),
          'expires', text(now + tonumber(ARGV[3])), 'attempts', 0, 'gen', 0, 'dead', '', 'why', '',
          'identity', identity, 'free', ARGV[place + 1], 'lease', '')
        join(made, channel, identity, now)
        queued[#queued + 1] = channel
      end
    end
  end
  if #queued > 0 then
    call('PUBLISH', P .. 'bell', id)
  end
  return queued, full
end

local function finish(alert, how)
  call('HSET', P .. 'a:' .. alert, 'ended_at', at, 'ended', how)
  call('HDEL', P .. 'open', identity)
end

local open = call('HGET', P .. 'open', identity)

if ARGV[6] == '1' then
  if not open then
    return {'nothing', {}, {}}
  end
  local told = {}
  for _, channel in ipairs(cjson.decode(get('a:' .. open, 'channels')[1])) do
    told[channel] = true
  end
  finish(open, 'resolved')
  local queued, full = queue(told)
  return {'ended', queued, full}
end

if open then
  local found = get('a:' .. open, 'severity', 'told', 'last')
  local worse = RANK[severity] > RANK[found[1]]
  if not worse and now < tonumber(found[2]) + tonumber(ARGV[2]) then
    -- The same one again, as a script that was sent twice: nothing is counted.
    if open ~= id then
      call('HINCRBY', P .. 'a:' .. open, 'count', 1)
      local last = tonumber(at) > tonumber(found[3]) and at or found[3]
      call('HSET', P .. 'a:' .. open, 'last', last, 'text', ARGV[11],
        'measured', ARGV[16])
    end
    return {'again', {}, {}}
  end
  finish(open, 'replaced')
end

local queued, full = queue(nil)
call('HSET', P .. 'a:' .. id,
  'id', id, 'identity', identity, 'name', ARGV[9], 'subject', ARGV[10], 'text', ARGV[11],
  'severity', severity, 'user', ARGV[13], 'at', at, 'last', at, 'told', text(now), 'count', 1,
  'ended_at', '', 'ended', '', 'known_at', '', 'known_by', '', 'measured', ARGV[16],
  'channels', #queued > 0 and cjson.encode(queued) or '[]')
call('HSET', P .. 'open', identity, id)
call('ZADD', P .. 'ids', 0, id)
call('ZADD', P .. 'of:' .. ARGV[13], 0, id)
for _, old in ipairs(call('ZRANGE', P .. 'ids', 0, -(tonumber(ARGV[5]) + 1))) do
  forget_alert(old)
end
return {'told', queued, full}
