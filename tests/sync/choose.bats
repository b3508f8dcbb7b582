#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a sync takes part in: sizes, lists of names, borders of file systems, and links
# in the destination.

load helper

# --- Sizes --------------------------------------------------------------------

# Files of 0, 999, 1000 and 1001 bytes.
sized_files() { # FOLDER
	local size

	for size in 0 999 1000 1001; do
		head -c "$size" /dev/zero >"$1/s$size"
	done
}

@test "--max-size and --min-size leave out what is larger or smaller" {
	sized_files "$S"
	ln -s s1001 "$S/link"
	syncs --max-size=1000 "$S" "$D/max"
	[ "$(cd "$D/max" && echo *)" = "link s0 s1000 s999" ]
	syncs --min-size=1000 "$S" "$D/min"
	[ "$(cd "$D/min" && echo *)" = "link s1000 s1001" ]
	syncs --min-size=999 --max-size=1000 "$S" "$D/both"
	[ "$(cd "$D/both" && echo *)" = "link s1000 s999" ]
	syncs --max-size=0 "$S" "$D/empty"
	[ "$(cd "$D/empty" && echo *)" = "link s0" ]
	syncs --max-size=1KB "$S" "$D/units"
	[ "$(cd "$D/units" && echo *)" = "link s0 s1000 s999" ]
}

@test "what is left out by its size is counted as excluded" {
	sized_files "$S"
	exits 0 "$WEIR" sync -n --max-size=999 "$S" "$D/d"
	says 'to copy 3, to replace 0, attributes only 0, to delete 0, unchanged 0, excluded 2'
	absent "$D/d"
}

# bats test_tags=O06
@test "what is left out by its size stays in the destination, also with --delete-excluded" {
	sized_files "$S"
	mkdir "$D/d"
	echo old >"$D/d/s1001"
	echo gone >"$D/d/gone"
	syncs --max-size=1000 --delete --delete-excluded "$S" "$D/d"
	[ "$(cat "$D/d/s1001")" = old ]
	absent "$D/d/gone"
	# What was the same stays as well, and a run with --delete=first decides the same.
	syncs "$S" "$D/d"
	syncs --max-size=10 --delete=first "$S" "$D/d"
	same --all "$S" "$D/d"
}

@test "a folder stays where a file that is left out by its size has its name" {
	local when

	for when in last first; do
		rm -rf "$D/d"
		mkdir -p "$D/d/big"
		echo kept >"$D/d/big/f"
		head -c 5000 /dev/zero >"$S/big"
		syncs --max-size=1000 --delete="$when" "$S" "$D/d"
		[ "$(cat "$D/d/big/f")" = kept ]
		syncs --ignore-existing --delete="$when" "$S" "$D/d"
		[ "$(cat "$D/d/big/f")" = kept ]
		syncs --delete="$when" "$S" "$D/d"
		same --all "$S" "$D/d"
	done
}

@test "all names of a hard link are left out for its size, or none" {
	head -c 5000 /dev/zero >"$S/a"
	ln "$S/a" "$S/b"
	echo small >"$S/c"
	ln "$S/c" "$S/d"
	syncs --max-size=1000 "$S" "$D/d"
	[ "$(cd "$D/d" && echo *)" = "c d" ]
	[ "$D/d/c" -ef "$D/d/d" ]
	syncs "$S" "$D/d"
	same --all "$S" "$D/d"
}

@test "a size that is none is refused" {
	local size

	for size in x 1Q -1 '' 99999999999999999999; do
		sync_exits 2 --max-size="$size" "$S" "$D/d"
		sync_exits 2 --min-size="$size" "$S" "$D/d"
	done
	absent "$D/d"
}

# --- Lists of names -----------------------------------------------------------

# Two folders with a folder each, and files in all of them.
make_tree() {
	mkdir -p "$S/a/deep" "$S/b/deep"
	for folder in "$S" "$S/a" "$S/a/deep" "$S/b" "$S/b/deep"; do
		mktree file "$folder/f" 3000
		mktree file "$folder/g" 100
	done
	chmod 751 "$S/a"
	chmod 710 "$S/a/deep"
	touch -d 2001-02-03 "$S/a/deep"
	touch -d 2002-03-04 "$S/a"
	touch -d 2003-04-05 "$S"
}

