#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Errors of single system calls, no space, and what is said about them: cases
# E01 to E06, E08, E09, E18, F01, F02, F14, R06.  Errors of real devices are in tests/root.

load helper

# Runs weir copy on the plain engine with one system call failing.
inject() { # EXPRESSION ARGUMENT...
	local expression=$1

	shift
	run --separate-stderr strace -f -o /dev/null -e inject="$expression" \
		"$WEIR" copy --engine=plain --workers=1 "$@"
}

# The same for calls on one path only.
inject_path() { # PATH EXPRESSION ARGUMENT...
	local path=$1 expression=$2

	shift 2
	run --separate-stderr strace -f -o /dev/null -P "$path" -e inject="$expression" \
		"$WEIR" copy --engine=plain --workers=1 "$@"
}

three_files() {
	mkdir "$S/a"
	mktree file "$S/a/1" 50000 1
	mktree file "$S/a/2" 60000 2
	mktree file "$S/a/3" 70000 3
}

# bats test_tags=E01,R06
@test "a read error fails that file, the others are copied" {
	need_strace
	three_files
	inject_path "$S/a/2" pread64,preadv,preadv2,read:error=EIO -r "$S/a" "$D"
	ended 23
	says "read"
	says "source"
	says "a/2'"
	says "offset 0"
	says "EIO"
	absent "$D/a/2"
	same "$S/a/1" "$D/a/1"
	same "$S/a/3" "$D/a/3"
	no_temps "$D"
}

# bats test_tags=E01
@test "a read error keeps the old target" {
	need_strace
	three_files
	mkdir "$D/a"
	mktree file "$D/a/2" 60000 9
	cp "$D/a/2" "$T/old"
	inject_path "$S/a/2" pread64,preadv,preadv2,read:error=EIO -r "$S/a" "$D"
	ended 23
	same "$T/old" "$D/a/2"
	no_temps "$D"
}

# bats test_tags=E02
@test "a read that fails after a part installs nothing and names the offset" {
	need_strace
	mktree file "$S/f" 200000
	inject_path "$S/f" pread64:error=EIO:when=3+ --chunk-size=4K --depth=1 --direct=never \
		"$S/f" "$D/f"
	ended 23
	says EIO
	[[ $stderr =~ "offset "[1-9] ]]
	empty_folder "$D"
}

# bats test_tags=E18
@test "what cannot be read past the page cache is read through it, once" {
	local engine fault

	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	mktree file "$S/f" 3000000
	case $(fs_type "$S") in
	ext2/ext3 | xfs | btrfs) ;;
	*) skip "nothing is read direct here" ;;
	esac
	for engine in auto plain; do
		fault="op=read path=$S/f nth=2 ret=-EIO"
		set -- "$WEIR_FAULTY" copy --engine=$engine --reflink=never \
			--chunk-size=1M "$S/f" "$D"
		exits 0 env WEIR_FAULT="$fault" "$@" --direct=always
		same "$S/f" "$D/f"
		rm "$D/f"
		# There is no other way left.
		exits 23 env WEIR_FAULT="$fault" "$@" --direct=never
		says "cannot read source '$S/f' at offset"
		rm -f "$T/trace"
		exits 23 env WEIR_FAULT="$fault sticky" WEIR_TRACE="$T/trace" "$@" --direct=always
		says "cannot read source '$S/f' at offset"
		empty_folder "$D"
		awk -v path="$S/f" '$2 == "read" && $10 == path && ++count[$5] > 2 { exit 1 }' \
			"$T/trace"
	done
}

# bats test_tags=E03
@test "an error while a folder is listed fails the folder, the rest is copied" {
	need_strace
	three_files
	mkdir "$S/a/sub"
	mktree file "$S/a/sub/f" 10
	inject_path "$S/a/sub" getdents64:error=EIO -r "$S/a" "$D"
	ended 23
	says sub
	says EIO
	same "$S/a/1" "$D/a/1"
	same "$S/a/3" "$D/a/3"
	absent "$D/a/sub/f"
}

# bats test_tags=E04,G01
@test "a file that cannot be opened fails alone" {
	user_areas
	three_files
	as_user true
	chmod -R a+rX "$S"
	chmod 000 "$S/a/2"
	[ "$(stat -c %u "$S/a/2")" != 65534 ] || [ ! -w / ]
	exits 23 as_user "$WEIR" copy -r "$S/a" "$D"
	says "a/2'"
	says EACCES
	says open
	says source
	absent "$D/a/2"
	same "$S/a/1" "$D/a/1"
	same "$S/a/3" "$D/a/3"
}

