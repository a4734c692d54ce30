-- Makes a server the owner of the queue, or has the owner's new connection replace its old one.
--
-- KEYS: state, lease, jobs, payloads.
-- ARGV: owner, epoch (0 for a new owner), milliseconds of the lease (0 gives it up), version of the format, text
-- of a lease that may be broken.
-- Returns epoch, session, last batch, last job number, and whether data was lost.
local state, lease, owner, epoch = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
for at = 1, 4 do
    local kind = redis.call('TYPE', KEYS[at]).ok
    local wanted = 'hash'
    if at == 2 then wanted = 'string' end
    if kind ~= 'none' and kind ~= wanted then
        return redis.error_reply('FOREIGN the key ' .. KEYS[at] .. ' is a ' .. kind ..
            ' of another program')
    end
end
local held = redis.call('HMGET', state, 'owner', 'epoch', 'version')
local last_epoch = tonumber(held[2] or 0)
if tonumber(held[3] or 0) > tonumber(ARGV[4]) then
    return redis.error_reply('NEWER a newer gearmand wrote the queue (format ' .. held[3] ..
        ', this one knows ' .. ARGV[4] .. '); use that version, or another prefix')
end
local lost = 0
if epoch == 0 then
    local holder = redis.call('GET', lease)
    if holder and holder ~= ARGV[5] then
        return redis.error_reply('HELD ' .. redis.call('PTTL', lease) .. ' ' .. holder)
    end
    epoch = last_epoch + 1
elseif held[1] ~= owner or last_epoch ~= epoch then
    -- An older state than this server's own: the store has lost what came later.
    if last_epoch >= epoch then
        return redis.error_reply('FENCED ' .. tostring(held[1]))
    end
    lost = 1
end
redis.call('HSET', state, 'owner', owner, 'epoch', epoch, 'version', ARGV[4])
local session = redis.call('HINCRBY', state, 'session', 1)
if ARGV[3] == '0' then
    redis.call('DEL', lease)
else
    redis.call('SET', lease, owner, 'PX', ARGV[3])
end
local last = redis.call('HMGET', state, 'batch', 'number')
return { epoch, session, last[1] or '0', last[2] or '0', lost }
