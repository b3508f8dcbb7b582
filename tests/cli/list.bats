#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# I09: --files-from and -0.

load helper

setup() {
	T=$BATS_TEST_TMPDIR/area
	mkdir -p "$T/d"
	cd "$T" || return 1
	printf 1 >one
	printf 2 >'two words'
	printf 3 >$'three\nlines'
}

# bats test_tags=I09
@test "a list names the sources, one a line" {
	printf 'one\ntwo words\n' >list
	exits 0 "$WEIR" copy --files-from=list d
	no_stderr
	cmp one d/one
	cmp 'two words' 'd/two words'
	[ "$(find d -type f | wc -l)" -eq 2 ]
}

# bats test_tags=I09
@test "the last line need not end" {
	printf 'one\ntwo words' >list
	exits 0 "$WEIR" copy --files-from list -t d
	cmp 'two words' 'd/two words'
}

# bats test_tags=I09
@test "with -0 names end with NUL and may hold newlines" {
	printf 'one\0three\nlines\0two words' >list
	exits 0 "$WEIR" copy -0 --files-from=list d
	cmp $'three\nlines' $'d/three\nlines'
	cmp 'two words' 'd/two words'
	find . -maxdepth 1 -type f -name 't*' -print0 >list
	mkdir e
	exits 0 "$WEIR" copy --null --files-from=list e
	[ "$(find e -type f -printf x)" = xx ]
}

@test "- is standard input" {
	# shellcheck disable=SC2016
	exits 0 sh -c 'printf "one\n" | "$0" copy --files-from=- d' "$WEIR"
	cmp one d/one
	[ ! -e d/- ]
}

# bats test_tags=I09
@test "names are taken as they are: spaces, dashes, carriage returns, quotes" {
	local name

	rm -f list
	for name in ' lead' 'trail ' '-r' '--' $'cr\r' "'q'" '"q"' '\n' '#x' '$x' '*'; do
		printf '%s' "$name" >"./$name"
		printf '%s\n' "$name" >>list
	done
	exits 0 "$WEIR" copy --files-from=list d
	while IFS= read -r name; do
		cmp "./$name" "d/$name"
	done <list
}

# bats test_tags=I09
@test "names may lie anywhere; the copy has the last component" {
	mkdir -p sub/deep
	printf x >sub/deep/x
	printf y >sub/y
	printf '%s\n' sub/deep/x "$T/sub/y" sub/deep/../../one >list
	exits 0 "$WEIR" copy --files-from=list d
	[ "$(cat d/x d/y d/one)" = xy1 ]
}

