#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a copy says: -v, -q, --dry-run, messages, escapes, report, log.

load helper

# --- Entries ----------------------------------------------------------------------

@test "a copy that goes well is silent" {
	make_files 3
	exits 0 "$WEIR" copy -r source target
	no_output
	no_stderr
}

@test "-v prints a line for each entry: copied, replaced, skipped, folder" {
	make_files 2
	mkdir source/sub
	printf x >source/sub/f
	exits 0 "$WEIR" copy -rv source target
	no_stderr
	printf '%s\n' 'copied target/0' 'copied target/1' 'copied target/sub/f' 'folder target' \
		'folder target/sub' | diff - <(sort <<<"$output")
	exits 0 "$WEIR" copy -v source/0 target/0
	prints 'replaced target/0'
	exits 0 "$WEIR" copy -vn source/0 target
	prints 'skipped target/0'
	exits 0 "$WEIR" copy -vu source/0 target
	prints 'skipped target/0'
}

@test "-n and -f: the later one wins" {
	printf new >a
	printf old >b
	exits 0 "$WEIR" copy -f -n a b
	[ "$(cat b)" = old ]
	exits 0 "$WEIR" copy -n -f a b
	[ "$(cat b)" = new ]
}

@test "--dry-run changes nothing and prints what it would do, but for -q" {
	make_files 2
	exits 0 "$WEIR" copy -rq --dry-run source target
	no_output
	no_stderr
	absent target
	exits 0 "$WEIR" copy -r --dry-run source target
	no_stderr
	[ "$(sort <<<"$output")" = \
		$'would copy target/0\nwould copy target/1\nwould make folder target' ]
	absent target
	printf old >b
	exits 0 "$WEIR" copy -v --dry-run source/0 b
	prints 'would replace b'
	exits 0 "$WEIR" copy -vn --dry-run source/0 b
	prints 'would skip b'
	[ "$(cat b)" = old ]
}

@test "--dry-run --stats sums up and says that nothing was changed" {
	make_files 3
	exits 0 "$WEIR" copy -r --dry-run --stats source target
	says 'weir: would copy 3 entries, 1 new folder, 3 bytes; nothing was changed'
	absent target
}

@test "-q says errors only, and the later of -v and -q wins" {
	make_files 2
	exits 0 "$WEIR" copy -v -q source/0 a
	no_output
	no_stderr
	exits 0 "$WEIR" copy -q -v source/0 a
	prints 'replaced a'
	exits "$PARTIAL" "$WEIR" copy -q nosuch source/0 source/1 .
	no_output
	one_line "$stderr"
	says "'nosuch'"
}

# --- Messages ---------------------------------------------------------------------

# bats test_tags=R06
@test "an error names operation, side, path, reason and errno, once" {
	mkdir d
	exits "$PARTIAL" "$WEIR" copy nosuch d
	one_line "$stderr"
	no_output
	says_line "weir: cannot [a-z]+ source 'nosuch': No such file or directory \\(ENOENT\\)"
	exits "$FATAL" "$WEIR" copy -t nosuch d
	one_line "$stderr"
	says_line "weir: cannot [a-z ]+ target 'nosuch': No such file or directory \\(ENOENT\\)"
}

# bats test_tags=R06
@test "one entry that fails leaves the others" {
	make_files 2
	mkdir target
	exits "$PARTIAL" "$WEIR" copy source/0 nosuch source/1 target
	one_line "$stderr"
	diff -r source target
}

# bats test_tags=R04
@test "after 100 errors of one kind the rest is counted" {
	make_files 1
	mkdir target
	# shellcheck disable=SC2046 # numbers
	exits "$PARTIAL" "$WEIR" copy $(seq -f missing%g 250) source/0 target
	[ "$(grep -c "'missing[0-9]*': No such file or directory (ENOENT)$" <<<"$stderr")" -eq 100 ]
	[ "$(wc -l <<<"$stderr")" -eq 101 ]
	stderr=$(tail -n 1 <<<"$stderr")
	says_line 'weir: cannot [a-z]+: .* \(ENOENT\): 150 more errors not shown'
	diff -r source target
}

