# Prints the records that jq gets.
BEGIN {
    printf "["
    for (i = 0; i < 60000; i++) {
        printf "%s{\"id\": %d, \"name\": \"n%d\", \"tags\": [", i ? "," : "", i, i * 7919 % 10007
        for (j = 0; j < 4; j++) printf "%s\"%s\"", j ? ", " : "", substr("abcdefghijklm", 1 + (i + j) % 5, 1 + (i * j) % 8)
        printf "], \"at\": {\"x\": %.6f, \"y\": %.6f}}\n", i * 7 % 1009 / 1009, i * 11 % 997 / 997
    }
    print "]"
}
