#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Hard links to an earlier copy: --link-dest.  $D/old is an earlier copy of $S/a,
# and $D/new is made beside it.

load helper

setup() {
	make_areas
	begin_traces
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 50000
	mktree file "$S/a/sub/g" 100
	export S D T WEIR
}

one_file() { # PATH...
	[ "$(for path in "$@"; do inode_of "$path"; done | sort -u | wc -l)" -eq 1 ] && return 0
	printf 'not one file:\n'
	ls -li "$@"
	return 1
}

two_files() { # PATH PATH
	[ "$(inode_of "$1")" != "$(inode_of "$2")" ] && return 0
	printf 'one file:\n'
	ls -li "$@"
	return 1
}

# What links to the files of a folder do not change.
kept() { # FOLDER
	find "$1" -printf '%p %y %m %U:%G %s %T@ %i %l\n' | sort
	find "$1" -type f -exec cksum {} + | sort
}

# Makes $D/old; what it is may not change from now on.
earlier() { # [OPTION...]
	syncs "$@" "$S/a" "$D/old"
	kept "$D/old" >"$T/kept"
}

earlier_is_kept() {
	kept "$D/old" | diff "$T/kept" -
}

links() { # [OPTION...]
	syncs --link-dest="$D/old" "$@" "$S/a" "$D/new"
}

@test "what is unchanged is one file with the earlier copy" {
	local engine

	need_links
	mktree file "$S/a/empty" 0
	earlier
	for engine in $(engines); do
		rm -rf "$D/new"
		links --stats --engine="$engine"
		counts to_link -eq 3
		counts bytes_written -eq 0
		counts files_durable -eq 3
		one_file "$D/old/f" "$D/new/f"
		one_file "$D/old/empty" "$D/new/empty"
		one_file "$D/old/sub/g" "$D/new/sub/g"
		two_files "$D/old/sub" "$D/new/sub"
		mirrors "$S/a" "$D/new"
		earlier_is_kept
		no_temps "$D"
		idles --link-dest="$D/old" "$S/a" "$D/new"
	done
}

@test "links, FIFOs and devices are linked, too" {
	need_links
	need_devices
	ln -s somewhere "$S/a/link"
	mkfifo "$S/a/fifo"
	mknod "$S/a/sub/device" c 1 3
	earlier
	links -i
	[[ $output == *"link  symlink  link"* ]]
	[[ $output == *"link  fifo  fifo"* ]]
	[[ $output == *"link  device  sub/device"* ]]
	one_file "$D/old/link" "$D/new/link"
	one_file "$D/old/fifo" "$D/new/fifo"
	one_file "$D/old/sub/device" "$D/new/sub/device"
	mirrors "$S/a" "$D/new"
	# What leads elsewhere now, or is another device, is made.
	ln -sfn elsewhere "$S/a/link"
	rm "$S/a/sub/device"
	mknod "$S/a/sub/device" c 1 5
	rm -r "$D/new"
	links
	two_files "$D/old/link" "$D/new/link"
	two_files "$D/old/sub/device" "$D/new/sub/device"
	mirrors "$S/a" "$D/new"
	earlier_is_kept
}

@test "what differs in anything that is kept is a file of its own" {
	local name

	need_links
	for name in data size time mode xattr same; do
		mktree file "$S/a/$name" 1000
	done
	setfattr -n user.a -v 1 "$S/a/xattr" 2>/dev/null || skip "needs extended attributes"
	earlier
	mktree file "$S/a/data" 1000 7
	mktree file "$S/a/size" 1001
	touch -d @1000000000 "$S/a/time"
	chmod 600 "$S/a/mode"
	setfattr -n user.a -v 2 "$S/a/xattr"
	links
	for name in data size time mode xattr; do
		two_files "$D/old/$name" "$D/new/$name"
	done
	one_file "$D/old/same" "$D/new/same"
	mirrors "$S/a" "$D/new"
	earlier_is_kept
}

@test "an owner that differs is a difference, and one that is not kept is none" {
	need_links
	need_owners
	chown 1234:4321 "$S/a/f"
	earlier
	chown 1234:4322 "$S/a/f"
	links
	two_files "$D/old/f" "$D/new/f"
	mirrors "$S/a" "$D/new"
	rm -r "$D/new"
	links --no-keep=owner
	one_file "$D/old/f" "$D/new/f"
	[ "$(stat -c %g "$D/new/f")" -eq 4321 ]
	earlier_is_kept
}

