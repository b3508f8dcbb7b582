#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Times, as what is compared and as what is kept.  Those that a file system cannot
# store are in root/sync.bats.
#
# once

load helper

# Skips where a nanosecond cannot be told.
need_nanoseconds() {
	touch -d @1000000000.123456789 "$D/probe"
	[ "$(stat -c %.Y "$D/probe")" = 1000000000.123456789 ] || skip "times are coarse here"
	rm "$D/probe"
}

# Each engine, with an empty target.
for_engines() { # COMMAND...
	local engine

	for engine in $(engines); do
		rm -rf "$D/b"
		"$@" "$engine"
	done
}

# bats test_tags=H01
@test "times are kept to the nanosecond, and what has them is unchanged" {
	need_nanoseconds
	mkdir -p "$S/a/sub/empty"
	mktree file "$S/a/large" 300000
	mktree file "$S/a/sub/small" 100
	: >"$S/a/none"
	ln -s nowhere "$S/a/link"
	mkfifo "$S/a/fifo"
	ln "$S/a/sub/small" "$S/a/again"
	touch -h -d @1234567890.000000001 "$S/a/link" "$S/a/large"
	touch -d @1234567890.999999999 "$S/a/fifo" "$S/a/sub/small" "$S/a/none"
	touch -d @0.000000001 "$S/a/sub/empty"
	touch -d @-1.000000001 "$S/a/sub"
	touch -d @1.5 "$S/a"
	check() {
		syncs --engine="$1" "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
		idles --engine="$1" "$S/a" "$D/b"
	}
	for_engines check
}

# bats test_tags=H01
@test "one nanosecond is a difference" {
	need_nanoseconds
	mkdir "$S/a"
	check() {
		mktree file "$S/a/f" 5000 1
		touch -d @1000000000.123456789 "$S/a/f"
		syncs --engine="$1" "$S/a" "$D/b"
		mktree file "$S/a/f" 5000 2
		touch -d @1000000000.123456790 "$S/a/f"
		syncs --engine="$1" "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
		idles --engine="$1" "$S/a" "$D/b"
	}
	for_engines check
}

@test "an older source is as good as a newer one" {
	mkdir "$S/a"
	check() {
		mktree file "$S/a/f" 5000 1
		touch -d @1500000000 "$S/a/f"
		syncs --engine="$1" "$S/a" "$D/b"
		mktree file "$S/a/f" 5000 2
		touch -d @1400000000 "$S/a/f"
		syncs --engine="$1" "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
		idles --engine="$1" "$S/a" "$D/b"
	}
	for_engines check
}