# bats test_tags=R04
@test "the log has the errors that were only counted" {
	mkdir target
	# shellcheck disable=SC2046 # numbers
	exits "$PARTIAL" "$WEIR" copy --log-file=log $(seq -f missing%g 120) target
	says '20 more errors not shown, but logged'
	[ "$(grep -c "weir: cannot .* 'missing[0-9]*': No such file" log)" -eq 120 ]
}

# --- Names ------------------------------------------------------------------------

# A name with every byte that a name can have, in 254 files.
every_byte() {
	local code byte

	mkdir source
	for ((code = 1; code < 256; code++)); do
		[ $code -ne 47 ] || continue
		printf -v byte '\\x%02x' $code
		printf -v byte '%b' "$byte"
		: >"source/a${byte}z" || skip "this file system has no such names"
	done
}

# bats test_tags=I01,I02
@test "every byte is copied exactly and shown so that it cannot act" {
	every_byte
	exits 0 "$WEIR" copy -rv --log-file=log source target
	diff <(cd source && find . -print0 | sort -z | od -c) \
		<(cd target && find . -print0 | sort -z | od -c)
	printf '%s\n' "$output" >shown
	[ "$(wc -l <shown)" -eq 255 ]
	no_controls shown
	no_controls log
	# One line of the log for the command, one for the report.
	[ "$(wc -l <log)" -eq 257 ]
	# What is left is ASCII: single bytes above it are no UTF-8.
	has_none $'[\200-\377]' shown
	has_none $'[\200-\377]' log
	grep -qxF 'copied target/a\nz' shown
	grep -qxF 'copied target/a\tz' shown
	grep -qxF 'copied target/a\rz' shown
	grep -qxF 'copied target/a\x1bz' shown
	grep -qxF 'copied target/a\x7fz' shown
	grep -qxF 'copied target/a\x9bz' shown
	grep -qxF 'copied target/a\xffz' shown
	grep -qxF "copied target/a\\'z" shown
	grep -qxF 'copied target/a\"z' shown
	grep -qxF 'copied target/a\\z' shown
	grep -qxF 'copied target/a z' shown
	grep -qxF 'copied target/a-z' shown
}

# bats test_tags=I01
@test "an escaped name can be pasted into a shell" {
	local shown name

	every_byte
	exits 0 "$WEIR" copy -rv source target
	while read -r shown; do
		[ "$shown" != 'folder target' ] || continue
		eval "name=\$'${shown#copied }'"
		[ -e "$name" ]
	done <<<"$output"
}

# bats test_tags=I01,I02
@test "names in errors are escaped" {
	mkdir d
	exits "$PARTIAL" "$WEIR" copy $'new\nline' $'esc\e[31m' $'csi\xc2\x9b1m' $'bad\xff' \
		"it's" $'\\' d
	[ "$(wc -l <<<"$stderr")" -eq 6 ]
	says "'new\\nline'"
	says "'esc\\x1b[31m'"
	says "'csi\\xc2\\x9b1m'"
	says "'bad\\xff'"
	says "'it\\'s'"
	says "'\\\\'"
}

# bats test_tags=I02
@test "UTF-8 is shown as it is, but for what only pretends to be" {
	local good='äöü→日本😀'

	mkdir d
	exits "$PARTIAL" "$WEIR" copy "$good" d
	says "'$good'"
	# Overlong, a surrogate, beyond the last plane, cut short, a stray one.
	exits "$PARTIAL" "$WEIR" copy $'a\xc0\xafb' $'a\xed\xa0\x80b' $'a\xf4\x90\x80\x80b' \
		$'a\xe2\x82' $'a\x80b' d
	says "'a\\xc0\\xafb'" || says "'a\\xc0\\xaf"
	says "'a\\xed\\xa0\\x80b'"
	says "'a\\xf4\\x90\\x80\\x80b'"
	says "'a\\xe2\\x82'"
	says "'a\\x80b'"
	# Right to left, line separator.
	exits "$PARTIAL" "$WEIR" copy $'a\u202etxt.exe' $'a\u2028b' d
	says "'a\\xe2\\x80\\xaetxt.exe'"
	says "'a\\xe2\\x80\\xa8b'"
}

