"""The scripts, in the Lua of Redis 7.0. Every script that writes is given the keys `writer` and the beginning of all keys, and
begins with `local ttl = ...`: the seconds that a key lives which its write has made."""

from vigia.readmodel.store.redis_store.keys import HOLD_MS

LOST = "LOST"
"""How the error of a script begins if another console writes now."""

_PUT = (
    f"""
local writer, whole = KEYS[1], KEYS[2]
if redis.call('GET', writer) ~= ARGV[1] then return redis.error_reply('{LOST}: another console writes') end
redis.call('PEXPIRE', writer, {HOLD_MS})
"""
    + """

-- A key ends by itself: whoever makes it says when, and the console that writes renews all keys each hour.
local function zadd(key, score, member)
  if redis.call('ZADD', key, score, member) == 1 and redis.call('ZCARD', key) == 1 then redis.call('EXPIRE', key, ttl) end
end
local function hset(key, ...)
  local added = redis.call('HSET', key, ...)
  if added > 0 and redis.call('HLEN', key) == added then redis.call('EXPIRE', key, ttl) end
end
local function next_number(table)
  local key = whole .. table .. ':number'
  local given = redis.call('INCR', key)
  if given == 1 then redis.call('EXPIRE', key, ttl) end
  return given
end

-- Puts a row with its indexes in place of the one before; without meta it is removed.
local function put(table, id, meta, row)
  local at = whole .. table .. ':'
  local before = redis.call('HGET', at .. 'meta', id)
  local sets, lexes = meta and meta.sets or {}, {}
  for _, one in ipairs(meta and meta.lexes or {}) do lexes[one[1] .. '\\0' .. one[2]] = one end
  if before then
    local old = cmsgpack.unpack(before)
    for set in pairs(old.sets) do
      if sets[set] == nil then redis.call('ZREM', at .. set, id) end
    end
    for _, one in ipairs(old.lexes) do
      if lexes[one[1] .. '\\0' .. one[2]] == nil then redis.call('ZREM', at .. one[1], one[2]) end
    end
    for name, group in pairs(old.groups) do
      local left = 0
      for n, number in ipairs(old.sums) do
        local now = redis.call('HINCRBY', at .. name, n .. '\\0' .. group, string.format('%.0f', -number))
        if n == 1 then left = now end
      end
      if left == 0 then
        for n in ipairs(old.sums) do redis.call('HDEL', at .. name, n .. '\\0' .. group) end
      end
    end
  end
  if not meta then
    for _, part in ipairs({'rows', 'meta', 'text'}) do redis.call('HDEL', at .. part, id) end
    return
  end
  for set, score in pairs(sets) do zadd(at .. set, score, id) end
  for _, one in pairs(lexes) do zadd(at .. one[1], 0, one[2]) end
  for name, group in pairs(meta.groups) do
    for n, number in ipairs(meta.sums) do
      redis.call('HINCRBY', at .. name, n .. '\\0' .. group, string.format('%.0f', number))
    end
    if redis.call('HLEN', at .. name) == #meta.sums then redis.call('EXPIRE', at .. name, ttl) end
  end
  hset(at .. 'rows', id, row)
  hset(at .. 'meta', id, cmsgpack.pack(meta))
  if meta.text then hset(at .. 'text', id, meta.text) end
end

local function owner(id) return #id .. ':' .. id .. '\\0' end
local function belonging(lex, id) return redis.call('ZLEXCOUNT', whole .. lex, '[' .. owner(id), '[' .. owner(id) .. '\\255') end

-- Whether a customer is among those with alarms that stand.
local function count_alarms(customer)
  local loss = redis.call('ZSCORE', whole .. 'customers:loss', customer)
  if loss and belonging('alarms:standing', customer) > 0 then
    zadd(whole .. 'customers:alarms=open', loss, customer)
  else
    redis.call('ZREM', whole .. 'customers:alarms=open', customer)
  end
end

local function digits(number) return string.format('%016.0f', number) end

-- The indexes of an alarm follow from its columns.
local function put_alarm(c)
  local sets = {}
  for _, state in ipairs({c.state, 'all'}) do
    sets['urgent/' .. state] = c.severity * 1e13 - math.min(c.loss, 9e12)
    sets['raised/' .. state] = c.raised
  end
  for _, name in ipairs({'kind', 'severity', 'tier', 'stage', 'store', 'about'}) do
    if c[name] ~= nil then sets[name .. '=' .. c[name]] = c.raised end
  end
  local stands = c.state == 'open' or c.state == 'acknowledged' or c.state == 'snoozed'
  if c.state == 'snoozed' then sets.snoozed = c.snoozed_until end
  if not stands then sets.ended = c.changed end
  local lexes = {}
  if c.customer then
    lexes[1] = {'of', owner(c.customer) .. digits(c.raised) .. c.id}
    if stands then lexes[2] = {'standing', owner(c.customer) .. c.id} end
  end
  local ended = c.state == 'settled' and (c.outcome or 'expired') or c.state
  local group = table.concat({c.kind, c.state, ended, c.is_change and '1' or '0', c.store or ''}, '\\0')
  put('alarms', c.id, {sets = sets, lexes = lexes, groups = {groups = group}, sums = {1}}, cmsgpack.pack(c))
  if c.customer then count_alarms(c.customer) end
end
"""
)

