#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# serial
#
# Errors of real devices: cases E01, E02, E05, E06, F03, F04; rules G3, G4, G7.

load space

# --- Reads ---------------------------------------------------------------------

# Damages the block of $image that begins with TEXT.
damage() { # TEXT
	local at

	at=$(inside grep -abo -m 1 "$1" "$image" | head -n 1 | cut -d: -f1)
	[ -n "$at" ]
	printf 'XXXX' | inside dd of="$image" bs=1 seek="$at" conv=notrunc status=none
}

# Three files; block 20 of the second carries a mark.
sources_with_mark() {
	inside mkdir "$M/a"
	inside mktree file "$M/a/1" 400000 1
	inside mktree file "$M/a/2" 400000 2
	inside mktree file "$M/a/3" 400000 3
	printf 'THE-MARKED-BLOCK' |
		inside dd of="$M/a/2" bs=1 seek=$((20 * 4096)) conv=notrunc status=none
	inside cp -a "$M/a" "$ram/expected"
	inside sync -f "$M"
}

# Sources of which one has a block that btrfs knows to be another one than was written.
attach_damaged() {
	format btrfs 300M -m single -d single
	attach
	sources_with_mark
	detach
	damage THE-MARKED-BLOCK
	attach
}

# bats test_tags=E01,E02
@test "a damaged block on btrfs fails that file at that offset, no other" {
	local how

	attach_damaged
	for how in --direct=never --direct=auto --direct=always --engine=plain; do
		rm -rf "$D/a"
		mkdir "$D/a"
		echo old >"$D/a/2"
		weir_inside 23 -r $how "$M/a" "$D"
		says EIO
		says "a/2'"
		says read
		[ "$(cat "$D/a/2")" = old ]
		inside treecheck "$ram/expected/1" "$D/a/1"
		inside treecheck "$ram/expected/3" "$D/a/3"
		no_temps "$D"
		if [ $how = --direct=never ]; then says "offset $((20 * 4096))"; fi
	done
	detach
}

# bats test_tags=E01
@test "a sync with a damaged block on either side removes nothing, and names that file alone" {
	local engine options

	own_state
	attach_damaged
	for engine in auto plain; do
		for options in "" --inplace --checksum; do
			rm -rf "$D/a"
			mkdir -p "$D/a/gone"
			mktree file "$D/a/2" 300000 9
			cp "$D/a/2" "$T/before"
			# shellcheck disable=SC2086
			sync_inside 23 --delete --yes-delete-many $options --engine=$engine \
				"$M/a" "$D/a"
			says "cannot read source '$M/a/2'"
			says "so nothing was deleted"
			[ "$(wc -l <<<"$stderr")" -eq 2 ]
			rmdir "$D/a/gone"
			[ "$options" = --inplace ] || cmp "$T/before" "$D/a/2"
			[ "$options" != --inplace ] || [ "$(stat -c %Y "$D/a/2")" -eq 1 ]
			inside cmp "$ram/expected/1" "$D/a/1"
		done
		# What cannot be read in the target is told where it is to be compared, and
		# written anew where it is not.
		inside touch "$ram/expected/2"
		sync_inside 23 --inplace --engine=$engine "$ram/expected" "$M/a"
		says "cannot read target '$M/a/2' at offset $((20 * 4096))"
	done
	sync_inside 0 "$ram/expected" "$M/a"
	inside treecheck --times "$ram/expected" "$M/a"
	detach
}

# bats test_tags=E01
@test "a device that lost its end fails the files that lie there" {
	format ext4 64M
	attach
	inside mkdir "$M/a"
	for i in 1 2 3 4 5 6 7 8; do
		inside mktree file "$M/a/$i" 5000000 "$i"
	done
	inside cp -a "$M/a" "$ram/expected"
	inside sync -f "$M"
	detach
	attach
	inside truncate -s 30M "$image"
	run --separate-stderr inside "$WEIR" copy -r "$M/a" "$D"
	[ "$status" -eq 23 ]
	says EIO
	mkdir -p "$T/empty"
	inside treecheck --or="$T/empty" "$ram/expected" "$D/a"
	[ "$(find "$D/a" -type f | wc -l)" -ge 1 ]
	[ "$(find "$D/a" -type f | wc -l)" -le 7 ]
	no_temps "$D"
	inside truncate -s 64M "$image"
	detach
}

