#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Types other than plain files, and files that lie: cases C01 to C11, C13.

load helper

# bats test_tags=C01
@test "a FIFO in a tree is made again and never opened" {
	mkdir "$S/a"
	mkfifo -m 640 "$S/a/p"
	mktree file "$S/a/f" 100
	exits 0 timeout 20 "$WEIR" copy -r "$S/a" "$D"
	[ -p "$D/a/p" ]
	same --mode "$S/a" "$D/a"
}

# bats test_tags=C01
@test "a FIFO operand is made again with -r" {
	mkfifo "$S/p"
	exits 0 timeout 20 "$WEIR" copy -r "$S/p" "$D/p"
	[ -p "$D/p" ]
}

# bats test_tags=C02
@test "a FIFO where a file belongs is replaced, not opened" {
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 3000
	mkfifo "$D/a/f"
	exits 0 timeout 20 "$WEIR" copy -r "$S/a" "$D"
	same "$S/a" "$D/a"
	no_temps "$D"
}

# bats test_tags=C02
@test "a FIFO is put where a file was" {
	mkdir "$S/a" "$D/a"
	mkfifo "$S/a/f"
	mktree file "$D/a/f" 3000
	exits 0 timeout 20 "$WEIR" copy -r "$S/a" "$D"
	same "$S/a" "$D/a"
	no_temps "$D"
}

# bats test_tags=C03
@test "a socket is made again as a node" {
	mkdir "$S/a"
	mktree socket "$S/a/s"
	mktree file "$S/a/f" 100
	exits 0 timeout 20 "$WEIR" copy -r "$S/a" "$D"
	[ -S "$D/a/s" ]
	same "$S/a" "$D/a"
}

# bats test_tags=C04,C14
@test "devices in a tree become devices and are never read" {
	need_devices
	mkdir "$S/a"
	mknod "$S/a/zero" c 1 5
	mknod "$S/a/loop" b 7 77
	# The mark of overlay for what was removed; overlay itself makes none.
	mknod "$S/a/whiteout" c 0 0 2>/dev/null && mknod "$D/probe" c 0 0 2>/dev/null ||
		rm -f "$S/a/whiteout"
	exits 0 timeout 20 "$WEIR" copy -a "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
}

# bats test_tags=C04
@test "a device that may not be made fails alone" {
	need_devices
	user_areas
	mkdir "$S/a"
	mknod "$S/a/zero" c 1 5
	mktree file "$S/a/f" 100
	chmod -R a+rX "$S/a"
	exits 23 timeout 20 setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$WEIR" copy -r "$S/a" "$D"
	says zero
	says EPERM
	same "$S/a/f" "$D/a/f"
	absent "$D/a/zero"
}

# bats test_tags=C05
@test "a device where a file belongs is replaced, nothing is written into it" {
	need_devices
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 3000
	mknod "$D/a/f" b 7 77
	copies -r "$S/a" "$D"
	[ -f "$D/a/f" ]
	same "$S/a" "$D/a"
}

# bats test_tags=C07
@test "a proc file of size 0 is copied to its end" {
	[ -r /proc/cpuinfo ] || skip "no /proc"
	cat /proc/version >"$T/version"
	copies /proc/version "$D/version"
	same "$T/version" "$D/version"
	# More than one read, and no size to go by.
	cp /proc/kallsyms "$T/kallsyms" 2>/dev/null || skip "kallsyms cannot be read"
	copies /proc/kallsyms "$D/kallsyms"
	same "$T/kallsyms" "$D/kallsyms"
}

# bats test_tags=C08
@test "a sys file that claims more than it has is copied whole" {
	[ -r /sys/kernel/profiling ] || skip "no such file"
	cat /sys/kernel/profiling >"$T/p"
	copies /sys/kernel/profiling "$D/p"
	same "$T/p" "$D/p"
}

# bats test_tags=C08
@test "a tree of sys files is copied whole" {
	[ -d /sys/module/kernel/parameters ] || skip "no such folder"
	mkdir "$T/expected"
	(cd /sys/module/kernel/parameters && for f in *; do
		[ ! -r "$f" ] || cat "$f" >"$T/expected/$f"
	done) 2>/dev/null
	[ -n "$(ls "$T/expected")" ] || skip "nothing can be read there"
	exits 0 timeout 60 "$WEIR" copy -r /sys/module/kernel/parameters "$D"
	same "$T/expected" "$D/parameters"
}