# The paths below a folder, in one line.
paths_in() { # FOLDER
	(cd "$1" && find . -mindepth 1 | cut -c3- | LC_ALL=C sort | xargs)
}

# Names, one a line, in $T/list.
list() { # NAME...
	printf '%s\n' "$@" >"$T/list"
}

# bats test_tags=I09
@test "--files-from syncs the names of the list, and folders with all they hold" {
	make_tree
	list a/deep f b/g
	syncs --files-from="$T/list" "$S" "$D/d"
	[ "$(paths_in "$D/d")" = "a a/deep a/deep/f a/deep/g b b/g f" ]
	same --all "$S/a/deep" "$D/d/a/deep"
	same --all "$S/b/g" "$D/d/b/g"
	# Folders on the way to a name have their attributes.
	for folder in . a b; do
		[ "$(stat -c '%a %u %g %y' "$S/$folder")" = \
			"$(stat -c '%a %u %g %y' "$D/d/$folder")" ]
	done
	idles --files-from="$T/list" "$S" "$D/d"
}

# bats test_tags=I09
@test "the list is read from standard input, and names end with NUL if asked for" {
	make_tree
	mktree file "$S/a/new
line" 10
	exits 0 sh -c 'printf "a/f\n" | "$0" sync --files-from=- "$1" "$2"' "$WEIR" "$S" "$D/one"
	[ "$(paths_in "$D/one")" = "a a/f" ]
	printf 'a/new\nline\0f' >"$T/list"
	syncs -0 --files-from="$T/list" "$S" "$D/two"
	same "$S/a/new
line" "$D/two/a/new
line"
	[ -f "$D/two/f" ]
	[ "$(find "$D/two" | wc -l)" -eq 5 ]
}

@test "dots and slashes in the names of a list say nothing" {
	make_tree
	list ./a//deep/ b/./g a/deep
	syncs --files-from="$T/list" "$S" "$D/d"
	[ "$(paths_in "$D/d")" = "a a/deep a/deep/f a/deep/g b b/g" ]
	list .
	syncs --files-from="$T/list" "$S" "$D/all"
	same --all "$S" "$D/all"
}

# bats test_tags=I09
@test "a name that does not lie below SOURCE is refused before anything is done" {
	local name

	make_tree
	for name in /etc/passwd "$S/f" .. ../x a/../../x a/..; do
		list f "$name"
		sync_exits 2 --files-from="$T/list" "$S" "$D/d"
		says "line 2: the name does not lie below SOURCE"
		absent "$D/d"
	done
	list f ''
	sync_exits 2 --files-from="$T/list" "$S" "$D/d"
	says "line 2: the name is empty"
	absent "$D/d"
}

@test "an empty list syncs nothing and deletes nothing" {
	make_tree
	mkdir "$D/d"
	echo old >"$D/d/old"
	: >"$T/list"
	syncs --files-from="$T/list" --delete "$S" "$D/d"
	[ "$(paths_in "$D/d")" = old ]
}

@test "names that SOURCE does not have are told, one by one, and the others are synced" {
	make_tree
	list a/none f none/at/all a/deep a/deep/none
	sync_exits 23 --files-from="$T/list" "$S" "$D/d"
	says "cannot sync source '$S/a/deep/none': No such file or directory (ENOENT)"
	says "cannot sync source '$S/a/none': No such file"
	says "cannot sync source '$S/none/at/all': No such file"
	[ "$(wc -l <<<"$stderr")" -eq 3 ]
	[ "$(paths_in "$D/d")" = "a a/deep a/deep/f a/deep/g f" ]
	# A dry run and one that deletes first say so, too, and once.
	sync_exits 23 -n --files-from="$T/list" "$S" "$D/d"
	[ "$(grep -c ENOENT <<<"$stderr")" -eq 3 ]
	sync_exits 23 --delete=first --files-from="$T/list" "$S" "$D/d"
	[ "$(wc -l <<<"$stderr")" -eq 3 ]
}

