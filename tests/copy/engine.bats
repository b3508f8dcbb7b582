#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Rings, registered buffers, and what limits them: cases F07, F08, F09, F12,
# M11, M12.

load helper

# A file that needs more than one worker's chunks, and small ones beside it.
make_mixed() { # FOLDER
	mktree random "$1" 31 60
	mktree file "$1/big" 9000001
}

# A ring registers its buffers at the start, and once more when large files
# make them grow.
registered_all() {
	local rings

	rings=$(stat_of rings)
	counts rings -ge 1
	counts buffer_registrations -ge "$rings"
	counts buffer_registrations -le $((2 * rings))
}

# bats test_tags=E14
@test "each ring registers its buffers and uses them for all I/O" {
	need_ring
	make_mixed "$S/a"
	copies -a --engine=ring --workers=2 --stats "$S/a" "$D"
	registered_all
	counts ops_read_fixed -gt 0
	counts buffer_bytes -gt 0
	counts ring_dropped -eq 0
	counts ring_overflow -eq 0
	same --mode --owner --times "$S/a" "$D/a"
}

@test "a large file travels in fixed reads and writes" {
	need_ring
	case $(fs_type "$D") in ext2/ext3 | xfs) ;; *) skip "not known to take direct I/O" ;; esac
	mktree file "$S/f" 16777216
	pages --evict "$S/f"
	copies --engine=ring --workers=1 --stats --direct=always --chunk-size=1M "$S/f" "$D/f"
	registered_all
	counts rings -eq 1
	counts ops_read_fixed -ge 16
	counts ops_write_fixed -ge 16
	counts bytes_direct -eq 16777216
	same "$S/f" "$D/f"
}

@test "a few small files set up no ring and no thread" {
	need_small_runs
	mktree file "$S/f" 4096
	copies --stats "$S/f" "$D/f"
	counts workers -eq 0
	counts rings -eq 0
	counts buffer_registrations -eq 0
	same "$S/f" "$D/f"
}

@test "plain calls open no ring" {
	make_mixed "$S/a"
	copies -a --engine=plain --stats "$S/a" "$D"
	counts rings -eq 0
	counts ring_enters -eq 0
	counts buffer_registrations -eq 0
	same --mode --owner --times "$S/a" "$D/a"
}

# bats test_tags=M11
@test "a refused ring means plain calls and the same result" {
	local how

	make_mixed "$S/a"
	for how in EPERM ENOSYS ENOMEM EMFILE EINVAL; do
		exits 0 refuse io_uring_setup=$how -- env -u WEIR_ENGINE \
			"$WEIR" copy -a --stats "$S/a" "$D/$how"
		counts rings -eq 0
		same --mode --owner --times "$S/a" "$D/$how"
	done
}

# bats test_tags=M11
@test "a refused ring is no reason to speak" {
	make_mixed "$S/a"
	exits 0 refuse io_uring_setup=EPERM -- env -u WEIR_ENGINE "$WEIR" copy -a "$S/a" "$D"
	silent
}

# bats test_tags=M11
@test "a ring that was asked for and is refused ends the run" {
	make_mixed "$S/a"
	exits 1 refuse io_uring_setup=EPERM -- "$WEIR" copy -a --engine=ring "$S/a" "$D/a"
	says EPERM
}

# bats test_tags=M13
@test "with plain calls the ring is not even tried" {
	make_mixed "$S/a"
	exits 0 refuse io_uring_setup=kill -- "$WEIR" copy -a --engine=plain "$S/a" "$D/one"
	same --mode --owner --times "$S/a" "$D/one"
	exits 0 refuse io_uring_setup=kill -- env WEIR_ENGINE=plain \
		"$WEIR" copy -a "$S/a" "$D/two"
	same --mode --owner --times "$S/a" "$D/two"
}

# bats test_tags=M12
@test "a ring that registers nothing still copies right" {
	make_mixed "$S/a"
	exits 0 refuse io_uring_register=EINVAL -- "$WEIR" copy -a "$S/a" "$D/1"
	same --mode --owner --times "$S/a" "$D/1"
	exits 0 refuse io_uring_register=ENOMEM -- "$WEIR" copy -a --stats "$S/a" "$D/2"
	counts buffer_registrations -eq 0
	same --mode --owner --times "$S/a" "$D/2"
	exits 0 refuse io_uring_register=EPERM -- "$WEIR" copy -a "$S/a" "$D/3"
	same --mode --owner --times "$S/a" "$D/3"
}

