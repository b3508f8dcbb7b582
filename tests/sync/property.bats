#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# long
#
# What a mirror is, on trees and changes made by chance (tools/mkedits.c): all of it
# is compared by the checker, with what rsync makes of the same input beside it, and
# each run is done once more, which must do nothing.
#
# TEST_SEEDS=N takes N seeds in each test instead of a few, TEST_FIRST_SEED=N is the
# first of them.  A failure tells its seed and the changes that were made.

load helper

# How large a tree is and how many changes it gets.
ENTRIES=150
CHANGES=40
# Most of a tree may go.
DELETE=(--delete --yes-delete-many)

teardown() {
	local status=0

	[ -n "${BATS_TEST_COMPLETED:-}" ] || tell_story
	end_test || status=1
	return $status
}

tell_story() {
	[ -n "${seed:-}" ] || return 0
	printf 'seed %s, engine %s:\n' "$seed" "$engine"
	cat "$T/edits"
}

# The lanes that do the same in another way take one seed, each another one; with
# TEST_SIZE=full `make check` takes all.
seeds() { # COUNT
	local first=1 count=$1

	case ${WEIR_LANE:-check} in
	check) count=$(size $(((count + 1) / 2)) "$count") ;;
	*)
		first=$((10 + $(cksum <<<"$WEIR_LANE" | cut -c 1-2)))
		count=1
		;;
	esac
	first=${TEST_FIRST_SEED:-$first}
	seq "$first" $((first + ${TEST_SEEDS:-$count} - 1))
}

# Engines take turns, so that each seed costs one.
engine_for() { # SEED
	[ $(($1 % 2)) = 1 ] && [ "${WEIR_ENGINE:-auto}" != plain ] && echo auto || echo plain
}

new_tree() { # SEED
	engine=$(engine_for "$1")
	: >"$T/edits"
	rm -rf "${S:?}"/* "${D:?}"/* "$T/before"
	as mkdir "$S/a"
	as mkedits tree "$S/a" "$1" "$ENTRIES"
}

edit() { # FOLDER SEED [OPTION...]
	printf '%s\n' "--- ${1##*/} $2" >>"$T/edits"
	as mkedits "${@:3}" edit "$1" "$2" "$CHANGES" >>"$T/edits"
}

# A sync whose second run does nothing.
sync_twice() { # [OPTION...]
	exits 0 as "$WEIR" sync --engine="$engine" "$@" "$S/a" "$D/b"
	silent
	idles --engine="$engine" "$@" "$S/a" "$D/b"
}

# --- Tests --------------------------------------------------------------------

@test "a sync makes DEST equal and the next one changes nothing" {
	need_fault
	for seed in $(seeds 4); do
		new_tree "$seed"
		sync_twice
		mirrors "$S/a" "$D/b"
	done
}

@test "without --delete what SOURCE has is equal in DEST and nothing else is lost" {
	local round

	need_fault
	for seed in $(seeds 3); do
		new_tree "$seed"
		syncs "$S/a" "$D/b"
		for round in 1 2; do
			edit "$S/a" "$seed$round" --no-conflicts
			rm -rf "$T/before"
			cp -a "$D/b" "$T/before"
			sync_twice
			mirrors --extra "$S/a" "$D/b"
			old_or_new "$T/before" "$S/a" "$D/b"
		done
	done
}

@test "with --delete DEST is equal whatever was changed in SOURCE" {
	local round

	need_fault
	for seed in $(seeds 4); do
		new_tree "$seed"
		syncs "$S/a" "$D/b"
		for round in 1 2; do
			edit "$S/a" "$seed$round"
			sync_twice "${DELETE[@]}"
			mirrors "$S/a" "$D/b"
		done
	done
}

@test "with --delete DEST is equal again whatever was changed in it, and in SOURCE" {
	need_fault
	for seed in $(seeds 4); do
		new_tree "$seed"
		syncs "$S/a" "$D/b"
		edit "$D/b" "${seed}1"
		sync_twice "${DELETE[@]}"
		mirrors "$S/a" "$D/b"
		edit "$S/a" "${seed}2"
		edit "$D/b" "${seed}3"
		sync_twice "${DELETE[@]}"
		mirrors "$S/a" "$D/b"
	done
}

# rsync leaves names linked whose source no longer is, as long as all else is equal.
@test "with --delete the mirror is the one that rsync makes of the same input" {
	need_command rsync
	need_same_fs # rsync takes the ACLs away that XFS shows under a second name
	for seed in $(seeds 3); do
		new_tree "$seed"
		syncs "$S/a" "$D/b"
		rsync -aHAX --modify-window=-1 "$S/a/" "$D/c/"
		edit "$S/a" "${seed}1" --no-twins
		edit "$D/b" "${seed}2" --no-twins
		edit "$D/c" "${seed}2" --no-twins
		syncs --engine="$engine" "${DELETE[@]}" "$S/a" "$D/b"
		# Where a folder comes in the place of a file it stumbles over the ACL, once.
		rsync -aHAX --modify-window=-1 --delete "$S/a/" "$D/c/" ||
			rsync -aHAX --modify-window=-1 --delete "$S/a/" "$D/c/"
		same --all "$S/a" "$D/c"
		same --all "$D/c" "$D/b"
	done
}

@test "an ordinary user's mirror is as equal" {
	need_fault
	user_areas
	as() { as_user "$@"; }
	for seed in $(seeds 2); do
		new_tree "$seed"
		exits 0 as "$WEIR" sync "$S/a" "$D/b"
		edit "$S/a" "${seed}1"
		edit "$D/b" "${seed}2"
		sync_twice "${DELETE[@]}"
		mirrors "$S/a" "$D/b"
	done
}
