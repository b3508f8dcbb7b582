#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The command under the name of cp: a stand-in for scripts, which know cp's
# command lines, its two exit statuses and its silence.

load helper

setup() {
	T=$BATS_TEST_TMPDIR/area
	mkdir "$T" "$BATS_TEST_TMPDIR/the bin"
	cd "$T" || return 1
	CP="$BATS_TEST_TMPDIR/the bin/cp"
	ln -s "$WEIR" "$CP"
}

# cp, which must end with 1 after one line of its own with this text.
fails() { # TEXT ARGUMENT...
	local text=$1

	shift
	exits 1 "$CP" "$@" || return 1
	says "cp: $text" && one_line "$stderr" && says_nothing_of 'weir:'
}

@test "by the name cp the command is cp, wherever the link lies" {
	printf x >a
	exits 0 "$CP" a b
	no_output
	no_stderr
	cmp a b
	exits 0 bash -c 'exec -a cp "$@"' - "$WEIR" a c
	cmp a c
	exits 0 bash -c 'exec -a /no/such/cp "$@"' - "$WEIR" a d
	cmp a d
	PATH=${CP%/*}:$PATH exits 0 sh -c 'cp a e'
	cmp a e
	# A name that only ends so is another one.
	exits "$USAGE" bash -c 'exec -a scp "$@"' - "$WEIR" a f
	says 'weir: no such verb'
	absent f
}

@test "what cp cannot do ends with 1 and a message of cp" {
	printf x >a
	mkdir d
	fails "cannot stat source 'x': " x y
	fails 'DEST is missing after' a
	fails "SOURCE and DEST are missing; see 'cp --help'"
	fails '--nosuch: not an option of weir; ' --nosuch a b
	fails '-!: not an option of weir; ' -! a b
	fails "-h: not an option of weir; see 'cp --help'" -h
	fails "--sparse: 'x' is not one of auto, always, never" --sparse=x a b
	fails 'cannot copy source ' d e
	fails 'refused: cannot copy ' a a
	fails 'cannot copy into ' -t a a
	fails 'cannot open log ' --log-file=d a b
	fails 'cannot open list ' --files-from=none d
	WEIR_ENGINE=warp fails "WEIR_ENGINE: 'warp' is not one of" a b
	absent b e y
	# The others are copied, and it is 1 all the same, not 23.
	exits 1 "$CP" a x d
	cmp a d/a
}

@test "help and version are those of cp" {
	local word

	exits 0 "$CP" --help
	no_stderr
	[ "${lines[0]}" = 'Usage: cp [OPTION]... [-T] SOURCE DEST' ]
	awk 'length > 80 { bad = 1 } END { exit bad }' <<<"$output"
	for word in --recursive --no-clobber --version --durable; do
		grep -q -e "$word\>" <<<"$output"
	done
	exits 0 "$CP" --version
	[[ ${lines[0]} =~ ^cp\ \(weir\)\ [0-9.]+$ ]]
	# The first of them is all that counts.
	exits 0 "$CP" a --version --help --nosuch
	[[ $output == 'cp (weir) '* ]]
}

@test "help to a full device is cp's failure" {
	need_full_device
	# shellcheck disable=SC2016
	exits 1 sh -c '"$1" --help >/dev/full' - "$CP"
	[ "$stderr" = "cp: cannot write standard output: No space left on device (ENOSPC)" ]
}

@test "cp syncs nothing unless it is told to" {
	printf x >a
	exits 0 "$CP" --stats a b
	says $'\nsyncs_fs 0'
	says $'\nsyncs_file 0'
	says $'\nfiles_durable 0'
	says 'cp: copied 1 file'
	need_command strace
	case ${WEIR_LANE:-} in *asan) skip "the leak check cannot run under a tracer" ;; esac
	synced() { # ARGUMENT...
		rm -f b
		strace -f -qq -o trace -e trace=fsync,fdatasync,syncfs,sync,io_uring_enter "$@" ||
			return 2
		grep -Eq '(fsync|syncfs|fdatasync|sync)\(' trace
	}
	synced true || [ $? -eq 1 ] || skip "may not trace here"
	[ "$(stat -f -c %T .)" != tmpfs ] || skip "nothing is synced on tmpfs"
	export WEIR_ENGINE=plain
	run ! synced "$CP" a b
	synced "$CP" --durable=file a b
	WEIR_DURABLE=group synced "$CP" a b
	WEIR_DURABLE=group run ! synced "$CP" --durable=none a b
	synced "$WEIR" copy a b
}

# As $WEIR does it on a terminal: see progress.bats.
@test "cp tells a terminal nothing that was not asked for" {
	need_command script
	need_slow
	on_terminal() { # COMMAND
		script -qec "$1" /dev/null </dev/null >typed
	}
	slow='--engine=plain --direct=never --chunk-size=4K --depth=1 --workers=1'
	trace="strace -f -qq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:delay_enter=6000"
	on_terminal "$trace '$WEIR' copy $slow big seen"
	cmp big seen
	[ -s typed ]
	on_terminal "$trace '$CP' $slow big unseen"
	cmp big unseen
	[ ! -s typed ]
	on_terminal "$trace '$CP' $slow --progress=auto big asked"
	[ -s typed ]
	on_terminal "'$CP' -n big asked"
	[ ! -s typed ]
}

@test "a signal ends cp with that signal, in silence" {
	local pid

	need_slow
	(
		exec strace -D -f -qq -o /dev/null -e trace=pwrite64 \
			-e inject=pwrite64:delay_enter=100000 "$CP" --engine=plain \
			--direct=never --chunk-size=4K --depth=1 --workers=1 big copy 2>said
	) &
	pid=$!
	under_way() {
		local caught

		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = cp ] || return 1
		caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$pid/status")
		[ -n "$caught" ] && (((16#$caught >> 14) & 1))
	}
	await under_way
	kill -TERM "$pid"
	ends "$pid" 143
	[ ! -s said ]
	absent copy
}

@test "long options of cp may be shortened, those of weir may not" {
	mkdir -p source/d target
	printf x >source/d/f
	ln -s f source/d/l
	exits 0 "$CP" --recurs source/d --targ=target
	cmp source/d/f target/d/f
	[ -L target/d/l ]
	exits 0 "$CP" --verb --no-clob --preser=mode,time source/d/f target
	prints 'copied target/f'
	exits 0 "$CP" --one --arch --no-t source/d copy
	[ "$(stat -c %Y copy)" = "$(stat -c %Y source/d)" ]
	# A name of cp counts, though weir has a longer one.
	exits 0 "$CP" --deref -r source/d followed
	[ -f followed/l ]
	[ ! -L followed/l ]
	fails '--no: could be --no-clobber, --no-dereference, --no-preserve, --no-target-dir' \
		--no source/d/f x
	fails '--re: could be --recursive, --reflink, --remove-destination; ' --re source/d x
	# What cp has and weir has not is refused by its whole name.
	fails '--context: not an option of weir; ' --conte source/d/f x
	fails '--stat: not an option of weir; ' --stat source/d/f x
	fails '--dur: not an option of weir; ' --dur=end source/d/f x
	fails '--: not an option of weir; ' --=x source/d/f x
	fails '--recursive: takes no value' --recur=x source/d x
	absent x
}

@test "values may be shortened, too" {
	printf x >a
	exits 0 "$CP" --sparse=au --reflink=n --preserve=mo,own,ti --no-preserve=x a b
	cmp a b
	fails "--sparse: 'a' is not one of auto, always, never" --sparse=a a c
	fails "--sparse: '' is not one of" --sparse= a c
	fails "--preserve: '' is not one of" --preserve=m, a c
	absent c
	refuses "--sparse: 'au' is not one of" copy --sparse=au a c
	refuses "--preserve: 'mo' is not one of" copy --preserve=mo a c
}

@test "a log tells that it was cp" {
	printf x >a
	exits 0 "$CP" --log-file=log a b
	grep -q "weir [0-9.]*: cp '--log-file=log' 'a' 'b'$" log
	grep -q '\] copied b$' log
	grep -q '\] cp: copied 1 file' log
}
