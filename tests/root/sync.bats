#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Syncs between file systems that differ: times that one of them cannot store, mounts
# in the trees, file systems that misbehave.

load ../sync/helper
load space

teardown() {
	close_space
	remove_areas
}

as() {
	inside "$@"
}

# A run that has nothing to do, where it must try out what the target can store: what
# is not a folder is untouched, folders have the times that they had, and nothing is
# left.
idles_coarsely() { # [OPTION...] SOURCE DEST
	local dest=${*: -1}

	inside find "$dest" ! -type d -printf '%p %i %C@\n' | sort >"$T/stamps"
	inside find "$dest" -printf '%p %T@\n' | sort >>"$T/stamps"
	sync_inside 0 --stats "$@"
	counts bytes_written -eq 0
	{
		inside find "$dest" ! -type d -printf '%p %i %C@\n' | sort
		inside find "$dest" -printf '%p %T@\n' | sort
	} >"$T/after"
	diff "$T/stamps" "$T/after" >"$T/changed" && return 0
	printf 'changed (< before, > after):\n'
	head -n 20 "$T/changed"
	return 1
}

# --- Times -----------------------------------------------------------------------

# A tree on a file system that can store any date, with the nearest and the farthest.
plant_dates() { # FOLDER
	local date

	inside mkdir "$1" "$1/sub"
	for date in -99999999999 -2147483649 -1.5 0.25 2147483648.75 4294967296 \
		16299260425 99999999999; do
		inside mktree file "$1/f$date" 5000
		inside ln -s nowhere "$1/l$date"
		inside mkfifo "$1/p$date"
		inside mkdir "$1/d$date"
		inside touch -h -d "@$date" "$1/f$date" "$1/l$date" "$1/p$date" "$1/d$date"
	done
	inside touch -d @99999999999 "$1/sub"
	inside touch -d @-99999999999.5 "$1"
}

# Dates that KIND cannot store are stored as something; that is what they are compared
# with, so the next run has nothing to do.  A date that changes is seen.
far_dates() { # KIND SIZE [OPTION...]
	local engine

	plant_dates "$ram/a"
	format "$@"
	attach
	for engine in auto plain; do
		sync_inside 0 --engine=$engine "$ram/a" "$M/b"
		says "times of"
		inside treecheck --mode --owner "$ram/a" "$M/b"
		idles_coarsely --engine=$engine "$ram/a" "$M/b"
		inside mktree file "$ram/a/f99999999999" 5000 2
		inside touch -d @1000000000 "$ram/a/f99999999999"
		sync_inside 0 --engine=$engine "$ram/a" "$M/b"
		inside treecheck --mode --owner "$ram/a" "$M/b"
		inside treecheck --times "$ram/a/f99999999999" "$M/b/f99999999999"
		# And what was near and is far: by its time alone.
		inside mktree file "$ram/a/f99999999999" 5000 3
		inside touch -d @99999999999 "$ram/a/f99999999999"
		sync_inside 0 --engine=$engine "$ram/a" "$M/b"
		inside treecheck --mode --owner "$ram/a" "$M/b"
		idles_coarsely --engine=$engine "$ram/a" "$M/b"
		nothing "$(inside find "$M" -name '.weir.*')"
		inside rm -r "$M/b"
	done
	detach
}

# bats test_tags=H02
@test "dates beyond those of ext4 do not make the next run copy again" {
	far_dates ext4 64M
}

# bats test_tags=H02,H03
@test "dates beyond those of ext4 with whole seconds do not make the next run copy again" {
	far_dates ext4 64M -I 128
}

# bats test_tags=H02
@test "dates beyond those of XFS do not make the next run copy again" {
	far_dates xfs 400M
}

# bats test_tags=H02
@test "dates beyond those of XFS without large ones do not make the next run copy again" {
	far_dates xfs 400M -m bigtime=0
}

# bats test_tags=H03
@test "times that the target rounds do not make the next run copy again" {
	local grain engine

	inside mktree random "$S/a" 91 60
	inside mktree file "$S/a/first" 700 1
	inside ln "$S/a/first" "$S/a/second"
	inside mkfifo "$S/a/fifo"
	inside touch -d '2020-02-02 02:02:03.987654321' "$S/a/first" "$S/a"
	for grain in 1 2; do
		for engine in auto plain; do
			show grain=$grain
			sync_inside 0 --engine=$engine "$S/a" "$M/b"
			inside treecheck --mode --owner --links "$S/a" "$M/b"
			idles_coarsely --engine=$engine "$S/a" "$M/b"
			# A difference that it can tell is one.
			inside mktree file "$S/a/first" 700 2
			inside touch -d '2020-02-02 02:02:06' "$S/a/first"
			sync_inside 0 --engine=$engine "$S/a" "$M/b"
			inside treecheck --mode --owner --links "$S/a" "$M/b"
			idles_coarsely --engine=$engine "$S/a" "$M/b"
			inside mktree file "$S/a/first" 700 1
			inside touch -d '2020-02-02 02:02:03.987654321' "$S/a/first"
			unshow
		done
	done
}

