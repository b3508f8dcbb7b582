#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# weir clean, and what killed syncs leave: unfinished snapshots, files that were written
# in place, folders that are closed.  What copies leave is in copy/clean.bats.

load helper

setup() {
	make_areas
	begin_traces
	ulimit -c 0
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 50000
	mktree file "$S/a/sub/g" 100
	export S D T WEIR
}

cleans() { # ARGUMENT...
	exits 0 "$WEIR" clean "$@"
}

# The last standard output has these lines, in any order.
lists() { # LINE...
	diff <(printf '%s\n' "$@" | sort) <(sort <<<"$output") && return 0
	printf '(< expected, > listed)\n'
	return 1
}

prints_nothing() {
	[ -z "$output" ] || {
		printf 'printed: %s\n' "$output"
		return 1
	}
}

# A snapshot whose run is killed when it would have given it its name.
leave_snapshot() {
	run refuse renameat2=kill -- "$WEIR" sync --snapshot="$D/s" "$S/a"
	[ "$status" -ge 128 ]
	left=$(find "$D/s" -maxdepth 1 -name '.weir-snapshot-*' -printf '%f\n')
	[ -n "$left" ] && [ "$(wc -l <<<"$left")" -eq 1 ]
}

# bats test_tags=M03
@test "an unfinished snapshot is told and stays, and the next sync finishes it" {
	local inode

	leave_snapshot
	inode=$(inodes "$D/s/$left/f")
	cleans -n "$D"
	lists "unfinished  snapshot  $D/s/$left/"
	cleans "$D"
	prints_nothing
	says "weir: warning: '$D/s/$left' is an unfinished snapshot: the next run goes on with it; "
	[ -d "$D/s/$left" ]
	syncs --snapshot="$D/s" "$S/a"
	mirrors "$S/a" "$D/s/latest/."
	# Elsewhere nobody knows what of it is durable, and it is begun anew.
	case $(fs_type "$D") in
	ext2/ext3 | xfs | btrfs | tmpfs) [ "$(inodes "$D/s/latest/f")" = "$inode" ] ;;
	esac
	cleans "$D"
	silent
}

# bats test_tags=M03
@test "an unfinished snapshot goes with all that it holds on request, and no other one" {
	syncs --snapshot="$D/s" "$S/a"
	printf changed >"$S/a/f"
	leave_snapshot
	picture "$D/s/latest/." >"$T/before"
	mkdir "$D/s/$left/closed"
	: >"$D/s/$left/closed/x"
	chmod 500 "$D/s/$left/closed"
	cleans -n --snapshots "$D"
	lists "remove  snapshot  $D/s/$left/"
	[ -e "$D/s/$left/closed/x" ]
	cleans -v --snapshots "$D"
	lists "remove  snapshot  $D/s/$left/"
	says "weir: removed 1 name"
	absent "$D/s/$left"
	picture "$D/s/latest/." | sed 's/ [0-9]* [^ ]*$//' >"$T/after"
	sed 's/ [0-9]* [^ ]*$//' "$T/before" | diff - "$T/after"
	syncs --snapshot="$D/s" "$S/a"
	mirrors "$S/a" "$D/s/latest/."
}

# bats test_tags=M03
@test "a clean that is killed while it removes a snapshot leaves the rest to the next one" {
	need_strace

	leave_snapshot
	mkdir "$D/s/$left/more"
	touch "$D/s/$left/more/"{1..9}
	run strace -f -qq -o /dev/null -e trace=unlinkat -e inject=unlinkat:signal=KILL:when=5 \
		"$WEIR" clean --snapshots "$D"
	[ "$status" -eq 137 ]
	[ -d "$D/s/$left" ]
	cleans --snapshots "$D"
	silent
	absent "$D/s/$left"
}

@test "where locks do not work, an unfinished snapshot stays" {
	leave_snapshot
	exits 23 refuse flock=ENOSYS -- "$WEIR" clean --snapshots "$D"
	says "cannot remove target '$D/s/$left': locks do not work here, so a run may be filling it"
	[ -e "$D/s/$left/f" ]
}

# bats test_tags=M10
@test "a snapshot that is being made is not removed" {
	need_meanwhile
	run --separate-stderr meanwhile renameat2 '[0-9]*Z' \
		'"$WEIR" clean -v --snapshots "$D" >"$T/out" 2>"$T/err"; echo $? >"$T/status"' -- \
		"$WEIR" sync --engine=plain --snapshot="$D/s" "$S/a"
	ended 0
	[ "$(cat "$T/status")" -eq 29 ]
	[ ! -s "$T/out" ]
	grep -q "cannot clean target '$D/s': another run holds this folder" "$T/err"
	mirrors "$S/a" "$D/s/latest/."
}

@test "what was made in an unfinished snapshot under such a name goes, too" {
	local name

	leave_snapshot
	name=$(mktemps 1)
	: >"$D/s/$left/sub/$name"
	cleans -v "$D"
	lists "unfinished  snapshot  $D/s/$left/" "remove  temp  $D/s/$left/sub/$name"
	[ -e "$D/s/$left/sub/g" ]
}

