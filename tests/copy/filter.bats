#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# long
#
# Rules of names: what is left out, in which order rules count, where they come
# from, and that rsync reads them the same way.
#
# once

load helper

# Empty files, with the folders they lie in.
tree() { # NAME...
	local name

	for name; do
		mkdir -p "$(dirname "$S/$name")"
		: >"$S/$name"
	done
}

# What was copied is exactly this; then the target is emptied.
copied() { # NAME...
	local found expected

	found=$(cd "$D" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort)
	expected=$([ $# -eq 0 ] || printf '%s\n' "$@" | LC_ALL=C sort)
	rm -rf "${D:?}"
	mkdir "$D"
	[ "$found" != "$expected" ] || return 0
	printf 'expected:\n%s\ncopied:\n%s\n' "$expected" "$found"
	return 1
}

# The rule that decides, as --explain-filter tells it.
explains() { # TEXT ARGUMENT...
	local expected=$1

	shift
	copies "$@"
	[ "$output" = "weir: $expected" ] && return 0
	printf 'expected: %s\ntold:     %s\n' "$expected" "$output"
	return 1
}

@test "what a rule excludes is left out, a folder with all it holds" {
	tree a/x.o a/x.c a/sub/y.o a/sub/y.c a/tmp/z a/tmp/deep/z a/b/tmp
	copies -r --exclude='*.o' --exclude=tmp/ "$S/a" "$D"
	copied a a/x.c a/sub a/sub/y.c a/b a/b/tmp
	silent
	copies -r --exclude '*.o' --exclude=tmp "$S/a" "$D"
	copied a a/x.c a/sub a/sub/y.c a/b
	copies -r "$S/a" "$D"
	copied a a/x.o a/x.c a/sub a/sub/y.o a/sub/y.c a/tmp a/tmp/z a/tmp/deep a/tmp/deep/z \
		a/b a/b/tmp
}

@test "a path begins with the name of the operand, whatever stands before and behind it" {
	tree a/x a/b/x
	copies -r --exclude=/a/x "$S/a" "$D"
	copied a a/b a/b/x
	copies -r --exclude=/x "$S/a/" "$D"
	copied a a/x a/b a/b/x
	copies -r --exclude=/a/x "$S/a/" "$D"
	copied a a/b a/b/x
	copies -r --exclude=/a/x -T "$S/a" "$D/other"
	copied other other/b other/b/x
	# Only its contents are meant, so they are the root.
	copies -r --exclude=/x "$S/a/." "$D"
	copied b b/x
	cd "$S/a"
	copies -r --exclude=/x . "$D"
	copied b b/x
	ln -s a "$S/link"
	copies -r -H --exclude=/link/x "$S/link" "$D"
	copied link link/b link/b/x
}

@test "an operand that is excluded is left out and no error" {
	tree a/x b/x f g.o
	copies -r --exclude=b/ --exclude='*.o' "$S/a" "$S/b" "$S/f" "$S/g.o" "$D"
	copied a a/x f
	silent
	copies -r --exclude='*' "$S/a" "$S/f" "$D"
	copied
	# It is not even looked at, and no guard hears of it.
	copies --exclude='*.o' "$S/f" "$S/absent.o" "$S/b/../g.o" "$S/g.o" "$D"
	copied f
	copies -r --exclude=target/ "$S/f" "$D" "$D"
	copied f
	copies --exclude=a "$S/a" "$S/f" "$D"
	copied f
	copy_exits 23 --exclude=f/ "$S/absent" "$S/f" "$D"
	says "'$S/absent'"
	copied f
}

@test "the first rule that matches decides, in the order of the command line" {
	tree a/keep.o a/x.o
	printf '*.o\n' >"$T/objects"
	printf 'keep.o\n' >"$T/keep"
	copies -r --include=keep.o --exclude='*.o' "$S/a" "$D"
	copied a a/keep.o
	copies -r --exclude='*.o' --include=keep.o "$S/a" "$D"
	copied a
	copies -r --include-from="$T/keep" --exclude-from="$T/objects" "$S/a" "$D"
	copied a a/keep.o
	copies -r --exclude-from="$T/objects" --include-from="$T/keep" "$S/a" "$D"
	copied a
	copies -r --include-from="$T/keep" --exclude='*.o' "$S/a" "$D"
	copied a a/keep.o
	copies -r --exclude='*.o' --include-from="$T/keep" "$S/a" "$D"
	copied a
	# What lies in an excluded folder cannot be included again.
	tree b/sub/keep.o
	copies -r --include=keep.o --exclude=sub "$S/b" "$D"
	copied b
	copies -r --include='*/' --include='*.o' --exclude='*' "$S/b" "$D"
	copied b b/sub b/sub/keep.o
}

@test "files of rules have one a line, comments and prefixes" {
	tree a/x.o a/keep.o a/x.c a/'#x' a/' y' a/'- z'
	printf '#x\n;x.c\n\n y\n+ keep.o\n- *.o\n- - z' >"$T/rules"
	copies -r --exclude-from="$T/rules" "$S/a" "$D"
	copied a a/x.c a/'#x' a/keep.o
	copies -r --exclude-from=- "$S/a" "$D" <"$T/rules"
	copied a a/x.c a/'#x' a/keep.o
	: >"$T/none"
	copies -r --exclude-from="$T/none" "$S/a/x.c" "$D"
	copied x.c
	# The prefix says otherwise than the option, on the command line, too.
	printf -- '- x.c\n*\n' >"$T/rules"
	copies -r --include='+ a' --include-from="$T/rules" --exclude='*' "$S/a" "$D"
	copied a a/x.o a/keep.o a/'#x' a/' y' a/'- z'
}

@test "with -0 rules end with NUL, and nothing is a comment" {
	tree a/'#x' a/x a/$'new\nline' a/y
	printf '#x\0+ y\0new\nline\0\0y' >"$T/rules"
	copies -r -0 --exclude-from="$T/rules" "$S/a" "$D"
	copied a a/x a/y
	printf '%s\0' "$S/a/x" "$S/a/y" >"$T/names"
	printf 'x\0' | exits 0 "$WEIR" copy -0 --files-from="$T/names" --exclude-from=- -t "$D"
	copied y
}

# bats test_tags=R01
@test "rules that would be read otherwise than they are meant are refused" {
	local line

	tree a/x
	printf '*.o\n' >"$T/list"
	for line in 'P x' 'H *.o' '. file' ': .filter' 'merge x' 'dir-merge,e x' 'show y' \
		'exclude *.o' '-s x' '+/ x' '-,p x' '-! */'; do
		printf 'a\n%s\n' "$line" >"$T/rules"
		copy_exits 2 -r --exclude-from="$T/rules" "$S/a" "$D"
		says "weir copy: --exclude-from: '$T/rules', line 2: '$line' is a filter rule of"
	done
	for line in '!' '[' 'a[' $'*\\' '[[:foo:]]' / a//b '+ ' '- '; do
		copy_exits 2 -r --exclude="$line" "$S/a" "$D"
		says "weir copy: --exclude: "
		printf '%s\n' "$line" >"$T/rules"
		copy_exits 2 -r --include-from="$T/rules" "$S/a" "$D"
		says "weir copy: --include-from: '$T/rules', line 1: "
	done
	copy_exits 2 -r --exclude= "$S/a" "$D"
	says "weir copy: --exclude: the value is empty"
	copy_exits 2 -r --exclude
	says "weir copy: --exclude: PATTERN is missing"
	printf 'a\0b\n' >"$T/rules"
	copy_exits 2 -r --exclude-from="$T/rules" "$S/a" "$D"
	says "line 1: a NUL inside a pattern; rules that end with NUL need -0 (--null)"
	copy_exits 2 -r --exclude-from=- --include-from=- "$S/a" "$D"
	says "weir copy: standard input can be read as one list only"
	copy_exits 2 --files-from=- --exclude-from=- "$D"
	says "one list only"
	copied
	# As patterns of the command line these are names, as in rsync.
	tree a/'P x' a/'merge x'
	copies -r --exclude='P x' --exclude='[m]erge x' "$S/a" "$D"
	copied a a/x
}

@test "a file of rules that cannot be read stops the run before it begins" {
	tree a/x
	copy_exits 1 -r --exclude-from="$T/absent" "$S/a" "$D"
	says "weir: cannot open rules '$T/absent': "
	says "(ENOENT)"
	copy_exits 1 -r --include-from="$S" "$S/a" "$D"
	says "weir: cannot read rules '$S': "
	says "(EISDIR)"
	# One line without an end is refused before it fills the memory.
	copy_exits 2 -r --exclude-from=/dev/zero "$S/a" "$D"
	says "line 1: a pattern is longer than 4095 bytes"
	copied
}

@test "with --files-from rules see the names as the list has them" {
	tree a/b/x.o a/b/y a/c/y
	cd "$S"
	printf '%s\n' a/b/x.o ./a//c/y >"$T/list"
	copies --exclude=/a/c/y --files-from="$T/list" "$D"
	copied x.o
	copies --exclude='b/*' --files-from="$T/list" "$D"
	copied y
	copies --exclude=/x.o --files-from="$T/list" "$D"
	copied x.o y
	printf '%s\n' a/b >"$T/list"
	copies -r --exclude=/a/b/y --files-from="$T/list" "$D"
	copied b b/x.o
}

@test "what is excluded is neither looked at nor counted" {
	tree a/x.o a/x.c a/hidden/deep/file
	mktree file "$S/a/big.o" 100000
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	exits 0 env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" copy -r --stats --exclude='*.o' \
		--exclude=hidden/ "$S/a" "$D"
	counts files_found -eq 1
	counts bytes_found -eq 0
	counts entries_skipped -eq 0
	nothing "$(grep -E ' [^ ]*(x\.o|big\.o|hidden|deep)[^ ]* ' "$T/trace")"
	grep -q ' x\.c ' "$T/trace"
	copied a a/x.c
	copies -r -v --exclude='*.o' --exclude=hidden "$S/a" "$D"
	[ "$(grep -c . <<<"$output")" -eq 2 ]
}

@test "with -L a link is what it leads to, and is asked only if that matters" {
	tree far/x a/f
	ln -s ../far "$S/a/folder"
	ln -s ../a/f "$S/a/file"
	ln -s nowhere "$S/a/dangling"
	copies -r -L --exclude='*/link' --exclude=folder/ --exclude=dangling "$S/a" "$D"
	copied a a/f a/file
	copies -r --exclude=folder/ "$S/a" "$D"
	copied a a/f a/file a/folder a/dangling
	copy_exits 23 -r -L --exclude=dangling/ "$S/a" "$D"
	says "'$S/a/dangling'"
	copied a a/f a/file a/folder a/folder/x
}

# bats test_tags=J06
@test "hard links whose first name is excluded are linked among the others" {
	tree a/1
	mktree file "$S/a/1" 5000
	ln "$S/a/1" "$S/a/2"
	ln "$S/a/1" "$S/a/3"
	ln "$S/a/1" "$S/a/4"
	copies -a --exclude=1 --exclude=3 "$S/a" "$D"
	[ "$(stat -c %i "$D/a/2")" = "$(stat -c %i "$D/a/4")" ]
	same "$S/a/1" "$D/a/2"
	copied a a/2 a/4
}

@test "--explain-filter names the rule that decides, and copies nothing" {
	local rules=(--include=keep.o --exclude='*.o' --exclude=sub/)

	printf '# objects\n\n*.c\n' >"$T/list"
	tree a/x.o
	explains "'a/x.o': excluded by rule 2 '*.o' (--exclude)" \
		"${rules[@]}" --explain-filter=a/x.o -r "$S/a" "$D"
	copied
	explains "'a/keep.o': included by rule 1 'keep.o' (--include)" \
		"${rules[@]}" --explain-filter=./a//keep.o
	explains "'a/x.h': included, no rule matches" "${rules[@]}" --explain-filter /a/x.h
	explains "'sub': included, no rule matches" "${rules[@]}" --explain-filter=sub
	explains "'sub/': excluded by rule 3 'sub/' (--exclude)" "${rules[@]}" --explain-filter=sub/
	explains "'a/sub/keep.o': excluded by rule 3 'sub/' (--exclude) with its folder 'a/sub'" \
		"${rules[@]}" --explain-filter=a/sub/keep.o
	explains "'x.c': excluded by rule 4 '*.c' (--exclude-from '$T/list', line 3)" \
		"${rules[@]}" --exclude-from="$T/list" --explain-filter=x.c
	explains "'x\\ny': included, no rule matches" --explain-filter=$'x\ny'
	printf 'x\n' | explains "'x': excluded by rule 1 'x' (--exclude-from '-', line 1)" \
		--exclude-from=- --explain-filter=x
	copy_exits 2 --explain-filter=./
	says "weir copy: --explain-filter: no name is in './'"
	copy_exits 2 --explain-filter=a --exclude='['
	copy_exits 2 --explain-filter=a --explain-filter=b
}

@test "--explain-filter says of a list what the run does with its names" {
	# shellcheck disable=SC2034 # judge_traces() has it
	TRACED_PATHS=1
	local rules=(--exclude=/a --exclude='*.o' --exclude=/r/x/ --exclude=tmp)

	mkdir "$T/w"
	cd "$T/w"
	mkdir -p a/b r/x r/y/tmp
	touch a/b/c a/b/d.o a/e r/x/1 r/y/2 r/y/2.o r/y/tmp/3
	printf '%s\n' a/b/c ./a//b/d.o r >"$T/list"
	copies -r --parents "${rules[@]}" --files-from="$T/list" "$D"
	copied a a/b a/b/c r r/y r/y/2
	rules+=(--files-from="$T/list")
	explains "'a/b/c': included, no rule matches" "${rules[@]}" --explain-filter=a/b/c
	explains "'a/b/d.o': excluded by rule 2 '*.o' (--exclude)" \
		"${rules[@]}" --explain-filter=a/b/d.o
	explains "'a/': no rule is asked, it is only a part of names of the list" \
		"${rules[@]}" --explain-filter=a/
	explains "'a/e': left out, no name of the list leads to it" \
		"${rules[@]}" --explain-filter=a/e
	explains "'r/x/1': excluded by rule 3 '/r/x/' (--exclude) with its folder 'r/x'" \
		"${rules[@]}" --explain-filter=r/x/1
	explains "'r/y/2': included, no rule matches" "${rules[@]}" --explain-filter=r/y/2
	explains "'r/y/tmp/3': excluded by rule 4 'tmp' (--exclude) with its folder 'r/y/tmp'" \
		"${rules[@]}" --explain-filter=r/y/tmp/3
	: >"$T/list"
	explains "'r': left out, no name of the list leads to it" \
		"${rules[@]}" --explain-filter=r
	# What one name excludes another may include.
	printf '%s\0' r r/x r/x/1 >"$T/list"
	explains "'r/x/1': included, no rule matches" -0 "${rules[@]}" --explain-filter=r/x/1
	explains "'r/x/': excluded by rule 3 '/r/x/' (--exclude)" \
		-0 "${rules[@]}" --explain-filter=r/x/
	copy_exits 1 --files-from=nosuch --explain-filter=a
}

@test "a rule that ends with a carriage return is refused, and not taken for none" {
	local option

	tree a/x.o "a/y"$'\r'
	for option in exclude include; do
		printf '# of another system\r\n*.o\r\n' >"$T/list"
		copy_exits 2 -r --$option-from="$T/list" "$S/a" "$D"
		says "weir copy: --$option-from: '$T/list', line 2: '*.o\\r' ends with a carriage"
		printf '*.c\n\r\n' >"$T/list"
		copy_exits 2 -r --$option-from="$T/list" "$S/a" "$D"
		says "line 2: '\\r' ends with a carriage"
		copied
	done
	# It is a byte like others where it was meant.
	copies -r --exclude=$'*\r' "$S/a" "$D"
	copied a a/x.o
	printf '*[\r]\n' >"$T/list"
	copies -r --exclude-from="$T/list" "$S/a" "$D"
	copied a a/x.o
	printf '*\r\0' >"$T/list"
	copies -r -0 --exclude-from="$T/list" "$S/a" "$D"
	copied a a/x.o
}

@test "a hostile pattern takes no time, and a deep tree has paths of any length" {
	local stars

	stars=$(printf '*a%.0s' {1..1000})
	mkdir -p "$S/t"
	tree "t/$(printf 'a%.0s' {1..200})b"
	exits 0 timeout 60 "$WEIR" copy -r --exclude="$stars" --exclude="**${stars}x" \
		--exclude="$(printf '**/a%.0s' {1..500})" "$S/t" "$D"
	[ "$(find "$D" -type f | wc -l)" -eq 1 ]
	rm -r "$D/t"
	mktree deep "$S/deep" 2500
	exits 0 timeout 120 "$WEIR" copy -r --exclude='/deep/**/nosuch' "$S/deep" "$D"
	same "$S/deep" "$D/deep"
}

# --- The same as rsync ------------------------------------------------------------

# A generator of our own: that of the shell begins anew in each subshell.
pick() { # WORD...
	seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
	shift $(((seed >> 12) % $#))
	picked=$1
}

add_picked() { # WORD...
	pick "$@"
	pattern+=$picked
}

make_pattern() {
	local -i part

	pattern=''
	add_picked '' '' /
	pick 0 1 2
	for ((part = picked; part >= 0; part--)); do
		add_picked a b foo .o '*' '**' '?' '[ab]' '[!a]' '[a-z]' '[[:alpha:]]'
		add_picked '' '' a '*' '***' '\*' 'b?' '[]x]' .o
		[ "$part" -eq 0 ] || pattern+=/
	done
	add_picked '' '' '' / '/**' '/***'
}

make_rules() {
	local -i count

	rules=()
	pick 1 2 3
	for ((count = picked; count > 0; count--)); do
		make_pattern
		pick exclude exclude include
		rules+=("--$picked=$pattern")
	done
}

compare_with_rsync() { # SEED
	local -i round rounds left=0 seed=$1
	local rules operands expected found picked pattern

	need_command rsync
	tree a/a a/b.o a/foo/a a/foo/b/x.o a/foo/b/ab/a a/ab/foo/b a/ab/.o a/x/y/z/a a/'*' a/']' \
		foo/a foo/foo/foo/a foo/b/a.o foo/ab b.o
	ln -s a "$S/foo/link"
	cd "$S" || return
	rounds=$(size 20 50)
	for ((round = 0; round < rounds; round++)); do
		make_rules
		pick a 'a foo' 'a foo b.o' a/. foo/foo
		read -ra operands <<<"$picked"
		expected=$(rsync -rln --out-format=%n "${rules[@]}" "${operands[@]}" "$T/none/" |
			sed -E '/^(created directory .*|\.\/)$/d; s:/$::' | LC_ALL=C sort)
		found=$("$WEIR" copy -r --dry-run "${rules[@]}" "${operands[@]}" "$D" |
			sed -E "s:^would (copy|make folder|[a-z ]*) $D/::" | LC_ALL=C sort)
		left+=$(grep -c . <<<"$expected" || true)
		[ "$expected" != "$found" ] || continue
		printf '%s: %s\n' "${operands[*]}" "${rules[*]}"
		diff <(printf '%s\n' "$expected") <(printf '%s\n' "$found")
		return 1
	done
	# That all or nothing was copied each time would prove little.
	[ "$left" -gt $((3 * rounds)) ] && [ "$left" -lt $((24 * rounds)) ]
}

@test "rsync leaves out the same, with many lists of patterns" {
	compare_with_rsync 4711
}

@test "rsync leaves out the same, with as many others" {
	compare_with_rsync 20261122
}