# bats test_tags=I02,I08
@test "without a UTF-8 locale only ASCII is shown, and the log is the same" {
	printf x >'ä'
	mkdir d
	LC_ALL=C exits 0 "$WEIR" copy -v --log-file=log 'ä' d
	prints 'copied d/\xc3\xa4'
	grep -q 'copied d/ä$' log
	exits 0 "$WEIR" copy -v 'ä' d
	prints 'replaced d/ä'
}

# bats test_tags=I01
@test "spaces at the ends of a name can be seen" {
	printf x >' a b '
	mkdir d
	exits 0 "$WEIR" copy -v ' a b ' d
	prints 'copied d/ a b\x20'
	exits 0 "$WEIR" copy -v ' a b ' ' c'
	prints 'copied \x20c'
}

# --- Report -----------------------------------------------------------------------

@test "--stats ends with the report and every counter" {
	local name count=0

	make_files 3
	exits 0 "$WEIR" copy -r --stats source target
	no_output
	[[ ${stderr_lines[0]} == "weir: copied 3 files, "* ]]
	says_line 'weir: copied 3 files, 1 folder, 3 bytes in [0-9.]+ s, [0-9.]+ MiB/s; .+; .+'
	for name in elapsed_ns bytes_found bytes_written bytes_durable files_found files_done \
		files_durable folders_done others_done entries_skipped entries_failed warnings \
		bytes_direct bytes_buffered files_parked bytes_parked groups syncs_fs syncs_file \
		ops_read ops_write ops_read_fixed ops_write_fixed ops_open buffer_registrations \
		buffer_bytes arena_bytes workers rings rings_restricted ring_enters ring_dropped \
		ring_overflow \
		scan_done sizes_known first_group_ns sync_ns publish_ns scan_ns target_ns \
		wait_ns bytes_cloned properties_lost bytes_offloaded to_create to_replace \
		to_rename to_change to_remove removed unchanged excluded bytes_kept \
		to_link to_clone to_move moved unfinished bytes_removed; do
		[ "$(grep -c "^$name [0-9]*\$" <<<"$stderr")" -eq 1 ]
		count=$((count + 1))
	done
	[ "$(grep -c '^confinement .' <<<"$stderr")" -eq 1 ]
	[ "$(wc -l <<<"$stderr")" -eq $((count + 2)) ]
	grep -qx 'files_done 3' <<<"$stderr"
	grep -qx 'bytes_written 3' <<<"$stderr"
	grep -qx 'folders_done 1' <<<"$stderr"
}

@test "the report counts what failed and what was skipped" {
	make_files 2
	mkdir target
	cp source/0 target
	exits "$PARTIAL" "$WEIR" copy -n --stats source/0 source/1 nosuch target
	says 'weir: copied 1 file, 1 byte in '
	says '; 1 skipped; 1 failed'
	[ "$(cat target/1)" = x ]
}

@test "--durable=none is said in the report" {
	make_files 1
	exits 0 "$WEIR" copy --stats source/0 a
	[[ ${stderr_lines[0]} != *'; not synced' ]]
	exits 0 "$WEIR" copy --stats --durable=none source/0 b
	[[ ${stderr_lines[0]} == 'weir: copied 1 file, '*'; not synced' ]]
}

@test "--explain says which way was taken and why" {
	head -c 300000 /dev/urandom >a
	exits 0 "$WEIR" copy --explain a b
	no_output
	[[ $stderr =~ (^|$'\n')way:\ [a-z]+\ .*:\ . ]]
	# Nothing but ways.
	printf '%s\n' "$stderr" >ways
	[ "$(grep -c '^way: ' ways)" -eq "$(wc -l <ways)" ]
	cmp a b
}

@test "--debug says which way each file took, and what was done" {
	make_files 5
	mkdir target
	exits 0 "$WEIR" copy --explain source/? target
	[ "$(grep -c '^way: ' <<<"$stderr")" -eq 1 ]
	rm target/?
	exits 0 "$WEIR" copy --debug source/? target
	[ "$(grep -c '^copied target/[0-4]$' <<<"$output")" -eq 5 ]
	[ "$(grep -c '^way: [a-z ]* target/[0-4]: ' <<<"$stderr")" -eq 5 ]
	[ "$(grep -o 'target/[0-4]' <<<"$stderr" | sort -u | wc -l)" -eq 5 ]
	exits 0 "$WEIR" copy --debug -q source/? target
	no_output
}

