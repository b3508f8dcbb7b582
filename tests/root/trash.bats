#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What goes from DEST is kept on its file system only (O15).

load ../sync/helper
load space

teardown() {
	close_space
	remove_areas
}

make_pair() {
	echo new >"$S/f"
	mkdir -p "$D/d/sub"
	echo old >"$D/d/f"
	echo gone >"$D/d/sub/gone"
	cp -a "$D/d" "$T/was"
}

# bats test_tags=O15
@test "a folder on another file system, or another mount of the same, is refused" {
	make_pair
	mkdir "$T/memory" "$T/bound"
	inside mount -t tmpfs memory "$T/memory"
	inside mount --bind "$D" "$T/bound"
	sync_inside 28 --delete --trash="$T/memory/t" "$S" "$D/d"
	says "it is on another file system than the target, and nothing is moved there"
	sync_inside 28 --backup-dir="$T/memory" "$S" "$D/d"
	sync_inside 28 --delete --trash="$T/bound/t" "$S" "$D/d"
	says "it is on another mount than the target"
	nothing "$(inside ls -A "$T/memory")"
	same --all "$T/was" "$D/d"
}

# bats test_tags=O15,L02
@test "what lies on another file system in DEST stays there, whole" {
	make_pair
	mkdir "$S/m" "$D/d/m"
	inside mount -t tmpfs memory "$D/d/m"
	inside sh -c 'echo kept >"$1/gone"; echo old >"$1/f"' sh "$D/d/m"
	echo new >"$S/m/f"
	sync_inside 23 --delete --trash="$D/t" "$S" "$D/d"
	says "cannot delete target '$D/d/m/gone': Invalid cross-device link (EXDEV)"
	[ "$(inside cat "$D/d/m/gone")" = kept ]
	[ "$(cat "$D/t/sub/gone")" = gone ]
	inside sh -c 'echo older >"$1/f"' sh "$D/d/m"
	sync_inside 23 --backup-dir="$D/old" "$S" "$D/d"
	says "cannot back up target '$D/d/m/f': Invalid cross-device link (EXDEV)"
	[ "$(inside cat "$D/d/m/f")" = older ]
}

# bats test_tags=O15,F01
@test "where there is no room for its folders, what is to go stays" {
	make_pair
	mkdir "$T/small"
	inside mount -t tmpfs -o size=64k,nr_inodes=8 small "$T/small"
	inside sh -c 'mkdir -p "$1/d/a" "$1/d/b"; for i in a b; do echo x >"$1/d/$i/x"; done' \
		sh "$T/small"
	inside sh -c 'while : >"$1/fill$((i += 1))"; do :; done' sh "$T/small" 2>/dev/null || :
	run --separate-stderr inside "$WEIR" sync --delete --existing --trash="$T/small/t" "$S" \
		"$T/small/d"
	[ "$status" -eq 23 ] || [ "$status" -eq 27 ]
	says "No space left on device (ENOSPC)"
	[ "$(inside cat "$T/small/d/a/x")" = x ] && [ "$(inside cat "$T/small/d/b/x")" = x ]
}
