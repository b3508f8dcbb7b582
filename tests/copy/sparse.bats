#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later

load helper

need_holes() {
	truncate -s 1M "$T/hole"
	[ "$(stat -c %b "$T/hole")" -eq 0 ] || skip "this file system has no holes"
}

blocks() { # FILE
	sync "$1"
	stat -c %b "$1"
}

# 40 MiB: 1 MiB of data at the start, 1 MiB of it in the middle, zeros else, all
# written, with a tail of zeros that is no whole block.
written_zeros() { # FILE
	{
		head -c 1048576 /dev/urandom
		head -c 20000000 /dev/zero
		head -c 1048576 /dev/urandom
		head -c 20000123 /dev/zero
	} >"$1"
}

# bats test_tags=D02
@test "zeros become holes with --sparse=always, by every way" {
	local direct

	need_holes
	written_zeros "$S/f"
	for direct in auto always never; do
		copies --sparse=always --direct=$direct "$S/f" "$D/$direct"
		same "$S/f" "$D/$direct"
		[ "$(blocks "$D/$direct")" -lt 8192 ] # 2 MiB of data, not 40
	done
	copies --sparse=always --durable=none "$S/f" "$D/none"
	same "$S/f" "$D/none"
	[ "$(blocks "$D/none")" -lt 8192 ]
}

# bats test_tags=D02
@test "zeros that were written stay written by default" {
	need_holes
	written_zeros "$S/f"
	copies "$S/f" "$D/f"
	same "$S/f" "$D/f"
	[ "$(blocks "$D/f")" -ge 80000 ]
}

# bats test_tags=D02
@test "holes are written with --sparse=never" {
	local direct

	need_holes
	mktree sparse "$S/f" 10000123 0 5000000
	for direct in always never; do
		copies --sparse=never --direct=$direct "$S/f" "$D/$direct"
		same "$S/f" "$D/$direct"
		[ "$(blocks "$D/$direct")" -ge 19531 ]
	done
}

# bats test_tags=D02
@test "holes stay exactly where they are, the last one too" {
	need_holes
	mktree sparse "$S/f" 30000000 0 4096 1000000 16777216 20000000
	mktree sparse "$S/first" 5000000 4000000
	truncate -s 123456789 "$S/only"
	mkdir "$S/a"
	mv "$S/f" "$S/first" "$S/only" "$S/a"
	copies -r "$S/a" "$D"
	same --holes "$S/a" "$D/a"
	copies -r --sparse=always "$S/a" "$D/b"
	same --holes "$S/a" "$D/b"
}

# bats test_tags=D02
@test "data and zeros in turn, block by block, come out equal" {
	need_holes
	for _ in $(seq 300); do
		head -c 4096 /dev/zero
		head -c 4096 /dev/urandom
	done >"$S/f"
	head -c 100 /dev/zero >>"$S/f"
	# Data that only looks like zeros up to the last byte of a block.
	{
		head -c 4095 /dev/zero
		printf x
		head -c 8191 /dev/zero
		printf y
	} >>"$S/f"
	copies --sparse=always "$S/f" "$D/f"
	same "$S/f" "$D/f"
	copies --sparse=always --direct=always "$S/f" "$D/g"
	same "$S/f" "$D/g"
	[ "$(blocks "$D/f")" -lt "$(blocks "$S/f")" ]
}

# bats test_tags=D05
@test "a source that is read to its end has holes where it is zeros" {
	need_holes
	head -c 3000000 /dev/zero >"$T/zeros"
	cat "$T/zeros" >"$S/f"
	copies --sparse=always --chunk-size=4K --depth=1 "$S/f" "$D/f"
	same "$S/f" "$D/f"
	[ "$(blocks "$D/f")" -lt 100 ]
}

# bats test_tags=D03
@test "16 TiB of hole are copied at once" {
	[ "$(fs_type "$S")" != overlayfs ] || skip "the map of overlay is not believed"
	truncate -s 16T "$S/f" 2>/dev/null || truncate -s 15T "$S/f" 2>/dev/null ||
		skip "this file system has no files of 15 TiB"
	printf end | dd of="$S/f" bs=1 seek=$(($(stat -c %s "$S/f") - 3)) conv=notrunc status=none
	printf mid | dd of="$S/f" bs=1 seek=5T conv=notrunc status=none 2>/dev/null ||
		printf mid | dd of="$S/f" bs=1 seek=$((5 << 40)) conv=notrunc status=none
	truncate -s "$(stat -c %s "$S/f")" "$D/try" 2>/dev/null ||
		skip "the target has no files of that size"
	copies --stats "$S/f" "$D/f"
	[ "$(stat -c %s "$D/f")" -eq "$(stat -c %s "$S/f")" ]
	counts bytes_written -lt 100000
	[ "$(tail -c 3 "$D/f")" = end ]
	[ "$(dd if="$D/f" bs=1 skip=$((5 << 40)) count=3 status=none)" = mid ]
}

