-- Counts.
--
-- Answers {depth as pairs, the due time of the oldest of each priority that is due (or ''), how
-- many in the last minute were enqueued, sent, dead, uncertain, cancelled, and in the last hour, what
-- is paused}.

local oldest = {}
for priority = 0, 3 do
  local first = call('ZRANGE', P .. 'due:' .. priority, 0, 0, 'WITHSCORES')
  oldest[#oldest + 1] = first[2] and tonumber(first[2]) <= now and first[2] or ''
end

local KINDS = {enqueued = 1, sent = 2, dead = 3, uncertain = 4, cancelled = 5}
local minute, hour = {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}
for number = math.floor(now / 60) - 60, math.floor(now / 60) do
  local found = call('HGETALL', P .. 'rates:' .. number)
  for i = 1, #found, 2 do
    local what, second = string.match(found[i], '^(%a+):(%d+)$')
    local kind, ago = KINDS[what], math.floor(now) - tonumber(second)
    minute[kind] = minute[kind] + (ago < 60 and found[i + 1] or 0)
    hour[kind] = hour[kind] + (ago < 3600 and found[i + 1] or 0)
  end
end
return {call('HGETALL', P .. 'depth'), oldest, minute, hour, call('SMEMBERS', P .. 'paused')}
