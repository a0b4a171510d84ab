-- ARGV: 2 `again` or `drop`, 3 delivery ('' for all), 4 channel ('' for all), 5 give_up
-- Answers: how many

local ids = ARGV[3] ~= '' and {ARGV[3]} or call('ZRANGE', P .. 'dead', 0, -1)
table.sort(ids, function(a, b) return tonumber(a) < tonumber(b) end)
local many = 0
for _, id in ipairs(ids) do
  local one = get('d:' .. id, 'channel', 'identity', 'at')
  local meant = call('ZSCORE', P .. 'dead', id) and (ARGV[4] == '' or ARGV[4] == one[1])
  if meant then
    many = many + 1
    call('ZREM', P .. 'dead', id)
    if ARGV[2] == 'drop' then
      call('DEL', P .. 'd:' .. id)
    else
      call('HSET', P .. 'd:' .. id, 'dead', '', 'why', '', 'attempts', 0, 'due', text(now),
        'expires', text(now + tonumber(ARGV[5])))
      join(id, one[1], one[2], tonumber(one[3]))
    end
  end
end
if many > 0 and ARGV[2] == 'again' then
  call('PUBLISH', P .. 'bell', '')
end
return many
