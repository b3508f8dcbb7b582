#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Snapshots: --snapshot and --retain.  $S/a is the source, $D/s the folder of
# snapshots.

load helper

setup() {
	make_areas
	begin_traces
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 50000
	mktree file "$S/a/sub/g" 100
	export S D T WEIR
}

snaps() { # [OPTION...]
	syncs "$@" --snapshot="$D/s" "$S/a"
}

snap_exits() { # STATUS [OPTION...]
	sync_exits "$1" "${@:2}" --snapshot="$D/s" "$S/a"
}

# Folders whose name is a time, oldest first.
list() {
	find "$D/s" -maxdepth 1 -mindepth 1 -type d -name '[0-9]*Z' -printf '%f\n' | sort
}

has() { # COUNT
	[ "$(list | wc -l)" -eq "$1" ] && return 0
	printf 'not %s snapshots:\n' "$1"
	ls -la "$D/s"
	return 1
}

newest() {
	list | tail -n 1
}

unfinished() {
	find "$D/s" -maxdepth 1 -name '.weir*'
}

# Every snapshot but the unfinished one is whole, and `latest` leads to one.
all_are_whole() {
	local name

	for name in $(list); do
		same --all "$S/a" "$D/s/$name" || return 1
	done
	[ ! -L "$D/s/latest" ] || [ -d "$D/s/$(readlink "$D/s/latest")" ]
}

# A snapshot of that time, as far as names tell.
made_at() { # NAME...
	local name

	for name; do
		mkdir -p "$D/s/$name/old"
		echo x >"$D/s/$name/old/file"
	done
}

# A run in which $S/a/h cannot be read: it leaves what is not complete.
failing() { # [OPTION...]
	exits 23 strace -f -o "$T/calls" -P "$S/a/h" -e trace=pread64,preadv,preadv2,read \
		-e inject=pread64,preadv,preadv2,read:error=EIO "$WEIR" sync --engine=plain \
		"$@" --snapshot="$D/s" "$S/a"
	says "it is not complete; the next run goes on with: '.weir-snapshot-"
	[ "$(unfinished | wc -l)" -eq 1 ]
}

@test "a snapshot has the name of its time, holds the source, and latest leads to it" {
	local before after

	before=$(date -u +%Y%m%dT%H%M%SZ)
	snaps
	silent
	after=$(date -u +%Y%m%dT%H%M%SZ)
	has 1
	[[ ! $(list) < $before && ! $(list) > $after ]]
	mirrors "$S/a" "$D/s/$(list)"
	[ "$(readlink "$D/s/latest")" = "$(list)" ]
	nothing "$(unfinished)"
	no_temps "$D"
	# The folder of snapshots is not that of the source.
	[ "$(mode_of "$D/s")" = "$(mkdir "$D/x" && mode_of "$D/x")" ]
}

@test "the next one is whole, and one file with the newest where nothing changed" {
	local first second

	need_links
	snaps
	first=$(newest)
	echo more >>"$S/a/sub/g"
	snaps --stats -v
	counts to_link -eq 1
	says "to link 1, "
	second=$(newest)
	grep -qx "snapshot  folder  $D/s/$second/" <<<"$output"
	has 2
	[ "$first" != "$second" ]
	[ "$D/s/$first/f" -ef "$D/s/$second/f" ]
	[ ! "$D/s/$first/sub/g" -ef "$D/s/$second/sub/g" ]
	mirrors "$S/a" "$D/s/$second"
	[ "$(readlink "$D/s/latest")" = "$second" ]
	[ "$(stat -c %s "$D/s/$first/sub/g")" -eq 100 ]
}

@test "several within one second have names of their own, in their order" {
	local i names=()

	for i in 1 2 3 4; do
		echo "$i" >"$S/a/h"
		snaps
		names+=("$(readlink "$D/s/latest")")
	done
	has 4
	[ "$(printf '%s\n' "${names[@]}")" = "$(list)" ]
	mirrors "$S/a" "$D/s/$(newest)"
}

@test "a snapshot of another clock, far ahead, is not what the next is compared with" {
	local first

	need_links
	mkdir -p "$S/a" "$D/s/29990101T000000Z"
	mktree file "$S/a/f" 3000
	snaps
	first=$(list | head -n 1)
	snaps
	snaps
	has 4
	[ "$(stat -c %h "$D/s/$first/f")" -eq 3 ]
	[ "$(readlink "$D/s/latest")" = "$(list | tail -n 2 | head -n 1)" ]
}