# bats test_tags=H03
@test "a coarse source is unchanged, and so is a coarse target that it came from" {
	local engine

	inside mktree random "$S/a" 92 60
	show grain=2
	sync_inside 0 "$S/a" "$M/a"
	for engine in auto plain; do
		sync_inside 0 --engine=$engine "$M/a" "$D/$engine"
		inside treecheck --times "$M/a" "$D/$engine"
		idles --engine=$engine "$M/a" "$D/$engine"
		idles --engine=$engine "$D/$engine" "$M/a"
	done
	unshow
}

# bats test_tags=H03
@test "whole seconds are not taken for a coarse file system" {
	local engine

	format ext4 64M
	attach
	inside mkdir "$M/a"
	for engine in auto plain; do
		inside mktree file "$M/a/f" 5000 1
		inside touch -d @1000000000 "$M/a/f"
		sync_inside 0 --engine=$engine "$M/a" "$M/$engine"
		inside mktree file "$M/a/f" 5000 2
		inside touch -d @1000000000.75 "$M/a/f"
		sync_inside 0 --engine=$engine "$M/a" "$M/$engine"
		inside treecheck --times "$M/a" "$M/$engine"
	done
	detach
}

# bats test_tags=H06
@test "a target that changes times at each close does not make the next run copy again" {
	local engine late

	inside mktree random "$S/a" 93 60
	for late in flush fsync; do
		for engine in auto plain; do
			show late=$late
			sync_inside 0 --engine=$engine "$S/a" "$M/b"
			inside treecheck --mode --owner --times "$S/a" "$M/b"
			idles --engine=$engine "$S/a" "$M/b"
			unshow
		done
	done
}

# The clock of this source has steps of two seconds: what is written in one of them, to
# the same size, cannot be told by times.  A run that ends when the step is over, or
# looks at such a file again in the next run, is right.
# bats test_tags=A12
@test "what is written in the tick of the clock in which it was synced is not missed" {
	local engine

	show grain=2
	inside mkdir "$M/a"
	for engine in auto plain; do
		inside sh -c 'echo first >"$1"' sh "$M/a/f"
		sync_inside 0 --engine=$engine "$M/a" "$D/b"
		inside sh -c 'echo later >"$1"' sh "$M/a/f"
		sync_inside 0 --engine=$engine "$M/a" "$D/b"
		cmp <(inside cat "$M/a/f") "$D/b/f"
		# What has rested is not looked at again, and has its own time.
		inside touch -d @1000000000 "$M/a/f"
		sync_inside 0 --engine=$engine "$M/a" "$D/b"
		inside treecheck --times "$M/a/f" "$D/b/f"
		idles --engine=$engine "$M/a" "$D/b"
		rm -r "$D/b"
	done
	unshow
}

# bats test_tags=A12
@test "what is written while it is read, in the tick of its last change, is not missed" {
	need_meanwhile
	show grain=2
	export M
	inside mkdir "$M/a"
	for _ in 1 2; do
		inside sh -c 'echo first >"$1"' sh "$M/a/f"
		run --separate-stderr inside meanwhile pread64 f 'echo later >"$M/a/f"' -- \
			"$WEIR" sync --engine=plain "$M/a" "$D/b"
		[ "$status" -eq 0 ] || ended 24
		sync_inside 0 "$M/a" "$D/b"
		cmp <(inside cat "$M/a/f") "$D/b/f"
	done
	unshow
}

# bats test_tags=A09
@test "a listing that tells each name twice makes no mirror poorer" {
	local engine

	show list=twice
	inside mktree random "$B/a" 94 60
	for engine in auto plain; do
		sync_inside 0 --engine=$engine --delete "$M/a" "$D/$engine"
		inside treecheck --all "$B/a" "$D/$engine"
		idles --engine=$engine --delete "$M/a" "$D/$engine"
		mktree file "$D/$engine/extra" 100
		sync_inside 0 --engine=$engine --delete "$M/a" "$D/$engine"
		inside treecheck --all "$B/a" "$D/$engine"
		# As a destination, too.
		sync_inside 0 --engine=$engine "$D/$engine" "$M/$engine"
		inside touch "$M/$engine/extra"
		sync_inside 0 --engine=$engine --delete "$D/$engine" "$M/$engine"
		inside treecheck --all "$B/a" "$B/$engine"
		inside rm -r "$B/$engine"
	done
	unshow
}

# bats test_tags=O08
@test "what only changed its case is not deleted where case does not count" {
	local engine when

	show casefold
	for engine in auto plain; do
		for when in --delete --delete=first; do
			inside mkdir -p "$S/a/Sub"
			inside mktree file "$S/a/Name" 5000 1
			inside mktree file "$S/a/Sub/f" 100 2
			sync_inside 0 "--engine=$engine" "$S/a" "$M/b"
			inside mv "$S/a/Name" "$S/a/name"
			inside mv "$S/a/Sub" "$S/a/sub"
			sync_inside 0 "--engine=$engine" "$when" "$S/a" "$M/b"
			[ "$(inside ls "$B/b" | wc -l)" -eq 2 ]
			inside cmp "$S/a/name" "$M/b/name"
			inside cmp "$S/a/sub/f" "$M/b/sub/f"
			sync_inside 0 "--engine=$engine" "$when" "$S/a" "$M/b"
			inside cmp "$S/a/name" "$M/b/name"
			inside cmp "$S/a/sub/f" "$M/b/sub/f"
			inside rm -r "$S/a" "$B/b"
		done
	done
	unshow
}

