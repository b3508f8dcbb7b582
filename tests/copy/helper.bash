# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What all copy tests share.  Each test gets two empty folders: $S for sources
# and $D for targets.  They are on one file system unless TEST_SOURCE_FOLDER
# names a folder on another one.

bats_require_minimum_version 1.8.0
load "${BASH_SOURCE[0]%/*}/../hear"

top=$(cd "${BATS_TEST_FILENAME%/*}/../.." && pwd -P)
: "${WEIR:=$top/build/release/weir}"
: "${WEIR_TOOLS:=$top/build/release/tools}"
: "${WEIR_FAULTY:=$top/build/fault/weir}"
PATH=$WEIR_TOOLS:$PATH:/usr/sbin:/sbin

# Nothing here may depend on what the caller has set.
unset WEIR_CONFINE WEIR_DURABLE WEIR_TRACE WEIR_TRACE_DATA WEIR_FAULT POSIXLY_CORRECT
# Most tests are about bytes that are read and written.
export WEIR_REFLINK=${TEST_REFLINK:-never}
umask 022

setup() {
	make_areas
	begin_traces
}

teardown() {
	end_test
}

end_test() {
	local judged=0

	judge_traces || judged=1
	remove_areas
	return $judged # the status of the last line is all that counts here
}

# A test whose own counts a trace would disturb goes without.
no_trace() {
	unset WEIR_TRACE
}

# With TEST_TRACES=1 and a fault build under test, each run leaves a trace, which
# must keep the rules of tests/lint/trace.awk.
begin_traces() {
	[ -n "${TEST_TRACES:-}" ] || return 0
	mkdir -m 1777 "$BATS_TEST_TMPDIR/traces"
	export WEIR_TRACE=$BATS_TEST_TMPDIR/traces
}

