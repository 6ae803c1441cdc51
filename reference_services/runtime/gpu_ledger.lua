-- Who has which room of a pool of GPU devices.
--
-- KEYS[1] pool     strategy, count, the last token, and of each device what is free of it
-- KEYS[2] leases   by token: what was taken, and by whom
-- KEYS[3] holders  by holder: the token
-- KEYS[4] ends     tokens, by when they run out
-- KEYS[5] ran_out  tokens and holders that did, until somebody asks
-- KEYS[6] work     what the devices did, in its order
--
-- Each command is one step: nobody sees a room that is looked at and not yet taken, and no gang
-- holds a part of its devices. policies.placement and policies.device_room say the same in Python;
-- a property holds the two to the same answers.

local pool, leases, holders, ends, ran_out, work = unpack(KEYS)
local commands = {}

-- Lua would write a number of sixteen digits as 1.79e+15.
local function whole(number)
    return string.format('%.0f', number)
end

local function read_device(index)
    local told = redis.call('HGET', pool, 'device ' .. index)
    local memory, slices, free, taken, sharers, present =
        string.match(told, '(%d+) (%d+) (%d+) (%d+) (%d+) (%d)')
    return {
        memory = tonumber(memory), slices = tonumber(slices), free = tonumber(free),
        taken = tonumber(taken), sharers = tonumber(sharers), present = present == '1',
    }
end

local function write_device(index, device)
    redis.call('HSET', pool, 'device ' .. index, table.concat({
        whole(device.memory), device.slices, whole(device.free), device.taken, device.sharers,
        device.present and 1 or 0,
    }, ' '))
end

local function block_length(wanted)
    local length = 1
    while length < wanted do
        length = length * 2
    end
    return length
end

local function block(wanted, start)
    return bit.lshift(bit.lshift(1, block_length(wanted)) - 1, start)
end

-- At which slice of a device the job would begin; nil: nowhere.
local function fit_start(device, memory, wanted)
    if memory > device.free then
        return nil
    end
    if wanted == 0 then
        return device.taken == 0 and 0 or nil
    end
    if device.sharers > 0 then
        return nil
    end
    local start = 0
    while start + wanted <= device.slices do
        if bit.band(device.taken, block(wanted, start)) == 0 then
            return start
        end
        start = start + block_length(wanted)
    end
    return nil
end

local function cost(strategy, left)
    if strategy == '0' then
        return left
    elseif strategy == '1' then
        return -left
    end
    return 0
end

-- Where the job would go: devices and starts, in the strategy's order; nil: nowhere.
local function choose(devices, memory, wanted, gang)
    local strategy = redis.call('HGET', pool, 'strategy')
    local found = {}
    for index, device in pairs(devices) do
        local start = fit_start(device, memory, wanted)
        if device.present and start then
            local at = {index = index, start = start, cost = cost(strategy, device.free - memory)}
            table.insert(found, at)
        end
    end
    if #found < gang then
        return nil
    end
    table.sort(found, function(one, other)
        if one.cost ~= other.cost then
            return one.cost < other.cost
        end
        return one.index < other.index
    end)
    return found
end

local function read_devices(empty)
    local devices = {}
    for index = 0, tonumber(redis.call('HGET', pool, 'count') or '0') - 1 do
        local device = read_device(index)
        if empty then
            device.free, device.taken, device.sharers, device.present = device.memory, 0, 0, true
        end
        devices[index] = device
    end
    return devices
end

-- What was written by acquire: memory, slices, how many devices, where, whose.
local function read_lease(told)
    local memory, slices, gang, slots, holder = string.match(told, '(%d+) (%d+) (%d+) (%S+) (.*)')
    return tonumber(memory), tonumber(slices), tonumber(gang), slots, holder
end

local function is_on(slots, device)
    return string.find(',' .. slots, ',' .. device .. ':', 1, true) ~= nil
end

-- End a lease, if it is not over; return whose it was.
local function end_lease(token)
    local told = redis.call('HGET', leases, token)
    if not told then
        return nil
    end
    local memory, slices, _, slots, holder = read_lease(told)
    for index, start in string.gmatch(slots, '(%d+):(%d+)') do
        local device = read_device(index)
        device.free = device.free + memory
        if slices == 0 then
            device.sharers = device.sharers - 1
        else
            device.taken = bit.bxor(device.taken, block(slices, tonumber(start)))
        end
        write_device(index, device)
    end
    redis.call('HDEL', leases, token)
    redis.call('HDEL', holders, holder)
    redis.call('ZREM', ends, token)
    return holder
end

local function end_overdue(now_us)
    for _, token in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', whole(now_us))) do
        redis.call('RPUSH', ran_out, token .. ' ' .. end_lease(token))
        redis.call('LTRIM', ran_out, -4096, -1)
    end
