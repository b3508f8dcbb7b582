#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Sync in place: both sides are compared, and only what differs is written; cut short,
# a mark is left.  Cases N06, D07, H08; rule G11 of lib/README.md.

load helper

MARK=user.weir.torn

# Both sides have the same file of so many bytes.
both_have() { # BYTES
	rm -f "$S/f" "$D/f"
	mktree file "$S/f" "$1" 1
	touch -d @1500000000 "$S/f" # what is changed at once has another time
	cp -p "$S/f" "$D/f"
}

# Other bytes in the source: at OFFSET, so many.
change() { # OFFSET BYTES
	dd if="$S/f" bs=64K skip="$1" count="$2" iflag=skip_bytes,count_bytes status=none |
		LC_ALL=C tr '\000-\377' '\001-\377\000' >"$T/changed"
	dd if="$T/changed" of="$S/f" bs=64K seek="$1" oflag=seek_bytes conv=notrunc status=none
}

# What a change of one byte costs: a block, or half a chunk of the smallest budget.
most_for_a_byte=4096

written() { # OPERATOR BYTES
	counts bytes_written "$1" "$2"
}

# All that a change of a file would show.
look_at() { # FILE
	stat -c '%i %A %U:%G %s %Y.%y %z' "$1"
	cksum "$1"
}

# The mark of a file that may hold bytes of two moments: the time, or the attribute.
is_marked() { # FILE
	[ "$(stat -c %.9Y "$1")" = 1.767676767 ] ||
		getfattr -n $MARK --only-values "$1" >/dev/null 2>&1
}

not_marked() { # FILE
	is_marked "$1" || return 0
	echo "$1 is marked"
	return 1
}

need_attributes() {
	need_command getfattr
	: >"$D/probe"
	setfattr -n user.probe -v 1 "$D/probe" 2>/dev/null || skip "needs user attributes"
	rm "$D/probe"
}

need_holes() {
	truncate -s 1M "$T/hole"
	[ "$(stat -c %b "$T/hole")" -eq 0 ] || skip "this file system has no holes"
}

# Holes are asked for, and believed, and can be made.
need_maps() {
	need_holes
	case $(fs_type "$S"),$(fs_type "$D") in
	*overlay* | *fuse*) skip "the map of this file system is not believed" ;;
	esac
	head -c 8192 /dev/urandom >"$D/probe"
	fallocate -p -l 4096 "$D/probe" 2>/dev/null || skip "nothing can be punched here"
	rm "$D/probe"
}

# ---- how much is written --------------------------------------------------------

# bats test_tags=N06
@test "one changed MiB of a file is all that is written" {
	local option

	for option in --direct=auto --direct=always --direct=never --engine=plain; do
		both_have 9000000
		change 4194304 1048576
		touch "$S/f"
		syncs --inplace --stats $option "$S" "$D"
		written -eq 1048576
		counts bytes_kept -eq 7951424
		same --mode --times "$S" "$D"
		not_marked "$D/f"
	done
}

# bats test_tags=N06
@test "one changed byte costs one block, wherever it is" {
	local at option

	for option in --direct=always --direct=never; do
		for at in 0 4095 4096 1000000 2097152 2999999 3000122; do
			both_have 3000123
			change $at 1
			touch "$S/f"
			syncs --inplace --stats $option "$S" "$D"
			written -gt 0
			written -le $most_for_a_byte
			same --mode --times "$S" "$D"
		done
	done
}

@test "several changes in one chunk are written each for itself" {
	both_have 600000
	change 5000 1
	change 50000 1
	change 54000 1
	change 300000 1
	change 599999 1
	touch "$S/f"
	syncs --inplace --stats "$S" "$D"
	written -le $((5 * most_for_a_byte))
	same --mode --times "$S" "$D"
}

@test "a byte in a small file, with small and with smallest buffers" {
	local option size

	for option in --chunk-size=4K --chunk-size=12K --chunk-size=1M --depth=1; do
		for size in 1 4095 16384 16385 100000; do
			both_have $size
			change $((size - 1)) 1
			touch "$S/f"
			syncs --inplace --stats $option "$S" "$D"
			written -gt 0
			written -le $most_for_a_byte
			same --mode --times "$S" "$D"
		done
	done
}

