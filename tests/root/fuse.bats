#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A file system that lies, refuses, fails and blocks, on either side.  Each test
# does the same on the ring and with plain calls.

load space

# More than the few small files that are copied without a ring.
ENTRIES=60

teardown() {
	close_space
	remove_areas
}

# A tree with files of all sizes, hard links, a FIFO and links.
plant() { # FOLDER
	inside mktree random "$1" 91 "$ENTRIES"
	inside mktree file "$1/large" 3000000 5
	inside mktree file "$1/first" 700 6
	inside ln "$1/first" "$1/second"
	inside mkfifo "$1/fifo"
	inside ln "$1/fifo" "$1/fifo2"
	inside ln -s first "$1/link"
}

same_inside() { # [OPTION...] EXPECTED ACTUAL
	inside treecheck "$@"
}

no_temps_inside() { # FOLDER
	nothing "$(inside find "$1" -name '.weir.*')"
}

# What there is of ACTUAL is as in EXPECTED.
nothing_half_inside() { # EXPECTED ACTUAL
	mkdir -p "$T/empty"
	inside treecheck --skip-temps --or="$T/empty" "$1" "$2"
}

# What is missing in ACTUAL, and only that, is the names given.
lacks() { # EXPECTED ACTUAL NAME...
	local expected=$1 actual=$2 found

	shift 2
	found=$(inside treecheck "$expected" "$actual" | sort)
	[ "$found" = "$(printf './%s: missing\n' "$@" | sort)" ] && return 0
	printf 'expected to miss only %s:\n%s\n' "$*" "$found"
	return 1
}

# bats test_tags=C10
@test "a file system in between changes nothing, as source, as target, as both" {
	local engine

	for switches in "" writeback; do
		show "$switches"
		plant "$B/a"
		for engine in auto plain; do
			weir_inside 0 -a --engine=$engine "$M/a" "$D/$switches$engine"
			same_inside --mode --owner --times --links "$B/a" "$D/$switches$engine"
			weir_inside 0 -a --engine=$engine "$M/a" "$M/$engine"
			same_inside --mode --owner --times --links "$B/a" "$B/$engine"
		done
		unshow
	done
}

# bats test_tags=D07,D09,C10
@test "no old byte stays in place where holes cannot be punched" {
	local errno engine sparse

	for errno in ENOSYS EOPNOTSUPP EINVAL; do
		show fallocate=$errno
		inside mktree sparse "$S/f" 3000123 4096 1000000
		inside mktree sparse "$S/g" 3000123
		for engine in auto plain; do
			for sparse in auto always never; do
				inside mktree file "$B/f" 5000321 7
				inside mktree file "$B/g" 5000321 7
				weir_inside 0 --inplace --engine=$engine --sparse=$sparse \
					"$S/f" "$S/g" "$M"
				silent
				inside cmp "$S/f" "$B/f"
				inside cmp "$S/g" "$B/g"
			done
		done
		unshow
	done
}

# bats test_tags=A09
@test "a listing with each name twice gives the right tree, each entry once" {
	local engine told

	show list=twice
	ENTRIES=25 plant "$B/a"
	[ "$(inside ls "$M/a" | grep -c '^first$')" -eq 2 ]
	for engine in auto plain; do
		weir_inside 0 -a -v --stats --engine=$engine "$M/a" "$D/$engine"
		told=$(grep -c '^copied' <<<"$output")
		[ "$told" -eq "$(inside find "$B/a" ! -type d | wc -l)" ]
		counts files_found -eq "$(inside find "$B/a" -type f | wc -l)"
		same_inside --mode --owner --times --links "$B/a" "$D/$engine"
		no_temps "$D/$engine"
	done
}

# bats test_tags=C10
@test "what a target refuses is done in another way" {
	local call errno engine a

	for call in fallocate lseek rename-flags copy_file_range fsync; do
		for errno in ENOSYS EOPNOTSUPP EINVAL; do
			# That a file cannot be synced for any other reason is an error.
			[ $call != fsync ] || [ $errno = ENOSYS ] || continue
			show $call=$errno
			a=$S/$call$errno
			ENTRIES=25 plant "$a"
			for engine in auto plain; do
				weir_inside 0 -a --engine=$engine "$a" "$M/$engine"
				silent
				same_inside --mode --owner --times --links "$a" "$B/$engine"
				no_temps_inside "$B"
			done
			unshow
		done
	done
}

# bats test_tags=C10
@test "a target without attributes, owners or modes gets all the rest" {
	local call errno engine

	ENTRIES=25 plant "$S/a"
	for call in xattr chmod chown utimens; do
		for errno in ENOSYS EOPNOTSUPP EPERM; do
			show $call=$errno
			for engine in auto plain; do
				weir_inside 0 -a --engine=$engine "$S/a" "$M/$engine"
				same_inside --links "$S/a" "$B/$engine"
			done
			unshow
		done
	done
}

# bats test_tags=C10
@test "where no link or FIFO can be made they fail alone" {
	local call errno engine missing

	mkdir "$S/a"
	mktree file "$S/a/f" 3000000
	for i in {1..30}; do echo "$i" >"$S/a/$i"; done
	ln -s f "$S/a/link"
	mkfifo "$S/a/fifo"
	for call in symlink mknod; do
		missing="link"
		[ $call = symlink ] || missing="fifo"
		for errno in EPERM ENOSYS EOPNOTSUPP; do
			show $call=$errno
			for engine in auto plain; do
				weir_inside 23 -a --engine=$engine "$S/a" "$M/$engine"
				says "/$engine/$missing'"
				lacks "$S/a" "$B/$engine" $missing
				no_temps_inside "$B"
			done
			unshow
		done
	done
}

