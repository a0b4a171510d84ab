-- Counts the queued messages of the same user that go before one.
--
-- ARGV: 3 id
-- Answers a number, or nothing where it is not queued.

local m = load(ARGV[3])
if not m or m.state ~= 'queued' then
  return false
end

local ahead = 0
for class = 0, m.class - 1 do
  for _, priority in ipairs(WITHIN[class]) do
    ahead = ahead + call('ZCARD', lane_key(class, priority, m.user))
  end
end
local due = string.format('%.17g', m.due)
for _, priority in ipairs(WITHIN[m.class]) do
  local lane = lane_key(m.class, priority, m.user)
  -- Those that are due at the same time are in the order of their ids.
  local low, high = call('ZCOUNT', lane, '-inf', '(' .. due), call('ZCOUNT', lane, '-inf', due)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if call('ZRANGE', lane, middle, middle)[1] < m.id then
      low = middle + 1
    else
      high = middle
    end
  end
  ahead = ahead + low
end
return ahead
