#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# long
#
# M16: what a terminal sees, and what a pipe does not.

load helper

ESC=$'\e'
CR=$'\r'

need_terminal() {
	need_command script
	script -qec true /dev/null </dev/null >/dev/null 2>&1 ||
		skip "script(1) makes no terminal here"
}

# Runs a line of shell on a terminal of its own; what it got is in the file
# "seen".  COLUMNS first.
on_terminal() { # COLUMNS LINE
	script -qec "stty cols $1; $2" /dev/null </dev/null >seen
}

# The lines that were drawn in place, without the codes that did it.
drawn() {
	tr '\r' '\n' <seen | sed -n "s/$ESC\[K\$//p" | grep .
}

slow_line() { # MICROSECONDS ARGUMENTS
	printf '%s' "strace -D -f -qq -o /dev/null -e trace=pwrite64" \
		" -e inject=pwrite64:delay_enter=$1 '$WEIR' copy --engine=plain" \
		" --direct=never --chunk-size=4K --depth=1 --workers=1 $2"
}

# bats test_tags=M16
@test "on a terminal the line moves within one file, never back, and clears itself" {
	local last=-1 percent drawings=0

	need_terminal
	need_slow
	TERM=xterm on_terminal 100 "$(slow_line 6000 'big target')"
	cmp big target
	while read -r percent; do
		[ "$percent" -ge "$last" ]
		last=$percent
		drawings=$((drawings + 1))
	done < <(drawn | sed -n 's/^\([0-9]*\)%, .*/\1/p')
	[ "$drawings" -ge 5 ]
	local amount='[0-9.]+ (bytes|KiB|MiB)'
	drawn | grep -Eqx "[0-9]+%, $amount of 1\.0 MiB written, $amount durable, .*/s, 0:.. left"
	# Ten times a second at most: 256 writes of at least 6 ms each.
	[ "$drawings" -le 100 ]
	# The line is gone before the report, which is the last that is seen.
	tr '\r' '\n' <seen | grep -A 1 -x "$ESC\[Kweir: copied 1 file, 1.0 MiB in .*" >/dev/null
	tr -d '\r' <seen | tail -n 1 | sed "s/.*$ESC\[K//" >last
	grep -q '^weir: copied 1 file' last
}

# bats test_tags=M16
@test "a line of output clears the progress line first" {
	need_terminal
	need_slow
	mkdir d
	TERM=xterm on_terminal 100 "$(slow_line 3000 '-v big nosuch d') || true"
	cmp big d/big
	# Nothing stands before these on their lines but the code that cleared.
	grep -aq "^\(.*$CR$ESC\[K\)\?weir: cannot .* 'nosuch': No such file" seen
	grep -aq "^\(.*$CR$ESC\[K\)\?copied d/big$CR\$" seen
}

# bats test_tags=M16
@test "the line respects the width of the terminal" {
	local columns

	need_terminal
	need_slow
	for columns in 60 40 20 4 1; do
		rm -f target
		TERM=xterm on_terminal $columns "$(slow_line 2500 'big target')"
		cmp big target
		drawn | awk -v columns=$columns '
			length >= columns { print; bad = 1 } END { exit bad }'
		[ $columns -le 1 ] || [ "$(drawn | wc -l)" -ge 2 ]
	done
}

# bats test_tags=M16
@test "a dumb terminal gets no control codes" {
	local term

	need_terminal
	need_slow
	for term in dumb ''; do
		rm -f target
		TERM=$term on_terminal 100 "$(slow_line 2500 'big target')"
		cmp big target
		[ "$(grep -c "$ESC" seen)" -eq 0 ]
		[ "$(tr -d '\n' <seen | tr -dc '\r' | wc -c)" -le 1 ]
	done
}

# bats test_tags=M16
@test "a pipe gets nothing, however long it takes" {
	local pid

	need_slow
	(slow_copy 5000 big target) >out 2>err &
	pid=$!
	ends $pid 0
	cmp big target
	[ ! -s out ]
	[ ! -s err ]
}

# bats test_tags=M16
@test "--progress=never and -q draw nothing on a terminal" {
	need_terminal
	need_slow
	TERM=xterm on_terminal 100 "$(slow_line 5000 '-q big target')"
	cmp big target
	[ ! -s seen ]
	TERM=xterm on_terminal 100 "$(slow_line 5000 '--progress=never big target')"
	[ "$(grep -c "$ESC" seen)" -eq 0 ]
	# The report is not progress.
	[[ $(cat seen) == "weir: copied 1 file, 1.0 MiB in "* ]]
}

# bats test_tags=M16
@test "a run of less than a second says nothing on a terminal" {
	need_terminal
	make_files 2
	TERM=xterm on_terminal 100 "'$WEIR' copy -r source target"
	diff -r source target
	[ "$(grep -c 'weir: copied' seen)" -eq 0 ]
}

# bats test_tags=M16
@test "--progress=always off a terminal writes full lines every ten seconds, without codes" {
	local pid

	need_slow
	(slow_copy 45000 --progress=always big target) 2>err &
	pid=$!
	ends $pid 0
	cmp big target
	[ "$(wc -l <err)" -eq 1 ]
	grep -Eqx 'weir: [0-9]+%, [0-9.]+ KiB of 1\.0 MiB written, .* left' err
	no_controls err
}

# bats test_tags=M16
@test "--progress=always on a terminal draws from the start, and clears" {
	need_terminal
	make_files 1
	TERM=xterm on_terminal 100 "'$WEIR' copy --progress=always source/0 a"
	[ "$(cat a)" = x ]
	[ -z "$(tr -d '\r\n' <seen | sed "s/.*$ESC\[K//")" ]
}

# bats test_tags=M16
@test "SIGUSR1 on a terminal writes a line of its own" {
	need_terminal
	need_slow
	cat >line <<-END
		$(slow_line 8000 'big target') &
		sleep 0.7
		kill -USR1 \$!
		wait \$!
	END
	TERM=xterm on_terminal 100 "sh line"
	cmp big target
	grep -aq "$CR$ESC\[Kweir: [0-9]*%, .* written, .* durable.*$CR\$" seen
}

@test "-n on a terminal says once what it is, and where a dry run is" {
	local words

	need_terminal
	make_files 3
	mkdir target
	on_terminal 100 "'$WEIR' copy -n source/? target"
	[ "$(tr -d '\r' <seen)" = 'weir: -n is no-clobber; see --dry-run' ]
	# Not where it is meant, nor where nobody reads it.
	for words in --no-clobber '-n -q' '-n -f' '-n --dry-run -q' -f; do
		on_terminal 100 "'$WEIR' copy $words source/? target"
		[ ! -s seen ]
	done
	on_terminal 100 "'$WEIR' copy -n --dry-run source/? target"
	run ! grep -q no-clobber seen
	exits 0 "$WEIR" copy -n source/? target
	no_stderr
	ln -s "$WEIR" cp
	on_terminal 100 "./cp -n source/? target"
	[ ! -s seen ]
}