# bats test_tags=D13
@test "a file of ten thousand extents is copied as it is" {
	need_holes
	# shellcheck disable=SC2046 # offsets
	mktree sparse "$S/f" 81920000 $(seq 0 8192 81919999)
	copies --stats "$S/f" "$D/f"
	same --holes "$S/f" "$D/f"
	counts bytes_written -le 40960000
}

@test "--sparse and --reflink=always exclude each other" {
	mktree file "$S/f" 100
	run --separate-stderr "$WEIR" copy --sparse=always --reflink=always "$S/f" "$D/f"
	[ "$status" -eq 2 ]
	says "exclude each other"
	run --separate-stderr "$WEIR" copy --sparse=maybe "$S/f" "$D/f"
	[ "$status" -eq 2 ]
	says "auto"
	absent "$D/f"
}

need_reserving() {
	: >"$D/probe"
	fallocate -n -l 1M "$D/probe" 2>/dev/null || skip "nothing can be reserved here"
	[ "$(blocks "$D/probe")" -ge 2048 ] || skip "reserved space is not counted here"
	rm "$D/probe"
}

# bats test_tags=D08
@test "--preallocate reserves the holes too, whatever else is asked for" {
	local sparse direct level size blocks

	need_holes
	need_reserving
	mktree sparse "$S/holes" 10000123 0 5000000
	mktree file "$S/dense" 3000123
	: >"$S/empty"
	for sparse in auto never; do
		for direct in auto always never; do
			for level in group file; do
				copies --preallocate --sparse=$sparse --direct=$direct \
					--durable=$level -t "$D" "$S/holes" "$S/dense" "$S/empty"
				same "$S" "$D"
				for size in holes:10000123 dense:3000123 empty:0; do
					blocks=$(blocks "$D/${size%:*}")
					[ $((blocks * 512)) -ge "${size#*:}" ]
					# Nothing beyond the end but the rest of a block.
					[ $((blocks * 512)) -le $((${size#*:} + 262144)) ]
				done
				rm "$D"/*
			done
		done
	done
}

# bats test_tags=D08
@test "--preallocate keeps blocks of its own where clones are possible" {
	need_reserving
	mktree file "$S/f" 1000000
	cp --reflink=always "$S/f" "$D/probe" 2>/dev/null || skip "nothing can be cloned here"
	rm "$D/probe"
	WEIR_REFLINK=auto exits 0 "$WEIR" copy --stats --preallocate "$S/f" "$D/f"
	counts bytes_cloned -eq 0
	same "$S/f" "$D/f"
}

# bats test_tags=D08,F01
@test "--preallocate fails before the first byte where there is no room" {
	need_strace
	need_reserving
	mktree file "$S/f" 100000
	exits 27 strace -f -qq -o "$T/calls" -e trace=fallocate,write,pwrite64 \
		-e inject=fallocate:error=ENOSPC "$WEIR" copy --preallocate "$S/f" "$D/f"
	says "cannot reserve space for target '$D/f': No space left on device (ENOSPC)"
	run ! grep -q pwrite64 "$T/calls"
	absent "$D/f"
	exits 23 strace -f -qq -o /dev/null -e trace=fallocate \
		-e inject=fallocate:error=EOPNOTSUPP "$WEIR" copy --preallocate "$S/f" "$D/f"
	says "cannot reserve space for target '$D/f': Operation not supported (EOPNOTSUPP)"
	absent "$D/f"
}

# bats test_tags=D08,R01
@test "--preallocate is refused with what contradicts it" {
	printf x >"$S/f"
	copy_exits 2 --preallocate --sparse=always "$S/f" "$D/f"
	says "--preallocate and --sparse=always exclude each other"
	copy_exits 2 --preallocate --reflink=always "$S/f" "$D/f"
	says "--preallocate and --reflink=always exclude each other"
	copy_exits 2 --preallocate --durable=none "$S/f" "$D/f"
	says "--preallocate needs --durable=group or file"
	WEIR_DURABLE=end exits 2 "$WEIR" copy --preallocate "$S/f" "$D/f"
	says "--preallocate needs --durable=group or file"
	absent "$D/f"
}
