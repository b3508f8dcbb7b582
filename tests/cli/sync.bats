#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# R01, R07, B12: the command line of sync.

load helper

# A folder s with a file, a folder, a link and a FIFO.
scene() {
	mkdir -p s/deep
	printf data >s/file
	printf more >s/deep/file
	ln -s file s/link
	mkfifo s/pipe
}

# All of $1 but the name of it.
list_of() { # FOLDER
	(cd "$1" && find . -printf '%p %y %m %s %T@ %l\n' | sort)
}

# Both folders hold the same, and have the same attributes.
same_folders() { # SOURCE DEST
	diff <(list_of "$1") <(list_of "$2") && diff -r --no-dereference \
		--exclude=pipe "$1" "$2"
}

mode_of() { # FILE
	stat -c %a "$1"
}

@test "sync refuses --preallocate with what contradicts it, before anything is looked at" {
	refuses "weir sync: --preallocate and --sparse=always exclude each other" \
		sync --preallocate --sparse=always s d
	refuses "weir sync: --preallocate and --reflink=always exclude each other" \
		sync --preallocate --reflink=always s d
	refuses "weir sync: --preallocate needs --durable=group or file" \
		sync --preallocate --durable=end s d
	WEIR_DURABLE=none refuses "weir sync: --preallocate needs --durable=group or file" \
		sync --preallocate s d
	absent d
}

# bats test_tags=R01
@test "sync names missing and surplus operands" {
	scene
	refuses "weir sync: SOURCE and DEST are missing; see 'weir sync --help'" sync
	refuses "weir sync: SOURCE and DEST are missing" sync -v --
	refuses "weir sync: DEST is missing after 's'" sync s
	refuses "weir sync: one SOURCE and one DEST, no more: 'x'" sync s d x
	refuses "weir sync: one SOURCE and one DEST, no more: '-v'" sync s d -- -v
	absent d x
}

# bats test_tags=R01,B12
@test "sync refuses empty operands" {
	scene
	refuses "weir sync: an operand is empty (a variable without a value?)" sync s ''
	refuses "weir sync: an operand is empty" sync '' d
	refuses "weir sync: an operand is empty" sync '' ''
	# It is told before it is counted.
	refuses "weir sync: an operand is empty" sync ''
	absent d
	[ "$(list_of s | wc -l)" -eq 6 ]
}

# bats test_tags=R01
@test "sync refuses values that are none before anything is opened" {
	scene
	refuses "weir sync: --durable: 'x' is not one of none, end, group, file" \
		sync --durable=x --log-file=log s d
	refuses "weir sync: --chunk-size: '5x' is not a size" sync --chunk-size=5x s d
	refuses "weir sync: --workers: 'two' is not a number" sync --workers=two s d
	refuses "weir sync: --exclude: PATTERN is missing" sync s d --exclude
	refuses "weir sync: --archive: takes no value" sync --archive=all s d
	refuses "weir sync: --dry-run: takes no value" sync --dry-run=no s d
	refuses "weir sync: --suffix: 'a/b' has a slash" sync --suffix=a/b s d
	refuses "weir sync: -0 (--null) is for" sync -0 s d
	refuses "weir sync: standard input can be read as one list only" \
		sync --exclude-from=- --include-from=- s d
	WEIR_ENGINE=warp refuses "weir sync: WEIR_ENGINE: 'warp' is not one of auto, ring, plain" \
		sync s d
	absent d log
}

# bats test_tags=R07
@test "the letters of what sync does by default are taken, alone and together" {
	local letter

	scene
	for letter in a r l p t g o D H A X; do
		rm -rf d
		exits 0 "$WEIR" sync "-$letter" s d
		no_output
		no_stderr
		same_folders s d
	done
	rm -rf d
	exits 0 "$WEIR" sync -arlptgoDHAX s d
	same_folders s d
	exits 0 "$WEIR" sync --archive s d
	same_folders s d
}

# bats test_tags=R07
@test "options of sync may follow operands, unless POSIXLY_CORRECT is set" {
	scene
	exits 0 "$WEIR" sync s d --exclude=/deep
	cmp s/file d/file
	absent d/deep
	POSIXLY_CORRECT=1 refuses "one SOURCE and one DEST, no more: '--exclude=/deep'" \
		sync s e --exclude=/deep
	absent e
	mv s ./-s
	exits 0 "$WEIR" sync -- -s -d
	same_folders ./-s ./-d
}