# bats test_tags=F09
@test "no locked memory at all means unregistered buffers and the same result" {
	user_areas
	make_mixed "$S/a"
	chmod -R a+rX "$S/a"
	as_user cp -a "$S/a" "$S/mine"
	# Some kernels then refuse the ring itself.
	exits 0 as_user launch --limit=memlock:0 -- \
		"$WEIR" copy -a --stats "$S/mine" "$D/a"
	counts buffer_registrations -eq 0
	counts ops_read_fixed -eq 0
	same --mode --times "$S/mine" "$D/a"
}

# bats test_tags=F09
@test "any limit of locked memory gives the same result" {
	local limit

	need_ring
	lone_user
	user_areas
	make_mixed "$S/a"
	chmod -R a+rX "$S/a"
	as_user cp -a "$S/a" "$S/mine"
	for limit in 65536 1048576 2097152 8388608; do
		[ "$(ulimit -H -l)" = unlimited ] || [ $((limit / 1024)) -le "$(ulimit -H -l)" ] ||
			continue
		within_lockable $limit \
			"$WEIR" copy -a --engine=ring --stats --workers=2 "$S/mine" "$D/$limit"
		counts buffer_bytes -le "$limit"
		same --mode --times "$S/mine" "$D/$limit"
	done
}

# A run of this account with this limit.  The memory of one that just ended may still be
# charged for a moment, on btrfs for longer than the engine tries.
within_lockable() { # BYTES COMMAND...
	for _ in $(seq 50); do
		run --separate-stderr as_user launch --limit=memlock:"$1" -- "${@:2}"
		[[ $stderr == *"cannot start the engine"*ENOMEM* ]] || break
	done
	ended 0
}

# bats test_tags=F09
@test "the usual limit of locked memory lets buffers be registered" {
	need_ring
	[ "${WEIR_LANE:-}" != check-tiny ] || skip "the smallest budgets are no measure"
	lone_user
	user_areas
	[ "$(ulimit -H -l)" = unlimited ] || [ "$(ulimit -H -l)" -ge 8192 ] ||
		skip "the limit here is lower"
	make_mixed "$S/a"
	chmod -R a+rX "$S/a"
	# The memory of a run that just ended may still be charged for a moment;
	# the engine tries again, so this must not depend on it.
	exits 0 as_user launch --limit=memlock:8388608 -- \
		"$WEIR" copy -r --engine=ring --stats --workers=1 "$S/a" "$D/a"
	registered_all
	counts ops_read_fixed -gt 0
	same "$S/a" "$D/a"
}

# bats test_tags=F09
@test "unlimited locked memory registers all buffers" {
	need_ring
	ringtest 67108864 >/dev/null || skip "the limit of locked memory is lower"
	make_mixed "$S/a"
	copies -a --engine=ring --stats "$S/a" "$D"
	counts buffer_registrations -ge 1
	counts buffer_bytes -eq "$(stat_of arena_bytes)"
	same --mode --owner --times "$S/a" "$D/a"
}

# bats test_tags=F07
@test "a limit on file sizes fails the file and kills nothing" {
	mktree file "$S/big" 100000
	mktree file "$S/small" 1000
	mkdir "$D/1" "$D/2"
	exits 23 launch --limit=fsize:8192 -- "$WEIR" copy --direct=never "$S/big" "$S/small" "$D/1"
	says EFBIG
	absent "$D/1/big"
	same "$S/small" "$D/1/small"
	no_temps "$D"
	exits 23 launch --limit=fsize:8192 -- "$WEIR" copy --engine=plain "$S/big" "$S/small" "$D/2"
	absent "$D/2/big"
	same "$S/small" "$D/2/small"
}

# bats test_tags=F07
@test "a limit on file sizes fails a large file on the ring" {
	need_ring
	mktree file "$S/big" 9000000
	exits 23 launch --limit=fsize:4194304 -- "$WEIR" copy --engine=ring "$S/big" "$D"
	says EFBIG
	empty_folder "$D"
}

