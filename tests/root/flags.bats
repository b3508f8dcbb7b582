#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Inode flags and project ids that the file system of the machine may not have:
# ext4 with casefold and projects, XFS, btrfs; cases G06, G18, N01.

load space

setup() {
	make_areas
	need_root
	need_command chattr
	need_command lsattr
	open_space
}

teardown() {
	# Its mounts go with the namespace.
	chattr -R -f -i -a "$D" 2>/dev/null || true
	close_space
	remove_areas
}

# Flags and project of an entry below $M: "FLAGS PROJECT".
seen() { # PATH
	inside lsattr -pd "$M/$1" 2>/dev/null |
		awk '{ gsub(/[-eINVE]/, "", $2); print $2 " " $1 }'
}

has() { # FLAGS-AND-PROJECT PATH
	local found

	found=$(seen "$2")
	[ "$found" = "$1" ] && return 0
	printf '%s has "%s", not "%s"\n' "$2" "$found" "$1"
	return 1
}

mount_projects() { # KIND
	case $1 in
	ext4) format ext4 256M -I 256 -O project ;;
	xfs) format xfs 512M ;;
	esac
	attach || skip "$1 with projects cannot be mounted here"
}

projects_kept() { # KIND
	local kind=$1 level

	mount_projects "$kind"
	inside mkdir -p "$M/a/team/sub" "$M/a/mixed"
	inside mktree file "$M/a/team/f" 5000
	inside mktree file "$M/a/team/other" 300000
	inside mktree file "$M/a/mixed/g" 5000
	inside mktree file "$M/a/free" 5000
	# A folder that hands 42 on, with a file of 7 in it; G18: such a file
	# cannot be linked or renamed into it.
	inside chattr -R -p 42 "$M/a/team"
	inside chattr +P "$M/a/team" "$M/a/team/sub"
	inside chattr -p 7 "$M/a/team/other" "$M/a/mixed/g"
	for level in none end group file; do
		weir_inside 0 -a --durable=$level "$M/a" "$M/$level"
		silent
		has 'P 42' $level/team
		has 'P 42' $level/team/sub
		has ' 42' $level/team/f
		has ' 7' $level/team/other
		has ' 7' $level/mixed/g
		has ' 0' $level/mixed
		has ' 0' $level/free
		inside treecheck --mode --times "$M/a" "$M/$level"
	done
	detach
}

# bats test_tags=G18
@test "project ids of files and folders are kept, and what folders hand on, on ext4" {
	projects_kept ext4
}

# bats test_tags=G18
@test "project ids of files and folders are kept, and what folders hand on, on XFS" {
	projects_kept xfs
}

projects_inherited() { # KIND
	local kind=$1

	mount_projects "$kind"
	inside mkdir "$M/a" "$M/quota"
	inside mktree file "$M/a/f" 5000
	inside mktree file "$M/a/g" 5000
	inside chattr -p 7 "$M/a/g"
	inside chattr -p 42 "$M/quota"
	inside chattr +P "$M/quota"
	weir_inside 0 -r --preserve=mode "$M/a" "$M/quota/off"
	has ' 42' quota/off/f
	has ' 42' quota/off/g
	has 'P 42' quota/off
	weir_inside 0 -a "$M/a" "$M/quota/kept"
	silent
	has ' 42' quota/kept/f
	has ' 7' quota/kept/g
	weir_inside 0 -aT "$M/a" "$M/quota"
	has 'P 42' quota
	detach
}

# bats test_tags=G18
@test "a copy stays in the project of its folder unless its source has one, on ext4" {
	projects_inherited ext4
}

# bats test_tags=G18
@test "a copy stays in the project of its folder unless its source has one, on XFS" {
	projects_inherited xfs
}

@test "a project that the target cannot hold is a loss, and an error if required" {
	format btrfs 256M
	attach
	inside mkdir "$M/b" "$ram/xfs"
	inside truncate -s 512M "$ram/xfs.image"
	need_kind xfs
	inside mkfs.xfs -q "$ram/xfs.image"
	inside mount -o loop "$ram/xfs.image" "$ram/xfs"
	inside mktree file "$ram/xfs/f" 5000
	inside chattr -p 7 "$ram/xfs/f"
	weir_inside 0 -a "$ram/xfs/f" "$M/try"
	says "warning: project of 1 entry not kept, first '$M/try': Operation not supported"
	weir_inside 23 --keep=project:require "$ram/xfs/f" "$M/require"
	inside cmp "$ram/xfs/f" "$M/require"
	inside umount "$ram/xfs"
	detach
}