# bats test_tags=B12
@test "a slash at the end of an operand of sync never changes anything" {
	local source target

	scene
	for source in s s/ s/// ./s s/. "$T/s/"; do
		for target in d d/ d/// ./d/ "$T/d/"; do
			rm -rf d
			exits 0 "$WEIR" sync "$source" "$target"
			same_folders s d
			absent d/s
			# Nor where DEST is there.
			printf other >s/file
			exits 0 "$WEIR" sync "$source" "$target"
			same_folders s d
			printf data >s/file
		done
	done
}

# bats test_tags=B12
@test "sync follows operands that are links to folders, with and without a slash" {
	local source target

	scene
	ln -s s source-link
	ln -s d target-link
	for source in source-link source-link/; do
		for target in target-link target-link/; do
			rm -rf d
			mkdir d
			exits 0 "$WEIR" sync "$source" "$target"
			[ -L target-link ]
			same_folders s d
		done
	done
}

# bats test_tags=B12
@test "sync takes . and .. for the folders that they are" {
	scene
	(cd s && exits 0 "$WEIR" sync . ../d)
	same_folders s d
	rm -rf d
	mkdir d
	(cd d && exits 0 "$WEIR" sync ../s .)
	same_folders s d
	rm -rf d
	(cd s/deep && exits 0 "$WEIR" sync .. ../../d)
	same_folders s d
}

@test "sync makes DEST, but not the folders that it lies in" {
	scene
	exits "$FATAL" "$WEIR" sync s a/d
	says "cannot create folder"
	says "'a/d'"
	one_line "$stderr"
	absent a
	mkdir a
	exits 0 "$WEIR" sync s a/d
	same_folders s a/d
}

@test "sync --no-keep leaves out what it names" {
	scene
	chmod 741 s/file
	chmod 710 s/deep
	touch -d '2001-02-03 04:05:06.789' s/file s/deep/file
	ln s/file s/second
	exits 0 "$WEIR" sync s d
	[ "$(mode_of d/file)" = 741 ]
	[ d/file -ef d/second ]
	[ "$(stat -c %Y d/file)" -eq "$(stat -c %Y s/file)" ]

	exits 0 "$WEIR" sync --no-keep=mode s mode
	[ "$(mode_of mode/file)" = 644 ]
	[ "$(mode_of mode/deep)" = 755 ]
	[ mode/file -ef mode/second ]

	exits 0 "$WEIR" sync --no-keep=times s times
	[ "$(mode_of times/file)" = 741 ]
	[ "$(stat -c %Y times/file)" -gt "$(stat -c %Y s/file)" ]
	[ "$(stat -c %Y times/deep/file)" -gt "$(stat -c %Y s/file)" ]

	exits 0 "$WEIR" sync --no-keep=links s links
	cmp links/file links/second
	run ! test links/file -ef links/second

	exits 0 "$WEIR" sync --no-keep=symlink,special s entries
	no_stderr
	absent entries/link entries/pipe
	cmp s/deep/file entries/deep/file
}

@test "what states the default of sync undoes nothing of --no-keep, nor the reverse" {
	scene
	chmod 741 s/file
	exits 0 "$WEIR" sync --no-keep=mode -a s one
	[ "$(mode_of one/file)" = 644 ]
	exits 0 "$WEIR" sync -apX --no-keep=mode --archive s two
	[ "$(mode_of two/file)" = 644 ]
	# Words that are named twice count once, and several options add up.
	exits 0 "$WEIR" sync --no-keep=mode,special,mode --no-keep=symlink s three
	[ "$(mode_of three/file)" = 644 ]
	absent three/link three/pipe
}

# bats test_tags=R01
@test "sync --no-keep refuses words that it does not have" {
	scene
	refuses "weir sync: --no-keep: 'modes' is not one of mode, owner, times, acl, xattr, " \
		sync --no-keep=modes s d
	refuses "--no-keep: 'x' is not one of" sync --no-keep=mode,x s d
	refuses "--no-keep: '' is not one of" sync --no-keep= s d
	refuses "--no-keep: '' is not one of" sync --no-keep=mode, s d
	refuses "--no-keep: LIST is missing" sync s d --no-keep
	# Words of copy's --preserve, and what is not kept anyway.
	refuses "--no-keep: 'timestamps' is not one of" sync --no-keep=timestamps s d
	refuses "--no-keep: 'all' is not one of" sync --no-keep=all s d
	refuses "--no-keep: 'context' is not one of" sync --no-keep=context s d
	absent d
}

@test "sync --keep has a policy for each property" {
	scene
	chmod 741 s/file
	ln s/file s/second
	exits 0 "$WEIR" sync --keep=mode:off,acl:off,links:off,symlink:off,special:off \
		s off
	[ "$(mode_of off/file)" = 644 ]
	cmp off/file off/second
	run ! test off/file -ef off/second
	absent off/link off/pipe
	exits 0 "$WEIR" sync --keep=mode:require,links:require,times:try,symlink,special:try \
		s kept
	same_folders s kept
	[ kept/file -ef kept/second ]
}

