#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What only a file system of a certain kind shows: limits of sizes, links and
# dates, projects, encryption, compression, mounts that come and go.

load space

# A mktree file that is compared without reading it whole.
same_ends() { # EXPECTED ACTUAL
	[ "$(inside stat -c %s "$1")" = "$(inside stat -c %s "$2")" ]
	inside sh -c 'head -c 70000 "$1" >"$3/1"; head -c 70000 "$2" >"$3/2"; cmp "$3/1" "$3/2" &&
		tail -c 70000 "$1" >"$3/1"; tail -c 70000 "$2" >"$3/2"; cmp "$3/1" "$3/2"' \
		sh "$1" "$2" "$ram"
}

# --- Sizes -----------------------------------------------------------------------

huge_holes() { # KIND
	local size last engine

	format "$1" 600M
	attach
	for size in 17592186044416 9223372036854775807; do
		last=$((size - 4096))
		inside mktree sparse "$M/empty" $size
		inside mktree sparse "$M/data" $size 0 $((size / 2 / 4096 * 4096)) $last
		for engine in auto plain; do
			inside mkdir "$M/d"
			exits 0 inside timeout 100 "$WEIR" copy --reflink=never --engine=$engine \
				--stats "$M/empty" "$M/data" "$M/d"
			counts bytes_written -le 1000000
			same_ends "$M/empty" "$M/d/empty"
			same_ends "$M/data" "$M/d/data"
			[ "$(inside stat -c %b "$M/d/empty")" -eq 0 ]
			[ "$(inside stat -c %b "$M/d/data")" -le 2000 ]
			inside rm -r "$M/d"
		done
	done
	detach
}

# bats test_tags=D03
@test "holes of 16 TiB and of all bytes that a file can have are copied at once on XFS" {
	huge_holes xfs
}

# bats test_tags=D03
@test "holes of 16 TiB and of all bytes that a file can have are copied at once on btrfs" {
	huge_holes btrfs
}

# bats test_tags=D04
@test "a file that is too large for the target fails alone and keeps the old one" {
	local engine

	format ext4 64M -b 1024 -O ^extent,^64bit
	attach
	inside mktree sparse "$ram/big" 21474836480 0 21474832384
	inside mktree file "$ram/small" 5000
	inside mktree file "$M/big" 100 7
	for engine in auto plain; do
		weir_inside 23 --engine=$engine --stats "$ram/big" "$ram/small" "$M"
		says EFBIG
		says "big'"
		inside treecheck "$ram/small" "$M/small"
		[ "$(inside stat -c %s "$M/big")" -eq 100 ]
		nothing "$(inside find "$M" -name '.weir.*')"
	done
	detach
}

# bats test_tags=D13
@test "a file of a hundred thousand pieces takes as little memory as any" {
	local rss arena

	inside mktree stripes "$ram/f" 110000
	format xfs 900M
	attach
	run --separate-stderr inside strike --report="$T/report" -- \
		"$WEIR" copy --stats "$ram/f" "$M/f"
	ended 0
	counts bytes_written -eq $((110000 * 4096))
	rss=$(awk '{ print $8 }' "$T/report")
	arena=$(stat_of arena_bytes)
	echo "resident $rss KiB, buffers $arena bytes"
	[ "$rss" -le $((arena / 1024 + 16384)) ]
	inside treecheck --holes "$ram/f" "$M/f"
	detach
}

# bats test_tags=D14
@test "what is compressed has no holes, and is copied whole" {
	format btrfs 300M
	attach compress-force=zlib
	inside sh -c 'yes compressible | head -c 20000000 >"$1/f" && sync -f "$1"' sh "$M"
	inside filefrag -v "$M/f" | grep -q encoded
	weir_inside 0 --reflink=never --stats --explain "$M/f" "$D/f"
	counts bytes_written -eq 20000000
	run ! grep -i sparse <<<"$stderr"
	inside treecheck "$M/f" "$D/f"
	weir_inside 0 --reflink=never "$D/f" "$M/g"
	inside treecheck "$M/f" "$M/g"
	detach
}

# --- Links -------------------------------------------------------------------------

# bats test_tags=F13,J06
@test "a file with more names than an inode can have becomes two" {
	inside mount -o remount,nr_inodes=0 "$ram"
	inside mkdir -p "$ram/a/0"
	inside mktree file "$ram/a/0/0" 5000
	inside sh -c 'cd "$1/a" && for i in $(seq 999); do ln 0/0 0/$i; done &&
		for i in $(seq 64); do cp -al 0 $i; done && ln 0/0 last' sh "$ram"
	format ext4 300M
	attach
	weir_inside 0 -a --stats "$ram/a" "$M"
	says "links of 1 entry not kept"
	says EMLINK
	counts bytes_written -eq 10000
	inside treecheck --times "$ram/a" "$M/a"
	[ "$(inside find "$M/a" -type f -printf '%i\n' | sort -u | wc -l)" -eq 2 ]
	[ "$(inside find "$M/a" -type f | wc -l)" -eq 65001 ]
	weir_inside 23 -a --keep=links:require -T "$ram/a" "$M/b"
	inside treecheck "$ram/a" "$M/b"
	detach
}

