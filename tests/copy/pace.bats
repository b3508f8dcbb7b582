#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# long
#
# Beside others: rates, priorities, standing back, the end of the time.  That a rate
# is kept at every moment, and when to stand back, is shown with clocks that are
# numbers, in unit/pace.c and unit/pressure.c.

load helper

teardown() {
	[ -z "${writer:-}" ] || kill "$writer" 2>/dev/null || true
	end_test
}

# The last run, which had --stats, took as long as its bytes take at this rate, or
# longer; all of them when they are known.
paced() { # BYTES-A-SECOND [BYTES]
	local written

	written=$(stat_of bytes_written)
	[ "$written" -gt 0 ]
	[ -z "${2:-}" ] || [ "$written" -eq "$2" ]
	counts elapsed_ns -ge $((written * 1000000000 / $1))
}

# Files of a tree take 0.4 s.
make_many() { # FOLDER
	local i

	mkdir "$1"
	for i in 1 2 3 4 5 6 7 8 9; do
		mktree file "$1/$i" $((i * 2000))
	done
}

# Runs a command that finds TEXT in /proc/pressure/io, and sees it alone.
under_pressure() { # STATUS TEXT COMMAND...
	local expected=$1

	printf '%s\n' "$2" >"$T/pressure"
	shift 2
	# shellcheck disable=SC2016
	exits "$expected" unshare -m sh -c 'mount --bind "$0" /proc/pressure/io && exec "$@"' \
		"$T/pressure" "$@"
}

need_pressure() {
	need_root
	[ -r /proc/pressure/io ] || skip "the kernel tells no pressure"
	unshare -m mount --bind /dev/null /proc/pressure/io 2>/dev/null || skip "may not mount here"
}

# --- Rates -------------------------------------------------------------------------

@test "a rate holds for one file, whichever way its bytes take" {
	local options

	mktree file "$S/f" 200001
	for options in --engine=auto --engine=plain --direct=always --direct=never \
		--sparse=always --preallocate --durable=none --durable=file --depth=1 \
		--chunk-size=4K; do
		copies $options --bwlimit=700K --stats "$S/f" "$D/$options"
		paced 716800 200001
		same "$S/f" "$D/$options"
	done
}

@test "a rate holds for all files of a run together" {
	local options

	make_many "$S/a"
	for options in --engine=auto --engine=plain --workers=1 --workers=4; do
		copies -r $options --bwlimit=200KB/s --stats "$S/a" "$D/$options"
		paced 200000 90000
		same "$S/a" "$D/$options"
	done
}

@test "a rate holds for what is written in place" {
	mktree file "$S/f" 200001
	mktree file "$D/f" 300000
	copies --inplace --bwlimit=500K --stats "$S/f" "$D/f"
	paced 512000 200001
	same "$S/f" "$D/f"
}

# What is read to be compared with what is there counts, too.
@test "a rate holds for what a sync patches in place" {
	local engine

	mkdir "$S/a"
	mktree file "$S/a/f" 200001
	for engine in auto plain; do
		mkdir "$D/$engine"
		mktree file "$D/$engine/f" 200001
		printf other | dd of="$D/$engine/f" bs=1 seek=100000 conv=notrunc status=none
		exits 0 "$WEIR" sync --inplace --engine=$engine --bwlimit=700K --stats \
			"$S/a" "$D/$engine"
		counts bytes_written -gt 0 # a block, or less with the smallest budgets
		counts bytes_written -le 4096
		counts elapsed_ns -ge $((200001 * 1000000000 / 716800))
		same "$S/a" "$D/$engine"
	done
}

@test "a rate holds for files that do not tell their size" {
	[ -s /proc/filesystems ] || cat /proc/filesystems >/dev/null || skip "needs /proc"
	copies --bwlimit=1K --stats /proc/filesystems "$D/f"
	paced 1024
	cmp /proc/filesystems "$D/f"
}

@test "a rate holds for streams, both ways" {
	mktree file "$S/f" 200001
	mkfifo "$S/p"
	cat "$S/f" >"$S/p" 3>&- &
	writer=$!
	exits 0 timeout 60 "$WEIR" copy --bwlimit=500K --stats "$S/p" "$D/f"
	paced 512000 200001
	same "$S/f" "$D/f"
	cat "$S/p" >"$T/out" 3>&- &
	writer=$!
	exits 0 timeout 60 "$WEIR" copy --bwlimit=500K --stats "$S/f" "$S/p"
	wait "$writer"
	writer=
	paced 512000 200001
	cmp "$S/f" "$T/out"
}

