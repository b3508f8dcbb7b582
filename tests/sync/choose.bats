#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a sync takes part in: sizes, lists of names, borders of file systems, and links
# in the destination.

load helper

# --- Sizes --------------------------------------------------------------------

# Files of 0, 999, 1000 and 1001 bytes.
sized_files() { # FOLDER
	local size

	for size in 0 999 1000 1001; do
		head -c "$size" /dev/zero >"$1/s$size"
	done
}

@test "--max-size and --min-size leave out what is larger or smaller" {
	sized_files "$S"
	ln -s s1001 "$S/link"
	syncs --max-size=1000 "$S" "$D/max"
	[ "$(cd "$D/max" && echo *)" = "link s0 s1000 s999" ]
	syncs --min-size=1000 "$S" "$D/min"
	[ "$(cd "$D/min" && echo *)" = "link s1000 s1001" ]
	syncs --min-size=999 --max-size=1000 "$S" "$D/both"
	[ "$(cd "$D/both" && echo *)" = "link s1000 s999" ]
	syncs --max-size=0 "$S" "$D/empty"
	[ "$(cd "$D/empty" && echo *)" = "link s0" ]
	syncs --max-size=1KB "$S" "$D/units"
	[ "$(cd "$D/units" && echo *)" = "link s0 s1000 s999" ]
}

@test "what is left out by its size is counted as excluded" {
	sized_files "$S"
	exits 0 "$WEIR" sync -n --max-size=999 "$S" "$D/d"
	says 'to copy 3, to replace 0, attributes only 0, to delete 0, unchanged 0, excluded 2'
	absent "$D/d"
}

# bats test_tags=O06
@test "what is left out by its size stays in the destination, also with --delete-excluded" {
	sized_files "$S"
	mkdir "$D/d"
	echo old >"$D/d/s1001"
	echo gone >"$D/d/gone"
	syncs --max-size=1000 --delete --delete-excluded "$S" "$D/d"
	[ "$(cat "$D/d/s1001")" = old ]
	absent "$D/d/gone"
	# What was the same stays as well, and a run with --delete=first decides the same.
	syncs "$S" "$D/d"
	syncs --max-size=10 --delete=first "$S" "$D/d"
	same --all "$S" "$D/d"
}

@test "a folder stays where a file that is left out by its size has its name" {
	local when

	for when in last first; do
		rm -rf "$D/d"
		mkdir -p "$D/d/big"
		echo kept >"$D/d/big/f"
		head -c 5000 /dev/zero >"$S/big"
		syncs --max-size=1000 --delete="$when" "$S" "$D/d"
		[ "$(cat "$D/d/big/f")" = kept ]
		syncs --ignore-existing --delete="$when" "$S" "$D/d"
		[ "$(cat "$D/d/big/f")" = kept ]
		syncs --delete="$when" "$S" "$D/d"
		same --all "$S" "$D/d"
	done
}

@test "all names of a hard link are left out for its size, or none" {
	head -c 5000 /dev/zero >"$S/a"
	ln "$S/a" "$S/b"
	echo small >"$S/c"
	ln "$S/c" "$S/d"
	syncs --max-size=1000 "$S" "$D/d"
	[ "$(cd "$D/d" && echo *)" = "c d" ]
	[ "$D/d/c" -ef "$D/d/d" ]
	syncs "$S" "$D/d"
	same --all "$S" "$D/d"
}

@test "a size that is none is refused" {
	local size

	for size in x 1Q -1 '' 99999999999999999999; do
		sync_exits 2 --max-size="$size" "$S" "$D/d"
		sync_exits 2 --min-size="$size" "$S" "$D/d"
	done
	absent "$D/d"
}
