#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Inode flags: what is kept, when it is set, what is said of a loss; cases G06,
# F15.  Project ids and other kinds of file systems: root/flags.bats.

load helper

setup() {
	make_areas
	need_command chattr
	need_command lsattr
}

# What is immutable could not be removed.
teardown() {
	chattr -R -f -i -a "$S" "$D" 2>/dev/null || true
	end_test
}

# The flags of an entry without those that tell how it is stored.
flags_of() { # PATH
	lsattr -d "$1" 2>/dev/null | awk '{ gsub(/[-eINVE]/, "", $1); print $1 }'
}

has_flags() { # FLAGS PATH
	local found

	found=$(flags_of "$2")
	[ "$found" = "$1" ] && return 0
	printf '%s has "%s", not "%s"\n' "$2" "$found" "$1"
	return 1
}

# FLAGS can be set and seen on both sides.
need_flags() { # FLAGS
	local side flags

	for side in "$S" "$D"; do
		: >"$side/probe"
		chattr "+$1" "$side/probe" 2>/dev/null || skip "needs the flags $1 here"
		flags=$(flags_of "$side/probe")
		chattr "-$1" "$side/probe"
		rm "$side/probe"
		[ -n "$flags" ] || skip "needs the flags $1 here"
	done
}

# Only root may set these.
need_seals() {
	need_flags ia
}

# True if two trees have the same flags.
same_flags() { # EXPECTED ACTUAL
	diff <(all_flags "$1") <(all_flags "$2")
}

all_flags() { # FOLDER
	local path

	find "$1" \( -type f -o -type d \) -printf '%P\n' | sort | while IFS= read -r path; do
		printf '%s %s\n' "$path" "$(flags_of "$1/$path")"
	done
}

make_flagged_tree() { # FOLDER
	mkdir -p "$1/sub/empty"
	mktree file "$1/plain" 5000
	mktree file "$1/nodump" 5000
	mktree file "$1/both" 300000
	mktree file "$1/sub/f" 100
	ln -s plain "$1/link"
	mkfifo "$1/fifo"
	chattr +d "$1/nodump" "$1/sub"
	chattr +dA "$1/both" "$1/sub/empty"
}

@test "-a keeps the flags of files and folders" {
	need_flags dA
	make_flagged_tree "$S/a"
	copies -a "$S/a" "$D"
	silent
	same --mode --times "$S/a" "$D/a"
	same_flags "$S/a" "$D/a"
	has_flags dA "$D/a/both"
	# Once more over what is there.
	chattr -dA "$S/a/sub/empty" "$S/a/both"
	chattr +A "$S/a/plain"
	copies -aT "$S/a" "$D/a"
	silent
	same_flags "$S/a" "$D/a"
	has_flags '' "$D/a/both"
}

@test "--preserve=all and --keep=flags keep flags, -p and others do not" {
	need_flags d
	mktree file "$S/f" 1000
	chattr +d "$S/f"
	copies --preserve=all "$S/f" "$D/all"
	has_flags d "$D/all"
	copies --keep=flags "$S/f" "$D/keep"
	has_flags d "$D/keep"
	copies "$S/f" "$D/none"
	has_flags '' "$D/none"
	copies -p "$S/f" "$D/p"
	has_flags '' "$D/p"
	copies -a --keep=flags:off "$S/f" "$D/off"
	has_flags '' "$D/off"
	copies --keep=project:require "$S/f" "$D/project"
	has_flags '' "$D/project"
}

@test "flags that the target folder hands on stay only where none are kept" {
	need_flags d
	mkdir "$S/a" "$D/in"
	mktree file "$S/a/f" 1000
	mkdir "$S/a/sub"
	mktree file "$S/a/sub/g" 200000
	chattr +d "$D/in"
	: >"$D/in/probe"
	[ -n "$(flags_of "$D/in/probe")" ] || skip "folders hand no flags on here"
	copies -r "$S/a" "$D/in/taken"
	has_flags d "$D/in/taken/sub/g"
	copies -a "$S/a" "$D/in/kept"
	same_flags "$S/a" "$D/in/kept"
	copies --keep=flags "$S/a/f" "$D/in/f"
	has_flags '' "$D/in/f"
}

# bats test_tags=G06
@test "append and immutable are kept, of files, folders and what is in them" {
	need_seals
	mkdir -p "$S/a/sealed/deep" "$S/a/log"
	mktree file "$S/a/i" 5000
	mktree file "$S/a/a" 300000
	mktree file "$S/a/sealed/f" 100
	mktree file "$S/a/sealed/deep/g" 100
	chattr +a "$S/a/a" "$S/a/log"
	chattr +i "$S/a/i" "$S/a/sealed/deep/g" "$S/a/sealed/deep" "$S/a/sealed"
	local level

	for level in group file end none; do
		copies -a --durable=$level "$S/a" "$D/$level"
		silent
		same --mode --times "$S/a" "$D/$level"
		same_flags "$S/a" "$D/$level"
	done
	has_flags i "$D/group/sealed"
	has_flags a "$D/group/log"
}