@test "fixed buffers are read into and written from, past the page cache where a copy is" {
	need_ring
	both_have 9000000
	change 100 1
	touch "$S/f"
	syncs --inplace --direct=always --stats --engine=ring "$S" "$D"
	counts ops_read_fixed -gt 0
	[ "$(stat_of ops_read)" -eq "$(stat_of ops_read_fixed)" ]
	[ "${WEIR_LANE:-}" != check-tiny ] || return 0 # half a block is no block
	copies --direct=always --stats --engine=ring "$S/f" "$T/copy"
	[ "$(stat_of bytes_direct)" -gt 0 ] || return 0 # btrfs, overlay, tmpfs
	change 100 1
	touch "$S/f"
	syncs --inplace --direct=always --stats --engine=ring "$S" "$D"
	counts bytes_direct -eq 4096
	counts ops_write_fixed -eq 1
}

# bats test_tags=H08
@test "other bytes of the same size and time are found" {
	both_have 200000
	change 150000 10
	touch -r "$D/f" "$S/f"
	syncs --inplace --checksum --stats "$S" "$D"
	written -gt 0
	same --mode --times "$S" "$D"
}

@test "what has all its bytes is neither written to nor marked, and gets its attributes" {
	need_strace
	both_have 3000000
	touch -d 2003-04-05 "$S/f"
	chmod 640 "$S/f"
	exits 0 strace -f -o "$T/trace" -P "$D/f" \
		-e trace=pwrite64,fsync,ftruncate,fallocate,setxattr,fsetxattr,utimensat \
		"$WEIR" sync --inplace --stats --engine=plain --sync=files "$S" "$D"
	written -eq 0
	counts bytes_kept -eq 3000000
	run ! grep -E 'pwrite64|ftruncate|fallocate|xattr' "$T/trace"
	same --mode --times "$S" "$D"
	# The time of the mark was never set.
	run ! grep 767676767 "$T/trace"
}

@test "a larger and a smaller file become what the source is, in place" {
	local old new before

	for old in 0 1 5000 65536 300123; do
		for new in 0 4095 4096 5001 300000 600001; do
			rm -f "$S/f" "$D/f"
			mktree file "$S/f" $new 1
			mktree file "$D/f" $old 1
			before=$(inode_of "$D/f")
			syncs --inplace --stats "$S" "$D"
			[ "$(inode_of "$D/f")" = "$before" ]
			same --mode --times "$S" "$D"
			not_marked "$D/f"
			# Only what was not there before.
			[ $old -lt $new ] || written -le $most_for_a_byte
			written -le $((new - (old < new ? old : new) + 2 * most_for_a_byte))
		done
	done
}

@test "a file that only lost its end is cut and not written" {
	both_have 500000
	truncate -s 400000 "$S/f"
	syncs --inplace --stats "$S" "$D"
	written -eq 0
	same --mode --times "$S" "$D"
}

@test "a second run writes nothing, whatever the first one did" {
	need_maps
	mktree sparse "$S/sparse" 3000123 4096 1000000
	mktree file "$S/grown" 300000 1
	mktree file "$S/shrunk" 1000 1
	mktree file "$D/sparse" 4000000 9
	mktree file "$D/grown" 1000 2
	mktree file "$D/shrunk" 300000 2
	truncate -s 2M "$D/hollow"
	mktree file "$S/hollow" 1000000 5
	syncs --inplace "$S" "$D"
	same --mode --times --holes "$S" "$D"
	syncs --inplace --stats "$S" "$D"
	written -eq 0
	same --mode --times --holes "$S" "$D"
}

@test "many files in place are as good as one" {
	local file

	mktree many "$S" 60 50000
	touch -d 2001-02-03 "$S"/f*
	cp -a "$S/." "$D"
	for file in "$S"/f00000[0-3]*; do
		printf X | dd of="$file" bs=1 seek=40000 conv=notrunc status=none
	done
	syncs --inplace --stats "$S" "$D"
	written -le $((40 * most_for_a_byte))
	written -gt 0
	same --mode --times "$S" "$D"
}

# ---- holes ------------------------------------------------------------------------

