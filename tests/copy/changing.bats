#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# long
#
# Sources that change, move and vanish while they are copied: cases A01 to A15.
# The moment is made by meddle, which stops weir at a certain call.

load helper

OLD=@1000000000

# Sets ENGINES: those that can be stopped here.
find_engines() {
	printf x >"$T/probe"
	meddle read:1 "$T/probe" true -- cat "$T/probe" >/dev/null 2>&1 ||
		skip "no filter can stop a command here"
	ENGINES=plain
	[ "${WEIR_ENGINE:-auto}" != plain ] && ringtest >/dev/null 2>&1 || return 0
	if meddle --kernel read:1 "$T/probe" true -- cat "$T/probe" >/dev/null 2>&1; then
		ENGINES="plain ring"
	fi
}

# weir copy with one worker, stopped by the rules.
# shellcheck disable=SC2154
meddled() { # ENGINE STATUS CALL:WHEN PATH COMMAND... -- ARGUMENT...
	local engine=$1 expected=$2 rules=()

	shift 2
	[ "$engine" = ring ] && rules+=(--kernel)
	while [ "$1" != -- ]; do
		rules+=("$1")
		shift
	done
	exits "$expected" timeout 100 meddle "${rules[@]}" -- \
		"$WEIR" copy --engine="$engine" --workers=1 "${@:2}"
}

# A file and two others; $F is the one that changes, $L what it was meanwhile.
a_file() { # BYTES
	rm -rf "$S/a" "$D" "$T/log"
	mkdir "$S/a" "$D"
	F=$S/a/f
	L=$T/log
	mktree file "$F" "$1" 1
	mktree file "$S/a/1" 3000 2
	mktree file "$S/a/z" 200000 3
	touch -d "$OLD" "$F"
	log="stat -c '%s %Y' $F >>$L"
	# Another mtime each time, whatever the clock's grain.
	mark="touch -d @\$((1000000000 + MEDDLE)) $F"
	append="$log; printf 'more of it' >>$F && $mark"
	rewrite="$log; printf 'other%04d' \$MEDDLE | dd of=$F conv=notrunc status=none && $mark"
	cut="$log; truncate -s -1000 $F && $mark"
}

others_came() {
	same "$S/a/1" "$D/a/1"
	same "$S/a/z" "$D/a/z"
	no_temps "$D"
}

# The copy has size and mtime that the source had at one of the logged moments.
of_a_logged_moment() {
	grep -qxF "$(stat -c '%s %Y' "$D/a/f")" "$L" && return 0
	stat -c '%n %s %Y' "$D/a/f" "$F"
	cat "$L"
	return 1
}

ways() { # prints SIZE OPTION
	echo "5000 --direct=auto"
	echo "300000 --direct=always"
	echo "2000000 --direct=never"
	echo "2000000 --durable=none"
	echo "300000 --sparse=always"
	echo "300000 --inplace"
}

# What is written into has another length, and no zeros.
longer_target() {
	mkdir "$D/a"
	mktree file "$D/a/f" 500000 9
}

# Runs a function for each way, with the engines in turn, or with TEST_SIZE=full for each
# engine and way: FUNCTION ENGINE BYTES OPTION
everywhere() { # FUNCTION
	local engine size option turn=0

	find_engines
	for engine in $ENGINES; do
		turn=$((turn + 1))
		while read -r size option; do
			turn=$((turn + 1))
			[ "$ENGINES" = plain ] || [ $((turn % $(size 2 1))) -eq 0 ] || continue
			a_file "$size"
			[ "$option" != --inplace ] || longer_target
			"$1" "$engine" "$size" "$option" || {
				echo "with $engine, $size bytes, $option"
				return 1
			}
		done < <(ways)
	done
}

once() { # ENGINE OPTION COMMAND
	meddled "$1" 0 read:1 "$F" "$3" -- -a "$2" "$S/a" "$D" || return
	silent && same "$S/a" "$D/a" && others_came
}

old_target() {
	mkdir -p "$D/a"
	echo old >"$D/a/f"
}

# What is written in place cannot stay, but it has not the time that the source
# has now, as if it were a copy of it.
old_stays() { # OPTION
	if [ "$1" = --inplace ]; then
		[ "$(stat -c %Y "$D/a/f")" != "$(stat -c %Y "$F")" ]
	else
		[ "$(cat "$D/a/f")" = old ]
	fi
}

# --- A01 ---------------------------------------------------------------------------

grows_once() {
	once "$1" "$3" "$append"
}

# bats test_tags=A01
@test "a file that grows while it is read is copied once more, whole" {
	everywhere grows_once
}

