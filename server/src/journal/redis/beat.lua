#!lua flags=allow-oom
-- Says that a node is there, and answers with all nodes that said so lately, by Redis' clock.
--
-- KEYS: nodes (a sorted set of names by when they spoke), addresses (a hash)
-- ARGV: node, what others are told of it, lately in ms; an empty text takes the node out
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
end
-- Nodes that never come back are forgotten after a day.
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - 86400000)
for _, node in ipairs(gone) do
  redis.call('ZREM', KEYS[1], node)
  redis.call('HDEL', KEYS[2], node)
end
local answer = {}
for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[3], '+inf')) do
  answer[#answer + 1] = node
  answer[#answer + 1] = redis.call('HGET', KEYS[2], node) or ''
end
return answer
