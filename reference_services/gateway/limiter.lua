-- A sliding log of admitted requests, exact to the microsecond.
--
-- The log is a list of times, oldest first. Nothing but admitted requests is in it, so that
-- who knocks while refused does not wait any longer for it. It is decided and noted in one step,
-- by the server's own clock: how many gateways ask, and what their clocks say, makes no difference.
--
-- policies.rate_limit says the same in Python; a property holds the two to the same answers.

-- Lua would write a time of sixteen digits as 1.79e+15.
local function whole(number)
    return string.format('%.0f', number)
end

-- How many of the `length` times in the log are after `since_us`; those before it come first.
local function count_after(key, length, since_us)
    local first, past = 0, length
    while first < past do
        local middle = math.floor((first + past) / 2)
        if tonumber(redis.call('LINDEX', key, middle)) > since_us then
            past = middle
        else
            first = middle + 1
        end
    end
    return length - first
end

-- Decide one request at `now_us`.
--
-- requests:      admitted in any window, at least 1.
-- window_us:     the window's length, at least 1.
-- kept_requests: how many times are kept: the most requests that this key is ever judged by.
-- kept_us:       how long they are kept: the longest window that it is ever judged by.
--
-- Returns 1 or 0 (admitted or not), the microseconds to wait (0 if admitted), and how many more
-- would be admitted now.
local function admit(key, now_us, requests, window_us, kept_requests, kept_us)
    -- The server's clock may be set back; the log must not run backwards with it.
    local newest = redis.call('LINDEX', key, -1)
    if newest then
        now_us = math.max(now_us, tonumber(newest))
        -- The newest admissions fill the limit; the oldest of these must leave the window. A
        -- refusal costs these two looks and writes nothing.
        local filling = redis.call('LINDEX', key, -requests)
        local room_at_us = filling and tonumber(filling) + window_us
        if filling and now_us < room_at_us then
            return {0, room_at_us - now_us, 0}
        end
    end
    local length = redis.call('RPUSH', key, whole(now_us))
    while length > kept_requests or tonumber(redis.call('LINDEX', key, 0)) <= now_us - kept_us do
        redis.call('LPOP', key)
        length = length - 1
    end
    local used = length
    if window_us < kept_us then
        used = count_after(key, length, now_us - window_us)
    end
    redis.call('PEXPIRE', key, math.ceil(kept_us / 1000))
    return {1, 0, requests - used}
end
