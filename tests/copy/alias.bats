#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# once

load helper

inode() { stat -c %d:%i "$1"; }

need_links() {
	: >"$S/try"
	ln "$S/try" "$D/try" 2>/dev/null || skip "source and target cannot have links in common"
	rm "$S/try" "$D/try"
}

@test "-l makes hard links to files, links and FIFOs, and folders of their own" {
	need_links
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 5000
	mktree file "$S/a/sub/g" 10
	ln -s f "$S/a/link"
	mkfifo "$S/a/fifo"
	ln "$S/a/link" "$D/try" 2>/dev/null || skip "links take no second name here"
	copies -rl --stats "$S/a" "$D/b"
	[ "$(inode "$S/a/f")" = "$(inode "$D/b/f")" ]
	[ "$(inode "$S/a/sub/g")" = "$(inode "$D/b/sub/g")" ]
	[ "$(inode "$S/a/link")" = "$(inode "$D/b/link")" ]
	[ "$(inode "$S/a/fifo")" = "$(inode "$D/b/fifo")" ]
	[ "$(inode "$S/a/sub")" != "$(inode "$D/b/sub")" ]
	counts bytes_written -eq 0
	counts files_done -eq 2
	copies -rlT "$S/a" "$D/b" # once more: they are linked already
	same "$S/a" "$D/b"
	no_temps "$D"
}

@test "-l and -s replace what exists at one stroke with -f only, as with cp" {
	need_links
	mktree file "$S/f" 100
	mktree file "$D/f" 200 9
	copies -ln "$S/f" "$D/f"
	[ "$(stat -c %s "$D/f")" -eq 200 ]
	copy_exits 23 -l "$S/f" "$D/f"
	says "not replacing what exists"
	copy_exits 23 -s "$S/f" "$D/f"
	[ "$(stat -c %s "$D/f")" -eq 200 ]
	copies -lf "$S/f" "$D/f"
	[ "$(inode "$S/f")" = "$(inode "$D/f")" ]
	mktree file "$D/g" 200 9
	copies -sf "$S/f" "$D/g"
	[ "$(readlink "$D/g")" = "$S/f" ]
	copies -l -b "$S/f" "$D/g"
	[ "$(inode "$S/f")" = "$(inode "$D/g")" ]
	[ -L "$D/g~" ]
	# -u says what is not to be replaced, not that the rest is.
	rm -f "$D/g"
	mktree file "$D/g" 200 9
	touch -d '1 hour ago' "$D/g"
	copy_exits 23 -l -u "$S/f" "$D/g"
	copy_exits 23 -s --update=older "$S/f" "$D/g"
	[ "$(stat -c %s "$D/g")" -eq 200 ]
	no_temps "$D"
}

# bats test_tags=B01,B02
@test "a file that is linked to itself or to a link of it has nothing to do" {
	need_links
	mktree file "$D/f" 100
	ln "$D/f" "$D/g"
	copies -l "$D/f" "$D/f"
	copies -l "$D/f" "$D/g"
	copies -lf "$D/g" "$D/f"
	[ "$(stat -c %h "$D/f")" -eq 2 ]
	no_temps "$D"
}

@test "-l to another file system fails for each file and names it" {
	local other=/dev/shm/weir.$BATS_TEST_NUMBER.$$

	mkdir "$other" 2>/dev/null || skip "no second file system"
	if [ "$(stat -c %d "$other")" = "$(stat -c %d "$S")" ]; then
		rmdir "$other"
		skip "no second file system"
	fi
	mktree file "$S/f" 100
	run --separate-stderr "$WEIR" copy -l "$S/f" "$other/f"
	rm -rf "$other"
	[ "$status" -eq 23 ]
	says "link"
	says "EXDEV"
}

@test "-s makes symbolic links to sources that are named from the root" {
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 5000
	mktree file "$S/a/sub/g" 10
	copies -rs "$S/a" "$D/b"
	[ "$(readlink "$D/b/f")" = "$S/a/f" ]
	[ "$(readlink "$D/b/sub/g")" = "$S/a/sub/g" ]
	[ -d "$D/b/sub" ] && [ ! -L "$D/b/sub" ]
	cmp "$S/a/f" "$D/b/f"
	no_temps "$D"
}

@test "-s of a relative source works in the working folder only" {
	mktree file "$S/f" 10
	cd "$S"
	run --separate-stderr "$WEIR" copy -s f "$D"
	[ "$status" -eq 23 ]
	says "in the working folder only"
	absent "$D/f"
	copies -s f g
	[ "$(readlink g)" = f ]
}

@test "-s of a link has the name of the link as its text, and of nothing it fails" {
	mktree file "$S/f" 10
	ln -s f "$S/link"
	ln -s nowhere "$S/dangling"
	copies -s "$S/link" "$D/l"
	[ "$(readlink "$D/l")" = "$S/link" ]
	copy_exits 23 -s "$S/dangling" "$D/d"
	says ENOENT
	absent "$D/d"
}

@test "-s onto the source itself is refused and the source stays" {
	mktree file "$S/f" 10
	run --separate-stderr "$WEIR" copy -s "$S/f" "$S/f"
	[ "$status" -ne 0 ]
	[ ! -L "$S/f" ]
}

@test "links are planned in a dry run, too, into what is not there yet" {
	mkdir -p "$S/a/sub"
	mktree file "$S/a/sub/f" 10
	copies -rl --dry-run "$S/a" "$D/new"
	copies -rs --dry-run "$S/a" "$D/new"
	copies -rl --dry-run --engine=plain "$S/a" "$D/other"
	absent "$D/new" "$D/other"
}
