# Lists in a hash, joined; records built and sorted.
my (%lists, $bytes);
for my $i (1 .. 300000) { push @{$lists{"k" . ($i * 7919 % 60013)}}, "v$i" x (1 + $i % 5); }
$bytes += length(join ",", @{$lists{$_}}) for sort keys %lists;
for (1 .. 3) {
    my @records = map { { id => $_, name => "n$_", list => [1 .. $_ % 7] } } 1 .. 60000;
    @records = sort { $a->{name} cmp $b->{name} } @records;
    $bytes += $records[-1]{id};
}
print "$bytes\n";