# bats test_tags=M15,O14
@test "a dry run tells what a run does, against the newest, and changes nothing" {
	need_links
	snaps
	echo new >"$S/a/h"
	made_at 20200101T000000Z 20210101T000000Z
	picture "$D" >"$T/before"
	snaps -n -i --retain=last:2
	picture "$D" | diff "$T/before" -
	printf '%s\n' "$output" | tail -n +2 | sed 's/[0-9]\{8\}T[0-9]\{6\}Z/TIME/' >"$T/told"
	snaps -i --retain=last:2
	printf '%s\n' "$output" | sed 's/[0-9]\{8\}T[0-9]\{6\}Z/TIME/' | diff "$T/told" -
	grep -qx 'link  file  f' "$T/told"
	grep -qx "snapshot  folder  $D/s/TIME/" "$T/told"
	[ "$(grep -cx "delete  folder  $D/s/TIME/" "$T/told")" -eq 2 ]
	# Nothing is there at all.
	rm -r "$D/s"
	snaps -n -i
	absent "$D/s"
	says "to copy 5, "
}

# bats test_tags=N02,N01
@test "all is durable before the name is given, and the name before latest moves" {
	need_fault
	need_syncfs
	WEIR_TRACE=$T/trace exits 0 "$WEIR_FAULTY" sync --durable=file --retain=last:1 \
		--snapshot="$D/s" "$S/a"
	made_at 20200101T000000Z
	rm "$T/trace"
	WEIR_TRACE=$T/trace exits 0 "$WEIR_FAULTY" sync --retain=last:1 --snapshot="$D/s" "$S/a"
	has 1
	sort -n "$T/trace" | awk '
		$2 == "syncfs" && $8 == 0 { synced = 1; step = step == 0 ? 1 : step }
		$2 ~ /^(write|link|setattr|mkdir)$/ && step == 1 { step = 0 }
		$2 == "rename" && step == 1 { step = 2; next }
		$2 == "rename" && step == 0 { exit 1 }
		$2 == "fsync" && step == 2 { step = 3 }
		$2 == "rename" && step == 2 { exit 1 }
		$2 == "symlink" { if (step != 3) exit 1; step = 4 }
		$2 == "rename" && step == 4 { step = 5; next }
		$2 == "fsync" && step == 5 { step = 6 }
		$2 == "rename" && step == 6 { step = 7; next }
		$2 == "rename" && step == 7 { next }
		$2 == "fsync" && step == 7 { step = 8 }
		$2 == "unlink" && step < 8 { exit 1 }
		$2 == "unlink" { removed = 1 }
		END { exit !(step == 8 && removed) }'
}

# bats test_tags=M03
@test "a killed run leaves whole snapshots, and the next goes on with the rest" {
	local strikes=${STRIKES:-8} round took

	mktree many "$S/a/many" 300 2000
	strike --report="$T/report" -- "$WEIR" sync --snapshot="$D/s" "$S/a"
	took=$(awk '{ for (i = 1; i < NF; i++) if ($i == "us") print $(i + 1) }' "$T/report")
	for ((round = 0; round < strikes; round++)); do
		[ $((round % 2)) -eq 0 ] || rm -rf "$D/s"
		strike --after-us=$((RANDOM * took / 32768)) -- "$WEIR" sync \
			--snapshot="$D/s" "$S/a" || true
		[ ! -e "$D/s" ] || all_are_whole
		# What is gone from the source, or excluded by now, is not in it.
		echo "$round" >"$S/a/new$round"
		rm -f "$S/a/many/"*"$round"
		snaps
		mirrors "$S/a" "$D/s/$(readlink "$D/s/latest")"
		nothing "$(unfinished)"
		rm -rf "$D/s"
		snaps
	done
}

# bats test_tags=M03,O06
@test "what an unfinished snapshot holds is used, and what does not belong goes" {
	local inode name

	echo x >"$S/a/bad"
	chmod 0 "$S/a/bad"
	user_areas
	can_drop || skip "needs two users"
	chown -R 0:0 "$S/a/bad"
	exits 23 as_user "$WEIR" sync --snapshot="$D/s" "$S/a"
	name=$(unfinished)
	inode=$(inode_of "$name/f")
	# A run of another source begins one of its own, and removes this.
	rm -f "$S/a/bad"
	echo y >"$S/a/excluded"
	mkdir "$name/gone"
	echo z >"$name/gone/file"
	echo z >"$name/excluded"
	chown -R --reference="$name" "$name/gone" "$name/excluded"
	exits 0 as_user "$WEIR" sync --exclude=excluded --snapshot="$D/s" "$S/a"
	[ "$(inode_of "$D/s/latest/f")" = "$inode" ]
	absent "$D/s/latest/gone" "$D/s/latest/excluded"
	nothing "$(unfinished)"
}