# bats test_tags=I06
@test "a folder with the name of an unfinished snapshot and another checksum stays" {
	local user

	leave_snapshot
	user=$D/s/${left%?}$(tr 0-9a-f 1-9a-f0 <<<"${left: -1}")
	mkdir "$user"
	: >"$user/x"
	# Nor is anything but a folder a snapshot.
	mkdir "$D/t"
	: >"$D/t/$left"
	ln -s "$user" "$D/$left"
	cleans -v --snapshots "$D"
	lists "remove  snapshot  $D/s/$left/"
	[ -e "$user/x" ]
	[ -f "$D/t/$left" ]
	[ -L "$D/$left" ]
}

# bats test_tags=N06,M03
@test "a file that a sync was writing in place is told and stays, until it is finished" {
	need_strace
	need_xattrs
	mktree file "$D/f" 50000 9
	cp -a "$S/a/sub" "$D" # nothing else is to be written
	run strace -f -qq -o /dev/null -e trace=pwrite64 \
		-e inject=pwrite64:signal=KILL:when=1 \
		"$WEIR" sync --engine=plain --direct=never --inplace "$S/a" "$D"
	[ "$status" -eq 137 ]
	cleans -n "$D"
	lists "unfinished  file  $D/f"
	cp -a "$D/f" "$T/f"
	cleans "$D"
	says "weir: warning: '$D/f' is a file that was being written in place: "
	same --mode --times "$T/f" "$D/f"
	syncs --inplace "$S/a" "$D"
	mirrors "$S/a" "$D"
	cleans "$D"
	silent
}

@test "the time of the mark alone is enough, and one that is near it is a user's" {
	mktree file "$D/f" 100
	mktree file "$D/g" 100
	mkdir "$D/d"
	touch -d '1970-01-01 00:00:01.767676767 UTC' "$D/f" "$D/d"
	touch -d '1970-01-01 00:00:01.767676766 UTC' "$D/g"
	[ "$(stat -c %.9Y "$D/f")" = 1.767676767 ] || skip "times are coarse here"
	cleans -n "$D"
	lists "unfinished  file  $D/f"
}

@test "the attribute of the mark alone is enough, and on a file only" {
	need_xattrs
	mktree file "$D/f" 100
	mktree file "$D/g" 100
	mkdir "$D/d"
	setfattr -n user.weir.torn -v 1 "$D/f" "$D/d"
	setfattr -n user.weir.tor -v 1 "$D/g"
	cleans -n "$D"
	lists "unfinished  file  $D/f"
}

# bats test_tags=M10
@test "a file that a run is writing in place is not called unfinished" {
	need_meanwhile
	need_xattrs
	mktree file "$D/f" 50000 9
	mkdir "$D/sub"
	mktree file "$D/sub/g" 100 9
	EACH=1 during_sync utimensat '*' \
		'"$WEIR" clean -n "$D" >>"$T/out" 2>>"$T/err" || echo $? >>"$T/status"
		"$WEIR" clean -n "$D/f" >>"$T/flat" 2>&1' \
		--inplace "$S/a" "$D"
	ended 0
	[ ! -s "$T/out" ]
	[ ! -e "$T/status" ]
	grep -q 'would remove 0 names, in 1 folder ' "$T/flat"
	nothing "$(grep unfinished "$T/flat")"
	mirrors "$S/a" "$D"
}

# bats test_tags=G03,M03
@test "a folder that a killed run left closed is told where something of it was found" {
	mkdir "$D/new"
	mktree file "$D/new/f" 50 7
	mkdir -m 755 "$D/open"
	mkdir -m 700 "$D/private"
	: >"$D/private/x"
	# Killed before a file is replaced in a folder that is closed by then.
	chmod 700 "$D/new"
	mktree file "$S/f" 5000
	run refuse renameat2=kill -- "$WEIR" copy "$S/f" "$D/new"
	[ "$status" -ge 128 ]
	cleans -n "$D"
	lists "remove  temp  $(temps_in "$D")" "unfinished  folder  $D/new/"
	cleans "$D"
	says "weir: warning: '$D/new' is a folder in which a run was killed: "
	no_temps "$D"
	[ "$(mode_of "$D/new")" = 700 ]
	cleans "$D"
	silent
}

# bats test_tags=M03
@test "a folder that was to take the place of a file is removed, and its sync done again" {
	rm -r "$S/a/f"
	mkdir "$S/a/f"
	mktree file "$S/a/f/inner" 10
	mktree file "$D/f" 10 7
	run refuse renameat2=kill -- "$WEIR" sync --engine=plain "$S/a" "$D"
	[ "$status" -ge 128 ]
	[ -d "$(temps_in "$D")" ] || skip "folders take the place of files by another way here"
	cleans -v "$D"
	[[ $output == "remove  temp  $D/.weir."*/ ]]
	no_temps "$D"
	same "$S/a/sub" "$D/sub" || true
	syncs "$S/a" "$D"
	mirrors "$S/a" "$D"
}

@test "an ordinary user cleans what is his" {
	user_areas
	local name

	chown -R 65534:65534 "$S" 2>/dev/null || true
	exits 0 as_user "$WEIR" sync --snapshot="$D/s" "$S/a"
	name=$(mktemps 1)
	as_user sh -c ': >"$1"' sh "$D/s/$name"
	mkdir "$D/theirs"
	: >"$D/theirs/$name"
	can_drop || skip "needs another user"
	exits 23 as_user "$WEIR" clean -v "$D"
	lists "remove  temp  $D/s/$name"
	says "cannot remove target '$D/theirs/$name': Permission denied (EACCES)"
	cleans "$D"
	no_temps "$D"
}