keeps_growing() {
	meddled "$1" 24 read:every "$F" "$append" -- -a "$3" "$S/a" "$D" || return
	says "warning: cannot copy the last state of source" && says "a/f'" || return
	says "it grew meanwhile" || return
	cmp -n "$(stat -c %s "$D/a/f")" "$D/a/f" "$F" || return
	[ "$(stat -c %s "$D/a/f")" -gt "$2" ] && of_a_logged_moment && others_came
}

# bats test_tags=A01
@test "a file that keeps growing is copied as it was, with the earlier mtime" {
	everywhere keeps_growing
}

# bats test_tags=A01
@test "--on-change says what becomes of a file that keeps growing" {
	local engine

	find_engines
	for engine in $ENGINES; do
		a_file 50000
		meddled "$engine" 0 read:every "$F" "$append" -- -a --on-change=ok "$S/a" "$D"
		silent
		of_a_logged_moment
		a_file 50000
		meddled "$engine" 24 read:every "$F" "$append" -- -a --on-change=warn "$S/a" "$D"
		says "it grew meanwhile"
		of_a_logged_moment
		a_file 50000
		mkdir "$D/a"
		echo old >"$D/a/f"
		meddled "$engine" 23 read:every "$F" "$append" -- -a --on-change=fail "$S/a" "$D"
		says "cannot copy source"
		says "it kept growing"
		[ "$(cat "$D/a/f")" = old ]
		others_came
	done
}

# bats test_tags=A01
@test "an empty file that fills while it is read is copied whole" {
	local engine

	find_engines
	for engine in $ENGINES; do
		a_file 0
		once "$engine" --direct=auto "$append"
		[ "$(cat "$D/a/f")" = "more of it" ]
	done
}

# --- A02 ---------------------------------------------------------------------------

shrinks_once() {
	once "$1" "$3" "$cut"
}

# bats test_tags=A02
@test "a file that is cut while it is read is copied once more, as it is then" {
	everywhere shrinks_once
}

keeps_shrinking() {
	old_target
	meddled "$1" 23 read:every "$F" "$cut" -- -a "$3" "$S/a" "$D" || return
	says "it kept changing while it was read" && old_stays "$3" && others_came
}

# bats test_tags=A02
@test "a file that is cut in both tries fails, and the old one stays" {
	everywhere keeps_shrinking
}

# bats test_tags=A02
@test "what was cut is never filled up with zeros" {
	local engine command

	find_engines
	for engine in $ENGINES; do
		a_file 100000
		truncate -s 3000000 "$F"
		command="$log; truncate -s \$((2000000 - MEDDLE * 100000)) $F && $mark"
		meddled "$engine" 24 read:every "$F" "$command" -- -a --on-change=warn "$S/a" "$D"
		says "it was rewritten meanwhile"
		[ "$(stat -c %s "$D/a/f")" -le "$(stat -c %s "$F")" ]
		grep -q " $(stat -c %Y "$D/a/f")\$" "$L"
		others_came
	done
}

# --- A03 ---------------------------------------------------------------------------

rewritten_once() {
	once "$1" "$3" "$rewrite"
}

# bats test_tags=A03
@test "a file that is rewritten in place is copied once more, whole" {
	everywhere rewritten_once
}

# bats test_tags=A03
@test "a file that is rewritten with its old mtime is seen by its ctime" {
	local engine

	find_engines
	for engine in $ENGINES; do
		a_file 50000
		once "$engine" --direct=auto "$rewrite; touch -d $OLD $F"
	done
}

keeps_being_rewritten() {
	old_target
	meddled "$1" 23 read:every "$F" "$rewrite" -- -a "$3" "$S/a" "$D" || return
	says "it kept changing while it was read" && old_stays "$3" && others_came
}

# bats test_tags=A03
@test "a file that is rewritten in both tries fails, and the old one stays" {
	everywhere keeps_being_rewritten
}

# bats test_tags=A03
@test "--on-change says what becomes of a file that is rewritten in both tries" {
	local engine

	find_engines
	for engine in $ENGINES; do
		a_file 50000
		meddled "$engine" 0 read:every "$F" "$rewrite" -- -a --on-change=ok "$S/a" "$D"
		silent
		of_a_logged_moment
		a_file 50000
		meddled "$engine" 24 read:every "$F" "$rewrite" -- -a --on-change=warn "$S/a" "$D"
		says "warning: "
		says "it was rewritten meanwhile"
		of_a_logged_moment
		others_came
		a_file 50000
		meddled "$engine" 23 read:every "$F" "$rewrite" -- -a --on-change=fail "$S/a" "$D"
		absent "$D/a/f"
		others_came
	done
}