# bats test_tags=J06
@test "what is immutable and has several names is sealed after the last of them" {
	need_seals
	mkdir -p "$S/a/1" "$S/a/2"
	mktree file "$S/a/1/f" 5000
	mktree file "$S/a/1/free" 5000
	ln "$S/a/1/f" "$S/a/2/g"
	ln "$S/a/1/f" "$S/a/h"
	ln "$S/a/1/free" "$S/a/2/free"
	chattr +i "$S/a/h"
	local level

	for level in group end; do
		copies -a --durable=$level "$S/a" "$D/$level"
		silent
		same --mode --times --links "$S/a" "$D/$level"
		same_flags "$S/a" "$D/$level"
	done
}

# bats test_tags=G06
@test "a target that is immutable or append-only fails and is left as it is" {
	need_seals
	local flag before

	seen() { # PATH
		stat -c '%a %u:%g %s %y %i' "$1" && cksum <"$1"
	}
	for flag in i a; do
		mkdir -p "$S/$flag" "$D/$flag"
		mktree file "$S/$flag/f" 1000 1
		mktree file "$S/$flag/g" 1000 2
		mktree file "$D/$flag/f" 500 3
		touch -d '2001-01-01' "$D/$flag/f"
		chattr "+$flag" "$D/$flag/f"
		before=$(seen "$D/$flag/f")
		copy_exits 23 -rT "$S/$flag" "$D/$flag"
		says "cannot replace target '$D/$flag/f': Operation not permitted (EPERM)"
		copy_exits 23 -aT "$S/$flag" "$D/$flag"
		[ "$(seen "$D/$flag/f")" = "$before" ]
		has_flags $flag "$D/$flag/f"
		cmp "$S/$flag/g" "$D/$flag/g"
		copies -rTn "$S/$flag" "$D/$flag"
		copy_exits 23 -rT --dry-run "$S/$flag" "$D/$flag"
		rm "$S/$flag/f"
		mkfifo "$S/$flag/f"
		copy_exits 23 -rT "$S/$flag" "$D/$flag"
		[ "$(seen "$D/$flag/f")" = "$before" ]
		no_temps "$D"
	done
}

# bats test_tags=G06
@test "an immutable target folder fails and keeps its flags, mode and times" {
	need_seals
	mkdir -p "$S/a/sub" "$D/a/sub"
	mktree file "$S/a/f" 1000
	mktree file "$S/a/sub/g" 1000
	chmod 700 "$S/a"
	chmod 755 "$D/a"
	touch -d '2001-01-01' "$D/a"
	chattr +i "$D/a"
	copy_exits 23 -aT "$S/a" "$D/a"
	says "cannot set attributes of target '$D/a': Operation not permitted (EPERM)"
	has_flags i "$D/a"
	[ "$(mode_of "$D/a")" = 755 ]
	[ "$(stat -c %Y "$D/a")" = "$(date -d 2001-01-01 +%s)" ]
	absent "$D/a/f"
	cmp "$S/a/sub/g" "$D/a/sub/g"
	no_temps "$D"
}

# bats test_tags=F15
@test "an append-only target folder takes new files and leaves no temporary name" {
	need_seals
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/new" 1000
	mktree file "$S/a/old" 1000
	printf x >"$D/a/old"
	chattr +a "$D/a"
	copy_exits 23 -rT "$S/a" "$D/a"
	says "$D/a/old"
	[ "$(cat "$D/a/old")" = x ]
	no_temps "$D"
	has_flags a "$D/a"
}

@test "what only root may set is a loss for others, told once" {
	need_seals
	user_areas
	mkdir "$S/a"
	local name

	for name in 1 2 3; do
		mktree file "$S/a/$name" 1000
	done
	chattr +i "$S/a/1" "$S/a/2"
	exits 0 as_user "$WEIR" copy -r --keep=flags "$S/a" "$D/try"
	says "warning: flags of 2 entries not kept, first "
	says "Operation not permitted (EPERM)"
	[ "$(grep -c flags <<<"$stderr")" -eq 1 ]
	same "$S/a" "$D/try"
	exits 23 as_user "$WEIR" copy -r --keep=flags:require "$S/a" "$D/require"
	same "$S/a" "$D/require"
	exits 0 as_user "$WEIR" copy -r --keep=flags:off "$S/a" "$D/off"
	silent
}

@test "a plain tree costs one call for each file where flags are kept, else none" {
	need_strace
	need_flags d
	# Each kind of file system has its own way to ask; these need one call.
	case $(fs_type "$S") in ext2/ext3 | xfs | btrfs | tmpfs) ;; *) skip "needs two" ;; esac
	mkdir "$S/a"
	local i before with

	for i in {1..40}; do
		printf x >"$S/a/$i"
	done
	calls() { # ARGUMENT...
		strace -f -qq -o "$T/calls" -e trace=ioctl,file_getattr,file_setattr \
			"$WEIR" copy --reflink=never "$@" 2>/dev/null ||
			strace -f -qq -o "$T/calls" -e trace=ioctl "$WEIR" copy \
				--reflink=never "$@"
		grep -vc resumed "$T/calls"
	}
	before=$(calls -r "$S/a" "$D/plain")
	with=$(calls -a "$S/a" "$D/kept")
	[ "$before" -lt 10 ]
	# Beside the files: the two folders, each asked twice at most.
	[ $((with - before)) -ge 40 ]
	[ $((with - before)) -le 48 ]
}