# --- Any access, by the kernel's own events, so on the ring too -------------------

need_denial() { # FOLDER
	inside mktree file "$1/probe" 8192
	inside deny "$1/probe" 0 1 5 -- true 2>/dev/null || skip "the kernel has no such events"
	inside rm "$1/probe"
}

# bats test_tags=E01,E02
@test "a range that cannot be read fails the file at its offset" {
	local how

	format ext4 64M
	attach
	need_denial "$M"
	inside mktree file "$M/f" 9000000 1
	inside mktree file "$M/g" 3000000 2
	for how in --direct=never --direct=always --engine=plain --workers=1 --depth=1; do
		rm -rf "$D/f" "$D/g"
		echo old >"$D/f"
		exits 23 inside deny "$M/f" 5000000 4096 5 -- \
			"$WEIR" copy --stats $how --chunk-size=64K "$M/f" "$M/g" "$D"
		[ $how != --direct=always ] || counts ops_read_fixed -gt 50
		says EIO
		says source
		says "/f'"
		# The block lies in the chunk that begins at 4980736.
		[[ $stderr =~ "offset "49[89][0-9]{4} ]]
		[ "$(cat "$D/f")" = old ]
		inside treecheck "$M/g" "$D/g"
		no_temps "$D"
	done
	detach
}

# bats test_tags=E05,F01
@test "a range that cannot be written fails the file at its offset" {
	local how

	# Reserving space would be denied before anything is written.
	format ext4 64M
	attach
	need_denial "$M"
	mktree file "$S/f" 9000000 1
	mktree file "$S/g" 3000000 2
	for how in --direct=never --direct=always --engine=plain --workers=1 --depth=1; do
		inside rm -f "$M/f" "$M/g"
		echo old | inside sh -c 'cat >"$1"' sh "$M/f"
		exits 23 inside deny --mount "$M" 5000000 4096 5 -- \
			refuse fallocate=EOPNOTSUPP -- "$WEIR" copy --stats $how --chunk-size=64K \
			"$S/f" "$S/g" "$M"
		[ $how != --direct=always ] || counts ops_write_fixed -gt 50
		says EIO
		says target
		says "/f'"
		[[ $stderr =~ "offset "49[89][0-9]{4} ]]
		[ "$(inside cat "$M/f")" = old ]
		inside treecheck "$S/g" "$M/g"
		nothing "$(inside find "$M" -name '.weir.*')"
		# The same as no space: its own status.
		exits 27 inside deny --mount "$M" 5000000 4096 28 -- \
			refuse fallocate=EOPNOTSUPP -- "$WEIR" copy $how --chunk-size=64K \
			"$S/f" "$S/g" "$M"
		says ENOSPC
		[ "$(inside cat "$M/f")" = old ]
		nothing "$(inside find "$M" -name '.weir.*')"
	done
	detach
}

# --- Write-back ------------------------------------------------------------------

# A device of which a part cannot be written: the image lies on a full tmpfs
# with holes in it.  Nothing is refused when a file is written; the error comes
# when its pages are written back.
#
# thin KIND: mounted on $M; the holes are where data of files goes, so that what
# the file system needs for itself still works.
thin() { # KIND
	local bytes holes files

	kind=$1
	need_kind "$kind"
	inside mkdir -p "$ram/thin"
	inside mount -t tmpfs -o size=420M thin "$ram/thin"
	image=$ram/thin/image
	# Holes as OFFSET:LENGTH in MiB.
	case $kind in
	ext4) bytes=64M files=70 holes=28:36 ;;
	xfs) bytes=400M files=420 holes="106:88 306:88" ;;
	# System and metadata come first, then a chunk of 8 MiB for data and a
	# larger one.
	btrfs) bytes=400M files=56 holes=40:360 ;;
	esac
	case $kind in
	ext4) format ext4 $bytes -O ^has_journal -E nodiscard,lazy_itable_init=0 ;;
	xfs) format xfs $bytes -K -d agcount=4 ;;
	btrfs) format btrfs $bytes -K -m single -d single ;;
	esac
	inside fallocate -l $bytes "$image"
	attach
	# Room for names, so that folders need no new blocks.
	inside mktree many "$M/a" 2500
	inside find "$M/a" -type f -delete
	guard_edges $files "$holes"
	detach
	for hole in $holes; do
		inside fallocate -p -o "${hole%:*}M" -l "${hole#*:}M" "$image"
	done
	attach
	fill_thin
}

