#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Same object, overlapping trees, colliding names: cases B01 to B12.

load helper

# A refused run must leave everything as it was.
refused() { # ARGUMENT...
	local before after

	before=$(picture "$S"; picture "$D")
	copy_exits 28 "$@" || return 1
	after=$(picture "$S"; picture "$D")
	[ "$before" = "$after" ] && return 0
	diff <(echo "$before") <(echo "$after")
	return 1
}

# bats test_tags=B01
@test "a file copied onto itself is refused and unchanged" {
	mktree file "$D/f" 5000
	refused "$D/f" "$D/f"
	says f
	cd "$D"
	refused f f
	refused f ./f
	refused f .//./f
	refused ./f "$D/../target/f"
	refused f .
	refused -t . f
	refused -r "$D" "$D/.."
}

# bats test_tags=B01
@test "a folder copied onto itself is refused" {
	mkdir "$D/a"
	mktree file "$D/a/f" 5000
	refused -r -T "$D/a" "$D/a"
	refused -r -T "$D/a/" "$D/./a"
	refused -r "$D/a" "$D"
}

# bats test_tags=B02
@test "a hard link of the source is refused as target" {
	mktree file "$D/f" 5000
	ln "$D/f" "$D/g"
	refused "$D/f" "$D/g"
	refused -T "$D/g" "$D/f"
}

# bats test_tags=B03
@test "a link to the source is replaced where the link itself is meant" {
	mktree file "$D/f" 5000
	cp -p "$D/f" "$S/was"
	ln -s f "$D/link"
	copies -b "$D/f" "$D/link"
	[ -L "$D/link~" ]
	[ ! -L "$D/link" ]
	same "$S/was" "$D/link"
	ln -sf f "$D/link"
	copies -sf "$D/f" "$D/link"
	[ "$(readlink "$D/link")" = "$D/f" ]
	copies --remove-destination "$D/f" "$D/link"
	[ ! -L "$D/link" ]
	same "$S/was" "$D/link"
	same "$S/was" "$D/f"
}

# bats test_tags=B03,J05
@test "a link that is copied as a link takes the place of a link, not of what that leads to" {
	mktree file "$D/f" 5000
	cp -p "$D/f" "$S/was"
	ln -s f "$D/a"
	ln -s f "$D/b"
	copies -P "$D/a" "$D/b"
	ln -s elsewhere "$D/c"
	copies -d "$D/c" "$D/b"
	[ "$(readlink "$D/b")" = elsewhere ]
	same "$S/was" "$D/f"
	no_temps "$D"
}

# bats test_tags=J05
@test "a link in a circle is replaced, as one that leads nowhere" {
	mktree file "$S/f" 5000
	ln -s loop "$D/loop"
	copies "$S/f" "$D/loop"
	[ ! -L "$D/loop" ]
	same "$S/f" "$D/loop"
	ln -sf loop "$D/loop"
	copies --remove-destination "$S/f" "$D/loop"
	same "$S/f" "$D/loop"
	ln -sf loop "$D/loop"
	copy_exits 1 -t "$D/loop" "$S/f"
	says ELOOP
}

# bats test_tags=B03
@test "a target that is a symlink to the source is refused" {
	mktree file "$D/f" 5000
	ln -s f "$D/link"
	refused "$D/f" "$D/link"
	ln -s link "$D/link2"
	refused "$D/f" "$D/link2"
}

# bats test_tags=B03
@test "a source that is a symlink to the target is refused" {
	mktree file "$D/f" 5000
	ln -s "$D/f" "$D/link"
	refused "$D/link" "$D/f"
}

# A tree whose file went to the target, with a link left in its place.
moved_away() {
	rm -rf "${S:?}/a" "${D:?}/a"
	mkdir "$S/a" "$D/a"
	mktree file "$D/a/f" 5000
	mktree file "$S/a/g" 100
	ln -s "$D/a/f" "$S/a/f"
	cp "$D/a/f" "$T/before"
}