judge_traces() {
	local trace rules=${BATS_TEST_DIRNAME%/*}/lint/trace.awk

	[ -d "$BATS_TEST_TMPDIR/traces" ] || return 0
	find "$BATS_TEST_TMPDIR/traces" -type f -size -20M | while IFS= read -r trace; do
		[ -s "$trace" ] || continue
		sort -n "$trace" | awk -v paths="${TRACED_PATHS:-0}" -f "$rules" || exit 1
	done
}

make_areas() {
	T=$BATS_TEST_TMPDIR
	D=$T/target
	S=$T/source
	if [ -n "${TEST_SOURCE_FOLDER:-}" ]; then
		S=$(mktemp -d "$TEST_SOURCE_FOLDER/source.XXXXXX")
	else
		mkdir "$S"
	fi
	mkdir "$D"
}

# Bats removes its own folder; a tree of any modes must let it.
remove_areas() {
	chmod -R u+rwX "$S" "$D" 2>/dev/null || true
	[ "$S" = "$T/source" ] || rm -rf "$S"
}

# A number that makes a test longer and no other: the larger one with TEST_SIZE=full.
size() { # USUAL FULL
	[ "${TEST_SIZE:-}" = full ] && echo "$2" || echo "$1"
}

# --- Running ------------------------------------------------------------------

# Runs weir copy; sets status, output (stdout) and stderr.
copy() {
	hear "$WEIR" copy "$@"
}

# Runs a command, which must end with this status.
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

# The last command said no by a status of its own: not by a signal, and not
# because there was no such command.
refuses() {
	case $status in 1 | 2 | 23 | 24 | 27 | 28 | 29) return 0 ;; esac
	printf 'status %s is no refusal\nstderr: %s\n' "$status" "${stderr:-$output}"
	return 1
}

# weir copy, which must succeed, in silence unless told to speak.
copies() {
	exits 0 "$WEIR" copy "$@"
}

# weir copy, which must end with this status.
copy_exits() { # STATUS ARGUMENT...
	local expected=$1

	shift
	exits "$expected" "$WEIR" copy "$@"
}

# The last standard error must have a line with this text.
says() { # TEXT
	[[ $stderr == *"$1"* ]] && return 0
	printf 'standard error says nothing of "%s":\n%s\n' "$1" "$stderr"
	return 1
}

# A list of what must not be must be empty.
nothing() { # TEXT
	[ -z "$1" ] && return 0
	printf 'unexpected:\n%s\n' "$1"
	return 1
}

silent() {
	[ -z "$stderr" ] && [ -z "$output" ] && return 0
	printf 'not silent: "%s" "%s"\n' "$output" "$stderr"
	return 1
}

# A counter of the last run, which had --stats.
stat_of() { # NAME
	awk -v name="$1" '$1 == name { value = $2 } END { print value }' <<<"$stderr"
}

# A counter compared with a number: counts ops_read -gt 0
counts() { # NAME OPERATOR NUMBER
	local value

	value=$(stat_of "$1")
	[ -n "$value" ] && test "$value" "$2" "$3" && return 0
	printf '%s is "%s", expected %s %s:\n%s\n' "$1" "$value" "$2" "$3" "$stderr"
	return 1
}

# --- Judging ------------------------------------------------------------------

same() { # [OPTION...] EXPECTED ACTUAL
	treecheck "$@"
}

differs() { # [OPTION...] EXPECTED ACTUAL
	! treecheck --quiet "$@"
}

# Each entry of ACTUAL is as in NEW or as in OLD, and none of OLD is lost.
old_or_new() { # OLD NEW ACTUAL [OPTION...]
	treecheck --skip-temps "${@:4}" --or="$1" "$2" "$3"
}

# What there is of ACTUAL is as in NEW.
nothing_half() { # NEW ACTUAL
	[ -d "$2" ] || return 0
	mkdir -p "$T/empty"
	old_or_new "$T/empty" "$1" "$2"
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

temps_in() { # FOLDER
	find "$1" -name '.weir.*' 2>/dev/null | grep -E '/\.weir\.[a-z2-7]{24}$' || true
}

no_temps() { # FOLDER
	local found

	found=$(temps_in "$1")
	[ -z "$found" ] && return 0
	printf 'temporary names are left:\n%s\n' "$found"
	return 1
}

empty_folder() { # FOLDER
	[ -z "$(ls -A "$1")" ] && return 0
	printf '%s is not empty:\n' "$1"
	ls -lA "$1"
	return 1
}

# Everything one can see of a tree, to prove that nothing changed.
picture() { # FOLDER
	(cd "$1" && find . -printf '%p %y %m %U:%G %s %T@ %i %n %l\n' | sort &&
		find . -type f -exec cksum {} + | sort)
}

mode_of() {
	stat -c %a "$1"
}

fs_type() { # FOLDER
	stat -f -c %T "$1"
}

# --- What this place offers ------------------------------------------------------

# Privilege is found by trying, and fakeroot is none.
need_root() {
	unshare -m true 2>/dev/null || skip "needs root"
}

# Files can be given away, and we can become somebody else.
need_owners() {
	: >"$T/owned"
	if ! { chown 1234:4321 "$T/owned" && chown 0:0 "$T/owned"; } 2>/dev/null || ! can_drop; then
		skip "needs the right to give files away and to change users"
	fi
	rm "$T/owned"
}

need_devices() {
	if ! { mknod "$T/probe" c 1 3 && : <"$T/probe" && [ -c "$T/probe" ]; } 2>/dev/null; then
		skip "needs a place and the right to make device nodes"
	fi
	rm "$T/probe"
}

need_ring() {
	[ "${WEIR_ENGINE:-auto}" != plain ] || skip "this lane has the ring off"
	ringtest >/dev/null || skip "no io_uring here"
}

need_no_sanitizer() {
	case ${WEIR_LANE:-} in
	*asan | *tsan) skip "the sanitizer needs what is limited here" ;;
	esac
}

no_sync_here() {
	[ "$(fs_type "$D")" != tmpfs ] || skip "nothing is synced on tmpfs"
}

# The file system of the target is asked as a whole: overlay never is.
need_syncfs() {
	no_sync_here
	case $(fs_type "$D") in
	ext2/ext3 | xfs | btrfs) ;;
	*) skip "syncfs is not believed here" ;;
	esac
}

# The thread sanitizer's build copies nothing without a thread of its own (limits.h).
need_small_runs() {
	case ${WEIR_LANE:-} in *tsan) skip "in this build no run is small" ;; esac
}

need_command() {
	command -v "$1" >/dev/null || skip "needs $1"
}

need_strace() {
	need_command strace
	strace -o /dev/null true 2>/dev/null || skip "may not trace here"
	case ${WEIR_LANE:-} in *asan) skip "the leak check cannot run under a tracer" ;; esac
}

# System calls can be held while something else happens, see tools/meanwhile.c.
need_meanwhile() {
	meanwhile openat /dev/null : -- cat /dev/null 2>/dev/null || skip "cannot hold calls here"
}

# Runs weir copy with plain calls; just before its first CALL about NAME the
# script is run.  With EACH=1 before every one.
during() { # CALL NAME SCRIPT ARGUMENT...
	run --separate-stderr meanwhile ${EACH:+--each} "$1" "$2" "$3" -- \
		"$WEIR" copy --engine=plain "${@:4}"
}

ended() { # STATUS
	[ "$status" -eq "$1" ] && return 0
	printf 'status %s, expected %s\nstdout: %s\nstderr: %s\n' "$status" "$1" "$output" "$stderr"
	return 1
}

need_same_fs() {
	[ -z "${TEST_SOURCE_FOLDER:-}" ] || skip "needs both sides on one file system"
}

# We can become another user, seen in what the kernel says: fakeroot only says so.
can_drop() {
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		grep -q '^Uid:[[:space:]]*65534[[:space:]]' /proc/self/status 2>/dev/null
}

# Runs a command as a user who owns nothing: nobody, if we may change into that;
# else ourselves, see user_areas.  Its limits are its own, so it has its own uid.
as_user() {
	if can_drop; then
		setpriv --reuid="$other_user" --regid="$other_user" --clear-groups "$@"
	else
		"$@"
	fi
}

other_user=65534

# That user is one who runs nothing else: what one may lock counts for all of his runs.
lone_user() {
	local uid=$((1000000 + BASHPID))

	can_drop || return 0
	! setpriv --reuid=$uid --regid=$uid --clear-groups true 2>/dev/null || other_user=$uid
}

# Hands the areas of this test to that user, or skips.
user_areas() {
	if can_drop; then
		local folder=$T

		while [ "$folder" != / ] && [ "$folder" != "${TMPDIR:-/tmp}" ]; do
			chmod a+x "$folder"
			folder=${folder%/*}
			[ -n "$folder" ] || folder=/
		done
		chown -R "$other_user:$other_user" "$S" "$D" 2>/dev/null ||
			skip "may not give files away"
		chmod a+rwx "$T"
	fi
	as_user "$WEIR" --version >/dev/null 2>&1 || skip "that user cannot run $WEIR"
	as_user launch -- true 2>/dev/null || skip "that user cannot run the tools"
	as_user test -w "$D" || skip "that user cannot reach the test folder"
	need_ordinary
}

# A root who may not become somebody else is no ordinary user: it reads what
# nobody may.
need_ordinary() {
	local probe=$T/ordinary

	: >"$probe"
	chmod 0 "$probe"
	if as_user cat "$probe" >/dev/null 2>&1; then
		rm -f "$probe"
		skip "needs an ordinary user"
	fi
	rm -f "$probe"
}
