#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Sizes around every boundary, and the engine's own knobs: cases D01, D10, D16.

load helper

# bats test_tags=D01
@test "files of every size around a block are equal" {
	mktree sizes "$S/a" 4096
	copies -r "$S/a" "$D"
	same "$S/a" "$D/a"
	copies -r --direct=always "$S/a" "$D/always"
	same "$S/a" "$D/always"
	copies -r --direct=never "$S/a" "$D/never"
	same "$S/a" "$D/never"
}

# bats test_tags=D01
@test "files of every size around a small buffer are equal" {
	mktree sizes "$S/a" 32768
	copies -r "$S/a" "$D"
	same "$S/a" "$D/a"
	copies -r --direct=always "$S/a" "$D/always"
	same "$S/a" "$D/always"
}

# bats test_tags=D01
@test "files of every size around the smallest direct size are equal" {
	mktree sizes "$S/a" 131072
	copies -r "$S/a" "$D"
	same "$S/a" "$D/a"
	copies -r --direct=never "$S/a" "$D/never"
	same "$S/a" "$D/never"
}

# bats test_tags=D01
@test "files of every size around a chunk are equal" {
	mktree sizes "$S/a" 524288
	copies -r --chunk-size=512K --depth=2 --workers=1 "$S/a" "$D"
	same "$S/a" "$D/a"
	copies -r --chunk-size=512K --depth=2 --workers=1 --direct=never "$S/a" "$D/never"
	same "$S/a" "$D/never"
}

# bats test_tags=D01
@test "a file larger than all buffers together is equal" {
	mktree file "$S/f" 41943041
	copies --depth=2 --workers=1 "$S/f" "$D/f"
	same "$S/f" "$D/f"
	copies "$S/f" "$D/g"
	same "$S/f" "$D/g"
}

