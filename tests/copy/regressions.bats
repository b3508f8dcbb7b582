#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# long
#
# Bugs that were found and mended.  Each test fails without its fix.

load helper

# The numbers of these tests are those of the usual budgets.
need_usual_budgets() {
	[ "${WEIR_LANE:-}" != check-tiny ] || skip "the smallest budgets are no measure"
}

need_inodes() { # COUNT
	local total free

	read -r total free <<<"$(stat -f -c '%c %d' "$D")"
	[ "$total" -eq 0 ] || [ "$free" -gt "$1" ] || skip "needs $1 inodes"
}

need_user_attributes() { # FOLDER
	need_command setfattr
	need_command getfattr
	: >"$1/probe"
	setfattr -n user.probe -v 1 "$1/probe" 2>/dev/null || skip "no user attributes here"
	rm "$1/probe"
}

# --- Attributes of what replaces something --------------------------------------

# bats test_tags=C02,G17
@test "what replaces a link or a FIFO has the mode of the source" {
	local umask

	mktree file "$S/f" 100
	chmod 754 "$S/f"
	for umask in 022 027; do
		mkdir "$D/$umask" "$D/$umask/p"
		ln -s nowhere "$D/$umask/f"
		mkfifo "$D/$umask/p/f"
		(umask "$umask" && copies "$S/f" "$D/$umask" && copies "$S/f" "$D/$umask/p")
		[ ! -L "$D/$umask/f" ] && [ -f "$D/$umask/p/f" ]
	done
	[ "$(mode_of "$D/022/f") $(mode_of "$D/022/p/f")" = "754 754" ]
	[ "$(mode_of "$D/027/f") $(mode_of "$D/027/p/f")" = "750 750" ]
}

# Replaces $1/f by $2.  It has 40 attributes, whose names take 8 KiB; status 99:
# the file system holds fewer.
# shellcheck disable=SC2016 # a script for another shell
many_attributes='
	list() { getfattr --absolute-names -d "$1/f" | sort; }
	for number in $(seq 40); do
		name=$(printf "user.%0200d" "$number")
		setfattr -n "$name" -v "value $number" "$1/f" 2>/dev/null || exit 99
	done
	before=$(list "$1")
	[ "$(printf "%s\n" "$before" | grep -c value)" -eq 40 ] || exit 98
	"$3" copy "$2" "$1/f" && treecheck "$2" "$1/f" && [ "$(list "$1")" = "$before" ]'

@test "a file with 8 KiB of attribute names keeps them when it is replaced" {
	need_user_attributes "$D"
	mktree file "$S/f" 5000
	mktree file "$D/f" 100 7
	run bash -c "$many_attributes" bash "$D" "$S/f" "$WEIR"
	if [ "$status" -eq 99 ]; then
		# XFS and tmpfs hold so many.
		need_root
		run unshare -m --propagation=private bash -c '
			mount -t tmpfs -o size=1M many "$1" || exit 99
			echo old >"$1/f"
			'"$many_attributes" bash "$D" "$S/f" "$WEIR"
	fi
	[ "$status" -ne 99 ] || skip "no file system here holds so many attributes"
	echo "$output"
	[ "$status" -eq 0 ]
}

# --- Ways -----------------------------------------------------------------------

# A sanitizer sees what is freed by itself; elsewhere freed memory is filled.
@test "--explain reads nothing that was given up with the entry" {
	local level file

	mktree file "$S/small" 5000
	mktree file "$S/large" 3000000
	for level in none end group file; do
		for file in small large; do
			GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.perturb=165 \
				copies --explain --durable=$level "$S/$file" "$D/$level-$file"
			says "$D/$level-$file"
			[ "$(grep -c '^way: ' <<<"$stderr")" -eq 1 ]
			same "$S/$file" "$D/$level-$file"
		done
	done
}

# --- Folders that may not be read -------------------------------------------------

@test "a file in a folder that may only be searched and written is copied" {
	mkdir "$S/a"
	mktree file "$S/a/f" 5000
	mktree file "$S/a/g" 700000
	user_areas
	chmod 311 "$S/a"
	exits 0 as_user "$WEIR" copy "$S/a/f" "$S/a/g" "$D"
	silent
	same "$S/a/f" "$D/f"
	same "$S/a/g" "$D/g"
	# What it cannot do is to list it.
	exits 23 as_user "$WEIR" copy -r "$S/a" "$D/tree"
	says "list folder"
	says "$S/a'"
	says EACCES
}

# The last naming call of the trace is followed by a sync that succeeded.
names_are_synced() {
	awk '/(linkat|renameat2?)\(.* = 0/ { synced = 0 } /(syncfs|fsync)\(.* = 0/ { synced = 1 }
		END { exit !synced }' "$T/calls"
}

