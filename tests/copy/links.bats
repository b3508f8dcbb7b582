#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Symbolic links that are followed or not, and borders of file systems: cases
# J01, J02, C15, L01, L04.

load helper

make_linked_tree() {
	mkdir -p "$S/a/sub" "$S/other"
	mktree file "$S/a/f" 5000
	mktree file "$S/other/g" 300000 5
	ln -s f "$S/a/to-file"
	ln -s ../other "$S/a/to-folder"
	ln -s ../../other/g "$S/a/sub/to-far"
}

# bats test_tags=J02
@test "-L copies what links lead to" {
	make_linked_tree
	copies -r -L "$S/a" "$D"
	[ ! -L "$D/a/to-file" ] && [ ! -L "$D/a/to-folder" ] && [ ! -L "$D/a/sub/to-far" ]
	same "$S/a/f" "$D/a/to-file"
	same "$S/other" "$D/a/to-folder"
	same "$S/other/g" "$D/a/sub/to-far"
	# Attributes are those of what is led to.
	touch -d @1000000000 "$S/other/g"
	copies -a -L "$S/a" "$D/b"
	[ "$(stat -c %Y "$D/b/sub/to-far")" = 1000000000 ]
	# The later one of -a and -L counts.
	copies -L -a "$S/a" "$D/c"
	same "$S/a" "$D/c"
	[ -L "$D/c/to-file" ]
}

# bats test_tags=J02
@test "with -L links that lead nowhere or in a circle fail alone" {
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 5000
	ln -s nowhere "$S/a/dangling"
	ln -s self "$S/a/self"
	ln -s .. "$S/a/sub/up"
	copy_exits 23 -r -L "$S/a" "$D"
	says "'$S/a/dangling'"
	says "'$S/a/self'"
	says "ELOOP"
	says "'$S/a/sub/up'"
	[ "$(grep -c . <<<"$stderr")" -eq 3 ]
	same "$S/a/f" "$D/a/f"
	absent "$D/a/dangling" "$D/a/self"
	no_temps "$D"
}

@test "-L with few descriptors opens followed folders again" {
	local i

	mkdir "$S/a"
	for i in $(seq 60); do
		mkdir -p "$S/far/$i/x/y"
		mktree file "$S/far/$i/x/y/f" 3000 "$i"
		ln -s "../far/$i" "$S/a/$i"
	done
	ulimit -n 40
	exits 0 "$WEIR" copy -r -L "$S/a" "$D/a"
	ulimit -n 1024 2>/dev/null || true
	same "$S/far" "$D/a"
}

# bats test_tags=J01
@test "-H follows operands only, -P not even these" {
	make_linked_tree
	ln -s a "$S/link"
	copies -r -H "$S/link" "$D/h"
	[ ! -L "$D/h" ] && [ -L "$D/h/to-file" ] && [ -L "$D/h/to-folder" ]
	same "$S/a" "$D/h"
	copies -r "$S/link" "$D/r"
	[ "$(readlink "$D/r")" = a ]
	copies -P "$S/a/to-file" "$D/p"
	[ "$(readlink "$D/p")" = f ]
	copies -d "$S/a/to-file" "$D/d"
	[ "$(readlink "$D/d")" = f ]
	copies "$S/a/to-file" "$D/n"
	same "$S/a/f" "$D/n"
	copies -P -L "$S/a/to-file" "$D/l"
	same "$S/a/f" "$D/l"
	copies -a "$S/link" "$D/a"
	[ "$(readlink "$D/a")" = a ]
}

# bats test_tags=J06
@test "-d keeps hard links, and -L links what is one file" {
	mkdir "$S/a"
	mktree file "$S/a/f" 5000
	ln "$S/a/f" "$S/a/g"
	ln -s f "$S/a/link"
	copies -r -d "$S/a" "$D/d"
	same --links "$S/a" "$D/d"
	copies -a -L "$S/a" "$D/l"
	[ "$(stat -c %i "$D/l/f")" = "$(stat -c %i "$D/l/g")" ]
	[ "$(stat -c %i "$D/l/f")" = "$(stat -c %i "$D/l/link")" ]
}

# bats test_tags=C15,L01
@test "-x does not enter other file systems and makes their folders" {
	need_root
	mkdir -p "$S/a/other" "$S/a/same" "$S/bound"
	mktree file "$S/a/f" 5000
	mktree file "$S/bound/g" 5000
	exits 0 unshare -m sh -eu -c '
		mount -t tmpfs -o mode=751 none "$1/a/other"
		echo x >"$1/a/other/hidden"
		mount --bind "$1/bound" "$1/a/same"
		"$0" copy -a -x "$1/a" "$2/x"
		"$0" copy -a "$1/a" "$2/all"
		"$0" copy -a -x "$1/a/other" "$2/operand"' "$WEIR" "$S" "$D"
	empty_folder "$D/x/other"
	[ "$(mode_of "$D/x/other")" = 751 ]
	same "$S/a/f" "$D/x/f"
	same "$S/bound/g" "$D/x/same/g"
	[ -e "$D/all/other/hidden" ]
	[ -e "$D/operand/hidden" ]
}

# bats test_tags=L04
@test "a folder that is mounted inside itself is copied once" {
	need_root
	mkdir -p "$S/a/b/loop"
	mktree file "$S/a/f" 5000
	mktree file "$S/a/b/g" 5000
	run --separate-stderr timeout 60 unshare -m sh -eu -c '
		mount --bind "$1/a" "$1/a/b/loop"
		"$0" copy -a "$1/a" "$2"' "$WEIR" "$S" "$D"
	[ "$status" -eq 23 ]
	says "a/b/loop': it contains itself"
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	same "$S/a/f" "$D/a/f"
	same "$S/a/b/g" "$D/a/b/g"
	[ "$(cd "$D" && find . | sort | xargs)" = ". ./a ./a/b ./a/b/g ./a/f" ]
	no_temps "$D"
}