# bats test_tags=J08,J09,F13
@test "where no hard link can be made each name is copied, and that is one line" {
	local errno engine

	plant "$S/a"
	for errno in EPERM ENOSYS EOPNOTSUPP EMLINK; do
		show link=$errno
		for engine in auto plain; do
			weir_inside 0 -a --engine=$engine "$S/a" "$M/$engine"
			says "links of 2 entries not kept"
			[ "$(wc -l <<<"$stderr")" -eq 1 ]
			same_inside --mode --owner --times "$S/a" "$B/$engine"
			no_temps_inside "$B"
		done
		unshow
	done
}

# bats test_tags=C11
@test "a listing without types is as good as any" {
	local engine

	show list=no-type
	plant "$B/a"
	for engine in auto plain; do
		weir_inside 0 -a --engine=$engine "$M/a" "$D/$engine"
		same_inside --mode --owner --times --links "$B/a" "$D/$engine"
	done
}

# Whatever the options, and over other bytes.
believed_by_no_way() {
	local options engine file

	for engine in auto plain; do
		for options in "--inplace" "--inplace --sparse=always" --sparse=always \
			--sparse=never "--preallocate --direct=always" "-a --durable=none" \
			"-rL --backup=numbered" "--direct=always --durable=end"; do
			for file in large small sparse; do
				inside mktree file "$D/$file" 4000000 9
			done
			# shellcheck disable=SC2086
			weir_inside 0 --engine=$engine $options "$M"/{large,small,sparse} "$D"
			for file in large small sparse; do
				inside cmp "$B/$file" "$D/$file"
			done
			rm "$D"/*
		done
	done
}

# bats test_tags=D05
@test "a map that calls data a hole is not believed" {
	local lie engine file

	for lie in empty lie; do
		show holes=$lie
		inside mktree file "$B/large" 3000000
		inside mktree file "$B/small" 3000
		inside mktree sparse "$B/sparse" 5000000 0 4096 3000000
		[ $lie = lie ] || [ "$(inside stat -c %b "$M/large")" -eq 0 ]
		for engine in auto plain; do
			weir_inside 0 --engine=$engine "$M"/{large,small,sparse} "$D"
			for file in large small sparse; do
				inside cmp "$B/$file" "$D/$file"
				rm "$D/$file"
			done
			# A lie about the target is none of our business either.
			weir_inside 0 --engine=$engine --direct=never "$M/large" "$M/copy"
			inside cmp "$B/large" "$B/copy"
			inside rm "$B/copy"
		done
		believed_by_no_way
		# That it does lie: what asks for holes alone loses everything.
		[ $lie = lie ] || inside cp --reflink=never "$M/large" "$D/lost"
		[ $lie = lie ] || run ! inside cmp -s "$B/large" "$D/lost"
		unshow
	done
}

# bats test_tags=E03
@test "a folder whose listing fails is named, and the rest is copied" {
	local engine

	show list=EIO,only=/broken
	plant "$B/a"
	inside mkdir "$B/a/broken"
	inside touch "$B/a/broken/f"
	for engine in auto plain; do
		weir_inside 23 -a --engine=$engine "$M/a" "$D/$engine"
		says "list folder source '$M/a/broken': Input/output error (EIO)"
		lacks "$B/a" "$D/$engine" broken/f
	done
}

# bats test_tags=E04
@test "an entry that cannot be looked at, opened or read fails alone" {
	local call engine

	for call in getattr open read readlink; do
		show $call=EIO,only=/target
		plant "$B/a"
		inside ln -s first "$B/a/target"
		[ $call = readlink ] || inside rm "$B/a/target"
		[ $call = readlink ] || inside mktree file "$B/a/target" 300000
		for engine in auto plain; do
			weir_inside 23 -a --engine=$engine "$M/a" "$D/$call$engine"
			says "source '$M/a/target'"
			lacks "$B/a" "$D/$call$engine" target
		done
		unshow
	done
}

# bats test_tags=E07
@test "an error that only closing tells fails the file, which gets no name" {
	local engine level target files

	show flush=EIO
	plant "$S/a"
	files=$(find "$S/a" -type f -links 1 | wc -l)
	for engine in auto plain; do
		for level in none end group file; do
			target=$M/$engine$level
			weir_inside 23 -r --stats --durable=$level --engine=$engine "$S/a" "$target"
			says "cannot close target '$target/large': Input/output error (EIO)"
			counts files_done -eq 0
			counts entries_failed -ge "$files"
			nothing "$(inside find "$B/$engine$level" -type f)"
			no_temps_inside "$B"
		done
		weir_inside 23 --engine=$engine "$S/a/first" "$M/$engine"
		says "cannot close target '$M/$engine'"
		# What exists stays.
		inside touch "$B/old"
		weir_inside 23 --durable=none --engine=$engine "$S/a/first" "$M/old"
		[ "$(inside stat -c %s "$B/old")" -eq 0 ]
		# What is written in place has its name already.
		weir_inside 23 --stats --inplace --durable=none --engine=$engine \
			"$S/a/first" "$M/old"
		says "cannot close target '$M/old': Input/output error (EIO)"
		counts files_done -eq 0
		counts entries_failed -eq 1
		inside rm "$B/old"
	done
	# As cp, too.
	exits 1 inside bash -c 'exec -a cp "$@"' - "$WEIR" "$S/a/first" "$M/cp"
	says "Input/output error"
	run ! inside test -e "$B/cp"
}

# bats test_tags=E07,F04
@test "bytes that only a close or a sync carries over are missed when they are lost" {
	local engine level options

	plant "$S/a"
	for options in -r -a; do
		for level in none end group file; do
			for engine in auto plain; do
				show writeback,space=1000000
				weir_inside 27 $options --durable=$level --engine=$engine \
					"$S/a" "$M/b"
				# Without a sync the names are there before the error is.
				[ $level = none ] ||
					nothing_half_inside "$S/a" "$B/b"
				no_temps_inside "$B"
				unshow
			done
		done
	done
}

# bats test_tags=F01
@test "a target that is full after some bytes ends as full, with nothing half" {
	local engine

	plant "$S/a"
	for engine in auto plain; do
		show space=1000000
		weir_inside 27 -a --engine=$engine "$S/a" "$M/b"
		says "No space left on device (ENOSPC)"
		nothing_half_inside "$S/a" "$B/b"
		no_temps_inside "$B"
		unshow
	done
}

# bats test_tags=H03
@test "times that the target rounds are no error" {
	local grain engine

	plant "$S/a"
	for grain in 1 2; do
		show grain=$grain
		for engine in auto plain; do
			weir_inside 0 -a --engine=$engine "$S/a" "$M/$engine"
			silent
			[ "$(inside stat -c %Y "$M/$engine/first")" -eq \
				$(($(stat -c %Y "$S/a/first") / grain * grain)) ]
			# A coarse source has not changed while it was read.
			weir_inside 0 -a --engine=$engine "$M/$engine" "$D/$grain$engine"
			same_inside --mode --owner --times --links "$M/$engine" "$D/$grain$engine"
			# What came from there is not newer than it is.
			weir_inside 0 -a -u -v --engine=$engine -T "$M/$engine" "$D/$grain$engine"
			run ! grep -E '^(copied|replaced)' <<<"$output"
		done
		unshow
	done
}

# bats test_tags=H03
@test "what is as new as a coarse target can tell is up to date" {
	local grain engine

	plant "$S/a"
	find "$S/a" -exec touch -h -d '2020-02-02 02:02:03.987654321' {} +
	for grain in 1 2; do
		for engine in auto plain; do
			show grain=$grain
			weir_inside 0 -a --engine=$engine "$S/a" "$M"
			for _ in 1 2; do
				weir_inside 0 -a -u -v --engine=$engine -T "$S/a" "$M/a"
				run ! grep -E '^(copied|replaced)' <<<"$output"
			done
			no_temps_inside "$B"
			# What is newer by more than that is copied.
			touch -d '2020-02-02 02:02:04.5' "$S/a/first"
			weir_inside 0 -a -u -v --engine=$engine -T "$S/a" "$M/a"
			if [ $grain -eq 1 ]; then
				[ "$(grep -c '^replaced' <<<"$output")" -eq 2 ]
			fi
			touch -d '2020-02-02 02:02:06' "$S/a/first"
			weir_inside 0 -a -u -v --engine=$engine -T "$S/a" "$M/a"
			[ "$(grep -c '^replaced' <<<"$output")" -eq 2 ]
			touch -d '2020-02-02 02:02:03.987654321' "$S/a/first"
			unshow
		done
	done
	# Where times are whole, whole seconds are nothing special.
	mktree file "$S/f" 100
	cp "$S/f" "$D/f"
	touch -d '2020-02-02 02:02:03.5' "$S/f"
	touch -d '2020-02-02 02:02:03' "$D/f"
	weir_inside 0 -u -v "$S/f" "$D/f"
	grep '^replaced' <<<"$output"
}

# bats test_tags=H06
@test "times stay although the target takes each sync or close for a change" {
	local late engine level

	plant "$S/a"
	for late in flush fsync; do
		for engine in auto plain; do
			for level in none group file; do
				show late=$late
				weir_inside 0 -a --durable=$level --engine=$engine "$S/a" "$M/b"
				silent
				same_inside --mode --owner --times --links "$S/a" "$B/b"
				# What exists is written to, and replaced.
				touch "$S/a/large" "$S/a/first"
				weir_inside 0 -a --inplace --durable=$level --engine=$engine \
					-T "$S/a" "$M/b"
				silent
				same_inside --times "$S/a" "$B/b"
				weir_inside 0 -p --durable=$level "$S/a/large" "$M/b/large"
				same_inside --times "$S/a/large" "$B/b/large"
				unshow
			done
		done
	done
}

# bats test_tags=H06
@test "times that do not stay are a loss" {
	local engine

	mktree file "$S/large" 300000
	touch -d 2001-01-01 "$S/large"
	show mtime=1600000000
	for engine in auto plain; do
		weir_inside 0 -p --engine=$engine "$S/large" "$M/$engine"
		says "times of 1 entry not kept"
		weir_inside 23 -p --keep=times:require --engine=$engine "$S/large" "$M/$engine"
	done
	unshow
}

# bats test_tags=H09
@test "times beyond all calendars harm nobody" {
	local time engine

	for time in 9223372036854775807 -9223372036854775808 67768036191676800; do
		show mtime=$time
		plant "$B/a"
		for engine in auto plain; do
			weir_inside 0 -a -v --engine=$engine "$M/a" "$D/$time$engine"
			same_inside --mode --owner --links "$B/a" "$D/$time$engine"
			weir_inside 0 -a -u --engine=$engine -T "$S" "$M/a"
		done
		unshow
	done
}

# bats test_tags=I03
@test "names that are too long for the target fail alone" {
	local name engine

	name=$(printf %0143d 7)
	mkdir "$S/a" "$S/a/${name}d"
	for i in {1..40}; do echo "$i" >"$S/a/$i"; done
	echo fits >"$S/a/$name"
	echo "too long" >"$S/a/${name}f"
	echo inside >"$S/a/${name}d/f"
	ln -s 1 "$S/a/${name}l"
	ln "$S/a/1" "$S/a/${name}h"
	show name-max=143
	for engine in auto plain; do
		# And once more, into what is there by then.
		for _ in 1 2; do
			weir_inside 23 -a --engine=$engine -T "$S/a" "$M/$engine"
			[ "$(grep -c 'File name too long (ENAMETOOLONG)$' <<<"$stderr")" -eq 4 ]
			[ "$(wc -l <<<"$stderr")" -eq 4 ]
			lacks "$S/a" "$B/$engine" "$name"{d,f,h,l}
			no_temps_inside "$B"
		done
	done
}

# bats test_tags=I07
@test "names that the target refuses fail alone, and harm no other" {
	local engine

	mkdir "$S/a" "$S/a/folder."
	for i in {1..300}; do echo "$i" >"$S/a/$i"; done
	for i in {1..40}; do echo "$i" >"$S/a/a:$i"; done
	echo inside >"$S/a/folder./f"
	ln -s 1 "$S/a/link?"
	# What is refused to one name is not refused to all.
	for i in {1..60}; do ln "$S/a/$i" "$S/a/linked$i"; done
	for i in {1..5}; do ln "$S/a/$i" "$S/a/hard$i."; done
	show bad-names
	for engine in auto plain auto plain auto plain; do
		weir_inside 23 -a --engine=$engine -T "$S/a" "$M/$engine"
		[ "$(grep -c 'Invalid argument (EINVAL)$' <<<"$stderr")" -eq 47 ]
		nothing "$(grep -v -e 'Invalid argument (EINVAL)$' -e 'links of [1-5] entr' \
			<<<"$stderr")"
		lacks "$S/a" "$B/$engine" a:{1..40} folder. hard{1..5}. 'link?'
		for i in {1..60}; do
			inside test "$B/$engine/$i" -ef "$B/$engine/linked$i"
		done
		no_temps_inside "$B"
		inside rm -r "$B/$engine"
	done
}

# bats test_tags=I10
@test "an inode number of 0 or beyond 2^53 is a number like others" {
	local ino engine

	for ino in 0 9007199254740993 18446744073709551615; do
		show ino=$ino,only=/first
		plant "$B/a"
		for engine in auto plain; do
			weir_inside 0 -a -v --engine=$engine "$M/a" "$D/$ino$engine"
			same_inside --mode --owner --times "$B/a" "$D/$ino$engine"
			weir_inside 0 -a --engine=$engine "$D/$ino$engine" "$M/$engine"
			same_inside --mode --owner --times "$B/a" "$B/$engine"
		done
		unshow
	done
}

# Copies a tree from what is odd, and what came of it back there.
there_and_back() { # NAME OPTION...
	weir_inside 0 -a "${@:2}" "$M/a" "$D/$1"
	same_inside --mode --owner --times "$B/a" "$D/$1"
	weir_inside 0 -a "${@:2}" "$D/$1" "$M/$1"
	same_inside --mode --owner --times "$B/a" "$B/$1"
}

# bats test_tags=I10
@test "a count of links that is a lie loses nothing" {
	local nlink engine

	for nlink in 0 1 3 4000000000; do
		show nlink=$nlink
		plant "$B/a"
		for engine in auto plain; do
			there_and_back "$nlink$engine" --engine=$engine
		done
		unshow
	done
}

# bats test_tags=I10
@test "folders that all have one inode number are different folders" {
	local engine

	show ino=7
	inside mktree random "$B/a" 17 40
	inside mkdir -p "$B/a/x/y/z/v/w"
	inside touch "$B/a/x/y/z/v/w/f"
	[ "$(inside stat -c %i "$M/a/x" "$M/a/x/y" | sort -u)" = 7 ]
	for engine in auto plain; do
		there_and_back $engine --engine=$engine
	done
	unshow
}

# bats test_tags=I10,I11
@test "one inode number for all hides no folder that contains itself" {
	local engine

	show loop,ino=7
	inside mkdir -p "$B/a/x"
	inside touch "$B/a/x/f"
	for engine in auto plain; do
		weir_inside 23 -a --engine=$engine "$M/a" "$D/$engine"
		says "'$M/a/loop': it contains itself"
		says "'$M/a/x/loop': it contains itself"
		same_inside "$B/a" "$D/$engine"
	done
	unshow
}

# bats test_tags=I11
@test "a folder that contains itself is refused, and the run ends" {
	local engine

	show loop
	plant "$B/a"
	inside test -e "$M/a/loop/loop/loop/large"
	for engine in auto plain; do
		weir_inside 23 -a --engine=$engine "$M/a" "$D/$engine"
		says "'$M/a/loop': it contains itself"
		same_inside --mode --owner --times --links "$B/a" "$D/$engine"
	done
}

# bats test_tags=E17
@test "a server that is gone ends the run, with what it could not do" {
	local engine pid status

	for engine in auto plain; do
		rm -f "$T/gate.reached"
		show "block=read,gate=$T/gate,only=/large"
		plant "$B/a"
		inside "$WEIR" copy -a --engine=$engine "$M/a" "$D/$engine" \
			2>"$T/stderr" 3>&- &
		pid=$!
		until [ -e "$T/gate.reached" ]; do kill -0 $pid; done
		inside umount --force --lazy "$M"
		status=0
		wait $pid || status=$?
		cat "$T/stderr"
		[ "$status" -eq 1 ] # one message for all that is left (A15)
		grep -F "cannot go on in source '$M/a'" "$T/stderr"
		run ! grep -F "EUNKNOWN" "$T/stderr"
		no_temps "$D"
		absent "$D/$engine/large"
		inside rm -rf "$B"
	done
}

# bats test_tags=L07
@test "a third signal ends a run whose call does not come back, with no half file" {
	local engine call pid status

	# Fewer than the server has threads: one must be left to hear of the end.
	mkdir "$S/a"
	mktree file "$S/a/large" 3000000
	for i in {1..4}; do mktree file "$S/a/$i" 5000 "$i"; done
	for call in write fsync rename; do
		for engine in auto plain; do
			rm -f "$T/gate.reached"
			show "block=$call,gate=$T/gate"
			# shellcheck disable=SC2016
			inside bash -c 'echo $$ >"$1" && exec "${@:2}"' - "$T/pid" "$WEIR" copy \
				-a --engine=$engine "$S/a" "$M/b" 2>"$T/stderr" 3>&- &
			until [ -e "$T/gate.reached" ]; do kill -0 $!; done
			pid=$(cat "$T/pid")
			kill -TERM "$pid"
			until grep -q finishing "$T/stderr"; do kill -0 "$pid"; done
			kill -TERM "$pid"
			until grep -q 'again to end at once' "$T/stderr"; do kill -0 "$pid"; done
			kill -INT "$pid"
			kill -TERM "$pid" || true
			status=0
			wait $! || status=$?
			cat "$T/stderr"
			[ "$status" -eq 143 ]
			grep 'weir: ended at once' "$T/stderr"
			: >"$T/gate"
			nothing_half_inside "$S/a" "$B/b"
			rm "$T/gate"
			unshow
		done
	done
}

# bats test_tags=B09
@test "names that are one at the target never replace each other, in no run" {
	local engine options

	show casefold
	inside mkdir -p "$S/a/sub" "$S/a/SUB"
	inside mktree file "$S/a/name" 5000 1
	inside mktree file "$S/a/NAME" 6000 2
	inside ln -s one "$S/a/link"
	inside ln -s two "$S/a/LINK"
	inside mktree file "$S/a/sub/f" 100 3
	inside mktree file "$S/a/SUB/g" 100 4
	for engine in auto plain; do
		weir_inside 23 -a --engine=$engine "$S/a" "$M/$engine"
		[ "$(grep -c 'takes another name there for the same' <<<"$stderr")" -eq 3 ]
		[ "$(inside ls "$B/$engine" | wc -l)" -eq 3 ]
		inside sh -c 'cmp "$0/a/name" "$1/name" || cmp "$0/a/NAME" "$1/NAME"' \
			"$S" "$B/$engine"
		# Nor does a later run undo what this one did, in whatever order.
		inside cp -a "$B/$engine" "$B/before"
		for options in -a -r "-a --inplace" "-a -u" "-a -b"; do
			# shellcheck disable=SC2086
			weir_inside 23 $options --engine=$engine -T "$S/a" "$M/$engine"
			[ "$(grep -c 'takes another name there for the same' \
				<<<"$stderr")" -eq 3 ]
			grep -Ei "/$engine/name': File exists \(EEXIST\); .*: 'name'\$" \
				<<<"$stderr"
			inside find "$B/$engine" -name '*~' -delete
			same_inside "$B/before" "$B/$engine"
		done
		inside rm -r "$B/before"
		no_temps_inside "$B/$engine"
	done
	unshow
}

# bats test_tags=B09
@test "what is spelled otherwise at the target is replaced where it has no source" {
	local engine

	show casefold
	inside mkdir "$S/a"
	inside mktree file "$S/a/Name" 5000 1
	inside ln "$S/a/Name" "$S/a/linked"
	inside ln -s one "$S/a/Link"
	for engine in auto plain; do
		inside mkdir "$B/$engine"
		inside touch "$B/$engine/name" "$B/$engine/LINKED" "$B/$engine/link"
		weir_inside 0 -a --engine=$engine -T "$S/a" "$M/$engine"
		silent
		[ "$(inside ls "$B/$engine" | wc -l)" -eq 3 ]
		inside cmp "$S/a/Name" "$M/$engine/Name"
		inside cmp "$S/a/Name" "$M/$engine/linked"
		[ "$(inside readlink "$M/$engine/Link")" = one ]
	done
	# Two operands are two sources.
	inside mkdir "$S/b"
	inside mktree file "$S/b/NAME" 6000 2
	inside rm "$B/auto/name"
	weir_inside 23 "$S/a/Name" "$S/b/NAME" "$M/auto"
	inside sh -c 'cmp "$0/a/Name" "$1/auto/Name" || cmp "$0/b/NAME" "$1/auto/NAME"' "$S" "$M"
	inside cp "$M/auto/Name" "$T/before"
	weir_inside 23 "$S/b/NAME" "$S/a/Name" "$M/auto"
	inside cmp "$T/before" "$M/auto/Name"
	# So are the folders that lead to them.
	inside mkdir -p "$S/p/x" "$S/p/X"
	inside touch "$S/p/x/f" "$S/p/X/g"
	for _ in 1 2; do
		exits 23 inside sh -c 'cd "$1" && "$0" copy --parents x/f X/g "$2"' \
			"$WEIR" "$S/p" "$M/plain"
		says "takes another name there for the same"
		[ "$(inside find "$B/plain" -ipath '*/x/*' | wc -l)" -eq 1 ]
	done
	unshow
}

# bats test_tags=B09
@test "a folder of ext4 without case in its names takes no two sources for one" {
	local engine

	format ext4 256M -O casefold -E encoding=utf8
	attach || skip "this kernel folds no case"
	inside mkdir -p "$S/a/sub" "$S/a/SUB"
	inside mktree file "$S/a/straße" 5000 1
	inside mktree file "$S/a/STRASSE" 6000 2
	inside mktree file "$S/a/sub/f" 100 3
	inside mktree file "$S/a/SUB/f" 100 4
	for engine in auto plain; do
		inside mkdir "$M/$engine"
		inside chattr +F "$M/$engine"
		weir_inside 23 -r --engine=$engine -T "$S/a" "$M/$engine"
		[ "$(wc -l <<<"$stderr")" -eq 2 ]
		inside cp -a "$M/$engine" "$T/before"
		for _ in 1 2; do
			weir_inside 23 -r --engine=$engine -T "$S/a" "$M/$engine"
			[ "$(grep -c 'takes another name there for the same' \
				<<<"$stderr")" -eq 2 ]
			same_inside "$T/before" "$M/$engine"
		done
		rm -r "$T/before"
	done
	detach
}

# bats test_tags=D12
@test "files are copied by a file system that copies by itself" {
	local engine switches

	for switches in "" range=short; do
		show "$switches"
		inside mktree file "$B/f" 700123 7
		for engine in auto plain; do
			weir_inside 0 --stats --reflink=auto --engine=$engine "$M/f" "$M/$engine"
			inside cmp "$B/f" "$B/$engine"
			counts bytes_offloaded -eq 700123
			counts bytes_written -eq 700123
			weir_inside 0 --stats --reflink=never "$M/f" "$M/$engine.never"
			counts bytes_offloaded -eq 0
			inside cmp "$B/f" "$B/$engine.never"
		done
		unshow
	done
}

# bats test_tags=D12
@test "a rate holds where the file system copies by itself, and where it stops to" {
	local switches offloaded

	for switches in "" range=short range=zero; do
		show "$switches"
		inside mktree file "$B/f" 700123 7
		offloaded=700123
		[ "$switches" != range=zero ] || offloaded=0
		weir_inside 0 --stats --reflink=auto --bwlimit=1M "$M/f" "$M/g"
		inside cmp "$B/f" "$B/g"
		counts bytes_offloaded -eq "$offloaded"
		counts bytes_written -eq 700123
		counts elapsed_ns -ge $((700123 * 1000000000 / 1048576))
		unshow
	done
}

# bats test_tags=D12
@test "a copy by the file system that stops in the middle is done anew" {
	local engine

	show range=zero
	inside mktree file "$B/f" 700123 7
	for engine in auto plain; do
		weir_inside 0 --stats --reflink=auto --engine=$engine "$M/f" "$M/$engine"
		inside cmp "$B/f" "$B/$engine"
		counts bytes_offloaded -eq 0
		counts bytes_written -eq 700123
	done
	unshow
}

# bats test_tags=D12
@test "an error of a copy by the file system is one, and leaves nothing" {
	local engine

	show copy_file_range=EIO
	inside mktree file "$B/f" 700123 7
	for engine in auto plain; do
		weir_inside 23 --reflink=auto --engine=$engine "$M/f" "$M/$engine"
		says EIO
		no_temps_inside "$B"
		run ! inside test -e "$B/$engine"
	done
	unshow
}

# bats test_tags=C07
@test "a file that tells no size is read to its end" {
	local engine

	own_state
	show size=0
	plant "$B/a"
	[ "$(inside stat -c %s "$M/a/large")" -eq 0 ]
	for engine in auto plain; do
		weir_inside 0 -a --engine=$engine "$M/a" "$D/$engine"
		same_inside --mode --owner --times --links "$B/a" "$D/$engine"
		sync_inside 0 --engine=$engine "$M/a" "$D/synced$engine"
		same_inside --mode --owner --times --links "$B/a" "$D/synced$engine"
	done
}

# bats test_tags=A02
@test "a file that tells more bytes than it has fails alone, and what it was to replace stays" {
	local more command

	own_state
	for more in 100 5000000; do
		show "size=+$more,only=/large"
		ENTRIES=17 plant "$B/a"
		for command in "copy -a -T" "sync --engine=plain"; do
			rm -rf "$D/a"
			mkdir "$D/a"
			echo old >"$D/a/large"
			# shellcheck disable=SC2086
			exits 23 inside "$WEIR" $command "$M/a" "$D/a"
			says "cannot copy source '$M/a/large'"
			[ "$(wc -l <<<"$stderr")" -eq 1 ]
			[ "$(cat "$D/a/large")" = old ]
			inside cp -p "$B/a/large" "$D/a"
			same_inside --mode --owner "$B/a" "$D/a"
			no_temps "$D"
		done
		unshow
	done
}

# bats test_tags=I10
@test "inode numbers that change give the right files, and folders that are right or refused" {
	local only command

	own_state
	for only in /first /x; do
		show "ino=changing,only=$only"
		ENTRIES=17 plant "$B/a"
		inside mkdir -p "$B/a/x/y"
		inside cp "$B/a/first" "$B/a/x/y"
		[ "$(inside stat -c %i "$M/a$only")" != "$(inside stat -c %i "$M/a$only")" ]
		for command in "copy -a -T" "sync --delete --engine=plain"; do
			# shellcheck disable=SC2086
			exits 0 inside "$WEIR" $command "$M/a" "$D/a"
			same_inside --mode --owner --times "$B/a" "$D/a"
			for _ in new there; do
				# shellcheck disable=SC2086
				run --separate-stderr inside "$WEIR" $command "$D/a" "$M/b"
				[ "$status" -eq 0 ] || [ $only = /x ] || return 1
				[ "$status" -eq 0 ] || refuses
				nothing_half_inside "$D/a" "$B/b"
			done
			[ $only = /x ] || same_inside --mode --owner --times "$D/a" "$B/b"
			inside rm -r "$D/a" "$B/b"
		done
		unshow
	done
}

# bats test_tags=D04
@test "what is too large for the target fails alone, and what fits is there" {
	local limit engine command

	own_state
	mkdir "$S/a"
	mktree sparse "$S/a/fits" 4294967295 0 4294955008
	mktree sparse "$S/a/large" 4294967300 0 4294963200
	mktree file "$S/a/data" 3000000
	for limit in 4294967295 2500000; do
		show max-size=$limit
		for engine in auto plain; do
			for command in "copy -a -T" sync "copy -a --inplace -T"; do
				inside mkdir "$B/a"
				# shellcheck disable=SC2086
				exits 23 inside "$WEIR" $command --engine=$engine "$S/a" "$M/a"
				says "File too large (EFBIG)"
				says "cannot write target '$M/a/large'"
				no_temps_inside "$B"
				if [ $limit -gt 3000000 ]; then
					[ "$(wc -l <<<"$stderr")" -eq 1 ]
					inside cmp "$S/a/data" "$B/a/data"
					[ "$(inside stat -c %s "$B/a/fits")" -eq 4294967295 ]
					inside cmp -i 4294955008 "$S/a/fits" "$B/a/fits"
				else
					[ "$(wc -l <<<"$stderr")" -eq 3 ]
				fi
				[[ $command == *inplace* ]] || run ! inside test -e "$B/a/large"
				inside rm -r "$B/a"
			done
		done
		unshow
	done
}

# bats test_tags=E09
@test "where no folder can be synced nothing goes, and none is called durable" {
	local engine errno

	own_state
	plant "$S/a"
	for engine in auto plain; do
		show fsyncdir=EIO
		inside mkdir -p "$B/a/gone"
		inside touch "$B/a/gone/f"
		weir_inside 23 -a --stats --engine=$engine "$S/a" "$M/b"
		says "not known to be durable"
		counts files_durable -eq 0
		same_inside --mode --owner --links "$S/a" "$B/b"
		sync_inside 23 --delete --yes-delete-many --engine=$engine "$S/a" "$M/a"
		says "not known to be durable"
		inside test -e "$B/a/gone/f"
		cp -a "$S/a" "$S/b"
		inside mkdir "$B/c"
		sync_inside 23 --remove-source-files --engine=$engine "$S/b" "$M/c"
		same "$S/a" "$S/b"
		rm -r "$S/b"
		unshow
		# That there is no such sync is no error.
		for errno in EINVAL ENOSYS; do
			show fsyncdir=$errno
			inside mkdir -p "$B/a/gone"
			sync_inside 0 --delete --yes-delete-many --engine=$engine \
				"$S/a" "$M/a"
			same_inside --mode --owner --times --links "$S/a" "$B/a"
			unshow
		done
	done
}

# bats test_tags=C10
@test "what goes, is kept or gets a name does so where no rename may spare what is there" {
	local engine errno

	own_state
	ENTRIES=25 plant "$S/a"
	for errno in EINVAL ENOSYS; do
		for engine in auto plain; do
			show rename-flags=$errno
			inside mkdir -p "$B/a/gone" "$B/snapshots"
			echo went | inside sh -c 'cat >"$1"' sh "$B/a/gone/f"
			echo old | inside sh -c 'cat >"$1"' sh "$B/a/first"
			sync_inside 0 --delete --yes-delete-many --trash="$M/trash" \
				--engine=$engine "$S/a" "$M/a"
			same_inside --mode --owner --times --links "$S/a" "$B/a"
			[ "$(inside find "$B/trash" -type f -exec cat {} +)" = went ]
			sync_inside 0 --snapshot="$M/snapshots" --engine=$engine "$S/a"
			same_inside --mode --owner --times "$S/a" "$B/snapshots/latest/."
			weir_inside 0 --backup=numbered --engine=$engine "$S/a/first" "$M/a"
			inside cmp "$B/a/first.~1~" "$S/a/first"
			no_temps_inside "$B"
			unshow
		done
	done
}

# bats test_tags=C10
@test "a snapshot whose folder cannot be renamed while it is open is told, and lost to none" {
	local engine errno

	own_state
	ENTRIES=17 plant "$S/a"
	for errno in EBUSY EACCES; do
		for engine in auto plain; do
			show held=$errno
			inside mkdir "$B/snapshots" "$B/a"
			echo old | inside sh -c 'cat >"$1"' sh "$B/a/x"
			sync_inside 23 --snapshot="$M/snapshots" --engine=$engine "$S/a"
			says "($errno)"
			run ! inside test -e "$B/snapshots/latest"
			# All other commands rename files alone.
			sync_inside 0 --delete --yes-delete-many --trash="$M/trash" \
				--engine=$engine "$S/a" "$M/a"
			same_inside --mode --owner --times --links "$S/a" "$B/a"
			unshow
		done
	done
}

# bats test_tags=M10
@test "where no folder can be locked all is done without" {
	local errno

	own_state
	ENTRIES=17 plant "$S/a"
	for errno in ENOLCK EOPNOTSUPP; do
		show ""
		inside mkdir -p "$B/a/gone" "$B/snapshots"
		exits 0 inside refuse flock=$errno -- "$WEIR" sync --delete --yes-delete-many \
			"$S/a" "$M/a"
		same_inside --mode --owner --times --links "$S/a" "$B/a"
		exits 0 inside refuse flock=$errno -- "$WEIR" copy -a --engine=plain "$S/a" "$M/b"
		same_inside --mode --owner --times --links "$S/a" "$B/b"
		no_temps_inside "$B"
		unshow
	done
}

# --- What was not synced is forgotten ------------------------------------------------

# One in so many syncs, links and renames is the last one before the power goes.
: "${FORGET_EVERY:=23}"

# What is left is judged by the function judge, then weir runs on it once more.
power_goes() { # COMMAND...
	local cut engine ended kept=$ram/kept

	for engine in auto plain; do
		ended=1
		for ((cut = 2; ended != 0; cut += FORGET_EVERY)); do
			B=$ram/backing
			inside cp -a "$S/old" "$B"
			show "forget=$kept,cut=$cut"
			ended=0
			inside "$WEIR" "$@" --engine=$engine "$S/new" "$M/a" 2>"$T/stderr" ||
				ended=$?
			echo "$engine, cut $cut: status $ended, $(head -n 1 "$T/stderr")"
			unshow
			judge "$kept/tree/a"
			[ "$ended" -ne 0 ] ||
				inside treecheck --mode --owner --times "$S/new" "$kept/tree/a"
			inside mv "$kept/tree" "$B"
			inside rm -r "$kept"
			show ""
			exits 0 inside "$WEIR" "$@" --engine=$engine "$S/new" "$M/a"
			inside treecheck --mode --owner --times --links "$S/new" "$B/a"
			no_temps_inside "$B"
			unshow
			[ "$cut" -lt 1000 ]
		done
		[ "$cut" -gt "$FORGET_EVERY" ]
	done
}

old_and_new() {
	own_state
	mktree random "$S/new" 93 20
	mktree file "$S/new/large" 800000 3
	mkdir "$S/old"
	cp -a "$S/new" "$S/old/a"
	find "$S/old/a" -type f -exec sh -c 'for f; do rm "$f"; echo "old $f" >"$f"; done' sh {} +
	mktree file "$S/new/only-new" 9000 4
}

# bats test_tags=N01,N02
@test "what was not synced is forgotten at any step, and old or new is left" {
	judge() {
		inside treecheck --skip-temps --mode --owner --file-times \
			--or="$S/old/a" "$S/new" "$1"
	}
	old_and_new
	power_goes copy -a -T
}

# bats test_tags=N01,N04
@test "what was not synced is forgotten at any step, and nothing goes before all is there" {
	judge() {
		inside test -e "$1/went" && inside test -e "$1/gone/f" ||
			inside treecheck --skip-temps --mode --owner --file-times --extra \
				"$S/new" "$1" || return 1
		inside rm -rf "$1/went" "$1/gone"
		inside treecheck --skip-temps --mode --owner --file-times \
			--or="$T/before" "$S/new" "$1"
	}
	old_and_new
	cp -a "$S/old/a" "$T/before"
	mkdir "$S/old/a/gone"
	echo gone >"$S/old/a/gone/f"
	echo went >"$S/old/a/went"
	power_goes sync --delete --yes-delete-many
}

# bats test_tags=N02
@test "a sync that is left out is found where what was not synced is forgotten" {
	local plan

	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	old_and_new
	for plan in "" "op=fsync nth=7 ret=0"; do
		show "forget=$ram/kept"
		exits 0 inside env WEIR_FAULT="inline; $plan" "$WEIR_FAULTY" copy -a \
			--engine=plain "$S/new" "$M/a"
		if [ -z "$plan" ]; then
			inside treecheck "$S/new" "$ram/kept/tree/a"
		else
			run ! inside treecheck --quiet "$S/new" "$ram/kept/tree/a"
		fi
		unshow
		inside rm -r "$ram/kept"
	done
}
