#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# once

load helper

need_terminal() {
	command -v script >/dev/null || skip "no script(1)"
	script -qec true /dev/null </dev/null >/dev/null 2>&1 || skip "no pseudo terminals"
}

# The answers go to the terminal of the run, one a line.
with_answers() { # ANSWERS COMMAND
	printf '%b' "$1" | timeout 60 script -qec "$2" /dev/null >"$T/seen"
}

old_and_new() {
	local i

	mkdir "$S/a" "$D/a"
	for i in 1 2 3 4; do
		mktree file "$S/a/$i" 1000 "$i"
		mktree file "$D/a/$i" 10 9
	done
	mktree file "$S/a/fresh" 500
	ln -s text "$S/a/link"
	ln -s old "$D/a/link"
}

@test "-i replaces what is answered yes and keeps the rest" {
	need_terminal
	old_and_new
	with_answers 'y\nn\nyes\nno\n\n' "$(printf '%q ' "$WEIR" copy -ri "$S/a" "$D")"
	[ "$(grep -c 'replace ' "$T/seen")" -ge 1 ]
	same "$S/a/fresh" "$D/a/fresh" # nobody was asked
	local replaced=0 i
	for i in 1 2 3 4; do
		if [ "$(stat -c %s "$D/a/$i")" -eq 1000 ]; then
			cmp "$S/a/$i" "$D/a/$i"
			replaced=$((replaced + 1))
		else
			[ "$(stat -c %s "$D/a/$i")" -eq 10 ]
		fi
	done
	[ "$(readlink "$D/a/link")" = old ] || replaced=$((replaced + 1))
	[ "$replaced" -eq 2 ]
	no_temps "$D"
}

@test "-i without a terminal replaces nothing and says so once" {
	old_and_new
	run --separate-stderr setsid -w "$WEIR" copy -ri "$S/a" "$D" </dev/null
	[ "$status" -eq 0 ]
	[ "$(grep -c 'there is no terminal' <<<"$stderr")" -eq 1 ]
	[ "$(stat -c %s "$D/a/1")" -eq 10 ]
	[ "$(readlink "$D/a/link")" = old ]
	same "$S/a/fresh" "$D/a/fresh"
}

@test "of -i and -n the last one counts" {
	old_and_new
	run --separate-stderr setsid -w "$WEIR" copy -rin "$S/a" "$D" </dev/null
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	run --separate-stderr setsid -w "$WEIR" copy -rni "$S/a" "$D" </dev/null
	says "there is no terminal"
}

@test "a signal is a no to all questions" {
	need_terminal
	old_and_new
	mkfifo "$T/nobody"
	run timeout 60 script -qec "$(printf '%q ' timeout --preserve-status -s TERM 2 \
		"$WEIR" copy -ri "$S/a" "$D")" /dev/null <>"$T/nobody"
	[ "$(stat -c %s "$D/a/1")" -eq 10 ]
	no_temps "$D"
}

@test "a single file is asked for, too, and one that is older than -u says is not" {
	need_terminal
	mktree file "$S/f" 1000
	mktree file "$D/f" 10
	touch -d 2001-01-01 "$S/f"
	with_answers 'y\n' "$(printf '%q ' "$WEIR" copy -iu "$S/f" "$D/f")"
	run ! grep -q 'replace ' "$T/seen"
	[ "$(stat -c %s "$D/f")" -eq 10 ]
	with_answers 'y\n' "$(printf '%q ' "$WEIR" copy -i "$S/f" "$D/f")"
	grep -q 'replace ' "$T/seen"
	same "$S/f" "$D/f"
}

@test "hard links that replace are asked for once each" {
	need_terminal
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/1" 1000
	ln "$S/a/1" "$S/a/2"
	mktree file "$D/a/1" 10
	mktree file "$D/a/2" 10
	with_answers 'y\ny\n' "$(printf '%q ' "$WEIR" copy -ai "$S/a" "$D")"
	same --links "$S/a" "$D/a"
	[ "$(grep -o 'replace ' "$T/seen" | wc -l)" -eq 2 ]
}
