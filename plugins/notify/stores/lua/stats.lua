-- Answers: of each channel for which something waits, its name, how many, since when the oldest;
--          then of each channel with dead ones, its name and how many

local live, dead, counts = {}, {}, {}
for _, channel in ipairs(call('SMEMBERS', P .. 'channels')) do
  local many = call('ZCARD', P .. 'live:' .. channel)
  if many > 0 then
    local oldest = call('ZRANGE', P .. 'live:' .. channel, 0, 0, 'WITHSCORES')[2]
    live[#live + 1] = {channel, many, oldest}
  end
end
for _, id in ipairs(call('ZRANGE', P .. 'dead', 0, -1)) do
  local channel = get('d:' .. id, 'channel')[1]
  counts[channel] = (counts[channel] or 0) + 1
end
for channel, many in pairs(counts) do
  dead[#dead + 1] = {channel, many}
end
return {live, dead}
