#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# --detect-renames: what moved in SOURCE gets its new name in DEST.

load helper

# A pair that is equal.  What is compared is looked at by its descriptor when both files
# are open, which is later than the judge of traces wants it.
make_equal() {
	no_trace
	rm -rf "${S:?}"/* "${D:?}"/*
	mkdir -p "$S/a/old/deep" "$S/a/stays"
	mktree file "$S/a/old/f" 200000 1
	mktree file "$S/a/old/deep/g" 300 2
	mktree file "$S/a/stays/h" 300 3
	mktree file "$S/a/top" 70000 4
	syncs "$S/a" "$D/b"
}

renames() { # [OPTION...]
	syncs --stats --delete --detect-renames "$@" "$S/a" "$D/b"
}

@test "a file that moved is the same file under its new name, and nothing is copied" {
	local engine f g top

	need_links
	for engine in $(engines); do
		make_equal
		f=$(inode_of "$D/b/old/f") g=$(inode_of "$D/b/old/deep/g")
		top=$(inode_of "$D/b/top")
		mv "$S/a/old" "$S/a/stays/new"
		mv "$S/a/top" "$S/a/stays/top of old"
		renames --engine="$engine"
		counts bytes_written -eq 0
		counts to_rename -eq 3
		mirrors "$S/a" "$D/b"
		[ "$(inode_of "$D/b/stays/new/f")" = "$f" ]
		[ "$(inode_of "$D/b/stays/new/deep/g")" = "$g" ]
		[ "$(inode_of "$D/b/stays/top of old")" = "$top" ]
		idles --delete --detect-renames "$S/a" "$D/b"
	done
}

@test "a file that moved and got other attributes is renamed and gets these" {
	local top

	need_links
	make_equal
	top=$(inode_of "$D/b/top")
	mv "$S/a/top" "$S/a/new"
	chmod 0640 "$S/a/new"
	renames
	counts bytes_written -eq 0
	[ "$(inode_of "$D/b/new")" = "$top" ]
	mirrors "$S/a" "$D/b"
}

# Puts one byte there, and the time of before.
poke() { # FILE OFFSET
	touch -r "$1" "$T/time"
	printf '\377' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
	touch -r "$T/time" "$1"
}

# bats test_tags=H08
@test "only what is equal in size, time, first and last block is renamed, or wholly equal" {
	need_links
	for place in 0 199999; do
		make_equal
		mv "$S/a/old/f" "$S/a/new"
		poke "$S/a/new" $place
		renames
		counts to_rename -eq 0
		mirrors "$S/a" "$D/b"
	done
	make_equal
	mv "$S/a/old/f" "$S/a/new"
	poke "$S/a/new" 100000
	renames --checksum
	counts to_rename -eq 0
	mirrors "$S/a" "$D/b"
	make_equal
	mv "$S/a/old/f" "$S/a/new"
	renames --checksum
	counts to_rename -eq 1
	make_equal
	mv "$S/a/old/f" "$S/a/new"
	touch "$S/a/new"
	renames
	counts to_rename -eq 0
	mirrors "$S/a" "$D/b"
}

@test "of two copies one gets the old file, and one is copied" {
	need_links
	make_equal
	cp -a "$S/a/top" "$S/a/one"
	mv "$S/a/top" "$S/a/two"
	renames
	counts to_rename -eq 1
	counts to_create -eq 1
	mirrors "$S/a" "$D/b"
	[ "$(inode_of "$D/b/one")" != "$(inode_of "$D/b/two")" ]
}

# bats test_tags=J07
@test "a file with other names is left alone, and what is excluded is no candidate" {
	need_links
	make_equal
	ln "$D/b/top" "$D/outside"
	mv "$S/a/top" "$S/a/new"
	renames
	counts to_rename -eq 0
	mirrors "$S/a" "$D/b"
	make_equal
	mv "$S/a/top" "$S/a/new"
	renames --exclude=/top
	counts to_rename -eq 0
	[ -e "$D/b/top" ]
	cmp "$S/a/new" "$D/b/new"
}

# bats test_tags=O05
@test "what moved counts for no limit of what may be deleted" {
	need_links
	make_equal
	mv "$S/a/top" "$S/a/new"
	renames --max-delete=0
	mirrors "$S/a" "$D/b"
	mv "$S/a/new" "$S/a/newer"
	rm "$S/a/stays/h"
	sync_exits 25 --delete --detect-renames --max-delete=0 "$S/a" "$D/b"
	cmp "$S/a/newer" "$D/b/newer"
	[ -e "$D/b/stays/h" ]
}

# bats test_tags=N05,M03
@test "a run that is killed between the new name and the old one is finished by the next" {
	local top

	need_links
	need_strace
	make_equal
	top=$(inode_of "$D/b/top")
	mv "$S/a/top" "$S/a/new"
	run strace -f -o /dev/null -P "$D/b" -e inject=unlinkat:signal=KILL:when=1 \
		"$WEIR" sync --engine=plain --delete --detect-renames "$S/a" "$D/b"
	[ "$status" -eq 137 ]
	[ -e "$D/b/new" ] || [ -e "$D/b/top" ]
	renames
	mirrors "$S/a" "$D/b"
}

@test "--detect-renames is nothing without --delete, nor with removals that come first" {
	mkdir "$S/a"
	sync_exits 2 --detect-renames "$S/a" "$D/b"
	sync_exits 2 --detect-renames --delete=first "$S/a" "$D/b"
}
