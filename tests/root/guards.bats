#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Guards of a sync that are about file systems, mounts and accounts: cases B05, B06,
# L03, N08, O03, O10.

load space

setup() {
	make_areas
	need_root
	open_space
	own_state
}

# A disk of this kind at $M, with a file.
disk() { # KIND [OPTION...]
	case $1 in
	xfs) format xfs 320M "${@:2}" ;;
	btrfs) format btrfs 256M "${@:2}" ;;
	*) format ext4 64M "${@:2}" ;;
	esac
	attach
	inside mkdir "$M/data"
	inside sh -c 'echo x >"$1/data/f"' sh "$M"
}

# bats test_tags=O03
@test "a source whose disk is not mounted any more empties no target" {
	disk ext4
	sync_inside 0 "$M/data" "$D"
	sync_inside 0 --delete "$M/data" "$D"
	same "$D/f" "$D/f"
	detach
	mkdir "$M/data"
	: >"$M/data/leftover"
	sync_inside 28 --delete "$M/data" "$D"
	says "refused: cannot sync from '$M/data': it is on another file system"
	says "--allow=moved"
	says "mounted on: '$M'"
	sync_inside 28 --delete --dry-run "$M/data" "$D"
	sync_inside 28 --delete --allow=empty-source,home,root,contents "$M/data" "$D"
	[ -e "$D/f" ]
	absent "$D/leftover"
	sync_inside 0 --delete --allow=moved "$M/data" "$D"
	absent "$D/f"
	# From now on this is right.
	sync_inside 0 --delete "$M/data" "$D"
	silent
}

# bats test_tags=O03
@test "a target whose disk is not mounted is told, and refused with --delete" {
	local before

	disk ext4
	echo y >"$S/g"
	sync_inside 0 "$S" "$M/data"
	sync_inside 0 "$S" "$M/new"
	detach
	mkdir "$M/data"
	sync_inside 28 --delete "$S" "$M/data"
	says "refused: cannot sync into '$M/data': it is on another file system"
	says "it was on ext4"
	empty_folder "$M/data"
	# One that is not there would be made on the wrong one.
	sync_inside 28 --delete "$S" "$M/new"
	says "refused: cannot sync into '$M/new'"
	absent "$M/new"
	# Without --delete it is a warning, each time anew.
	before=$(inside sh -c 'cat /var/lib/weir/*' | cksum)
	sync_inside 0 "$S" "$M/data"
	says "warning: cannot recognize target '$M/data': it is on another file system"
	sync_inside 0 "$S" "$M/data"
	says "warning: cannot recognize target '$M/data'"
	[ "$before" = "$(inside sh -c 'cat /var/lib/weir/*' | cksum)" ]
	rm -r "$M/data"
	attach
	sync_inside 0 --delete "$S" "$M/data"
	silent
}

# bats test_tags=O03
@test "another disk in the place of the one before is refused with --delete" {
	disk ext4
	echo y >"$S/g"
	sync_inside 0 "$S" "$M/data"
	detach
	disk ext4
	sync_inside 28 --delete "$S" "$M/data"
	says "it is on another file system"
	detach
	disk xfs
	sync_inside 28 --delete "$S" "$M/data"
	says "another file system (xfs"
	sync_inside 0 --delete --allow=moved "$S" "$M/data"
	sync_inside 0 --delete "$S" "$M/data"
	detach
	# The same one again, under another name of its device.
	inside losetup -f "$image"
	attach
	sync_inside 0 --delete "$S" "$M/data"
	silent
	inside losetup -D
}

# bats test_tags=O03
@test "another folder of the same file system is another place" {
	mkdir "$T/one" "$T/two" "$T/place"
	echo y >"$S/g"
	inside mount --bind "$T/one" "$T/place"
	sync_inside 0 "$S" "$T/place"
	inside umount "$T/place"
	sync_inside 28 --delete "$S" "$T/place"
	says "it is another folder of its file system"
	# What only gets a mount of its own stays what it is.
	sync_inside 0 "$S" "$T/two"
	inside mount --bind "$T/two" "$T/two"
	sync_inside 0 --delete "$S" "$T/two"
	silent
}

# bats test_tags=O03
@test "a snapshot that takes the place of another one is the same source" {
	disk btrfs
	inside btrfs -q subvolume snapshot "$M" "$M/first"
	inside btrfs -q subvolume snapshot "$M" "$M/second"
	mkdir "$T/snapshot"
	inside mount --bind "$M/first" "$T/snapshot"
	sync_inside 0 --delete "$T/snapshot" "$D"
	inside umount "$T/snapshot"
	inside mount --bind "$M/second" "$T/snapshot"
	sync_inside 0 --delete "$T/snapshot" "$D"
	silent
	inside umount "$T/snapshot"
	echo x >"$T/snapshot/f"
	sync_inside 28 --delete "$T/snapshot" "$D"
}

