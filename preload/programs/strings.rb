# Arrays of strings and hashes, dropped by turns, and strings that grow.
rows = []
total = 0
12.times do
  rows = (0...40_000).map { |i| { id: i, name: "row #{i * 7919 % 10_007}", parts: Array.new(i % 9) { |p| "part #{p}" * 3 } } }
  total += rows.sum { |row| row[:name].size + row[:parts].sum(&:size) }
end
text = +''
200_000.times { |i| text << "#{i}," }
groups = rows.group_by { |row| row[:name] }
puts [total, text.size, groups.size, groups.keys.max].inspect
