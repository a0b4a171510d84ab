-- ARGV: 2 '1' for the dead ones, 3 channel ('' for all), 4 limit
-- Answers: the deliveries, by id

local ids = {}
if ARGV[2] == '1' then
  ids = call('ZRANGE', P .. 'dead', 0, -1)
else
  for _, channel in ipairs(call('SMEMBERS', P .. 'channels')) do
    if ARGV[3] == '' or ARGV[3] == channel then
      for _, id in ipairs(call('ZRANGE', P .. 'live:' .. channel, 0, -1)) do
        ids[#ids + 1] = id
      end
    end
  end
end
table.sort(ids, function(a, b) return tonumber(a) < tonumber(b) end)
local found = {}
for _, id in ipairs(ids) do
  if #found >= tonumber(ARGV[4]) then
    break
  end
  if ARGV[3] == '' or get('d:' .. id, 'channel')[1] == ARGV[3] then
    found[#found + 1] = get('d:' .. id, unpack(DELIVERY))
  end
end
return found
