#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# once
#
# What faults at every operation have found: each of these was wrong once.

load helper

setup() {
	make_areas
	need_faulty
}

# The fault build, which must end with this status within 20 seconds.
ends() { # STATUS PLAN ARGUMENT...
	run --separate-stderr env WEIR_FAULT="$2" timeout 20 "$WEIR_FAULTY" "${@:3}"
	[ "$status" -eq "$1" ] || { echo "status $status, expected $1: $stderr" && return 1; }
}

# bats test_tags=A01,J06
@test "a file with several names that keeps changing fails, and is not tried for ever" {
	mktree file "$S/a" 3000
	ln "$S/a" "$S/b"
	ends 23 'op=read path=*/source/* ret=0' copy -a --engine=plain -T "$S" "$D/t"
	says "'$S/a': it kept changing while it was read"
	says "'$S/b': it kept changing while it was read"
	no_temps "$D/t"
}

# bats test_tags=O06,E01
@test "a record that cannot be read is told, and no more" {
	mktree file "$S/f" 100
	"$WEIR_FAULTY" sync "$S" "$D/t"
	for plan in 'op=open path=*/weir/* nth=1 ret=-EIO' 'op=open path=*/weir/* ret=-EACCES'; do
		ends 0 "$plan" sync "$S" "$D/t"
		says "it cannot be read"
	done
}

# bats test_tags=E12
@test "a call that is interrupted again and again is given up" {
	mktree file "$S/f" 100
	mktree file "$D/g" 100
	ends 0 'op=read path=/proc/* ret=-EINTR' sync --delete --yes-delete-many "$S" "$D"
	absent "$D/g"
}

# bats test_tags=E12
@test "a ring that takes nothing more ends the run, which says so, with no half file" {
	need_ring
	mktree file "$S/f" 300000
	mktree file "$D/f" 200
	for errno in EAGAIN EBUSY; do
		run --separate-stderr env WEIR_FAULT="op=ring_enter ret=-$errno" timeout 20 \
			"$WEIR_FAULTY" copy --engine=ring "$S/f" "$D/f"
		[ "$status" -eq 134 ] || ended 1 # what is in flight cannot be taken back
		says "$errno"
		[ "$(stat -c %s "$D/f")" -eq 200 ]
	done
}

# bats test_tags=K04,B05
@test "a folder that somebody put in the place of a link is put back when it cannot go" {
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/new" 10
	mktree file "$D/a/theirs" 20
	# As if the folder had come just now: the open of what was no folder says so.
	ends 23 'op=open path=*/target/a ret=-ELOOP' sync --engine=plain "$S" "$D"
	[ "$(stat -c %s "$D/a/theirs")" -eq 20 ]
	absent "$D/a/new"
	no_temps "$D"
}

# bats test_tags=G01
@test "the time of a folder that cannot be set again is told as lost" {
	mktree file "$S/f" 100
	touch -d @1000000000 "$S" "$D"
	ends 0 'op=utimens path=*/target ret=-EPERM' sync --engine=plain "$S" "$D"
	says "times of 1 entry not kept, first '$D'"
}