# To the loop driver a write that ends early is no error: one that begins before
# a hole and ends in it would be lost in silence, which is nobody's fault above.
# A file that nobody writes lies over each edge, so that no write can.
guard_edges() { # FILES HOLES
	local i edges=

	inside mkdir "$M/guard"
	for ((i = 0; i < $1; i++)); do
		inside fallocate -l 1M "$M/guard/$i" 2>/dev/null || true
	done
	inside sync -f "$M"
	for i in $2; do edges+=" $((${i%:*} * 1024))"; done
	# Lines of filefrag in KiB: "0: first.. last: physical.. physical: ...".
	inside sh -c 'filefrag -v -b1024 "$1"/guard/*' sh "$M" | awk -v edges="$edges" '
		BEGIN { count = split(edges, edge) }
		/^File size of/ { name = $4 }
		/^ *[0-9]+:/ {
			split($0, field, ":")
			split(field[3], range, /[.][.]/)
			for (i = 1; i <= count; i++)
				if (range[1] + 0 <= edge[i] && range[2] + 0 >= edge[i] - 1)
					keep[name] = 1
		}
		END { for (name in keep) print name }' >"$T/keep"
	[ -s "$T/keep" ]
	for ((i = 0; i < $1; i++)); do
		grep -qx "$M/guard/$i" "$T/keep" || inside rm -f "$M/guard/$i"
	done
	inside sync -f "$M"
}

# Takes what is free of the tmpfs, to the last page.
fill_thin() {
	inside sh -c 'cat /dev/zero >"$1/ballast" 2>/dev/null' sh "$ram/thin" || true
}

# What failed before may be told to the next sync, which is not to be weir's.
thick() {
	inside rm "$ram/thin/ballast"
	inside sync -f "$M" 2>/dev/null || true
}

# After a run: what is there is whole, on the device and not only in memory;
# what is not there was named, or not begun by a run that stopped as full;
# there was some of both.
judge_thin() { # LOG
	local good lost named

	[ "$status" -eq 23 ] || [ "$status" -eq 27 ] || {
		echo "status $status: $stderr"
		return 1
	}
	mkdir -p "$T/empty"
	inside sh -c 'cd "$1" && ls | xargs pages --drop' sh "$M/a"
	inside treecheck --or="$T/empty" "$S/a" "$M/a" || return 1
	inside ls "$M/a" | sort >"$T/there"
	find "$S/a" -type f -printf "%f\n" | sort | comm -23 - "$T/there" >"$T/missing"
	grep -o "cannot .*/a/f[0-9]*'" "$1" | grep -o 'f[0-9]*.$' | tr -d "'" | sort -u >"$T/named"
	good=$(wc -l <"$T/there") lost=$(wc -l <"$T/missing")
	named=$(comm -12 "$T/missing" "$T/named" | wc -l)
	echo "$kind: $good good, $lost lost, $named named, status $status"
	[ "$good" -ge 1 ]
	[ "$named" -ge 1 ]
	[ "$named" -eq "$lost" ] || [ "$status" -eq 27 ]
	nothing "$(inside find "$M" -name '.weir.*')"
}

lose_files() { # KIND ARGUMENT...
	thin "$1"
	shift
	mktree many "$S/a" 2400 20000
	run --separate-stderr inside "$WEIR" copy -r --log-file="$T/log" "$@" "$S/a" "$M"
	judge_thin "$T/log"
	# With room, the same run completes it; ext4 may keep what it had reserved for the
	# lost data, and be full, until that is given back.
	thick
	inside "$WEIR" copy -r "$@" "$S/a" "$M" 2>/dev/null ||
		weir_inside 0 -r "$@" "$S/a" "$M"
	inside treecheck "$S/a" "$M/a"
	detach
}

# bats test_tags=E05,E06,F04
@test "write-back errors on ext4 are blamed on the lost files alone" {
	lose_files ext4 --direct=never
}