# --- A04 to A06: between listing and opening -------------------------------------------

# The listing of $S/a ends with its second call: the names are not opened yet.
after_listing() { # ENGINE STATUS COMMAND ARGUMENT...
	meddled "$1" "$2" read:2 "$S/a" "$3" -- "${@:4}"
}

one_file() {
	rm -rf "$S/a" "$D" "$S/new"
	mkdir "$S/a" "$D"
	mktree file "$S/a/f" 70000 1
	mktree file "$S/new" 90000 2
	chmod 640 "$S/new"
	touch -d "$OLD" "$S/new"
}

# bats test_tags=A04
@test "a file that is replaced before it is opened is copied as the new one, all of it" {
	local engine

	find_engines
	for engine in $ENGINES; do
		one_file
		cp -p "$S/new" "$T/new"
		after_listing "$engine" 0 "mv $S/new $S/a/f" -a "$S/a" "$D"
		silent
		same "$T/new" "$D/a/f"
	done
}

# bats test_tags=A04
@test "a file that is replaced while it is read is copied as one of the two" {
	local engine

	find_engines
	for engine in $ENGINES; do
		one_file
		cp -p "$S/a/f" "$T/old"
		meddled "$engine" 0 read:1 "$S/a/f" "mv $S/new $S/a/f" -- -a "$S/a" "$D"
		silent
		same "$T/old" "$D/a/f"
	done
}

# What becomes of f, and how one sees it.
became() { # KIND
	case $1 in
	fifo) [ -p "$D/a/f" ] ;;
	link) [ "$(readlink "$D/a/f")" = nowhere ] ;;
	folder) [ -f "$D/a/f/in" ] ;;
	esac
}

change_to() { # KIND
	case $1 in
	fifo) echo "rm -r $S/a/f; mkfifo $S/a/f" ;;
	link) echo "rm -r $S/a/f; ln -s nowhere $S/a/f" ;;
	folder) echo "rm -r $S/a/f; mkdir $S/a/f; echo x >$S/a/f/in" ;;
	file) echo "rm -r $S/a/f; cp $S/new $S/a/f" ;;
	esac
}

# bats test_tags=A05
@test "a file that became another type is copied as what it is, with a warning" {
	local engine kind

	find_engines
	for engine in $ENGINES; do
		for kind in fifo link folder; do
			one_file
			after_listing "$engine" 24 "$(change_to $kind)" -a "$S/a" "$D"
			says "warning: cannot keep the type of source"
			says "a/f'"
			became $kind
			one_file
			after_listing "$engine" 0 "$(change_to $kind)" -a --on-change=ok "$S/a" "$D"
			silent
			became $kind
			one_file
			after_listing "$engine" 23 "$(change_to $kind)" \
				-a --on-change=fail "$S/a" "$D"
			absent "$D/a/f"
		done
	done
}

# bats test_tags=A05
@test "whatever the options, what became another type is neither read nor waited for" {
	local engine options kind

	find_engines
	for engine in $ENGINES; do
		for options in -rL "-r --inplace" "-r --attributes-only" -rb \
			"-r --sparse=always" "-r --parents"; do
			for kind in fifo link folder; do
				one_file
				[ "$options" != "-r --inplace" ] || {
					mkdir "$D/a"
					[ $kind = folder ] || mktree file "$D/a/f" 50 7
				}
				echo x >"$S/a/stays"
				(
					cd "$S" || exit
					# shellcheck disable=SC2086
					meddled "$engine" 24 read:2 "$S/a" "$(change_to $kind)" \
						-- $options a "$D"
					# A link that leads nowhere is, with -L, nothing at all.
					[ "$options$kind" != -rLlink ] || exit 0
					says "it changed since it was listed" && became $kind
				)
				[ -f "$D/a/stays" ]
				no_temps "$D"
			done
		done
	done
}

# An operand is the thing that was asked for: nothing else is copied for it.
# bats test_tags=A05
@test "an operand that became another type fails, and a link in its place is not followed" {
	local option change

	need_meanwhile
	export S T
	echo secret >"$T/secret"
	for option in -p -L --parents --inplace --sparse=always; do
		for change in 'mkfifo "$S/f"' 'ln -s "$T/secret" "$S/f"' 'mkdir "$S/f"'; do
			rm -rf "${S:?}/f"
			mktree file "$S/f" 70000
			mktree file "$D/f" 30 7
			cp "$D/f" "$T/old"
			cd "$S"
			during openat f "rm \"\$S/f\"; $change" "$option" f "$D"
			ended 23
			says "source 'f'"
			same "$T/old" "$D/f"
			no_temps "$D"
		done
	done
}

