#!lua
-- Keeps the newest snapshot of a shop, if it lies on the shop's history, and where the one before
-- it was taken.
--
-- KEYS: meta, journal, snapshot
-- ARGV: epoch, version, hash, bytes, the hash that the archive has at that version, or ''
-- Answers {verdict, version, hash, epoch}.
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'version', 'hash')
local epoch, version = stored[1] or '0', stored[2] or '0'
local hash = stored[3] or string.rep('0', 32)
if epoch ~= ARGV[1] then return {'FENCED', version, hash, epoch} end
if tonumber(version) < tonumber(ARGV[2]) then return {'BACKWARD', version, hash, epoch} end
local there
if ARGV[2] == '0' then
  there = string.rep('0', 32)
elseif ARGV[2] == version then
  there = hash
else
  local record = redis.call('XRANGE', KEYS[2], ARGV[2] .. '-0', ARGV[2] .. '-0')
  if #record == 0 and ARGV[5] == '' then return {'GONE', version, hash, epoch} end
  there = ARGV[5]
  if #record == 1 then
    local fields = record[1][2]
    for i = 1, #fields, 2 do
      if fields[i] == 'hash' then there = fields[i + 1] end
    end
  end
end
if there ~= ARGV[3] then return {'CONFLICT', version, hash, epoch} end
local kept = redis.call('HMGET', KEYS[3], 'version', 'hash')
if kept[1] and tonumber(kept[1]) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[3], 'previous_version', kept[1], 'previous_hash', kept[2])
end
if not kept[1] or tonumber(kept[1]) <= tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[3], 'version', ARGV[2], 'hash', ARGV[3], 'bytes', ARGV[4])
end
return {'OK', version, hash, epoch}