# --- Order ------------------------------------------------------------------------

# A line of the trace is SERIAL KIND DEVICE:INODE NAME OFFSET LENGTH FLAGS RESULT.
traced() { # ARGUMENT...
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	trace=$T/trace
	rm -f "$trace"
	exits 0 env WEIR_TRACE="$trace" "$WEIR_FAULTY" copy "$@"
}

# Of FILE: its name, then the flag, then a sync of it or of all, and no call that
# changes it after the flag.
sealed_in_order() { # FILE
	awk -v inode="$(stat -c %i "$1")" '
		$8 < 0 { next }
		{ sub(/^.*:/, "", $3) }
		$2 == "setflags" && $3 == inode && $7 ~ /[1235679abdef][0-9a-f]$/ { sealed = NR }
		sealed && ($2 == "syncfs" || ($2 == "fsync" && $3 == inode)) { synced = NR }
		$2 ~ /^(link|write|chmod|chown|utimens|setxattr|ftruncate)$/ && $3 == inode {
			changed = NR
		}
		END {
			if (!sealed) why = "never sealed"
			else if (changed > sealed) why = "changed after it was sealed"
			else if (!synced) why = "not synced after it was sealed"
			if (why) { print "'"$1"': " why; exit 1 }
		}' "$trace" || { cat "$trace"; return 1; }
}

# bats test_tags=N02
@test "what comes last is synced after it, for files, folders and links" {
	need_seals
	no_sync_here
	mkdir -p "$S/a/sealed"
	mktree file "$S/a/f" 5000
	mktree file "$S/a/g" 300000
	mktree file "$S/a/l" 100
	mktree file "$S/a/sealed/h" 100
	ln "$S/a/l" "$S/a/m"
	chattr +i "$S/a/f" "$S/a/l" "$S/a/sealed"
	chattr +a "$S/a/g"
	local how file

	for how in auto files fs; do
		traced -a --sync=$how "$S/a" "$D/$how"
		for file in f g l sealed; do
			sealed_in_order "$D/$how/$file"
		done
	done
}

# bats test_tags=G06
@test "a file has its name before it is sealed" {
	need_seals
	mkdir "$S/a"
	mktree file "$S/a/f" 5000
	chattr +i "$S/a/f"
	traced -a "$S/a" "$D"
	awk -v inode="$(stat -c %i "$D/a/f")" '
		{ sub(/^.*:/, "", $3) }
		$3 != inode || $8 < 0 { next }
		$2 == "link" { named = NR }
		$2 == "setflags" { sealed = NR }
		END { exit !(named && sealed > named) }' "$trace"
}

# --- Failures ---------------------------------------------------------------------

@test "an error of the device while flags are set fails the entry" {
	need_strace
	need_flags d
	mktree file "$S/f" 1000
	chattr +d "$S/f"
	exits 23 strace -f -qq -o /dev/null -e trace=ioctl \
		-e inject=ioctl:error=EIO:when=3+ "$WEIR" copy --keep=flags "$S/f" "$D/f"
	says "flags of"
	says "Input/output error (EIO)"
	absent "$D/f"
	no_temps "$D"
}

@test "a sync that fails after a file was sealed is told, and nothing is called durable" {
	need_small_runs # strace counts the calls of each thread
	need_strace
	need_seals
	no_sync_here
	mktree file "$S/f" 1000
	chattr +i "$S/f"
	exits 23 strace -f -qq -o /dev/null -e trace=fsync -e inject=fsync:error=EIO:when=2 \
		"$WEIR" copy --stats --sync=files --keep=flags "$S/f" "$D/f"
	says "cannot sync the flags of target '$D/f': Input/output error (EIO); published, "
	says "not known to be durable"
	counts files_durable -eq 0
	counts files_done -eq 1
	cmp "$S/f" "$D/f"
}

# --- Interruption -----------------------------------------------------------------

# bats test_tags=M01
@test "a folder that an interrupted run left incomplete can be completed by the next" {
	need_seals
	mkdir "$S/a"
	local i

	for i in {1..12}; do
		mktree file "$S/a/$i" 9000000 "$i"
	done
	chattr +i "$S/a"
	run --separate-stderr strike --at-name="$D/a" --signal=2 --signal=2 -- \
		"$WEIR" copy -a --workers=1 --direct=never "$S/a" "$D"
	[ "$status" -eq 0 ] || has_flags '' "$D/a"
	[ "$status" -ne 0 ] || has_flags i "$D/a"
	chattr -i "$D/a"
	copies -a "$S/a" "$D"
	same --mode --times "$S/a" "$D/a"
	has_flags i "$D/a"
}
