#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A source that changes while it is copied: cases A01 to A08.  A system call is
# held while the change is made, so each test is about one exact moment.

load helper

setup() {
	make_areas
	need_meanwhile
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 50000
	mktree file "$S/a/sub/g" 100
	mktree file "$S/new" 700 9
	# Any change is one of the time, too, whatever the grain of the clock.
	touch -d @1000000000 "$S/a/f"
	export S D
}

# bats test_tags=A01
@test "a file that grows once while it is read is copied whole" {
	during pread64 f 'echo more >>"$S/a/f"' -a "$S/a" "$D"
	ended 0
	silent
	same --times "$S/a" "$D/a"
}

# bats test_tags=A01
@test "a file that keeps growing is copied as it was at one moment, and that is told" {
	local size

	EACH=1 during pread64 f 'echo more >>"$S/a/f"' -a "$S/a" "$D"
	ended 24
	says "it grew meanwhile"
	size=$(stat -c %s "$D/a/f")
	[ "$size" -ge 50000 ]
	[ "$size" -lt "$(stat -c %s "$S/a/f")" ]
	head -c "$size" "$S/a/f" | cmp - "$D/a/f"
	# The next run must see that it is older.
	[ "$S/a/f" -nt "$D/a/f" ]
	same "$S/a/sub" "$D/a/sub"
	no_temps "$D"
}

# bats test_tags=A02
@test "a file that shrinks once while it is read is copied as it is then" {
	during pread64 f 'truncate -s 10 "$S/a/f"' -a "$S/a" "$D"
	ended 0
	same --times "$S/a" "$D/a"
}

# bats test_tags=A02
@test "a file that keeps shrinking fails alone, and nothing is made up" {
	EACH=1 during pread64 f 'truncate -s -100 "$S/a/f"' -a "$S/a" "$D"
	refuses
	[ "$status" -ge 23 ]
	says "a/f'"
	absent "$D/a/f"
	same "$S/a/sub" "$D/a/sub"
	no_temps "$D"
}

# bats test_tags=A03
@test "a file that is rewritten once while it is read is no mixture" {
	during pread64 f 'printf changed | dd conv=notrunc status=none of="$S/a/f"' -a "$S/a" "$D"
	ended 0
	same --times "$S/a" "$D/a"
}

# bats test_tags=A03
@test "a file that is rewritten again and again fails alone and keeps the old target" {
	mkdir "$D/a"
	mktree file "$D/a/f" 300 7
	cp "$D/a/f" "$T/old"
	EACH=1 during pread64 f 'date +%N | dd conv=notrunc status=none of="$S/a/f"' -a "$S/a" "$D"
	refuses
	[ "$status" -ge 23 ]
	says "it kept changing"
	same "$T/old" "$D/a/f"
	same "$S/a/sub" "$D/a/sub"
	no_temps "$D"
}

# bats test_tags=A04
@test "a file that is replaced before it is opened is copied with its own attributes" {
	touch -d @1234567890 "$S/new"
	chmod 640 "$S/new"
	during openat f 'mv "$S/new" "$S/a/f"' -a "$S/a" "$D"
	ended 0
	silent
	same --mode --owner --times "$S/a/f" "$D/a/f"
}

# bats test_tags=A04
@test "a file that is replaced while it is read is the old or the new one, whole" {
	cp -p "$S/a/f" "$T/old"
	cp -p "$S/new" "$T/new"
	during pread64 f 'mv "$S/new" "$S/a/f"' -a "$S/a" "$D"
	ended 0
	treecheck --quiet --times "$T/old" "$D/a/f" || same --times "$T/new" "$D/a/f"
}

# bats test_tags=A05
@test "a folder that becomes a link or a file is not entered, and that is a change" {
	during openat sub 'mv "$S/a/sub" "$S/x" && ln -s ../x "$S/a/sub"' -a "$S/a" "$D"
	ended 24
	says "a/sub'"
	absent "$D/a/sub/g"
	same "$S/a/f" "$D/a/f"
	rm -r "$S/a/sub" "$D/a"
	mv "$S/x" "$S/a/sub"
	during openat sub 'mv "$S/a/sub" "$S/x" && echo file >"$S/a/sub"' -a "$S/a" "$D"
	ended 24
	same "$S/a/f" "$D/a/f"
}

# bats test_tags=A06
@test "a file or folder that vanishes before it is opened is told, the rest is copied" {
	during openat f 'rm "$S/a/f"' -a "$S/a" "$D"
	ended 24
	says "a/f'"
	says ENOENT
	absent "$D/a/f"
	same "$S/a/sub" "$D/a/sub"
	rm -r "$D/a"
	mktree file "$S/a/f" 50000
	during openat sub 'rm -r "$S/a/sub"' -a "$S/a" "$D"
	ended 24
	says "a/sub'"
	same "$S/a/f" "$D/a/f"
	no_temps "$D"
}

# bats test_tags=A07
@test "a file that is removed while it is read is copied whole" {
	cp -p "$S/a/f" "$T/f"
	during pread64 f 'rm "$S/a/f"' -a "$S/a" "$D"
	ended 0
	silent
	same --times "$T/f" "$D/a/f"
	same "$S/a/sub" "$D/a/sub"
}

# bats test_tags=A08
@test "a folder that is renamed while it is listed is copied under its old name" {
	during getdents64 sub 'mv "$S/a/sub" "$S/a/other"' -a --workers=1 "$S/a" "$D"
	ended 0
	same "$S/a/other" "$D/a/sub"
	same "$S/a/f" "$D/a/f"
}

# bats test_tags=A08
@test "a folder that moves within the tree harms nothing, seen once or twice" {
	mkdir "$S/a/b"
	during openat g 'mv "$S/a/sub" "$S/a/b/moved"' -a "$S/a" "$D"
	[ "$status" -eq 0 ] || ended 24
	same "$S/a/b/moved/g" "$D/a/sub/g"
	same "$S/a/f" "$D/a/f"
	[ ! -e "$D/a/b/moved" ] || same "$S/a/b/moved" "$D/a/b/moved"
	no_temps "$D"
}