# bats test_tags=D07
@test "no old byte is left where the source has holes, and holes are made" {
	local option

	need_maps
	for option in --direct=auto --direct=always --direct=never; do
		rm -f "$S/f" "$D/f"
		mktree sparse "$S/f" 3000123 4096 1000000
		tr '\0' B </dev/zero 2>/dev/null | head -c 5000321 >"$D/f"
		syncs --inplace $option "$S" "$D"
		same --mode --times --holes "$S" "$D"
	done
}

# bats test_tags=D07
@test "the last byte behind a hole or a zero is not forgotten" {
	local sparse size

	need_holes
	for sparse in auto always never; do
		for size in 513 4097 8191; do
			rm -f "$S/f" "$D/f"
			head -c 512 /dev/zero | tr '\0' A >"$S/f"
			truncate -s $size "$S/f"
			head -c $size /dev/zero | tr '\0' B >"$D/f"
			touch -d 2001-02-03 "$D/f"
			syncs --inplace --sparse=$sparse "$S" "$D"
			same --mode --times "$S" "$D"
			# And where the target has more.
			head -c 9000 /dev/zero | tr '\0' B >"$D/f"
			syncs --inplace --sparse=$sparse "$S" "$D"
			same --mode --times "$S" "$D"
		done
	done
}

# bats test_tags=D07
@test "data where the target has holes is written, and no more" {
	need_maps
	mktree file "$S/f" 3000000 1
	truncate -s 3000000 "$D/f"
	dd if="$S/f" of="$D/f" bs=4096 count=100 conv=notrunc status=none
	touch -d 2001-02-03 "$D/f"
	syncs --inplace --stats "$S" "$D"
	written -eq $((3000000 - 409600))
	same --mode --times "$S" "$D"
}

# bats test_tags=D07
@test "zeros are written where holes are not wanted, and holes made where all are" {
	need_maps
	mktree sparse "$S/f" 2000000 0 1000000
	mktree file "$D/f" 2000000 5
	touch -d 2001-02-03 "$D/f"
	syncs --inplace --sparse=never "$S" "$D"
	same --mode --times "$S" "$D"
	sync "$D/f"
	[ "$(stat -c %b "$D/f")" -ge 3900 ]
	[ "${WEIR_LANE:-}" != check-tiny ] || return 0 # half a block is no hole
	# The same zeros, which are no hole in the source either.
	cp --sparse=never "$D/f" "$T/zeros"
	rm "$S/f"
	cp -p "$T/zeros" "$S/f"
	mktree file "$D/f" 2000000 5
	touch -d 2001-02-03 "$D/f"
	syncs --inplace --sparse=always "$S" "$D"
	same "$S" "$D"
	sync "$D/f"
	[ "$(stat -c %b "$D/f")" -lt 100 ]
}

# bats test_tags=D07
@test "where nothing can be punched zeros are written" {
	need_holes
	need_strace
	local option

	for option in --sparse=auto --sparse=always; do
		rm -f "$S/f" "$D/f"
		mktree sparse "$S/f" 300123 4096 100000
		tr '\0' B </dev/zero 2>/dev/null | head -c 400000 >"$D/f"
		exits 0 strace -f -o /dev/null -e inject=fallocate:error=EOPNOTSUPP \
			"$WEIR" sync --inplace $option "$S" "$D"
		same --mode --times "$S" "$D"
	done
}

@test "holes of both sides are not read" {
	need_maps
	truncate -s 10G "$S/f" "$D/f" 2>/dev/null || skip "no file of 10 GiB here"
	printf 'one' | dd of="$S/f" bs=1 seek=5368709120 conv=notrunc status=none
	printf 'two' | dd of="$D/f" bs=1 seek=5368709120 conv=notrunc status=none
	printf 'old' | dd of="$D/f" bs=1 seek=7368709120 conv=notrunc status=none
	touch -d @1000000000 "$D/f" # both may have been written within one tick
	syncs --inplace --stats "$S" "$D"
	counts ops_read -le 8
	written -le $most_for_a_byte
	counts bytes_kept -ge 10737410000
	cmp -n 10 -i 5368709115 "$S/f" "$D/f"
	[ "$(dd if="$D/f" bs=1 skip=7368709120 count=3 status=none | tr '\0' 0)" = 000 ]
}

# ---- names, links, rights -----------------------------------------------------------