# bats test_tags=A05
@test "a folder, link or FIFO that became a file is copied as a file" {
	local engine kind

	find_engines
	for engine in $ENGINES; do
		for kind in fifo link folder; do
			one_file
			eval "$(change_to $kind)"
			after_listing "$engine" 24 "$(change_to file)" -a --stats "$S/a" "$D"
			says "it changed since it was listed"
			same --no-times "$S/new" "$D/a/f" || cmp "$S/new" "$D/a/f"
			counts files_found -eq 1
			counts files_done -eq 1
			one_file
			eval "$(change_to $kind)"
			after_listing "$engine" 23 "$(change_to file)" \
				-a --on-change=fail "$S/a" "$D"
			absent "$D/a/f"
		done
	done
}

# bats test_tags=A06
@test "what vanished before it was opened is a warning, and the rest is copied" {
	local engine kind option

	find_engines
	for engine in $ENGINES; do
		for kind in "" fifo link folder; do
			for option in --on-change=fail --on-vanish=warn; do
				one_file
				[ -z "$kind" ] || eval "$(change_to $kind)"
				echo x >"$S/a/stays"
				after_listing "$engine" 24 "rm -r $S/a/f" -a "$option" "$S/a" "$D"
				says "weir: warning: cannot "
				says "a/f': No such file or directory (ENOENT)"
				absent "$D/a/f"
				same "$S/a/stays" "$D/a/stays"
			done
		done
	done
}

# bats test_tags=A06
@test "--on-vanish=ok says nothing of what vanished, fail makes it an error" {
	local engine kind

	find_engines
	for engine in $ENGINES; do
		for kind in "" fifo link folder; do
			one_file
			[ -z "$kind" ] || eval "$(change_to $kind)"
			after_listing "$engine" 0 "rm -r $S/a/f" -a --on-vanish=ok "$S/a" "$D"
			silent
			one_file
			[ -z "$kind" ] || eval "$(change_to $kind)"
			echo x >"$S/a/stays"
			after_listing "$engine" 23 "rm -r $S/a/f" -a --on-vanish=fail "$S/a" "$D"
			says "weir: cannot "
			same "$S/a/stays" "$D/a/stays"
		done
	done
}

# bats test_tags=A06
@test "an operand that never existed is an error whatever --on-vanish says" {
	copy_exits 23 --on-vanish=ok "$S/none" "$D"
	says "none': No such file or directory (ENOENT)"
	copy_exits 23 --on-vanish=warn -r "$S/none" "$D"
}

# --- A07 and A08 -------------------------------------------------------------------

removed_once() {
	cp -p "$F" "$T/kept"
	meddled "$1" 0 read:1 "$F" "rm $F" -- -a "$3" "$S/a" "$D" || return
	silent && same "$T/kept" "$D/a/f" && others_came
}

# bats test_tags=A07
@test "a file that is removed while it is read is copied whole" {
	everywhere removed_once
}

# bats test_tags=A08
@test "a folder that is renamed while it is walked is copied once, as it is held" {
	local engine

	find_engines
	for engine in $ENGINES; do
		one_file
		mkdir -p "$S/a/sub/deep"
		echo 1 >"$S/a/sub/one"
		echo 2 >"$S/a/sub/deep/two"
		cp -a "$S/a" "$T/before.$engine"
		meddled "$engine" 0 read:2 "$S/a/sub" "mv $S/a/sub $S/a/moved" -- \
			-a "$S/a" "$D"
		silent
		same --no-times "$T/before.$engine/sub" "$D/a/sub" ||
			diff -r "$T/before.$engine/sub" "$D/a/sub"
		absent "$D/a/moved"
	done
}

# --- A10 -------------------------------------------------------------------------------

sparse_file() {
	a_file 0
	truncate -s 8M "$F"
	dd if="$S/a/z" of="$F" bs=64K count=2 seek=16 conv=notrunc status=none
	dd if="$S/a/z" of="$F" bs=64K count=2 seek=64 conv=notrunc status=none
}

