-- ARGV: 2 channel, 3 messages and 4 seconds of its cap
-- Answers: when there may be something to claim; nothing if nothing waits

local channel = ARGV[2]
local moments = {}

local function sooner(free, at)
  if not moments[free] or at < moments[free] then
    moments[free] = at
  end
end

for _, index in ipairs({'due:', 'leases:'}) do
  local found = call('ZRANGE', P .. index .. channel, 0, -1, 'WITHSCORES')
  for place = 1, #found, 2 do
    sooner(get('d:' .. found[place], 'free')[1], tonumber(found[place + 1]))
  end
end
local _, oldest = counted(channel, tonumber(ARGV[3]), tonumber(ARGV[4]))
if moments['0'] and oldest then
  moments['0'] = math.max(moments['0'], oldest + tonumber(ARGV[4]))
end
local soonest = moments['0'] or moments['1']
if not soonest then
  return false
end
return text(math.min(soonest, moments['1'] or soonest))