# bats test_tags=J07
@test "a target that has other names becomes a file of its own" {
	both_have 300000
	ln "$D/f" "$T/other" 2>/dev/null || skip "no links from here to there"
	cp "$D/f" "$T/before"
	change 70000 1
	touch "$S/f"
	syncs --inplace "$S" "$D"
	same "$S/f" "$D/f"
	same "$T/before" "$T/other"
	[ "$(inode_of "$D/f")" != "$(inode_of "$T/other")" ]
}

# bats test_tags=J07
@test "two sources are never written into one file" {
	mktree file "$S/1" 300000 1
	mktree file "$S/2" 200000 2
	mktree file "$D/1" 10
	ln "$D/1" "$D/2"
	syncs --inplace "$S" "$D"
	same --mode --times "$S" "$D"
}

# bats test_tags=B02
@test "no source is written into, by whatever name it is reached" {
	need_same_fs
	mktree file "$S/1" 300000 1
	mktree file "$S/2" 200000 2
	ln "$S/2" "$D/1"
	syncs --inplace "$S" "$D"
	[ "$(stat -c %s "$S/2")" -eq 200000 ]
	same --mode --times "$S" "$D"
}

# bats test_tags=J05
@test "a link in the place of a file is replaced, and what it leads to is left" {
	mktree file "$S/f" 3000 1
	mktree file "$T/outside" 3000 2
	cp "$T/outside" "$T/before"
	ln -s "$T/outside" "$D/f"
	syncs --inplace "$S" "$D"
	[ ! -L "$D/f" ]
	same --mode --times "$S" "$D"
	same "$T/before" "$T/outside"
}

@test "hard links of the source are links in place, too" {
	mktree file "$S/a" 300000 1
	ln "$S/a" "$S/b"
	touch -d 2001-02-03 "$S/a"
	cp -a "$S/." "$D"
	printf X | dd of="$S/a" bs=1 seek=1000 conv=notrunc status=none
	syncs --inplace "$S" "$D"
	same --mode --times --links "$S" "$D"
	[ "$(inode_of "$D/a")" = "$(inode_of "$D/b")" ]
}

# bats test_tags=G04
@test "a target that may not be written is fine as long as it has the bytes" {
	user_areas
	both_have 50000
	chown 65534:65534 "$S/f" "$D/f" 2>/dev/null || true
	chmod 444 "$D/f"
	touch -d 2003-04-05 "$S/f"
	chmod 444 "$S/f"
	exits 0 as_user "$WEIR" sync --inplace "$S" "$D"
	same --mode --times "$S" "$D"
	chmod 644 "$S/f"
	change 40000 1
	chmod 444 "$S/f"
	cp -p "$D/f" "$T/before"
	exits 23 as_user "$WEIR" sync --inplace "$S" "$D"
	says EACCES
	says "write to"
	same --mode --times "$T/before" "$D/f"
}

# bats test_tags=G04
@test "a target that may not be read is written as a whole" {
	user_areas
	both_have 50000
	chown 65534:65534 "$S/f" "$D/f" 2>/dev/null || true
	touch "$S/f"
	chmod 200 "$D/f"
	exits 0 as_user "$WEIR" sync --inplace --stats "$S" "$D"
	written -eq 50000
	chmod 644 "$D/f"
	same "$S/f" "$D/f"
	not_marked "$D/f"
}

# bats test_tags=G04
@test "the mark can be taken off a file whose source nobody may write" {
	user_areas
	both_have 50000
	change 40000 1
	chmod 444 "$S/f"
	chown 65534:65534 "$S/f" "$D/f" 2>/dev/null || true
	exits 0 as_user "$WEIR" sync --inplace "$S" "$D"
	same --mode --times "$S" "$D"
	not_marked "$D/f"
}

# bats test_tags=G08
@test "a private source is never seen by others in a looser target" {
	need_strace
	both_have 10000
	change 100 1
	chmod 600 "$S/f"
	chmod 666 "$D/f"
	strace -f -o "$T/trace" -e trace=fchmod,pwrite64 \
		"$WEIR" sync --engine=plain --direct=never --inplace "$S" "$D"
	awk '/fchmod.*0600/ { seen = 1 } /pwrite64/ { exit !seen }' "$T/trace"
	grep -q pwrite64 "$T/trace"
}

