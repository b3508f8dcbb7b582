#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# M01, M02, M05 to M08: signals, descriptors, environment.

load helper

# All that a run without some of its descriptors may leave is the copy.
closed() { # REDIRECTIONS ARGUMENT...
	local redirections=$1

	shift
	# shellcheck disable=SC2016
	run --separate-stderr bash -c 'exec "$0" "$@" '"$redirections" "$WEIR" "$@"
}

# bats test_tags=M06
@test "with any of descriptors 0 to 2 closed, files are copied and get no message" {
	local how

	head -c 300000 /dev/urandom >a
	for how in '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
		rm -f b
		closed "$how" copy a b
		[ "$status" -eq 0 ]
		cmp a b
	done
}

# bats test_tags=M06
@test "messages for a closed standard error go into no file" {
	printf x >a
	mkdir d
	closed '2>&-' copy nosuch a d
	[ "$status" -eq "$PARTIAL" ]
	cmp a d/a
	absent d/nosuch
}

# bats test_tags=M06
@test "output that is needed and has no descriptor is an error" {
	printf x >a
	closed '>&-' --version
	[ "$status" -eq 1 ]
	[ "$stderr" = "weir: cannot write standard output: Bad file descriptor (EBADF)" ]
	closed '>&-' copy -v a b
	[ "$status" -eq "$PARTIAL" ]
	says "weir: cannot write standard output: Bad file descriptor (EBADF)"
	cmp a b
	closed '2>&-' copy --stats a c
	[ "$status" -eq "$PARTIAL" ]
	cmp a c
	closed '<&-' copy --files-from=- .
	[ "$status" -eq "$FATAL" ]
	[ "$stderr" = "weir: cannot read list '-': Bad file descriptor (EBADF)" ]
}

# bats test_tags=M05
@test "a full standard output is told, the copy is whole and the status 23" {
	need_full_device
	make_files 3
	# shellcheck disable=SC2016
	exits "$PARTIAL" sh -c '"$0" copy -rv source target >/dev/full' "$WEIR"
	[ "$stderr" = "weir: cannot write standard output: No space left on device (ENOSPC)" ]
	diff -r source target
}

# bats test_tags=M05
@test "a full standard error is no exit 0" {
	need_full_device
	printf x >a
	# shellcheck disable=SC2016
	exits "$PARTIAL" sh -c '"$0" copy --stats a b 2>/dev/full' "$WEIR"
	cmp a b
}

# bats test_tags=M02
@test "a reader of standard output that leaves does not stop the copy" {
	make_files 40
	# shellcheck disable=SC2016
	exits 0 bash -c '{ sleep 0.2; "$0" copy -rv source target; echo $? >status; } | true' \
		"$WEIR"
	[ "$(cat status)" -eq "$PARTIAL" ]
	[ "$stderr" = "weir: cannot write standard output: Broken pipe (EPIPE)" ]
	diff -r source target
}

# bats test_tags=M07
@test "standard input is not read" {
	local name

	make_files 3
	mkdir target
	while read -r name; do
		"$WEIR" copy "source/$name" target
	done < <(printf '0\n1\n2\n')
	diff -r source target
	[ "$(printf 'rest' | { "$WEIR" copy -r source other && cat; })" = rest ]
}

# bats test_tags=M08
@test "weir needs no environment and no locale that exists" {
	local locale

	make_files 2
	exits 0 env -i "$WEIR" copy -rv source target
	diff -r source target
	for locale in C POSIX tr_TR.UTF-8 de_DE.UTF-8 xx_YY.nonsense ''; do
		rm -rf target
		exits 0 env -i LC_ALL="$locale" LANG="$locale" "$WEIR" copy -rv source target
		[ "$(sort <<<"$output")" = $'copied target/0\ncopied target/1\nfolder target' ]
	done
	exits 0 env -i LC_ALL=de_DE.UTF-8 LC_NUMERIC=de_DE.UTF-8 "$WEIR" copy --stats source/0 c
	[[ $stderr =~ in\ [0-9]+\.[0-9]+\ s ]]
}

