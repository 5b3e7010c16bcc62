for i = 1, 5000 do
    redis.call('set', 'string:' .. i, string.rep('x', i % 500))
    redis.call('hset', 'hash:' .. i % 50, 'field' .. i, 'value' .. i)
    redis.call('zadd', 'sorted', i * 7919 % 5003, 'member' .. i)
    redis.call('rpush', 'list:' .. i % 10, 'item' .. i)
end
for i = 1, 5000, 2 do
    redis.call('append', 'string:' .. i, string.rep('y', 700))
    redis.call('del', 'string:' .. i + 1)
end
return redis.call('zcard', 'sorted')