# Whatever a list says, nothing is made outside of the target.
# bats test_tags=I09
@test "no name of a list leads out of the target, with --parents neither" {
	local name

	mkdir -p sub/deep outside
	printf x >outside/x
	cp -r . "$BATS_TEST_TMPDIR/before"
	for name in ../area/outside/x "$T/outside/x" outside/../outside/x ./outside//x; do
		rm -rf d
		mkdir -p d
		printf '%s\n' "$name" >"$BATS_TEST_TMPDIR/list"
		exits 0 "$WEIR" copy --files-from="$BATS_TEST_TMPDIR/list" d
		[ "$(find d -type f)" = d/x ]
		rm d/x
		run --separate-stderr "$WEIR" copy --parents \
			--files-from="$BATS_TEST_TMPDIR/list" d
		case $name in
		*..*)
			[ "$status" -eq 28 ]
			says "'..' would lead out of the target"
			[ -z "$(ls d)" ]
			;;
		/*) cmp outside/x "d$T/outside/x" ;;
		*) cmp outside/x d/outside/x ;;
		esac
		# Beside the target all is as it was.
		rm -rf d
		mkdir d
		diff -r . "$BATS_TEST_TMPDIR/before"
	done
	for name in .. ../.. . sub/..; do
		printf '%s\n' "$name" >"$BATS_TEST_TMPDIR/list"
		run --separate-stderr timeout 60 "$WEIR" copy --dry-run -r --parents \
			--files-from="$BATS_TEST_TMPDIR/list" d
		[ "$status" -eq 28 ] || [ "$status" -eq 23 ]
	done
	diff -r . "$BATS_TEST_TMPDIR/before"
}

# bats test_tags=I09
@test "an empty name is an error that tells the line, before anything is copied" {
	printf 'one\n\ntwo words\n' >list
	refuses "weir copy: --files-from: 'list', line 2: the name is empty; see" \
		copy --files-from=list d
	printf '\n' >list
	refuses "'list', line 1: the name is empty" copy --files-from=list d
	printf 'one\0\0' >list
	refuses "weir copy: --files-from: 'list', name 2: the name is empty; see" \
		copy -0 --files-from=list d
	absent d/one
}

# bats test_tags=I09
@test "a NUL in a list of lines asks for -0" {
	printf 'one\0two words\0' >list
	refuses "'list', line 1: a NUL inside a name; names that end with NUL need -0 (--null)" \
		copy --files-from=list d
	absent d/one
}

@test "an empty list is no error" {
	: >list
	exits 0 "$WEIR" copy --files-from=list d
	no_stderr
	exits 0 "$WEIR" copy -0 --files-from=/dev/null -t d
	[ -z "$(ls d)" ]
}

@test "a list that cannot be read ends the run before it starts" {
	exits "$FATAL" "$WEIR" copy --files-from=nosuch d
	[ "$stderr" = "weir: cannot open list 'nosuch': No such file or directory (ENOENT)" ]
	exits "$FATAL" "$WEIR" copy --files-from=d d
	[ "$stderr" = "weir: cannot read list 'd': Is a directory (EISDIR)" ]
}

@test "with a list there are no other sources, and one folder" {
	printf 'one\n' >list
	refuses "with --files-from all sources come from the list, not 'two words'" \
		copy --files-from=list 'two words' d
	refuses "with --files-from all sources come from the list, not 'two words'" \
		copy --files-from=list -t d 'two words'
	refuses "DIRECTORY is missing" copy --files-from=list
	exits "$FATAL" "$WEIR" copy --files-from=list nosuch
	says "'nosuch'"
	exits "$FATAL" "$WEIR" copy --files-from=list 'two words'
	says "'two words'"
	[ "$(cat 'two words')" = 2 ]
	absent d/one
}

@test "an entry of the list that is missing fails alone" {
	printf 'one\nnosuch\ntwo words\n' >list
	exits "$PARTIAL" "$WEIR" copy --files-from=list d
	says "'nosuch': No such file or directory (ENOENT)"
	one_line "$stderr"
	cmp one d/one
	cmp 'two words' 'd/two words'
}

@test "folders of a list need -r and are copied whole with it" {
	mkdir -p tree/sub
	printf x >tree/sub/x
	printf 'tree\n' >list
	exits "$PARTIAL" "$WEIR" copy --files-from=list d
	says "'tree'"
	exits 0 "$WEIR" copy -r --files-from=list d
	diff -r tree d/tree
}

@test "a list of 20,000 names is copied whole" {
	mkdir many
	seq -f 'many/%.0f' 0 19999 >list
	(cd many && seq 0 19999 | xargs touch)
	exits 0 "$WEIR" copy --durable=none --files-from=list d
	[ "$(find d -type f | wc -l)" -eq 20000 ]
}

# bats test_tags=K08,K09
@test "a list or log behind the link of another user, or their FIFO, is refused" {
	local option

	printf x >a
	printf 'a\n' >list
	mkdir real theirs
	chown 65534 theirs 2>/dev/null || skip "needs root"
	ln -s ../real theirs/way
	ln -s list mine
	ln -s list planted
	mkfifo fifo
	cp list real/list
	chown -h 65534 theirs/way planted fifo
	for option in --files-from=planted --files-from=theirs/way/list; do
		exits "$FATAL" timeout 20 "$WEIR" copy "$option" d
		says "cannot trust list"
	done
	exits "$FATAL" timeout 20 "$WEIR" copy --files-from=fifo d
	says "cannot trust list 'fifo'"
	exits "$FATAL" timeout 20 "$WEIR" copy --exclude-from=theirs/way/list a d
	says "cannot trust rules"
	exits "$FATAL" "$WEIR" copy --log-file=theirs/way/log a d
	says "a symbolic link of another user is not followed"
	[ -z "$(ls d)" ]
	[ ! -e real/log ]
	exits 0 "$WEIR" copy --files-from=mine d
	exits 0 bash -c '"$0" copy --files-from <(cat list) d' "$WEIR"
	ln -s real ours
	exits 0 "$WEIR" copy --log-file=ours/log a d
	[ -s real/log ]
}
