#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A source that changes while it is synced: cases A01 to A15, as far as a mirror is
# about them.  A system call is held while the change is made.  Whatever came of it,
# the next run makes DEST equal, and the one after that has nothing to do.

load helper

setup() {
	make_areas
	begin_traces
	need_meanwhile
	mkdir -p "$S/a/sub" "$S/a/other" "$D/b/sub" "$D/b/other"
	mktree file "$S/a/f" 50000
	mktree file "$S/a/g" 100
	mktree file "$S/a/sub/h" 100
	mktree file "$S/a/sub/i" 100
	mktree file "$S/new" 700 9
	# Older versions of some, and what SOURCE has not.
	mktree file "$D/b/f" 300 7
	mktree file "$D/b/sub/h" 300 7
	mktree file "$D/b/extra" 100 7
	mktree file "$D/b/sub/extra" 100 7
	mktree file "$D/b/other/extra" 100 7
	# Any change is one of the time, too, whatever the grain of the clock.
	find "$S/a" "$D/b" -type f -exec touch -d @1000000000 {} +
	cp -a "$D/b" "$T/old"
	export S D
}

# The next run, and the one after it.
heals() { # [OPTION...]
	syncs "$@" "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	idles "$@" "$S/a" "$D/b"
	no_temps "$D"
}

# bats test_tags=A01
@test "a file that keeps growing is a whole beginning, and the next run sees that" {
	local size

	EACH=1 during_sync pread64 f 'echo more >>"$S/a/f"' --delete "$S/a" "$D/b"
	ended 24
	size=$(stat -c %s "$D/b/f")
	[ "$size" -ge 50000 ]
	head -c "$size" "$S/a/f" | cmp - "$D/b/f"
	absent "$D/b/extra" "$D/b/sub/extra"
	heals --delete
}

# bats test_tags=A02
@test "a file that shrinks while it is read is whole or as it was, at the latest in the next run" {
	during_sync pread64 f 'truncate -s 10 "$S/a/f"' "$S/a" "$D/b"
	ended 0
	mirrors --extra "$S/a" "$D/b"
	mktree file "$S/a/f" 50000 3
	cp -p "$D/b/f" "$T/f"
	EACH=1 during_sync pread64 f 'truncate -s -100 "$S/a/f"' "$S/a" "$D/b"
	ended 23
	same "$T/f" "$D/b/f"
	heals --delete
}

# bats test_tags=A03
@test "a file that is rewritten again and again keeps its old copy until it rests" {
	EACH=1 during_sync pread64 f 'date +%N | dd conv=notrunc status=none of="$S/a/f"' \
		"$S/a" "$D/b"
	ended 23
	says "it kept changing"
	same --times "$T/old/f" "$D/b/f"
	same "$S/a/sub/h" "$D/b/sub/h"
	heals --delete
}

# bats test_tags=A03
@test "a file that is rewritten once is no mixture and no lasting difference" {
	during_sync pread64 f 'printf changed | dd conv=notrunc status=none of="$S/a/f"' \
		"$S/a" "$D/b"
	ended 0
	heals --delete
}

# bats test_tags=A04
@test "a file that is replaced before it is opened is the new one at the latest next time" {
	during_sync openat f 'mv "$S/new" "$S/a/f"' "$S/a" "$D/b"
	[ "$status" -eq 0 ] || ended 24
	heals --delete
}

# bats test_tags=A05
@test "a file that becomes a folder, a link or a FIFO before it is opened loses nothing" {
	local make

	for make in mkdir 'ln -s g' mkfifo; do
		rm -rf "$S/a/f" "$D/b"
		cp -a "$T/old" "$D/b"
		mktree file "$S/a/f" 50000
		during_sync openat f 'rm "$S/a/f" && '"$make"' "$S/a/f"' --delete "$S/a" "$D/b"
		[ "$status" -eq 0 ] || ended 24
		# It is as it was, or as it is now.
		same --quiet "$T/old/f" "$D/b/f" || same "$S/a/f" "$D/b/f"
		same "$S/a/g" "$D/b/g"
		heals --delete
	done
}

# bats test_tags=A05
@test "a folder that becomes a link is not entered, and nothing below it is removed" {
	during_sync openat sub 'mv "$S/a/sub" "$S/away" && ln -s ../away "$S/a/sub"' \
		--delete "$S/a" "$D/b"
	[ "$status" -eq 23 ] || ended 24
	says "a/sub'"
	same "$T/old/sub" "$D/b/sub"
	absent "$D/b/extra"
	heals --delete
}