@test "names behind a link or a file are told once, and nothing is followed" {
	make_tree
	mkdir "$T/outside"
	echo secret >"$T/outside/x"
	ln -s "$T/outside" "$S/link"
	list link/x link/y f/x g
	sync_exits 23 --files-from="$T/list" "$S" "$D/d"
	says "cannot look for names of the list in source '$S/link': it is no folder"
	says "cannot look for names of the list in source '$S/f': it is no folder"
	[ "$(wc -l <<<"$stderr")" -eq 2 ]
	[ "$(paths_in "$D/d")" = g ]
	list link f/
	syncs --files-from="$T/list" "$S" "$D/e"
	[ "$(paths_in "$D/e")" = "f link" ]
	[ -L "$D/e/link" ]
}

# bats test_tags=G01
@test "what is below a folder that cannot be read is told with the folder, not as missing" {
	user_areas
	make_tree
	chmod 0 "$S/a"
	list a/f a/deep/g f
	chmod a+r "$T/list"
	run --separate-stderr as_user "$WEIR" sync --files-from="$T/list" "$S" "$D/d"
	[ "$status" -eq 23 ]
	says "source '$S/a': Permission denied (EACCES)"
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	chmod 755 "$S/a"
}

# bats test_tags=O06
@test "with a list, --delete removes only below the folders that it names" {
	local when folder

	make_tree
	for when in last first; do
		rm -rf "$D/d"
		mkdir -p "$D/d/a/deep/gone" "$D/d/b"
		for folder in . a a/deep a/deep/gone b; do
			echo old >"$D/d/$folder/old"
		done
		list a/deep b/f
		sync_exits 0 --delete="$when" --files-from="$T/list" "$S" "$D/d"
		[ "$(paths_in "$D/d")" = "a a/deep a/deep/f a/deep/g a/old b b/f b/old old" ]
	done
}

@test "rules leave out of a list what they match, and it is not missing" {
	make_tree
	list a/f a/g b/deep/f
	syncs --exclude=g --exclude=deep/ --files-from="$T/list" "$S" "$D/d"
	[ "$(paths_in "$D/d")" = "a a/f b" ]
	exits 0 "$WEIR" sync -n --exclude=g --exclude=deep/ --files-from="$T/list" "$S" "$D/d"
	says "excluded 2"
}

# bats test_tags=J06
@test "hard links among the names of a list are kept" {
	make_tree
	ln "$S/a/f" "$S/b/one"
	ln "$S/a/f" "$S/two"
	list a/f b/one
	syncs --files-from="$T/list" "$S" "$D/d"
	[ "$D/d/a/f" -ef "$D/d/b/one" ]
	[ "$(stat -c %h "$D/d/a/f")" -eq 2 ]
	idles --files-from="$T/list" "$S" "$D/d"
}

# bats test_tags=O14
@test "a dry run of a list says what a run does, and whose names they are" {
	make_tree
	list a/deep f
	mkdir "$D/d"
	exits 0 "$WEIR" sync -n --files-from="$T/list" "$S" "$D/d"
	[ "${lines[0]}" = "contents of '$S' that '$T/list' names become contents of '$D/d'" ]
	planned=$(sed 1d <<<"$output")
	exits 0 "$WEIR" sync -i --files-from="$T/list" "$S" "$D/d"
	[ "$output" = "$planned" ]
	[ "$(grep -c '^create  file  a/deep/[fg]$' <<<"$output")" -eq 2 ]
	[ "$(grep -c '^create  f' <<<"$output")" -eq 5 ]
}

