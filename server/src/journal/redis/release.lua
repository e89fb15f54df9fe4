#!lua flags=allow-oom
-- Gives a shop back before its lease is over, unless somebody has it already. The epoch stays.
--
-- KEYS: meta
-- ARGV: epoch, node
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'node')
if stored[1] == ARGV[1] and stored[2] == ARGV[2] then
  redis.call('HSET', KEYS[1], 'until', '0')
end
return {'OK', '0', '', ARGV[1]}
