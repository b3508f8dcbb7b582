#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# once
#
# The plan of faults: what each of its words does, with plain calls and on a ring.
# lib/fault.h lists them.

load helper

setup() {
	make_areas
	need_faulty
	for name in 1 2 3; do mktree file "$S/$name" 300000 $name; done
}

# The engines of the fault build.
engines() {
	! "$WEIR_FAULTY" copy --engine=ring "$S/1" "$T/probe" 2>/dev/null || echo ring
	echo plain
}

fails_with() { # STATUS PLAN ARGUMENT...
	faulty "${@:2}"
	[ "$status" -eq "$1" ] || { echo "status $status: $stderr" && return 1; }
}

# bats test_tags=E01
@test "a result takes the place of the operation that kind, path and number tell" {
	local engine

	for engine in $(engines); do
		rm -rf "${D:?}"/*
		fails_with 23 'op=read path=*/2 nth=1 ret=-EIO' copy -r --engine="$engine" \
			--reflink=never "$S/." "$D"
		says "cannot read source '$S/./2' at offset 0: Input/output error (EIO)"
		same "$S/1" "$D/1"
		same "$S/3" "$D/3"
		absent "$D/2"
		# There is no such read.
		fails_with 0 'op=read path=*/2 nth=1000 ret=-EIO' copy -r --engine="$engine" \
			--reflink=never "$S/." "$D"
	done
}

# bats test_tags=E01
@test "an operation is told by the bytes that it is about" {
	local engine

	for engine in $(engines); do
		fails_with 23 'op=read path=*/1 offset=200000..200001 ret=-EIO' copy \
			--engine="$engine" --reflink=never --chunk-size=64K --direct=never \
			"$S/1" "$D"
		says "at offset 196608"
	done
}

# bats test_tags=E11
@test "transfers that are short are gone on with" {
	local engine part

	for engine in $(engines); do
		for part in 1000 half less; do
			rm -rf "${D:?}"/*
			fails_with 0 "op=read,write path=$T/* short=$part sticky" copy -r \
				--engine="$engine" --reflink=never --direct=never "$S/." "$D"
			same "$S" "$D"
		done
	done
}

# bats test_tags=E11
@test "a write of a part takes more writes" {
	WEIR_TRACE=$T/trace fails_with 0 'op=write path=*/# short=10000 sticky' copy \
		--engine=plain --reflink=never "$S/1" "$D"
	[ "$(awk '$2 == "write"' "$T/trace" | wc -l)" -ge 30 ]
}

# bats test_tags=E13
@test "completions of a ring can come in another order" {
	[ "$(engines | head -n 1)" = ring ] || skip "needs io_uring"
	for p in 'op=read do=late' 'op=read,write p=1/2 seed=3 do=late' 'op=write nth=1 do=late'; do
		rm -rf "${D:?}"/*
		fails_with 0 "$p" copy -r --engine=ring --reflink=never --chunk-size=16K \
			"$S/." "$D"
		same "$S" "$D"
	done
	WEIR_TRACE=$T/trace fails_with 0 'op=read nth=1 do=late' copy --engine=ring \
		--reflink=never --chunk-size=64K --workers=1 --direct=never "$S/1" "$D/late"
	same "$S/1" "$D/late"
}

# bats test_tags=M03
@test "a run is killed before the operation that was chosen, or after it" {
	fails_with 137 'op=link nth=2 do=kill' copy -r --engine=plain --workers=1 "$S/." "$D"
	[ "$(find "$D" -name '[123]' | wc -l)" -eq 1 ]
	rm -rf "${D:?}"/*
	fails_with 137 'op=link nth=2 do=kill when=after' copy -r --engine=plain --workers=1 \
		"$S/." "$D"
	[ "$(find "$D" -name '[123]' | wc -l)" -eq 2 ]
}

# bats test_tags=M01
@test "a signal comes at the operation that was chosen" {
	fails_with 143 'op=read path=*/2 do=term nth=1' copy -r "$S/." "$D"
	no_temps "$D"
	fails_with 130 'op=read path=*/2 do=int nth=1' copy -r "$S/." "$D"
	no_temps "$D"
}

