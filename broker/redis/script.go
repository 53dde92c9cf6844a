package redis

import (
	"crypto/sha1"
	"encoding/hex"
)

// script is one in Lua, which Redis runs as one step.
type script struct{ text, sha string }

func newScript(body string) script {
	sum := sha1.Sum([]byte(scriptHead + body))
	return script{text: scriptHead + body, sha: hex.EncodeToString(sum[:])}
}

// scriptHead is what scripts begin with. KEYS are meta, row, order and newest.
//
// Fields of meta: e is the epoch, t the top, r the replication id of the server under which the epoch was last used, b the bytes in the row, h those in the
// hash of newest events, l the lineage: the first epoch since the stream was begun from nothing.
//
// open returns the stream as it is. A stream that is not there begins. One that a server has under another replication id, which is one that has
// taken over from another, or has loaded a dump, gets another epoch and goes on, for events may be missing; so does one whose top is
// below what the caller has seen. Meta expires a day later, or 30 days once there was an event, unless somebody opens the stream: what has less than half of that
// left gets all of it again, and what has more is not written to. A server that takes no writes at present does not keep the caller from reading.
//
// trim drops from the beginning of the row what exceeds a bound, 1,000 events at most. An entry of the row has the fields a, which is when it was
// appended in milliseconds since 1970 by the clock of Redis, so that those of hubs don't matter, and d, the message; in this order.
const scriptHead = `
local meta, row, order, newest = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local function text(n) return string.format('%.0f', n) end
local function open(candidate, seenEpoch, seenTop)
  local m = redis.call('HMGET', meta, 'e', 't', 'r', 'b', 'h', 'l')
  local info, id = redis.pcall('INFO', 'replication'), ''
  if type(info) == 'string' then id = string.match(info, 'master_replid:(%x+)') or '' end
  local life = 2592000
  if not m[1] or m[2] == '0' then life = 86400 end
  if not m[1] then
    redis.call('DEL', row, order, newest)
    redis.call('HSET', meta, 'e', candidate, 't', '0', 'r', id, 'b', '0', 'h', '0', 'l', candidate)
    redis.call('EXPIRE', meta, life)
    return {epoch = candidate, top = 0, bytes = 0, held = 0, line = candidate}
  end
  local s = {epoch = m[1], top = tonumber(m[2]), bytes = tonumber(m[4]), held = tonumber(m[5]), line = m[6]}
  if m[3] ~= id or (s.epoch == seenEpoch and s.top < seenTop) then
    redis.call('HSET', meta, 'e', candidate, 'r', id)
    s.epoch = candidate
  end
  if redis.call('TTL', meta) < life / 2 then redis.pcall('EXPIRE', meta, life) end
  return s
end
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local function trim(s, events, bytes, age)
  local n = redis.call('XLEN', row)
  local oldest = 0
  if age > 0 then oldest = now() - age end
  if n == 0 then s.bytes = 0 end
  local from, last, chunk = '-', nil, 1
  for round = 1, 64 do
    if n == 0 or not (n > events or s.bytes > bytes or age > 0) then break end
    local page = redis.call('XRANGE', row, from, '+', 'COUNT', chunk)
    local ended = #page < chunk
    for _, entry in ipairs(page) do
      local data = entry[2][4]
      if not (n > events or s.bytes > bytes or tonumber(entry[2][2]) < oldest) then ended = true break end
      n, s.bytes, last = n - 1, s.bytes - #data, entry[1]
    end
    if ended then break end
    from, chunk = '(' .. last, 16
  end
  if last then
    redis.call('XTRIM', row, 'MINID', text(tonumber(string.match(last, '^%d+')) + 1))
    redis.call('HSET', meta, 'b', text(s.bytes))
  end
  return n
end
`