# --- Mounts ----------------------------------------------------------------------

# bats test_tags=L01
@test "with -x a mount point of the source is an empty folder, and its copy keeps what it has" {
	local engine

	inside mkdir -p "$ram/a/below" "$ram/a/other"
	inside mktree file "$ram/a/other/f" 1000
	inside mount -t tmpfs -o mode=750 below "$ram/a/below"
	inside mktree file "$ram/a/below/g" 1000
	for engine in auto plain; do
		sync_inside 0 --engine=$engine -x --delete "$ram/a" "$D/b"
		inside treecheck "$ram/a/other" "$D/b/other"
		[ "$(mode_of "$D/b/below")" = 750 ]
		empty_folder "$D/b/below"
		mktree file "$D/b/below/kept" 100
		mktree file "$D/b/other/extra" 100
		sync_inside 0 --engine=$engine -x --delete "$ram/a" "$D/b"
		[ -e "$D/b/below/kept" ]
		absent "$D/b/other/extra"
		idles --engine=$engine -x --delete "$ram/a" "$D/b"
		# Without it, what is mounted is part of the tree.
		sync_inside 0 --engine=$engine --delete "$ram/a" "$D/b"
		inside treecheck --all "$ram/a" "$D/b"
		idles --engine=$engine --delete "$ram/a" "$D/b"
		rm -r "$D/b"
	done
}

# bats test_tags=L02
@test "what is mounted in the destination is never emptied" {
	local engine

	inside mkdir -p "$ram/a" "$ram/b/gone/deep/mounted" "$ram/other"
	inside mktree file "$ram/a/f" 100
	inside mktree file "$ram/other/precious" 100
	for engine in auto plain; do
		inside mkdir -p "$ram/b/gone/deep/mounted"
		inside mktree file "$ram/b/gone/g" 100
		inside mount --bind "$ram/other" "$ram/b/gone/deep/mounted"
		sync_inside 23 --engine=$engine --delete "$ram/a" "$ram/b"
		says mounted
		inside test -e "$ram/other/precious"
		run ! inside test -e "$ram/b/gone/g"
		inside umount "$ram/b/gone/deep/mounted"
		sync_inside 0 --engine=$engine --delete "$ram/a" "$ram/b"
		inside treecheck --all "$ram/a" "$ram/b"
		inside test -e "$ram/other/precious"
	done
	# A file system of its own, too, and one that is mounted on a file.
	inside mkdir "$ram/b/gone"
	inside mount -t tmpfs gone "$ram/b/gone"
	inside mktree file "$ram/b/gone/precious" 100
	inside touch "$ram/b/file"
	inside mount --bind "$ram/other/precious" "$ram/b/file"
	sync_inside 23 --delete "$ram/a" "$ram/b"
	inside test -e "$ram/b/gone/precious"
	inside test -s "$ram/other/precious"
}

# bats test_tags=L03
@test "a read-only destination ends the run, before anything is read" {
	local engine

	format ext4 64M
	attach
	inside mktree random "$S/a" 95 60
	sync_inside 0 "$S/a" "$M/b"
	inside mktree file "$S/a/large" 3000000
	inside mktree many "$S/a/new" 500 100
	inside mount -o remount,ro "$M"
	for engine in auto plain; do
		run --separate-stderr inside "$WEIR" sync --engine=$engine --stats --delete \
			"$S/a" "$M/b"
		ended 1
		says EROFS
		[ "$(grep -c 'cannot go on in target' <<<"$stderr")" -eq 1 ]
		# Those that were begun, by all workers, not those that were planned.
		[ "$(grep -c EROFS <<<"$stderr")" -le 10 ]
		counts ops_read -eq 0
	done
	# What has nothing to do needs no right to write.
	inside mount -o remount,rw "$M"
	sync_inside 0 "$S/a" "$M/b"
	inside mount -o remount,ro "$M"
	idles "$S/a" "$M/b"
	detach
}

# bats test_tags=L04
@test "a source that is mounted into itself ends, and is told" {
	local engine

	inside mkdir -p "$ram/a/sub/again"
	inside mktree file "$ram/a/sub/f" 100
	inside mount --bind "$ram/a" "$ram/a/sub/again"
	for engine in auto plain; do
		run --separate-stderr inside timeout 60 "$WEIR" sync --engine=$engine --delete \
			"$ram/a" "$D/b"
		refuses
		says again
		cmp <(inside cat "$ram/a/sub/f") "$D/b/sub/f"
	done
}