PUT = f"""{_PUT}
put(ARGV[2], ARGV[3], ARGV[4] ~= '' and cmsgpack.unpack(ARGV[4]) or nil, ARGV[5])
if ARGV[2] == 'customers' then count_alarms(ARGV[3]) end
return 1
"""
"""Put a row: the table, its id, the meta as MessagePack (empty to remove it), and the row."""

ADD = f"""{_PUT}
if redis.call('HEXISTS', whole .. ARGV[2] .. ':rows', ARGV[3]) == 1 then return 0 end
local meta, given = cmsgpack.unpack(ARGV[4]), next_number(ARGV[2])
for _, one in ipairs(meta.lexes) do one[2] = one[2] .. digits(given) .. ARGV[3] end
meta.sets.number_of = given
put(ARGV[2], ARGV[3], meta, ARGV[5])
return given
"""
"""Add a row, unless it is there, and number it; the number and the id are put at the end of its texts. As `PUT`."""

CHANGE = f"""{_PUT}
local id, meta, by_people = ARGV[2], cmsgpack.unpack(ARGV[3]), ARGV[7] == '1'
local alarm = ARGV[5]
if redis.call('HEXISTS', whole .. 'changes:rows', id) == 0 then
  local given = next_number('changes')
  for _, one in ipairs(meta.lexes) do one[2] = one[2] .. digits(given) .. id end
  meta.sets.number_of = given
  put('changes', id, meta, ARGV[4])
  if ARGV[6] ~= '' then
    local new, before = cmsgpack.unpack(ARGV[6]), redis.call('HGET', whole .. 'alarms:rows', alarm)
    if before then
      local old = cmsgpack.unpack(before)
      new.taken_by, new.snoozed_until, new.people = old.taken_by, old.snoozed_until, old.people
      if ARGV[8] == '1' then new.raised = old.raised end
    end
    new.newest = id
    put_alarm(new)
  end
end
if by_people then hset(whole .. 'touched', alarm, 1) end
if redis.call('HEXISTS', whole .. 'touched', alarm) == 1 then return 1 end
return belonging('actions:of', alarm) > 0 and 1 or 0
"""
"""Add a record of `alarms`, and put its alarm's columns: the record's id, meta and bytes, the alarm's id and columns (empty for
none), whether people did it, and whether `raised` stays. Returns 1 if people may have acted on the alarm."""