# bats test_tags=E04,G01
@test "a folder that cannot be listed fails alone" {
	user_areas
	three_files
	mkdir "$S/a/sub"
	chmod -R a+rX "$S"
	chmod 000 "$S/a/sub"
	exits 23 as_user "$WEIR" copy -r "$S/a" "$D"
	says sub
	says EACCES
	same "$S/a/1" "$D/a/1"
	chmod 755 "$S/a/sub"
}

# bats test_tags=E05,R06
@test "a write error drops the file and names it, the others are copied" {
	need_strace
	three_files
	inject pwrite64,pwritev,pwritev2:error=EIO:when=1 --direct=never -r "$S/a" "$D"
	ended 23
	says write
	says target
	says EIO
	[ "$(find "$D/a" -type f | wc -l)" -eq 2 ]
	nothing_half "$S/a" "$D/a"
	no_temps "$D"
}

# bats test_tags=E05
@test "endless write errors end the run, not a thousand lines" {
	need_strace
	mktree many "$S/a" 200 5000
	inject pwrite64,pwritev,pwritev2:error=EIO --direct=never -r "$S/a" "$D"
	[ "$status" -eq 1 ] || [ "$status" -eq 23 ]
	[ "$(wc -l <<<"$stderr")" -le 120 ]
	[ "$(find "$D" -type f | wc -l)" -eq 0 ]
}

# One small file is copied by one thread, for which strace counts the calls.
inject_inline() { # EXPRESSION ARGUMENT...
	local expression=$1

	shift
	run --separate-stderr strace -f -o /dev/null -e inject="$expression" \
		"$WEIR" copy --engine=plain "$@"
}

# bats test_tags=E06,F04
@test "a file whose sync fails once is copied anew" {
	need_small_runs # strace counts the calls of each thread
	need_strace
	[ "$(fs_type "$D")" != tmpfs ] || skip "nothing is synced on tmpfs"
	mktree file "$S/f" 50000
	inject_inline fsync,fdatasync:error=EIO:when=1 "$S/f" "$D/f"
	ended 0
	same "$S/f" "$D/f"
	no_temps "$D"
}

# bats test_tags=E09
@test "a folder whose sync fails leaves its files, which are not called durable" {
	need_strace
	[ "$(fs_type "$D")" != tmpfs ] || skip "nothing is synced on tmpfs"
	mktree file "$S/f" 50000
	inject_inline fsync,fdatasync:error=EIO:when=2 --stats "$S/f" "$D/f"
	ended 23
	says EIO
	counts files_durable -eq 0
	same "$S/f" "$D/f"
	no_temps "$D"
}

# bats test_tags=E09
@test "names that are given while a sync fails are not called durable" {
	need_strace
	need_syncfs
	# Its groups are too small for a sync of the whole file system.
	[ "${WEIR_LANE:-}" != check-tiny ] || skip "the smallest budgets are no measure"
	mktree many "$S/a" 4000 10
	# Checking and naming are slow: the next group is full by then, and the sync
	# of its data, the second one, fails while names are given.
	run --separate-stderr strace -f -o /dev/null --seccomp-bpf \
		-e trace=sync_file_range,linkat,syncfs \
		-e inject=sync_file_range:delay_exit=300 -e inject=linkat:delay_exit=500 \
		-e inject=syncfs:error=EIO:when=2 \
		"$WEIR" copy -r --stats "$S/a" "$D/a"
	ended 23
	says "not known to be durable"
	counts files_done -eq 4000
	counts files_durable -lt 4000
	same "$S/a" "$D/a"
	no_temps "$D"
}

# bats test_tags=E08
@test "where the sync of a file system fails nothing it was for is called durable" {
	local engine

	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	need_syncfs
	mktree many "$S/a" 30 100
	for engine in auto plain; do
		# For data: each file is asked for itself.  For names there is nobody to ask.
		exits 23 env WEIR_FAULT='op=syncfs ret=-EIO' "$WEIR_FAULTY" copy -r --stats \
			--engine=$engine --sync=fs -T "$S/a" "$D/group-$engine"
		says "cannot sync the file system of target"
		says "cannot sync names below"
		counts files_durable -eq 0
		same "$S/a" "$D/group-$engine"
		exits 23 env WEIR_FAULT='op=syncfs ret=-EIO' "$WEIR_FAULTY" copy -r --stats \
			--engine=$engine --durable=end -T "$S/a" "$D/end-$engine"
		says "not known to be durable"
		counts files_durable -eq 0
	done
}

# bats test_tags=E06,F04
@test "a file whose sync always fails is not installed, the old one stays" {
	need_strace
	[ "$(fs_type "$D")" != tmpfs ] || skip "nothing is synced on tmpfs"
	mktree file "$S/f" 50000
	mktree file "$D/f" 40000 9
	cp "$D/f" "$T/old"
	inject fsync,fdatasync,syncfs:error=EIO "$S/f" "$D/f"
	ended 23
	says EIO
	same "$T/old" "$D/f"
	no_temps "$D"
}

