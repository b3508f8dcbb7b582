#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The command line of clean, and what it prints.  What it removes is in copy/clean.bats
# and sync/clean.bats.

load helper

# Names as weir gives them to what is not complete.
ONE=.weir.lyfqruoc3g34vjr7ehyet3sq
TWO=.weir.xc55zmvlf3a44yebqaos2uwa

scene() {
	mkdir -p d/sub
	head -c 5000 /dev/zero >"d/$ONE"
	: >"d/sub/$TWO"
	printf 'x' >d/file
}

# bats test_tags=R01
@test "clean needs folders, and takes any number of them" {
	refuses "weir clean: DEST is missing; see 'weir clean --help'" clean
	refuses "weir clean: DEST is missing" clean -n -v
	refuses "weir clean: an operand is empty (a variable without a value?)" clean d ''
	scene
	mkdir e
	: >"e/$ONE"
	exits 0 "$WEIR" clean d e
	no_output
	no_stderr
	absent "d/$ONE" "d/sub/$TWO" "e/$ONE"
	[ -e d/file ]
}

# bats test_tags=R01
@test "options of other verbs are refused, and name the verb that has them" {
	scene
	refuses "weir clean: --delete: not an option of weir clean; 'weir sync' has it" \
		clean --delete d
	refuses "weir clean: --engine: not an option of weir clean; 'weir copy' has it" \
		clean --engine=plain d
	refuses "weir clean: --dry-rum: not an option of weir; did you mean '--dry-run'?" \
		clean --dry-rum d
	refuses "weir copy: --snapshots: not an option of weir copy; 'weir clean' has it" \
		copy --snapshots a b
	refuses "weir clean: -0 (--null) is for -n and -v" clean -0 d
	refuses "weir clean: --durable: 'disk' is not one of none, end, group, file" \
		clean --durable=disk d
	WEIR_DURABLE=disk refuses "weir clean: WEIR_DURABLE: 'disk' is not one of" clean d
	[ -e "d/$ONE" ]
}

# bats test_tags=R01
@test "letters and names of other programs have hints" {
	refuses "weir clean: -r: not an option of weir clean; all below DEST is looked at" \
		clean -r d
	refuses "weir clean: --recursive: not an option of weir clean; all below" \
		clean --recursive d
	refuses "weir clean: -f: not an option of weir clean; " clean -f d
	refuses "weir clean: --force: not an option of weir clean; " clean --force d
	refuses "weir clean: --list-only: not an option of weir; use --dry-run" \
		clean --list-only d
}

@test "the environment sets the durability, and an option wins" {
	need_command strace
	strace -o /dev/null true 2>/dev/null || skip "may not trace here"
	case ${WEIR_LANE:-} in *asan) skip "the leak check cannot run under a tracer" ;; esac
	scene
	WEIR_DURABLE=none strace -f -o trace -e trace=fsync,syncfs "$WEIR" clean d
	has_none 'fsync|syncfs' trace
	scene
	WEIR_DURABLE=none strace -f -o trace -e trace=fsync,syncfs "$WEIR" clean \
		--durable=group d
	[ "$(stat -f -c %T .)" = tmpfs ] || grep -q fsync trace
}

@test "nothing is said where nothing is found or all of it is removed" {
	scene
	exits 0 "$WEIR" clean d
	no_output
	no_stderr
	exits 0 "$WEIR" clean d
	no_output
	no_stderr
	exits 0 "$WEIR" clean -n d
	no_output
	[ "$stderr" = "weir: would remove 0 names, in 2 folders that were looked at; nothing was \
changed" ]
}

@test "a dry run and a verbose one print the same lines, and totals" {
	scene
	exits 0 "$WEIR" clean -n d
	prints "remove  temp  d/$ONE
remove  temp  d/sub/$TWO"
	says_line 'weir: would remove 2 names, [0-9.]+ KiB, in 2 folders that were looked at; .*'
	[ -e "d/$ONE" ]
	cp <(printf '%s' "$output") listed
	exits 0 "$WEIR" clean --verbose d
	[ "$output" = "$(cat listed)" ]
	says_line 'weir: removed 2 names, [0-9.]+ KiB, in 2 folders that were looked at; .*'
	absent "d/$ONE"
}

@test "-q is silent but for errors, and the log has all" {
	scene
	exits "$PARTIAL" "$WEIR" clean -q --log-file=log d none
	no_output
	one_line "$stderr"
	says "weir: cannot clean target 'none': No such file or directory (ENOENT)"
	grep -q "remove  temp  d/$ONE\$" log
	grep -q "cannot clean target 'none'" log
	grep -q "removed 2 names" log
	grep -q "weir 0.*: clean '-q' " log
	absent "d/$ONE"
}

@test "--stats ends with every counter" {
	scene
	touch -d '1970-01-01 00:00:01.767676767 UTC' d/file
	exits 0 "$WEIR" clean --stats d
	says_line 'removed 2'
	says_line 'to_remove 2'
	says_line 'unfinished 1'
	says_line 'folders_done 2'
	says_line 'bytes_removed [1-9][0-9]*'
}

@test "what is unfinished is a warning, or a line where lines are asked for" {
	mkdir d
	printf x >d/file
	touch -d '1970-01-01 00:00:01.767676767 UTC' d/file
	exits 0 "$WEIR" clean d
	no_output
	[ "$stderr" = "weir: warning: 'd/file' is a file that was being written in place: it may \
hold old and new bytes; run that again" ]
	exits 0 "$WEIR" clean -q d
	no_stderr
	exits 0 "$WEIR" clean -n d
	prints "unfinished  file  d/file"
	says_nothing_of warning
	says "would remove 0 names, 1 unfinished, in 1 folder that"
	exits 0 "$WEIR" clean -v d
	prints "unfinished  file  d/file"
	[ -e d/file ]
}

# bats test_tags=R04
@test "of very many unfinished things a hundred are shown, and counted" {
	local i

	mkdir d
	for ((i = 0; i < 130; i++)); do
		printf x >"d/$i"
	done
	touch -d '1970-01-01 00:00:01.767676767 UTC' d/*
	exits 0 "$WEIR" clean d
	[ "$(wc -l <<<"$stderr")" -eq 101 ]
	says "weir: warning: 30 more unfinished, not shown; -n lists all"
	exits 0 "$WEIR" clean -n d
	[ "$(wc -l <<<"$output")" -eq 130 ]
}

@test "a full standard output is an error of the clean, which goes on" {
	need_full_device
	scene
	# shellcheck disable=SC2016
	exits "$PARTIAL" sh -c '"$0" clean -v d >/dev/full' "$WEIR"
	says "cannot write standard output: No space left on device (ENOSPC)"
	absent "d/$ONE" "d/sub/$TWO"
}

@test "progress is a line about folders" {
	scene
	exits 0 "$WEIR" clean --progress=never d
	no_stderr
	scene
	# A terminal of its own, where the status is redrawn.
	need_command script
	TERM=xterm script -qec "'$WEIR' clean --progress=always d" out >/dev/null </dev/null
	grep -q 'looked at, ' out
}