end

-- strategy, then memory and slices of each device -> 1 if the pool is like that now, 0 if there is
-- another one already.
function commands.set_up(_, strategy, ...)
    local told = {...}
    local description = strategy .. ' ' .. table.concat(told, ' ')
    if redis.call('HSETNX', pool, 'description', description) == 0 then
        return redis.call('HGET', pool, 'description') == description and 1 or 0
    end
    redis.call('HSET', pool, 'strategy', strategy, 'count', #told / 2)
    for index = 0, #told / 2 - 1 do
        local memory, slices = tonumber(told[2 * index + 1]), tonumber(told[2 * index + 2])
        write_device(index, {
            memory = memory, slices = slices, free = memory, taken = 0, sharers = 0, present = true,
        })
    end
    return 1
end

-- lease_us, memory, slices, devices, holder -> {token, slots, until_us}, or the reason.
function commands.acquire(now_us, lease_us, memory, slices, gang, holder)
    end_overdue(now_us)
    local ask = memory .. ' ' .. slices .. ' ' .. gang .. ' '
    local held = redis.call('HGET', holders, holder)
    if held then
        local told = redis.call('HGET', leases, held)
        if string.sub(told, 1, #ask) ~= ask then
            return 'holder_busy'
        end
        local _, _, _, slots = read_lease(told)
        return {tonumber(held), slots, tonumber(redis.call('ZSCORE', ends, held))}
    end
    memory, slices, gang = tonumber(memory), tonumber(slices), tonumber(gang)
    local devices = read_devices(false)
    local found = choose(devices, memory, slices, gang)
    if not found then
        return choose(read_devices(true), memory, slices, gang) and 'no_room' or 'too_large'
    end
    local slots = {}
    for number = 1, gang do
        local index, start = found[number].index, found[number].start
        local device = devices[index]
        device.free = device.free - memory
        if slices == 0 then
            device.sharers = device.sharers + 1
        else
            device.taken = bit.bor(device.taken, block(slices, start))
        end
        write_device(index, device)
        slots[number] = index .. ':' .. start
    end
    local token = redis.call('HINCRBY', pool, 'token', 1)
    local told = table.concat(slots, ',')
    redis.call('HSET', leases, token, ask .. told .. ' ' .. holder)
    redis.call('HSET', holders, holder, token)
    redis.call('ZADD', ends, whole(now_us + lease_us), token)
    return {token, told, now_us + lease_us}
end

-- lease_us, token -> until_us, or 0: the lease is over.
function commands.renew(now_us, lease_us, token)
    end_overdue(now_us)
    local until_us = tonumber(redis.call('ZSCORE', ends, token) or '0')
    if until_us == 0 then
        return 0
    end
    -- The server's clock may be set back; a renewal must not shorten a lease.
    until_us = math.max(until_us, now_us + lease_us)
    redis.call('ZADD', ends, whole(until_us), token)
    return until_us
end

-- token -> 1, or 0: the lease was over.
function commands.release(now_us, token)
    end_overdue(now_us)
    return end_lease(token) and 1 or 0
end

-- token, device, note -> 1 if the device does the work, 0 if it does not, as the lease is over.
function commands.work(now_us, token, device, note)
    end_overdue(now_us)
    local told = redis.call('HGET', leases, token)
    if not told then
        return 0
    end
    local memory, _, _, slots, holder = read_lease(told)
    if not is_on(slots, device) then
        return 0
    end
    redis.call('XADD', work, 'MAXLEN', '~', 100000, '*',
        'token', token, 'device', device, 'memory', whole(memory), 'holder', holder, 'note', note)
    return 1
end

-- -> tokens and holders that ran out since this was last asked.
function commands.reap(now_us)
    end_overdue(now_us)
    local told = redis.call('LRANGE', ran_out, 0, -1)
    redis.call('DEL', ran_out)
    return told
end

-- device -> the tokens that are over by it.
function commands.lose(now_us, index)
    end_overdue(now_us)
    local device = read_device(index)
    device.present = false
    write_device(index, device)
    local over = {}
    for _, token in ipairs(redis.call('ZRANGE', ends, 0, -1)) do
        local _, _, _, slots = read_lease(redis.call('HGET', leases, token))
        if is_on(slots, index) then
            end_lease(token)
            table.insert(over, tonumber(token))
        end
    end
    return over
end

-- device -> 1: it may be used again.
function commands.restore(_, index)
    local device = read_device(index)
    device.present = true
    write_device(index, device)
    return 1
end

-- -> free memory of each device.
function commands.free(now_us)
    end_overdue(now_us)
    local free = {}
    for index, device in pairs(read_devices(false)) do
        free[index + 1] = device.free
    end
    return free
end