# bats test_tags=G18
@test "a folder of another project gets its files, and links only within it" {
	format xfs 400M
	attach
	inside mkdir -p "$M/p/a/x" "$M/s/a/x"
	inside xfs_io -c 'chproj 42' -c 'chattr +P' "$M/p" || skip "no projects here"
	inside xfs_io -c 'chproj 43' -c 'chattr +P' "$M/p/a/x"
	inside mktree file "$M/s/a/f" 5000
	inside mktree file "$M/s/a/large" 3000000
	run ! inside ln "$M/s/a/f" "$M/p/f"
	# Named at once and by rename, over nothing and over what is there.
	for _ in 1 2; do
		weir_inside 0 "$M/s/a/f" "$M/s/a/large" "$M/p"
		silent
		inside treecheck "$M/s/a/f" "$M/p/f"
		inside treecheck "$M/s/a/large" "$M/p/large"
	done
	[ "$(inside xfs_io -c lsproj "$M/p/f")" = "projid = 42" ]
	# One group in two projects is two files.
	inside ln "$M/s/a/f" "$M/s/a/g"
	inside ln "$M/s/a/f" "$M/s/a/x/h"
	weir_inside 0 -a "$M/s/a" "$M/p"
	says "links of 1 entry not kept"
	says EXDEV
	inside treecheck --times "$M/s/a" "$M/p/a"
	[ "$(inside find "$M/p/a" -name '[fgh]' -printf '%i\n' | sort -u | wc -l)" -eq 2 ]
	nothing "$(inside find "$M" -name '.weir.*')"
	detach
}

# --- Times -------------------------------------------------------------------------

# What the target cannot store it stores as the nearest that it can.
far_dates() { # KIND FIRST LAST
	local time

	format "$1" 400M
	attach
	for time in -1 0 "$2" "$3" 4102444800; do
		inside touch -d "@$time" "$ram/t$time"
		weir_inside 0 -p "$ram/t$time" "$M"
		silent
		[ "$(inside stat -c %Y "$M/t$time")" -eq "$time" ]
	done
	for time in -99999999999 99999999999; do
		inside mktree file "$ram/far" 5000
		inside touch -d "@$time" "$ram/far"
		weir_inside 0 -p "$ram/far" "$M/far"
		inside treecheck "$ram/far" "$M/far"
		[ "$(inside stat -c %Y "$M/far")" -eq $((time < 0 ? $2 : $3)) ]
		says "times of 1 entry not kept"
		weir_inside 23 -p --keep=times:require "$ram/far" "$M/far"
		says EOVERFLOW
	done
	detach
}

# bats test_tags=H02
@test "dates that ext4 can store are kept, farther ones are the nearest" {
	far_dates ext4 -2147483648 15032385535
}

# bats test_tags=H02
@test "dates that XFS can store are kept, farther ones are the nearest" {
	far_dates xfs -2147483648 16299260424
}

# --- Encryption --------------------------------------------------------------------

# bats test_tags=C16
@test "an encrypted folder without its key fails as one, and with it it is copied" {
	local key engine

	format ext4 64M -O encrypt
	attach
	inside mkdir "$M/a"
	head -c 64 /dev/zero | tr '\0' k >"$T/key"
	key=$(inside xfs_io -c add_enckey "$M" <"$T/key" 2>/dev/null | sed -n 's/.*identifier //p')
	[ -n "$key" ] || skip "no encryption of folders here"
	inside xfs_io -c "set_encpolicy -v 2 $key" "$M/a"
	inside mktree file "$M/a/secret" 50000
	inside mktree file "$M/a/other" 100
	inside ln -s nowhere "$M/a/link"
	inside mkfifo "$M/a/fifo"
	inside mkdir "$M/a/sub"
	inside touch "$M/plain"
	weir_inside 0 -a "$M/a" "$D"
	inside treecheck --times "$M/a" "$D/a"
	weir_inside 0 "$D/a/secret" "$M/a/again"
	inside treecheck "$D/a/secret" "$M/a/again"
	inside xfs_io -c "rm_enckey $key" "$M"
	detach
	attach
	# Its names are none: not even its links, FIFOs and folders are copied.
	mkdir "$D/locked"
	for engine in auto plain; do
		weir_inside 23 -a --engine=$engine "$M/a" "$M/plain" "$D/locked"
		[ "$(grep -c ENOKEY <<<"$stderr")" -eq 1 ]
		says "source '$M/a': Required key not available (ENOKEY); it is encrypted, and"
		[ "$(ls "$D/locked")" = plain ]
		rm "$D/locked/plain"
	done
	weir_inside 23 "$D/a/secret" "$M/a/more"
	says ENOKEY
	detach
}

# --- Mounts ------------------------------------------------------------------------

