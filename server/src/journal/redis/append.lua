#!lua
-- Writes one batch, or says why not. All checks come before the first write: an error in the middle
-- rolls nothing back. The first line makes Redis itself refuse the whole script on a replica, over
-- its memory limit and with a failing disk; without it a demoted master answers from stale data.
--
-- KEYS: meta, journal, documents, document keys, due index, list of shops
-- ARGV: epoch, previous version, previous hash, version, hash, lease in ms, due time or '', shop,
--       head, entries, trailer, then documents: 'P', key, value or 'E', prefix
-- Answers {verdict, version, hash, epoch}, the last three as stored: Lua rounds what it prints.
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'version', 'hash')
local epoch, version = stored[1] or '0', stored[2] or '0'
local hash = stored[3] or string.rep('0', 32)
local ours, previous, made = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])

-- Did this very batch land already? Asked before the fence, so that a deposed writer learns it.
if tonumber(version) >= made then
  local record = redis.call('XRANGE', KEYS[2], ARGV[4] .. '-0', ARGV[4] .. '-0')
  if #record == 0 then return {'GONE', version, hash, epoch} end
  local fields = record[1][2]
  for i = 1, #fields, 2 do
    if fields[i] == 'hash' and fields[i + 1] == ARGV[5] then
      return {'DUP', version, hash, epoch}
    end
  end
end
if tonumber(epoch) > ours then return {'FENCED', version, hash, epoch} end
if tonumber(epoch) < ours or tonumber(version) < previous then
  return {'BACKWARD', version, hash, epoch}
end
if tonumber(version) ~= previous or hash ~= ARGV[3] then
  return {'CONFLICT', version, hash, epoch}
end

redis.call('XADD', KEYS[2], ARGV[4] .. '-0', 'hash', ARGV[5], 'epoch', ARGV[1],
  'entries', ARGV[10], 'head', ARGV[9], 'trailer', ARGV[11])
local i = 12
while ARGV[i] do
  if ARGV[i] == 'P' then
    redis.call('HSET', KEYS[3], ARGV[i + 1], ARGV[i + 2])
    redis.call('ZADD', KEYS[4], 0, ARGV[i + 1])
    i = i + 3
  else
    local erased = redis.call('ZRANGEBYLEX', KEYS[4], '[' .. ARGV[i + 1],
      '(' .. ARGV[i + 1] .. '\255')
    for _, key in ipairs(erased) do
      redis.call('HDEL', KEYS[3], key)
      redis.call('ZREM', KEYS[4], key)
    end
    i = i + 2
  end
end
if ARGV[7] == '' then
  redis.call('ZREM', KEYS[5], ARGV[8])
else
  redis.call('ZADD', KEYS[5], ARGV[7], ARGV[8])
end
if made == 1 then redis.call('ZADD', KEYS[6], 0, ARGV[8]) end
local time = redis.call('TIME')
local held_until = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[6])
redis.call('HSET', KEYS[1], 'version', ARGV[4], 'hash', ARGV[5],
  'until', string.format('%.0f', held_until))
return {'OK', ARGV[4], ARGV[5], epoch}