# bats test_tags=E05,E06,F04
@test "write-back errors on XFS are blamed on the lost files alone" {
	lose_more xfs --direct=never
}

# bats test_tags=E05,E06,F04
@test "write-back errors on btrfs are blamed on the lost files alone" {
	lose_files btrfs --direct=never
}

# syncfs of an overlay tells no such error, so each file is synced for itself.
# bats test_tags=E05,E06,F04
@test "write-back errors below an overlay are blamed on the lost files alone" {
	thin ext4
	mktree many "$S/a" 300 160000
	inside mkdir -p "$M/work" "$ram/lower" "$ram/over/a"
	inside mount -t overlay -o "lowerdir=$ram/lower,upperdir=$M/a,workdir=$M/work" over \
		"$ram/over/a" || skip "no overlay in this kernel"
	run --separate-stderr inside "$WEIR" copy -r --direct=never --log-file="$T/log" -T \
		"$S/a" "$ram/over/a"
	judge_thin "$T/log"
	inside umount "$ram/over/a"
	detach
}

# As lose_files, spread over folders, which XFS spreads over the device.
lose_more() { # KIND ARGUMENT...
	thin "$1"
	shift
	mktree many "$S/a" 160 1300000
	run --separate-stderr inside "$WEIR" copy -r --log-file="$T/log" "$@" "$S/a" "$M"
	judge_thin "$T/log"
	thick
	weir_inside 0 -r "$@" "$S/a" "$M"
	inside treecheck "$S/a" "$M/a"
	detach
}

# G4 with many groups of few files, two of them in flight.
@test "with two groups in flight each file is blamed for itself" {
	thin ext4
	mktree many "$S/a" 2400 20000
	run --separate-stderr inside launch --limit=nofile:200 -- \
		"$WEIR" copy -r --direct=never --stats --log-file="$T/log" "$S/a" "$M"
	counts groups -ge 3
	judge_thin "$T/log"
	detach
}

# bats test_tags=E06
@test "a sync of each file blames the lost files too" {
	lose_files ext4 --direct=never --durable=file
}

# bats test_tags=F04
@test "lost files leave what they would have replaced" {
	thin ext4
	mktree many "$S/old" 300 100
	mktree many "$S/a" 300 200000
	thick
	inside cp -r "$S/old/." "$M/a"
	inside sync -f "$M"
	fill_thin
	run --separate-stderr inside "$WEIR" copy -r --direct=never "$S/a" "$M"
	[ "$status" -eq 23 ] || [ "$status" -eq 27 ]
	inside sh -c 'cd "$1" && ls | xargs pages --drop' sh "$M/a"
	inside treecheck --skip-temps --or="$S/old" "$S/a" "$M/a"
	nothing "$(inside find "$M" -name '.weir.*')"
	detach
}

# --- Full and read-only targets -----------------------------------------------------

# bats test_tags=F01,F03
@test "a full ext4 ends as full, with nothing half and no litter" {
	format ext4 16M -b 1024
	attach
	mktree random "$S/a" 71 200
	mktree file "$S/a/large" 15000000
	run --separate-stderr inside "$WEIR" copy -r "$S/a" "$M"
	[ "$status" -eq 27 ]
	says ENOSPC
	mkdir -p "$T/empty"
	inside treecheck --or="$T/empty" "$S/a" "$M/a"
	nothing "$(inside find "$M" -name '.weir.*')"
	detach
}

# bats test_tags=F02
@test "an ext4 without inodes ends as full" {
	format ext4 16M -N 60
	attach
	mktree many "$S/a" 200 10
	run --separate-stderr inside "$WEIR" copy -r "$S/a" "$M"
	[ "$status" -eq 27 ]
	mkdir -p "$T/empty"
	inside treecheck --or="$T/empty" "$S/a" "$M/a"
	detach
}

# bats test_tags=F05
@test "a quota that is reached ends as full and is told as quota" {
	format btrfs 300M
	attach
	inside btrfs quota enable "$M"
	inside btrfs -q subvolume create "$M/s"
	inside btrfs qgroup limit 2M "$M/s"
	mktree random "$S/a" 72 100
	mktree file "$S/a/large" 15000000
	run --separate-stderr inside "$WEIR" copy -r "$S/a" "$M/s"
	[ "$status" -eq 27 ]
	says EDQUOT
	mkdir -p "$T/empty"
	inside treecheck --or="$T/empty" "$S/a" "$M/s/a"
	detach
}

