#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# serial
#
# Snapshots where there is no room, where the power is cut, and on disks that are
# another one than before: cases F01, N01, O03.

load space

: "${POWERCUTS:=40}"

setup() {
	make_areas
	need_root
	open_space
	own_state
}

snap_inside() { # STATUS [OPTION...]
	local expected=$1

	shift
	exits "$expected" inside "$WEIR" sync "$@" --snapshot="$M/s" "$S"
}

names() {
	inside find "$M/s" -maxdepth 1 -mindepth 1 -name '[0-9]*Z' -printf '%f\n' | sort
}

unfinished() {
	inside find "$M/s" -maxdepth 1 -name '.weir*'
}

# bats test_tags=F01
@test "without room there is no snapshot, and with room the next run goes on" {
	format ext4 32M
	attach
	mktree file "$S/small" 3000000 1
	snap_inside 0
	mktree file "$S/large" 60000000 2
	snap_inside 27 --retain=last:1
	says "No space left on device"
	says "the next run goes on with"
	[ "$(names | wc -l)" -eq 1 ]
	truncate -s 1000000 "$S/large"
	snap_inside 0 --retain=last:1
	[ "$(names | wc -l)" -eq 1 ]
	nothing "$(unfinished)"
	inside treecheck --mode --owner --times "$S" "$M/s/latest/"
	detach
}

# bats test_tags=O03
@test "a source whose disk is not mounted any more makes no snapshot" {
	format ext4 32M
	attach
	inside sh -c 'mkdir "$1/data" && echo x >"$1/data/f"' sh "$M"
	exits 0 inside "$WEIR" sync --snapshot="$D/s" "$M/data"
	detach
	mkdir "$M/data"
	echo leftover >"$M/data/leftover"
	exits 28 inside "$WEIR" sync --snapshot="$D/s" "$M/data"
	says "it is on another file system"
	[ "$(find "$D/s" -mindepth 1 -maxdepth 1 | wc -l)" -eq 2 ]
}

# What is there after a cut: whole snapshots, and `latest` leads to one.
judge() {
	local name

	for name in $(names); do
		inside treecheck --mode --owner --times "$S" "$M/s/$name"
	done
	if inside test -L "$M/s/latest"; then
		inside test -f "$M/s/latest/e1" || inside test -d "$M/s/latest/."
	fi
}

cut_often() { # KIND BYTES
	local seed took at i

	format "$1" "$2"
	attach
	mktree random "$S" 61 60
	inside strike --report="$T/report" -- "$WEIR" sync --snapshot="$M/s" "$S"
	took=$(awk '{ print $6 }' "$T/report")
	seed=${SEED:-$RANDOM}
	echo "SEED=$seed, a run takes $took us"
	for ((i = 0; i < POWERCUTS / 2; i++)); do
		seed=$(((seed * 1103515245 + 12345) % 2147483648))
		at=$((seed % (2 * took)))
		inside strike --report="$T/report" --after-us="$at" --cut="$M" -- \
			"$WEIR" sync --retain=last:2 --snapshot="$M/s" "$S" 2>"$T/stderr" || true
		detach
		attach
		echo "$i: at $at us: $(cat "$T/report"): $(head -n 3 "$T/stderr")"
		judge
	done
	snap_inside 0 --retain=last:1
	[ "$(names | wc -l)" -eq 1 ]
	judge
	nothing "$(unfinished)"
	detach
}

# bats test_tags=N01
@test "a power cut leaves whole snapshots only, on ext4" {
	cut_often ext4 400M
}

# bats test_tags=N01
@test "a power cut leaves whole snapshots only, on XFS" {
	cut_often xfs 400M
}