# bats test_tags=J06
@test "names that are one file in the source are one in the target, and no others" {
	need_links
	ln "$S/a/f" "$S/a/sub/again"
	mktree file "$S/a/two" 700
	cp -p "$S/a/two" "$S/a/sub/two"
	mktree file "$S/a/split" 900
	ln "$S/a/split" "$S/a/sub/split"
	earlier
	# Two files of the source were one in the earlier copy, and the reverse.
	ln -f "$S/a/two" "$S/a/sub/two"
	cp -p "$S/a/sub/split" "$S/a/sub/copy"
	mv "$S/a/sub/copy" "$S/a/sub/split"
	ln "$S/a/sub/g" "$S/a/new"
	links
	one_file "$D/old/f" "$D/new/f" "$D/new/sub/again"
	one_file "$D/new/two" "$D/new/sub/two"
	two_files "$D/new/split" "$D/new/sub/split"
	one_file "$D/new/new" "$D/new/sub/g"
	mirrors "$S/a" "$D/new"
	earlier_is_kept
	idles "$S/a" "$D/new"
}

# bats test_tags=J06
@test "two files of the source are two although they were one in the earlier copy" {
	local name

	need_links
	mkdir "$S/a/many"
	for name in $(seq 40); do
		mktree file "$S/a/many/$name" 300
		ln "$S/a/many/$name" "$S/a/many/$name.again"
	done
	earlier
	for name in $(seq 40); do
		cp -p "$S/a/many/$name" "$S/a/many/copy"
		mv "$S/a/many/copy" "$S/a/many/$name"
	done
	links --stats
	counts to_link -eq 42
	mirrors "$S/a" "$D/new"
	earlier_is_kept
}

# bats test_tags=J06
@test "with links left out, two names of a file are two files, or the two there were" {
	need_links
	ln "$S/a/f" "$S/a/again"
	earlier --no-keep=links
	links --no-keep=links --stats
	counts to_link -eq 3
	one_file "$D/old/f" "$D/new/f"
	one_file "$D/old/again" "$D/new/again"
	two_files "$D/new/f" "$D/new/again"
}

@test "what the target has is compared with the source, and with no earlier copy" {
	need_links
	earlier
	mkdir "$D/new"
	mktree file "$D/new/f" 50000 3
	touch -d 2001-02-03 "$D/new/f"
	links -i
	[[ $output == *"replace  data"*"  f"* ]]
	two_files "$D/old/f" "$D/new/f"
	one_file "$D/old/sub/g" "$D/new/sub/g"
	mirrors "$S/a" "$D/new"
	earlier_is_kept
}

@test "of several earlier copies the first that has a file counts" {
	need_links
	earlier
	mktree file "$S/a/h" 2000
	syncs --link-dest="$D/old" "$S/a" "$D/newer"
	mkdir -p "$D/older/sub" "$D/none"
	cp -p "$S/a/f" "$D/older/f"
	cp -p "$S/a/sub/g" "$D/older/sub/g"
	cp -p "$S/a/h" "$D/older/h"
	rm "$D/newer/sub/g"
	syncs --link-dest="$D/none" --link-dest="$D/newer" --link-dest="$D/older" "$S/a" "$D/new"
	one_file "$D/newer/f" "$D/new/f"
	one_file "$D/newer/h" "$D/new/h"
	one_file "$D/older/sub/g" "$D/new/sub/g"
	mirrors "$S/a" "$D/new"
}

@test "twenty earlier copies can be named, and no more" {
	local words=() number

	need_links
	earlier
	for number in $(seq 19); do
		mkdir "$D/none$number"
		words+=(--link-dest "$D/none$number")
	done
	syncs "${words[@]}" --link-dest="$D/old" "$S/a" "$D/new"
	one_file "$D/old/f" "$D/new/f"
	sync_exits 2 "${words[@]}" --link-dest="$D/old" --link-dest="$D/new" "$S/a" "$D/more"
	says "weir sync: --link-dest: '$D/new' is one too many"
	absent "$D/more"
}

@test "a relative earlier copy begins in the working folder" {
	need_links
	earlier
	mkdir "$D/place"
	cd "$D/place"
	syncs --link-dest=../old "$S/a" ../new
	one_file "$D/old/f" "$D/new/f"
	cd "$D"
	syncs --link-dest=old/ "$S/a" place/new
	one_file "$D/old/f" "$D/place/new/f"
}

