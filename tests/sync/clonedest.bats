#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Clones of an earlier copy: --clone-dest.  $D/old is an earlier copy of $S/a, and
# $D/new is made beside it.  Where the file system cannot clone, all is copied, which
# the same tests judge; what only clones show is skipped there.

load helper

setup() {
	make_areas
	begin_traces
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 50000
	mktree file "$S/a/sub/g" 100
	export S D T WEIR
	# Those of copies share nothing.
	export WEIR_REFLINK=auto
}

clones_here() {
	local status=0

	printf x >"$D/probe"
	cp --reflink=always "$D/probe" "$D/probe2" 2>/dev/null || status=1
	rm -f "$D/probe" "$D/probe2"
	return $status
}

# The earlier copy, whose attributes may differ from those of the source by now.
earlier() {
	syncs "$S/a" "$D/old"
	find "$D/old" -printf '%p %y %m %T@ %i %n\n' | sort >"$T/kept"
}

earlier_is_kept() {
	find "$D/old" -printf '%p %y %m %T@ %i %n\n' | sort | diff "$T/kept" -
}

@test "data that is unchanged is shared, and attributes are the source's" {
	local engine

	need_fault
	earlier
	chmod 640 "$S/a/f"
	for engine in $(engines); do
		rm -rf "$D/new" "$T/trace"
		syncs --clone-dest="$D/old" --stats -v --engine="$engine" "$S/a" "$D/new"
		counts to_clone -eq 2
		grep -qx "clone  file  sub/g" <<<"$output"
		says "to copy 2, to clone 2, "
		mirrors "$S/a" "$D/new"
		earlier_is_kept
		[ "$(inode_of "$D/old/f")" != "$(inode_of "$D/new/f")" ]
		if clones_here; then
			counts bytes_cloned -eq 50100
		fi
		no_temps "$D"
		idles --clone-dest="$D/old" "$S/a" "$D/new"
	done
}

@test "what differs, or is nowhere, comes from the source" {
	need_fault
	earlier
	echo more >>"$S/a/f"
	mktree file "$S/a/h" 300
	: >"$S/a/empty"
	ln -s x "$S/a/link"
	syncs --clone-dest="$D/old" --stats -i "$S/a" "$D/new"
	counts to_clone -eq 1
	grep -qx "clone  file  sub/g" <<<"$output"
	grep -qx "create  file  f" <<<"$output"
	grep -qx "create  file  empty" <<<"$output"
	mirrors "$S/a" "$D/new"
	earlier_is_kept
}

# bats test_tags=M15
@test "a dry run tells what a real run does" {
	earlier
	mktree file "$S/a/h" 300
	mkdir "$D/new"
	touch -r "$S/a" "$D/new"
	chmod --reference="$S/a" "$D/new"
	syncs -n -i --clone-dest="$D/old" "$S/a" "$D/new"
	printf '%s\n' "$output" | tail -n +2 >"$T/told"
	absent "$D/new/f"
	syncs -i --clone-dest="$D/old" "$S/a" "$D/new"
	printf '%s\n' "$output" | diff "$T/told" -
	grep -qx 'clone  file  sub/g' "$T/told"
}

# bats test_tags=J06
@test "names that are one file in the source are one file, cloned once" {
	ln "$S/a/f" "$S/a/again"
	earlier
	syncs --clone-dest="$D/old" --stats "$S/a" "$D/new"
	[ "$(inode_of "$D/new/f")" = "$(inode_of "$D/new/again")" ]
	[ "$(inode_of "$D/new/f")" != "$(inode_of "$D/old/f")" ]
	mirrors "$S/a" "$D/new"
	earlier_is_kept
}

# bats test_tags=A04
@test "an earlier copy that changes after it was compared is not cloned" {
	local change

	need_meanwhile
	for change in 'echo x >>"$D/old/f"' 'rm "$D/old/f"' \
		'cp "$D/old/f" "$D/x" && printf X | dd of="$D/x" conv=notrunc status=none &&
			mv "$D/x" "$D/old/f"'; do
		rm -rf "$D/old" "$D/new"
		earlier
		# Nothing before opens a file of this name.
		during_sync openat f "$change" --clone-dest="$D/old" "$S/a" "$D/new"
		ended 0
		mirrors "$S/a" "$D/new"
	done
}

# Each clone ends with this error; nothing else asks by ioctl.
refusing_clones() { # STATUS ERRNO [OPTION...]
	rm -rf "$D/new"
	exits "$1" strace -f -o "$T/calls" -e trace=ioctl -e inject=ioctl:error="$2" \
		"$WEIR" sync --no-keep=flags,project --clone-dest="$D/old" "${@:3}" "$S/a" "$D/new"
	grep -q FICLONE "$T/calls"
	grep -q "= -1 $2 .*INJECTED" "$T/calls"
	no_temps "$D"
	earlier_is_kept
}

# bats test_tags=C10
@test "where a clone is refused, the source is copied, unless clones are demanded" {
	local errno

	need_strace
	earlier
	for errno in EOPNOTSUPP EXDEV EINVAL; do
		refusing_clones 0 $errno
		silent
		mirrors "$S/a" "$D/new"
	done
	refusing_clones 23 EOPNOTSUPP --reflink=always
	says "cannot clone to"
	absent "$D/new/f"
}

# bats test_tags=D11
@test "a clone that fails is an error, and leaves nothing" {
	need_strace
	earlier
	refusing_clones 23 EIO
	says "cannot clone to"
	absent "$D/new/f"
	refusing_clones 27 ENOSPC
	absent "$D/new/f"
}

# bats test_tags=R01
@test "clones and links exclude each other, and so do clones and --reflink=never" {
	earlier
	sync_exits 2 --clone-dest="$D/old" --link-dest="$D/old" "$S/a" "$D/new"
	says "--link-dest and --clone-dest exclude each other"
	sync_exits 2 --clone-dest="$D/old" --reflink=never "$S/a" "$D/new"
	says "--clone-dest and --reflink=never exclude each other"
	sync_exits 28 --clone-dest="$D" "$S/a" "$D/new"
	says "cannot clone from '$D': the target lies in it"
	absent "$D/new"
	# What is written in place is DEST's own.
	syncs --inplace --clone-dest="$D/old" "$S/a" "$D/new"
	echo other >"$S/a/f"
	syncs --inplace --clone-dest="$D/old" "$S/a" "$D/new"
	mirrors "$S/a" "$D/new"
	earlier_is_kept
}
