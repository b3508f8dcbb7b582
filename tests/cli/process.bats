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

# --- Lent rights -----------------------------------------------------------------

# A copy of weir for others to start, in $T/lent, and its library.  A program
# with lent rights takes libraries from trusted places only, so that one is made.
lend() {
	local folder=$T

	case ${WEIR_LANE:-} in *asan) skip "the leak check does not run with lent rights" ;; esac
	mkdir -p lent out
	cp "$WEIR" lent/weir
	ldd "$WEIR" | awk '/libweir/ { print $3 }' | xargs -r -I{} cp -L {} lent
	PATH=$PATH:/usr/sbin:/sbin
	printf '%s\n' "$T/lent" 'include /etc/ld.so.conf' >conf
	ldconfig -X -C cache -f conf 2>/dev/null || skip "needs ldconfig"
	printf x >in
	printf secret >secret
	chmod 600 secret
	chmod 777 out
	while [ "$folder" != / ] && [ "$folder" != "${TMPDIR:-/tmp}" ]; do
		chmod a+x "$folder"
		folder=${folder%/*}
	done
	as root lent/weir --version >/dev/null 2>&1 || skip "needs root"
	as nobody lent/weir --version >/dev/null 2>&1 || skip "cannot start it as another user"
	cp "$(command -v id)" lent/id
	chmod 4755 lent/id
	[ "$(as nobody lent/id -u)" -eq 0 ] || skip "bits of files lend nothing here"
}

# Runs a command as root or nobody, where the library is trusted.
as() { # USER COMMAND...
	# shellcheck disable=SC2016
	unshare -m --propagation=private sh -c 'mount --bind cache /etc/ld.so.cache || exit 99
		case $1 in nobody) user="--reuid=65534 --regid=65534 --clear-groups" ;;
		given) user="--reuid=65534 --regid=65534 --clear-groups
			--inh-caps=+dac_read_search --ambient-caps=+dac_read_search" ;;
		*) user= ;; esac
		shift
		exec setpriv $user "$@"' sh "$@"
}

refuses_lent_rights() {
	exits 28 as nobody lent/weir copy secret out/secret || return 1
	[ "$stderr" = "weir: refused to run with more rights than its caller has: take its \
set-user-ID and set-group-ID bits and capabilities away" ] || return 1
	absent out/secret && exits 28 as nobody lent/weir --version && no_output
}

# bats test_tags=G19
@test "weir with a setuid or setgid bit runs for its owner only" {
	local mode

	lend
	for mode in 4755 2755; do
		chmod "$mode" lent/weir
		refuses_lent_rights
		exits 0 as root lent/weir copy secret out/root
		rm out/root
	done
	chmod 755 lent/weir
	exits 0 as nobody lent/weir copy in out/in
	cmp in out/in
}

# bats test_tags=G19
@test "weir with file capabilities does not run for an ordinary user" {
	lend
	setcap cap_dac_read_search+ep lent/weir 2>/dev/null ||
		skip "no capabilities can be set here"
	refuses_lent_rights
	# Root has all of them anyway, and one who was given them is no stranger.
	exits 0 as root lent/weir copy secret out/root
	setcap -r lent/weir
	exits 0 as nobody lent/weir copy in out/in
	exits 0 as given lent/weir copy secret out/given
	[ "$(cat out/given)" = secret ]
}

# bats test_tags=G19
@test "under the name cp lent rights are refused with 1" {
	lend
	mv lent/weir lent/cp
	chmod 4755 lent/cp
	exits 1 as nobody lent/cp in out/in
	[[ $stderr == "cp: refused to run"* ]]
	absent out/in
}
