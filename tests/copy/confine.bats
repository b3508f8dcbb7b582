#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Rights that a run gives up: `escape` of tests/tools tries to get out of the process, as
# whoever took it over would.
#
# once

load helper

setup() {
	make_areas
	need_no_sanitizer # which would be loaded first
	OUT=$T/outside
	mkdir "$OUT" "$S/a"
	mktree file "$S/a/f" 100
}

need_faulty() {
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
}

need_landlock() {
	mktree file "$S/probe" 10
	"$WEIR" copy --stats "$S/probe" "$D/probe" 2>&1 | grep -q '^confinement Landlock' ||
		skip "no Landlock here"
	rm "$S/probe" "$D/probe"
}

# A run that is taken over, and tries FILE and $OUT.
escapes() { # FILE ARGUMENT...
	echo text >"$1"
	run --separate-stderr env ESCAPE_FILE="$1" ESCAPE_FOLDER="$OUT" \
		LD_PRELOAD="$WEIR_TOOLS/libescape.so" "$WEIR" "${@:2}"
	ended 0
	says "escape: read: "
}

comes_out() { # WHAT...
	local what

	for what; do says "escape: $what: 0"; done
}

is_kept() { # WHAT...
	local what

	for what; do
		# shellcheck disable=SC2154 # of run
		grep -qE "^escape: $what: (1|13)$" <<<"$stderr" ||
			! grep -q "^escape: $what:" <<<"$stderr" ||
			{ echo "$what is not refused: $stderr" && return 1; }
	done
}

all_is_kept() {
	is_kept read list write create 'ring read' 'ring write' 'ring create' remove run \
		capture 'gain rights'
	[ ! -e "$OUT/new" ]
}

@test "whoever takes a run over gets nowhere beside its sources and its target" {
	local engine

	need_landlock
	for engine in $(engines); do
		escapes "$OUT/f" copy -a --engine="$engine" "$S/a" "$D/$engine"
		all_is_kept
		escapes "$OUT/f" sync --delete --engine="$engine" "$S/a" "$D/sync-$engine"
		all_is_kept
	done
	touch -d @1000000000 "$S/a/f"
	escapes "$OUT/f" copy -p "$S/a/f" "$D/alone"
	all_is_kept
}

@test "with --confine=never a run keeps what rights it has" {
	escapes "$OUT/f" copy -a --confine=never "$S/a" "$D/b"
	comes_out read list write create remove
	[ -e "$OUT/new" ]
}

@test "whoever takes a run over changes no source" {
	need_landlock
	escapes "$S/a/other" copy -a "$S/a" "$D/b"
	comes_out read
	is_kept write remove
	[ "$(cat "$S/a/other")" = text ]
	# What is moved is unlinked, and not written to.
	escapes "$S/a/other" sync --remove-source-files "$S/a" "$D/c"
	is_kept write create
}

@test "a clean changes nothing beside its operands" {
	need_landlock
	: >"$D/$(mktemps 1)"
	escapes "$OUT/f" clean "$D"
	all_is_kept
}

@test "an ordinary user's run is confined, too" {
	user_areas
	need_landlock
	chmod 777 "$OUT"
	echo text >"$OUT/f"
	chmod 666 "$OUT/f"
	run --separate-stderr as_user env ESCAPE_FILE="$OUT/f" ESCAPE_FOLDER="$OUT" \
		LD_PRELOAD="$WEIR_TOOLS/libescape.so" "$WEIR" copy -rp "$S/a" "$D/b"
	ended 0
	says "escape: read: "
	all_is_kept
}

@test "where the kernel cannot confine, all is copied all the same, and --stats says so" {
	need_faulty
	for errno in ENOSYS EPERM E2BIG; do
		run --separate-stderr env WEIR_FAULT="op=confine ret=-$errno" \
			"$WEIR_FAULTY" copy -a --stats "$S/a" "$D/$errno"
		ended 0
		says 'confinement no Landlock; new rights'
		same "$S/a" "$D/$errno"
	done
}

@test "with --confine=always nothing is copied where the kernel cannot confine" {
	local plan="op=confine ret=-ENOSYS"

	need_faulty
	run --separate-stderr env WEIR_FAULT="$plan" \
		"$WEIR_FAULTY" copy -a --confine=always "$S/a" "$D/b"
	ended 1
	says "cannot confine the run to"
	absent "$D/b"
	run --separate-stderr env WEIR_FAULT="$plan" "$WEIR_FAULTY" clean --confine=always "$D"
	ended 1
	need_landlock
	copies -a --confine=always "$S/a" "$D/b"
}

@test "--stats tells what a run may still do" {
	need_landlock
	run --separate-stderr "$WEIR" copy -aL --stats "$S/a" "$D/b"
	says 'reads anywhere, changes names below the target; no new rights'
	run --separate-stderr "$WEIR" sync -n --stats "$S/a" "$D/b"
	says 'reads below the sources, changes nothing; no new rights'
	run --separate-stderr "$WEIR" sync --keep-directory-symlink --stats "$S/a" "$D/b"
	says 'no Landlock: links in the target are followed; no new rights'
}

@test "what lies nowhere is read, and what the kernel shows is shown" {
	need_landlock
	echo piped | "$WEIR" copy --confine=always /dev/stdin "$D/p"
	[ "$(cat "$D/p")" = piped ]
	copies --confine=always <(echo substituted) "$D/q"
	[ "$(cat "$D/q")" = substituted ]
	run --separate-stderr "$WEIR" copy --stats "/proc/$$/environ" "$D/environ"
	ended 0
	says 'no Landlock: what the kernel shows is copied'
	run --separate-stderr "$WEIR" copy --confine=always "/proc/$$/environ" "$D/environ"
	ended 1
	says 'what the kernel shows is copied'
}

@test "the first sync of an account remembers, and is confined" {
	need_landlock
	user_areas
	mkdir "$T/home"
	chown 65534:65534 "$T/home" 2>/dev/null || true
	run --separate-stderr as_user env HOME="$T/home" ESCAPE_FILE="$T/home/f" \
		ESCAPE_FOLDER="$T/home" \
		LD_PRELOAD="$WEIR_TOOLS/libescape.so" "$WEIR" sync "$S/a" "$D/b"
	ended 0
	is_kept create 'ring create'
}
