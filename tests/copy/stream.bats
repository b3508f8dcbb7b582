#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later

load helper

# Ends what waits for the other end of a FIFO, if a test failed.
teardown() {
	[ -z "${reader:-}" ] || kill "$reader" 2>/dev/null || true
	end_test
}

# bats test_tags=C06
@test "a device as target operand is written to and stays a device" {
	need_devices
	mktree file "$S/f" 3000
	mknod "$D/null" c 1 3
	exits 0 "$WEIR" copy "$S/f" "$D/null"
	[ "$(stat -c %t:%T "$D/null")" = 1:3 ]
	exits 0 "$WEIR" copy -T "$S/f" "$D/null"
	ln -s null "$D/link"
	exits 0 "$WEIR" copy "$S/f" "$D/link"
	[ -c "$D/null" ] && [ -L "$D/link" ]
	mknod "$D/full" c 1 7
	run --separate-stderr "$WEIR" copy "$S/f" "$D/full"
	[ "$status" -eq 27 ] || [ "$status" -eq 23 ]
	says ENOSPC
	[[ $stderr != *"bytes are needed"* && $stderr != *"cannot go on"* ]]
	[ -c "$D/full" ]
	no_temps "$D"
}

# A device of the test's own: what goes wrong must not hit that of the machine.
# bats test_tags=C06
@test "no option but --remove-destination takes a target operand that is a device away" {
	local options target

	need_devices
	mktree file "$S/f" 3000
	mknod "$D/null" c 1 3
	mkfifo "$D/fifo"
	ln -s null "$D/link"
	for options in -a -r -b --backup=numbered --inplace --attributes-only -l -s -lf -sf \
		-n -u -f -i --preallocate --sparse=always --reflink=auto --dry-run \
		"-a --inplace" "-T -a" \
		--durable=none --keep=owner:require --no-preserve=mode -L -P; do
		for target in null link fifo; do
			[ $target != fifo ] || timeout 20 cat "$D/fifo" >/dev/null 3>&- &
			# shellcheck disable=SC2086
			run --separate-stderr timeout 20 "$WEIR" copy $options "$S/f" "$D/$target"
			case $options in
			-l | -s | -lf | -sf | *attributes*) [ "$status" -eq 28 ] ;;
			*backup* | -b) ;;
			*) [ "$status" -eq 0 ] ;;
			esac || { echo "$options: $status: $stderr"; false; }
			[ $target != fifo ] || { kill $! || wait $! || true; } 2>/dev/null
			[ "$(stat -c %t:%T "$D/null")" = 1:3 ]
			[ -p "$D/fifo" ]
			# What a backup is made of may be replaced: here the link.
			case $options in *backup* | -b) ln -sf null "$D/link" ;; esac
			[ -L "$D/link" ]
		done
	done
	no_temps "$D"
}

# bats test_tags=C06
@test "/dev/null as target operand stays what it is" {
	mktree file "$S/f" 3000
	[ -c /dev/null ]
	# As nobody: were this to fail as root, the machine would lose it.
	user_areas
	chmod a+r "$S/f"
	exits 0 as_user "$WEIR" copy "$S/f" /dev/null
	[ -c /dev/null ]
}

# bats test_tags=C06
@test "a block device or a socket as target operand is refused" {
	need_devices
	mktree file "$S/f" 3000
	mknod "$D/loop" b 7 250
	exits 28 "$WEIR" copy "$S/f" "$D/loop"
	[ -b "$D/loop" ]
	run --separate-stderr "$WEIR" copy "$D/loop" "$S/g"
	[ "$status" -eq 23 ]
	absent "$S/g"
}

# bats test_tags=C06,D15
@test "a FIFO as target operand gets every byte, holes as zeros" {
	mktree sparse "$S/f" 3000123 4096 1000000
	mkfifo "$D/p"
	cat "$D/p" >"$T/got" &
	reader=$!
	exits 0 timeout 60 "$WEIR" copy "$S/f" "$D/p"
	wait "$reader"
	[ -p "$D/p" ]
	cmp "$S/f" "$T/got"
	no_temps "$D"
}

