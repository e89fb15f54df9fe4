#!lua flags=allow-oom
-- Takes records off a shop's stream that its archive has: those up to a version that the caller
-- has read back from there. Memory that is full is no reason to refuse.
--
-- KEYS: meta, journal
-- ARGV: epoch, the last version to go, its hash in the archive, the version after it
-- Answers {verdict, version, hash, epoch}.
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'version', 'hash')
local epoch, version = stored[1] or '0', stored[2] or '0'
local hash = stored[3] or string.rep('0', 32)
if epoch ~= ARGV[1] then return {'FENCED', version, hash, epoch} end
-- The last entry stays: it says where the shop stands.
if tonumber(version) <= tonumber(ARGV[2]) then return {'BACKWARD', version, hash, epoch} end
local record = redis.call('XRANGE', KEYS[2], ARGV[2] .. '-0', ARGV[2] .. '-0')
if #record == 0 then return {'GONE', version, hash, epoch} end
local there
local fields = record[1][2]
for i = 1, #fields, 2 do
  if fields[i] == 'hash' then there = fields[i + 1] end
end
if there ~= ARGV[3] then return {'CONFLICT', version, hash, epoch} end
redis.call('XTRIM', KEYS[2], 'MINID', '=', ARGV[4] .. '-0')
return {'OK', version, hash, epoch}
