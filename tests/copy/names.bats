#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# long
#
# Names, shapes of trees and symlinks: cases I01 to I05, I08, J01, J05.

load helper

# bats test_tags=I01,I02
@test "every byte that a name can hold is copied exactly" {
	mktree names "$S/a"
	copies -a "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
	copies -a "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
	no_temps "$D/a"
}

# Only what a terminal prints as it is.
plain_text() { # TEXT
	nothing "$(LC_ALL=C tr -d '\12\40-\176' <<<"$1" | od -An -c)"
}

# bats test_tags=I01,I02
@test "names are escaped where a person reads them" {
	local name

	mkdir "$S/a"
	for name in $'new\nline' $'esc\e[31m' $'csi\x9b31m' $'bad\xff' $'del\x7f'; do
		mktree file "$S/a/$name" 10
	done
	copies -r -v "$S/a" "$D"
	# One line for each entry and nothing a terminal would obey.
	[ "$(wc -l <<<"$output")" -eq 6 ]
	plain_text "$output"
	copy_exits 23 "$S"/a/* "$S/"$'none\n\e' "$D/a"
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	plain_text "$stderr"
}

# bats test_tags=I01
@test "names that look like options are copied after --" {
	mktree file "$S/-rf" 10
	mktree file "$S/--" 20
	cd "$S"
	copies -- -rf -- "$D"
	same "$S/-rf" "$D/-rf"
	same "$S/--" "$D/--"
}

# bats test_tags=I06
@test "names that look like our own in a source are copied as any other" {
	mkdir "$S/a"
	mktree file "$S/a/.weir.abcdefghijklmnopqrstuvwx" 10
	mktree file "$S/a/.weir.234567" 10
	copies -r "$S/a" "$D"
	same "$S/a" "$D/a"
}

# bats test_tags=I03
@test "names of 255 bytes are copied at every level" {
	local name

	name=$(printf 'n%.0s' $(seq 255))
	mkdir -p "$S/a/$name/$name/$name"
	mktree file "$S/a/$name/$name/$name/$name" 5000
	ln -s "$name" "$S/a/$name/link"
	copies -a "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
}

# bats test_tags=I04
@test "a tree of very many levels is copied" {
	local depth

	depth=$(size 2500 10000)
	# With four descriptors for folders each level costs a walk.
	[ "${WEIR_LANE:-}" != check-tiny ] || depth=2000
	mktree deep "$S/a" "$depth"
	# Each open below so many folders costs Landlock a walk through all of them.
	exits 0 timeout 120 strike --report="$T/report" -- \
		"$WEIR" copy -r --stats --confine=never "$S/a" "$D"
	same "$S/a" "$D/a"
	within_memory
}

# bats test_tags=I04
@test "a tree of a thousand levels is copied with few descriptors" {
	need_no_sanitizer
	mktree deep "$S/a" 1000
	find "$S/a" -maxdepth 40 -type d -exec chmod 555 {} +
	copies -a --workers=1 "$S/a" "$D/1"
	same --mode --times "$S/a" "$D/1"
	exits 0 launch --limit=nofile:64 -- "$WEIR" copy -a "$S/a" "$D/2"
	same --mode --times "$S/a" "$D/2"
	chmod -R u+w "$S/a" "$D"
}

# bats test_tags=I04
@test "paths longer than the kernel takes are copied" {
	local name

	name=$(printf 'p%.0s' $(seq 200))
	mkdir "$S/a"
	cd "$S/a"
	for _ in $(seq 30); do
		mkdir "$name"
		cd "$name"
	done
	mktree file f 1000
	ln -s x link
	cd "$S"
	copies -a a "$D"
	same --mode --owner --times a "$D/a"
}

# 64 MiB beside the buffers is what any tree may take.
within_memory() {
	local rss arena

	case ${WEIR_LANE:-} in *asan | *tsan | *ubsan) return 0 ;; esac
	rss=$(awk '{ print $8 }' "$T/report")
	arena=$(stat_of arena_bytes)
	[ "$rss" -le $((arena / 1024 + 65536)) ] && return 0
	printf 'resident %s KiB, buffers %s bytes\n' "$rss" "$arena"
	return 1
}

# bats test_tags=I05
@test "a folder of very many entries takes little memory" {
	mktree many "$S/a" "$(size 8000 20000)"
	exits 0 strike --report="$T/report" -- \
		"$WEIR" copy -r --durable=end --stats "$S/a" "$D"
	same "$S/a" "$D/a"
	within_memory
}

# bats test_tags=I05
@test "a large folder is copied again over itself" {
	mktree many "$S/a" 5000 10
	copies -r --durable=end "$S/a" "$D"
	mktree many "$S/a" 5000 20
	copies -r --durable=end "$S/a" "$D"
	same "$S/a" "$D/a"
	no_temps "$D"
}

# bats test_tags=I05
@test "many folders are copied" {
	mkdir "$S/a"
	(cd "$S/a" && seq 3000 | xargs mkdir)
	copies -a --durable=end "$S/a" "$D"
	same --mode --owner --times "$S/a" "$D/a"
}

# bats test_tags=I08
@test "no locale changes what is done or said" {
	local locale reference

	mktree file "$S/f" 100
	copy "$S/none" "$S/f" "$D"
	reference=$stderr
	for locale in C POSIX tr_TR.UTF-8 de_DE no_such "" /../..; do
		run --separate-stderr env LC_ALL="$locale" LANG="$locale" LANGUAGE=de \
			"$WEIR" copy "$S/none" "$S/f" "$D"
		[ "$status" -eq 23 ]
		[ "$stderr" = "$reference" ]
		same "$S/f" "$D/f"
	done
	exits 0 env LC_ALL=de_DE.UTF-8 "$WEIR" copy --chunk-size=1M "$S/f" "$D/f"
}

# bats test_tags=J01
@test "symlinks are copied as the text they are" {
	local text

	mkdir "$S/a"
	text=$(printf '%0100d/' $(seq 41) | head -c 4095)
	ln -s f "$S/a/relative"
	ln -s /etc/passwd "$S/a/absolute"
	ln -s /no/such "$S/a/dangling"
	ln -s self "$S/a/self"
	ln -s .. "$S/a/up"
	ln -s $'\xff\xfe\n' "$S/a/bytes"
	# XFS takes 1024 bytes at most.
	ln -s "$text" "$S/a/long" 2>/dev/null || ln -s "${text:0:1023}" "$S/a/long"
	if ln -s "$(readlink "$S/a/long")" "$D/probe" 2>/dev/null; then
		rm "$D/probe"
	else
		rm "$S/a/long"
		ln -s "${text:0:1023}" "$S/a/long"
	fi
	copies -a "$S/a" "$D"
	same --owner --times "$S/a" "$D/a"
	copies -a "$S/a" "$D"
	same --owner --times "$S/a" "$D/a"
	no_temps "$D"
}

# bats test_tags=J01
@test "a symlink replaces a file, and a file a symlink" {
	mkdir "$S/a" "$D/a"
	ln -s text "$S/a/1"
	mktree file "$S/a/2" 100
	mktree file "$D/a/1" 100
	ln -s /etc/passwd "$D/a/2"
	copies -r "$S/a" "$D"
	same "$S/a" "$D/a"
	no_temps "$D"
}

# bats test_tags=J03
@test "a symlink where a folder belongs is not entered" {
	mkdir -p "$S/a/d" "$D/a" "$T/outside"
	mktree file "$S/a/d/f" 100
	mktree file "$S/a/g" 100
	ln -s "$T/outside" "$D/a/d"
	copy_exits 23 -r "$S/a" "$D"
	says "a/d"
	empty_folder "$T/outside"
	[ -L "$D/a/d" ]
	same "$S/a/g" "$D/a/g"
}

# bats test_tags=J05
@test "a target that is a symlink in the target folder is replaced" {
	local kind

	mkdir "$S/a"
	mktree file "$T/outside" 300 7
	cp "$T/outside" "$T/old"
	for kind in "$T/outside" /no/such/target "$S/a/f"; do
		mktree file "$S/a/f" 5000
		rm -rf "$D/a"
		mkdir "$D/a"
		ln -s "$kind" "$D/a/f"
		copies -r "$S/a" "$D"
		[ ! -L "$D/a/f" ]
		same "$S/a" "$D/a"
		same "$T/old" "$T/outside"
	done
}

# bats test_tags=J05
@test "a link that a source would land on in a target folder is replaced" {
	mktree file "$S/f" 5000
	mktree file "$T/outside" 300 7
	cp "$T/outside" "$T/old"
	ln -s "$T/outside" "$D/f"
	copies -t "$D" "$S/f"
	[ ! -L "$D/f" ]
	same "$S/f" "$D/f"
	same "$T/old" "$T/outside"
}

# bats test_tags=J05
@test "a target operand that is a symlink to a file is resolved once" {
	mktree file "$S/f" 5000
	mkdir "$D/real"
	mktree file "$D/real/g" 300 7
	ln -s real/g "$D/link"
	copies "$S/f" "$D/link"
	[ "$(readlink "$D/link")" = real/g ]
	same "$S/f" "$D/real/g"
	no_temps "$D"
	empty=$(ls -A "$D/real")
	[ "$empty" = g ]
}

# bats test_tags=J05
@test "a target operand that is a dangling or endless symlink harms nothing" {
	mktree file "$S/f" 5000
	ln -s loop "$D/loop"
	copy "$S/f" "$D/loop"
	{ [ "$status" -eq 0 ] && same "$S/f" "$D/loop"; } || refuses
	ln -s "$T/nowhere/g" "$D/dangling"
	copy "$S/f" "$D/dangling"
	{ [ "$status" -eq 0 ] && same "$S/f" "$D/dangling"; } || refuses
	absent "$T/nowhere"
}