# bats test_tags=A10
@test "holes that move while they are asked for make neither a loop nor a wrong copy" {
	local engine

	find_engines
	for engine in $ENGINES; do
		sparse_file
		run meddle seek:1 "$F" true -- "$WEIR" copy "$F" "$T/probe.copy"
		[ "$status" -ne 124 ] || skip "holes are not asked for here"
		meddled "$engine" 0 seek:2 "$F" "fallocate -p -o 0 -l 6M $F && $mark" \
			-- -a "$S/a" "$D"
		silent
		same "$S/a" "$D/a"
		sparse_file
		meddled "$engine" 0 seek:2 "$F" \
			"dd if=$S/a/z of=$F bs=64K seek=20 conv=notrunc status=none && $mark" \
			-- -a "$S/a" "$D"
		silent
		same "$S/a" "$D/a"
		sparse_file
		meddled "$engine" 23 seek:every "$F" \
			"fallocate -p -o \$((MEDDLE % 60 * 65536)) -l 64K $F && $rewrite" \
			-- -a "$S/a" "$D"
		says "it kept changing"
		absent "$D/a/f"
		others_came
	done
}

# --- A13 -------------------------------------------------------------------------------

need_leases() {
	run lease "$S/a/f" asked -- dd if="$S/a/f" iflag=nonblock of=/dev/null status=none
	[ "$status" -ne 125 ] || skip "no leases here"
}

# bats test_tags=A13
@test "a file under a lease is copied once it is free, and the others do not wait" {
	local engine

	one_file
	echo x >"$S/a/other"
	need_leases
	for engine in plain auto; do
		rm -rf "$D/a"
		exits 0 lease "$S/a/f" "$D/a/other" -- \
			"$WEIR" copy --engine=$engine --workers=2 -a "$S/a" "$D"
		silent
		same "$S/a" "$D/a"
	done
}

# bats test_tags=A13
@test "one file under a lease is waited for without a thread, too" {
	one_file
	need_leases
	exits 0 lease "$S/a/f" asked -- "$WEIR" copy -p "$S/a/f" "$D"
	silent
	same "$S/a/f" "$D/f"
}

# bats test_tags=A13
@test "an interrupt ends the wait for a lease" {
	one_file
	echo x >"$S/a/other"
	need_leases
	exits 130 lease "$S/a/f" end -- strike --at-name="$D/a/other" --signal=2 \
		"$WEIR" copy --workers=2 --durable=none -a "$S/a" "$D"
	same "$S/a/other" "$D/a/other"
	absent "$D/a/f"
	no_temps "$D"
}

# --- A14 -------------------------------------------------------------------------------

chmod_once() {
	once "$1" "$3" "chmod 600 $F"
}

# bats test_tags=A14
@test "a mode that changes after the open is the one of the copy" {
	everywhere chmod_once
}

chmod_always() {
	meddled "$1" 0 read:every "$F" \
		"chmod \$((600 + MEDDLE % 2 * 40)) $F; ln $F $T/n\$MEDDLE" \
		-- -a "$3" "$S/a" "$D" || return
	rm -f "$T"/n*
	silent && same "$S/a" "$D/a" && others_came
}

# bats test_tags=A14
@test "a mode that changes in both tries is the last one, and the data is copied" {
	everywhere chmod_always
}

# bats test_tags=A14
@test "mode and list are of one moment though they change while they are read" {
	local engine

	need_command setfacl
	find_engines
	for engine in $ENGINES; do
		a_file 5000
		setfacl -m u:65534:rw "$F" 2>/dev/null || skip "no lists here"
		meddled "$engine" 0 list:1 "$F" "setfacl -b $F; chmod 604 $F" -- -a "$S/a" "$D"
		silent
		same "$S/a" "$D/a"
		a_file 5000
		setfacl -m u:65534:rw "$F"
		meddled "$engine" 0 list:1 "$F" "chmod 640 $F" list:2 "$F" \
			"setfacl -m u:65534:r $F; chmod 644 $F" -- -a "$S/a" "$D"
		silent
		same "$S/a" "$D/a"
	done
}

# --- A15 -------------------------------------------------------------------------------

# bats test_tags=A15
@test "a source that is gone ends the run with one message" {
	local errno i

	need_strace
	mkdir "$S/a"
	for ((i = 0; i < 200; i++)); do
		echo $i >"$S/a/$i"
	done
	for errno in ENODEV ESTALE EIO; do
		rm -rf "$D/a"
		# All that is done in the folder fails, once it is listed.
		exits 1 strace -f -o /dev/null -P "$S/a" -e inject=openat:error=$errno:when=4+ \
			-e inject=getdents64:error=$errno:when=3+ \
			"$WEIR" copy --engine=plain --workers=1 -r "$S/a" "$D"
		says "weir: cannot go on in source"
		says "$errno"
		[ "$(grep -c '^weir: cannot' <<<"$stderr")" -eq 1 ]
		no_temps "$D"
	done
}