# bats test_tags=O15,M03
@test "a file that a folder replaces is never without its backup, wherever the run is killed" {
	local n

	mkdir "$S/a"
	for ((n = 1; ; n++)); do
		rm -rf "${D:?}"/*
		mktree file "$D/a" 100
		faulty "op=rename,mkdir,unlink,link nth=$n do=kill" sync -b --engine=plain "$S" "$D"
		[ "$status" -eq 137 ] || break
		[ -d "$D/a" ] || [ "$(stat -c %s "$D/a")" -eq 100 ]
		[ ! -d "$D/a" ] || [ "$(stat -c %s "$D/a~")" -eq 100 ]
		"$WEIR_FAULTY" sync -b --engine=plain "$S" "$D" # sweeps
		[ "$(stat -c %s "$D/a~")" -eq 100 ]
	done
	[ "$status" -eq 0 ]
	[ "$n" -gt 2 ]
}

# Kills a sync before each of its operations that change names.
kills_leave() { # FUNCTION OPTION...
	local n

	for ((n = 1; ; n++)); do
		rm -rf "${D:?}"/*
		mkdir -p "$D/a/deep" "$D/e"
		mktree file "$D/a/deep/f" 50
		faulty "op=rename,mkdir,unlink,link nth=$n do=kill" sync --delete --engine=plain \
			"${@:2}" "$S" "$D"
		[ "$status" -eq 137 ] || break
		"$1"
		"$WEIR_FAULTY" sync --delete --engine=plain "${@:2}" "$S" "$D"
		no_temps "$D"
		[ "$(stat -c %s "$D/a")" -eq 100 ]
		[ -L "$D/e" ]
	done
	[ "$status" -eq 0 ]
	[ "$n" -gt 4 ]
}

# bats test_tags=C12,M03
@test "a folder has its name until something else takes it, wherever the run is killed" {
	mktree file "$S/a" 100
	ln -s nowhere "$S/e"
	named() {
		[ -d "$D/a" ] || [ "$(stat -c %s "$D/a")" -eq 100 ]
		[ -d "$D/e" ] || [ -L "$D/e" ]
	}
	kills_leave named
	kills_leave named --delete=first
	kills_leave named --trash="$T/trash"
}

# bats test_tags=C12,O11
@test "a folder that makes way stays if somebody puts something into it" {
	mktree file "$S/a" 100
	mkdir "$D/a"
	mktree file "$D/a/old" 50
	ends 23 "op=rename path=*/a nth=1 do=run:echo theirs >$D/a/new" sync --delete \
		--engine=plain "$S" "$D"
	says "'$D/a'"
	[ "$(cat "$D/a/new")" = theirs ]
	absent "$D/a/old"
	no_temps "$D"
}

# bats test_tags=C12,C10
@test "where names cannot be exchanged a folder makes way all the same" {
	mktree file "$S/a" 100
	mkdir -p "$D/a/deep"
	ends 0 'op=rename ret=-EINVAL' sync --delete --engine=plain "$S" "$D"
	[ "$(stat -c %s "$D/a")" -eq 100 ]
	no_temps "$D"
}

# bats test_tags=N07,J06
@test "where one name of a file cannot be looked at in DEST, all its names stay in SOURCE" {
	mktree file "$S/a" 100 1
	ln "$S/a" "$S/b"
	mktree file "$D/a" 50 2
	ln "$D/a" "$D/b"
	ends 23 'inline; op=statx path=*/target/b ret=-ESTALE nth=1' sync --remove-source-files \
		"$S" "$D"
	[ -e "$S/a" ]
	[ -e "$S/b" ]
}

# bats test_tags=O12
@test "what cannot be moved to the trash stays, and is no success" {
	mktree file "$D/f" 100
	mktree file "$S/g" 100
	mkdir "$T/trash" "$D/sub"
	mktree file "$D/sub/f" 100
	ends 23 'op=mkdir path=*/trash/* ret=-EEXIST' sync --engine=plain --delete \
		--yes-delete-many --trash="$T/trash" "$S" "$D"
	[ -f "$D/sub/f" ]
	says "$D/sub"
}

# bats test_tags=O04
@test "a folder that cannot be planned for removal because of what is above it is told" {
	mkdir "$D/gone"
	mktree file "$D/gone/f" 100
	mktree file "$S/f" 100
	"$WEIR_FAULTY" sync "$S" "$D"
	mktree file "$S/f2" 100
	cp -a "$D" "$T/before"
	# Twice the same run: the look at the folder above, after that at the name.
	for plan in 'inline seed=1' "inline seed=1; op=statx serial=%d ret=-ESTALE"; do
		rm -rf "$D" "$T/trace"
		cp -a "$T/before" "$D"
		# shellcheck disable=SC2059 # the number is in the plan
		plan=$(printf "$plan" "${serial:-0}")
		run --separate-stderr env WEIR_FAULT="$plan" WEIR_TRACE="$T/trace" "$WEIR_FAULTY" \
			sync --engine=plain --delete --yes-delete-many "$S" "$D"
		serial=$(awk '$2 == "statx" && $4 == "gone" { print $1 + 1; exit }' "$T/trace")
		[ -n "${was:=$status}" ] # of the first run
	done
	[ "$was" -eq 0 ]
	[ "$status" -eq 23 ]
	[ -f "$D/gone/f" ]
	says "cannot stat folder above target '$D/gone': Stale file handle (ESTALE)"
}

