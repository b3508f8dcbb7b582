#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# serial
#
# What only root can set up: settings of the machine, bare roots, large trees.

load space

# Entries of the largest folder.
: "${ENTRIES:=1000000}"

teardown() {
	[ -z "${disabled_before:-}" ] ||
		echo "$disabled_before" >/proc/sys/kernel/io_uring_disabled
	[ -z "${group:-}" ] || rmdir "$group"
	close_space
	remove_areas
}

# bats test_tags=M11
@test "a machine where rings are switched off works without" {
	local value

	[ -w /proc/sys/kernel/io_uring_disabled ] || skip "no such switch here"
	mktree random "$S/a" 81 60
	mktree file "$S/a/large" 5000000
	user_areas
	chmod -R a+rX "$S/a"
	disabled_before=$(cat /proc/sys/kernel/io_uring_disabled)
	for value in 1 2; do
		echo $value >/proc/sys/kernel/io_uring_disabled
		exits 0 as_user "$WEIR" copy -r --stats "$S/a" "$D/$value"
		counts rings -eq 0
		same "$S/a" "$D/$value"
	done
	copies -a "$S/a" "$D/root"
	same --mode --owner --times "$S/a" "$D/root"
	copy_exits 1 -a --engine=ring "$S/a" "$D/ring"
}

# bats test_tags=I05
@test "a folder of a million entries takes little memory" {
	local rss arena

	inside mount -o remount,size=8G,nr_inodes=0 "$ram"
	inside mktree many "$ram/a" "$ENTRIES"
	run --separate-stderr inside strike --report="$T/report" -- \
		"$WEIR" copy -r --stats "$ram/a" "$ram/b"
	[ "$status" -eq 0 ]
	inside treecheck "$ram/a" "$ram/b"
	rss=$(awk '{ print $8 }' "$T/report")
	arena=$(stat_of arena_bytes)
	echo "resident $rss KiB, buffers $arena bytes"
	[ "$rss" -le $((arena / 1024 + 65536)) ]
}

# bats test_tags=I05
@test "a hundred thousand folders take little memory" {
	local rss arena

	inside mount -o remount,nr_inodes=0 "$ram"
	inside sh -c 'mkdir "$1/a" && cd "$1/a" && seq 300 | while read i; do
		seq -f "$i/%g" 333 | xargs mkdir -p; done' sh "$ram"
	run --separate-stderr inside strike --report="$T/report" -- \
		"$WEIR" copy -r --stats "$ram/a" "$ram/b"
	[ "$status" -eq 0 ]
	inside treecheck "$ram/a" "$ram/b"
	rss=$(awk '{ print $8 }' "$T/report")
	arena=$(stat_of arena_bytes)
	[ "$rss" -le $((arena / 1024 + 65536)) ]
}

# A root with nothing but the command and the libraries it needs.
bare_root() { # FOLDER
	local file

	# The loader asks /proc where the command lies, hence LD_LIBRARY_PATH.
	mkdir -p "$1/source" "$1/target"
	ldd "$WEIR" | grep -o '/[^ ]*' | while read -r file; do
		mkdir -p "$1$(dirname "$file")"
		cp -L "$file" "$1$file"
	done
	cp -L "$WEIR" "$1/weir"
	cp -L "$(dirname "$WEIR")"/libweir.so* "$1/" 2>/dev/null || true
}

in_root() { # CHROOT-OPTION ARGUMENT...
	LD_LIBRARY_PATH=/ chroot ${1:+"$1"} "$D/root" /weir copy "${@:2}"
}

@test "a bare root without /proc, /sys and /dev is enough" {
	need_no_sanitizer
	bare_root "$D/root"
	mktree random "$D/root/source/a" 82 60
	mktree file "$D/root/source/a/large" 5000000
	exits 0 in_root "" -a /source/a /target
	same --mode --owner --times "$D/root/source/a" "$D/root/target/a"
	exits 0 in_root "" -a --engine=plain /source/a /target
	same --mode --owner --times "$D/root/source/a" "$D/root/target/a"
	# What has to go through /proc is lost, and told; nothing is changed by name.
	mkdir "$D/root/source/b"
	mkfifo -m 0640 "$D/root/source/b/fifo"
	exits 0 env LD_LIBRARY_PATH=/ refuse fchmodat2=ENOSYS -- \
		chroot "$D/root" /weir copy -a /source/b /target
	says "mode"
	[ "$(mode_of "$D/root/target/b/fifo")" = 600 ]
	# The same for one who may not link by descriptor: there is no /proc.
	chmod 777 "$D/root/target"
	chmod -R a+rX "$D/root"
	exits 0 in_root --userspec=65534:65534 -r /source/a /target/user
	same "$D/root/source/a" "$D/root/target/user"
}