# bats test_tags=C06
@test "a FIFO as source operand is read until its writer has closed it" {
	mktree file "$T/data" 700000
	mkfifo "$S/p"
	cat "$T/data" >"$S/p" &
	reader=$!
	exits 0 timeout 60 "$WEIR" copy "$S/p" "$D/f"
	wait "$reader"
	same "$T/data" "$D/f"
	# An anonymous one whose writer may be gone already.
	exits 0 timeout 60 "$WEIR" copy <(cat "$T/data") "$D/g"
	same "$T/data" "$D/g"
	exits 0 timeout 60 "$WEIR" copy <(:) "$D/empty"
	[ "$(stat -c %s "$D/empty")" -eq 0 ]
}

# bats test_tags=C06
@test "what went into a stream is durable only if the stream could be synced" {
	local level

	[ "$(fs_type "$D")" != tmpfs ] || skip "nothing is durable on tmpfs"
	mktree file "$S/f" 3000
	mkfifo "$S/p" "$D/p"
	for level in group file end none; do
		cat "$D/p" >/dev/null &
		reader=$!
		run --separate-stderr timeout 60 "$WEIR" copy --stats --durable=$level \
			"$S/f" "$D/p"
		[ "$status" -eq 0 ]
		wait "$reader"
		says "a stream: not known to be durable"
		counts files_done -eq 1
		counts bytes_written -eq 3000
		counts files_durable -eq 0
		counts bytes_durable -eq 0
	done
	for level in group file end; do
		cat "$S/f" >"$S/p" &
		reader=$!
		run --separate-stderr timeout 60 "$WEIR" copy --stats --durable=$level \
			"$S/p" "$D/f.$level"
		[ "$status" -eq 0 ]
		wait "$reader"
		says "copied 1 file, "
		says "; durable"
		counts files_found -eq 1
		counts files_durable -eq 1
		counts bytes_durable -eq 3000
	done
}

# bats test_tags=C06,E06
@test "a stream that can be synced is synced, and its error is one" {
	no_trace
	need_strace
	need_devices
	mktree file "$S/f" 3000
	mknod "$D/null" c 1 3
	run --separate-stderr strace -f -o "$T/trace" -e trace=write,fsync \
		-e inject=fsync:retval=0 \
		"$WEIR" copy --engine=plain --stats "$S/f" "$D/null"
	[ "$status" -eq 0 ]
	says "; durable"
	counts bytes_durable -eq 3000
	grep -A1 'write(.*3000) *= 3000' "$T/trace" | grep -q fsync
	run --separate-stderr strace -f -o /dev/null -e inject=fsync:error=EIO \
		"$WEIR" copy --engine=plain "$S/f" "$D/null"
	[ "$status" -eq 23 ]
	says "cannot fsync target"
	says EIO
}

# bats test_tags=C06
@test "/dev/null as source operand is an empty file" {
	mktree file "$D/f" 100
	exits 0 "$WEIR" copy /dev/null "$D/f"
	[ -f "$D/f" ] && [ ! -s "$D/f" ]
}

@test "standard output as target operand gets the bytes" {
	[ -e /dev/stdout ] || skip "no /dev/stdout"
	mktree file "$S/f" 100000
	"$WEIR" copy "$S/f" /dev/stdout | cmp "$S/f" -
	[ "${PIPESTATUS[0]}" -eq 0 ]
}

# bats test_tags=M01
@test "a run that waits for the other end of a FIFO can be interrupted" {
	local side ended

	mktree file "$S/f" 100
	mkfifo "$S/p"
	for side in source target; do
		if [ $side = source ]; then
			timeout --preserve-status -s TERM 2 "$WEIR" copy -q "$S/p" "$D/x" &
		else
			timeout --preserve-status -s TERM 2 "$WEIR" copy -q "$S/f" "$S/p" &
		fi
		reader=$!
		ended=0
		wait "$reader" || ended=$?
		[ "$ended" -eq 143 ]
	done
	absent "$D/x"
	no_temps "$D"
}

@test "an endless device is read until an interrupt, and leaves nothing" {
	[ -c /dev/zero ] || skip "no /dev/zero"
	(ulimit -f 100000 && run timeout 60 "$WEIR" copy /dev/zero "$D/z")
	absent "$D/z"
	no_temps "$D"
}

@test "a reader that goes away is an error, not the end of the run's messages" {
	mktree file "$S/f" 3000000
	mkfifo "$D/p"
	head -c 10 "$D/p" >/dev/null &
	reader=$!
	run --separate-stderr timeout 60 "$WEIR" copy "$S/f" "$D/p"
	wait "$reader"
	[ "$status" -eq 23 ]
	says EPIPE
}