# bats test_tags=C13
@test "a program that runs is left alone while it is what the source is" {
	need_strace
	cp "$(command -v sleep)" "$S/f"
	cp "$(command -v sleep)" "$D/f"
	touch -d 2003-04-05 "$S/f"
	"$D/f" 60 &
	local pid=$!
	run --separate-stderr "$WEIR" sync --inplace "$S" "$D"
	[ "$status" -eq 0 ] || { kill "$pid"; ended 0; }
	same --mode --times "$S" "$D"
	printf X | dd of="$S/f" bs=1 seek=5000 conv=notrunc status=none
	run --separate-stderr "$WEIR" sync --inplace "$S" "$D"
	kill "$pid"
	ended 23
	says ETXTBSY
}

@test "without /proc the target is opened by its name" {
	need_strace
	local number paths=()

	both_have 300000
	change 70000 1
	touch "$S/f"
	for ((number = 3; number < 64; number++)); do
		paths+=(-P "/proc/self/fd/$number")
	done
	exits 0 strace -f -o "$T/trace" "${paths[@]}" \
		-e inject=openat,open:error=ENOENT \
		"$WEIR" sync --inplace --stats "$S" "$D"
	grep -q INJECTED "$T/trace"
	written -le $most_for_a_byte
	same --mode --times "$S" "$D"
}

@test "--inplace excludes what only a new file can have" {
	local option

	both_have 10
	for option in --reflink=always -b --backup=numbered --suffix=.old --preallocate; do
		exits 2 "$WEIR" sync --inplace "$option" "$S" "$D"
		says "exclude each other"
	done
}

# bats test_tags=M15
@test "a dry run in place changes nothing" {
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 300000 1
	cp -p "$S/a/f" "$D/a/f"
	mktree file "$S/a/g" 300000 2
	mktree file "$D/a/g" 300000 3
	touch -d @1500000000 "$D/a/g"
	mktree file "$S/a/new" 10
	picture "$S" >"$T/before-source"
	picture "$D" >"$T/before-target"
	touch -a -d 2001-02-03 "$S/a/f" "$S/a/g" "$D/a/f" "$D/a/g"
	syncs --inplace -n --stats "$S" "$D"
	written -eq 0
	counts ops_write -eq 0
	picture "$S" | diff "$T/before-source" -
	picture "$D" | diff "$T/before-target" -
}

# ---- order, errors, kills -------------------------------------------------------------

# Runs the fault build; its trace is in $T/trace, what is about FILE in $T/file.
traced() { # FILE ARGUMENT...
	local file=$1

	shift
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	rm -f "$T/trace"
	exits 0 env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" sync "$@"
	sort -n "$T/trace" | awk -v inode="$(stat -c %i "$file")" '
		{ where = $3; sub(/^.*:/, "", where) }
		where == inode || $2 == "syncfs"' >"$T/file"
}

# What is done to the file, in this order: words of the trace, with the attribute of
# the mark set and removed, doubles left out.
steps() {
	awk '
		$8 < 0 { next }
		$2 == "setxattr" && $4 == "user.weir.torn" { $2 = $7 == 1 ? "unmark" : "mark" }
		$2 ~ /^(mark|unmark|fsync|syncfs|write|fallocate|ftruncate|utimens)$/ &&
			$2 != last { printf "%s ", $2; last = $2 }
		END { print "" }' "$T/file"
}

# The steps must begin so.
steps_are() { # REGEX
	[[ $(steps) =~ ^$1 ]] && return 0
	steps
	cat "$T/file"
	return 1
}

# bats test_tags=N06,N02
@test "the mark is on disk before the first byte, and the last byte before it goes" {
	no_sync_here
	local option expected

	for option in --engine=plain --engine=auto --sync=files --durable=file --durable=end; do
		both_have 300000
		change 70000 1
		touch "$S/f"
		traced "$D/f" --inplace $option "$S" "$D"
		expected='(mark )?utimens fsync write ftruncate fsync '
		expected+='(unmark )?utimens (syncfs |fsync )'
		steps_are "$expected"
		same --mode --times "$S" "$D"
	done
}

