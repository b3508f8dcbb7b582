#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Clones: where the target can share the blocks of the source: cases D11, C10.

load helper

setup() {
	make_areas
	unset WEIR_REFLINK
}

need_clones() {
	mktree file "$S/probe" 4096
	cp --reflink=always "$S/probe" "$D/probe" 2>/dev/null || skip "needs clones"
	rm "$S/probe" "$D/probe"
}

need_no_clones() {
	mktree file "$S/probe" 4096
	if cp --reflink=always "$S/probe" "$D/probe" 2>/dev/null; then
		skip "needs a place without clones"
	fi
	rm -f "$S/probe" "$D/probe"
}

@test "files are cloned where both sides can share blocks" {
	need_clones
	mkdir "$S/a"
	mktree file "$S/a/large" 3000001
	mktree file "$S/a/small" 5000
	mktree file "$S/a/empty" 0
	mktree sparse "$S/a/sparse" 10000000 0 5000000
	copies -a --stats --explain "$S/a" "$D"
	says "way: clone $D/a/"
	says "; cloned; "
	counts bytes_cloned -eq 13005001
	counts bytes_written -eq 13005001
	counts ops_write -eq 0
	counts files_durable -eq 4
	same --mode --times --holes "$S/a" "$D/a"
	no_temps "$D"
	# Over what is there, and one file alone.
	copies -a --stats "$S/a" "$D"
	counts bytes_cloned -eq 13005001
	same --times "$S/a" "$D/a"
	copies --reflink=always "$S/a/large" "$D/one"
	same "$S/a/large" "$D/one"
	# Nothing is moved, so a rate is no matter.
	exits 0 timeout 100 "$WEIR" copy --bwlimit=1K --reflink=always "$S/a/large" "$D/two"
	same "$S/a/large" "$D/two"
}

@test "--reflink=never shares nothing, and the variable equals the option" {
	need_clones
	mktree file "$S/f" 300000
	copies --reflink=never --stats "$S/f" "$D/f"
	counts bytes_cloned -eq 0
	WEIR_REFLINK=never copies --stats "$S/f" "$D/g"
	counts bytes_cloned -eq 0
	WEIR_REFLINK=never copies --reflink=auto --stats "$S/f" "$D/h"
	counts bytes_cloned -eq 300000
	same "$S/f" "$D/f"
}

# bats test_tags=C10
@test "where nothing can be cloned the data is copied, or the entry fails with always" {
	need_no_clones
	mktree file "$S/f" 300000
	copies --stats "$S/f" "$D/f"
	counts bytes_cloned -eq 0
	same "$S/f" "$D/f"
	copy_exits 23 --reflink "$S/f" "$D/g"
	says "cannot clone to target '$D/g'"
	absent "$D/g"
	no_temps "$D"
	# Nothing is in an empty file that could be shared.
	mktree file "$S/e" 0
	copies --reflink=always "$S/e" "$D/e"
	same "$S/e" "$D/e"
}

# bats test_tags=C10
@test "what two file systems cannot do is asked for once" {
	need_strace
	mktree many "$S/a" 30 5000
	strace -f -o "$T/trace" -e trace=ioctl -e inject=ioctl:error=EOPNOTSUPP \
		"$WEIR" copy -r --workers=1 "$S/a" "$D"
	[ "$(grep -c FICLONE "$T/trace")" -eq 1 ]
	same "$S/a" "$D/a"
}

# bats test_tags=D11
@test "a file that cannot be cloned for itself is copied, and the others are cloned" {
	need_clones
	need_strace
	mktree many "$S/a" 20 5000
	run --separate-stderr strace -f -o /dev/null -e trace=ioctl \
		-e inject=ioctl:error=EINVAL:when=3 \
		"$WEIR" copy -r --workers=1 --stats "$S/a" "$D"
	[ "$status" -eq 0 ]
	counts bytes_cloned -eq 95000
	counts bytes_buffered -eq 5000
	same "$S/a" "$D/a"
}

# bats test_tags=D11,C10
@test "whatever says that nothing can be cloned here leads to a copy" {
	need_strace
	local errno

	mktree file "$S/f" 300000
	for errno in EOPNOTSUPP ENOTTY ENOSYS EXDEV EINVAL EPERM ETXTBSY; do
		exits 0 strace -f -o /dev/null -e trace=ioctl,copy_file_range \
			-e inject=ioctl:error=$errno "$WEIR" copy "$S/f" "$D/f"
		silent
		cmp "$S/f" "$D/f"
		rm "$D/f"
	done
}

# bats test_tags=D11
@test "a clone that fails for a real reason is an error" {
	need_strace
	local reason

	mktree file "$S/f" 300000
	for reason in EIO:23 ENOSPC:27 EDQUOT:27; do
		run --separate-stderr strace -f -o /dev/null -e trace=ioctl \
			-e inject=ioctl:error="${reason%:*}" "$WEIR" copy "$S/f" "$D/f"
		[ "$status" -eq "${reason#*:}" ]
		says "cannot clone to target '$D/f'"
		absent "$D/f"
		no_temps "$D"
		# What was there stays.
		echo old >"$D/f"
		run --separate-stderr strace -f -o /dev/null -e trace=ioctl \
			-e inject=ioctl:error="${reason%:*}" "$WEIR" copy "$S/f" "$D/f"
		[ "$status" -eq "${reason#*:}" ]
		[ "$(cat "$D/f")" = old ]
		rm "$D/f"
	done
}
