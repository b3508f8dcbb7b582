# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# File systems on loop devices in a mount namespace of the test's own.  The
# namespace lives as long as a process that reads a pipe which the test holds:
# however the test ends, its mounts and loop devices go with it.
#
#   $M          an empty folder of the namespace to mount on
#   inside CMD  runs a command in the namespace
#   format KIND BYTES [OPTION...]   a new image of that kind at $image
#   attach [DIRECT]                 mounts $image on $M
#   detach                          unmounts it
#   weir_inside STATUS ARGUMENT...  weir copy, which must end so; sync_inside: weir sync
#   own_state                       records of runs are the test's own
#   show SWITCH,... / unshow        the folder $B as a file system that misbehaves

load "${BASH_SOURCE[0]%/*}/../copy/helper"

setup() {
	make_areas
	need_root
	open_space
}

teardown() {
	close_space
	remove_areas
}

open_space() {
	M=$T/mounted
	ram=$T/ram
	image=$ram/image
	mkdir "$M" "$ram"
	mkfifo "$T/life"
	unshare -m --propagation=private sh -c \
		'mount -t tmpfs -o size=2G ram "$1" && : >"$1/ready" && exec cat "$2"' \
		sh "$ram" "$T/life" >/dev/null 2>&1 3>&- &
	space=$!
	exec 9>"$T/life"
	until inside test -e "$ram/ready" 2>/dev/null; do
		kill -0 "$space" 2>/dev/null || skip "may not mount here"
	done
}

close_space() {
	[ -n "${space:-}" ] || return 0
	exec 9>&-
	wait "$space" 2>/dev/null || true
}

# What outlives the test must not hold the pipe.
inside() {
	nsenter --target="$space" --mount -- "$@" 9>&-
}

need_kind() { # KIND
	command -v "mkfs.$1" >/dev/null || skip "needs mkfs.$1"
	grep -qw "$1" /proc/filesystems || modprobe "$1" 2>/dev/null || skip "no $1 in this kernel"
	inside losetup -f >/dev/null 2>&1 || skip "no loop devices here"
}

format() { # KIND BYTES [OPTION...]
	kind=$1
	need_kind "$kind"
	inside rm -f "$image"
	inside truncate -s "$2" "$image"
	case $kind in
	ext4) inside mkfs.ext4 -q -F "${@:3}" "$image" ;;
	xfs) inside mkfs.xfs -q -f "${@:3}" "$image" ;;
	btrfs) inside mkfs.btrfs -q -f "${@:3}" "$image" >/dev/null ;;
	esac
}

# The loop device frees itself with its last user: -d of a device that is
# mounted only marks it so.
attach() { # [MOUNT OPTIONS]
	local device

	device=$(inside losetup -f --show "$image")
	inside mount ${1:+-o "$1"} "$device" "$M" || {
		inside losetup -d "$device"
		return 1
	}
	inside losetup -d "$device"
}

detach() {
	inside umount "$M"
}

# Shows the folder $B of the namespace as a file system at $M.  Its server holds
# the namespace and reads the test's pipe: it ends however the test does.
show() { # SWITCH,...
	[ -x "$WEIR_TOOLS/fusefs" ] || skip "needs a build with libfuse3"
	[ -c /dev/fuse ] || skip "no /dev/fuse here"
	B=$ram/backing
	inside mkdir -p "$B"
	inside fusefs -o "life=$T/life${1:+,$1}" "$B" "$M" 3>&-
}

unshow() {
	inside umount "$M"
	inside rm -rf "$B"
}

weir_inside() { # STATUS ARGUMENT...
	local expected=$1

	shift
	exits "$expected" inside "$WEIR" copy "$@"
}

sync_inside() { # STATUS ARGUMENT...
	local expected=$1

	shift
	exits "$expected" inside "$WEIR" sync "$@"
}

# What weir remembers of its runs is not to be that of the machine.
own_state() {
	inside mount -t tmpfs -o mode=755 state /var/lib
}
