#!lua flags=no-writes
-- A page of documents in the order of their keys, keys and values by turns.
--
-- KEYS: documents, document keys
-- ARGV: where to begin, where to end (both as ZRANGEBYLEX has it), how many
local page = {}
for _, key in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
  page[#page + 1] = key
  page[#page + 1] = redis.call('HGET', KEYS[1], key) or ''
end
return page
