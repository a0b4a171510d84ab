-- Finds the audit entry that was stored with an idempotency key.
--
-- KEYS: the idempotency key, audit
-- Answers {} or {{id, {'entry', text}}}.

local id = redis.call('GET', KEYS[1])
if not id then
  return {}
end
return redis.call('XRANGE', KEYS[2], id, id)
