-- Trees of tables, strings that grow in a table, many formatted and joined.
local function tree(depth)
    if depth == 0 then return {} end
    return {tree(depth - 1), tree(depth - 1)}
end
local function count(node)
    return node[1] and 1 + count(node[1]) + count(node[2]) or 1
end
local nodes = 0
for _ = 1, 12 do nodes = nodes + count(tree(14)) end
local texts = {}
for i = 1, 300000 do
    local key = "k" .. i % 70000
    texts[key] = (texts[key] or "") .. string.char(97 + i % 26)
end
local keys = {}
for key in pairs(texts) do keys[#keys + 1] = key end
table.sort(keys)
local lines = {}
for i = 1, 200000 do lines[i] = string.format("%d:%s", i, keys[i % #keys + 1]) end
print(nodes, #keys, #table.concat(lines))
