#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later

load helper

inode() { stat -c %i "$1"; }

# bats test_tags=J07
@test "--inplace writes into the file that exists, so its other names see it" {
	local direct

	for direct in auto always never; do
		mktree file "$S/f" 700123 1
		mktree file "$D/f" 900000 2
		ln "$D/f" "$D/other.$direct"
		copies --inplace --direct=$direct "$S/f" "$D/f"
		same "$S/f" "$D/f"
		same "$S/f" "$D/other.$direct"
		[ "$(inode "$D/f")" = "$(inode "$D/other.$direct")" ]
		rm "$D/f"
	done
	no_temps "$D"
}

@test "--inplace makes what does not exist as any other copy" {
	mkdir "$S/a"
	mktree file "$S/a/f" 300000
	ln -s f "$S/a/l"
	copies -a --inplace "$S/a" "$D"
	same --mode --times "$S/a" "$D/a"
	mktree file "$S/a/f" 100 7
	copies -a --inplace "$S/a" "$D"
	same --mode --times "$S/a" "$D/a"
}

# bats test_tags=D07
@test "no old byte is left where an in-place source has holes" {
	local sparse

	truncate -s 1M "$T/hole"
	[ "$(stat -c %b "$T/hole")" -eq 0 ] || skip "this file system has no holes"
	for sparse in auto always never; do
		mktree sparse "$S/f" 3000123 4096 1000000
		tr '\0' B </dev/zero 2>/dev/null | head -c 5000321 >"$D/f"
		copies --inplace --sparse=$sparse "$S/f" "$D/f"
		same "$S/f" "$D/f"
	done
	# 512 bytes and a tail that is no block: the last byte, too.
	{
		head -c 512 /dev/zero | tr '\0' A
		printf '\0'
	} >"$S/g"
	head -c 513 /dev/zero | tr '\0' B >"$D/g"
	copies --inplace --sparse=always "$S/g" "$D/g"
	same "$S/g" "$D/g"
}

# bats test_tags=D07,A10
@test "no old byte is left where holes of an in-place source move while they are asked for" {
	local direct

	truncate -s 1M "$T/hole"
	[ "$(stat -c %b "$T/hole")" -eq 0 ] || skip "this file system has no holes"
	meddle seek:1 "$T/hole" true -- true >/dev/null 2>&1 || [ $? -eq 124 ] ||
		skip "no filter can stop a command here"
	case $(fs_type "$S") in
	ext* | xfs | btrfs | tmpfs) ;;
	*) skip "the map of this file system is not believed" ;;
	esac
	for direct in always never; do
		head -c 6M /dev/zero | tr '\0' A >"$S/f"
		head -c 2M "$S/f" >"$T/data"
		fallocate -p -o 2M -l 2M "$S/f" || skip "nothing can be punched here"
		head -c 7M /dev/zero | tr '\0' B >"$D/f"
		# Between two walks through the map, in both tries, data becomes a hole.
		exits 0 timeout 100 meddle seek:every "$S/f" \
			"case \$MEDDLE in
			7 | 14) fallocate -p -o 4M -l 2M $S/f ;;
			8) dd if=$T/data of=$S/f bs=2M seek=2 conv=notrunc status=none ;;
			esac
			touch -d @\$((1000000000 + MEDDLE)) $S/f" -- \
			"$WEIR" copy --inplace --on-change=ok --direct=$direct "$S/f" "$D/f"
		run ! grep -q B "$D/f"
		[ "$(stat -c %s "$D/f")" -eq 6291456 ]
		cmp -n 1048576 "$S/f" "$D/f"
	done
}

# bats test_tags=D07
@test "holes are punched into an in-place target" {
	truncate -s 1M "$T/hole"
	[ "$(stat -c %b "$T/hole")" -eq 0 ] || skip "this file system has no holes"
	mktree file "$D/f" 8000000
	fallocate -p -o 0 -l 4096 "$D/f" 2>/dev/null || skip "nothing can be punched here"
	mktree sparse "$S/f" 8000000 0 4000000
	copies --inplace "$S/f" "$D/f"
	same --holes "$S/f" "$D/f"
	mktree file "$D/f" 8000000
	head -c 8000000 /dev/zero >"$S/zeros"
	copies --inplace --sparse=always "$S/zeros" "$D/f"
	same "$S/zeros" "$D/f"
	sync "$D/f"
	[ "$(stat -c %b "$D/f")" -lt 100 ]
}