@test "--copy-contents reads FIFOs below a folder, -r alone makes them" {
	mkdir "$S/a"
	mkfifo "$S/a/p"
	mktree file "$S/a/f" 100
	copies -r "$S/a" "$D/made"
	[ -p "$D/made/p" ]
	printf hello >"$S/a/p" &
	reader=$!
	exits 0 timeout 60 "$WEIR" copy -r --copy-contents "$S/a" "$D/read"
	wait "$reader"
	[ -f "$D/read/p" ]
	[ "$(cat "$D/read/p")" = hello ]
	same "$S/a/f" "$D/read/f"
}

@test "a stream is no target with -n, and not in a dry run" {
	mktree file "$S/f" 100
	mkfifo "$D/p"
	exits 0 timeout 20 "$WEIR" copy -n "$S/f" "$D/p"
	exits 0 timeout 20 "$WEIR" copy --dry-run "$S/f" "$D/p"
	[ -p "$D/p" ]
}

# bats test_tags=E06
@test "a stream whose copy cannot be synced fails, it is not read once more" {
	need_strace
	[ "$(fs_type "$D")" != tmpfs ] || skip "nothing is synced on tmpfs"
	run --separate-stderr bash -c 'echo precious | timeout 60 strace -f -o /dev/null \
		-e inject=fsync,fdatasync:error=EIO:when=1 \
		"$0" copy --engine=plain --durable=file /dev/stdin "$1"' "$WEIR" "$D/out"
	[ "$status" -eq 23 ]
	says EIO
	absent "$D/out"
	no_temps "$D"
}

@test "what is not for streams is refused, and -u is heard" {
	local option

	mktree file "$D/f" 100
	mkfifo "$D/p"
	cp -a "$D/f" "$T/before"
	for option in --attributes-only --inplace; do
		run --separate-stderr bash -c 'echo x | timeout 20 "$@"' - \
			"$WEIR" copy $option /dev/stdin "$D/f"
		[ "$status" -eq 23 ]
		says "a stream"
	done
	for option in -l -s --attributes-only; do
		exits 28 timeout 20 "$WEIR" copy $option "$D/f" "$D/p"
	done
	touch -d 2099-01-01 "$D/f" "$T/before"
	run --separate-stderr bash -c 'echo x | timeout 20 "$@"' - "$WEIR" copy -u /dev/stdin "$D/f"
	[ "$status" -eq 0 ]
	same "$T/before" "$D/f"
	[ -p "$D/p" ]
}

@test "a dry run opens no stream" {
	need_strace
	mkfifo "$S/p"
	exits 0 timeout 20 strace -f -o "$T/trace" -e trace=openat \
		"$WEIR" copy --dry-run "$S/p" "$D/f"
	run ! grep -q '"p"' "$T/trace"
	absent "$D/f"
}

# bats test_tags=C06
@test "a link or FIFO that is made anew does not take the place of a FIFO operand" {
	mkfifo "$S/fifo" "$D/fifo"
	ln -s nowhere "$S/link"
	copy_exits 28 -r "$S/fifo" "$D/fifo"
	says "never replaced"
	copy_exits 28 -d "$S/link" "$D/fifo"
	[ -p "$D/fifo" ]
	copies -r --remove-destination "$S/link" "$D/fifo"
	[ -L "$D/fifo" ]
}

# bats test_tags=C06
@test "a file that the caller has open is written to, and never replaced" {
	local options

	mktree file "$S/f" 3000
	mktree file "$S/other" 10
	for options in "" --engine=plain -p; do
		# shellcheck disable=SC2086 # words
		{ "$WEIR" copy $options "$S/f" /dev/stdout && echo footer; } >>"$T/log"
		cmp -n 3000 "$S/f" "$T/log"
		[ "$(tail -c 7 "$T/log")" = footer ]
		rm "$T/log"
		# One without a name, and one whose name is another file's by now.
		ln -sf /proc/self/fd/9 "$T/own"
		exec 9<>"$T/gone"
		rm "$T/gone"
		# shellcheck disable=SC2086 # words
		exits 0 "$WEIR" copy $options "$S/f" "$T/own"
		[ -L "$T/own" ]
		cmp "$S/f" /proc/self/fd/9
		cp "$S/other" "$T/gone (deleted)"
		exits 0 "$WEIR" copy $options "$T/own" "$D/read"
		cmp "$S/f" "$D/read"
		exec 9>&-
		rm "$T/gone (deleted)"
	done
	[ -L /dev/stdout ]
}