# It would take hours.
@test "holes cost nothing" {
	truncate -s 1G "$S/f"
	[ "$(stat -c %b "$S/f")" -eq 0 ] || skip "this file system has no holes"
	case $(fs_type "$S") in
	ext2/ext3 | xfs | btrfs | tmpfs) ;;
	*) skip "its map is not believed" ;;
	esac
	printf data | dd of="$S/f" bs=1 seek=500M conv=notrunc status=none
	exits 0 timeout 100 "$WEIR" copy --bwlimit=64K --stats "$S/f" "$D/f"
	paced 65536
	same "$S/f" "$D/f"
}

@test "no transfer is longer than a quarter of a second" {
	local reads

	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	mktree file "$S/f" 20000
	exits 0 env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" copy --engine=plain --bwlimit=40K \
		"$S/f" "$D/f"
	reads=$(awk -v inode="$(stat -c %i "$S/f")" '
		{ sub(/^.*:/, "", $3) }
		$2 == "read" && $3 == inode { print $6 }' "$T/trace")
	[ "$(wc -l <<<"$reads")" -ge 2 ]
	[ "$(sort -n <<<"$reads" | tail -n 1)" -le 10240 ]
	same "$S/f" "$D/f"
}

@test "a file that waits for the rate does not hold up the others" {
	[ "${WEIR_LANE:-}" != check-tiny ] || skip "there is one job only"
	mktree file "$S/large" 100000
	mktree file "$S/small" 1000
	copies --durable=none --workers=1 --bwlimit=200K -v "$S/large" "$S/small" "$D"
	[ "$output" = "copied $D/small
copied $D/large" ]
}

@test "files end one after the other at a rate, and what was begun in time is there" {
	local i

	[ "${WEIR_LANE:-}" != check-tiny ] || skip "there is one job only"
	mkdir "$S/a"
	for i in $(seq 12); do
		mktree file "$S/a/$i" 100000 "$i"
	done
	run --separate-stderr "$WEIR" copy -r --bwlimit=200K --stop-after=3s "$S/a" "$D"
	ended 1
	[ "$(find "$D/a" -type f | wc -l)" -ge 2 ]
}

@test "0 is no limit" {
	need_small_runs
	mktree file "$S/f" 4096
	copies --bwlimit=0 --stop-after=0 --stats "$S/f" "$D/f"
	counts workers -eq 0 # as without
	copies --bwlimit=1G --stats "$S/f" "$D/g"
	counts workers -eq 1
}

# --- Priorities ----------------------------------------------------------------------

# Every thread of the run but the caller's has made this call, and none was refused.
all_threads_called() { # START-OF-THE-CALL
	local threads called main

	main=$(awk 'NR == 1 { print $1 }' "$T/trace")
	threads=$(grep -oE 'parent_tid=\[[0-9]+\]' "$T/trace" | grep -oE '[0-9]+' | sort -u)
	called=$(awk -v call="$1" 'index($0, call) { print $1 }' "$T/trace" | sort -u)
	[ -n "$threads" ]
	run ! grep -E '(ioprio_set|setpriority).* = -' "$T/trace"
	[ "$threads" = "$called" ] && [[ $'\n'$called$'\n' != *$'\n'$main$'\n'* ]] && return 0
	printf 'main %s; threads:\n%s\ncalled %s:\n%s\n' "$main" "$threads" "$1" "$called"
	return 1
}

traced() { # ARGUMENT...
	case ${WEIR_LANE:-} in *tsan) skip "the sanitizer has a thread of its own" ;; esac
	exits 0 strace -f -o "$T/trace" -e trace=clone3,ioprio_set,setpriority,sched_setscheduler \
		"$WEIR" copy --engine=plain "$@"
	grep -q 'clone3(.*) = [0-9]' "$T/trace" || grep -q 'clone3 resumed' "$T/trace" ||
		skip "threads are not made by clone3 here"
}

@test "threads of the run get its I/O priority, the caller's keeps its own" {
	need_strace
	make_many "$S/a"
	traced -r --ioprio=best-effort:6 "$S/a" "$D/1"
	all_threads_called 'IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6)'
	run ! grep setpriority "$T/trace"
	traced --ioprio=idle "$S/a/1" "$D/2"
	all_threads_called 'IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)'
	traced --ioprio=best-effort "$S/a/1" "$D/3"
	all_threads_called 'IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 4)'
	same "$S/a" "$D/1"
}

@test "in the background they are idle and nice, unless another priority is asked for" {
	need_strace
	make_many "$S/a"
	traced -r --background "$S/a" "$D/1"
	all_threads_called 'IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)'
	all_threads_called 'setpriority(PRIO_PROCESS, 0, 19'
	traced -r --background --ioprio=none "$S/a" "$D/2"
	all_threads_called 'IOPRIO_PRIO_VALUE(IOPRIO_CLASS_NONE, 0)'
	all_threads_called 'setpriority(PRIO_PROCESS, 0, 19'
	same "$S/a" "$D/1"
}

@test "without these options no priority is touched" {
	need_strace
	make_many "$S/a"
	traced -r --bwlimit=1G --stop-after=1h "$S/a" "$D/1"
	run ! grep -E 'ioprio_set|setpriority|sched_' "$T/trace"
}

# Where not one thread can be made the caller's does the work.
@test "the caller's thread gets its I/O priority back" {
	need_strace
	mktree file "$S/f" 4096
	exits 0 strace -o "$T/trace" -e trace=clone3,ioprio_get,ioprio_set,setpriority \
		-e inject=clone3:error=EAGAIN ionice -c 2 -n 7 \
		"$WEIR" copy --background "$S/f" "$D/f"
	grep -q 'clone3.*EAGAIN' "$T/trace" || skip "threads are not made by clone3 here"
	run ! grep setpriority "$T/trace"
	[ "$(sed -n 's/^ioprio_set.*(IOPRIO_CLASS_\([A-Z]*, [0-9]\).* = 0$/\1/p' "$T/trace")" = \
		"BE, 7
IDLE, 0
BE, 7" ]
	same "$S/f" "$D/f"
}

@test "transfers on the ring carry the priority" {
	need_ring
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	mktree file "$S/f" 300000
	exits 0 env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" copy --engine=ring --ioprio=best-effort:6 \
		"$S/f" "$D/f"
	# Best effort is class 2: 2 << 13 | 6.
	[ "$(awk -v inode="$(stat -c %i "$S/f")" '
		{ sub(/^.*:/, "", $3) }
		$2 == "read" && $3 == inode { print $7 }' "$T/trace" | sort -u)" = 4006 ]
	same "$S/f" "$D/f"
}

@test "a priority that may not be set is told once, and the copy is made" {
	user_areas
	make_many "$S/a"
	chmod -R a+rX "$S"
	exits 0 as_user "$WEIR" copy -r --ioprio=realtime:0 "$S/a" "$D/a"
	[ "$stderr" = "weir: warning: cannot set the I/O priority: \
Operation not permitted (EPERM); the run goes on with what it has" ]
	same "$S/a" "$D/a"
}

# --- Standing back --------------------------------------------------------------------

@test "in the background nothing begins while others wait for storage" {
	need_pressure
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	make_many "$S/a"
	# Nobody adds to the total: it is over as soon as that was measured.
	under_pressure 0 'some avg10=90.00 avg60=0.00 avg300=0.00 total=1000' \
		env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" copy -r --background --explain \
		"$S/a" "$D/a"
	says "way: standing back (run): somebody waits for storage"
	same "$S/a" "$D/a"
	# Once that was seen nothing was listed, made or opened until it was over.
	sort -n "$T/trace" | awk '
		$4 == "/proc/pressure/io" { looks++ }
		looks && ($2 ~ /^(getdents|mkdir|create)$/ || $4 ~ /^[1-9]$/) { exit }
		END { exit looks < 4 }'
}

@test "little pressure does not stop a run in the background" {
	need_pressure
	make_many "$S/a"
	under_pressure 0 'some avg10=19.99 avg60=0.00 avg300=0.00 total=1000' \
		"$WEIR" copy -r --background --explain "$S/a" "$D/a"
	[[ $stderr != *standing* ]]
	same "$S/a" "$D/a"
}

@test "who cannot know whether others wait says so, and copies" {
	need_pressure
	make_many "$S/a"
	under_pressure 0 'nothing of that kind' \
		"$WEIR" copy -r --background --explain "$S/a" "$D/a"
	says "way: never standing back (run): /proc/pressure/io does not tell whether others wait"
	same "$S/a" "$D/a"
	under_pressure 0 '' "$WEIR" copy -r --background "$S/a" "$D/b"
	silent
	exits 0 unshare -m sh -c 'mount -t tmpfs none /proc/pressure && exec "$@"' - \
		"$WEIR" copy -r --background --explain "$S/a" "$D/c"
	says "never standing back (run): "
	says "(ENOENT)"
}

# --- The end of the time ------------------------------------------------------------------

@test "when the time is over what is complete is kept, and what is left is told" {
	mkdir "$S/a"
	: >"$S/a/empty"
	mktree file "$S/a/large" 1000000
	copy_exits 1 -r --bwlimit=20K --stop-after=2s --stats "$S/a" "$D"
	says "weir: cannot go on in target '$D': the time is over; not done: 1 entry"
	counts files_done -eq 1
	counts files_durable -eq "$(stat_of files_done)"
	absent "$D/a/large"
	same "$S/a/empty" "$D/a/empty"
	no_temps "$D"
}

@test "entries that were not begun are counted" {
	local i

	mkdir "$S/a"
	for ((i = 0; i < 100; i++)); do
		head -c 10000 /dev/zero >"$S/a/$i" # more than are begun at a time
	done
	copy_exits 1 -r --workers=1 --bwlimit=10K --stop-after=500ms "$S/a" "$D"
	# With the smallest budgets only some of them were listed by then.
	[[ $stderr == "weir: cannot go on in target '$D': the time is over; not done: "* ]]
	nothing_half "$S/a" "$D/a"
	no_temps "$D"
}

# Nothing begins, and the time is over before that ends.
@test "folders that were not listed are counted" {
	need_pressure
	make_many "$S/a"
	under_pressure 1 'some avg10=90.00 avg60=0.00 avg300=0.00 total=1000' \
		"$WEIR" copy -r --background --stop-after=200ms "$S/a" "$D"
	[ "$stderr" = "weir: cannot go on in target '$D': \
the time is over; not done: the rest of 1 folder" ]
	empty_folder "$D"
}

@test "a run that is done before does not notice its time" {
	make_many "$S/a"
	copies -r --stop-after=1h30m "$S/a" "$D"
	silent
	same "$S/a" "$D/a"
}

@test "a run that only syncs what it has is not ended by its time" {
	need_strace
	need_syncfs
	mktree file "$S/f" 3000
	exits 0 strace -f -o "$T/trace" -e trace=fsync,syncfs \
		-e inject=fsync,syncfs:delay_enter=2500000:when=1 \
		"$WEIR" copy --engine=plain --stop-after=2s "$S/f" "$D/f"
	grep -q DELAYED "$T/trace"
	silent
	same "$S/f" "$D/f"
}

@test "a sync whose time is over deletes nothing more, and tells" {
	local i

	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 500000
	: >"$D/a/old"
	exits 1 "$WEIR" sync --delete --bwlimit=20K --stop-after=1s "$S/a" "$D/a"
	says "the time is over; not done: 1 entry"
	[ -e "$D/a/old" ]
	absent "$D/a/f"
	need_strace
	rm "$S/a/f"
	: >"$S/a/f"
	for i in 1 2 3 4 5 6 7 8 9; do
		: >"$D/a/$i"
	done
	exits 1 strace -f -o /dev/null -e trace=unlinkat -e inject=unlinkat:delay_enter=700000 \
		"$WEIR" sync --delete --stop-after=2s "$S/a" "$D/a"
	[[ $stderr =~ "the time is over; not done: "[1-9]" deletions" ]]
	[ -e "$D/a/f" ]
	[ "$(find "$D/a" -type f | wc -l)" -gt 1 ]
}

@test "sync takes the same options" {
	make_many "$S/a"
	mkdir "$D/a"
	exits 0 "$WEIR" sync --bwlimit=300K --ioprio=idle --background --stop-after=1h --stats \
		"$S/a" "$D/a"
	paced 307200 90000
	same "$S/a" "$D/a"
}