// appendScript appends an event. A row that goes on behind the top, which no script leaves behind, is begun anew. What meta says of the bytes of a row
// that has expired since, or of newest events that have, does not count. Besides those of scriptHead, KEYS has the idempotency key, if there is one. ARGV:
// candidate, seen epoch, seen top, events, bytes, age in milliseconds or 0, time to live, whether newest events are kept, the command to publish with,
// the channel, data, id.
var appendScript = newScript(`
local s = open(ARGV[1], ARGV[2], tonumber(ARGV[3]))
if KEYS[5] then
  local line, offset = string.match(redis.call('GET', KEYS[5]) or '', '^(.*):(%d+)$')
  if line == s.line and tonumber(offset) <= s.top then return {s.epoch, offset, 1} end
end
local offset, data, ttl = text(s.top + 1), ARGV[11], ARGV[7]
local at = text(now())
local life = math.max(tonumber(ttl), 2592000)
local bytes = tonumber(ARGV[5])
if redis.call('XLEN', row) == 0 then s.bytes = 0 end
local added = redis.pcall('XADD', row, offset .. '-0', 'a', at, 'd', data)
if type(added) == 'table' and added.err then
  if not string.find(added.err, 'equal or smaller') then return added end
  redis.call('DEL', row)
  redis.call('XADD', row, offset .. '-0', 'a', at, 'd', data)
  s.bytes = 0
end
s.bytes = s.bytes + #data
if ARGV[8] == '1' then
  bytes = bytes / 2
  if redis.call('ZCARD', order) == 0 then s.held = 0 end
  s.held = s.held - redis.call('HSTRLEN', newest, ARGV[12]) + #data
  redis.call('HSET', newest, ARGV[12], data)
  redis.call('ZADD', order, offset, ARGV[12])
  for round = 1, 1000 do
    if s.held <= bytes then break end
    local id = redis.call('ZPOPMIN', order)[1]
    if not id then s.held = 0 break end
    s.held = s.held - redis.call('HSTRLEN', newest, id)
    redis.call('HDEL', newest, id)
  end
  redis.call('EXPIRE', order, life)
  redis.call('EXPIRE', newest, life)
end
trim(s, tonumber(ARGV[4]), bytes, tonumber(ARGV[6]))
redis.call('HSET', meta, 't', offset, 'b', text(s.bytes), 'h', text(s.held))
redis.call('EXPIRE', meta, life)
redis.call('EXPIRE', row, ttl)
if KEYS[5] then redis.call('SET', KEYS[5], s.line .. ':' .. offset, 'EX', 300) end
redis.call(ARGV[9], ARGV[10], s.epoch .. ':' .. offset .. '\n' .. data)
return {s.epoch, offset, 0}
`)

// readScript reads a page. ARGV: candidate, seen epoch, seen top, age in milliseconds or 0, after, events, whether survivors are asked for. It returns the epoch, the
// top, the first offset, and then offsets and data in turn. A page has some 4 MiB at most, or one event.
var readScript = newScript(`
local s = open(ARGV[1], ARGV[2], tonumber(ARGV[3]))
local n = trim(s, math.huge, math.huge, tonumber(ARGV[4]))
local after, count = tonumber(ARGV[5]), tonumber(ARGV[6])
local first = s.top + 1
local head = redis.call('XRANGE', row, '-', '+', 'COUNT', 1)[1]
if head then first = tonumber(string.match(head[1], '^%d+')) end
local page = {s.epoch, text(s.top), text(first)}
if ARGV[7] == '1' then
  local size, ids = 0, redis.call('ZRANGEBYSCORE', order, '(' .. text(after), '(' .. text(first), 'WITHSCORES', 'LIMIT', 0, count)
  for i = 1, #ids, 2 do
    local data = redis.call('HGET', newest, ids[i])
    if data and (size == 0 or size + #data <= 4194304) then
      size = size + #data
      page[#page + 1] = text(tonumber(ids[i + 1]))
      page[#page + 1] = data
    elseif data then break end
  end
  return page
end
if n > 0 and s.bytes > 0 then count = math.max(1, math.min(count, math.floor(4194304 * n / s.bytes))) end
for _, entry in ipairs(redis.call('XRANGE', row, text(math.max(after + 1, first)), '+', 'COUNT', count)) do
  page[#page + 1] = string.match(entry[1], '^%d+')
  page[#page + 1] = entry[2][4]
end
return page
`)

// topScript returns epoch and top. ARGV: candidate, seen epoch, seen top.
var topScript = newScript(`
local s = open(ARGV[1], ARGV[2], tonumber(ARGV[3]))
return {s.epoch, text(s.top)}
`)

var scripts = []script{appendScript, readScript, topScript}
