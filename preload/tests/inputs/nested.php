<?php
class Node {
    public $left, $right, $text;
    function __construct(int $depth) {
        $this->text = str_repeat("$depth", $depth * 3);
        if ($depth > 0) {
            $this->left = new Node($depth - 1);
            $this->right = new Node($depth - 1);
        }
    }
    function letters(): int {
        return strlen($this->text) + ($this->left ? $this->left->letters() + $this->right->letters() : 0);
    }
}

for ($round = 0; $round < 4; $round++) {
    $tree = new Node(12);
    $lists = [];
    for ($i = 0; $i < 50000; $i++) {
        $lists["key " . $i * 7919 % 5000][] = $i;
    }
    ksort($lists);
    $copy = json_decode(json_encode($lists), true);
    echo $tree->letters(), ' ', md5(serialize($copy)), ' ', $copy === $lists ? 'equal' : 'different', "\n";
    echo preg_replace('/(\d+)/', '<$1>', implode(',', array_slice(array_keys($lists), $round, 5))), "\n";
}
// Extensions are late libraries.
echo count(get_loaded_extensions()) > 5 ? 'extensions' : 'none', "\n";