# bats test_tags=E06
@test "no descriptor is synced again after its sync failed" {
	need_strace
	[ "$(fs_type "$D")" != tmpfs ] || skip "nothing is synced on tmpfs"
	mktree file "$S/f" 50000
	run --separate-stderr strace -f -yy -o "$T/trace" -e trace=fsync,fdatasync \
		-e inject=fsync,fdatasync:error=EIO:when=1 \
		"$WEIR" copy --engine=plain --workers=1 --sync=files --durable=file "$S/f" "$D/f"
	# Each inode is named "#NUMBER" while it has no name: none twice in a
	# row after the injected error.
	awk '/INJECTED/ { match($0, /#[0-9]+/); failed = substr($0, RSTART, RLENGTH); next }
		failed != "" && index($0, failed ")") { exit 1 }' "$T/trace"
}

# bats test_tags=F02
@test "a folder that cannot be made fails with what is in it" {
	need_strace
	three_files
	mkdir "$S/a/sub"
	mktree file "$S/a/sub/f" 10
	inject mkdir,mkdirat:error=EACCES:when=2 -r "$S/a" "$D"
	ended 23
	says sub
	says EACCES
	same "$S/a/1" "$D/a/1"
	absent "$D/a/sub"
}

# A small tmpfs of its own around a script, as root or in a user namespace.
in_tiny() { # SCRIPT ARGUMENT...
	local user

	unshare -m true 2>/dev/null && user= || user=--map-root-user
	# shellcheck disable=SC2086
	unshare $user -m true 2>/dev/null || skip "may not mount here"
	# shellcheck disable=SC2016,SC2086
	run --separate-stderr unshare $user -m sh -c '
		mount --make-rprivate / 2>/dev/null
		mount -t tmpfs -o size=1M,nr_inodes=40 tiny "$1" || exit 99
		script=$2; shift 2; eval "$script"' sh "$D" "$@"
	[ "$status" -ne 99 ] || skip "may not mount here"
}

# bats test_tags=D09
@test "where space cannot be reserved the data is written without" {
	local errno engine

	need_strace
	mktree file "$S/f" 3000123
	mktree file "$D/f" 100 7
	for engine in auto plain; do
		[ "${WEIR_ENGINE:-auto}" != plain ] || engine=plain
		for errno in EOPNOTSUPP ENOSYS EINVAL; do
			exits 0 strace -f -o "$T/trace" -e trace=fallocate \
				-e inject=fallocate:error=$errno \
				"$WEIR" copy --engine=$engine --direct=always "$S/f" "$D/f"
			silent
			cmp "$S/f" "$D/f"
		done
	done
}

# Before any data: the file is not read, and what was there stays.
# bats test_tags=D09,D04
@test "where there is no room for a file nothing of it is written, the old one stays" {
	local case level

	# With one job at a time the other file may not have begun when the run ends.
	[ "${WEIR_LANE:-}" != check-tiny ] || skip "the smallest budgets are no measure"
	need_strace
	mktree file "$S/f" 3000123
	mktree file "$S/g" 100 2
	mktree file "$D/f" 100 7
	cp "$D/f" "$T/old"
	strace -f -o "$T/trace" -e trace=fallocate "$WEIR" copy "$S/f" "$D/probe"
	grep -q 'fallocate.* = 0$' "$T/trace" || skip "no space is reserved here"
	for case in ENOSPC:27 EDQUOT:27 EFBIG:23 EIO:23; do
		for level in group file; do
			rm -f "$D/g"
			exits "${case#*:}" strace -f -o "$T/trace" -e trace=fallocate,pwrite64 \
				-e inject=fallocate:error="${case%:*}" \
				"$WEIR" copy --engine=plain --durable=$level "$S/f" "$S/g" "$D"
			says "${case%:*}"
			says "'$D/f'"
			same "$T/old" "$D/f"
			cmp "$S/g" "$D/g"
			# What was written is the 100 bytes of the other one.
			run ! grep -E 'pwrite64\(.* = ([0-9]{4,})' "$T/trace"
			grep -q 'pwrite64(.* = 100$' "$T/trace"
			no_temps "$D"
		done
	done
}

# bats test_tags=F01
@test "a full target ends with its own status, drops the part and keeps the old" {
	mktree file "$S/big" 3000000
	mktree file "$S/small" 5000
	# shellcheck disable=SC2016
	in_tiny 'echo old >"$3/big"; "$1" copy "$2/small" "$2/big" "$3"; status=$?
		[ "$(cat "$3/big")" = old ] || exit 90
		cmp "$2/small" "$3/small" || exit 91
		ls -A "$3" | grep -q "^\.weir" && exit 92
		[ "$(df --output=used "$3" | tail -n 1)" -lt 100 ] || exit 93
		exit $status' "$WEIR" "$S" "$D"
	ended 27
	says ENOSPC
	says big
}

