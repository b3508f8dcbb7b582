#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# long
#
# Signals, kills, output that fails, and several runs at once: cases M01 to
# M05, M09, M10, N01.

load helper

# How often the tests of random moments strike, unless STRIKES says so.
strikes() { # USUAL FULL
	echo "${STRIKES:-$(size "$1" "$2")}"
}

# Two trees with the same names and no byte in common: the target begins as
# the old one and must, name by name, never be anything else than old or new.
old_and_new() {
	mktree random "$S/new" 52 120
	# The same shape for both, so that each name has two versions.
	cp -a "$S/new" "$S/old"
	find "$S/old" -type f -exec sh -c 'for f; do rm -f "$f"; echo "old $f" >"$f"; done' sh {} +
	mktree file "$S/new/large" 6000000 3
	mktree file "$S/old/large" 6000000 4
}

old_target() {
	rm -rf "$D/a"
	cp -a "$S/old" "$D/a"
}

# How long an undisturbed run takes, in microseconds.
measure() { # ARGUMENT...
	strike --report="$T/report" -- "$WEIR" copy "$@"
	awk '{ print $6 }' "$T/report"
}

# A moment before END, from a sequence that a failing test can repeat.
moment() { # END
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	echo $((seed % ($1 + 1)))
}

strike_often() { # TIMES SIGNALS ARGUMENT...
	local times=$1 signals=$2 took at i options=()

	shift 2
	for i in $signals; do options+=("--signal=$i"); done
	old_and_new
	old_target
	took=$(measure "$@" -T "$S/new" "$D/a")
	seed=${SEED:-$RANDOM}
	echo "SEED=$seed, a run takes $took us"
	for ((i = 0; i < times; i++)); do
		old_target
		at=$(moment "$took")
		status=0
		strike --report="$T/report" --after-us="$at" "${options[@]}" -- \
			"$WEIR" copy "$@" -T "$S/new" "$D/a" 2>"$T/stderr" || status=$?
		echo "$i: at $at us: $(cat "$T/report"): $(cat "$T/stderr")"
		old_or_new "$S/old" "$S/new" "$D/a"
		"$after_strike" "$status"
	done
	copies "$@" -T "$S/new" "$D/a"
	no_temps "$D"
	same "$S/new" "$D/a"
}

was_killed_or_done() {
	[ "$1" -eq 137 ] || [ "$1" -eq 0 ]
}

# A signal that can be handled leaves nothing behind either.
ended_clean_by() {
	[ "$1" -eq "$expected" ] || [ "$1" -eq 0 ] || return 1
	no_temps "$D"
}

# bats test_tags=M03,N01
@test "a run killed at any moment leaves old or new, and the next one cleans up" {
	after_strike=was_killed_or_done
	strike_often "$(strikes 6 15)" 9 -r
}

# bats test_tags=M03,N01
@test "the same with plain calls" {
	after_strike=was_killed_or_done
	strike_often "$(strikes 6 15)" 9 -r --engine=plain
}

# bats test_tags=M03
@test "the same with names given at once" {
	after_strike=was_killed_or_done
	strike_often "$(strikes 6 15)" 9 -r --durable=none
}

# bats test_tags=M03
@test "the same with named temporary files only" {
	after_strike=was_killed_or_done
	WEIR_real=$WEIR
	WEIR=$T/weir-named
	printf '#!/bin/sh\nexec %s tmpfile=EOPNOTSUPP -- %s "$@"\n' \
		"$(command -v refuse)" "$WEIR_real" >"$WEIR"
	chmod +x "$WEIR"
	strike_often "$(strikes 4 8)" 9 -r
}

# bats test_tags=M01
@test "an interrupt at any moment leaves old or new and nothing else" {
	after_strike=ended_clean_by
	expected=130
	strike_often "$(strikes 6 15)" 2 -r
}

# bats test_tags=M01
@test "a terminate or hangup ends by that signal" {
	after_strike=ended_clean_by
	expected=143
	strike_often "$(strikes 3 5)" 15 -a
	expected=129
	rm -rf "$S" "$D"
	mkdir "$S" "$D"
	strike_often "$(strikes 3 5)" 1 -a
}

