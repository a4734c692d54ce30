-- Applies a batch, or nothing of it.
--
-- KEYS: state, jobs, payloads, lease.
-- ARGV: prefix of the original's keys, owner, session, number of the batch, last job number,
-- milliseconds of the lease, whether the batch inserts ("1"), operations. "renewal" instead of
-- that only keeps the lease.
local state, jobs, payloads = KEYS[1], KEYS[2], KEYS[3]
local prefix, inserts = ARGV[1], ARGV[7] == '1'
local held = redis.call('HMGET', state, 'owner', 'session')
if held[1] ~= ARGV[2] or held[2] ~= ARGV[3] then
    return redis.error_reply('FENCED ' .. tostring(held[1]))
end

if ARGV[7] == 'renewal' then
    if redis.call('PEXPIRE', KEYS[4], ARGV[6]) == 0 then
        redis.call('SET', KEYS[4], ARGV[2], 'PX', ARGV[6])
    end
    return {}
end

-- A full Redis refuses a script at its first write if that needs memory, and never later. So a
-- batch that inserts begins with such a write, and one that only removes does not.
local function note()
    redis.call('HSET', state, 'batch', ARGV[4], 'number', ARGV[5])
    redis.call('SET', KEYS[4], ARGV[2], 'PX', ARGV[6])
end
if inserts then note() end

local function original_key(record)
    local place, function_len, unique_len, at =
        string.match(record, '^(%a) %d+ %d+ %d+ %d+ (%d+) (%d+) %d+\n()')
    if place ~= 'o' then return nil end
    local unique = at + function_len
    return prefix .. string.sub(record, at, unique - 1) .. '-' ..
        string.sub(record, unique, unique + unique_len - 1)
end

local refused, at, index = {}, 8, 0
while at <= #ARGV do
    local operation, number = ARGV[at], ARGV[at + 1]
    if operation == 'o' then
        -- record, key, priority, payload
        local record, key = ARGV[at + 2], ARGV[at + 3]
        local is_taken = redis.call('EXISTS', key) == 1
        if is_taken then record = 'p' .. string.sub(record, 2) end
        if redis.call('HSETNX', jobs, number, record) == 0 then
            refused[#refused + 1] = index
        elseif is_taken then
            redis.call('HSET', payloads, number, ARGV[at + 5])
        else
            redis.call('HSET', key, 'data', ARGV[at + 5], 'priority', ARGV[at + 4])
        end
        at = at + 6
    elseif operation == 'p' then
        -- record, payload
        if redis.call('HSETNX', jobs, number, ARGV[at + 2]) == 0 then
            refused[#refused + 1] = index
        else
            redis.call('HSET', payloads, number, ARGV[at + 3])
        end
        at = at + 4
    elseif operation == 'd' then
        local record = redis.call('HGET', jobs, number)
        redis.call('HDEL', jobs, number)
        local key = record and original_key(record)
        if key then
            redis.call('DEL', key)
        elseif record then
            redis.call('HDEL', payloads, number)
        end
        at = at + 2
    elseif operation == 'a' then
        -- attempts
        local record = redis.call('HGET', jobs, number)
        if record then
            record = string.gsub(record, '^(%a %d+ %d+ )%d+', '%1' .. ARGV[at + 2], 1)
            redis.call('HSET', jobs, number, record)
        end
        at = at + 3
    else
        -- A reservation: its number is in the last job number.
        at = at + 2
    end
    index = index + 1
end
if not inserts then note() end
return refused
