-- Returns the messages that a request has brought.
--
-- ARGV: 3 the request, 4 how many at most
-- Answers {record, ..}.

-- What a request is called has no space in it.
local first = ARGV[3] .. ' '
local names = call('ZRANGEBYLEX', P .. 'requests', '[' .. first, '(' .. ARGV[3] .. '!', 'LIMIT', 0, ARGV[4])
local found = {}
for i, name in ipairs(names) do
  found[i] = record(string.sub(name, #first + 1))
end
return found