# The folders were opened for us, to be filled: no signal leaves them so.
# bats test_tags=M01,G03
@test "folders that may not be written have their modes back after an interrupt" {
	local i signals

	user_areas
	for i in 1 2 3 4 5 6; do
		mkdir -p "$S/a/$i/sub"
		mktree many "$S/a/$i/sub" 40 3000
	done
	mktree file "$S/a/6/large" 8000000
	chown -R 65534:65534 "$S/a" 2>/dev/null || true
	find "$S/a" -type d -exec chmod 555 {} +
	for signals in --signal=2 --signal=15 "--signal=2 --signal=2"; do
		for i in 1/sub/0 3/sub 6 6/sub/20; do
			# shellcheck disable=SC2086
			run --separate-stderr as_user strike --at-name="$D/a/$i" $signals -- \
				"$WEIR" copy -a --workers=1 "$S/a" "$D"
			[ "$status" -eq 130 ] || [ "$status" -eq 143 ] || ended 0
			nothing "$(find "$D" -mindepth 1 -type d ! -perm 555)"
			no_temps "$D"
			nothing_half "$S/a" "$D/a"
			chmod -R u+w "$D"
			rm -rf "${D:?}/a"
		done
	done
	exits 0 as_user "$WEIR" copy -a "$S/a" "$D"
	same --mode --times "$S/a" "$D/a"
	chmod -R u+w "$S" "$D"
}

# bats test_tags=M01
@test "a second signal at once still leaves no half file" {
	after_strike=ended_clean_by
	expected=130
	strike_often "$(strikes 4 8)" "2 2" -r
}

# bats test_tags=M04
@test "stopping and going on changes nothing" {
	local i took

	mktree random "$S/a" 53 100
	mktree file "$S/a/large" 9000000
	took=$(measure -a "$S/a" "$D/first")
	for i in 1 2 3 4 5; do
		exits 0 strike --after-us=$((took * i / 6)) --signal=19 --signal=18 --signal=28 -- \
			"$WEIR" copy -a "$S/a" "$D/$i"
		same --mode --owner --times "$S/a" "$D/$i"
	done
}

# bats test_tags=M02
@test "a reader of the names that goes away breaks nothing" {
	mktree many "$S/a" 3000 10
	run bash -c 'set -o pipefail
		"$1" copy -r -v --durable=end "$2" "$3" | head -n 1 >/dev/null
		exit "${PIPESTATUS[0]}"' bash "$WEIR" "$S/a" "$D"
	refuses
	nothing_half "$S" "$D"
	no_temps "$D"
}

# bats test_tags=M05
@test "a full standard output is an error, the files are right" {
	[ -c /dev/full ] || skip "no /dev/full"
	mktree random "$S/a" 54 20
	run bash -c '"$1" copy -a -v "$2" "$3" >/dev/full' bash "$WEIR" "$S/a" "$D"
	refuses
	same --mode --owner --times "$S/a" "$D/a"
}

# bats test_tags=M05
@test "a full standard error hides no status" {
	[ -c /dev/full ] || skip "no /dev/full"
	mktree file "$S/f" 100
	run bash -c '"$1" copy "$2/none" "$2/f" "$3" 2>/dev/full' bash "$WEIR" "$S" "$D"
	[ "$status" -eq 23 ]
	same "$S/f" "$D/f"
}

# bats test_tags=M09
@test "a working folder that is gone matters to relative names only" {
	mktree file "$S/f" 100
	mkdir "$T/gone"
	cd "$T/gone"
	rmdir "$T/gone"
	copies "$S/f" "$D"
	same "$S/f" "$D/f"
	copy f "$D/g"
	[ "$status" -eq 23 ]
	says ENOENT
	copy "$S/f" g
	refuses
	absent "$D/g"
}

# bats test_tags=M10
@test "several runs into one folder all succeed" {
	mkdir "$S/a"
	mktree many "$S/a" 200 3000
	find "$S/a" -type f -print0 | xargs -0 -n 20 -P 4 "$WEIR" copy -t "$D"
	same "$S/a" "$D"
	no_temps "$D"
}

# bats test_tags=M10
@test "several runs that replace in one folder all succeed" {
	mkdir "$S/a"
	mktree many "$S/a" 120 3000
	mktree many "$D" 120 2000
	find "$S/a" -type f -print0 | xargs -0 -n 15 -P 4 "$WEIR" copy -t "$D"
	same "$S/a" "$D"
	no_temps "$D"
}

# bats test_tags=M10
@test "several runs that make one and the same tree all succeed" {
	local i pids=()

	mktree random "$S/a" 55 80
	for i in 1 2 3; do
		"$WEIR" copy -r "$S/a" "$D" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	same "$S/a" "$D/a"
	no_temps "$D"
}

# bats test_tags=M10
@test "a folder that a sync holds is busy" {
	need_command flock
	mktree file "$S/f" 100
	mktree file "$D/f" 50 7
	cp "$D/f" "$T/old"
	exits 29 flock --exclusive "$D" "$WEIR" copy "$S/f" "$D"
	says "$D"
	same "$T/old" "$D/f"
	no_temps "$D"
	copies "$S/f" "$D"
	same "$S/f" "$D/f"
}

# bats test_tags=M10
@test "another copy in the same folder is no reason to be busy" {
	need_command flock
	mktree file "$S/f" 100
	mktree file "$D/f" 50 7
	exits 0 flock --shared "$D" "$WEIR" copy "$S/f" "$D"
	same "$S/f" "$D/f"
}

