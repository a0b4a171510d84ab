-- Removes messages that have ended.
--
-- ARGV: 3 state, 4 last changed before this, 5 how many at most
-- Answers how many it were.

local before = answered()
if before[1] then
  return tonumber(before[1])
end

local old = call('ZRANGEBYSCORE', P .. 'since:' .. ARGV[3], '-inf', '(' .. ARGV[4], 'LIMIT', 0, ARGV[5])
for _, id in ipairs(old) do
  local m = load(id)
  index(m, -1)
  call('ZREM', P .. 'ids', id)
  call('ZREM', P .. 'of:' .. m.user, id)
  if m.key ~= '' then
    call('HDEL', P .. 'keys', m.key)
  end
  local request = call('HGET', P .. 'm:' .. id, 'request')
  call('ZREM', P .. 'requests', request .. ' ' .. id)
  call('DEL', P .. 'm:' .. id)
end
remember({#old})
return #old
