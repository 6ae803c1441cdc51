-- One entry of the cache, protected against old values and against stampedes.
--
-- KEYS[1] value    what readers get, after its version and a line feed
-- KEYS[2] lease    the token of the reader who is loading the value
-- KEYS[3] floor    the version of a recent commit: nothing older may be filled in
-- KEYS[4] writers  tokens of writes that have begun and not ended, by when to forget them
--
-- Each command is one step, by the server's own clock; entries end by themselves.
-- policies.cache says in Python what read, fill and invalidate mean; a property holds the two
-- to the same answers.

local value, lease, floor, writers = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local commands = {}

local function now_ms()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function lowest_version()
    return tonumber(redis.call('GET', floor) or '0')
end

-- Whether a write is on its way. A writer that died is forgotten when its time is over.
local function being_written()
    if redis.call('EXISTS', writers) == 0 then
        return false
    end
    redis.call('ZREMRANGEBYSCORE', writers, '-inf', now_ms())
    return redis.call('ZCARD', writers) > 0
end

-- token, lease_ms -> the value, or {1, floor}: fill it under this lease, or {0, floor}: wait.
function commands.read(token, lease_ms)
    local found = redis.call('GET', value)
    if found then
        return found
    end
    if being_written() or not redis.call('SET', lease, token, 'NX', 'PX', lease_ms) then
        return {0, lowest_version()}
    end
    return {1, lowest_version()}
end

-- token, version, ttl_ms, value -> 1 if the value is kept now, 0 if it came too late.
-- A value that is not to be kept comes with a ttl_ms of 0: it only gives the lease back.
function commands.fill(token, version, ttl_ms, loaded)
    if redis.call('GET', lease) ~= token then
        return 0
    end
    redis.call('DEL', lease)
    if tonumber(ttl_ms) == 0 or tonumber(version) < lowest_version() then
        return 0
    end
    redis.call('SET', value, version .. '\n' .. loaded, 'PX', ttl_ms)
    return 1
end

-- token, write_ms: before the commit. Until invalidate is called with this token, or write_ms have
-- passed, there is no value and nobody may fill one in.
function commands.announce(token, write_ms)
    redis.call('ZADD', writers, string.format('%.0f', now_ms() + write_ms), token)
    redis.call('PEXPIRE', writers, write_ms)
    redis.call('DEL', value, lease)
    return 1
end

-- token, version, floor_ms: after the commit that made `version`; 0: nothing was committed.
function commands.invalidate(token, version, floor_ms)
    redis.call('ZREM', writers, token)
    if version == '0' then
        return 1
    end
    redis.call('DEL', value, lease)
    -- Two writers may get here in the other order than they committed in.
    local lowest = math.max(tonumber(version), lowest_version())
    redis.call('SET', floor, string.format('%.0f', lowest), 'PX', floor_ms)
    return 1
end

return commands[ARGV[1]](unpack(ARGV, 2))
