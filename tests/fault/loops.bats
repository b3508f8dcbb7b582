#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# long
#
# once
#
# A sample of all faults; `make check-faults` tries each.  SEED= takes another one.

load helper

setup() {
	make_areas
	need_faulty
}

loop() { # SAMPLE OPTION...
	local work=$T

	# Where syncs cost nothing; the plans take a tmpfs for a disk.
	[ "$(stat -f -c %T /dev/shm 2>&1)" != tmpfs ] || [ ! -w /dev/shm ] || work=/dev/shm
	run "$WEIR_TOOLS/faultloop" --weir="$WEIR_FAULTY" --work="$work" --seed="${SEED:-1}" \
		--sample="$1" --jobs=1 "${@:2}"
	[ "$status" -eq 0 ] || { echo "$output" && return 1; }
}

need_ring() {
	"$WEIR_FAULTY" copy --engine=ring /dev/null "$T/probe" 2>/dev/null || skip "needs io_uring"
}

# bats test_tags=E01,E04,F01,R06
@test "no single fault of plain calls leaves what is neither old nor new" {
	loop "$(size 500 200)"
}

# bats test_tags=E01,E04,F01,R06
@test "no single fault of operations on a ring leaves what is neither old nor new" {
	need_ring
	loop "$(size 1000 500)" --engine=ring
}

# bats test_tags=M03
@test "wherever a run is killed, what is there is old or new, and the next run ends it" {
	loop "$(size 80 40)" --what=kills
}

# bats test_tags=M03
@test "the same where it does its work on a ring" {
	need_ring
	loop "$(size 80 40)" --what=kills --engine=ring
}

# The judge of the loops is judged: these runs do what no fault may lead to.
# bats test_tags=E06
@test "a loop fails where a sync fails and that is not believed" {
	cat >"$T/liar" <<END
#!/bin/sh
"$WEIR_FAULTY" "\$@"
[ \$? -eq 137 ] && kill -9 \$\$
[ -e d/one ] && echo spoilt >>d/one
exit 0
END
	chmod +x "$T/liar"
	run "$WEIR_TOOLS/faultloop" --weir="$T/liar" --work="$T" --sample=20 tree
	[ "$status" -eq 1 ]
	[[ $output == *"FAILED tree"* ]]
}