@test "--inplace keeps mode and owner of what exists, and takes over those of -p" {
	mktree file "$S/f" 1000
	mktree file "$D/f" 10
	chmod 600 "$S/f"
	chmod 644 "$D/f"
	copies --inplace "$S/f" "$D/f"
	[ "$(stat -c %a "$D/f")" = 644 ]
	copies --inplace -p "$S/f" "$D/f"
	[ "$(stat -c %a "$D/f")" = 600 ]
	same --mode --times "$S/f" "$D/f"
}

# bats test_tags=G08
@test "a private source is never seen by others in a looser target" {
	need_strace
	mktree file "$S/f" 1000
	mktree file "$D/f" 10
	chmod 600 "$S/f"
	chmod 666 "$D/f"
	strace -f -o "$T/trace" -e trace=fchmod,pwrite64,io_uring_enter \
		"$WEIR" copy --engine=plain --inplace -p "$S/f" "$D/f"
	awk '/fchmod.*0600/ { seen = 1 } /pwrite64/ { exit !seen }' "$T/trace"
	grep -q pwrite64 "$T/trace"
}

# Those who may read the old bytes are others than those who may read the new ones.
# bats test_tags=G08
@test "a target of another owner, group or list is closed to them before the first byte" {
	need_owners
	need_strace
	closed_by() { # MODE
		strace -f -o "$T/trace" -e trace=fchmod,fchown,fchownat,pwrite64 \
			"$WEIR" copy --engine=plain --inplace -a "$S/f" "$D/f"
		awk -v mode="$1)" '/fchmod/ && index($0, ", " mode) { seen = 1 }
			/pwrite64/ { exit !seen }' "$T/trace"
		grep -q pwrite64 "$T/trace"
		same --mode --owner --times "$S/f" "$D/f"
		rm "$D/f"
	}
	mktree file "$S/f" 1000
	chmod 640 "$S/f"
	mktree file "$D/f" 10
	chmod 640 "$D/f"
	chgrp 4321 "$D/f"
	closed_by 0600
	mktree file "$D/f" 10
	chmod 640 "$D/f"
	chown 1234 "$D/f"
	closed_by 040
	# What all may read stays open.
	chmod 644 "$S/f"
	mktree file "$D/f" 10
	chmod 664 "$D/f"
	chgrp 4321 "$D/f"
	closed_by 0644
	command -v setfacl >/dev/null || skip "needs setfacl"
	chmod 640 "$S/f"
	mktree file "$D/f" 10
	chmod 600 "$D/f"
	setfacl -m u:65534:r "$D/f" 2>/dev/null || skip "needs ACLs"
	closed_by 0600
	nothing "$(getfacl -cnp "$S/f" | grep 65534)"
}

# bats test_tags=J05
@test "--inplace writes through a link of ours, never onto its own source" {
	mktree file "$S/f" 1000
	mktree file "$D/real" 10
	ln -s real "$D/link"
	copies --inplace -r "$S/f" "$D/link"
	[ -L "$D/link" ]
	same "$S/f" "$D/real"
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 500 5
	ln -s "$S/a/f" "$D/a/f"
	run --separate-stderr "$WEIR" copy --inplace -rT "$S/a" "$D/a"
	[ "$status" -ne 0 ]
	says "same file"
	[ "$(stat -c %s "$S/a/f")" -eq 500 ]
}

# bats test_tags=J05
@test "--inplace does not write through another user's link" {
	need_owners
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 500
	mktree file "$T/precious" 100
	ln -s "$T/precious" "$D/a/f"
	chown -h 65534 "$D/a/f" || skip "no second user"
	cp "$T/precious" "$T/before"
	run --separate-stderr "$WEIR" copy --inplace -rT "$S/a" "$D/a"
	[ "$status" -eq 23 ]
	says "belongs to another user"
	same "$T/before" "$T/precious"
}

# bats test_tags=C13
@test "a program that runs is not written into, and can be replaced" {
	need_strace
	cp "$(command -v sleep)" "$D/f" 2>/dev/null
	mktree file "$S/f" 1000
	"$D/f" 60 &
	local pid=$!
	run --separate-stderr "$WEIR" copy --inplace "$S/f" "$D/f"
	kill "$pid"
	[ "$status" -eq 23 ]
	says ETXTBSY
	copies "$S/f" "$D/f"
	same "$S/f" "$D/f"
}