@test "an earlier copy that is the source or the target, or not beside it, is refused" {
	need_links
	earlier
	mkdir -p "$D/new/sub"
	picture "$D" >"$T/before"
	refused() { # DIR DEST TEXT
		sync_exits 28 --link-dest="$1" "$S/a" "$2"
		says "refused: cannot link to '$1': $3"
		[ "$(grep -c refused <<<"$stderr")" -eq 1 ]
		picture "$D" | diff "$T/before" -
		sync_exits 28 -n --link-dest="$1" "$S/a" "$2"
	}
	refused "$D/new" "$D/new" "it is the target itself"
	refused "$D/new/" "$D/old/../new" "it is the target itself"
	refused "$D/new/sub" "$D/new" "it lies in the target"
	refused "$D" "$D/new" "the target lies in it"
	refused "$D" "$D/none" "the target lies in it"
	refused "$D/old" "$D/old/none" "the target lies in it"
	[ -n "${TEST_SOURCE_FOLDER:-}" ] || refused "$S/a" "$D/new" "it is the source"
	sync_exits 1 --link-dest="$D/old/f" "$S/a" "$D/new"
	says "cannot open folder target '$D/old/f': Not a directory"
	picture "$D" | diff "$T/before" -
}

@test "an earlier copy on another file system is refused" {
	[ "$(stat -c %d /dev/shm)" != "$(stat -c %d "$D")" ] || skip "needs another file system"
	mkdir -p "/dev/shm/$BATS_ROOT_PID.weir"
	sync_exits 28 --link-dest="/dev/shm/$BATS_ROOT_PID.weir" "$S/a" "$D/new"
	rmdir "/dev/shm/$BATS_ROOT_PID.weir"
	says "it is on another file system than the target"
	absent "$D/new"
}

@test "an earlier copy that is missing is told, and all is copied" {
	syncs --link-dest="$D/none" "$S/a" "$D/new"
	says "warning: cannot link to '$D/none': there is no such folder"
	mirrors "$S/a" "$D/new"
}

# bats test_tags=J05
@test "no link in an earlier copy is followed" {
	need_links
	earlier
	mv "$D/old" "$D/elsewhere"
	mkdir "$D/old"
	ln -s ../elsewhere/f "$D/old/f"
	ln -s ../elsewhere/sub "$D/old/sub"
	links --stats
	counts to_link -eq 0
	mirrors "$S/a" "$D/new"
	# The one that was named may be one.
	rm -r "$D/new"
	ln -s elsewhere "$D/link"
	syncs --link-dest="$D/link" "$S/a" "$D/new"
	one_file "$D/elsewhere/sub/g" "$D/new/sub/g"
}

# Each link to the file f of the earlier copy is refused, whatever its name.
refusing_links() { # ERRNO
	rm -rf "$D/new"
	exits 0 strace -f -o "$T/calls" -P "$D/old/f" -P "$D/old/again" \
		-P "$D/old/sub/more" -e trace=linkat \
		-e inject=linkat:error="$1" "$WEIR" sync --link-dest="$D/old" "$S/a" "$D/new"
	silent
	grep -q "= -1 $1 .*INJECTED" "$T/calls"
	mirrors "$S/a" "$D/new"
	two_files "$D/old/f" "$D/new/f"
	one_file "$D/old/sub/g" "$D/new/sub/g"
	earlier_is_kept
	no_temps "$D"
}

# bats test_tags=F13,J09
@test "what takes no more links is copied, and groups stay groups" {
	local errno

	need_strace
	need_links
	ln "$S/a/f" "$S/a/again"
	ln "$S/a/f" "$S/a/sub/more"
	earlier
	for errno in EMLINK EXDEV; do
		refusing_links $errno
		[ "$(stat -c %h "$D/new/f")" -eq 3 ]
	done
}

# bats test_tags=J09
@test "a user who may not link to somebody's file copies it" {
	need_links
	[ "$(cat /proc/sys/fs/protected_hardlinks)" = 1 ] || skip "needs protected_hardlinks"
	user_areas
	can_drop || skip "needs two users"
	exits 0 as_user "$WEIR" sync "$S/a" "$D/old"
	chown 0:0 "$D/old/f"
	exits 0 as_user "$WEIR" sync --no-keep=owner --link-dest="$D/old" "$S/a" "$D/new"
	silent
	two_files "$D/old/f" "$D/new/f"
	one_file "$D/old/sub/g" "$D/new/sub/g"
	mirrors "$S/a" "$D/new"
}

@test "an ordinary user links to what is his" {
	need_links
	ln -s x "$S/a/link"
	user_areas
	exits 0 as_user "$WEIR" sync "$S/a" "$D/old"
	exits 0 as_user "$WEIR" sync --link-dest="$D/old" "$S/a" "$D/new"
	silent
	one_file "$D/old/f" "$D/new/f"
	one_file "$D/old/link" "$D/new/link"
	one_file "$D/old/sub/g" "$D/new/sub/g"
}

