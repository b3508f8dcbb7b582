#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# once
#
# A small part of `make check-crash`: states that a disk may hold at a power cut, by
# the model of tests/tools/crashmodel.h.  "Crash states" in tests/README.md has the rest.

load ../copy/helper

setup() {
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	[ "$(stat -f -c %T /dev/shm 2>&1)" = tmpfs ] || skip "/dev/shm is no tmpfs"
	[ -w /dev/shm ] || skip "/dev/shm cannot be written to"
}

teardown() {
	:
}

# Some of all workloads; K/N: every N-th from K on.  The kind of target is the rest of
# the number by 3, so an N that 3 does not divide takes all of them in turn.
crash() { # K/N ARGUMENT...
	run --separate-stderr crashloop --weir="$WEIR_FAULTY" --size=full --part="$1" "${@:2}"
}

# One workload, by the number that a failure tells.
crash_one() { # NUMBER ARGUMENT...
	crash "$1/1000000000" --cross "${@:2}"
}

passes() {
	echo "$output $stderr"
	[ "$status" -eq 0 ]
	[[ ${lines[-1]} =~ ^[1-9][0-9]*' passed, 0 failed'$ ]]
}

# bats test_tags=N01,N05,N09,N10,N12
@test "a power cut after any operation leaves old or new, and the next run mends it" {
	crash 17/601 --model=weak --most=14 --again=0
	passes
}

# bats test_tags=N01,N12
@test "the same where names and attributes reach the disk in order, and after two cuts" {
	crash 17/601 --model=ordered --most=14 --again=10
	passes
}

# bats test_tags=N01,N02
@test "a sync that is told and not made is found out" {
	crash_one 0 --model=weak --most=40 --again=0 --plan="op=syncfs,fsync ret=0"
	[ "$status" -eq 1 ]
	[ "$(grep -c "^FAILED .*: J1: " <<<"$output")" -ge 10 ]
	grep -q "^FAILED .*: J2: " <<<"$output"
}

# bats test_tags=N12
@test "a cut while a folder comes into the place of a file leaves nothing for ever" {
	crash_one 891 --model=weak --most=40 --again=0
	passes
}

# bats test_tags=N04,O15
@test "what is moved to a new folder of the trash is never in neither place" {
	crash_one 42774 --model=weak --most=0 --again=0
	passes
}

# bats test_tags=N06
@test "what is written in place is whole or marked at any cut" {
	crash_one 10427 --model=weak --most=30 --again=0 # overwrite a/x, grow b/y
	passes
}