# bats test_tags=N06
@test "with --durable=none there is a mark and no sync" {
	both_have 300000
	change 70000 1
	touch "$S/f"
	traced "$D/f" --inplace --durable=none "$S" "$D"
	steps_are '(mark )?utimens write ftruncate (unmark )?utimens'
	run ! grep -E ' (fsync|syncfs) ' "$T/file"
	not_marked "$D/f"
}

# bats test_tags=N06
@test "a hole and a new size are changes that the mark comes before" {
	need_maps
	no_sync_here
	mktree file "$D/f" 300000 1
	touch -d @1500000000 "$D/f"
	truncate -s 300000 "$S/f"
	traced "$D/f" --inplace "$S" "$D"
	steps_are '(mark )?utimens fsync fallocate ftruncate fsync '
	rm "$S/f"
	truncate -s 100000 "$S/f"
	traced "$D/f" --inplace "$S" "$D"
	steps_are '(mark )?utimens fsync ftruncate fsync '
	same --mode --times "$S" "$D"
}

# Runs weir sync with one call of its worker about the target failing, or killed.
inject() { # EXPRESSION ARGUMENT...
	local expression=$1

	shift
	run --separate-stderr strace -f -o "$T/strace" -P "$D/f" -e inject="$expression" \
		"$WEIR" sync --engine=plain --workers=1 --inplace "$@"
}

# bats test_tags=N06,H08
@test "killed at any call, a file that is mixed is marked, and any next run mends it" {
	need_strace
	need_attributes
	local call stage=0

	for call in fsetxattr:when=1 utimensat:when=1 fsync:when=1 pwrite64:when=1 \
		pwrite64:when=2 pwrite64:when=3 ftruncate:when=1 fsync:when=2 \
		fremovexattr:when=1 fchmod:when=1 utimensat:when=2; do
		rm -f "$D/f" "$S/f"
		mktree file "$S/f" 300000 1
		mktree file "$D/f" 310000 2
		cp "$D/f" "$T/old"
		chmod 600 "$S/f"
		touch -d 2003-04-05 "$S/f" # older than whatever a kill leaves
		inject "${call%:*}:signal=KILL:${call#*:}" --direct=never --sync=files \
			--chunk-size=128K "$S" "$D"
		[ "$status" -eq 137 ] || { [ "$(fs_type "$D")" = tmpfs ] && [[ $call == fsync* ]]; }
		[ "$status" -ne 137 ] || stage=$((stage + 1))
		cmp -s "$T/old" "$D/f" || cmp -s "$S/f" "$D/f" || is_marked "$D/f" || {
			echo "mixed and not marked after $call"
			return 1
		}
		# Even one that leaves what is newer alone.
		if ! cmp -s "$T/old" "$D/f" && ! cmp -s "$S/f" "$D/f"; then
			copies -p -u "$S/f" "$D/f"
			same --mode --times "$S/f" "$D/f"
			cp "$T/old" "$D/f"
		fi
		syncs --inplace "$S" "$D"
		same --mode --times "$S" "$D"
		not_marked "$D/f"
	done
	[ $stage -ge 8 ]
}

# bats test_tags=N06,M03
@test "killed at any moment, a file that is mixed is marked, and the next run mends it" {
	need_attributes
	local round took option seed=${SEED:-$RANDOM}

	echo "SEED=$seed"
	mktree file "$T/new" 6000000 1
	mktree file "$T/old" 6100000 2
	touch -d 2003-04-05 "$T/new"
	cp -p "$T/new" "$S/f"
	cp "$T/old" "$D/f"
	strike --report="$T/report" -- "$WEIR" sync --inplace "$S" "$D"
	took=$(awk '{ print $6 }' "$T/report")
	for ((round = 0; round < 16; round++)); do
		option=$((round % 2 == 0 ? 9 : 2))
		seed=$(((seed * 1103515245 + 12345) % 2147483648))
		cp "$T/old" "$D/f"
		run strike --report="$T/report" --after-us=$((seed % (took + 1))) \
			--signal=$option -- "$WEIR" sync --inplace "$S" "$D"
		cmp -s "$T/old" "$D/f" || cmp -s "$T/new" "$D/f" || is_marked "$D/f"
		syncs --inplace "$S" "$D"
		same --mode --times "$S" "$D"
		not_marked "$D/f"
	done
}

