-- Takes over jobs that another program has written, and forgets those that it has worked off.
--
-- KEYS: state, jobs.
-- ARGV: prefix of the original's keys, owner, session, then by job: "adopt", number, key, length of
-- the function name; or "gone", number, key.
-- Returns by job: the priority and the length of the function name, as text; or "" if there is no
-- job in the key, or the job is not gone.
local jobs, prefix = KEYS[2], ARGV[1]
local held = redis.call('HMGET', KEYS[1], 'owner', 'session')
if held[1] ~= ARGV[2] or held[2] ~= ARGV[3] then
    return redis.error_reply('FENCED ' .. tostring(held[1]))
end

-- The priority and the length of the function name, or nil if the key has no job.
local function read(key, function_len)
    local kind = redis.call('TYPE', key).ok
    if kind == 'string' then
        -- Early versions wrote the payload alone.
        local data = redis.call('GET', key)
        redis.call('DEL', key)
        redis.call('HSET', key, 'data', data, 'priority', 1)
        return '1', function_len
    end
    if kind ~= 'hash' or redis.call('HEXISTS', key, 'data') == 0 then return nil end
    local fields = redis.call('HMGET', key, 'priority', 'function', 'unique')
    local priority = fields[1]
    if priority ~= '0' and priority ~= '2' then priority = '1' end
    -- Later versions say where the function name ends.
    if fields[2] and fields[3] and prefix .. fields[2] .. '-' .. fields[3] == key then
        function_len = #fields[2]
    end
    return priority, function_len
end

local results, at = {}, 4
while at <= #ARGV do
    local number, key = ARGV[at + 1], ARGV[at + 2]
    local result = ''
    if ARGV[at] == 'adopt' then
        local priority, function_len = read(key, tonumber(ARGV[at + 3]))
        if priority then
            local names = string.sub(key, #prefix + 1, #prefix + function_len) ..
                string.sub(key, #prefix + function_len + 2)
            redis.call('HSET', jobs, number, string.format('o %s 0 0 0 %d %d 0\n', priority,
                function_len, #names - function_len) .. names)
            result = priority .. ' ' .. function_len
        end
        at = at + 4
    else
        if redis.call('EXISTS', key) == 0 then
            redis.call('HDEL', jobs, number)
            result = 'gone'
        end
        at = at + 3
    end
    results[#results + 1] = result
end
return results