@test "a target folder that may not be read gets the file, or the message is true" {
	local level

	need_strace
	mktree file "$S/f" 5000
	mkdir "$D/none" "$D/end" "$D/group" "$D/file"
	user_areas
	chmod a+r "$S/f"
	for level in none end group file; do
		chmod 300 "$D/$level"
		run --separate-stderr as_user strace -f -o "$T/calls" \
			-e trace=linkat,renameat,renameat2,syncfs,fsync \
			"$WEIR" copy --durable=$level "$S/f" "$D/$level"
		chmod 700 "$D/$level"
		no_temps "$D/$level"
		if [ "$status" -eq 0 ]; then
			# Its own descriptor cannot be synced, and memory need not be.
			[ $level = none ] || [ "$(fs_type "$D")" = tmpfs ] || names_are_synced
			silent
			same "$S/f" "$D/$level/f"
		elif [[ $stderr == *"published, not known to be durable"* ]]; then
			[ "$status" -eq 23 ]
			same "$S/f" "$D/$level/f"
		else
			refuses
			says "$D/$level"
			absent "$D/$level/f"
		fi
	done
}

# --- Operands ---------------------------------------------------------------------

# bats test_tags=B12
@test "-T with the working folder as target merges into it" {
	mktree random "$S/a" 21 40
	mktree file "$D/stays" 100
	cd "$D"
	copies -r -T "$S/a" .
	rm "$D/stays"
	same "$S/a" "$D"
	mkdir "$D/deeper"
	cd "$D/deeper"
	mktree file "$S/f" 100
	copy_exits 1 -T "$S/f" .
	says EISDIR
	empty_folder "$D/deeper"
}

# bats test_tags=J05
@test "-n leaves a folder where a link would go, and that is no error" {
	mkdir -p "$S/a" "$D/a/link" "$D/link"
	ln -s nowhere "$S/a/link"
	ln -s nowhere "$S/link"
	copies -r -n -v "$S/link" "$D"
	[[ $output == *"skipped $D/link"* ]]
	copies -r -n --stats -T "$S/a" "$D/a"
	counts entries_skipped -eq 1
	counts entries_failed -eq 0
	[ ! -L "$D/link" ] && [ -d "$D/link" ]
	[ ! -L "$D/a/link" ] && [ -d "$D/a/link" ]
	copy_exits 23 -r "$S/link" "$D"
	says "a folder has this name"
}

# --- Groups -----------------------------------------------------------------------

# Time in which workers slept, beyond what the committer was busy: they sleep
# while it syncs and publishes, and not longer.
no_idle_seconds() { # SECONDS
	local busy

	busy=$(($(stat_of sync_ns) + $(stat_of publish_ns)))
	counts wait_ns -lt $((busy * $(stat_of workers) + $1 * 1000000000))
}

@test "a mount below the target gets its part of the tree, group by group" {
	local i

	need_root
	mkdir -p "$S/a/mount/deeper" "$S/a/beside" "$D/a/mount"
	for i in $(seq 60); do
		mktree file "$S/a/f$i" $((i * 500)) "$i"
		mktree file "$S/a/mount/f$i" $((i * 400)) "$i"
		mktree file "$S/a/mount/deeper/f$i" $((i * 300)) "$i"
		mktree file "$S/a/beside/f$i" $((i * 200)) "$i"
	done
	chmod 750 "$S/a/mount" "$S/a/mount/deeper"
	run --separate-stderr unshare -m --propagation=private sh -c '
		mount -t tmpfs -o size=64M below "$2/a/mount" || exit 99
		"$3" copy -a --stats --durable=group "$1/a" "$2" || exit
		"$3" copy -a --durable=file "$1/a" "$2" || exit
		[ "$(stat -f -c %T "$2/a/mount/deeper")" = tmpfs ] || exit 98
		treecheck --mode --owner --times "$1/a" "$2/a"' sh "$S" "$D" "$WEIR"
	[ "$status" -ne 99 ] || skip "may not mount here"
	echo "$output $stderr"
	[ "$status" -eq 0 ]
	empty_folder "$D/a/mount"
	counts files_done -eq 240
	counts files_durable -eq 240
	# No group has two file systems, and none waits until it is old.
	counts groups -ge 2
	no_idle_seconds 1
}

@test "a folder of very many empty files needs few groups and no waiting" {
	local count

	count=$(size 12000 30000)
	need_usual_budgets
	need_no_sanitizer
	need_inodes 70000
	launch --limit=nofile:16384:16384 -- true || skip "needs 16,384 descriptors"
	mktree many "$S/a" "$count" 0
	exits 0 launch --limit=nofile:16384:16384 -- \
		"$WEIR" copy -r --stats --durable=group "$S/a" "$D"
	counts files_done -eq "$count"
	counts files_durable -eq "$count"
	counts groups -lt 30
	no_idle_seconds 5
	[ "$(find "$D/a" -type f | wc -l)" -eq "$count" ]
}

# --- The walk ---------------------------------------------------------------------

