-- Pauses something, or ends that.
--
-- ARGV: 3 what (all, priority:<name>, user:<id>), 4 pause (1) or resume (0)
-- Answers 1, or 0 where it was so already.

local before = answered()
if before[1] then
  return tonumber(before[1])
end

local what, resumes = ARGV[3], ARGV[4] == '0'
local changed = call(resumes and 'SREM' or 'SADD', P .. 'paused', what)
if changed == 1 then
  local user = string.match(what, '^user:(.*)$')
  if user then
    place_all(user)
  elseif what ~= 'all' then
    -- A lane may wait for a later message, while one of this priority is due already.
    revise(true)
  end
  rung = resumes
end
remember({changed})
return done(changed)
