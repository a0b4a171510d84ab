-- Says when there is something to claim or to set right.
--
-- Answers Unix seconds as text, or nothing.

local first
local function consider(at)
  first = at and math.min(first or at, at) or first
end

local function least(key)
  return tonumber(call('ZRANGE', P .. key, 0, 0, 'WITHSCORES')[2])
end

consider(least('leases'))
consider(least('deadlines'))
consider(least('aging'))
if not paused('all') then
  for class = 0, 3 do
    consider(least('waiting:' .. class))
    if call('EXISTS', P .. 'ready:' .. class) == 1 then
      consider(now)
    end
  end
end
return first and string.format('%.17g', first)
