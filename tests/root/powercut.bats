#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# serial
#
# Power cuts by the shutdown ioctl, without a log flush: what had not reached
# the device is gone.  Case N01 and the durability levels, for real.

load space

# Cuts in all, shared by the tests of random moments.
: "${POWERCUTS:=200}"

old_and_new() {
	rm -rf "$S/new" "$S/old"
	mktree random "$S/new" 61 40
	cp -a "$S/new" "$S/old"
	find "$S/old" -type f -exec sh -c 'for f; do rm -f "$f"; echo "old $f" >"$f"; done' sh {} +
	rm "$S/old/e1"* 2>/dev/null || true
	mktree file "$S/new/large" 2500000 3
	mktree file "$S/old/large" 2500000 4
	mktree file "$S/new/only-new" 300000 5
}

old_target() {
	inside rm -rf "$M/a"
	inside cp -a "$S/old" "$M/a"
	inside sync -f "$M"
}

# $mounted: options of the mounts.
cut_often() { # KIND COUNT ARGUMENT...
	local count=$2 took at i

	format "$1" 400M
	shift 2
	old_and_new
	attach "${mounted:-}"
	old_target
	inside strike --report="$T/report" -- "$WEIR" copy "$@" -T "$S/new" "$M/a"
	took=$(awk '{ print $6 }' "$T/report")
	seed=${SEED:-$RANDOM}
	echo "SEED=$seed, a run takes $took us"
	for ((i = 0; i < count; i++)); do
		old_target
		seed=$(((seed * 1103515245 + 12345) % 2147483648))
		at=$((seed % (took + took / 8)))
		status=0
		inside strike --report="$T/report" --after-us="$at" --cut="$M" -- \
			"$WEIR" copy "$@" -T "$S/new" "$M/a" 2>"$T/stderr" || status=$?
		detach
		attach "${mounted:-}"
		echo "$i: at $at us: $(cat "$T/report"): $(head -n 3 "$T/stderr")"
		judge
	done
	weir_inside 0 "$@" -T "$S/new" "$M/a"
	inside treecheck --mode --owner --times "$S/new" "$M/a"
	nothing "$(inside find "$M" -name '.weir.*')"
	detach
}

old_or_new_always() {
	inside treecheck --skip-temps --mode --owner --file-times \
		--or="$S/old" "$S/new" "$M/a"
	new_if_done
}

# Status 0 is a promise that a cut may not break.
new_if_done() {
	[ "$status" -ne 124 ] || return 1
	[ "$status" -ne 0 ] || inside treecheck --skip-temps --mode --owner --times "$S/new" "$M/a"
}

# bats test_tags=N01,N02
@test "a power cut at any moment leaves old or new on ext4" {
	judge() { old_or_new_always; }
	cut_often ext4 $((POWERCUTS * 35 / 100)) -a
}

# bats test_tags=N01,N02
@test "a power cut at any moment leaves old or new on XFS" {
	judge() { old_or_new_always; }
	cut_often xfs $((POWERCUTS * 35 / 100)) -a
}

# bats test_tags=N01
@test "the same with one sync for each file" {
	judge() { old_or_new_always; }
	cut_often ext4 $((POWERCUTS * 5 / 100)) -a --durable=file
	cut_often xfs $((POWERCUTS * 5 / 100)) -a --durable=file
}

# bats test_tags=N01
@test "the same with plain calls and syncs of files" {
	judge() { old_or_new_always; }
	cut_often ext4 $((POWERCUTS * 5 / 100)) -a --engine=plain --sync=files
	cut_often xfs $((POWERCUTS * 5 / 100)) -a --engine=plain --sync=files
}

# bats test_tags=N01
@test "the same with buffered writes" {
	judge() { old_or_new_always; }
	cut_often ext4 $((POWERCUTS * 5 / 100)) -a --direct=never
	cut_often xfs $((POWERCUTS * 5 / 100)) -a --direct=never
}

# bats test_tags=N13
@test "the same with other journals of ext4, and without barriers" {
	judge() { old_or_new_always; }
	mounted=data=writeback cut_often ext4 $((POWERCUTS * 2 / 100)) -a
	mounted=data=journal cut_often ext4 $((POWERCUTS * 2 / 100)) -a
	mounted=nobarrier cut_often ext4 $((POWERCUTS * 2 / 100)) -a
}

# bats test_tags=N01
@test "one sync at the end makes all durable once the run has ended" {
	judge() { new_if_done; }
	cut_often ext4 3 -a --durable=end
	cut_often xfs 3 -a --durable=end
	# The loop above may have cut each run; this one ends, then comes the cut.
	attach
	old_target
	inside strike --cut="$M" -- "$WEIR" copy -a --durable=end -T "$S/new" "$M/a"
	detach
	attach
	inside treecheck --mode --owner --times "$S/new" "$M/a"
	detach
}

# bats test_tags=N02
@test "a run that ended survives a cut at once, at every durable level" {
	local kind level

	old_and_new
	for kind in ext4 xfs; do
		format $kind 400M
		attach
		for level in group file end; do
			inside strike --cut="$M" -- "$WEIR" copy -a --durable=$level \
				"$S/new" "$M/$level"
			detach
			attach
			inside treecheck --mode --owner --times "$S/new" "$M/$level"
		done
		# The judge must be able to fail: what nobody synced is gone.
		inside strike --cut="$M" -- cp -r "$S/new" "$M/lost"
		detach
		attach
		run inside treecheck --quiet "$S/new" "$M/lost"
		[ "$status" -ne 0 ]
		detach
	done
}

