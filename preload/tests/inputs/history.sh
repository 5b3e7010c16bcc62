# A small repository: commits, branches, a merge, a clone, garbage collection.
set -e
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@example.org
git init -q -b trunk one
cd one
for n in $(seq 1 30); do
    for file in 1 2 3 4 5; do seq $((n * file)) $((n * file + 2000)) >file$file; done
    git add . >/dev/null
    export GIT_AUTHOR_DATE="$((1700000000 + n)) +0000" GIT_COMMITTER_DATE="$((1700000000 + n)) +0000"
    git commit -qm "change $n"
done
git checkout -q -b side HEAD~10
echo other >other
git add other
git commit -qm "beside"
git checkout -q trunk
git merge -q -m "both" side
git gc --quiet --aggressive
cd ..
git clone -q one two
cd two
git log --stat --format='%H %s'
git fsck --full 2>/dev/null
git cat-file --batch-all-objects --batch-check
git diff HEAD~5 | cksum
git blame file3 | cksum