# bats test_tags=D10
@test "any tail after whole blocks is equal with direct I/O" {
	local tail

	mkdir "$S/a"
	for tail in 1 100 511 512 513 1024 2048 4095; do
		mktree file "$S/a/$tail" $((262144 + tail)) "$tail"
	done
	copies -r --direct=always "$S/a" "$D"
	same "$S/a" "$D/a"
	pages --evict "$D"/a/*
	same "$S/a" "$D/a"
}

# bats test_tags=D10
@test "a source in the page cache and one that is not are equal" {
	mktree file "$S/hot" 3000100
	mktree file "$S/cold" 3000100 2
	pages --evict "$S/cold"
	cat "$S/hot" >/dev/null
	copies "$S/hot" "$S/cold" "$D"
	same "$S/hot" "$D/hot"
	same "$S/cold" "$D/cold"
}

# bats test_tags=D10
@test "a source with dirty pages is copied as it reads" {
	mktree file "$S/f" 2000000
	# Written through the cache and not synced: direct reads alone would race.
	printf 'new text' | dd of="$S/f" bs=1 seek=1000000 conv=notrunc status=none
	copies --direct=always "$S/f" "$D/f"
	same "$S/f" "$D/f"
}

# bats test_tags=D16
@test "a target is never opened for appending" {
	no_trace
	need_strace
	mktree file "$S/f" 300000
	mktree file "$D/f" 100
	strace -f -o "$T/trace" -e trace=open,openat,openat2,fcntl \
		"$WEIR" copy --engine=plain "$S/f" "$D/f"
	same "$S/f" "$D/f"
	run grep -c O_TMPFILE\\\|O_CREAT "$T/trace"
	[ "$output" -ge 1 ]
	nothing "$(grep O_APPEND "$T/trace" | grep -v '/dev/')"
}

@test "any chunk size gives equal files" {
	local size

	mktree random "$S/a" 21 40
	mktree file "$S/a/big" 5000003
	for size in 4K 64K 1M 16M; do
		copies -a --chunk-size=$size "$S/a" "$D/$size"
		same --mode --owner --times "$S/a" "$D/$size"
	done
}

@test "a chunk size below a block, above the limit or unaligned is refused" {
	mktree file "$S/f" 100
	copy_exits 2 --chunk-size=1 "$S/f" "$D"
	copy_exits 2 --chunk-size=1000 "$S/f" "$D"
	copy_exits 2 --chunk-size=1T "$S/f" "$D"
	empty_folder "$D"
}

@test "one transfer in flight gives equal files" {
	mktree random "$S/a" 22 40
	mktree file "$S/a/big" 5000003
	copies -a --depth=1 --workers=1 --chunk-size=64K "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
}

@test "one to four workers give equal trees" {
	local workers

	mktree random "$S/a" 23 150
	for workers in 1 2 3 4; do
		copies -a --workers=$workers "$S/a" "$D/$workers"
		same --mode --owner --times "$S/a" "$D/$workers"
	done
}

@test "more workers than the machine has CPUs give equal trees" {
	mktree random "$S/a" 24 100
	copies -a --workers=16 "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
}

@test "ring and plain calls give equal trees" {
	need_ring
	mktree random "$S/a" 25 200
	copies -a --engine=ring "$S/a" "$D/ring"
	copies -a --engine=plain "$S/a" "$D/plain"
	same --mode --owner --times "$S/a" "$D/ring"
	same --mode --owner --times "$D/ring" "$D/plain"
}

@test "direct and buffered writes give equal trees" {
	mktree random "$S/a" 26 120
	copies -a --direct=always "$S/a" "$D/always"
	copies -a --direct=never "$S/a" "$D/never"
	same --mode --owner --times "$S/a" "$D/always"
	same --mode --owner --times "$S/a" "$D/never"
}

@test "the same options through the environment do the same" {
	mktree random "$S/a" 27 40
	WEIR_ENGINE=plain WEIR_DURABLE=none copies -a --stats "$S/a" "$D"
	counts rings -eq 0
	counts syncs_fs -eq 0
	counts syncs_file -eq 0
	same --mode --owner --times "$S/a" "$D/a"
}

@test "buffered writing is shown as such, direct writing too" {
	mktree file "$S/f" 8388608
	copies --direct=never --stats "$S/f" "$D/f"
	counts bytes_direct -eq 0
	counts bytes_buffered -eq 8388608
	copies --direct=always --stats "$S/f" "$D/g"
	if [ "$(fs_type "$D")" = tmpfs ]; then
		counts bytes_direct -eq 0
	fi
	[ $(($(stat_of bytes_direct) + $(stat_of bytes_buffered))) -eq 8388608 ]
}

@test "direct writing leaves the page cache alone where the file takes it" {
	case $(fs_type "$D") in ext2/ext3 | xfs) ;; *) skip "not known to take direct I/O" ;; esac
	mktree file "$S/f" 8388608
	pages --evict "$S/f"
	copies --direct=always --stats "$S/f" "$D/f"
	counts bytes_direct -eq 8388608
	run pages "$D/f"
	[ "${output%% *}" -le 8 ]
	same "$S/f" "$D/f"
}

@test "explain names a way and a reason for a file" {
	mktree file "$S/f" 1000000
	copies --explain "$S/f" "$D/f"
	[ -n "$stderr$output" ]
	[[ $stderr$output == *f* ]]
}

@test "the statistics of a tree count what is in it" {
	mkdir -p "$S/a/b/c"
	mktree file "$S/a/1" 1000
	mktree file "$S/a/b/2" 2000
	mktree file "$S/a/b/c/3" 3000
	ln -s x "$S/a/link"
	mkfifo "$S/a/p"
	copies -r --stats "$S/a" "$D"
	counts files_found -eq 3
	counts files_done -eq 3
	counts bytes_found -eq 6000
	counts bytes_written -eq 6000
	counts folders_done -eq 3
	counts others_done -eq 2
	counts entries_failed -eq 0
	counts files_durable -eq 3
	counts bytes_durable -eq 6000
	counts scan_done -eq 1
}

@test "holes of a source cost no wrong bytes" {
	mktree sparse "$S/f" 30000000 0 1000000 16777216 29990000
	copies "$S/f" "$D/f"
	same "$S/f" "$D/f"
}

@test "a run of nothing but folders works" {
	mkdir -p "$S"/a/{1,2,3}/{x,y,z}/{p,q}
	copies -a "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
}

@test "a tree copied twice stays right" {
	mktree random "$S/a" 28 80
	copies -a "$S/a" "$D"
	copies -a "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
	no_temps "$D"
}

@test "a tree merges into one that has other entries" {
	mkdir -p "$S/a/d" "$D/a/d"
	mktree file "$S/a/d/new" 100
	mktree file "$S/a/d/both" 100 2
	mktree file "$D/a/d/both" 50 3
	mktree file "$D/a/d/old" 70
	cp "$D/a/d/old" "$T/old"
	copies -r "$S/a" "$D"
	same "$S/a/d/new" "$D/a/d/new"
	same "$S/a/d/both" "$D/a/d/both"
	same "$T/old" "$D/a/d/old"
}

@test "two operands merge into one new folder" {
	mkdir -p "$S/1/d" "$S/2/d" "$T/expected/d"
	mktree file "$S/1/d/a" 100
	mktree file "$S/2/d/b" 200
	cp "$S/1/d/a" "$S/2/d/b" "$T/expected/d"
	copy -r "$S/1/d" "$S/2/d" "$D"
	# Two operands with one target name are refused, folders or not.
	if [ "$status" -eq 28 ]; then
		empty_folder "$D"
	else
		[ "$status" -eq 0 ]
		same "$T/expected/d" "$D/d"
	fi
}

# bats test_tags=D02
@test "a hole at the start, at the end, or all of a file stays one" {
	mkdir "$S/a"
	mktree sparse "$S/a/first" 10000000 9990000
	mktree sparse "$S/a/last" 10000000 0
	mktree sparse "$S/a/both" 10000001 5000192
	mktree sparse "$S/a/only" 10000000
	copies -a --stats "$S/a" "$D"
	same --times "$S/a" "$D/a"
	# What an overlay says of holes is not believed: all is read and written.
	[ "$(fs_type "$S")" = overlayfs ] || counts bytes_written -le 1000000
	# Over what has data everywhere.
	mktree file "$D/a/only" 10000000 7
	mktree file "$D/a/last" 10000000 8
	copies -a "$S/a" "$D"
	same --times "$S/a" "$D/a"
	[ "$(fs_type "$S")" = overlayfs ] || same --holes "$S/a" "$D/a"
	# Less than a block is no hole worth keeping, and zeros all the same.
	mktree sparse "$S/odd" 4097 0
	mktree sparse "$S/small" 3000
	copies "$S/odd" "$S/small" "$D"
	same "$S/odd" "$D/odd"
	same "$S/small" "$D/small"
}

# bats test_tags=D06
@test "space that is only reserved reads as zeros and makes no file longer" {
	need_command fallocate
	mkdir "$S/a"
	mktree file "$S/a/inside" 100000
	fallocate -o 200000 -l 1000000 "$S/a/inside" 2>/dev/null || skip "no space can be reserved"
	mktree file "$S/a/behind" 100000
	fallocate -n -o 100000 -l 3000000 "$S/a/behind"
	: >"$S/a/all"
	fallocate -l 3000000 "$S/a/all"
	: >"$S/a/none"
	fallocate -n -l 3000000 "$S/a/none"
	copies -a --stats "$S/a" "$D"
	same --times "$S/a" "$D/a"
	[ "$(stat -c %s "$D/a/inside")" -eq 1200000 ]
	[ "$(stat -c %s "$D/a/behind")" -eq 100000 ]
	[ "$(stat -c %s "$D/a/none")" -eq 0 ]
	copies -a --engine=plain "$S/a" "$D"
	same --times "$S/a" "$D/a"
}