# bats test_tags=C09
@test "one unreadable proc file does not end a run" {
	[ -r /proc/self/mem ] || skip "no /proc"
	mkdir "$D/d"
	mktree file "$S/f" 100
	# Reading at 0 is EIO: no page is mapped there.
	copy_exits 23 /proc/self/mem "$S/f" "$D/d"
	says mem
	same "$S/f" "$D/d/f"
	absent "$D/d/mem"
}

# bats test_tags=C10
@test "what a file system refuses is done another way" {
	mktree random "$S/a" 11 60
	mktree file "$S/a/big" 3000001
	refuse fallocate=EOPNOTSUPP cachestat=ENOSYS copy_file_range=EXDEV -- \
		"$WEIR" copy -a "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
}

# bats test_tags=C10
@test "the names come out the same where O_TMPFILE is refused" {
	mktree random "$S/a" 12 60
	refuse tmpfile=EOPNOTSUPP -- "$WEIR" copy -a "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
	no_temps "$D"
	refuse tmpfile=EISDIR -- "$WEIR" copy -a "$S/a" "$D/again"
	same --mode --owner --times "$S/a" "$D/again"
}

# bats test_tags=C10
@test "the names come out the same where links by descriptor are refused" {
	mktree random "$S/a" 13 60
	refuse link_by_fd=ENOENT -- "$WEIR" copy -a "$S/a" "$D/1"
	same --mode --owner --times "$S/a" "$D/1"
	refuse linkat=EPERM -- "$WEIR" copy -a "$S/a" "$D/2"
	same --mode --owner --times "$S/a" "$D/2"
	refuse linkat=EOPNOTSUPP -- "$WEIR" copy -a "$S/a" "$D/3"
	same --mode --owner --times "$S/a" "$D/3"
	no_temps "$D"
}

# bats test_tags=C10
@test "the names come out the same where renaming takes no flags" {
	mktree random "$S/a" 14 60
	refuse tmpfile=EOPNOTSUPP rename_noreplace=EINVAL -- "$WEIR" copy -a "$S/a" "$D/1"
	same --mode --owner --times "$S/a" "$D/1"
	refuse tmpfile=EOPNOTSUPP rename_noreplace=ENOSYS linkat=EPERM -- \
		"$WEIR" copy -a "$S/a" "$D/2"
	same --mode --owner --times "$S/a" "$D/2"
	no_temps "$D"
}

# bats test_tags=C11
@test "folders, links and files are told apart whatever the listing says" {
	mkdir -p "$S/a/folder"
	ln -s folder "$S/a/link"
	mktree file "$S/a/f" 10
	copies -r "$S/a" "$D"
	[ -L "$D/a/link" ]
	[ -d "$D/a/folder" ]
	[ -f "$D/a/f" ]
	same "$S/a" "$D/a"
}

# bats test_tags=C12
@test "a folder where a file belongs stays, and the entry fails" {
	mkdir -p "$S/a" "$D/a/f"
	mktree file "$S/a/f" 10
	mktree file "$S/a/g" 10
	mktree file "$D/a/f/keep" 10
	copy_exits 23 -r "$S/a" "$D"
	says "a/f"
	[ -f "$D/a/f/keep" ]
	same "$S/a/g" "$D/a/g"
}

# bats test_tags=C12
@test "a file where a folder belongs stays, and the entry fails" {
	mkdir -p "$S/a/d" "$D/a"
	mktree file "$S/a/d/f" 10
	mktree file "$S/a/g" 10
	mktree file "$D/a/d" 77
	cp "$D/a/d" "$T/before"
	copy_exits 23 -r "$S/a" "$D"
	says "a/d"
	same "$T/before" "$D/a/d"
	same "$S/a/g" "$D/a/g"
}

# bats test_tags=C13
@test "a program that runs is copied and replaced, and goes on" {
	local runs

	cp "$(command -v cat)" "$D/program"
	mkfifo "$T/input"
	"$D/program" <"$T/input" >"$T/output" 3>&- &
	runs=$!
	exec 8>"$T/input"
	until [ "$(readlink "/proc/$runs/exe")" = "$D/program" ]; do
		kill -0 $runs 2>/dev/null || skip "nothing can be executed here"
	done
	mktree file "$S/f" 5000
	copies "$D/program" "$D/again"
	same "$D/program" "$D/again"
	copies "$S/f" "$D/program"
	same "$S/f" "$D/program"
	echo still there >&8
	exec 8>&-
	wait $runs
	[ "$(cat "$T/output")" = "still there" ]
	no_temps "$D"
}
