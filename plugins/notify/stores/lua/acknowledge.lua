-- ARGV: 2 id, 3 by whom, 4 '1' if only one of a user is meant, 5 that user
-- Answers: the alert; nothing if there is none

local found = get('a:' .. ARGV[2], 'user', 'known_at')
if not found[1] or (ARGV[4] == '1' and found[1] ~= ARGV[5]) then
  return false
end
if found[2] == '' then
  call('HSET', P .. 'a:' .. ARGV[2], 'known_at', text(now), 'known_by', ARGV[3])
end
return get('a:' .. ARGV[2], unpack(SHOWN))
