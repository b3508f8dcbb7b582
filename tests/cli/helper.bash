# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What the tests of the command line share.  Each test runs in an empty folder
# of its own, $T.

bats_require_minimum_version 1.8.0
load "${BASH_SOURCE[0]%/*}/../hear"

top=$(cd "${BATS_TEST_FILENAME%/*}/../.." && pwd -P)
: "${WEIR:=$top/build/release/weir}"
: "${WEIR_TOOLS:=$top/build/release/tools}"

# Nothing here may depend on what the caller has set, but for WEIR_ENGINE: it
# makes check-plain.
unset WEIR_CONFINE WEIR_DURABLE WEIR_TRACE WEIR_TRACE_DATA WEIR_FAULT POSIXLY_CORRECT
export LC_ALL=C.UTF-8
umask 022

# Exit statuses, as weir-copy(1) lists them.
# shellcheck disable=SC2034 # for the tests
USAGE=2 FATAL=1 PARTIAL=23

setup() {
	T=$BATS_TEST_TMPDIR/area
	mkdir "$T"
	cd "$T" || return 1
}

# --- Running ------------------------------------------------------------------

# Runs a command, which must end with this status; sets output and stderr.
# shellcheck disable=SC2154 # bats sets status, output and stderr
exits() { # STATUS COMMAND...
	local expected=$1

	quick_helpers
	shift
	hear "$@"
	[ "$status" -eq "$expected" ] && return 0
	printf 'status %s, expected %s: %s\n' "$status" "$expected" "$*"
	printf 'stdout: %s\nstderr: %s\n' "$output" "$stderr"
	return 1
}

# A command line that is wrong: status 2, one line on standard error that holds
# TEXT, nothing on standard output, and nothing was done.
refuses() { # TEXT ARGUMENT...
	local text=$1

	shift
	exits "$USAGE" "$WEIR" "$@" || return 1
	says "$text" && no_output && one_line "$stderr"
}

# The last standard error holds this text.
says() { # TEXT
	[[ $stderr == *"$1"* ]] && return 0
	printf 'standard error has no "%s":\n%s\n' "$1" "$stderr"
	return 1
}

# A line of the last standard error is wholly of this form.
says_line() { # REGEX
	grep -Eqx -e "$1" <<<"$stderr" && return 0
	printf 'standard error has no line "%s":\n%s\n' "$1" "$stderr"
	return 1
}

says_nothing_of() { # TEXT
	[[ $stderr != *"$1"* ]] && return 0
	printf 'standard error has "%s":\n%s\n' "$1" "$stderr"
	return 1
}

# The last standard output is exactly this.
prints() { # TEXT
	[ "$output" = "$1" ] && return 0
	printf 'standard output is not "%s" but:\n%s\n' "$1" "$output"
	return 1
}

no_output() {
	prints ''
}

no_stderr() {
	[ -z "$stderr" ] && return 0
	printf 'standard error is not empty:\n%s\n' "$stderr"
	return 1
}

one_line() { # TEXT
	[ -n "$1" ] && [[ $1 != *$'\n'* ]] && return 0
	printf 'not one line:\n%s\n' "$1"
	return 1
}

absent() { # PATH...
	local path

	for path in "$@"; do
		if [ -e "$path" ] || [ -L "$path" ]; then
			printf '%s is there\n' "$path"
			return 1
		fi
	done
}

# No line of a file has this form.
has_none() { # REGEX FILE
	! LC_ALL=C grep -Eaq -e "$1" "$2" && return 0
	printf 'lines of %s with "%s":\n' "$2" "$1"
	LC_ALL=C grep -Ea -e "$1" "$2" | cat -v
	return 1
}

# A file holds no byte that could move a cursor or end a line within one.
no_controls() { # FILE
	! LC_ALL=C grep -n -a -q $'[\001-\011\013-\037\177]' "$1" && return 0
	printf 'control characters in %s:\n' "$1"
	cat -v "$1"
	return 1
}

# Some files to copy: source/0 to source/N-1, one byte each.
make_files() { # N
	local i

	mkdir source
	for ((i = 0; i < $1; i++)); do
		printf x >"source/$i"
	done
}

# --- What this place offers -----------------------------------------------------

need_command() {
	command -v "$1" >/dev/null || skip "needs $1"
}

need_tool() {
	[ -x "$WEIR_TOOLS/$1" ] || skip "needs the tool $1 of 'make check'"
}

need_full_device() {
	[ -c /dev/full ] && ! printf x >/dev/full 2>/dev/null || skip "needs /dev/full"
}

# --- A copy that takes seconds ---------------------------------------------------

# A copy of a small file in 256 writes, each held up by the tracer.  With -D the
# tracer is nobody's parent: the command keeps the process that starts it.
need_slow() {
	need_command strace
	case ${WEIR_LANE:-} in *asan | *tsan) skip "the sanitizer cannot run under a tracer" ;; esac
	strace -D -f -o "$T/.trace" -e trace=pwrite64 \
		-e inject=pwrite64:delay_enter=1000 true 2>/dev/null || skip "may not trace here"
	head -c 1048576 /dev/zero | tr '\0' x >big
}

# Replaces this process (call it in a subshell) with the slow copy.
slow_copy() { # MICROSECONDS ARGUMENT...
	local delay=$1

	shift
	exec strace -D -f -qq -o /dev/null -e trace=pwrite64 \
		-e "inject=pwrite64:delay_enter=$delay" \
		"$WEIR" copy --engine=plain --direct=never --chunk-size=4K --depth=1 \
		--workers=1 "$@"
}

# Waits until a condition holds, 10 s at most.
await() { # COMMAND...
	local i

	for ((i = 0; i < 200; i++)); do
		"$@" && return 0
		sleep 0.05
	done
	printf 'waited in vain for: %s\n' "$*"
	return 1
}

# A child of ours ends with this status.
ends() { # PID STATUS
	local ended=0

	wait "$1" || ended=$?
	[ "$ended" -eq "$2" ] && return 0
	printf 'process %s ended with status %s, expected %s\n' "$1" "$ended" "$2"
	return 1
}

# True once the process is weir and has asked for its signals: the copy is under
# way.  The shell that becomes it may catch signals too.
catches() { # PID SIGNAL-NUMBER
	local caught

	[ "$(cat "/proc/$1/comm" 2>/dev/null)" = weir ] || return 1
	caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null)
	[ -n "$caught" ] && (((16#$caught >> ($2 - 1)) & 1))
}