@test "a list of names begins anew, whatever was left" {
	mkdir -p "$S/a/more"
	echo x >"$S/a/more/x"
	need_strace
	mktree file "$S/a/h" 30000
	failing
	printf '%s\n' more sub/g >"$T/names"
	snaps --files-from="$T/names"
	has 1
	nothing "$(unfinished)"
	[ "$(cd "$D/s/latest/" && find . -type f | sort | tr '\n' ' ')" = "./more/x ./sub/g " ]
}

# bats test_tags=F01
@test "a run in which an entry fails makes no snapshot, and the next goes on" {
	need_strace
	snaps
	mktree file "$S/a/h" 30000
	made_at 20200101T000000Z
	failing --retain=last:1
	has 2
	[ "$(unfinished | wc -l)" -eq 1 ]
	snaps --retain=last:1
	has 1
	nothing "$(unfinished)"
	mirrors "$S/a" "$D/s/latest/"
}

# bats test_tags=F03
@test "a snapshot that cannot get its name, or be synced, is none" {
	local call errno expected

	need_strace
	for call in renameat2:ENOSPC:27 renameat2:EIO:23 syncfs:EIO:23; do
		IFS=: read -r call errno expected <<<"$call"
		exits "$expected" strace -f -o "$T/calls" -P "$D/s" -P "$D/s/".weir* \
			-e trace="$call" -e inject="$call:error=$errno" \
			"$WEIR" sync --engine=plain --sync=files --snapshot="$D/s" "$S/a"
		grep -q INJECTED "$T/calls"
		says "the next run goes on with"
		has 0
		absent "$D/s/latest"
		[ "$(unfinished | wc -l)" -eq 1 ]
	done
	snaps
	has 1
	nothing "$(unfinished)"
	mirrors "$S/a" "$D/s/latest/"
}

# bats test_tags=A06
@test "what vanishes meanwhile is told, and no reason to have no snapshot" {
	need_meanwhile
	run --separate-stderr meanwhile openat f 'rm "$S/a/f"' -- \
		"$WEIR" sync --engine=plain --snapshot="$D/s" "$S/a"
	ended 24
	has 1
	absent "$D/s/latest/f"
	mktree file "$S/a/f" 50000
	run --separate-stderr meanwhile openat f 'rm "$S/a/f"' -- \
		"$WEIR" sync --engine=plain --on-vanish=fail --snapshot="$D/s" "$S/a"
	ended 23
	has 1
	[ "$(unfinished | wc -l)" -eq 1 ]
}

# bats test_tags=M10
@test "one run at a time: a second one is told, and may wait" {
	need_command flock
	snaps
	exec 8<"$D/s"
	flock -x 8
	snap_exits 29 --wait-lock=0
	says "cannot sync into target '$D/s': another run holds this folder"
	has 1
	"$WEIR" sync --wait-lock=1h --snapshot="$D/s" "$S/a" 2>"$T/stderr" 3>&- 8>&- &
	until grep -q waiting "$T/stderr"; do :; done
	flock -u 8
	wait $!
	exec 8<&-
	has 2
	mirrors "$S/a" "$D/s/$(newest)"
}

@test "latest that is no link is left alone, and that is an error" {
	mkdir "$D/s"
	echo mine >"$D/s/latest"
	made_at 20200101T000000Z
	snap_exits 23 --retain=last:1
	says "cannot move the link 'latest' in target '$D/s': something has this name that is no"
	[ "$(cat "$D/s/latest")" = mine ]
	has 2
	mirrors "$S/a" "$D/s/$(newest)"
	rm "$D/s/latest"
	mkdir "$D/s/latest"
	snap_exits 23
	[ -d "$D/s/latest" ]
	nothing "$(ls -A "$D/s/latest")"
	# A link to anywhere is one.
	rmdir "$D/s/latest"
	ln -s /nowhere "$D/s/latest"
	snaps
	[ "$(readlink "$D/s/latest")" = "$(newest)" ]
}

# bats test_tags=O02,O01
@test "an empty source is refused once there are snapshots, and so is a missing one" {
	snaps
	mv "$S/a" "$S/b"
	snap_exits 28
	mkdir "$S/a"
	snap_exits 28
	says "it is empty, and so would the snapshot be; --allow=empty-source"
	has 1
	nothing "$(unfinished)"
	snaps --allow=empty-source
	has 2
	nothing "$(ls -A "$D/s/$(newest)")"
}

