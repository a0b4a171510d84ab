-- Reads the audit, the newest first.
--
-- KEYS: audit; for one rollout alone its part of it, too (which holds ids alone)
-- ARGV: 1 where to begin (+, or ( and an id), 2 how many
-- Answers {{id, {'entry', text}}, ..}.

if #KEYS == 1 then
  return redis.call('XREVRANGE', KEYS[1], ARGV[1], '-', 'COUNT', ARGV[2])
end

local found = {}
for _, part in ipairs(redis.call('XREVRANGE', KEYS[2], ARGV[1], '-', 'COUNT', ARGV[2])) do
  local entry = redis.call('XRANGE', KEYS[1], part[1], part[1])[1]
  if entry then
    found[#found + 1] = entry
  end
end
return found
