#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# --parents: sources keep their paths below the target.  What cp makes of the
# same operands is what is expected, but where cp leaves the target.
#
# once

load helper

setup() {
	make_areas
	cd "$S" || return 1
	mkdir -p a/b/c z
	mktree file a/b/1 3000 1
	mktree file a/b/c/2 70000 2
	mktree file a/3 10 3
	mktree file z/4 10 4
	mktree file top 10 5
	ln -s a la
	ln -s ../a/b z/lb
	chmod 750 a
	chmod 711 a/b
	chmod 700 a/b/c
	touch -d '2001-02-03 04:05:06.123456789' a/b/c a/b/1 a/b/c/2
	touch -d '2002-02-03 04:05:06.5' a/b
	touch -d '2003-02-03 04:05:06.25' a
}

# Each folder in PATH, made in a target, is as in the source, times included.
# cp sets them after each operand, so that the next one changes them again.
leading_as_source() { # TARGET PATH
	local path=$2

	while [[ $path == */* ]]; do
		path=${path%/*}
		[ "$(stat -c '%y %a' "$path")" = "$(stat -c '%y %a' "$1/$path")" ] && continue
		stat -c '%n %y %a' "$path" "$1/$path"
		return 1
	done
}

# weir makes what cp makes; the checker's options come first.
as_cp() { # [CHECK...] -- OPERAND...
	local check=()

	while [ "$1" != -- ]; do
		check+=("$1")
		shift
	done
	shift
	chmod -R u+rwX "$T/cp" "$T/weir" 2>/dev/null || true
	rm -rf "$T/cp" "$T/weir"
	mkdir "$T/cp" "$T/weir"
	if [ -n "${prepare:-}" ]; then
		$prepare "$T/cp"
		$prepare "$T/weir"
	fi
	/bin/cp --parents "$@" "$T/cp" || return 1
	copies --parents "$@" "$T/weir" || return 1
	silent || return 1
	touch -d 2000-01-01 "$T/cp" "$T/weir"
	same --mode --owner "${check[@]}" "$T/cp" "$T/weir"
}

@test "a file keeps its path, and the missing folders are made" {
	as_cp -- a/b/1
	[ -f "$T/weir/a/b/1" ]
	as_cp -- a/b/c/2 a/b/1 z/4 top a/3
	[ "$(find "$T/weir" -type f | wc -l)" -eq 5 ]
	copies --parents -t "$D" a/b/1
	same a/b/1 "$D/a/b/1"
}

@test "made folders get the modes of the source's, less the umask" {
	local mask

	for mask in 000 022 027 077; do
		umask "$mask"
		as_cp -- a/b/c/2 z/4
		as_cp -- -r a/b z/4
	done
	[ "$(mode_of "$T/weir/a")" = 700 ]
}

@test "what is kept of an entry is kept of its leading folders, times last" {
	as_cp --times -- -p a/b/c/2
	leading_as_source "$T/weir" a/b/c/2
	as_cp --file-times -- -p a/b/1 a/3 a/b/c/2 z/4
	leading_as_source "$T/weir" a/b/c/2
	leading_as_source "$T/weir" z/4
	as_cp --times -- -a a/b/c
	as_cp -- --preserve=mode a/b/c/2
	[ "$(stat -c %y a/b/c)" != "$(stat -c %y "$T/weir/a/b/c")" ]
	[ "$(mode_of "$T/weir/a")" = 750 ]
}

@test "owners and setgid of leading folders are kept" {
	need_owners
	chown 1234:4321 a
	chmod 2751 a
	chown 77:88 a/b
	as_cp --times -- -p a/b/1
	[ "$(stat -c %u:%g:%a "$T/weir/a")" = 1234:4321:2751 ]
	as_cp -- a/b/1
	[ "$(stat -c %u:%a "$T/weir/a")" = 0:751 ]
}

@test "attributes of leading folders are kept" {
	need_command setfattr
	setfattr -n user.note -v word a/b 2>/dev/null || skip "no user attributes here"
	copies -a --parents a/b/1 "$D"
	[ "$(getfattr --only-values -n user.note "$D/a/b")" = word ]
	same --mode --times --xattr a/b/1 "$D/a/b/1"
}

@test "a leading folder that may not be written in gets its mode last" {
	chmod 555 a/b a
	as_cp --file-times -- -p a/b/c/2 a/b/1 a/3
	leading_as_source "$T/weir" a/b/c/2
	[ "$(mode_of "$T/weir/a")" = 555 ]
	as_cp -- a/b/c/2 a/b/1 a/3
	[ "$(mode_of "$T/weir/a")" = 555 ]
	chmod 755 a/b a "$T"/*/a "$T"/*/a/b
}

@test "leading folders that exist are merged into, and keep their attributes" {
	have_old() {
		mkdir -p "$1/a/b"
		chmod 701 "$1/a"
		chmod 770 "$1/a/b"
		mktree file "$1/a/old" 10 9
		touch -d 2010-01-01 "$1/a/old" "$1/a"
	}
	prepare=have_old
	as_cp -- a/b/1
	[ "$(mode_of "$T/weir/a")" = 701 ]
	[ -f "$T/weir/a/old" ]
	as_cp --file-times -- -p a/b/1
	[ "$(stat -c '%Y %a' "$T/weir/a")" = "$(date -d 2010-01-01 +%s) 701" ]
	[ "$(mode_of "$T/weir/a/b")" = 770 ]
	as_cp -- -rp a/b/c
	# What an operand names is another matter.
	[ "$(stat -c '%y %a' "$T/weir/a/b/c")" = "$(stat -c '%y %a' a/b/c)" ]
}

@test "a made folder in one that exists gets its attributes, the other one does not" {
	mkdir -m 701 "$D/a"
	copies -p --parents a/b/1 "$D"
	[ "$(stat -c '%y %a' "$D/a/b")" = "$(stat -c '%y %a' a/b)" ]
	[ "$(mode_of "$D/a")" = 701 ]
	differs --mode --times a "$D/a"
}

@test "points, slashes and links in a path are what they are to cp" {
	as_cp -- ./a/b/1
	as_cp -- a//b/./1 .//top
	as_cp -- -r a/b/
	as_cp -- -r ./a/b//c///
	as_cp -- la/b/1
	[ ! -L "$T/weir/la" ]
	as_cp --times -- -a la/b/1
	as_cp --file-times -- -a la/b/1 la/3
	as_cp -- -r z/lb
	[ -L "$T/weir/z/lb" ]
	as_cp -- -r z/lb/
	[ ! -L "$T/weir/z/lb" ]
	as_cp -- -rL z la/b
	as_cp -- -H -r z/lb top
	as_cp -- z/lb/1
}

@test "an absolute path is made below the target, too" {
	copies -p --parents "$S/a/b/1" "$S//z/4" "$D"
	same --mode --times "$S/a/b/1" "$D/$S/a/b/1"
	same --mode --times "$S/z/4" "$D/$S/z/4"
	[ "$(stat -c '%y %a' "$S/a/b")" = "$(stat -c '%y %a' "$D/$S/a/b")" ]
	[ "$(ls "$D")" = "$(cut -d / -f 2 <<<"$S")" ]
}

@test "the contents of . and of a/. go where their names say" {
	copies -r --parents . "$D"
	same --mode . "$D"
	rm -rf "${D:?}"/*
	copies -a --parents a/b/. "$D"
	same --mode --times a/b "$D/a/b"
	[ "$(find "$D" -mindepth 1 -maxdepth 1)" = "$D/a" ]
}

@test "a path with .. is refused, and nothing is made of the others either" {
	local operand

	for operand in ../source/top a/../top a/b/.. .. a/b/../../../source/a/3; do
		copy_exits 28 -r --parents top "$operand" "$D"
		says "cannot copy '$operand'"
		says "'..'"
		empty_folder "$D"
	done
	mktree file ..top 10
	mktree file a/... 10
	as_cp -- ..top a/...
}

@test "the target must be a folder that exists" {
	copy_exits 1 --parents a/b/1 "$D/new"
	says "with --parents it must be an existing folder"
	mktree file "$D/file" 5
	copy_exits 1 --parents a/b/1 "$D/file"
	copy_exits 1 --parents -t "$D/new" a/b/1
	copy_exits 2 --parents -T a/b/1 "$D/new"
	says "--parents and -T"
	[ "$(ls "$D")" = file ]
}

# bats test_tags=B01
@test "a file that would land on itself by its path is refused" {
	copy_exits 28 --parents a/b/1 .
	says "same file"
	copy_exits 28 -r --parents top a/b "$S"
	ln -s . "$S/self"
	copy_exits 28 --parents self/a/b/1 .
	same "$S/a/b/1" a/b/1
	copies --parents a/b/1 z
	same a/b/1 z/a/b/1
}

# bats test_tags=B05
@test "a folder is not copied into itself by its path" {
	mkdir -p a/b/in
	copy_exits 28 -r --parents a a/b/in
	copy_exits 28 -r --parents a/b a/b/in
	empty_folder a/b/in
	# Its leading folders are no sources.
	copies --parents a/b/1 a/b/in
	same a/b/1 a/b/in/a/b/1
}

# bats test_tags=B08
@test "operands with one name in different folders are none of each other's business" {
	mktree file z/1 40 6
	as_cp -- a/b/1 z/1
	differs "$T/weir/a/b/1" "$T/weir/z/1"
}

# bats test_tags=B08
@test "two operands with one path in the target are refused" {
	local pair

	for pair in "a/b/1 ./a//b/1" "a/b a/b/1" "a/b/c/2 a" ". a/3" "a/b a/b/" "a/3 top a/./3"; do
		# shellcheck disable=SC2086 # two words
		copy_exits 28 -r --parents z/4 $pair "$D"
		empty_folder "$D"
	done
	mktree file a/b.1 10
	mktree file a/b-1 10
	as_cp -- -r a/b.1 a/b a/b-1
}

@test "a leading folder is made once, whatever order its operands come in" {
	local i list=()

	for i in $(seq 30); do
		mkdir -p "m/$((i % 3))/$((i % 5))"
		mktree file "m/$((i % 3))/$((i % 5))/$i" "$((i * 700))" "$i"
		list+=("m/$((i % 3))/$((i % 5))/$i")
	done
	touch -d 2005-05-05 m/*/* m/* m
	as_cp --file-times -- -p "${list[@]}"
	for i in "${list[@]}"; do
		leading_as_source "$T/weir" "$i"
	done
	copy -v --parents -t "$D" "${list[@]}"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^folder ' <<<"$output")" -eq 19 ]
	grep -qx "folder $D/m/2" <<<"$output"
}

@test "many operands of one folder, and some of many, all arrive" {
	mkdir m
	mktree many m/n 300 20
	printf '%s\n' m/n/* a/b/1 a/b/c/2 top >"$T/list"
	copies --parents --files-from="$T/list" "$D"
	same m/n "$D/m/n"
	[ "$(find "$D" -type f | wc -l)" -eq 303 ]
}

@test "a list of paths keeps their places" {
	(cd "$S" && find a z -type f -print0) >"$T/list"
	copies --parents -0 --files-from="$T/list" "$D"
	same --mode a "$D/a"
	same z/4 "$D/z/4"
}

@test "names of the other operands that fail do not stop the rest" {
	copy_exits 23 --parents a/b/nosuch a/b/1 top/x z/4 a/b "$D"
	says "a/b/nosuch"
	says "top/x"
	same a/b/1 "$D/a/b/1"
	same z/4 "$D/z/4"
	absent "$D/top"
}

# bats test_tags=J03
@test "a link in the place of a leading folder is not followed" {
	mkdir "$T/outside"
	ln -s ../outside "$D/a"
	copy_exits 23 --parents a/b/1 a/3 a/b/c/2 z/4 top "$D"
	says "$D/a"
	says "--keep-directory-symlink"
	[ "$(grep -c . <<<"$stderr")" -eq 1 ]
	empty_folder "$T/outside"
	[ "$(readlink "$D/a")" = ../outside ]
	same z/4 "$D/z/4"
	same top "$D/top"
	copy_exits 23 -r --parents a/b z/4 "$D"
	empty_folder "$T/outside"
}

# bats test_tags=C12
@test "a file in the place of a leading folder is left as it is" {
	mktree file "$D/a" 30 7
	cp "$D/a" "$T/before"
	copy_exits 23 -r --parents a/b/1 a/b/c z/4 "$D"
	says "$D/a"
	same "$T/before" "$D/a"
	same z/4 "$D/z/4"
	rm "$D/a"
	ln -s nowhere "$D/a"
	copy_exits 23 --parents a/b/1 "$D"
	[ "$(readlink "$D/a")" = nowhere ]
	[ "$(mode_of "$D/z")" = "$(mode_of z)" ]
}

@test "a dry run of paths makes nothing and names all" {
	copy --dry-run -r --parents a/b top "$D"
	[ "$status" -eq 0 ]
	empty_folder "$D"
	for name in a a/b a/b/c; do
		grep -qx "would make folder $D/$name" <<<"$output"
	done
	for name in a/b/1 a/b/c/2 top; do
		grep -qx "would copy $D/$name" <<<"$output"
	done
	[ "$(grep -c . <<<"$output")" -eq 6 ]
	mkdir "$D/a"
	copy --dry-run --parents a/b/1 "$D"
	[ "$(grep -c . <<<"$output")" -eq 2 ]
}

@test "what exists is skipped, replaced and updated below its path" {
	copies --parents a/b/1 a/3 "$D"
	mktree file "$D/a/b/1" 50 8
	cp "$D/a/b/1" "$T/before"
	copies -n --parents a/b/1 "$D"
	same "$T/before" "$D/a/b/1"
	touch -d 1999-01-01 "$D/a/b/1"
	copies -u --parents a/b/1 "$D"
	same a/b/1 "$D/a/b/1"
}

@test "hard links below different paths stay hard links" {
	ln a/b/1 z/hard
	ln a/b/1 a/b/c/hard
	as_cp --links --file-times -- -a a/b/1 z/hard a/b/c
	[ "$(stat -c %h "$T/weir/a/b/1")" -eq 3 ]
}

@test "paths as long as the system takes them are kept" {
	local path=m i

	for i in $(seq 200); do path=$path/folder$i; done
	mkdir -p "$path"
	mktree file "$path/f" 100
	as_cp --times -- -p "$path/f"
	mktree file "$T/x" 10
	mktree file "$D/m" 10
	copy_exits 23 --parents "$path/f" top "$D"
	[ "$(grep -c . <<<"$stderr")" -eq 1 ]
	same top "$D/top"
}

# bats test_tags=M03
@test "a killed run leaves whole files below its paths" {
	mkdir -p m/n
	mktree many m/n/o 400 3000
	printf '%s\n' m/n/o/* a/b/1 a/b/c/2 >"$T/list"
	for at in 2000 10000 30000 60000; do
		strike --report="$T/report" --after-us="$at" -- \
			"$WEIR" copy --parents --files-from="$T/list" "$D" || true
		nothing_half "$S" "$D"
	done
	copies --parents --files-from="$T/list" "$D"
	same m "$D/m"
	no_temps "$D"
}
