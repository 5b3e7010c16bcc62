# Lists, a dictionary of lists, an array of strings, a string that grows.
for {set i 0} {$i < 300000} {incr i} {
    lappend numbers [expr {$i * 7919 % 100003}]
    dict lappend lists [expr {$i % 5000}] "v$i"
}
set sorted [lsort -integer $numbers]
for {set i 0} {$i < 400000} {incr i} {
    set texts(x[expr {$i % 40000}]) "value $i"
    append long x
}
puts "[lindex $sorted end] [llength [dict get $lists 4999]] [array size texts] [string length $long]"
