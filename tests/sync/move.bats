#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# --remove-source-files: what DEST has goes from SOURCE, once it is durable (N07).

load helper

# Files of all kinds in two folders, with hard links across them; a copy is in $T/was.
make_tree() {
	mkdir -p "$S/sub/deep" "$S/empty"
	mktree file "$S/f" 3000 1
	mktree file "$S/large" 300000 2
	mktree file "$S/sub/g" 100 3
	mktree file "$S/sub/deep/h" 5000 4
	: >"$S/sub/none"
	ln "$S/f" "$S/sub/same"
	ln "$S/f" "$S/sub/deep/same"
	ln -s f "$S/link"
	mkfifo "$S/sub/pipe"
	chmod 640 "$S/f"
	touch -d 2001-02-03 "$S/sub/g"
	rm -rf "$T/was"
	cp -a "$S" "$T/was"
}

# All that is left of SOURCE is its folders.
only_folders() {
	nothing "$(find "$S" -not -type d)"
	[ "$(cd "$S" && find . -type d | sort)" = "$(cd "$T/was" && find . -type d | sort)" ]
}

# The same of a folder as it was made, but for its times and that of DEST.
has_come() { # DEST
	same --links --mode --owner "$T/was" "$1"
	[ "$(stat -c %y "$1/sub/g")" = "$(stat -c %y "$T/was/sub/g")" ]
}

moves() { # ARGUMENT...
	syncs --remove-source-files "$@"
}

# Runs the fault build; its trace is in $T/trace.
traced() { # ARGUMENT...
	rm -f "$T/trace"
	exits 0 env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" sync --remove-source-files "$@"
}

# In the trace, something is synced after the last name was given in DEST, and only then
# names go from the folders of $T/folders; so many of them.
goes_last() { # COUNT
	find "$D" -type d -printf 'dest %i\n' >>"$T/folders"
	awk -v count="$1" 'NR == FNR { side[$2] = $1; next }
		$8 < 0 { next }
		{ sub(/^.*:/, "", $3) }
		$2 ~ /^(link|rename|symlink|mknod|mkdir)$/ && side[$3] == "dest" {
			if (gone) why = "a name was given after one had gone"
			synced = 0
		}
		$2 ~ /^(fsync|syncfs)$/ { synced = 1 }
		$2 == "unlink" && side[$3] == "source" {
			gone++
			if (!synced) why = "a name went that was not durable"
		}
		END {
			if (gone != count) why = gone + 0 " names went, not " count
			if (why) { print why; exit 1 }
		}' "$T/folders" "$T/trace" || { cat "$T/trace"; return 1; }
}

source_folders() {
	find "$S" -type d -printf 'source %i\n' >"$T/folders"
}

# bats test_tags=N07
@test "what was copied goes from SOURCE, and its folders stay" {
	local engine

	for engine in $(engines); do
		make_tree
		moves --engine="$engine" "$S" "$D/$engine"
		only_folders
		has_come "$D/$engine"
	done
}

# bats test_tags=N07
@test "it goes only when all that was copied is durable" {
	local level

	need_fault
	no_sync_here
	for level in group file; do
		make_tree
		source_folders
		traced --durable="$level" "$S" "$D/$level"
		goes_last 9
		has_come "$D/$level"
		make_tree
		traced --durable="$level" --engine=plain --workers=1 "$S" "$D/$level.plain"
		goes_last 9
		make_tree
		traced --durable="$level" --sync=files "$S" "$D/$level.files"
		goes_last 9
	done
}

# bats test_tags=N07
@test "with one sync at the end it goes after that, where that sync is to be believed" {
	need_fault
	no_sync_here
	make_tree
	source_folders
	run --separate-stderr env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" sync --remove-source-files \
		--durable=end "$S" "$D/d"
	if [ "$status" -eq 23 ]; then
		says "one sync at the end does not tell enough here; --durable=group does"
		same --all "$T/was" "$S"
	else
		ended 0
		goes_last 9
	fi
	same --links "$T/was" "$D/d"
}