# bats test_tags=R01
@test "sync --keep refuses properties and policies that it does not have" {
	scene
	refuses "weir sync: --keep: 'modes' is not one of" sync --keep=modes:try s d
	refuses "--keep: 'x' is not one of off, try, require" sync --keep=mode:x s d
	refuses "--keep: '' is not one of off, try, require" sync --keep=mode: s d
	refuses "--keep: PROPERTY:POLICY is missing" sync s d --keep
	absent d
}

@test "sync -n changes nothing and prints what it would do" {
	local before

	scene
	exits 0 "$WEIR" sync -n s d
	[[ $output == *deep/file* ]]
	absent d
	exits 0 "$WEIR" sync --dry-run s d
	[[ $output == *deep/file* ]]
	absent d
	mkdir d
	printf old >d/file
	before=$(list_of d)
	exits 0 "$WEIR" sync -n s d
	[ "$(list_of d)" = "$before" ]
}

@test "sync -b takes no value, and keeps what is replaced" {
	scene
	mkdir d
	printf old >d/file
	exits 0 "$WEIR" sync -b s d
	cmp s/file d/file
	[ "$(cat d/file~)" = old ]
	printf newer >s/file
	exits 0 "$WEIR" sync --suffix=.bak s d
	[ "$(cat d/file) $(cat d/file.bak)" = "newer data" ]
	printf newest >s/file
	exits 0 "$WEIR" sync --backup=numbered s d
	[ "$(cat d/file) $(cat d/file.~1~)" = "newest newer" ]
}

@test "sync writes its command line to the log" {
	scene
	exits 0 "$WEIR" sync --log-file=log s d
	grep -q "weir [0-9.]*: sync '--log-file=log' 's' 'd'" log
	no_controls log
}

@test "the help of sync says what it does with its operands, and wins over them" {
	exits 0 "$WEIR" sync --help
	[ "${lines[0]}" = "Usage: weir sync [OPTIONS] SOURCE DEST" ]
	grep -q 'slash or no slash' <<<"$output"
	grep -q '25 too much to' <<<"$output"
	exits 0 "$WEIR" sync a b c --help --nosuch
	[ "${lines[0]}" = "Usage: weir sync [OPTIONS] SOURCE DEST" ]
	refuses "--nosuch: not an option" sync --nosuch --help
	exits 0 "$WEIR" help sync
	[ "${lines[0]}" = "Usage: weir sync [OPTIONS] SOURCE DEST" ]
}

# bats test_tags=R01
@test "the guards of sync take lists, sides and names, and refuse others" {
	scene
	refuses "weir sync: --allow: 'all' is not one of empty-source, moved, home, root, " \
		sync --allow=moved,all s d
	refuses "weir sync: --allow: '' is not one of" sync --allow= s d
	refuses "weir sync: --allow: LIST is missing" sync s d --allow
	refuses "weir sync: --contents: takes no value" sync --contents=yes s d
	refuses "weir sync: --require-mount: 'target' is not one of source, dest, both" \
		sync --require-mount=target s d
	refuses "weir sync: --expect-fs: the value is empty" sync --expect-fs= s d
	refuses "weir sync: --expect-fs: given twice" sync --expect-fs=a --expect-fs=b s d
	refuses "weir sync: --expect-fs: '$(printf 'x%.0s' {1..256})' cannot be used: " \
		sync --expect-fs="$(printf 'x%.0s' {1..256})" s d
	refuses "weir copy: --mkpath: not an option of weir" copy --mkpath s d
	absent d
	exits 0 "$WEIR" sync --allow=moved,home --allow=root,contents --contents s d
	same_folders s d
}

# bats test_tags=R01
@test "sync --wait-lock takes seconds, and times with a unit" {
	local value

	scene
	for value in 1x -1 1.5 s '' 1h1h; do
		refuses "weir sync: --wait-lock: '$value' is not a time; " \
			sync --wait-lock="$value" s d
	done
	refuses "weir sync: --wait-lock: '367d' is out of range: from 0 to 8784 h 00 min" \
		sync --wait-lock=367d s d
	refuses "is out of range" sync --wait-lock=9223372036854775807 s d
	refuses "is out of range" sync --wait-lock=99999999999999999999 s d
	absent d
	for value in 0 30 500ms 30s 5m 2h 1d 1h30m; do
		exits 0 "$WEIR" sync --wait-lock="$value" s d
	done
	same_folders s d
}
