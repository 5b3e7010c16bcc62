# Hashes, arrays, strings and sorting.
my %lists;
for my $i (1 .. 80000) { $lists{"k" . ($i * 7919 % 30011)} .= "v$i,"; }
my $parts = 0;
for (sort keys %lists) { my @p = split /,/, $lists{$_}; $parts += @p; }
print scalar(keys %lists), " $parts\n";
my @pairs = map { [$_, "x$_"] } 1 .. 80000;
@pairs = sort { $b->[1] cmp $a->[1] } @pairs;
print "$pairs[0][1] $pairs[-1][1]\n";
my $text = join " ", map { $_->[1] } @pairs;
$text =~ s/(\d)(\d)/$2$1/g;
print length($text), " ", unpack("%32C*", $text), "\n";