# bats test_tags=N07
@test "what DEST had already goes, too, once it is synced" {
	need_fault
	make_tree
	cp -a "$S" "$D/d"
	source_folders
	traced "$S" "$D/d"
	no_sync_here
	goes_last 9
	only_folders
	has_come "$D/d"
}

# bats test_tags=N07
@test "what differs in attributes, or in bytes alone, is mended before it goes" {
	make_tree
	cp -a "$S" "$D/d"
	chmod 600 "$D/d/sub/g"
	printf x | dd of="$D/d/large" conv=notrunc bs=1 seek=1000 status=none
	touch -r "$S/large" "$D/d/large"
	moves --checksum "$S" "$D/d"
	only_folders
	has_come "$D/d"
}

# bats test_tags=N07
@test "what is left out, or left alone in DEST, stays in SOURCE" {
	make_tree
	mkdir "$D/d"
	echo newer >"$D/d/large"
	moves --exclude=/sub/g --max-size=4000 -u "$S" "$D/d"
	[ "$(cd "$S" && find . -not -type d | sort | xargs)" = "./large ./sub/deep/h ./sub/g" ]
	[ "$(cat "$D/d/large")" = newer ]
	moves --ignore-existing --no-keep=special,symlink "$S" "$D/d"
	[ "$(cd "$S" && find . -not -type d | sort | xargs)" = "./large" ]
	printf 'large\n' >"$T/list"
	echo other >"$S/other"
	moves --files-from="$T/list" "$S" "$D/d"
	[ "$(cd "$S" && find . -not -type d | sort | xargs)" = "./other" ]
}

# bats test_tags=N07,O14
@test "a dry run tells what goes, in the same lines, and takes nothing away" {
	make_tree
	mkdir "$D/d"
	cp -a "$S/sub" "$D/d"
	exits 0 "$WEIR" sync -n --remove-source-files "$S" "$D/d"
	planned=$(sed 1d <<<"$output")
	says "to move 9"
	same --all "$T/was" "$S"
	exits 0 "$WEIR" sync -i --stats --remove-source-files "$S" "$D/d"
	[ "$output" = "$planned" ]
	[ "$(grep -c '^move  ' <<<"$output")" -eq 9 ]
	grep -qx 'move  symlink  link' <<<"$output"
	counts to_move -eq 9
	counts moved -eq 9
	exits 0 "$WEIR" sync -i --remove-source-files "$S" "$D/d"
	run ! grep -q '^move' <<<"$output"
}

# bats test_tags=N07,O14
@test "a dry run of a move tells the same where an earlier copy has it all" {
	make_tree
	cp -a "$S" "$T/earlier"
	mkdir "$D/d"
	exits 0 "$WEIR" sync -n --remove-source-files --link-dest="$T/earlier" "$S" "$D/d"
	planned=$(sed 1d <<<"$output")
	exits 0 "$WEIR" sync -i --remove-source-files --link-dest="$T/earlier" "$S" "$D/d"
	[ "$output" = "$planned" ]
	grep -q '^link' <<<"$planned"
}

# bats test_tags=N07
@test "what could not be copied stays, and with it all names of its inode" {
	make_tree
	mkdir -p "$D/d/sub/deep/same" "$D/d/sub/g"
	echo in >"$D/d/sub/deep/same/the-way"
	echo in >"$D/d/sub/g/the-way"
	sync_exits 23 --remove-source-files "$S" "$D/d"
	says "target '$D/d/sub/g'"
	[ "$(wc -l <<<"$stderr")" -eq 2 ]
	[ "$(cd "$S" && find . -not -type d | sort | xargs)" = \
		"./f ./sub/deep/same ./sub/g ./sub/same" ]
	[ "$D/d/f" -ef "$D/d/sub/same" ]
	rm -r "$D/d/sub/deep/same" "$D/d/sub/g"
	moves "$S" "$D/d"
	only_folders
	has_come "$D/d"
}