# Leaves a temporary name behind: killed when it would have replaced a file.
leave_temp() { # ARGUMENT...
	ulimit -c 0
	run refuse renameat2=kill -- "$WEIR" copy "$@"
	[ "$status" -ge 128 ]
}

# bats test_tags=M03
@test "the temporary name of a killed run is removed by the next run" {
	mktree file "$S/f" 5000
	mktree file "$S/g" 100
	mktree file "$D/f" 50 7
	cp "$D/f" "$T/old"
	leave_temp "$S/f" "$D"
	[ "$(temps_in "$D" | wc -l)" -eq 1 ]
	same "$T/old" "$D/f"
	copies "$S/g" "$D"
	no_temps "$D"
	same "$T/old" "$D/f"
}

# bats test_tags=F16
@test "the temporary names of many killed runs do not pile up" {
	local i

	mktree file "$S/f" 5000
	mktree file "$D/f" 50 7
	for ((i = 0; i < 20; i++)); do
		leave_temp "$S/f" "$D"
		[ "$(temps_in "$D" | wc -l)" -eq 1 ]
	done
	copies "$S/f" "$D"
	no_temps "$D"
}

# bats test_tags=M03
@test "temporary names are removed in every folder of a tree" {
	mkdir -p "$S/a/b/c" "$D/a/b/c"
	mktree file "$S/a/b/c/f" 5000
	mktree file "$D/a/b/c/f" 50 7
	leave_temp -r "$S/a" "$D"
	[ "$(temps_in "$D" | wc -l)" -eq 1 ]
	copies -r "$S/a" "$D"
	no_temps "$D"
	same "$S/a" "$D/a"
}

# bats test_tags=M03
@test "the temporary names of a run that still works are left alone" {
	need_command flock
	mktree file "$S/f" 5000
	mktree file "$D/f" 50 7
	leave_temp "$S/f" "$D"
	# Whoever holds the folder is a run that works in it.
	exits 0 flock --shared "$D" "$WEIR" copy "$S/f" "$D/g"
	[ "$(temps_in "$D" | wc -l)" -eq 1 ]
	copies "$S/f" "$D/h"
	no_temps "$D"
}

# bats test_tags=M03,I06
@test "names that only look like temporary ones are never removed" {
	mktree file "$S/f" 100
	mktree file "$D/.weir.abcdefghijklmnopqrstuvwx" 77
	mktree file "$D/.weir." 78
	mktree file "$D/.weir.ABCDEFGH" 79
	mkdir "$D/.weir.234567abcdefghijklmnopqr"
	copies "$S/f" "$D"
	[ -e "$D/.weir.abcdefghijklmnopqrstuvwx" ]
	[ -e "$D/.weir." ]
	[ -e "$D/.weir.ABCDEFGH" ]
	[ -d "$D/.weir.234567abcdefghijklmnopqr" ]
}

# bats test_tags=I06
@test "a source with temporary names is copied with them, where another run left one too" {
	local name

	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 5000
	mktree file "$D/a/f" 50 7
	leave_temp -r "$S/a" "$D"
	name=$(basename "$(temps_in "$D")")
	# The very name in the source is a name like any other.
	mktree file "$S/a/$name" 300 3
	mkdir "$S/a/.weir.234567abcdefghijklmnopqr"
	copies -a "$S/a" "$D"
	same --times "$S/a" "$D/a"
	# Nor is a folder of such a name a temporary one, if it holds something.
	rm "$S/a/$name" "$D/a/$name"
	mkdir -p "$D/a/$name/user's"
	copies -a "$S/a" "$D"
	[ -d "$D/a/$name/user's" ]
}

@test "a killed run leaves nothing where names are new" {
	ulimit -c 0
	mktree file "$S/f" 5000
	run refuse linkat=kill -- "$WEIR" copy "$S/f" "$D"
	[ "$status" -ge 128 ]
	empty_folder "$D"
}

@test "the buffers of a run are free for the next one at once" {
	local i

	need_ring
	[ "${WEIR_LANE:-}" != check-tiny ] || skip "the smallest budgets are no measure"
	lone_user
	user_areas
	[ "$(ulimit -H -l)" = unlimited ] || [ "$(ulimit -H -l)" -ge 8192 ] ||
		skip "the limit of locked memory is lower"
	mktree file "$S/f" 3000000
	chmod a+r "$S/f"
	for i in $(seq "$(size 6 15)"); do
		exits 0 as_user launch --limit=memlock:8388608 -- \
			"$WEIR" copy --engine=ring --stats --durable=none "$S/f" "$D/f$i"
		counts rings -ge 1
		counts buffer_registrations -ge "$(stat_of rings)"
	done
}