# bats test_tags=L01
@test "two file systems and a tree over both are told apart" {
	mkdir "$S/a"
	mktree file "$S/a/f" 1000
	inside mkdir "$ram/a" "$ram/a/below"
	inside mount -t tmpfs below "$ram/a/below"
	inside mktree file "$ram/a/f" 1000 2
	inside mktree file "$ram/a/below/g" 1000 3
	weir_inside 0 -a "$ram/a" "$D"
	inside treecheck "$ram/a" "$D/a"
	# And into a tree with a mount in it.
	weir_inside 0 -a -T "$D/a" "$ram/a"
	inside treecheck "$D/a" "$ram/a"
}

# bats test_tags=D01
@test "sizes around 2 and 4 GiB are right" {
	local size

	inside mount -o remount,size=7G "$ram"
	format xfs 20G
	attach
	for size in 2147483647 2147483649 4294967295 4294967297; do
		mktree sparse "$S/f" $size 0 $((size - size % 4096 - 4096)) $((size - 5000))
		weir_inside 0 --durable=none "$S/f" "$M/f"
		inside treecheck "$S/f" "$M/f"
		inside rm "$M/f"
		inside fstrim "$M"
	done
	detach
}

# A control group of the test's own with this limit, at $group.
limit_group() { # CONTROLLER FILE-OF-VERSION-1 FILE-OF-VERSION-2 LIMIT
	local root=/sys/fs/cgroup file=$2

	if [ -e "$root/$1/cgroup.procs" ]; then
		root=$root/$1
	elif grep -qw "$1" "$root/cgroup.subtree_control" 2>/dev/null; then
		file=$3
	else
		skip "no control groups for $1 here"
	fi
	mkdir "$root/weir-test.$BASHPID" 2>/dev/null || skip "no control groups can be made here"
	group=$root/weir-test.$BASHPID
	echo "$4" >"$group/$file" || skip "no such limit here"
}

in_group() { # COMMAND...
	# shellcheck disable=SC2016
	inside timeout 60 sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$group" "$@"
}

# bats test_tags=F11
@test "a group with little memory is enough for large files and many small ones" {
	local command

	own_state
	limit_group memory memory.limit_in_bytes memory.max 64M
	# All pages of the image are there already, so none is counted as the group's.
	format ext4 400M
	inside fallocate -l 400M "$image"
	inside mkfs.ext4 -q -F -E nodiscard "$image"
	attach
	inside mktree many "$ram/a" 6000 1000
	inside mktree file "$ram/a/large" 150000000
	for command in "copy -a -T" "sync --direct=never --engine=plain"; do
		# shellcheck disable=SC2086
		exits 0 in_group "$WEIR" $command "$ram/a" "$M/a"
		inside treecheck "$ram/a" "$M/a"
		inside rm -r "$M/a"
	done
	detach
}

# bats test_tags=F12
@test "a group that allows one process ends the run with its work done, or with a reason" {
	local command

	own_state
	limit_group pids pids.max pids.max 1
	inside mktree random "$ram/a" 83 60
	inside mktree file "$ram/a/large" 9000000
	for command in "copy -a -T" "sync --delete --yes-delete-many"; do
		inside mkdir -p "$ram/b/gone"
		# shellcheck disable=SC2086
		run --separate-stderr in_group "$WEIR" $command "$ram/a" "$ram/b"
		echo "$status $stderr"
		if [ "$status" -eq 0 ]; then
			inside treecheck --extra "$ram/a" "$ram/b"
		else
			refuses
			[ -n "$stderr" ]
			inside rmdir "$ram/b/gone"
			mkdir -p "$T/empty"
			inside treecheck --or="$T/empty" "$ram/a" "$ram/b"
		fi
		inside rm -r "$ram/b"
	done
}