# bats test_tags=M08
@test "without any argument, not even a name, weir exits 2" {
	need_tool launch
	exits "$USAGE" "$WEIR_TOOLS/launch" --no-arguments -- "$WEIR"
	says "a verb is missing"
}

# bats test_tags=M01
@test "the first SIGINT finishes, says so, and ends by the signal" {
	local pid

	need_slow
	# A job of a shell without job control ignores SIGINT from the start.
	set -m
	(slow_copy 100000 -v big target) >out 2>err &
	pid=$!
	set +m
	await catches $pid 2
	kill -INT $pid
	ends $pid 130
	[ "$(wc -l <err)" -eq 1 ]
	grep -Eqx 'weir: finishing [0-9]+ files?, [0-9]+ bytes?; again to drop them' err
	absent target
}

# bats test_tags=M01
@test "SIGTERM and SIGHUP end a copy likewise" {
	local name pid

	need_slow
	for name in TERM:143:15 HUP:129:1; do
		(slow_copy 100000 big target) 2>err &
		pid=$!
		await catches $pid "${name##*:}"
		kill "-${name%%:*}" $pid
		name=${name#*:}
		ends $pid "${name%%:*}"
		grep -q '^weir: finishing ' err
		absent target
	done
}

# bats test_tags=M01
@test "a second signal drops all, and the first decides the status" {
	local pid

	need_slow
	(slow_copy 500000 big target) 2>err &
	pid=$!
	await catches $pid 15
	kill -TERM $pid
	await grep -q finishing err
	kill -HUP $pid 2>/dev/null || true
	ends $pid 143
	[ "$(grep -c finishing err)" -eq 1 ]
	absent target
}

# bats test_tags=M01
@test "a signal that was ignored at the start stays ignored" {
	local pid

	need_slow
	(trap '' HUP && slow_copy 4000 big target) 2>err &
	pid=$!
	await catches $pid 15
	[ "$(catches $pid 1 && echo caught)" = "" ]
	kill -HUP $pid
	ends $pid 0
	cmp big target
	[ ! -s err ]
}

# bats test_tags=M01
@test "under nohup a hang-up changes nothing" {
	local pid

	need_slow
	need_command nohup
	cat >slow <<-END
		exec strace -D -f -qq -o /dev/null -e trace=pwrite64 \
			-e inject=pwrite64:delay_enter=4000 "$WEIR" copy --engine=plain \
			--direct=never --chunk-size=4K --depth=1 --workers=1 big target
	END
	nohup sh slow >out 2>err </dev/null &
	pid=$!
	await catches $pid 15
	kill -HUP $pid
	ends $pid 0
	cmp big target
}

# bats test_tags=M01
@test "the process that ends a run for good says its signal in the report and the log" {
	local pid

	need_slow
	(slow_copy 100000 --stats --log-file=log big target) 2>err &
	pid=$!
	await catches $pid 15
	kill -TERM $pid
	ends $pid 143
	grep -q '^weir: ended by SIGTERM: copied 0 files' err
	grep -q '\] weir: ended by SIGTERM: copied 0 files' log
	grep -q '\] weir: finishing ' log
}

@test "SIGUSR1 prints the progress line and nothing else happens" {
	local pid

	need_slow
	(slow_copy 8000 -q big target) 2>err &
	pid=$!
	await catches $pid 15
	kill -USR1 $pid
	await grep -q written err
	kill -USR1 $pid
	ends $pid 0
	cmp big target
	[ "$(grep -c '^weir: .* written, .* durable' err)" -ge 1 ]
	[ "$(grep -vc '^weir: .* written, .* durable' err)" -eq 0 ]
	no_controls err
}

@test "SIGUSR1 does not kill even before the options are read" {
	local pid

	# A list that is not there yet holds the program before its run.
	mkfifo list
	printf x >a
	mkdir d
	"$WEIR" copy --files-from=list d 2>err &
	pid=$!
	await catches $pid 10
	kill -USR1 $pid
	printf 'a\n' >list
	ends $pid 0
	cmp a d/a
	[ "$(grep -c written err)" -eq 1 ]
}