# What is written in place is no file of one moment: it says so (G11).
is_marked() { # FILE
	[ "$(inside stat -c %.9Y "$1")" = 1.767676767 ] ||
		inside getfattr -n user.weir.torn --only-values "$1" >/dev/null 2>&1
}

cut_patches() { # KIND COUNT ARGUMENT...
	local count=$2 took round at cuts=0

	format "$1" 400M
	shift 2
	mkdir "$T/patched"
	mktree file "$T/old" 6100000 1
	mktree file "$T/patched/f" 6000000 1
	# Every other block differs, which takes its time.
	mktree file "$T/other" 6000000 2
	for ((round = 0; round < 1400; round += 2)); do echo "$round"; done |
		xargs -P1 -I{} dd if="$T/other" of="$T/patched/f" bs=4096 count=1 skip={} seek={} \
			conv=notrunc status=none
	touch -d 2003-04-05 "$T/patched/f"
	attach
	inside mkdir "$M/a"
	inside cp "$T/old" "$M/a/f"
	inside strike --report="$T/report" -- "$WEIR" sync --inplace "$@" "$T/patched" "$M/a"
	took=$(awk '{ print $6 }' "$T/report")
	seed=${SEED:-$RANDOM}
	echo "SEED=$seed, a run takes $took us"
	for ((round = 0; round < count; round++)); do
		inside cp "$T/old" "$M/a/f"
		inside sync -f "$M"
		seed=$(((seed * 1103515245 + 12345) % 2147483648))
		at=$((seed % (took + took / 8)))
		status=0
		inside strike --report="$T/report" --after-us="$at" --cut="$M" -- \
			"$WEIR" sync --inplace "$@" "$T/patched" "$M/a" 2>"$T/stderr" || status=$?
		detach
		attach
		echo "$round: at $at us: $(cat "$T/report"): $(head -n 3 "$T/stderr")"
		[ "$status" -ne 0 ] || inside treecheck --times "$T/patched" "$M/a"
		inside cmp -s "$T/old" "$M/a/f" || inside cmp -s "$T/patched/f" "$M/a/f" || {
			is_marked "$M/a/f"
			cuts=$((cuts + 1))
		}
		# What looks like the source is the source.
		[ "$(inside stat -c %Y "$M/a/f")" != "$(stat -c %Y "$T/patched/f")" ] ||
			inside cmp "$T/patched/f" "$M/a/f"
		inside "$WEIR" sync --inplace "$T/patched" "$M/a"
		inside treecheck --times "$T/patched" "$M/a"
	done
	detach
	echo "$cuts of $count were found mixed"
	rm -r "$T/patched"
}

# bats test_tags=N01,N06
@test "a file that is written in place is old, new or marked after a cut, on ext4" {
	cut_patches ext4 $((POWERCUTS * 10 / 100)) --engine=plain --direct=always
	cut_patches ext4 $((POWERCUTS * 5 / 100))
}

# bats test_tags=N01,N06
@test "a file that is written in place is old, new or marked after a cut, on XFS" {
	cut_patches xfs $((POWERCUTS * 10 / 100)) --engine=plain --direct=always
	cut_patches xfs $((POWERCUTS * 5 / 100))
}

# --- Flushes of the device -----------------------------------------------------------

# A few of the disks of `make check-flushes`: what was not flushed is gone, wholly or in
# part, as no ioctl can do it.
flushes() { # ARGUMENT...
	[ -x "$WEIR_TOOLS/fusefs" ] || skip "needs a build with libfuse3"
	[ -c /dev/fuse ] || skip "no /dev/fuse here"
	run env TMPDIR="$T" "$top/tests/fault/blocks" --tools "$WEIR_TOOLS" --seed "${SEED:-1}" "$@"
	echo "$output"
}

# bats test_tags=N01,N02
@test "what was not flushed may be lost at any flush, and old or new is left" {
	need_kind ext4
	need_kind xfs
	flushes --weir "$WEIR" --subsets 2 --sample 24 xfs:group:auto ext4:file:plain \
		xfs:delete:auto ext4:inplace:auto xfs:move:plain
	[ "$status" -eq 0 ]
}

# A stranger's sync has done the work of the journal, so syncfs of XFS flushes nothing.
# bats test_tags=N02
@test "a flush of the device that is left out is found, where syncfs alone makes none" {
	local others='op=syncfs nth=1 do=run:echo x >@/other && sync @/other'

	need_kind xfs
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	flushes --weir "$WEIR_FAULTY" --subsets 0 --plan "$others" xfs:flush:plain \
		xfs:end-inplace:plain xfs:there:plain
	[ "$status" -eq 0 ]
	flushes --weir "$WEIR_FAULTY" --subsets 0 --plan "op=fsync ret=0"$'\n'"$others" \
		xfs:flush:plain
	[ "$status" -eq 1 ]
	[[ $output == *"FAILED xfs:flush:plain cut "*"the run had ended with 0"* ]]
}
