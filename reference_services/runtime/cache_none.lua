-- One entry of the cache as the textbooks have it: whoever misses loads, and whatever is loaded is
-- kept, however old it is by then. It is here to be compared with, not to be used.
--
-- KEYS and commands are those of the protected entry.

local value = KEYS[1]
local commands = {}

function commands.read()
    return redis.call('GET', value) or {1, 0}
end

function commands.fill(_, version, ttl_ms, loaded)
    if tonumber(ttl_ms) > 0 then
        redis.call('SET', value, version .. '\n' .. loaded, 'PX', ttl_ms)
    end
    return 1
end

function commands.announce()
    return 1
end

function commands.invalidate()
    redis.call('DEL', value)
    return 1
end

return commands[ARGV[1]](unpack(ARGV, 2))