# bats test_tags=L03
@test "a target that is read-only is told in one message, before anything is read" {
	inside mktree many "$ram/a" 300 5000
	inside mkdir "$ram/to"
	inside mount -t tmpfs -o ro none "$ram/to"
	for target in "$ram/to" "$ram/to/new"; do
		run --separate-stderr inside strace -f -o "$T/trace" -e trace=pread64,read,readv \
			-P "$ram/a/f0000000" "$WEIR" copy -r --engine=plain "$ram/a" "$target"
		ended 1
		[ "$(grep -c EROFS <<<"$stderr")" -eq 1 ]
		[ "$(grep -c . <<<"$stderr")" -le 2 ]
		run ! grep -E 'pread|read' "$T/trace"
	done
}

# bats test_tags=B04
@test "a file that an overlay shows is never lost by copying it onto itself" {
	local engine how

	for how in "" --inplace "--inplace --sparse=always" --remove-destination; do
		for engine in auto plain; do
			inside mkdir -p "$ram/lower" "$ram/upper" "$ram/work"
			inside mktree file "$ram/lower/f" 300000 5
			inside cp -a "$ram/lower/f" "$ram/before"
			inside mount -t overlay overlay "$M" -o \
				"lowerdir=$ram/lower,upperdir=$ram/upper,workdir=$ram/work" ||
				skip "no overlay here"
			[ "$(inside stat -c %d "$M/f")" != "$(inside stat -c %d "$ram/lower/f")" ]
			# shellcheck disable=SC2086
			weir_inside 23 $how --engine=$engine "$M/f" "$ram/lower/f"
			says "source and target are the same file"
			inside cmp "$ram/before" "$ram/lower/f"
			# shellcheck disable=SC2086
			weir_inside 23 $how --engine=$engine "$ram/lower/f" "$M/f"
			inside cmp "$ram/before" "$ram/lower/f"
			inside cmp "$ram/before" "$M/f"
			inside umount "$M"
			inside rm -r "$ram/lower" "$ram/upper" "$ram/work" "$ram/before"
		done
	done
}

# bats test_tags=L05
@test "an overlay with other files below is copied into, and what is below stays" {
	local before

	inside mkdir "$ram/lower" "$ram/upper" "$ram/work" "$ram/s"
	inside mktree random "$ram/lower/a" 91 60
	inside mktree random "$ram/s/a" 91 60
	inside mktree file "$ram/s/a/e1" 70000 5
	inside ln "$ram/s/a/e1" "$ram/s/a/link"
	before=$(inside find "$ram/lower" -type f -exec cksum {} +)
	inside mount -t overlay overlay "$M" -o \
		"lowerdir=$ram/lower,upperdir=$ram/upper,workdir=$ram/work" ||
		skip "no overlay here"
	for _ in 1 2; do
		weir_inside 0 -a "$ram/s/a" "$M"
		silent
		inside treecheck --mode --owner --times --links "$ram/s/a" "$M/a"
	done
	# In place of what was read from below.
	weir_inside 28 "$M/a/e1" "$M/a/e1"
	weir_inside 0 -T "$ram/s/a/e1" "$M/a/e2"
	inside treecheck "$ram/s/a/e1" "$M/a/e2"
	[ "$before" = "$(inside find "$ram/lower" -type f -exec cksum {} +)" ]
	detach
}

# Runs weir in the namespace; before its first openat of NAME the script is run.
held() { # NAME SCRIPT ARGUMENT...
	run --separate-stderr inside env ram="$ram" meanwhile openat "$1" "$2" -- \
		"$WEIR" copy --engine=plain "${@:3}"
}

make_split_tree() {
	need_meanwhile
	inside mkdir -p "$ram/s/a/sub" "$ram/d"
	inside mktree file "$ram/s/a/f" 5000
	inside mktree file "$ram/s/a/sub/g" 300000
}

# bats test_tags=L06
@test "a mount over a folder that is being filled hides nothing from it" {
	make_split_tree
	# Its file is held just before it is opened: the folder is made by then.
	held g 'mount -t tmpfs none "$ram/d/a/sub"' -a "$ram/s/a" "$ram/d"
	ended 28
	says "cannot go on in target '$ram/d/a/sub': somebody moved it, or put something over it"
	nothing "$(inside ls -A "$ram/d/a/sub")"
	inside umount "$ram/d/a/sub"
	inside treecheck "$ram/s/a/sub" "$ram/d/a/sub"
}

# bats test_tags=L06
@test "a mount over a source that is being read changes nothing for it" {
	make_split_tree
	held g 'mount -t tmpfs none "$ram/s/a/sub"' -a "$ram/s/a" "$ram/d"
	ended 0
	inside umount "$ram/s/a/sub"
	inside treecheck --times "$ram/s/a" "$ram/d/a"
}

# bats test_tags=L06
@test "a mount that goes away is read to its end, or told" {
	make_split_tree
	inside mount -t tmpfs none "$ram/s/a/sub"
	inside mktree file "$ram/s/a/sub/g" 300000 2
	inside cp -a "$ram/s/a/sub" "$ram/expected"
	# What lies below the source no more is not read by a run that is confined.
	WEIR_CONFINE=never held g 'umount -l "$ram/s/a/sub"' -a "$ram/s/a" "$ram/d"
	ended 0
	inside treecheck --times "$ram/expected" "$ram/d/a/sub"
	inside treecheck "$ram/s/a/f" "$ram/d/a/f"
}