# Folders are many and files few, so that workers wait for what is found.
copies_whole_tree() { # RUNS FOLDERS FILES
	local turn # where chance is looked for; bats has an "i" of its own

	for turn in $(seq "$1"); do
		copies -r --workers=4 --durable=none --stats -T "$S/a" "$D/$turn"
		counts folders_done -eq "$2"
		counts files_found -eq "$3"
		counts files_done -eq "$3"
		counts scan_done -eq 1
		same "$S/a" "$D/$turn"
		rm -rf "${D:?}/$turn"
	done
}

@test "a folder of 1,500 folders is copied whole, many times" {
	mkdir "$S/a"
	(cd "$S/a" && seq -f 'folder%06.0f' 1500 | xargs mkdir &&
		seq -f 'folder%06.0f/file' 1500 | xargs touch)
	copies_whole_tree "$(size 2 6)" 1501 1500
}

@test "a chain of folders is copied whole by workers that have nothing else" {
	local depth=800

	[ "${WEIR_LANE:-}" != check-tiny ] || depth=200
	mktree deep "$S/a" "$depth"
	copies_whole_tree "$(size 2 5)" "$(find "$S/a" -type d | wc -l)" \
		"$(find "$S/a" -type f | wc -l)"
}

# bats test_tags=C11
@test "types are found where the listing does not tell them" {
	need_root
	need_command mkfs.ext4
	mktree random "$S/a" 41 60
	truncate -s 32M "$D/image"
	mkfs.ext4 -q -O ^filetype "$D/image"
	mkdir "$D/mounted"
	run --separate-stderr unshare -m --propagation=private sh -c '
		mount -o loop "$2/image" "$2/mounted" || exit 99
		"$3" copy -a "$1/a" "$2/mounted/a" && "$3" copy -a "$2/mounted/a" "$2/a" &&
			treecheck --mode --times "$1/a" "$2/a"' sh "$S" "$D" "$WEIR"
	[ "$status" -ne 99 ] || skip "no loop devices here"
	echo "$output $stderr"
	[ "$status" -eq 0 ]
}

# --- Memory -----------------------------------------------------------------------

# bats test_tags=F09
@test "buffers grow beside other runs that hold the locked memory" {
	local number engine pids

	need_ring
	need_usual_budgets
	mkdir "$S/a"
	for number in 1 2 3 4; do
		mktree file "$S/a/$number" 20000000 "$number"
	done
	lone_user
	user_areas
	# A few buffers are there at the start, the rest is wanted while these are
	# in use; three runs cannot lock all of it.
	for engine in ring auto; do
		pids=()
		for number in 1 2 3; do
			as_user launch --limit=memlock:8388608:8388608 -- \
				"$WEIR" copy -r --engine=$engine --workers=1 --chunk-size=128K \
				--depth=32 "$S/a" "$D/$number" >"$T/said$number" 2>&1 3>&- &
			pids+=($!)
		done
		for number in 1 2 3; do
			wait "${pids[number - 1]}" || {
				echo "run $number with engine $engine ended with $?"
				cat "$T/said$number"
				return 1
			}
			same "$S/a" "$D/$number"
			rm -rf "${D:?}/$number"
		done
	done
}

# Copies S/NAME; prints the peak memory beside the buffers.
peak_kib() { # NAME LEVEL
	exits 0 strike --report="$T/report" -- \
		"$WEIR" copy -r --stats --durable="$2" "$S/$1" "$D/$1-$2" || return 1
	echo $(($(awk '{ print $8 }' "$T/report") - $(stat_of arena_bytes) / 1024))
}

# bats test_tags=I05
@test "very many empty files take less than 64 MiB, and little more than 10,000" {
	local level=group count few many

	count=$(size 40000 100000)
	need_usual_budgets
	need_no_sanitizer
	need_inodes $((4 * count + 40000))
	mktree many "$S/few" 10000 0
	mktree many "$S/many" "$count" 0
	few=$(peak_kib few $level)
	many=$(peak_kib many $level)
	echo "$few KiB and $many KiB"
	[ "$many" -lt 65536 ]
	# A few bytes that are kept for each file would be seen here.
	[ "$many" -lt $((few + 8192)) ]
}

# --- The ring ---------------------------------------------------------------------

# bats test_tags=E12
@test "a ring call that is interrupted or refused for now is made again" {
	local error

	need_ring
	need_strace
	mktree random "$S/a" 31 40
	mktree file "$S/a/large" 20000000
	# The first call of a thread only finds out whether the ring works.
	for error in EINTR:when=1+3 EINTR:when=2+2 EAGAIN:when=2+3 EBUSY:when=2+3; do
		exits 0 timeout 60 strace -f -o "$T/calls" -e inject=io_uring_enter:error=$error \
			"$WEIR" copy -r --engine=ring --durable=none "$S/a" "$D/a"
		silent
		grep -q '(INJECTED)' "$T/calls"
		same "$S/a" "$D/a"
		rm -rf "$D/a"
	done
}