PEOPLE = f"""{_PUT}
local before = redis.call('HGET', whole .. 'alarms:rows', ARGV[2])
if not before then return 0 end
local c = cmsgpack.unpack(before)
c.state, c.taken_by, c.snoozed_until, c.people = ARGV[3], nil, nil, nil
if ARGV[4] ~= '' then c.taken_by = ARGV[4] end
if ARGV[5] ~= '' then c.snoozed_until = tonumber(ARGV[5]) end
if ARGV[6] ~= '' then c.people = ARGV[6] end
put_alarm(c)
return 1
"""
"""Note where people stand with an alarm: its id, the state, who has taken it, the end of its snooze, and all that was done."""

HASH = f"""{_PUT}
if ARGV[2] == 'erased' then
  for n = 3, #ARGV, 2 do
    local before = tonumber(redis.call('HGET', whole .. 'erased', ARGV[n]) or '-1')
    if before < tonumber(ARGV[n + 1]) then hset(whole .. 'erased', ARGV[n], ARGV[n + 1]) end
  end
  return 1
end
hset(whole .. ARGV[2], unpack(ARGV, 3))
return 1
"""
"""Put fields of a hash: its name, and names and values in turn. Of erasures the newest instant counts."""

OFFSETS = f"""{_PUT}
if redis.call('HGET', whole .. 'facts', 'born') ~= ARGV[2] then return 0 end
if #ARGV > 2 then hset(whole .. 'offsets', unpack(ARGV, 3)) end
return 1
"""
"""Note offsets; 0 if this Redis was emptied."""

WALK = """
local order, backwards, members = KEYS[1], ARGV[1] == '1', #KEYS - 1
local from, to = tonumber(ARGV[2]), tonumber(ARGV[3])
local rows = redis.call(backwards and 'ZREVRANGE' or 'ZRANGE', order, from, to)
local read = #rows
if ARGV[4] == '1' then
  for n, text in ipairs(rows) do rows[n] = string.sub(text, string.find(text, '\\0', 1, true) + 1) end
end
for n = 2, members + 1 do
  if #rows > 0 then
    local kept, there = {}, {}
    for first = 1, #rows, 1000 do
      local last = math.min(first + 999, #rows)
      local scores = redis.call('ZMSCORE', KEYS[n], unpack(rows, first, last))
      for m = first, last do
        if scores[m - first + 1] then kept[#kept + 1] = rows[m] end
      end
    end
    rows = kept
  end
end
table.insert(rows, 1, read)
return rows
"""
"""Of the rows from one rank to another in an order (KEYS[1]) those that are in all other keys; first the number that was read."""

SEARCH = """
local found = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[3])
local kept = {#found, found[#found] or ''}
for first = 1, #found, 1000 do
  local last, ids = math.min(first + 999, #found), {}
  for n = first, last do ids[#ids + 1] = string.sub(found[n], string.find(found[n], '\\0', 1, true) + 1) end
  local texts = redis.call('HMGET', KEYS[2], unpack(ids))
  for n, text in ipairs(texts) do
    local fits = text
    for w = 4, #ARGV do fits = fits and string.find(text, ARGV[w], 1, true) end
    if fits then kept[#kept + 1] = ids[n] end
  end
end
return kept
"""
"""Of the words (KEYS[1]) between two texts those rows whose text (KEYS[2]) has all parts; first how many words were read, and the last."""

SUMS = """
local found, sums = redis.call('HGETALL', KEYS[1]), {}
for n = 1, #found, 2 do
  local parts = {}
  for part in string.gmatch(found[n] .. '\\0', '([^%z]*)%z') do parts[#parts + 1] = part end
  local name = {parts[1]}
  for _, place in ipairs(ARGV) do name[#name + 1] = parts[place + 1] end
  local group = table.concat(name, '\\0')
  sums[group] = (sums[group] or 0) + tonumber(found[n + 1])
end
local told = {}
for group, sum in pairs(sums) do
  told[#told + 1] = group
  told[#told + 1] = string.format('%.0f', sum)
end
return told
"""
"""The sums of all groups (KEYS[1]) by some of the parts of their names, counted from 1."""