@test "a command runs just before the operation, or just after it" {
	export HELD=$T/held
	fails_with 0 'op=link path=*/1 do=run:ls "${FAULT_PATH%/*}" >"$HELD"' copy "$S/1" "$D"
	[ ! -s "$T/held" ]
	rm "$D/1"
	fails_with 0 'op=link path=*/1 when=after do=run:ls "${FAULT_PATH%/*}" >"$HELD"' copy \
		"$S/1" "$D"
	[ "$(cat "$T/held")" = 1 ]
}

@test "a result can be told of an operation that was made" {
	fails_with 23 'op=link path=*/1 when=after ret=-EIO' copy "$S/1" "$D"
	same "$S/1" "$D/1"
	# What was opened, and told as refused, is no descriptor that nobody closes.
	fails_with 23 'op=open path=*/1 when=after ret=-EACCES' copy "$S/1" "$D/other"
	says EACCES
}

@test "an operation can be made to take its time" {
	local began

	began=$(date +%s%N)
	fails_with 0 'op=link nth=1 do=delay:300' copy "$S/1" "$D"
	[ $(($(date +%s%N) - began)) -ge 300000000 ]
}

# bats test_tags=M11
@test "a ring can be refused by the plan" {
	fails_with 0 'op=ring_setup ret=-EPERM' copy -r "$S/." "$D"
	same "$S" "$D"
	[ "$(engines | head -n 1)" = ring ] || return 0
	fails_with 1 'op=ring_setup ret=-EPERM' copy --engine=ring -r "$S/." "$D"
	rm -rf "${D:?}"/*
	fails_with 0 'op=ring_register ret=-ENOMEM' copy --engine=ring --stats -r "$S/." "$D"
	same "$S" "$D"
	counts buffer_registrations -eq 0
}

# bats test_tags=M03
@test "with the words inline and seed each run takes the same steps" {
	local run verb

	mktree random "$S/tree" 61 30
	find "$S" -exec touch -h -d @1000000000 {} +
	for verb in 'copy -a -T' 'sync --delete' 'sync --inplace'; do
		for run in 0 1 2; do # the first one leaves a record of the pair
			rm -rf "${D:?}/d" "$T/trace"
			mkdir "$D/d"
			mktree file "$D/d/1" 300000 9
			touch -d @900000000 "$D/d/1"
			# shellcheck disable=SC2086 # a verb and its options
			WEIR_TRACE=$T/trace fails_with 0 'inline seed=4' $verb --engine=plain \
				"$S" "$D/d"
			# Inodes by the order in which they are met, and whoever /proc is about.
			awk '{
				if ($3 != "-" && !($3 in met)) met[$3] = "i" ++count
				if ($3 != "-") $3 = met[$3]
				sub(/\/proc\/[0-9]+\//, "/proc/N/")
				print
			}' "$T/trace" >"$T/trace$run"
		done
		[ "$(wc -l <"$T/trace1")" -gt 200 ]
		diff "$T/trace1" "$T/trace2"
	done
}

@test "a plan that is wrong ends the run at once and says where" {
	local plan

	for plan in 'op=reed ret=-EIO' 'ret=-ENOTHING' 'op=read' 'op=fsync short=1' \
		'op=read nth=0 ret=0' 'do=dance' 'op=read short=1 ret=-EIO' 'p=1 ret=0' \
		'offset=3 ret=0' 'op=read ret=-EIO x'; do
		faulty "op=nop ret=0; $plan" copy "$S/1" "$D"
		[ "$status" -eq 134 ]
		says "WEIR_FAULT is wrong at: $plan"
		empty_folder "$D"
	done
}

@test "a release knows no plan and writes no trace" {
	[ "$WEIR_LANE" != check-plain ] || skip "the command is the fault build"
	WEIR_TRACE=$T/trace WEIR_FAULT='op=* ret=-EIO' copies "$S/1" "$D"
	same "$S/1" "$D/1"
	absent "$T/trace"
}