# bats test_tags=I05
@test "a list of very many names syncs just these" {
	mkdir "$S/many"
	(cd "$S/many" && seq -f f%05g 1 6000 | xargs touch)
	seq -f many/f%05g 2 2 6000 | shuf --random-source=<(yes) >"$T/list"
	syncs --files-from="$T/list" "$S" "$D/d"
	[ "$(cd "$D/d" && find many -type f | LC_ALL=C sort | cksum)" = \
		"$(LC_ALL=C sort "$T/list" | cksum)" ]
}

@test "what is folder or file by the time it is reached is synced only if it was named" {
	need_meanwhile
	make_tree
	list a/deep/f
	cd "$T"
	during_sync openat a 'rm -rf source/a; echo x >source/a' --files-from=list source "$D/d"
	ended 23
	says "cannot open folder source 'source/a': Not a directory (ENOTDIR)"
	absent "$D/d/a"
	[ "$(cat "$S/a")" = x ]
}

# --- Links in the destination -------------------------------------------------

# bats test_tags=J03
@test "a link in the destination to a folder in it is followed on request, also to delete" {
	local when

	for when in last first; do
		rm -rf "${S:?}"/* "$D/d"
		mkdir -p "$S/link/sub" "$D/d/real/sub/gone" "$D/d/apart/deep"
		mktree file "$S/link/f" 3000
		mktree file "$S/link/sub/g" 3000
		echo old >"$D/d/real/old"
		echo old >"$D/d/real/sub/gone/old"
		echo old >"$D/d/apart/old"
		ln -s real "$D/d/link"
		exits 0 "$WEIR" sync -n --delete="$when" --keep-directory-symlink "$S" "$D/d"
		planned=$(sed 1d <<<"$output")
		says "to delete 6"
		exits 0 "$WEIR" sync -i --delete="$when" --keep-directory-symlink "$S" "$D/d"
		[ "$(sort <<<"$output")" = "$(sort <<<"$planned")" ]
		[ "$(readlink "$D/d/link")" = real ]
		[ "$(paths_in "$D/d")" = "link real real/f real/sub real/sub/g" ]
		same --all "$S/link" "$D/d/real"
	done
	# What the link leads to stays, though SOURCE has nothing of this name.
	syncs --delete --keep-directory-symlink "$S" "$D/d"
	same --all "$S/link" "$D/d/real"
}

# bats test_tags=J03
@test "folders that a link leads to stay, with those that they lie in" {
	mkdir -p "$S/link" "$D/d/a/b/c/in" "$D/d/a/b/x" "$D/d/a/y"
	mktree file "$S/link/f" 3000
	echo old >"$D/d/a/b/c/in/old"
	echo old >"$D/d/a/b/x/old"
	ln -s a/b/c "$D/d/link"
	syncs --delete --keep-directory-symlink "$S" "$D/d"
	[ "$(paths_in "$D/d")" = "a a/b a/b/c a/b/c/f link" ]
}

# bats test_tags=J03
@test "nothing is deleted in a folder that several folders of SOURCE lead to" {
	mkdir -p "$S/link" "$S/real" "$S/also" "$D/d/real"
	echo a >"$S/link/a"
	echo b >"$S/real/b"
	echo c >"$S/also/c"
	ln -s real "$D/d/link"
	ln -s ./link "$D/d/also"
	for _ in 1 2; do
		syncs --delete --keep-directory-symlink "$S" "$D/d" ||
			[[ $stderr == *"several folders of the source lead to where it is"* ]]
		[ "$(paths_in "$D/d")" = "also link real real/a real/b real/c" ]
	done
	echo old >"$D/d/real/old"
	exits 0 "$WEIR" sync --delete --keep-directory-symlink "$S" "$D/d"
	says "warning: cannot delete target '$D/d/real/old': several folders of the source lead"
	[ -e "$D/d/real/old" ]
	# A link to DEST itself makes it such a folder.
	rm "$D/d/also" "$D/d/link"
	rm -r "$S/also" "$D/d/real/a" "$D/d/real/c"
	ln -s . "$D/d/link"
	exits 0 "$WEIR" sync --delete --keep-directory-symlink "$S" "$D/d"
	says "warning: cannot delete target '$D/d/link/real'"
	[ "$(paths_in "$D/d")" = "a link real real/b" ]
}

# bats test_tags=J03,K04
@test "a link out of the destination is not followed, and nothing behind it is deleted" {
	local text

	mkdir -p "$S/link" "$D/d" "$T/outside" "$D/beside"
	echo new >"$S/link/f"
	echo mine >"$T/outside/mine"
	echo mine >"$D/beside/mine"
	for text in "$T/outside" ../beside .. /; do
		ln -sfn "$text" "$D/d/link"
		sync_exits 23 --delete --keep-directory-symlink "$S" "$D/d"
		says "target '$D/d/link': a symbolic link has this name that leads out"
		[ "$(readlink "$D/d/link")" = "$text" ]
		[ "$(cat "$T/outside/mine" "$D/beside/mine")" = "mine
mine" ]
		absent "$T/outside/f" "$D/beside/f" "$D/f"
	done
	# Without the option the link goes, and what it led to stays.
	syncs --delete "$S" "$D/d"
	same --all "$S" "$D/d"
	[ -e "$T/outside/mine" ]
}

# --- Borders of file systems --------------------------------------------------

# bats test_tags=L01
@test "with -x nothing is deleted below a mount point of SOURCE" {
	need_root
	mkdir -p "$S/other" "$D/d/other/sub" "$D/d/gone"
	mktree file "$S/f" 3000
	echo kept >"$D/d/other/sub/kept"
	exits 0 unshare -m sh -eu -c '
		mount -t tmpfs -o mode=751 none "$1/other"
		echo new >"$1/other/new"
		"$0" sync -x --delete "$1" "$2/d"' "$WEIR" "$S" "$D"
	[ "$(cat "$D/d/other/sub/kept")" = kept ]
	[ "$(mode_of "$D/d/other")" = 751 ]
	[ "$(paths_in "$D/d")" = "f other other/sub other/sub/kept" ]
	exits 0 unshare -m sh -eu -c '
		mount -t tmpfs -o mode=751 none "$1/other"
		echo new >"$1/other/new"
		"$0" sync --delete "$1" "$2/d"' "$WEIR" "$S" "$D"
	[ "$(paths_in "$D/d")" = "f other other/new" ]
}

# bats test_tags=L01,I09
@test "with -x the names of a list beyond a mount point of SOURCE are left out" {
	need_root
	mkdir -p "$S/other"
	mktree file "$S/f" 3000
	list f other/new
	exits 0 unshare -m sh -eu -c '
		mount -t tmpfs none "$1/other"
		echo new >"$1/other/new"
		"$0" sync -x --files-from="$3" "$1" "$2/d"' "$WEIR" "$S" "$D" "$T/list"
	silent
	[ "$(paths_in "$D/d")" = "f other" ]
}

# bats test_tags=L01,L02,O11
@test "a mount point of the destination is never emptied" {
	need_root
	mkdir -p "$S/kept" "$D/d/gone/mnt" "$D/d/kept"
	mktree file "$S/f" 3000
	echo old >"$D/d/gone/old"
	exits 0 unshare -m sh -u -c '
		mount -t tmpfs none "$2/d/gone/mnt" && echo mine >"$2/d/gone/mnt/mine" || exit 1
		"$0" sync --delete "$1" "$2/d"
		[ $? -eq 23 ] && [ -e "$2/d/gone/mnt/mine" ] && [ ! -e "$2/d/gone/old" ]' \
		"$WEIR" "$S" "$D"
	says "cannot delete target '$D/d/gone/mnt': it is a mount point, which is not emptied"
	# With -x neither is one that SOURCE has a folder for.
	exits 0 unshare -m sh -u -c '
		mount -t tmpfs none "$2/d/kept" && echo mine >"$2/d/kept/mine" || exit 1
		"$0" sync -x --delete "$1" "$2/d" && [ -e "$2/d/kept/mine" ] || exit 1
		"$0" sync --delete "$1" "$2/d" && [ ! -e "$2/d/kept/mine" ]' "$WEIR" "$S" "$D"
}
