-- For how long the store has lost nothing that was put into it, as far as it can tell.
--
-- KEYS[1] since  when it was first asked; goes with everything else when the store is emptied
--
-- Answers whole microseconds by the server's own clock: 0 to whoever asks first.

local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local since_us = redis.call('GET', KEYS[1])
if not since_us then
    redis.call('SET', KEYS[1], string.format('%.0f', now_us))
    return 0
end
return now_us - since_us