# bats test_tags=R06
@test "a folder that cannot be looked at is told once, whoever meets it" {
	mkdir "$S/a"
	mktree file "$S/a/f" 100
	ends 23 'op=getflags path=*/target/* ret=-EIO sticky' sync --engine=plain "$S" "$D"
	[ "$(sort <<<"$stderr" | uniq -d | wc -l)" -eq 0 ]
	says "flags of target '$D/a'"
}

# bats test_tags=O11
@test "a snapshot that cannot be looked at when older ones are to go is told" {
	mktree file "$S/f" 100
	mkdir "$D/20200101T000000Z" "$D/20210101T000000Z"
	ends 23 'op=statx path=*/20200101T000000Z ret=-EIO' sync --engine=plain \
		--snapshot="$D" --retain=last:1 "$S"
	says "cannot stat target '$D/20200101T000000Z': Input/output error (EIO)"
	[ -d "$D/20210101T000000Z" ] # nothing goes where not all is known
	ends 0 '' sync --snapshot="$D" --retain=last:1 "$S"
	absent "$D/20200101T000000Z"
}

# bats test_tags=O11
@test "what is left of a snapshot and cannot be looked at to be removed is told" {
	local left

	mktree file "$S/f" 100
	mkdir "$D/20200101T000000Z"
	mktree file "$D/20200101T000000Z/old" 100
	ends 23 'op=unlink path=*/.weir-snapshot-*/old ret=-EIO' sync --engine=plain \
		--snapshot="$D" --retain=last:1 "$S"
	left=$(find "$D" -name '.weir-snapshot-*')
	[ -f "$left/old" ]
	# The looks before it is removed: one when the run begins, one at its end.
	ends 23 "op=statx path=$left nth=2 ret=-EIO; op=statx path=$left nth=4 ret=-EIO" sync \
		--engine=plain --snapshot="$D" --retain=last:1 "$S"
	says "cannot stat target '$left': Input/output error (EIO)"
	ends 0 '' sync --snapshot="$D" --retain=last:1 "$S"
	absent "$left"
}

# bats test_tags=F10,O03
@test "a first sync whose memory ends does not remember another file system" {
	local n

	mktree file "$S/f" 100
	cd "$T" # which the library that lets memory end leaves a file in
	for ((n = 10; n <= 50; n++)); do # among them those about where both folders lie
		mkdir "$D/$n"
		run env NOMEM_AT="$n" LD_PRELOAD="$WEIR_TOOLS/libnomem.so" \
			WEIR_FAULT='inline seed=1' "$WEIR_FAULTY" sync --engine=plain "$S" "$D/$n"
		[ "$status" -eq 0 ] || [ "$status" -eq 1 ] || [ "$status" -eq 23 ]
		run "$WEIR_FAULTY" sync --delete --yes-delete-many "$S" "$D/$n"
		[ "$status" -eq 0 ] || { echo "$n: status $status: $output" && return 1; }
	done
}

# bats test_tags=F10
@test "where memory ends anywhere, the run says so and leaves old or new" {
	run "$WEIR_TOOLS/faultloop" --weir="$WEIR_FAULTY" --work="$T" --what=memory \
		--nomem="$WEIR_TOOLS/libnomem.so" --sample="${TEST_SAMPLE:-$(size 40 20)}"
	[ "$status" -eq 0 ] || { echo "$output" && return 1; }
}

@test "a run whose time is over when it has deleted, and copied nothing, says so" {
	mktree file "$S/new" 100
	mktree file "$D/gone" 100
	ends 1 'op=unlink path=*/gone do=delay:600' sync --delete=first --yes-delete-many \
		--stop-after=200ms "$S" "$D"
	absent "$D/new"
	says "the time is over; not done:"
}
