-- ARGV: 2 keep, 3 dead, 4 dead_keep
-- Answers: how many alerts and dead deliveries were forgotten

local many = 0
local before = now - tonumber(ARGV[2])
for _, id in ipairs(call('ZRANGE', P .. 'ids', 0, -1)) do
  local found = get('a:' .. id, 'at', 'last', 'told')
  if tonumber(found[1]) >= before then
    break -- ids are in the order of time
  end
  -- `told` is of this clock; the others are of the replica's that has raised it.
  if tonumber(found[2]) < before and tonumber(found[3]) < before then
    forget_alert(id)
    many = many + 1
  end
end
local old = call('ZRANGEBYSCORE', P .. 'dead', '-inf', '(' .. text(now - tonumber(ARGV[4])))
for _, id in ipairs(old) do
  call('ZREM', P .. 'dead', id)
  call('DEL', P .. 'd:' .. id)
  many = many + 1
end
for _, id in ipairs(call('ZRANGE', P .. 'dead', 0, -(tonumber(ARGV[3]) + 1))) do
  call('ZREM', P .. 'dead', id)
  call('DEL', P .. 'd:' .. id)
  many = many + 1
end
return many