# bats test_tags=H04
@test "times of folders, links and FIFOs alone are set alone" {
	mkdir -p "$S/a/sub"
	mktree file "$S/a/sub/f" 5000
	ln -s f "$S/a/sub/link"
	mkfifo "$S/a/sub/fifo"
	check() {
		touch -h -d @1000000000 "$S/a/sub"/* "$S/a/sub" "$S/a"
		syncs --engine="$1" "$S/a" "$D/b"
		stamps "$D/b/sub/f" >"$T/stamps"
		touch -h -d @1100000000 "$S/a/sub/link"
		touch -d @1100000000 "$S/a/sub/fifo" "$S/a/sub"
		touch -d @1100000001 "$S/a"
		syncs --engine="$1" "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
		unchanged "$D/b/sub/f"
		idles --engine="$1" "$S/a" "$D/b"
		# And in DEST alone, a folder by what is made in it.
		touch -h -d @1200000000 "$D/b/sub/link" "$D/b/sub"
		: >"$D/b/new"
		rm "$D/b/new"
		syncs --engine="$1" "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
		idles --engine="$1" "$S/a" "$D/b"
	}
	for_engines check
}

# bats test_tags=H07
@test "times in the future are times like others" {
	mkdir "$S/a"
	mktree file "$S/a/f" 5000
	mktree file "$S/a/g" 5000
	touch -d '+ 40 years' "$S/a/f"
	check() {
		touch -d '+ 2 hours' "$S/a/g" "$S/a"
		syncs --engine="$1" "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
		idles --engine="$1" "$S/a" "$D/b"
		mktree file "$S/a/g" 5000 2
		syncs --engine="$1" "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
	}
	for_engines check
}

# bats test_tags=H08
@test "size and time equal, content other: only --checksum and --ignore-times see it" {
	local option

	mkdir "$S/a"
	check() {
		for option in --checksum -c --ignore-times -I; do
			mktree file "$S/a/f" 200000 1
			mktree file "$S/a/g" 100 1
			touch -d @1000000000 "$S/a"/{f,g}
			syncs --engine="$1" "$S/a" "$D/b"
			mktree file "$D/b/f" 200000 2
			mktree file "$D/b/g" 100 2
			touch -d @1000000000 "$D/b"/{f,g}
			idles --engine="$1" "$S/a" "$D/b"
			run ! cmp -s "$S/a/f" "$D/b/f"
			syncs --engine="$1" "$option" "$S/a" "$D/b"
			mirrors "$S/a" "$D/b"
			idles --engine="$1" "$S/a" "$D/b"
		done
		# What is equal by its bytes is not written again.
		idles --engine="$1" --checksum "$S/a" "$D/b"
	}
	for_engines check
}

# bats test_tags=H08
@test "--checksum sets other times of equal bytes, and writes none of them" {
	mkdir "$S/a"
	mktree file "$S/a/f" 200000
	mktree file "$S/a/g" 100
	check() {
		syncs --engine="$1" "$S/a" "$D/b"
		touch -d @1000000000 "$D/b"/{f,g}
		stat -c %i "$D/b"/{f,g} >"$T/inodes"
		syncs --engine="$1" --stats --checksum "$S/a" "$D/b"
		counts bytes_written -eq 0
		mirrors "$S/a" "$D/b"
		stat -c %i "$D/b"/{f,g} | diff "$T/inodes" -
		idles --engine="$1" --checksum "$S/a" "$D/b"
	}
	for_engines check
}

# bats test_tags=H03
@test "--modify-window takes times that near for equal, and no others" {
	mkdir "$S/a"
	mktree file "$S/a/near" 5000 1
	mktree file "$S/a/far" 5000 2
	touch -d @1000000001 "$S/a/near"
	touch -d @1000000003 "$S/a/far"
	check() {
		mkdir "$D/b"
		mktree file "$D/b/near" 5000 3
		mktree file "$D/b/far" 5000 4
		touch -d @1000000002.5 "$D/b/near"
		touch -d @1000000000 "$D/b/far"
		cp -p "$D/b/near" "$T/near"
		syncs --engine="$1" --modify-window=2 "$S/a" "$D/b"
		cmp "$T/near" "$D/b/near"
		cmp "$S/a/far" "$D/b/far"
		idles --engine="$1" --modify-window=2 "$S/a" "$D/b"
		syncs --engine="$1" --modify-window=1 "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
	}
	for_engines check
}

# bats test_tags=A12
@test "what is written right after it was synced is seen by the next run" {
	local turn

	mkdir "$S/a" "$D/b"
	# Not the only file, so that a run takes a moment.
	mktree many "$S/a" 20 100
	check() {
		for ((turn = 0; turn < 25; turn++)); do
			echo "a $turn" >"$S/a/f"
			"$WEIR" sync --engine="$1" --durable=none "$S/a" "$D/b"
			echo "b $turn" >"$S/a/f"
			"$WEIR" sync --engine="$1" --durable=none "$S/a" "$D/b"
			cmp "$S/a/f" "$D/b/f"
		done
	}
	for_engines check
	mirrors "$S/a" "$D/b"
}

# bats test_tags=H03,C12
@test "with -u what is of another type is replaced, however new it is" {
	mkdir "$S/a"
	check() {
		mkdir "$D/b"
		mktree file "$S/a/f" 100
		ln -sf nowhere "$S/a/l"
		touch -h -d @1000000000 "$S/a/f" "$S/a/l"
		ln -s newer "$D/b/f"
		mktree file "$D/b/l" 50
		syncs -u --engine="$1" "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
	}
	for_engines check
}
