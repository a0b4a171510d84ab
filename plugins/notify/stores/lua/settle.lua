-- ARGV: 2 `delivered`, `failed` or `bury`, 3 due, 4 why, then pairs: delivery, generation
-- Answers: how many were delivered, or are dead

local many = 0
for place = 5, #ARGV, 2 do
  local id = ARGV[place]
  local one = get('d:' .. id, 'channel', 'identity', 'gen', 'lease', 'expires')
  if one[1] and ARGV[2] ~= 'delivered' then
    call('ZREM', P .. 'sends:' .. one[1], id .. ':' .. ARGV[place + 1])
  end
  if one[1] and one[3] == ARGV[place + 1] and one[4] ~= '' and tonumber(one[4]) > now then
    if ARGV[2] == 'delivered' then
      leave(id, one[1], one[2])
      call('DEL', P .. 'd:' .. id)
      many = many + 1
    elseif ARGV[2] == 'bury' or tonumber(ARGV[3]) >= tonumber(one[5]) then
      die(id, one[1], one[2], ARGV[4])
      many = many + 1
    else
      call('HSET', P .. 'd:' .. id, 'lease', '', 'due', ARGV[3], 'why', ARGV[4])
      call('ZREM', P .. 'leases:' .. one[1], id)
      arm(one[1], one[2])
    end
  end
end
return many