# bats test_tags=B03
@test "a link in a tree never takes the place of what it leads to" {
	local options engine

	for engine in auto plain; do
		[ "${WEIR_ENGINE:-auto}" != plain ] || engine=plain
		for options in -r -a -rL -rsf -rlf "-r --remove-destination" "-r --dry-run" \
			"-a --inplace" "-a --attributes-only" "-rsf --dry-run" "-rL --inplace"; do
			moved_away
			# shellcheck disable=SC2086
			copy_exits 23 --engine=$engine $options -T "$S/a" "$D/a"
			says "'$D/a/f': source and target are the same file"
			[ "$(wc -l <<<"$stderr")" -eq 1 ]
			cmp "$T/before" "$D/a/f"
			[ ! -L "$D/a/f" ]
			no_temps "$D"
		done
		# With a relative text, and through another link.
		moved_away
		ln -sf "$D/a/f" "$S/way"
		ln -sf ../way "$S/a/f"
		copy_exits 23 --engine=$engine -a "$S/a" "$D"
		cmp "$T/before" "$D/a/f"
	done
	# A backup keeps it.
	moved_away
	copies -ab "$S/a" "$D"
	[ -L "$D/a/f" ]
	cmp "$T/before" "$D/a/f~"
	# What is older than the link is no other case.
	moved_away
	touch -d 2001-01-01 "$D/a/f"
	copy_exits 23 -au "$S/a" "$D"
	cmp "$T/before" "$D/a/f"
}

# bats test_tags=B04
@test "the same file through a bind mount is refused" {
	need_root
	mktree file "$D/f" 5000
	mkdir "$D/bound" "$D/real"
	mktree file "$D/real/f" 5000
	cp "$D/real/f" "$T/before"
	run unshare -m --propagation=private sh -c '
		mount --bind "$1/real" "$1/bound" || exit 99
		"$2" copy "$1/real/f" "$1/bound/f"
		[ $? = 28 ] || exit 1
		"$2" copy "$1/bound/f" "$1/real"
		[ $? = 28 ]' sh "$D" "$WEIR"
	[ "$status" -ne 99 ] || skip "bind mounts are refused here"
	[ "$status" -eq 0 ]
	same "$T/before" "$D/real/f"
}

# bats test_tags=B05
@test "a target inside the source folder is refused before anything is made" {
	mkdir -p "$D/a/b"
	mktree file "$D/a/f" 5000
	refused -r "$D/a" "$D/a/b"
	refused -r "$D/a" "$D/a/new"
	refused -r "$D/a" "$D/a/b/new"
	refused -r -T "$D/a" "$D/a/b/new"
	cd "$D/a"
	refused -r . b
	refused -r .. b
}

# bats test_tags=B05
@test "a target inside the source is seen through a symlink" {
	mkdir -p "$D/a/x"
	mktree file "$D/a/f" 5000
	ln -s a/x "$D/link"
	refused -r "$D/a" "$D/link"
	refused -r "$D/a" "$D/link/new"
}

# bats test_tags=B05,L04
@test "a target inside the source through a bind mount is not entered for ever" {
	need_root
	mkdir -p "$D/a/x" "$D/bound"
	mktree file "$D/a/f" 5000
	# No parent folder leads from the mount to the source, so it is met on
	# the way and left out, which is an entry that failed.
	run unshare -m --propagation=private sh -c '
		mount --bind "$1/a/x" "$1/bound" || exit 99
		exec timeout 20 "$2" copy -r "$1/a" "$1/bound"' sh "$D" "$WEIR"
	[ "$status" -ne 99 ] || skip "bind mounts are refused here"
	[ "$status" -eq 23 ]
	[[ $output == *"a/x': it is a folder that is being copied into"* ]]
	cmp "$D/a/f" "$D/a/x/a/f"
	[ "$(find "$D/a" | wc -l)" -eq 5 ]
}

# bats test_tags=B05
@test "a folder whose name begins like the source's is no part of it" {
	mkdir -p "$D/a" "$D/ab"
	mktree file "$D/a/f" 5000
	copies -r "$D/a" "$D/ab"
	same "$D/a" "$D/ab/a"
}

# bats test_tags=B06
@test "a source inside the target is copied, and stays" {
	mkdir -p "$D/a/b"
	mktree file "$D/a/b/f" 5000
	copies -r "$D/a/b/f" "$D/a"
	same "$D/a/b/f" "$D/a/f"
}