@test "--inplace excludes what only a new file can have" {
	local option

	mktree file "$S/f" 10
	mktree file "$D/f" 20
	for option in --reflink=always -b --backup=numbered --remove-destination --preallocate; do
		run --separate-stderr "$WEIR" copy --inplace "$option" "$S/f" "$D/f"
		[ "$status" -eq 2 ]
		says "exclude each other"
	done
	[ "$(stat -c %s "$D/f")" -eq 20 ]
}

@test "in-place copies are synced before the run says durable" {
	need_strace
	[ "$(fs_type "$D")" != tmpfs ] || skip "nothing is synced on tmpfs"
	mktree file "$S/f" 10000
	mktree file "$D/f" 10
	strace -f -o "$T/trace" -e trace=fsync,fdatasync,syncfs,pwrite64 \
		"$WEIR" copy --engine=plain --inplace "$S/f" "$D/f"
	grep -A9 pwrite64 "$T/trace" | grep -qE 'sync\(|syncfs\('
}

@test "--attributes-only copies no bytes, and keeps those that are there" {
	mkdir "$S/a"
	mktree file "$S/a/f" 1000
	mktree file "$S/a/new" 1000
	chmod 640 "$S/a/f" "$S/a/new"
	touch -d 2001-02-03 "$S/a/f" "$S/a/new"
	mkdir "$D/a"
	mktree file "$D/a/f" 77
	cp "$D/a/f" "$T/before"
	copies -a --attributes-only --stats "$S/a" "$D"
	same "$T/before" "$D/a/f"
	[ "$(stat -c '%a %Y' "$D/a/f")" = "$(stat -c '%a %Y' "$S/a/f")" ]
	[ "$(stat -c '%a %Y %s' "$D/a/new")" = "640 $(stat -c %Y "$S/a/f") 0" ]
	counts bytes_written -eq 0
	counts bytes_found -eq 0
}

@test "inode flags are kept in place, too" {
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 1000
	mktree file "$D/a/f" 10
	chattr +d "$S/a/f" 2>/dev/null && chattr +A "$D/a/f" 2>/dev/null ||
		skip "no inode flags here"
	[[ $(lsattr "$S/a/f") == *d* ]] || skip "no inode flags here"
	copies -a --inplace "$S/a" "$D"
	same "$S/a/f" "$D/a/f"
	[[ $(lsattr "$D/a/f" | cut -d' ' -f1) == *d* ]]
	[[ $(lsattr "$D/a/f" | cut -d' ' -f1) != *A* ]]
}

@test "two sources are never written into one file" {
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/1" 3000000 1
	mktree file "$S/a/2" 2000000 2
	mktree file "$D/a/1" 10
	ln "$D/a/1" "$D/a/2"
	run --separate-stderr "$WEIR" copy -r --inplace --durable=none -T "$S/a" "$D/a"
	[ "$status" -eq 23 ]
	says "another source was written into this file"
	cmp "$S/a/1" "$D/a/1" || cmp "$S/a/2" "$D/a/1"
}

# bats test_tags=J05
@test "--attributes-only puts nothing without bytes in the place of a file" {
	mktree file "$D/f" 5000
	cp -p "$D/f" "$S/was"
	ln -s nowhere "$S/link"
	mkfifo "$S/fifo"
	copy_exits 23 -a --attributes-only "$S/link" "$D/f"
	says "only attributes are copied"
	copy_exits 23 -a --attributes-only "$S/fifo" "$D/f"
	same "$S/was" "$D/f"
	copies -a --attributes-only --remove-destination "$S/link" "$D/f"
	[ -L "$D/f" ]
}

# A tree to copy and one to copy into, which has names of files of the first.
entangled() {
	rm -rf "$S/a" "$D/a" "$T/before"
	mkdir -p "$S/a/x" "$S/a/y/sub" "$D/a/x" "$D/a/y/sub"
	mktree file "$S/a/1" 3000 1
	mktree file "$S/a/9" 3000 9
	mktree file "$S/a/x/f" 300000 2
	mktree file "$S/a/x/l" 3000 3
	mktree file "$S/a/y/sub/g" 200000 4
	mktree file "$S/a/y/sub/h" 2000 5
	ln "$S/a/9" "$D/a/1"
	ln "$S/a/1" "$D/a/9"
	ln "$S/a/y/sub/g" "$D/a/x/f"
	ln -s "$S/a/y/sub/h" "$D/a/x/l"
	mktree file "$D/a/y/sub/h" 10 6
	cp -a "$S/a" "$T/before"
}

