-- ARGV: 2 '1' if only those of a user are meant, 3 that user, 4 severity, 5 known ('' for both,
--       else '1' or '0'), 6 since ('' for all), 7 limit, 8 after which id ('' to begin), 9 how many
--       are looked at
-- Answers: the last id that was looked at ('' if that was all), then the alerts, the newest first

local index = ARGV[2] == '1' and 'of:' .. ARGV[3] or 'ids'
local from = ARGV[8] == '' and '+' or '(' .. ARGV[8]
local ids = call('ZREVRANGEBYLEX', P .. index, from, '-', 'LIMIT', 0, ARGV[9])
local found = {#ids < tonumber(ARGV[9]) and '' or ids[#ids]}
for _, id in ipairs(ids) do
  local row = get('a:' .. id, unpack(SHOWN))
  local known = row[12] ~= '' and '1' or '0'
  if (ARGV[4] == '' or row[5] == ARGV[4])
    and (ARGV[5] == '' or known == ARGV[5])
    and (ARGV[6] == '' or tonumber(row[7]) >= tonumber(ARGV[6])) then
    found[#found + 1] = row
    if #found > tonumber(ARGV[7]) then
      break
    end
  end
end
return found