@test "folders are made as those of other syncs are" {
	sync_exits 1 --snapshot="$D/x/y/s" "$S/a"
	says "--mkpath"
	absent "$D/x"
	syncs --mkpath --snapshot="$D/x/y/s" "$S/a"
	mirrors "$S/a" "$D/x/y/s/latest/"
	sync_exits 28 --snapshot="$S/a/s" "$S/a"
	absent "$S/a/s"
}

# bats test_tags=O06
@test "only snapshots go, and only those that no rule wants" {
	local kept=(20260105T100000Z.old x20260105T100000Z 20260105T100000 20261305T100000Z
		20260105T100000z 2026 .weir-snapshot-0123 lost+found)
	local name

	mkdir "$D/s"
	made_at 20200101T000000Z 20200101T120000Z 20200102T000000Z 20990101T000000Z
	for name in "${kept[@]}"; do
		mkdir "$D/s/$name"
		echo "$name" >"$D/s/$name/file"
	done
	mkdir "$D/elsewhere"
	echo x >"$D/elsewhere/file"
	ln -s ../elsewhere "$D/s/20200103T000000Z"
	echo file >"$D/s/20200104T000000Z"
	snaps -i --retain=last:1,daily:3
	[ "$(grep -c '^delete' <<<"$output")" -eq 1 ]
	grep -qx "delete  folder  $D/s/20200101T000000Z/" <<<"$output"
	absent "$D/s/20200101T000000Z"
	[ -e "$D/s/20200101T120000Z/old/file" ]
	[ -e "$D/s/20200102T000000Z/old/file" ]
	[ -e "$D/s/20990101T000000Z/old/file" ]
	snaps --retain=last:1
	absent "$D/s/20200101T120000Z" "$D/s/20200102T000000Z"
	[ -e "$D/s/20990101T000000Z/old/file" ]
	for name in "${kept[@]}"; do
		[ "$(cat "$D/s/$name/file")" = "$name" ]
	done
	[ -L "$D/s/20200103T000000Z" ]
	[ -e "$D/elsewhere/file" ]
	[ "$(cat "$D/s/20200104T000000Z")" = file ]
	[ "$(readlink "$D/s/latest")" != 20990101T000000Z ]
	mirrors "$S/a" "$D/s/latest/"
}

# bats test_tags=N05,M03
@test "a removal that was cut short never leaves a part under the name of a snapshot" {
	local round took strikes=${STRIKES:-8}

	snaps
	mkdir "$D/old"
	mktree many "$D/old/many" 400 10
	cp -a "$D/old" "$D/s/20200101T000000Z"
	strike --report="$T/report" -- "$WEIR" sync --retain=last:1 --snapshot="$D/s" "$S/a"
	took=$(awk '{ for (i = 1; i < NF; i++) if ($i == "us") print $(i + 1) }' "$T/report")
	for ((round = 0; round < strikes; round++)); do
		cp -a "$D/old" "$D/s/20200101T000000Z"
		strike --after-us=$((took / 2 + RANDOM * took / 32768 / 2)) -- "$WEIR" sync \
			--retain=last:1 --snapshot="$D/s" "$S/a" || true
		[ ! -e "$D/s/20200101T000000Z" ] || same --all "$D/old" "$D/s/20200101T000000Z"
		snaps --retain=last:1
		has 1
		nothing "$(unfinished)"
	done
}

# bats test_tags=O11
@test "what cannot be removed is told, and is gone on with next time" {
	need_root
	made_at 20200101T000000Z
	chattr +i "$D/s/20200101T000000Z/old/file" 2>/dev/null || skip "needs flags of files"
	snap_exits 23 --retain=last:1
	chattr -i "$D"/s/.weir-snapshot-*/old/file
	says "cannot delete"
	has 1
	mirrors "$S/a" "$D/s/latest/"
	snaps --retain=last:1
	nothing "$(unfinished)"
}

# bats test_tags=R01
@test "what is no list, and what is nothing for snapshots, is a wrong option" {
	local list option

	for list in last:0 last daily: last:1,last:2 often:3 "last:1," 7; do
		snap_exits 2 --retain="$list"
		says "--retain: '$list' is no list of last:N"
	done
	for option in --inplace --delete --backup --existing --ignore-existing --update \
		--keep-directory-symlink --link-dest="$D" --clone-dest="$D"; do
		WEIR_REFLINK=auto snap_exits 2 "$option"
		says "--snapshot"
	done
	sync_exits 2 --snapshot="$D/s" "$S/a" "$D/new"
	says "--snapshot is in the place of DEST"
	sync_exits 2 --retain=last:1 "$S/a" "$D/new"
	says "--retain is nothing without --snapshot"
	sync_exits 2 --snapshot="$D/s"
	says "SOURCE is missing"
	absent "$D/s" "$D/new"
}