# bats test_tags=B02,J07
@test "no source is written into by --inplace, whichever name of it comes first" {
	local option

	for option in --workers=1 --workers=4 --durable=none -a --dereference; do
		entangled
		run --separate-stderr "$WEIR" copy -r --inplace "$option" -T "$S/a" "$D/a"
		[ "$status" -eq 23 ]
		says "cannot write to target '$D/a/1': it is a source of this run under another"
		says "cannot write to target '$D/a/x/l': it is a source of this run under another"
		[ "$(grep -c "it is a source of this run" <<<"$stderr")" -eq 4 ]
		same "$T/before" "$S/a"
		# What is nobody else's was copied.
		same "$S/a/y" "$D/a/y"
		no_temps "$D"
	done
}

@test "--attributes-only changes no source, either" {
	entangled
	chmod 600 "$S/a/x/f"
	chmod 640 "$S/a/y/sub/g"
	run --separate-stderr "$WEIR" copy -a --attributes-only -T "$S/a" "$D/a"
	[ "$status" -eq 23 ]
	says "cannot write to target '$D/a/x/f': it is a source of this run under another name"
	[ "$(stat -c %a "$S/a/y/sub/g")" = 640 ]
}

@test "what this run has written into in place is not copied as if it were a source" {
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 3000 1
	mktree file "$D/a/f" 2000 2
	cp "$D/a/f" "$T/before"
	ln -s "$D/a/f" "$S/a/l"
	run --separate-stderr "$WEIR" copy -rL --inplace -T "$S/a" "$D/a"
	[ "$status" -eq 23 ]
	[ "$(grep -c "cannot" <<<"$stderr")" -eq 1 ]
	# Either of the two may come first.
	if [ -e "$D/a/l" ]; then
		says "it is a source of this run under another name"
		same "$T/before" "$D/a/l"
		same "$T/before" "$D/a/f"
	else
		says "this run has written into it under another name"
		same "$S/a/f" "$D/a/f"
	fi
}

@test "targets with several names that nobody else uses are written, whatever is asked" {
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 3000 1
	ln "$S/a/f" "$S/a/g"
	mktree file "$S/a/h" 100 2
	mktree file "$D/a/f" 50 3
	ln "$D/a/f" "$D/other"
	mktree file "$D/a/h" 60 4
	ln -s h "$D/a/i"
	mktree file "$S/a/i" 70 5
	run --separate-stderr "$WEIR" copy -r --inplace --stats -T "$S/a" "$D/a"
	[ "$status" -eq 23 ] # h, by its name and by the link
	says "another source was written into this file"
	same "$S/a/f" "$D/other"
	same "$S/a/g" "$D/a/g"
	[ "$(inode "$D/a/f")" = "$(inode "$D/other")" ]
	counts bytes_found -eq 6170
}

# bats test_tags=D07,H08
@test "what a failed --inplace leaves is taken up again by -u" {
	need_strace
	mktree file "$S/f" 3000000 1
	mktree file "$D/f" 3000000 2
	touch -d '2001-01-01' "$S/f"
	touch -d '2000-01-01' "$D/f"
	# The later ones, whichever thread reads them.
	run --separate-stderr strace -f -o /dev/null -P "$S/f" -e inject=pread64:error=EIO:when=3+ \
		"$WEIR" copy -a --inplace --engine=plain --chunk-size=64K --workers=1 "$S/f" "$D/f"
	[ "$status" -eq 23 ]
	[ "$(stat -c %Y "$D/f")" -eq 1 ]
	copies -a -u --inplace "$S/f" "$D/f"
	same --times "$S/f" "$D/f"
}

@test "who may write to a file, and make nothing beside it, writes it durably at every level" {
	local level

	user_areas
	mktree file "$S/f" 3000 1
	mkdir "$D/closed"
	for level in none end group file; do
		mktree file "$D/closed/$level" 3000 2
		chmod 666 "$D/closed/$level"
	done
	chmod 755 "$D/closed"
	chown 0:0 "$D/closed" 2>/dev/null || chmod 555 "$D/closed"
	for level in none end group file; do
		as_user "$WEIR" copy --inplace --durable="$level" "$S/f" "$D/closed/$level"
		cmp "$S/f" "$D/closed/$level"
	done
}
