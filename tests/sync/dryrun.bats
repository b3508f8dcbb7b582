#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a dry run tells and what it leaves alone, and lines for each change.

load helper

# Something of each kind of change.
make_changes() { # SOURCE DEST
	local a=$1 b=$2

	mkdir -p "$a/sub/deep" "$a/mode" "$a/fresh/in" "$b/sub/deep" "$b/mode" "$b/gone/deep"
	for name in same data longer touched bare sub/s sub/deep/d; do
		mktree file "$a/$name" 3000
		cp -a "$a/$name" "$b/$name"
	done
	mktree file "$b/data" 3000 2
	touch -d 2001-02-03 "$b/data"
	mktree file "$b/longer" 5000 2
	touch -d @1000000000 "$b/touched"
	chmod 0600 "$b/bare"
	chmod 0700 "$b/mode"
	mktree file "$a/fresh/in/f" 10
	ln -s nowhere "$a/link"
	ln -s elsewhere "$b/link"
	mkfifo "$a/fifo"
	mkdir "$a/was-file" "$b/was-folder"
	touch "$b/was-file" "$a/was-folder" "$b/was-folder/in" "$a/was-file/in"
	mktree file "$b/gone/1" 100
	mktree file "$b/gone/deep/2" 100
	mktree file "$b/extra" 100
	mktree file "$a/one" 700
	ln "$a/one" "$a/two"
	mktree file "$a/after" 20000
	cp -a "$a/after" "$b/before"
	touch -h -d @1000000000 "$b/link"
	touch -r "$a/mode" "$b/mode"
}

totals() {
	grep '^weir: to copy' <<<"$stderr" | sed 's/; .*//'
}

# bats test_tags=O14
@test "a dry run prints what the run does, in the same words and order" {
	local when engine options

	for when in --delete --delete=first '--delete --detect-renames' --inplace; do
		for engine in $(engines); do
			rm -rf "${S:?}"/* "${D:?}"/*
			make_changes "$S/a" "$D/b"
			read -ra options <<<"$when"
			if [ "$when" = --inplace ]; then
				rm -r "$D/b/was-folder" # nothing is to go
			else
				options+=(--yes-delete-many)
			fi
			options+=(--engine="$engine" "$S/a" "$D/b")
			exits 0 "$WEIR" sync -n "${options[@]}"
			tail -n +2 <<<"$output" >"$T/planned"
			[ "$(wc -l <"$T/planned")" -ge 15 ]
			totals >"$T/totals"
			exits 0 "$WEIR" sync -i "${options[@]}"
			diff "$T/planned" - <<<"$output"
			[ -s "$T/totals" ]
			totals | diff "$T/totals" -
			exits 0 "$WEIR" sync -i "${options[@]}"
			[ -z "$output" ]
		done
	done
}

# bats test_tags=O14
@test "each line tells the action, what differs and the path" {
	make_changes "$S/a" "$D/b"
	exits 0 "$WEIR" sync -n --delete --yes-delete-many "$S/a" "$D/b"
	line_is "replace  data mtime  data"
	line_is "replace  data mtime  longer"
	line_is "replace  data mtime  touched"
	line_is "attributes  mode  bare"
	line_is "replace  target mtime  link"
	line_is "create  file  fresh/in/f"
	line_is "create  folder  fresh/in/"
	line_is "create  fifo  fifo"
	line_is "replace  type  was-folder"
	line_is "replace  type  was-file/"
	line_is "delete  file  gone/deep/2"
	line_is "delete  folder  gone/deep/"
	line_is "delete  file  extra"
	[ "$(head -n 1 <<<"$output")" = "contents of '$S/a' become contents of '$D/b'" ]
	[[ $stderr == *"nothing was changed"* ]]
}

line_is() { # LINE
	grep -Fxq -- "$1" <<<"$output" || {
		printf 'no line: %s\nbut:\n%s\n' "$1" "$output"
		return 1
	}
}

# bats test_tags=I01,O14
@test "with -0 lines end in NUL, and names are as they are" {
	local strange=$'new\nline \e[1m'

	mkdir "$S/a"
	touch "$S/a/$strange" "$S/a/plain"
	exits 0 "$WEIR" sync -n "$S/a" "$D/b"
	[[ $output != *"$strange"* ]]
	"$WEIR" sync -i -0 "$S/a" "$D/b" >"$T/raw" 2>/dev/null
	tr '\0\n' '\n@' <"$T/raw" >"$T/lines"
	grep -Fxq "create  file  new@line "$'\e[1m' "$T/lines"
	grep -Fxq "create  file  plain" "$T/lines"
	[ "$(tail -c 1 "$T/raw" | od -An -tx1 | tr -d ' ')" = 00 ]
}

# Whatever changes something, and openings to write; but of what belongs to no file
# system, and of files without a name, for what does not fit into memory.
writes_of() { # LOG
	local calls='(mkdir|unlink|rename|link|symlink|mknod|f?chmod|[fl]?chown|f?chownat)(at)?2?'

	calls+='|rmdir|creat|utimensat|f?truncate|fallocate|[lf]?(set|remove)xattr(at)?'
	calls+='|copy_file_range|sync_file_range|fsync|fdatasync|syncfs|pwrite(64|v|v2)'
	grep -E "(^|[ ])($calls)\\(" "$1" | grep -v '^[^(]*([0-9]*<[^>]*>(deleted)'
	grep -E 'open(at|at2)?\(.*O_(WRONLY|RDWR|CREAT|TMPFILE|TRUNC)' "$1" |
		grep -vE '"/(dev|proc|sys)/|"(/var)?/tmp", O_RDWR.*O_TMPFILE'
}

# bats test_tags=M15
@test "a dry run makes no call that changes anything" {
	local options

	need_strace
	case ${WEIR_LANE:-} in *tsan) skip "the sanitizer makes a file of its own" ;; esac
	no_trace # is written
	make_changes "$S/a" "$D/b"
	rm -r "$D/b/was-folder"
	for options in '--delete --yes-delete-many' '--delete=first --yes-delete-many' \
		'--delete --yes-delete-many --detect-renames --checksum' '--inplace --mkpath'; do
		# shellcheck disable=SC2086 # a list
		exits 0 strace -f -y -o "$T/log" "$WEIR" sync -n --engine=plain $options \
			"$S/a" "$D/b"
		nothing "$(writes_of "$T/log")"
	done
	exits 0 strace -f -y -o "$T/log" "$WEIR" sync --engine=plain "$S/a" "$D/b"
	[ -n "$(writes_of "$T/log")" ]
}

# bats test_tags=M15
@test "a dry run leaves all times as they were, those of access, too" {
	make_changes "$S/a" "$D/b"
	# But for links: reading one cannot be hidden.  find would look into folders itself.
	find "$S" "$D" ! -type l -print0 >"$T/names"
	xargs -0 touch -a -d @900000000 <"$T/names"
	xargs -0 stat -c '%n %x %y %z' <"$T/names" >"$T/times"
	exits 0 "$WEIR" sync -n --delete --yes-delete-many --checksum --detect-renames "$S/a" "$D/b"
	xargs -0 stat -c '%n %x %y %z' <"$T/names" | diff "$T/times" -
}