@test "no copy-on-write and compression are set before data on btrfs" {
	format btrfs 512M
	attach compress=no
	inside mkdir -p "$M/a/images" "$M/a/texts" "$M/a/plain"
	inside chattr +C "$M/a/images"
	inside chattr +c "$M/a/texts"
	inside chattr +m "$M/a/plain"
	inside mktree file "$M/a/images/disk" 300000
	inside sh -c 'yes text | head -c 1000000 >"$1/a/texts/t"' sh "$M"
	inside mktree file "$M/a/plain/f" 5000
	inside mktree file "$M/a/images/odd" 5000
	WEIR_REFLINK=auto weir_inside 0 -a "$M/a" "$M/cloned"
	silent
	weir_inside 0 -a "$M/a" "$M/b"
	silent
	local copy

	for copy in cloned b; do
		has 'C 0' $copy/images || [ "$(seen $copy/images)" = "$(seen a/images)" ]
		[ "$(seen $copy/images/disk)" = "$(seen a/images/disk)" ]
		[[ $(seen $copy/images/disk) == *C* ]]
		[[ $(seen $copy/texts/t) == *c* ]]
		[[ $(seen $copy/plain) == *m* ]]
		inside treecheck "$M/a" "$M/$copy"
	done
	# Into a folder that hands its own on.
	inside mkdir "$M/in"
	inside chattr +C "$M/in"
	weir_inside 0 -a "$M/a/plain/f" "$M/in/f"
	[[ $(seen in/f) != *C* ]]
	weir_inside 0 "$M/a/plain/f" "$M/in/g"
	[[ $(seen in/g) == *C* ]]
	detach
}

@test "compression of one kind of file system means nothing to another" {
	format btrfs 256M
	attach
	inside mktree file "$M/f" 5000
	inside chattr +c "$M/f"
	weir_inside 0 --keep=flags:require "$M/f" "$ram/f"
	silent
	inside cmp "$M/f" "$ram/f"
	inside chattr +C "$M" 2>/dev/null
	inside mktree file "$M/g" 5000
	weir_inside 0 --keep=flags "$M/g" "$ram/g"
	says "flags of 1 entry not kept"
	inside rm "$ram/f" "$ram/g"
	detach
}

@test "folders without case in their names are kept so, before anything is in them" {
	format ext4 256M -O casefold -E encoding=utf8
	attach || skip "this kernel folds no case"
	inside mkdir "$M/a" "$M/a/plain"
	inside mkdir "$M/a/folded"
	inside chattr +F "$M/a/folded"
	inside mktree file "$M/a/folded/Name" 5000
	inside mkdir "$M/a/folded/sub"
	weir_inside 0 -a "$M/a" "$M/b"
	silent
	has 'F 0' b/folded
	has 'F 0' b/folded/sub
	has ' 0' b/plain
	inside cmp "$M/b/folded/NAME" "$M/a/folded/Name"
	# A plain tree into such a folder stays plain.
	weir_inside 0 -a "$M/a/plain" "$M/b/folded/plain"
	has ' 0' b/folded/plain
	# One that has entries cannot change.
	inside mkdir "$M/c"
	inside touch "$M/c/x"
	weir_inside 0 -aT "$M/a/folded" "$M/c"
	says "warning: flags of 1 entry not kept, first '$M/c': Directory not empty (ENOTEMPTY)"
	detach
}

@test "links, FIFOs and devices have flags and projects where the kernel can tell" {
	mount_projects xfs
	inside mkdir "$M/a"
	inside mkfifo "$M/a/fifo"
	inside ln -s nowhere "$M/a/link"
	inside xfs_io -c 'chproj 7' "$M/a" 2>/dev/null || true
	local attr=$WEIR_TOOLS/fileattr

	inside "$attr" set "$M/a/fifo" 7 d || skip "needs Linux 6.17"
	inside "$attr" set "$M/a/link" 9 i
	weir_inside 0 -a "$M/a" "$M/b"
	silent
	[ "$(inside "$attr" get "$M/b/fifo")" = "7 d" ]
	[ "$(inside "$attr" get "$M/b/link")" = "9 i" ]
	detach
}

# bats test_tags=N01,G06
@test "what is immutable at the end of a run is so after a power cut" {
	local kind how

	for kind in ext4 xfs; do
		for how in files fs; do
			format $kind 512M
			attach
			mkdir -p "$S/a/sealed"
			mktree file "$S/a/f" 5000
			mktree file "$S/a/sealed/g" 5000
			chattr +i "$S/a/f" "$S/a/sealed" 2>/dev/null || skip "needs flags on $S"
			exits 0 inside strike --cut="$M" -- \
				"$WEIR" copy -a --sync=$how "$S/a" "$M/b"
			detach
			attach
			has 'i 0' b/f
			has 'i 0' b/sealed
			inside treecheck --mode --times "$S/a" "$M/b"
			detach
			chattr -R -i "$S/a"
		done
	done
}