# bats test_tags=F08
@test "sixteen descriptors are enough for a deep tree" {
	no_trace
	need_no_sanitizer
	mktree deep "$S/a" 50
	mktree random "$S/a/d/d/random" 32 80
	exits 0 launch --limit=nofile:16 -- "$WEIR" copy -a --workers=1 "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
	exits 0 launch --limit=nofile:16 -- \
		"$WEIR" copy -a --engine=plain --workers=1 "$S/a" "$D/plain"
	same --mode --owner --times "$S/a" "$D/plain"
}

# bats test_tags=F08
@test "a low soft limit of descriptors is no obstacle" {
	mktree random "$S/a" 33 150
	exits 0 launch --limit=nofile:24:1024 -- "$WEIR" copy -a "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
}

# bats test_tags=F08
@test "forty descriptors are enough for all workers" {
	need_no_sanitizer
	mktree random "$S/a" 34 150
	exits 0 launch --limit=nofile:40 -- "$WEIR" copy -a --workers=4 "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
}

# bats test_tags=F12
@test "where no thread can be made the run ends, with its work done or a reason" {
	need_no_sanitizer
	make_mixed "$S/a"
	run --separate-stderr timeout 60 refuse clone=EAGAIN clone3=EAGAIN -- \
		"$WEIR" copy -a "$S/a" "$D"
	if [ "$status" -eq 0 ]; then
		same --mode --owner --times "$S/a" "$D/a"
	else
		[ "$status" -eq 1 ]
		says EAGAIN
		nothing_half "$S/a" "$D/a"
	fi
}

# bats test_tags=F12
@test "a limit of processes does not hang the run" {
	need_no_sanitizer
	user_areas
	make_mixed "$S/a"
	chmod -R a+rX "$S/a"
	run --separate-stderr as_user timeout 60 launch --limit=nproc:1 -- \
		"$WEIR" copy -r "$S/a" "$D"
	[ "$status" -eq 0 ] || [ "$status" -eq 1 ]
	[ "$status" -ne 0 ] || same "$S/a" "$D/a"
}

# Where the run went on, what is missing was told, or a folder it lies in.
named_or_there() {
	local path

	[ "$status" -eq 23 ] || return 0
	(cd "$S" && find a ! -type d) | while IFS= read -r path; do
		[ -e "$D/$path" ] || [ -L "$D/$path" ] && continue
		until [[ $stderr == *"/$path'"* ]]; do
			[[ $path == */* ]] || return 1
			path=${path%/*}
		done
	done
}

# bats test_tags=F10
@test "little memory for addresses ends the run or lets it work, and leaves nothing half" {
	need_no_sanitizer
	local mib engine ended=0 worked=0

	make_mixed "$S/a"
	for engine in auto plain; do
		for mib in 5 9 16 24 32 40 1024; do
			rm -rf "$D/a"
			run --separate-stderr timeout 60 launch --limit=as:$((mib << 20)) -- \
				"$WEIR" copy -a --engine=$engine "$S/a" "$D"
			if [ "$status" -eq 0 ]; then
				same --mode --owner --times "$S/a" "$D/a"
				worked=$((worked + 1))
				continue
			fi
			# 127: not even the loader has enough.
			[ "$status" -eq 127 ] || refuses
			[ -n "$stderr" ]
			nothing_half "$S/a" "$D/a"
			no_temps "$D"
			named_or_there
			ended=$((ended + 1))
		done
	done
	[ $worked -gt 0 ] && [ $ended -gt 0 ]
}

# bats test_tags=F09
@test "the ring's buffers are taken back by the thread that registered them" {
	need_ring
	need_strace
	mktree file "$S/f" 20000000
	strace -f -o "$T/trace" -e trace=io_uring_register \
		"$WEIR" copy --engine=ring "$S/f" "$D/f"
	grep -q 'IORING_REGISTER_BUFFERS.* = 0' "$T/trace" || skip "no buffers can be registered"
	[ "$(grep -c 'IORING_UNREGISTER_BUFFERS.* = 0' "$T/trace")" -eq \
		"$(grep -c 'IORING_REGISTER_BUFFERS.* = 0' "$T/trace")" ]
}