# bats test_tags=B05,B06
@test "one folder in the other is seen through bind mounts" {
	mkdir -p "$S/a/b" "$T/elsewhere"
	echo x >"$S/a/f"
	inside mount --bind "$S/a" "$T/elsewhere"
	sync_inside 28 "$S" "$T/elsewhere"
	says "the target is inside of it"
	sync_inside 28 "$S" "$T/elsewhere/new"
	sync_inside 28 "$S/a" "$T/elsewhere"
	says "source and target are the same folder"
	sync_inside 28 --delete "$T/elsewhere" "$S"
	says "it is inside of the target, and --delete would remove it"
	absent "$S/a/new"
	sync_inside 0 --delete "$T/elsewhere" "$D"
}

@test "--require-mount refuses what nothing is mounted on" {
	disk ext4
	echo y >"$S/g"
	sync_inside 0 --require-mount "$S" "$M/data"
	sync_inside 0 --require-mount=dest "$S" "$M/data/new"
	sync_inside 28 --require-mount=source "$S" "$M/data"
	says "refused: cannot sync from '$S': --require-mount: nothing is mounted there"
	sync_inside 28 --require-mount=both "$S" "$M/data"
	sync_inside 0 --require-mount=both "$M/data" "$M/more"
	detach
	mkdir "$M/data"
	sync_inside 28 --require-mount "$S" "$M/data"
	says "refused: cannot sync into '$M/data': --require-mount: nothing is mounted there"
	sync_inside 28 --require-mount --dry-run "$S" "$M/data"
	sync_inside 28 --require-mount --mkpath "$S" "$M/a/b"
	empty_folder "$M/data"
	absent "$M/a"
	# A mount of its own is enough, also of a folder of the same file system, and
	# however many there are.
	# shellcheck disable=SC2016 # the inner shell expands them
	inside sh -c 'i=0; while [ $((i += 1)) -le 100 ]; do
			mkdir "$1/$i" && mount --bind "$1/$i" "$1/$i" || exit
		done' sh "$ram"
	inside mount --bind "$M/data" "$M/data"
	sync_inside 0 --require-mount "$S" "$M/data"
}

# Runs weir sync where the kernel tells no names of file systems, as it did not before.
unnamed_sync() { # STATUS ARGUMENT...
	local expected=$1

	shift
	exits "$expected" inside "${as_who[@]}" refuse getfsuuid=EOPNOTSUPP \
		getfslabel=EOPNOTSUPP btrfs_info=EOPNOTSUPP -- "$WEIR" sync "$@"
}

@test "--expect-fs reads the device, or asks udev, where the kernel tells nothing" {
	local kind uuid device as_who=()

	echo y >"$S/g"
	chmod 755 "$T" "$S" "${T%/*}" "${T%/*/*}"
	for kind in ext4 xfs btrfs; do
		disk "$kind" -L "THE DISK"
		uuid=$(inside blkid -p -s UUID -o value "$image")
		as_who=()
		unnamed_sync 0 --expect-fs="$uuid" "$S" "$M/data"
		unnamed_sync 0 --expect-fs="THE DISK" "$S" "$M/data"
		unnamed_sync 28 --expect-fs="A DISK" "$S" "$M/data"
		says "with the UUID $uuid"
		can_drop || continue
		# Who may not read the device has the links that udev makes.
		inside mkdir -m 777 "$M/open"
		chmod 755 "$M"
		device=$(inside findmnt -no SOURCE "$M")
		as_who=(setpriv --reuid=65534 --regid=65534 --clear-groups)
		unnamed_sync 28 --expect-fs="$uuid" "$S" "$M/open"
		says "has neither UUID nor label, or none that can be read"
		inside sh -c 'mkdir -p "$1/disk/by-uuid" "$1/disk/by-label" && cp -a "$2" "$1/" &&
			cp -a /dev/null "$1/" && ln -s "../../${2##*/}" "$1/disk/by-uuid/$3" &&
			ln -s "../../${2##*/}" "$1/disk/by-label/THE\\x20DISK"' \
			sh "$ram/dev" "$device" "$uuid"
		inside mount --bind "$ram/dev" /dev
		unnamed_sync 0 --expect-fs="$uuid" "$S" "$M/open"
		unnamed_sync 0 --expect-fs="LABEL=THE DISK" "$S" "$M/open"
		unnamed_sync 28 --expect-fs="A DISK" "$S" "$M/open"
		inside umount /dev
		inside rm -r "$ram/dev"
		detach
	done
}

