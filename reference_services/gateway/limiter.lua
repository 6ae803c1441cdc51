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
    end
    local oldest = redis.call('LINDEX', key, 0)
    while oldest and tonumber(oldest) <= now_us - kept_us do
        redis.call('LPOP', key)
        oldest = redis.call('LINDEX', key, 0)
    end
    local length = redis.call('LLEN', key)
    local used = length
    if window_us < kept_us then
        used = count_after(key, length, now_us - window_us)
    end
    if used >= requests then
        local room_at_us = tonumber(redis.call('LINDEX', key, -requests)) + window_us
        return {0, room_at_us - now_us, 0}
    end
    redis.call('RPUSH', key, whole(now_us))
    if length >= kept_requests then
        redis.call('LPOP', key)
    end
    redis.call('PEXPIRE', key, math.ceil(kept_us / 1000))
    return {1, 0, requests - used - 1}
end
