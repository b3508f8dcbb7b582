#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs at the same time: one at a time on a destination.  A run is held at a system
# call while the other one comes and goes.
#
# once

load helper

setup() {
	make_areas
	begin_traces
	mkdir -p "$S/a/sub" "$S/c"
	mktree file "$S/a/f" 50000
	mktree file "$S/a/sub/g" 100
	mktree file "$S/c/h" 100
	export S D T WEIR
}

# bats test_tags=M10
@test "a second sync of the same destination is refused at once and changes nothing" {
	local other

	need_meanwhile
	for other in "$D/b" "$D/b/" "$D/link" "$D/b/../b"; do
		rm -rf "$D/b" "$D/link"
		ln -s b "$D/link"
		export other
		during_sync openat f '"$WEIR" sync "$S/c" "$other" 2>"$T/second"; [ $? -eq 29 ]' \
			"$S/a" "$D/b"
		ended 0
		silent
		grep 'another run' "$T/second"
		mirrors "$S/a" "$D/b"
	done
}

# bats test_tags=M10
@test "a copy into a destination that is synced is refused, and the reverse" {
	need_meanwhile
	during_sync openat f '"$WEIR" copy "$S/c/h" "$D/b" 2>"$T/second"; [ $? -eq 29 ]' \
		"$S/a" "$D/b"
	ended 0
	mirrors "$S/a" "$D/b"
	run --separate-stderr meanwhile openat f \
		'"$WEIR" sync "$S/c" "$D/b" 2>"$T/second"; [ $? -eq 29 ]' -- \
		"$WEIR" copy --engine=plain -r "$S/a/f" "$D/b"
	ended 0
	grep 'another run' "$T/second"
}

# bats test_tags=M10
@test "different destinations are synced at the same time, side by side" {
	need_meanwhile
	mkdir "$D/b"
	during_sync openat f '"$WEIR" sync "$S/c" "$D/c" && "$WEIR" sync "$S/a" "$D/other"' \
		"$S/a" "$D/b"
	ended 0
	mirrors "$S/a" "$D/b"
	mirrors "$S/c" "$D/c"
	mirrors "$S/a" "$D/other"
}

# bats test_tags=M10
@test "a dry run of a destination that is synced takes no lock and is taken for none" {
	need_meanwhile
	during_sync openat f '"$WEIR" sync -n "$S/c" "$D/b" >/dev/null' "$S/a" "$D/b"
	ended 0
	mirrors "$S/a" "$D/b"
	run --separate-stderr meanwhile openat sub '"$WEIR" sync "$S/a" "$D/b"' -- \
		"$WEIR" sync --engine=plain -n "$S/a" "$D/b"
	ended 0
	mirrors "$S/a" "$D/b"
}

# bats test_tags=M10
@test "a killed run leaves no lock, not even for a moment" {
	local engine

	for engine in $(engines); do
		rm -rf "$D/b"
		mktree file "$S/a/large" 30000000
		for _ in 1 2 3 4 5; do
			run strike --at-name="$D/b/sub" -- \
				"$WEIR" sync --engine="$engine" "$S/a" "$D/b"
			syncs --engine="$engine" "$S/a" "$D/b"
			mirrors "$S/a" "$D/b"
			rm -rf "$D/b"
		done
	done
	no_temps "$D"
}