# bats test_tags=A06
@test "a file that vanishes before it is opened keeps its copy in this run, others go" {
	local call

	for call in statx openat; do
		rm -rf "$D/b"
		cp -a "$T/old" "$D/b"
		mktree file "$S/a/f" 50000
		during_sync $call f 'rm -f "$S/a/f"' --delete "$S/a" "$D/b"
		ended 24
		says "a/f'"
		says ENOENT
		same "$T/old/f" "$D/b/f"
		same "$S/a/g" "$D/b/g"
		same "$S/a/sub" "$D/b/sub"
		absent "$D/b/extra" "$D/b/other/extra"
		heals --delete
		absent "$D/b/f"
	done
}

# bats test_tags=A06
@test "a folder that vanishes before it is opened keeps all of its copy in this run" {
	cp -a "$S/a/sub" "$T/sub"
	during_sync openat sub 'rm -r "$S/a/sub"' --delete "$S/a" "$D/b"
	ended 24
	says "a/sub'"
	same "$T/old/sub" "$D/b/sub"
	absent "$D/b/extra" "$D/b/other/extra"
	heals --delete
	absent "$D/b/sub"
}

# bats test_tags=A06
@test "what vanished keeps its copy with each word of --on-vanish" {
	local pair

	for pair in ok:0 warn:24 fail:23; do
		rm -rf "$D/b"
		cp -a "$T/old" "$D/b"
		mktree file "$S/a/f" 50000
		during_sync openat f 'rm -f "$S/a/f"' --on-vanish="${pair%:*}" --delete \
			"$S/a" "$D/b"
		ended "${pair#*:}"
		same "$T/old/f" "$D/b/f"
		heals --delete
	done
}

# bats test_tags=A07
@test "a file that is removed while it is read is copied whole, and goes with the next run" {
	cp -p "$S/a/f" "$T/f"
	during_sync pread64 f 'rm "$S/a/f"' --delete "$S/a" "$D/b"
	ended 0
	same --times "$T/f" "$D/b/f"
	heals --delete
	absent "$D/b/f"
}

# bats test_tags=A08
@test "a folder that moves within the tree while it is listed harms nothing" {
	during_sync getdents64 sub 'mv "$S/a/sub" "$S/a/other/moved"' --workers=1 --delete \
		"$S/a" "$D/b"
	[ "$status" -eq 0 ] || ended 24
	# What is in it is in one place at least.
	same --quiet "$S/a/other/moved/h" "$D/b/sub/h" ||
		same "$S/a/other/moved/h" "$D/b/other/moved/h"
	heals --delete
	absent "$D/b/sub"
}

# bats test_tags=A09
@test "names that come and go while a large folder is listed cost no other name its copy" {
	local i round pid

	mkdir "$S/a/large"
	mktree many "$S/a/large" 3000
	syncs --delete "$S/a" "$D/b"
	(
		exec >/dev/null 2>&1 3>&-
		for ((i = 0; ; i++)); do
			[ ! -e "$T/stop" ] || exit 0
			: >"$S/a/large/x$((i % 50))"
			rm -f "$S/a/large/x$((i * 7 % 50))"
		done
	) &
	pid=$!
	for round in 1 2 3 4 5; do
		run --separate-stderr "$WEIR" sync --delete --yes-delete-many "$S/a" "$D/b"
		# Names of those that come and go may fail, in either way.
		case $status in 0 | 23 | 24) ;; *) break ;; esac
		grep '^weir' <<<"$stderr" | grep -qv '/large/x[0-9]*' && break
		round=over
	done
	touch "$T/stop"
	wait $pid
	[ "$round" = over ] || ended 0
	nothing "$(comm -23 <(cd "$S/a/large" && ls) <(cd "$D/b/large" && ls) | grep '^f')"
	heals --delete --yes-delete-many
}

# bats test_tags=A14
@test "a mode that changes after the file was opened is right at the latest next time" {
	during_sync pread64 f 'chmod 600 "$S/a/f"' "$S/a" "$D/b"
	[ "$status" -eq 0 ] || ended 24
	cmp "$S/a/f" "$D/b/f"
	heals --delete
}

# bats test_tags=A15
@test "a source that is gone ends the run, and nothing is removed" {
	local errno i

	need_strace
	for ((i = 0; i < 200; i++)); do
		echo $i >"$S/a/sub/$i"
	done
	for errno in ENODEV ESTALE EIO; do
		rm -rf "$D/b"
		cp -a "$T/old" "$D/b"
		exits 1 strace -f -o /dev/null -P "$S/a" -P "$S/a/sub" \
			-e inject=openat,statx:error=$errno:when=8+ \
			-e inject=getdents64:error=$errno:when=2+ \
			"$WEIR" sync --engine=plain --workers=1 --delete "$S/a" "$D/b"
		says "$errno"
		treecheck --extra "$T/old/other" "$D/b/other"
		[ -e "$D/b/extra" ]
		[ -e "$D/b/sub/extra" ]
	done
}