# bats test_tags=F01
@test "a full target does not fail with thousands of lines" {
	mktree many "$S/a" 500 9000
	# shellcheck disable=SC2016
	in_tiny 'mount -o remount,nr_inodes=2000 "$3"
		"$1" copy -r "$2/a" "$3"; status=$?
		"$4" --skip-temps --or=/var/empty.none "$2/a" "$3/a" 2>/dev/null
		for f in "$3"/a/*; do cmp "$f" "$2/a/${f##*/}" || exit 91; done
		exit $status' "$WEIR" "$S" "$D" "$(command -v treecheck)"
	ended 27
	[ "$(wc -l <<<"$stderr")" -le 130 ]
}

# bats test_tags=F01
@test "what replaces is published when space runs out, and frees what it replaced" {
	# 1 MiB: twelve new files of 60 KiB over twelve old ones fit only one
	# group after the other.
	mkdir "$S/a"
	for i in $(seq 12); do mktree file "$S/a/$i" 60000 "$i"; done
	# shellcheck disable=SC2016
	in_tiny 'mkdir "$3/a"; for i in $(seq 12); do head -c 60000 /dev/zero >"$3/a/$i"; done
		"$1" copy -r --workers=1 "$2/a" "$3"; status=$?
		for f in "$3"/a/*; do cmp "$f" "$2/a/${f##*/}" || exit 91; done
		exit $status' "$WEIR" "$S" "$D"
	ended 0
}

# bats test_tags=F02
@test "a target out of inodes ends as full" {
	mktree many "$S/a" 100 10
	# shellcheck disable=SC2016
	in_tiny '"$1" copy -r "$2/a" "$3"; status=$?
		for f in "$3"/a/*; do cmp "$f" "$2/a/${f##*/}" || exit 91; done
		exit $status' "$WEIR" "$S" "$D"
	ended 27
	says ENOSPC
}

# bats test_tags=F03
@test "no space for the final name drops the file" {
	mktree file "$S/f" 10000
	mktree file "$D/f" 5000 9
	cp "$D/f" "$T/old"
	exits 27 refuse renameat2=ENOSPC -- "$WEIR" copy "$S/f" "$D/f"
	says ENOSPC
	same "$T/old" "$D/f"
	no_temps "$D"
	exits 27 refuse linkat=ENOSPC renameat2=ENOSPC -- "$WEIR" copy "$S/f" "$D/new"
	absent "$D/new"
	no_temps "$D"
}

# bats test_tags=F03,F05
@test "no quota for the final name is told as such" {
	mktree file "$S/f" 10000
	exits 27 refuse linkat=EDQUOT renameat2=EDQUOT -- "$WEIR" copy "$S/f" "$D/new"
	says EDQUOT
	absent "$D/new"
}

# bats test_tags=F14,I03
@test "a name of 255 bytes is copied and replaced" {
	local name

	name=$(printf 'x%.0s' $(seq 255))
	mktree file "$S/$name" 10000 1
	copies "$S/$name" "$D"
	same "$S/$name" "$D/$name"
	mktree file "$S/$name" 12000 2
	copies "$S/$name" "$D"
	same "$S/$name" "$D/$name"
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/$name" 10000 3
	mktree file "$D/a/$name" 10000 4
	copies -r "$S/a" "$D"
	same "$S/a" "$D/a"
	no_temps "$D"
}

# bats test_tags=R06
@test "a missing source is one line with operation, side, path and reason" {
	mktree file "$S/f" 100
	copy_exits 23 "$S/none" "$S/f" "$D"
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[[ $stderr =~ ^"weir: cannot "[a-z]+" source '$S/none': ".*" (ENOENT)"$ ]]
	same "$S/f" "$D/f"
}

# bats test_tags=R06
@test "a folder without -r fails alone" {
	mkdir "$S/a"
	mktree file "$S/f" 100
	copy_exits 23 "$S/a" "$S/f" "$D"
	says "$S/a"
	absent "$D/a"
	same "$S/f" "$D/f"
}

@test "a target folder that is not there ends the run before anything is made" {
	mktree file "$S/f" 100
	mktree file "$S/g" 100
	copy_exits 1 "$S/f" "$S/g" "$D/none"
	absent "$D/none"
	copy_exits 1 -t "$D/none" "$S/f"
	absent "$D/none"
	copy_exits 1 "$S/f" "$D/none/g"
	empty_folder "$D"
}

@test "several sources and a file as target end the run" {
	mktree file "$S/f" 100
	mktree file "$S/g" 100
	mktree file "$D/h" 50
	cp "$D/h" "$T/old"
	copy_exits 1 "$S/f" "$S/g" "$D/h"
	same "$T/old" "$D/h"
}