# bats test_tags=N07,A03
@test "what changes after it was copied stays, and is told" {
	local left

	need_meanwhile
	echo a >"$S/a"
	echo b >"$S/b"
	cp -a "$S" "$T/was"
	cd "$T"
	# The first of them is as good as gone by then.
	during_sync unlinkat '[ab]' 'for f in source/?; do echo more >>$f; done' \
		--remove-source-files source "$D/d"
	ended 24
	left=$(ls "$S")
	[ "${#left}" -eq 1 ]
	says "cannot remove source 'source/$left': it has changed since it was synced, and stays"
	[ "$(cat "$S/$left")" = "$left"$'\nmore' ]
	same "$T/was" "$D/d"
}

# bats test_tags=N07,A03,J06
@test "that it lost another name is no change of a file, its new bytes are" {
	need_meanwhile
	echo one >"$S/a"
	ln "$S/a" "$S/b"
	ln "$S/a" "$S/c"
	cd "$T"
	during_sync unlinkat '[abc]' 'echo more >>source/a' --remove-source-files source "$D/d"
	ended 24
	[ "$(find "$S" -type f | wc -l)" -eq 2 ]
	[ "$(wc -l <<<"$stderr")" -eq 2 ]
	[ "$(cat "$D/d/a")" = one ]
	[ "$D/d/a" -ef "$D/d/b" ] && [ "$D/d/a" -ef "$D/d/c" ]
	moves source "$D/d"
	[ -z "$(ls "$S")" ]
}

# bats test_tags=N07,E06
@test "nothing goes where a sync fails" {
	need_strace
	no_sync_here
	make_tree
	mkdir "$D/d"
	run --separate-stderr strace -f -o /dev/null -e inject=syncfs,fsync,fdatasync:error=EIO \
		"$WEIR" sync --engine=plain --remove-source-files "$S" "$D/d"
	ended 23
	same --all "$T/was" "$S"
	# Nor if only what DEST had is not known to be durable.
	rm -rf "$D/d"
	cp -a "$S" "$D/d"
	run --separate-stderr strace -f -o /dev/null -e inject=syncfs,fsync,fdatasync:error=EIO \
		"$WEIR" sync --engine=plain --remove-source-files "$S" "$D/d"
	ended 23
	[[ $stderr == *"not known to be durable: "* || $stderr == *"Input/output error (EIO)"* ]]
	same --all "$T/was" "$S"
}

# bats test_tags=N07,M03
@test "a run that is killed has taken nothing away that DEST has not" {
	local engine name

	for engine in $(engines); do
		for name in f sub sub/deep/h; do
			make_tree
			rm -rf "$D/d"
			run strike --at-name="$D/d/$name" -- \
				"$WEIR" sync --engine="$engine" --remove-source-files "$S" "$D/d"
			# What is not there any more is in DEST.
			(cd "$T/was" && find . -type f) | while IFS= read -r file; do
				[ -e "$S/$file" ] || cmp "$T/was/$file" "$D/d/$file" || exit 1
			done
			moves "$S" "$D/d"
			only_folders
			has_come "$D/d"
		done
	done
	no_temps "$D"
}

# bats test_tags=N07,M01
@test "a run that is ended by a signal takes nothing away" {
	need_meanwhile
	make_tree
	# The run is the child of the one that runs the script, too.
	during_sync linkat '*' 'pkill -INT -P $PPID weir; sleep 0' --remove-source-files "$S" "$D/d"
	ended 130
	same --all "$T/was" "$S"
}

# bats test_tags=N07,G03
@test "what may not be removed stays, and is told" {
	user_areas
	as_user mkdir "$S/locked"
	as_user sh -c 'echo a >"$1/locked/a"; echo b >"$1/b"' sh "$S"
	as_user chmod 555 "$S/locked"
	run --separate-stderr as_user "$WEIR" sync --remove-source-files "$S" "$D/d"
	ended 23
	says "cannot remove source '$S/locked/a': Permission denied (EACCES)"
	[ "$(mode_of "$S/locked")" = 555 ]
	absent "$S/b"
	[ -e "$D/d/b" ] && [ -e "$D/d/locked/a" ]
}