# --- Log --------------------------------------------------------------------------

@test "the log has the command, every entry, errors and the report, with UTC times" {
	make_files 2
	mkdir target
	TZ=Asia/Kolkata exits "$PARTIAL" "$WEIR" copy --log-file=log source/0 nosuch source/1 target
	[ "$(wc -l <log)" -eq 5 ]
	local stamp='[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{3}Z \[[0-9]+\]'
	[ "$(grep -Ec "^$stamp " log)" -eq 5 ]
	[ "$(date -u +%FT%H)" = "$(tail -n 1 log | cut -c 1-13)" ] ||
		[ "$(date -u +%M)" = 00 ]
	head -n 1 log | grep -q "\] weir [0-9.]*: copy '--log-file=log' 'source/0' 'nosuch' "
	grep -q '\] copied target/0$' log
	grep -q '\] copied target/1$' log
	grep -q "\] weir: cannot .* source 'nosuch': No such file or directory (ENOENT)$" log
	tail -n 1 log | grep -q '\] weir: copied 2 files, 2 bytes in '
	# The log is no reason to speak.
	no_output
	one_line "$stderr"
}

@test "the log is appended to, by several runs at once" {
	local i pids=()

	make_files 50
	printf 'first\n' >log
	for i in 1 2 3 4; do
		"$WEIR" copy -r --log-file=log source "target$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	[ "$(head -n 1 log)" = first ]
	[ "$(grep -c '\] copied target[1-4]/[0-9]*$' log)" -eq 200 ]
	[ "$(grep -c '\] weir: copied 50 files' log)" -eq 4 ]
	[ "$(wc -l <log)" -eq $((1 + 4 * 53)) ]
}

# bats test_tags=K09
@test "a log that cannot be opened ends the run before it starts" {
	make_files 1
	ln -s elsewhere link
	mkdir folder
	mkfifo fifo
	exits "$FATAL" "$WEIR" copy --log-file=nosuch/log source/0 a
	[ "$stderr" = "weir: cannot open log 'nosuch/log': No such file or directory (ENOENT)" ]
	exits "$FATAL" "$WEIR" copy --log-file=link source/0 a
	[ "$stderr" = "weir: cannot open log 'link': a symbolic link is not followed (ELOOP)" ]
	exits "$FATAL" "$WEIR" copy --log-file=folder source/0 a
	[ "$stderr" = "weir: cannot open log 'folder': Is a directory (EISDIR)" ]
	exits "$FATAL" "$WEIR" copy --log-file=fifo source/0 a
	says "weir: cannot open log 'fifo': "
	exits "$FATAL" "$WEIR" copy --log-file=/dev/null source/0 a
	[ "$stderr" = "weir: cannot open log '/dev/null': not a regular file" ]
	absent a elsewhere
}

@test "a log that cannot be written is told once, the copy is whole and the status 23" {
	need_tool launch
	make_files 20
	head -c 65536 /dev/zero >log
	# Files of the copy are smaller than the limit that the log has reached.
	exits "$PARTIAL" "$WEIR_TOOLS/launch" --limit=fsize:65536 -- \
		"$WEIR" copy -r --log-file=log source target
	[ "$stderr" = "weir: cannot write log 'log': File too large (EFBIG)" ]
	diff -r source target
	[ "$(stat -c %s log)" -eq 65536 ]
}

@test "the log obeys the umask and is not inherited by its name" {
	make_files 1
	umask 077
	exits 0 "$WEIR" copy --log-file=log source/0 a
	[ "$(stat -c %a log)" = 600 ]
}

@test "the copy obeys the umask although weir reads it" {
	make_files 1
	chmod 666 source/0
	umask 027
	exits 0 "$WEIR" copy source/0 a
	[ "$(stat -c %a a)" = 640 ]
}
