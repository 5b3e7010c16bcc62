# Objects, dictionaries of lists, JSON there and back, words counted and sorted.
import json
import random

random.seed(1)


class Node:
    __slots__ = ("left", "right", "depth")

    def __init__(self, depth):
        self.left = Node(depth - 1) if depth else None
        self.right = Node(depth - 1) if depth else None
        self.depth = depth

    def count(self):
        return 1 + (self.left.count() + self.right.count() if self.depth else 0)


nodes = sum(Node(13).count() for _ in range(6))
lists = {}
for i in range(150000):
    lists.setdefault(f"key {random.randrange(50000)}", []).append(i * 1.5)
text = json.dumps(lists)
again = json.loads(text)
counts = {}
for _ in range(60000):
    word = "".join(random.choice("abcdefgh") for _ in range(random.randrange(3, 20)))
    counts[word] = counts.get(word, 0) + 1
ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
print(nodes, len(text), again == lists, ordered[:2])
