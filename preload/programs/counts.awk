# Strings that grow in an associative array, sorted.
BEGIN {
    for (i = 0; i < 800000; i++) text["k" i * 7919 % 80021] = text["k" i * 7919 % 80021] i
    n = asorti(text, keys)
    for (i = 1; i <= n; i++) bytes += length(text[keys[i]])
    print n, bytes, keys[n]
}