# bats test_tags=N07,G15
@test "what has lost what is required stays, in later runs, too" {
	can_drop || skip "there is no other user"
	user_areas
	echo mine >"$S/a"
	chmod 644 "$S/a"
	for _ in 1 2; do
		run --separate-stderr as_user "$WEIR" sync --remove-source-files \
			--keep=owner:require "$S" "$D/d"
		[ -e "$S/a" ]
	done
	as_user "$WEIR" sync --remove-source-files "$S" "$D/d"
	absent "$S/a"
}

# bats test_tags=N07,B01,B11
@test "what is one file on both sides is not taken away" {
	need_root
	make_tree
	mkdir -p "$D/d/sub"
	touch "$D/d/large"
	exits 0 unshare -m sh -u -c '
		mount --bind "$1/sub" "$2/d/sub" && mount --bind "$1/large" "$2/d/large" || exit 1
		"$0" sync --remove-source-files "$1" "$2/d"
		[ $? -eq 23 ]' "$WEIR" "$S" "$D"
	says "cannot remove source '$S/sub/g': the target would lose it, too"
	says "cannot remove source '$S/large': the target would lose it, too"
	same --all "$T/was/sub" "$S/sub"
	same --all "$T/was/large" "$S/large"
	absent "$S/link"
	# Hard links of each other are two names.
	rm -rf "${S:?}"/* "$D/d"
	echo x >"$S/f"
	mkdir "$D/d"
	need_same_fs
	ln "$S/f" "$D/d/f"
	moves "$S" "$D/d"
	absent "$S/f"
	[ "$(cat "$D/d/f")" = x ]
}

# bats test_tags=N07,B04,B11
@test "what is seen through an overlay is not taken away below it" {
	need_root
	make_tree
	mkdir "$T/lower" "$T/work" "$T/merged"
	run --separate-stderr unshare -m sh -u -c '
		mount -t overlay none -o "lowerdir=$2/lower,upperdir=$1,workdir=$2/work" \
			"$2/merged" || exit 77
		"$0" sync --remove-source-files "$1" "$2/merged"' "$WEIR" "$S" "$T"
	[ "$status" -ne 77 ] || skip "no overlay on this file system"
	refuses
	same --links --mode --owner "$T/was" "$S"
}

# bats test_tags=N07
@test "what an earlier copy has goes when that is durable, too" {
	need_fault
	need_same_fs
	no_sync_here
	make_tree
	cp -a "$S" "$D/earlier"
	source_folders
	traced --link-dest="$D/earlier" "$S" "$D/d"
	goes_last 9
	only_folders
	[ "$D/d/large" -ef "$D/earlier/large" ]
	[ "$(awk '$2 == "syncfs"' "$T/trace" | wc -l)" -ge 1 ]
}

# bats test_tags=N07
@test "very many files in many folders go" {
	local i

	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		mkdir -p "$S/$i/in"
		mktree many "$S/$i/in/deep" 150 10
	done
	cp -a "$S" "$T/was"
	moves "$S" "$D/d"
	only_folders
	same "$T/was" "$D/d"
}

# bats test_tags=R01
@test "it is refused with --delete, and where nothing is made durable" {
	make_tree
	sync_exits 2 --remove-source-files --durable=none "$S" "$D/d"
	says "--remove-source-files removes what is durable in DEST"
	exits 2 env WEIR_DURABLE=none "$WEIR" sync --remove-source-files "$S" "$D/d"
	sync_exits 2 --remove-source-files --delete "$S" "$D/d"
	says "--remove-source-files and --delete exclude each other"
	sync_exits 2 --remove-source-files --snapshot="$D/d" "$S"
	says "--remove-source-files and --snapshot exclude each other"
	absent "$D/d"
	same --all "$T/was" "$S"
}
