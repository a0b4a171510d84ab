-- Reads a part of an index, and returns what fits the filter.
--
-- ARGV: 3 index, 4 the id after which to begin ('' for the first), 5 how many to look at, 6 how many
--       to return, 7 priority ('' for any)
-- Answers {the last id looked at ('' where it is the end), record, ..}.

local from = ARGV[4] == '' and '-' or '(' .. ARGV[4]
local ids = call('ZRANGEBYLEX', P .. ARGV[3], from, '+', 'LIMIT', 0, ARGV[5])
local found = {''}

local function fits(id)
  return ARGV[7] == '' or call('HGET', P .. 'm:' .. id, 'priority') == ARGV[7]
end

for looked, id in ipairs(ids) do
  if fits(id) then
    found[#found + 1] = record(id)
  end
  if looked == tonumber(ARGV[5]) or #found > tonumber(ARGV[6]) then
    found[1] = id
    break
  end
end
return found