@test "--expect-fs refuses any other file system" {
	local kind uuid

	echo y >"$S/g"
	for kind in ext4 xfs btrfs; do
		disk "$kind" -L "THE DISK"
		uuid=$(inside findmnt -no UUID "$M" || inside blkid -s UUID -o value "$image")
		[ -n "$uuid" ] || uuid=$(inside blkid -p -s UUID -o value "$image")
		sync_inside 0 --expect-fs="$uuid" "$S" "$M/data"
		sync_inside 0 --expect-fs="UUID=${uuid^^}" "$S" "$M/data/new"
		sync_inside 0 --expect-fs="THE DISK" "$S" "$M/data"
		sync_inside 0 --expect-fs="LABEL=THE DISK" "$S" "$M/data"
		for name in "LABEL=$uuid" "UUID=THE DISK" "the disk" THE "LABEL=" "UUID="; do
			sync_inside 28 --expect-fs="$name" "$S" "$M/data/x"
			says "--expect-fs: its file system is another one, with the UUID ${uuid,,}"
			says ": 'THE DISK'"
			absent "$M/data/x"
		done
		# Who may not read the device is told by the kernel.
		inside mkdir -m 777 "$M/open"
		chmod 755 "$T" "$S" "${T%/*}" "${T%/*/*}" "$M"
		if can_drop && as_user "$WEIR" --version >/dev/null 2>&1; then
			exits 0 inside setpriv --reuid=65534 --regid=65534 --clear-groups \
				"$WEIR" sync --expect-fs="$uuid" "$S" "$M/open"
		fi
		detach
		# What is below it now is another one.
		sync_inside 28 --expect-fs="THE DISK" "$S" "$M"
	done
	# It may have no name at all.
	mkdir "$T/memory"
	inside mount -t tmpfs memory "$T/memory"
	sync_inside 28 --expect-fs=memory "$S" "$T/memory"
	says "has neither UUID nor label"
}

# bats test_tags=O10
@test "the home of any account is no target for --delete" {
	local passwd=$T/passwd

	mkdir -p "$T/homes/ada" "$T/link"
	ln -s "$T/homes/ada" "$T/link/ada"
	echo y >"$S/g"
	{
		echo 'root:x:0:0::/root:/bin/sh'
		echo '+@netgroup'
		echo 'broken'
		printf 'ada\033[31m:x:12345:12345:Ada:%s:/bin/sh\n' "$T/link/ada"
	} >"$passwd"
	inside mount --bind "$passwd" /etc/passwd
	sync_inside 28 --delete "$S" "$T/homes/ada"
	says "it is the home folder of ada?[31m, which"
	says "--allow=home"
	empty_folder "$T/homes/ada"
	sync_inside 0 --delete "$S" "$T/homes/ada/below"
	sync_inside 0 --delete "$S" "$T/homes"
	sync_inside 0 "$S" "$T/homes/ada"
	mkdir -p "$T/homes/ada"
	sync_inside 0 --delete --allow=home "$S" "$T/homes/ada"
}

# bats test_tags=N08
@test "what a user syncs is remembered below the home of the account" {
	local state

	can_drop || skip "cannot become another user"
	user_areas
	mkdir -m 700 "$T/home"
	chown 65534:65534 "$T/home"
	echo "nobody:x:65534:65534::$T/home:/bin/sh" >"$T/passwd"
	inside mount --bind "$T/passwd" /etc/passwd
	echo y >"$S/g"
	state=$T/home/.local/state/weir
	exits 0 inside setpriv --reuid=65534 --regid=65534 --clear-groups \
		env HOME="$T" XDG_STATE_HOME="$T" "$WEIR" sync "$S" "$D"
	silent
	[ "$(find "$state" -type f | wc -l)" -eq 1 ]
	[ "$(stat -c '%a %u' "$state")" = '700 65534' ]
	inside test ! -e /var/lib/weir
	# Without a home there is nothing to remember it by, and nothing to say.
	echo 'nobody:x:65534:65534::/nonexistent:/bin/sh' >"$T/passwd"
	exits 0 inside setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$WEIR" sync "$S" "$D/more"
	silent
	exits 0 inside setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$WEIR" sync --explain "$S" "$D/more"
	says "none can be kept"
	[ "$(find "$state" -type f | wc -l)" -eq 1 ]
}

# bats test_tags=N08
@test "a record that cannot be written is a warning" {
	echo y >"$S/g"
	sync_inside 0 "$S" "$D"
	inside mount -o remount,size=4k /var/lib
	inside sh -c 'until ! echo xxxxxxxxxxxxxxxxxxxxxxxxxxx >>/var/lib/full; do :; done' \
		2>/dev/null
	echo z >"$S/h"
	sync_inside 0 "$S" "$D"
	says "warning: cannot write '/var/lib/weir/"
	says "(ENOSPC); the next run will not know of this one"
	same "$S/h" "$D/h"
	[ "$(inside sh -c 'ls -A /var/lib/weir | wc -l')" -eq 1 ]
	# Where the system lets nobody write, that is no news.
	inside mount -o remount,ro,size=1m /var/lib
	echo z >"$S/i"
	sync_inside 0 "$S" "$D"
	silent
}

# bats test_tags=L03
@test "a target that cannot be made on a read-only file system is told once" {
	disk ext4
	mktree random "$S" 3 40
	detach
	attach ro
	sync_inside 1 --stats "$S" "$M/new"
	[ "$(grep -c EROFS <<<"$stderr")" -eq 1 ]
	counts ops_read -eq 0
	sync_inside 1 --mkpath "$S" "$M/new/folder"
	[ "$(grep -c '' <<<"$stderr")" -eq 1 ]
	says "(EROFS)"
	# To look at it is free, and so is what is there already.
	sync_inside 0 --dry-run "$S" "$M/data"
	sync_inside 0 --dry-run "$S" "$M/new"
	sync_inside 0 "$M/data" "$D"
	sync_inside 0 "$D" "$M/data"
}