# bats test_tags=N06,E05
@test "a write error leaves the mark, and the next run mends the file" {
	need_strace
	mktree file "$S/f" 300000 1
	mktree file "$D/f" 300000 2
	touch -d 2003-04-05 "$S/f"
	inject pwrite64:error=EIO:when=3 --direct=never --chunk-size=64K "$S" "$D"
	ended 23
	says EIO
	says "write"
	says "target"
	[ "$(stat -c %.9Y "$D/f")" = 1.767676767 ]
	syncs --inplace "$S" "$D"
	same --mode --times "$S" "$D"
	not_marked "$D/f"
}

# bats test_tags=N06,E01
@test "a read error of either side changes nothing where nothing was written yet" {
	need_strace
	local side

	for side in "$S" "$D"; do
		both_have 300000
		touch "$S/f"
		look_at "$D/f" >"$T/before"
		run --separate-stderr strace -f -o /dev/null -P "$side/f" \
			-e inject=pread64:error=EIO:when=2+ \
			"$WEIR" sync --engine=plain --workers=1 --inplace --chunk-size=64K \
			--direct=never "$S" "$D"
		ended 23
		says EIO
		says "read $([ "$side" = "$S" ] && echo source || echo target)"
		says "offset"
		look_at "$D/f" | diff "$T/before" -
	done
}

# bats test_tags=N06,E06
@test "after a sync that failed nothing is believed, and all is written" {
	need_strace
	no_sync_here
	both_have 300000
	change 70000 1
	touch "$S/f"
	# The first one is that of the mark.
	inject fsync:error=EIO:when=2 --stats --sync=files "$S" "$D"
	ended 0
	written -eq 300000
	same --mode --times "$S" "$D"
	not_marked "$D/f"
	# A mark that is not on disk: nothing is written.
	change 80000 1
	cp "$D/f" "$T/before"
	inject fsync:error=EIO:when=1+ --stats "$S" "$D"
	ended 23
	says fsync
	same "$T/before" "$D/f"
	syncs --inplace "$S" "$D"
	same --mode --times "$S" "$D"
}

# bats test_tags=N06
@test "what an earlier run has left marked is read from the disk, not from the cache" {
	need_attributes
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	both_have 300000
	touch -d @1.767676767 "$D/f"
	traced "$D/f" --inplace --stats "$S" "$D"
	grep -q ' fadvise ' "$T/file"
	written -eq 0
	same --mode --times "$S" "$D"
	setfattr -n $MARK -v 1 "$D/f"
	touch "$D/f" # as its last write does
	traced "$D/f" --inplace --stats "$S" "$D"
	grep -q ' fadvise ' "$T/file"
	not_marked "$D/f"
	# What has no mark is not dropped.
	traced "$D/f" --inplace --stats "$S" "$D"
	run ! grep -q ' fadvise ' "$T/file"
}

@test "a mark does not stay where times are not kept" {
	both_have 3000
	touch -d @1.767676767 "$D/f"
	syncs --inplace --no-keep=times "$S" "$D"
	not_marked "$D/f"
	change 100 1
	syncs --inplace --no-keep=times "$S" "$D"
	not_marked "$D/f"
	same "$S/f" "$D/f"
}

@test "a mark is never copied" {
	need_attributes
	mktree file "$S/f" 3000
	setfattr -n $MARK -v 1 "$S/f" 2>/dev/null || skip "needs user attributes"
	mktree file "$D/f" 3000 2
	syncs --inplace "$S" "$D"
	not_marked "$D/f"
	rm "$D/f"
	syncs "$S" "$D"
	not_marked "$D/f"
}

# bats test_tags=A03
@test "a source that changes while it is compared is not called the same" {
	meddle read:1 "$T" true -- true >/dev/null 2>&1 || [ $? -eq 124 ] ||
		skip "no filter can stop a command here"
	both_have 300000
	touch "$S/f"
	# What was read already becomes another.
	exits 0 timeout 100 meddle read:3 "$S/f" \
		"printf X | dd of=$S/f bs=1 seek=10 conv=notrunc status=none" \
		-- "$WEIR" sync --engine=plain --workers=1 --inplace --direct=never \
		--chunk-size=64K "$S" "$D"
	same --mode --times "$S" "$D"
}
