#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What already has the name: other types, links, links of other users.  Cases
# C02, C05, C06, C12, J03, J04, J07, K08, K09.

load helper

# Runs a check with whatever engine there is, and with plain calls.
each_engine() { # FUNCTION
	local engine

	for engine in auto plain; do
		[ "${WEIR_ENGINE:-auto}" != plain ] || engine=plain
		chmod -R u+rwX "$S" "$D"
		rm -rf "${S:?}"/* "${D:?}"/* "$T/outside"
		mkdir "$T/outside"
		mktree file "$T/outside/kept" 100 9
		WEIR_ENGINE=$engine "$1" || { echo "with engine $engine"; return 1; }
	done
}

outside_is_untouched() {
	[ "$(find "$T/outside" -mindepth 1 -printf '%f %s\n')" = "kept 100" ]
}

# The run must fail one entry, tell it once and leave the target alone.
conflict() { # PATH ARGUMENT...
	local path=$1 before

	shift
	before=$(picture "$path")
	copy_exits 23 "$@" || return 1
	says "$path" || return 1
	[ "$(grep -c . <<<"$stderr")" -eq 1 ] || { echo "$stderr"; return 1; }
	[ "$before" = "$(picture "$path")" ] && no_temps "$D"
}

# --- Folders and files ------------------------------------------------------------

# bats test_tags=C12
@test "a folder where a file belongs stays, and the others are copied" {
	check() {
		mkdir -p "$S/a" "$D/a/f/in"
		mktree file "$S/a/f" 3000
		mktree file "$S/a/g" 3000
		mktree file "$D/a/f/in/old" 50 7
		conflict "$D/a/f" -r "$S/a" "$D" || return 1
		same "$S/a/g" "$D/a/g" || return 1
		conflict "$D/a/f" -T "$S/a/g" "$D/a/f" || return 1
		conflict "$D/a/f" "$S/a/f" "$D/a" || return 1
		mkdir "$D/empty"
		mktree file "$S/empty" 10
		conflict "$D/empty" "$S/empty" "$D"
	}
	each_engine check
}

# bats test_tags=C12
@test "a folder where a link or a FIFO belongs stays" {
	check() {
		mkdir -p "$S/a" "$D/a/l" "$D/a/p"
		ln -s nowhere "$S/a/l"
		mkfifo "$S/a/p"
		mktree file "$D/a/l/old" 10
		copy_exits 23 -r "$S/a" "$D" || return 1
		says "$D/a/l" && says "$D/a/p" || return 1
		[ -f "$D/a/l/old" ] && [ -d "$D/a/p" ]
	}
	each_engine check
}

# bats test_tags=C12
@test "what is no folder where a folder belongs stays as it is" {
	check() {
		local name

		mkdir -p "$D/s"
		for name in file fifo socket good; do
			mkdir -p "$S/s/$name/deep"
			mktree file "$S/s/$name/deep/f" 100
		done
		mktree file "$D/s/file" 50 7
		mkfifo "$D/s/fifo"
		mktree socket "$D/s/socket"
		copy_exits 23 -r "$S/s" "$D" || return 1
		for name in file fifo socket; do
			says "$D/s/$name'" || return 1
		done
		[ "$(grep -c . <<<"$stderr")" -eq 3 ] || return 1
		[ -f "$D/s/file" ] && [ -p "$D/s/fifo" ] && [ -S "$D/s/socket" ] || return 1
		same "$S/s/good" "$D/s/good" || return 1
		conflict "$D/s/file" -r -T "$S/s/good" "$D/s/file"
	}
	each_engine check
}

# bats test_tags=C12
@test "--dry-run tells of a conflict and the others" {
	mkdir -p "$S/a/d" "$D/a/f"
	mktree file "$S/a/f" 30
	mktree file "$S/a/d/g" 30
	mktree file "$D/a/d" 30 7
	copy_exits 23 --dry-run -r "$S/a" "$D"
	says "$D/a/f"
	says "$D/a/d"
	[ -d "$D/a/f" ]
	[ -f "$D/a/d" ]
}

# --- In the place of a file ---------------------------------------------------------

# bats test_tags=C02,C03,J05
@test "a FIFO, socket or link in the place of a file is replaced, never opened" {
	check() {
		local name

		mkdir -p "$S/a" "$D/a"
		for name in fifo socket link dangling folderlink loop; do
			mktree file "$S/a/$name" 3000 "${#name}"
		done
		mkfifo "$D/a/fifo"
		mktree socket "$D/a/socket"
		ln -s "$T/outside/kept" "$D/a/link"
		ln -s "$T/outside/new" "$D/a/dangling"
		ln -s "$T/outside" "$D/a/folderlink"
		ln -s loop "$D/a/loop"
		exits 0 timeout 30 "$WEIR" copy -r "$S/a" "$D" || return 1
		same "$S/a" "$D/a" && outside_is_untouched && no_temps "$D"
	}
	each_engine check
}

# bats test_tags=C05
@test "a device in the place of a file is replaced, and nothing goes into it" {
	need_devices
	check() {
		mkdir -p "$S/a" "$D/a"
		mktree file "$S/a/c" 3000
		mktree file "$S/a/b" 3000
		mknod "$D/a/c" c 1 7 # /dev/full refuses each write
		mknod "$D/a/b" b 7 77
		exits 0 timeout 30 "$WEIR" copy -r "$S/a" "$D" || return 1
		same "$S/a" "$D/a"
	}
	each_engine check
}

# bats test_tags=C06
@test "a socket as target operand is refused, also behind a link" {
	check() {
		local name

		mktree file "$S/f" 3000
		mktree socket "$D/socket"
		ln -s socket "$D/link"
		for name in socket link; do
			exits 28 timeout 30 "$WEIR" copy "$S/f" "$D/$name" || return 1
			exits 28 timeout 30 "$WEIR" copy -T "$S/f" "$D/$name" || return 1
		done
		[ -S "$D/socket" ] && [ -L "$D/link" ]
	}
	each_engine check
}

# bats test_tags=J07
@test "other names of a replaced file keep its old bytes and attributes" {
	check() {
		mktree file "$S/f" 3000 1
		mktree file "$D/f" 200 2
		ln "$D/f" "$T/outside/other"
		cp -p "$D/f" "$T/before"
		copies -p "$S/f" "$D" || return 1
		same "$S/f" "$D/f" && same --mode --times "$T/before" "$T/outside/other" &&
			[ "$(stat -c %h "$T/outside/other")" -eq 1 ]
	}
	each_engine check
}

# --- Links to folders ---------------------------------------------------------------

# bats test_tags=J03
@test "a link where a folder belongs is neither entered nor replaced" {
	check() {
		local text

		mkdir -p "$S/a/sub" "$D/a/real"
		mktree file "$S/a/sub/f" 100
		mktree file "$S/a/g" 100
		for text in "$T/outside" ../../outside real . "$D/a/real"; do
			ln -sfn "$text" "$D/a/sub"
			copy_exits 23 -r "$S/a" "$D" || return 1
			says "$D/a/sub" && says --keep-directory-symlink || return 1
			[ "$(readlink "$D/a/sub")" = "$text" ] || return 1
		done
		for text in nowhere sub g; do
			ln -sfn "$text" "$D/a/sub"
			copy_exits 23 -r "$S/a" "$D" || return 1
			[[ $stderr != *--keep-directory-symlink* ]] || return 1
		done
		same "$S/a/g" "$D/a/g" && empty_folder "$D/a/real" && outside_is_untouched
	}
	each_engine check
}

# bats test_tags=J03
@test "--keep-directory-symlink follows a link to a folder below the target" {
	check() {
		local text

		mkdir -p "$S/a/sub/deep" "$D/a/real" "$D/other"
		mktree file "$S/a/sub/deep/f" 100
		chmod 750 "$S/a/sub"
		touch -d 2001-01-01 "$S/a/sub"
		for text in real ../other "$D/a/real" ../a/./real/../real; do
			rm -rf "${D:?}"/*/{f,deep} "$D/a/real"/*
			ln -sfn "$text" "$D/a/sub"
			copies -a --keep-directory-symlink "$S/a" "$D" || return 1
			[ "$(readlink "$D/a/sub")" = "$text" ] || return 1
			same --mode --times "$S/a/sub" "$D/a/sub/" || return 1
		done
		same "$S/a/sub" "$D/a/real"
	}
	each_engine check
}

# bats test_tags=J03
@test "--keep-directory-symlink stays below the target" {
	check() {
		local text

		mkdir -p "$S/a/sub" "$S/a/top" "$D/d/a" "$D/beside"
		mktree file "$S/a/sub/f" 100
		mktree file "$S/a/top/f" 100
		ln -sfn "$T/outside" "$T/outside.link"
		for text in "$T/outside" ../../../outside ../.. ../../beside / "$T/outside.link" \
			nowhere sub; do
			ln -sfn "$text" "$D/d/a/sub"
			copy_exits 23 -r --keep-directory-symlink "$S/a" "$D/d" || return 1
			says "$D/d/a/sub" || return 1
			same "$S/a/top" "$D/d/a/top" || return 1
			[ "$(ls "$D")" = $'beside\nd' ] || return 1
		done
		empty_folder "$D/beside" && outside_is_untouched || return 1
		# By its own name, the target is the folder itself.
		ln -sfn .. "$D/d/a/sub"
		copy_exits 23 -rT --keep-directory-symlink "$S/a" "$D/d/a" || return 1
		says "out of the target" || return 1
		absent "$D/d/f" || return 1
		ln -sfn top "$D/d/a/sub"
		rm "$D/d/a/top/f"
		rm -r "$S/a/top"
		copies -rT --keep-directory-symlink "$S/a" "$D/d/a" || return 1
		same "$S/a/sub" "$D/d/a/top"
	}
	each_engine check
}

# bats test_tags=J03,B05
@test "--keep-directory-symlink never enters what is copied from" {
	check() {
		mkdir -p "$D/src/l/l/l" "$D/dst/src"
		mktree file "$D/src/l/f" 100
		ln -s ../../src/l/l "$D/dst/src/l"
		exits 23 timeout 30 "$WEIR" copy -r --keep-directory-symlink "$D/src" "$D/dst" ||
			return 1
		says "copied from" || return 1
		mkdir "$D/in"
		ln -s ../src/l "$D/in/l"
		exits 23 timeout 30 "$WEIR" copy -r --keep-directory-symlink "$D/src/." "$D/in" ||
			return 1
		ln -s src/l/l "$D/l"
		exits 23 timeout 30 "$WEIR" copy -r --keep-directory-symlink "$D/src/l" "$D" ||
			return 1
		says "copied from" || return 1
		[ "$(find "$D/src" | wc -l)" -eq 5 ]
	}
	each_engine check
}

# bats test_tags=J03
@test "--keep-directory-symlink follows the leading folders of --parents, too" {
	# shellcheck disable=SC2034 # judge_traces() has it
	TRACED_PATHS=1
	check() {
		mkdir -p "$S/a/b" "$D/real"
		mktree file "$S/a/b/f" 100
		ln -s real "$D/a"
		cd "$S" || return 1
		copies --parents --keep-directory-symlink a/b/f "$D" || return 1
		same a/b/f "$D/real/b/f" && [ -L "$D/a" ] || return 1
		ln -sfn "$T/outside" "$D/a"
		conflict "$D/a" --parents --keep-directory-symlink a/b/f "$D" || return 1
		outside_is_untouched
	}
	each_engine check
}

# bats test_tags=J03
@test "a target name that is a link to a folder is followed only on request" {
	mkdir -p "$S/a" "$D/real"
	mktree file "$S/a/f" 100
	ln -s real "$D/link"
	copy_exits 23 -rT "$S/a" "$D/link"
	empty_folder "$D/real"
	copies -rT --keep-directory-symlink "$S/a" "$D/link"
	same "$S/a" "$D/real"
	[ -L "$D/link" ]
}

# --- Links of other users -------------------------------------------------------------

# bats test_tags=J04
@test "a target operand that is a link of another user is refused" {
	need_owners
	mkdir "$D/real" "$D/theirs"
	mktree file "$S/f" 100
	mktree file "$D/file" 50 7
	ln -s real "$D/link"
	ln -s file "$D/filelink"
	ln -s theirs/back "$D/two"
	ln -s ../real "$D/theirs/back"
	chown -h 65534:65534 "$D/link" "$D/filelink" "$D/theirs/back"
	check_refused() {
		copy_exits 28 "$@" || return 1
		says "symbolic link of another user" || return 1
		empty_folder "$D/real"
	}
	check_refused "$S/f" "$D/link"
	check_refused "$S/f" "$D/link/"
	check_refused "$S/f" "$D/link//"
	check_refused -t "$D/link" "$S/f"
	check_refused --engine=plain -t "$D/link" "$S/f"
	check_refused --dry-run "$S/f" "$D/link"
	check_refused "$S/f" "$D/filelink"
	check_refused -T "$S/f" "$D/filelink"
	check_refused "$S/f" "$D/two"
	check_refused -rT --keep-directory-symlink "$S" "$D/link"
	(cd "$S" && check_refused --parents f "$D/link")
	[ -L "$D/filelink" ]
	[ "$(stat -c %s "$D/file")" -eq 50 ]
	# With -T a link to a folder is never followed, whoever made it.
	copy_exits 23 -rT "$S" "$D/link"
	# One that leads nowhere is replaced, not followed.
	ln -s nowhere "$D/dangling"
	chown -h 65534:65534 "$D/dangling"
	copies "$S/f" "$D/dangling"
	same "$S/f" "$D/dangling"
	absent "$D/nowhere"
}

# bats test_tags=J04
@test "a target operand that is a link of ours or of root's is followed" {
	mkdir "$D/real"
	mktree file "$S/f" 100
	ln -s real "$D/link"
	copies "$S/f" "$D/link"
	same "$S/f" "$D/real/f"
	user_areas
	mkdir "$D/mine"
	chown 65534:65534 "$D/mine" 2>/dev/null || skip "needs root"
	ln -s mine "$D/roots"
	ln -s mine "$D/own"
	chown -h 65534:65534 "$D/own"
	chmod a+r "$S/f"
	exits 0 as_user "$WEIR" copy "$S/f" "$D/roots"
	exits 0 as_user "$WEIR" copy "$S/f" "$D/own/g"
	exits 0 as_user "$WEIR" copy -t "$D/own" "$S/f"
	same "$S/f" "$D/mine/g"
	chown -h 1:1 "$D/own"
	exits 28 as_user "$WEIR" copy -t "$D/own" "$S/f"
}

# bats test_tags=J04
@test "a link of another user among the sources or on the way is the operator's choice" {
	need_owners
	mkdir "$S/real" "$D/real"
	mktree file "$S/real/f" 100
	ln -s real "$S/link"
	ln -s real "$D/way"
	chown -h 65534:65534 "$S/link" "$D/way"
	copies "$S/link/f" "$D"
	copies -rL "$S/link" "$D"
	mkdir "$D/real/in"
	copies "$S/real/f" "$D/way/in"
	same "$S/real/f" "$D/real/in/f"
}
