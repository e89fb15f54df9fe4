#!lua flags=allow-oom
-- Gives a shop to a node for the length of a lease. Raises the epoch each time, also for the node
-- that has the shop already: whatever wrote before is fenced from here on.
--
-- KEYS: meta, journal
-- ARGV: node, lease in ms, and what the node has seen of the shop: epoch, version, hash
-- Answers {verdict, version, hash, epoch, holder, ms left}. BEHIND and OTHER are granted as well, so
-- that nobody else goes on with a history that is not the one this node has seen; so is LEFT, where
-- the stream begins later than that, and the archive has to tell.
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'version', 'hash', 'node', 'until')
local epoch, version = stored[1] or '0', stored[2] or '0'
local hash = stored[3] or string.rep('0', 32)
local holder = stored[4] or ''
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = tonumber(stored[5] or '0') - now
if holder ~= '' and holder ~= ARGV[1] and left > 0 then
  return {'HELD', version, hash, epoch, holder, string.format('%.0f', left)}
end

local function hash_at(id)
  local record = redis.call('XRANGE', KEYS[2], id, id)
  if #record == 0 then return nil end
  local fields = record[1][2]
  for i = 1, #fields, 2 do
    if fields[i] == 'hash' then return fields[i + 1] end
  end
end
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
local top = '0-0'
if #last == 1 then top = last[1][1] end
if top ~= version .. '-0' or (version ~= '0' and hash_at(top) ~= hash) then
  return {'CORRUPT', version, hash, epoch, holder, '0'}
end

local granted = string.format('%.0f', math.max(tonumber(epoch), tonumber(ARGV[3])) + 1)
redis.call('HSET', KEYS[1], 'epoch', granted, 'node', ARGV[1],
  'until', string.format('%.0f', now + tonumber(ARGV[2])))
local verdict = 'OK'
if tonumber(version) < tonumber(ARGV[4]) then
  verdict = 'BEHIND'
elseif ARGV[4] ~= '0' then
  local seen = hash_at(ARGV[4] .. '-0')
  if not seen then
    verdict = 'LEFT'
  elseif seen ~= ARGV[5] then
    verdict = 'OTHER'
  end
end
return {verdict, version, hash, granted, ARGV[1], ARGV[2]}