# bats test_tags=E16,L03
@test "a target that is read-only is told as such" {
	format ext4 16M
	attach
	inside mount -o remount,ro "$M"
	mktree file "$S/f" 100
	run --separate-stderr inside "$WEIR" copy "$S/f" "$M"
	[ "$status" -eq 23 ] || [ "$status" -eq 1 ]
	says EROFS
	detach
}

# bats test_tags=F01,F02
@test "a tmpfs that runs out of bytes or of inodes ends as full, and a sync removes nothing" {
	local limit engine

	own_state
	mkdir -p "$T/empty" "$S/a"
	mktree many "$S/a" 60 30000
	for limit in size=1M nr_inodes=40; do
		for engine in auto plain; do
			inside mount -t tmpfs -o "$limit" tiny "$M"
			inside mkdir "$M/b"
			inside touch "$M/b/gone"
			run --separate-stderr inside "$WEIR" copy -r --engine=$engine "$S/a" "$M"
			ended 27
			says ENOSPC
			inside treecheck --or="$T/empty" "$S/a" "$M/a"
			nothing "$(inside find "$M" -name '.weir.*')"
			inside rm -r "$M/a"
			sync_inside 27 --delete --yes-delete-many --engine=$engine "$S/a" "$M/b"
			inside rm "$M/b/gone" # it is still there
			inside treecheck --or="$T/empty" "$S/a" "$M/b"
			# With room, the next run completes it.
			inside mount -o remount,size=20M,nr_inodes=1000 "$M"
			sync_inside 0 --engine=$engine "$S/a" "$M/b"
			inside treecheck "$S/a" "$M/b"
			inside umount "$M"
		done
	done
}

# ext4 turns read-only by itself when it finds itself damaged; the option does the same.
# bats test_tags=E16,L03
@test "a target that turns read-only in the middle of a run ends it, with old or new there" {
	local engine at command

	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	own_state
	mktree random "$S/new" 73 40
	mktree file "$S/new/large" 3000000
	cp -a "$S/new" "$S/old"
	find "$S/old" -type f -exec sh -c 'for f; do rm -f "$f"; echo "old $f" >"$f"; done' sh {} +
	while read -r engine at command; do
		format ext4 32M
		attach
		inside cp -a "$S/old" "$M/a"
		inside mkdir "$M/a/gone"
		inside sync -f "$M"
		# shellcheck disable=SC2086
		run --separate-stderr inside env \
			WEIR_FAULT="op=${at%:*} nth=${at#*:} do=run:mount -o remount,abort $M" \
			"$WEIR_FAULTY" $command --engine=$engine "$S/new" "$M/a"
		echo "$at $command: $status $stderr"
		[ "$status" -eq 1 ] || [ "$status" -eq 23 ]
		[[ $stderr == *EROFS* || $stderr == *EIO* ]]
		inside test -d "$M/a/gone"
		detach
		attach
		inside rmdir "$M/a/gone"
		inside treecheck --skip-temps --mode --owner --file-times --or="$S/old" \
			"$S/new" "$M/a"
		weir_inside 0 -a -T "$S/new" "$M/a"
		inside treecheck --mode --owner --times "$S/new" "$M/a"
		detach
	done <<-END
		auto create:9 copy -a -T
		plain write:2 sync --delete --yes-delete-many
		auto write:2 sync --delete --yes-delete-many
		plain syncfs:1 copy -a -T
		auto link,rename:5 sync --delete --yes-delete-many
		plain link,rename:5 copy -a -T
	END
}

@test "a file that something is mounted on is left as it is" {
	mktree file "$S/f" 5000
	inside mktree file "$ram/f" 300 7
	inside mktree file "$ram/over" 200 8
	inside mount --bind "$ram/over" "$ram/f"
	weir_inside 23 "$S/f" "$ram/f"
	says EBUSY
	inside mktree file "$ram/again" 200 8
	inside treecheck "$ram/again" "$ram/f"
	nothing "$(inside find "$ram" -name '.weir.*')"
}
