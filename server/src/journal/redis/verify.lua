#!lua flags=allow-oom
-- Whether a writer could append now; renews its lease if that is asked for. Otherwise nothing is
-- written, so that a shop with many questions costs no sync each.
--
-- KEYS: meta
-- ARGV: epoch, version, hash, lease in ms, or '' to leave the lease as it is
-- Answers {verdict, version, hash, epoch}.
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'version', 'hash')
local epoch, version = stored[1] or '0', stored[2] or '0'
local hash = stored[3] or string.rep('0', 32)
local ours, expected = tonumber(ARGV[1]), tonumber(ARGV[2])
if tonumber(epoch) > ours then return {'FENCED', version, hash, epoch} end
if tonumber(epoch) < ours or tonumber(version) < expected then
  return {'BACKWARD', version, hash, epoch}
end
if tonumber(version) ~= expected or hash ~= ARGV[3] then
  return {'CONFLICT', version, hash, epoch}
end
if ARGV[4] ~= '' then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + tonumber(ARGV[4])))
end
return {'OK', version, hash, epoch}
