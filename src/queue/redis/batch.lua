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

-- Operations of one kind that are applied together: Redis takes longer for a command than for one
-- more value of it. Lua's stack has room for some thousand values.
local TOGETHER_MAX = 500

local refused = {}

-- Inserts jobs. Each has a number, a record, a payload and, if the original is to find it, a key and
-- a priority.
local function insert(run)
    local numbers, keys = {}, {}
    for at, job in ipairs(run) do
        numbers[at] = job.number
        if job.key then keys[#keys + 1] = job.key end
    end
    local known = redis.call('HMGET', jobs, unpack(numbers))
    local is_any_taken = #keys > 0 and redis.call('EXISTS', unpack(keys)) > 0
    local records, beside, new, taken = {}, {}, {}, {}
    for at, job in ipairs(run) do
        local number, record, key = job.number, job.record, job.key
        if known[at] or new[number] then
            refused[#refused + 1] = job.index
        else
            new[number] = true
            if key and (taken[key] or is_any_taken and redis.call('EXISTS', key) == 1) then
                record, key = 'p' .. string.sub(record, 2), nil
            end
            if key then
                taken[key] = true
                redis.call('HSET', key, 'data', job.payload, 'priority', job.priority)
            else
                beside[#beside + 1], beside[#beside + 2] = number, job.payload
            end
            records[#records + 1], records[#records + 2] = number, record
        end
    end
    if #records > 0 then redis.call('HSET', jobs, unpack(records)) end
    if #beside > 0 then redis.call('HSET', payloads, unpack(beside)) end
end

local function delete(numbers)
    local records = redis.call('HMGET', jobs, unpack(numbers))
    local keys, beside = {}, {}
    for at, record in ipairs(records) do
        local key = record and original_key(record)
        if key then
            keys[#keys + 1] = key
        elseif record then
            beside[#beside + 1] = numbers[at]
        end
    end
    redis.call('HDEL', jobs, unpack(numbers))
    if #keys > 0 then redis.call('DEL', unpack(keys)) end
    if #beside > 0 then redis.call('HDEL', payloads, unpack(beside)) end
end

local at, index = 8, 0
while at <= #ARGV do
    local operation, number = ARGV[at], ARGV[at + 1]
    if operation == 'o' or operation == 'p' then
        local run = {}
        repeat
            local kind = ARGV[at]
            if kind == 'o' then
                -- record, key, priority, payload
                run[#run + 1] = { index = index, number = ARGV[at + 1], record = ARGV[at + 2],
                    key = ARGV[at + 3], priority = ARGV[at + 4], payload = ARGV[at + 5] }
                at, index = at + 6, index + 1
            elseif kind == 'p' then
                -- record, payload
                run[#run + 1] = { index = index, number = ARGV[at + 1], record = ARGV[at + 2],
                    payload = ARGV[at + 3] }
                at, index = at + 4, index + 1
            end
        until kind ~= 'o' and kind ~= 'p' or #run == TOGETHER_MAX
        insert(run)
    elseif operation == 'd' then
        local numbers = {}
        while ARGV[at] == 'd' and #numbers < TOGETHER_MAX do
            numbers[#numbers + 1] = ARGV[at + 1]
            at, index = at + 2, index + 1
        end
        delete(numbers)
    elseif operation == 'a' then
        -- attempts
        local record = redis.call('HGET', jobs, number)
        if record then
            record = string.gsub(record, '^(%a %d+ %d+ )%d+', '%1' .. ARGV[at + 2], 1)
            redis.call('HSET', jobs, number, record)
        end
        at, index = at + 3, index + 1
    else
        -- A reservation: its number is in the last job number.
        at, index = at + 2, index + 1
    end
end
if not inserts then note() end
return refused
