-- Reads a message.
--
-- ARGV: 3 id
-- Answers its record, or nothing.

local found = record(ARGV[3])
return found[1] and found
