#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later

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

@test "-l replaces what exists at one stroke, and not with -n" {
	need_links
	mktree file "$S/f" 100
	mktree file "$D/f" 200 9
	copies -ln "$S/f" "$D/f"
	[ "$(stat -c %s "$D/f")" -eq 200 ]
	copies -l "$S/f" "$D/f"
	[ "$(inode "$S/f")" = "$(inode "$D/f")" ]
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