# bats test_tags=B06
@test "a folder that would land on the folder it lies in is refused" {
	mkdir -p "$D/a/a"
	mktree file "$D/a/a/f" 5000
	# a/a to a: the name is a again, the parent of the source.
	refused -r -T "$D/a/a/f" "$D/a/a/f"
	copies -r -T "$D/a/a" "$D/b"
	same "$D/a/a" "$D/b"
}

# bats test_tags=B07
@test "the target met while the source is walked is not entered" {
	need_root
	mkdir -p "$S/a/m" "$D/d"
	mktree file "$S/a/f" 5000
	run unshare -m --propagation=private sh -c '
		mount --bind "$2/d" "$1/a/m" || exit 99
		exec timeout 20 "$3" copy -r "$1/a" "$2/d"' sh "$S" "$D" "$WEIR"
	[ "$status" -ne 99 ] || skip "bind mounts are refused here"
	[ "$status" -eq 23 ]
	[[ $output == *"a/m': it is a folder that is being copied into"* ]]
	cmp "$S/a/f" "$D/d/a/f"
	[ "$(cd "$D/d" && find . | sort | xargs)" = ". ./a ./a/f" ]
}

# bats test_tags=B07
@test "the target met through a link that is followed is not entered" {
	local options engine

	for engine in auto plain; do
		[ "${WEIR_ENGINE:-auto}" != plain ] || engine=plain
		for options in -rL "-aL" "-rL --inplace" "-rlL" "-rL -b"; do
			rm -rf "${S:?}"/* "${D:?}"/*
			mkdir -p "$S/a" "$D/d/deep"
			mktree file "$S/a/f" 5000
			mktree file "$D/kept" 300
			ln -s "$D/d" "$S/a/into"
			ln -s "$D" "$S/a/above"
			# shellcheck disable=SC2086
			exits 23 timeout 20 "$WEIR" copy --engine=$engine $options "$S/a" "$D/d"
			says "a/into': it is a folder that is being copied into"
			says "a/above/d': it is a folder that is being copied into"
			cmp "$S/a/f" "$D/d/a/f"
			cmp "$D/kept" "$D/d/a/above/kept"
			absent "$D/d/a/into/a" "$D/d/a/above/d/a"
			[ -d "$D/d/deep" ]
		done
	done
}

# bats test_tags=B08
@test "two operands with one target name are refused" {
	mkdir "$S/a" "$S/b" "$D/d"
	mktree file "$S/a/f" 100 1
	mktree file "$S/b/f" 100 2
	copy_exits 28 "$S/a/f" "$S/b/f" "$D/d"
	says f
	empty_folder "$D/d"
	copy_exits 28 "$S/a/f" "$S/a/f" "$D/d"
	empty_folder "$D/d"
	copy_exits 28 -t "$D/d" "$S/a/f" "$S/b/f"
	empty_folder "$D/d"
}

# bats test_tags=B08
@test "a link and a file with one target name are refused" {
	mkdir "$S/a" "$S/b" "$D/d"
	ln -s /etc/hostname "$S/a/f"
	mktree file "$S/b/f" 100 2
	copy_exits 28 -r "$S/a/f" "$S/b/f" "$D/d"
	empty_folder "$D/d"
}

# bats test_tags=B08
@test "a name that another operand brings along in its contents is refused" {
	local order

	mkdir -p "$S/in/sub" "$S/x/sub"
	mktree file "$S/f" 100 1
	mktree file "$S/in/f" 200 2
	mktree file "$S/x/sub/g" 100 3
	mktree file "$S/in/sub/g" 200 4
	mktree file "$S/other" 100 5
	for order in "$S/f $S/in/." "$S/in/. $S/f" "$S/x/sub $S/in/." "$S/other $S/in/. $S/f"; do
		# shellcheck disable=SC2086
		refused -r $order "$D"
		says "another operand holds the same name in the target"
	done
	ln -s nowhere "$S/in/other"
	refused -a "$S/in/." "$S/other" "$D"
	rm "$S/in/other"
	# Other names, what a rule leaves out, and one object given twice are fine.
	copies -r "$S/in/." "$S/other" "$D"
	cmp "$S/other" "$D/other"
	cmp "$S/in/f" "$D/f"
	(cd "$S/in" && copies -r . ./f sub "$D")
	same "$S/in/sub" "$D/sub"
	rm -r "${D:?}"/*
	mktree file "$S/sub" 100 6
	refused -r "$S/in/." "$S/sub" "$D"
	copies -r --exclude=sub/ "$S/in/." "$S/sub" "$D"
	cmp "$S/sub" "$D/sub"
	rm "$D/sub"
	# With -L it is what the link leads to that counts.
	ln -s ../sub "$S/in/link"
	mktree file "$S/link" 100 7
	refused -rL "$S/in/." "$S/link" "$D"
	ln -sf sub "$S/link"
	refused -r "$S/in/." "$S/link" "$D"
	copies -rL --exclude=sub "$S/in/." "$S/link" "$D"
	cmp "$S/sub" "$D/link"
}

# bats test_tags=B08
@test "other operands of a refused run are not copied either" {
	mkdir "$S/a" "$S/b" "$D/d"
	mktree file "$S/a/f" 100 1
	mktree file "$S/b/f" 100 2
	mktree file "$S/good" 100 3
	copy_exits 28 "$S/good" "$S/a/f" "$S/b/f" "$D/d"
	empty_folder "$D/d"
}

# bats test_tags=B12
@test "the operand . merges the contents into the target" {
	mkdir -p "$S/s/sub"
	mktree file "$S/s/sub/f" 100
	mkdir "$D/d"
	cd "$S/s"
	copies -r . "$D/d"
	same "$S/s" "$D/d"
}

# bats test_tags=B12
@test "the operand .. merges the contents into the target, never beside it" {
	mkdir -p "$S/s/sub"
	mktree file "$S/s/f" 100
	mkdir "$D/d"
	cd "$S/s/sub"
	copies -r .. "$D/d"
	same "$S/s" "$D/d"
	[ "$(ls -A "$D")" = d ]
}

# bats test_tags=B12
@test "a trailing slash does not change what a folder operand means" {
	mkdir -p "$S/s"
	mktree file "$S/s/f" 100
	mkdir "$D/one" "$D/two" "$D/three"
	copies -r "$S/s" "$D/one"
	copies -r "$S/s/" "$D/two"
	copies -r "$S/s///" "$D/three/"
	same "$D/one" "$D/two"
	same "$D/one" "$D/three"
	same "$S/s" "$D/one/s"
}

# bats test_tags=B12
@test "a file operand with a trailing slash fails alone" {
	mktree file "$S/f" 100
	mktree file "$S/g" 100
	mkdir "$D/d"
	copy_exits 23 "$S/f/" "$S/g" "$D/d"
	same "$S/g" "$D/d/g"
	absent "$D/d/f"
}

# bats test_tags=B12
@test "a target name with a trailing slash must be a folder" {
	mktree file "$S/f" 100
	copy "$S/f" "$D/new/"
	refuses
	empty_folder "$D"
}

# bats test_tags=B12
@test "an operand that is a symlink with a slash is the folder behind it" {
	mkdir -p "$S/s"
	mktree file "$S/s/f" 100
	ln -s s "$S/link"
	mkdir "$D/d"
	copies -r "$S/link/" "$D/d"
	[ ! -L "$D/d/link" ]
	same "$S/s" "$D/d/link"
}

# bats test_tags=B12
@test "a link operand is followed without -r and copied with it" {
	mktree file "$S/f" 100
	ln -s f "$S/link"
	copies "$S/link" "$D/plain"
	[ ! -L "$D/plain" ]
	same "$S/f" "$D/plain"
	copies -r "$S/link" "$D/recursive"
	[ "$(readlink "$D/recursive")" = f ]
}

# bats test_tags=B12
@test "a target folder may be given as a symlink" {
	mktree file "$S/f" 100
	mkdir "$D/real"
	ln -s real "$D/link"
	copies "$S/f" "$D/link"
	same "$S/f" "$D/real/f"
	copies "$S/f" "$D/link/g"
	same "$S/f" "$D/real/g"
	[ -L "$D/link" ]
}

# bats test_tags=B12
@test "an empty operand is a usage error" {
	mktree file "$S/f" 100
	copy_exits 2 "" "$D"
	copy_exits 2 "$S/f" ""
	copy_exits 2 -t "" "$S/f"
	empty_folder "$D"
}