# bats test_tags=M15
@test "a dry run tells what a real run does, and changes nothing" {
	need_links
	ln -s x "$S/a/link"
	ln "$S/a/f" "$S/a/again"
	earlier
	mktree file "$S/a/h" 300
	mkdir "$D/new"
	touch -r "$S/a" "$D/new"
	chmod --reference="$S/a" "$D/new"
	picture "$D" >"$T/before"
	links -n -i
	printf '%s\n' "$output" | tail -n +2 >"$T/told"
	picture "$D" | diff "$T/before" -
	links -i
	printf '%s\n' "$output" | diff "$T/told" -
	grep -qx 'link  file  sub/g' "$T/told"
	says "to copy 2, to link 4, "
}

# bats test_tags=H08
@test "with --checksum only equal bytes are linked to" {
	need_links
	earlier
	printf X | dd of="$D/old/f" bs=1 seek=400 conv=notrunc status=none
	touch -r "$S/a/f" "$D/old/f"
	kept "$D/old" >"$T/kept"
	links --checksum
	two_files "$D/old/f" "$D/new/f"
	one_file "$D/old/sub/g" "$D/new/sub/g"
	mirrors "$S/a" "$D/new"
	rm -r "$D/new"
	# Told to believe nothing, it links to nothing.
	links --ignore-times --stats
	counts to_link -eq 0
	mirrors "$S/a" "$D/new"
	earlier_is_kept
}

# bats test_tags=A04
@test "an earlier copy that changes after it was compared is not linked to" {
	local change

	need_meanwhile
	need_links
	for change in 'echo x >>"$D/old/f"' 'chmod 600 "$D/old/f"' \
		'cp "$D/old/f" "$D/x" && mv "$D/x" "$D/old/f"' 'rm "$D/old/f"'; do
		rm -rf "$D/old" "$D/new"
		earlier
		# Nothing else opens a file of this name.
		during_sync openat f "$change" --link-dest="$D/old" "$S/a" "$D/new"
		ended 0
		mirrors "$S/a" "$D/new"
		[ ! -e "$D/old/f" ] || two_files "$D/old/f" "$D/new/f"
	done
}

# bats test_tags=N02,J10
@test "the file system is synced before the first name of an earlier file is given" {
	need_fault
	need_links
	need_syncfs
	local level

	for level in group file; do
		rm -rf "$D/new" "$D/old" "$T/trace"
		cp -a "$S/a" "$D/old"
		WEIR_TRACE=$T/trace exits 0 "$WEIR_FAULTY" sync --durable=$level --sync=files \
			--link-dest="$D/old" "$S/a" "$D/new"
		silent
		one_file "$D/old/f" "$D/new/f"
		sort -n "$T/trace" | awk '
			$2 == "syncfs" && $8 == 0 { synced = 1 }
			$2 == "link" && $8 == 0 { links++; if (!synced) early++ }
			END { exit !(links == 2 && !early) }'
	done
}

# bats test_tags=M03
@test "a killed run leaves the earlier copy as it was, and the next one goes on" {
	local strikes=${STRIKES:-8} round took

	need_links
	mktree many "$S/a/many" 300 2000
	earlier
	mktree many "$S/a/more" 200 3000
	strike --report="$T/report" -- "$WEIR" sync --link-dest="$D/old" "$S/a" "$D/new"
	took=$(awk '{ for (i = 1; i < NF; i++) if ($i == "us") print $(i + 1) }' "$T/report")
	for ((round = 0; round < strikes; round++)); do
		rm -rf "$D/new"
		strike --after-us=$((RANDOM * took / 32768)) -- "$WEIR" sync --link-dest="$D/old" \
			"$S/a" "$D/new" || true
		earlier_is_kept
		nothing_half "$S/a" "$D/new"
		links
		mirrors "$S/a" "$D/new"
		one_file "$D/old/f" "$D/new/f"
	done
	earlier_is_kept
}

# bats test_tags=R01
@test "what would write into the earlier copy is a wrong option" {
	earlier
	sync_exits 2 --inplace --link-dest="$D/old" "$S/a" "$D/new"
	says "--inplace and --link-dest exclude each other"
	sync_exits 2 --link-dest= "$S/a" "$D/new"
	says "weir sync: --link-dest: the name is empty"
	absent "$D/new"
}
