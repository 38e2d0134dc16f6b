#!/bin/sh
# Copies /source into /target as an archive named after the time, and removes all but the newest $KEEP.
set -eu

name="$(date -u +%Y%m%d-%H%M%S).tar.gz"
tar -czf "/target/.$name" -C /source .
mv "/target/.$name" "/target/$name"
echo "wrote $name ($(du -h "/target/$name" | cut -f1))"

ls -1 /target | sort -r | tail -n "+$((KEEP + 1))" | while read -r old; do
    rm "/target/$old"
    echo "removed $old"
done
