#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The order in which things are made durable, read from the trace of the fault
# build: rules P1 to P4, G2 to G5 of lib/README.md; cases N02, N03, J10.
#
# A trace line is SERIAL KIND DEVICE:INODE NAME OFFSET LENGTH FLAGS RESULT.

load helper

setup() {
	make_areas
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	trace=$T/trace
}

# Runs the fault build; its trace is in $trace.
traced() { # ARGUMENT...
	rm -f "$trace"
	exits 0 env WEIR_TRACE="$trace" "$WEIR_FAULTY" copy "$@"
}

inode_of() {
	stat -c %i "$1"
}

# Prints the lines of a kind, with success only.
lines() { # KIND...
	awk -v kinds=" $* " 'index(kinds, " " $2 " ") && $8 >= 0' "$trace"
}

# For the file FILE, published under its last name: its last write, a sync that
# covers it, a check of it, and the name, must come in this order.
file_in_order() { # FILE
	awk -v inode="$(inode_of "$1")" -v name="$(basename "$1")" '
		function ino(where) { sub(/^.*:/, "", where); return where }
		$8 < 0 { next }
		ino($3) == inode && ($2 == "write" || $2 == "ftruncate" || $2 == "fallocate") {
			written = NR; synced = checked = 0
		}
		written && $2 == "syncfs" { synced = NR }
		# An fsync of the very file is its own check.
		ino($3) == inode && $2 == "fsync" { synced = checked = NR }
		ino($3) == inode && $2 == "sync_file_range" && synced { checked = NR }
		$2 == "link" && ($4 == name || ino($3) == inode) { named = NR }
		$2 == "rename" && $4 ~ "/" name "$" { named = NR }
		named == NR {
			if (!written) why = "named before it was written"
			else if (!synced) why = "named before it was synced"
			else if (!checked) why = "named before it was checked (G4)"
			if (why) exit
		}
		END {
			if (!named) why = "never named"
			if (why) { print "'"$1"': " why; exit 1 }
		}' "$trace" || { cat "$trace"; return 1; }
}

# The number of the last line that gives a name in FOLDER.  A link by
# descriptor is traced with the inode of the file.
last_name_in() { # FOLDER
	local entries

	entries=" $(find "$1" -mindepth 1 -maxdepth 1 -printf '%i ')"
	awk -v inode="$(inode_of "$1")" -v entries="$entries" '
		$8 < 0 { next }
		{ sub(/^.*:/, "", $3) }
		$2 == "link" && index(entries, " " $3 " ") { named = NR }
		$2 ~ /^(link|rename|mkdir|symlink|mknod)$/ && $3 == inode { named = NR }
		END { print named + 0 }' "$trace"
}

# After the last name given in folder FOLDER it is synced, itself or as part of
# its file system.
folder_in_order() { # FOLDER
	local named

	named=$(last_name_in "$1")
	[ "$named" -gt 0 ]
	awk -v inode="$(inode_of "$1")" -v named="$named" '
		{ sub(/^.*:/, "", $3) }
		NR <= named || $8 < 0 { next }
		$2 == "syncfs" || ($2 == "fsync" && $3 == inode) { ok = 1 }
		END { exit !ok }' "$trace" && return 0
	echo "$1 was not synced after its last name, line $named"
	cat "$trace"
	return 1
}

tree_in_order() { # FOLDER
	local file

	while IFS= read -r -d '' file; do
		file_in_order "$file" || return 1
	done < <(find "$1" -type f -print0)
	while IFS= read -r -d '' file; do
		folder_in_order "$file" || return 1
	done < <(find "$1" -mindepth 1 -type d -not -empty -print0)
}

make_tree() {
	mkdir -p "$S/a/b/c" "$S/a/d"
	mktree file "$S/a/1" 100 1
	mktree file "$S/a/2" 300000 2
	mktree file "$S/a/b/3" 5000 3
	mktree file "$S/a/b/c/4" 70001 4
	mktree file "$S/a/d/5" 1 5
	ln -s x "$S/a/d/link"
}

# bats test_tags=N02
@test "by default data is synced and checked, then named, then folders are synced" {
	no_sync_here
	make_tree
	traced -r "$S/a" "$D"
	tree_in_order "$D/a"
	folder_in_order "$D"
}

# bats test_tags=N02
@test "the same with plain calls and one worker" {
	no_sync_here
	make_tree
	traced -a --engine=plain --workers=1 "$S/a" "$D"
	tree_in_order "$D/a"
	folder_in_order "$D"
}

# bats test_tags=N02
@test "the same where names are replaced" {
	no_sync_here
	make_tree
	cp -r "$S/a" "$D/a"
	traced -r "$S/a" "$D"
	tree_in_order "$D/a"
	[ "$(lines rename | wc -l)" -ge 5 ]
}

# bats test_tags=N02
@test "the same for one small file that needs no thread" {
	no_sync_here
	mktree file "$S/f" 100
	traced "$S/f" "$D/f"
	file_in_order "$D/f"
	folder_in_order "$D"
}

# bats test_tags=N02
@test "with a sync of each file nothing else is synced" {
	no_sync_here
	make_tree
	traced -r --sync=files "$S/a" "$D"
	tree_in_order "$D/a"
	folder_in_order "$D"
	[ "$(lines syncfs | wc -l)" -eq 0 ]
}

# bats test_tags=N02
@test "the same for leading folders that are made" {
	no_sync_here
	make_tree
	cd "$S"
	traced -p --parents --sync=files a/b/c/4 a/1 a/d/5 "$D"
	tree_in_order "$D/a"
	folder_in_order "$D"
	traced --parents a/b/c/4 "$D"
	traced --parents --sync=files a/b/3 "$D"
	rm -r "$D/a"
	traced -r --parents a/b "$D"
	tree_in_order "$D/a"
	folder_in_order "$D"
}

# bats test_tags=N03
@test "with a sync of the file system one sync serves many files" {
	need_syncfs
	mktree many "$S/a" 120 3000
	traced -r --sync=fs "$S/a" "$D"
	file_in_order "$D/a/f0000000"
	file_in_order "$D/a/f0000119"
	folder_in_order "$D/a"
	[ "$(lines syncfs | wc -l)" -ge 1 ]
	[ "$(lines syncfs | wc -l)" -le 16 ] || [ "${WEIR_LANE:-}" = check-tiny ]
}

# bats test_tags=N03
@test "a sync of the file system is followed by one of a file, for the device" {
	need_syncfs
	mktree many "$S/a" 60 3000
	traced -r --sync=fs "$S/a" "$D"
	awk '$2 == "syncfs" { open = 1 } $2 == "fsync" && $8 >= 0 { open = 0 }
		$2 == "link" && open { print "named with no flush"; exit 1 }' "$trace"
}

# bats test_tags=N02
@test "level file syncs each file before its own name" {
	no_sync_here
	make_tree
	traced -r --durable=file "$S/a" "$D"
	tree_in_order "$D/a"
	folder_in_order "$D"
	for file in 1 2 b/3 b/c/4 d/5; do
		[ "$(lines fsync | awk -v inode="$(inode_of "$D/a/$file")" '
			{ sub(/^.*:/, "", $3) } $3 == inode' | wc -l)" -ge 1 ]
	done
}

# bats test_tags=N02
@test "level end names at once and syncs at the end" {
	no_sync_here
	make_tree
	traced -r --durable=end "$S/a" "$D"
	same "$S/a" "$D/a"
	# One sync after the last name, none before the first.
	lines syncfs fsync link rename write | awk '
		$2 == "link" || $2 == "rename" { named = NR; first = first ? first : NR }
		$2 == "syncfs" || $2 == "fsync" { synced = NR; early = early || !first }
		END {
			if (synced < named) { print "no sync after the last name"; exit 1 }
			if (early) { print "synced before the first name"; exit 1 }
		}'
}

# bats test_tags=N02
@test "level none syncs nothing" {
	make_tree
	traced -r --durable=none "$S/a" "$D"
	same "$S/a" "$D/a"
	[ "$(lines syncfs fsync sync_file_range | grep -vc sync_file_range)" -eq 0 ]
}

# P6: a file cut short by a power cut must have a wrong size at these levels.
@test "levels none and end never reserve space for buffered data" {
	make_tree
	traced -r --durable=none --direct=never "$S/a" "$D"
	[ "$(lines fallocate | wc -l)" -eq 0 ]
	traced -r --durable=end --direct=never "$S/a" "$D/again"
	[ "$(lines fallocate | wc -l)" -eq 0 ]
}

# P1
@test "a new file is made without a name and linked, never renamed" {
	make_tree
	# Symlinks have no descriptor to link; they are named and renamed.
	rm "$S/a/d/link"
	traced -r "$S/a" "$D"
	[ "$(lines rename | wc -l)" -eq 0 ] || skip "no nameless files or links by descriptor here"
	[ "$(lines link | wc -l)" -eq 5 ]
}

# P3
@test "a temporary name is unlinked after its rename" {
	mktree file "$S/f" 1000
	mktree file "$D/f" 100 7
	traced "$S/f" "$D/f"
	awk '$2 == "rename" { split($4, names, "/"); temp = names[1] }
		$2 == "unlink" && temp != "" && $4 == temp { done = 1 }
		END { exit !done }' "$trace"
}

# P4, H04
@test "times of a folder are set after the last name in it" {
	make_tree
	traced -a "$S/a" "$D"
	for folder in "$D/a" "$D/a/b" "$D/a/b/c" "$D/a/d"; do
		awk -v inode="$(inode_of "$folder")" -v named="$(last_name_in "$folder")" '
			{ sub(/^.*:/, "", $3) }
			$2 == "utimens" && $4 == "-" && $3 == inode { timed = NR }
			END { exit !(timed > named && named > 0) }' "$trace"
	done
}

# bats test_tags=M15
@test "a dry run makes no call that changes anything" {
	make_tree
	traced -a --dry-run "$S/a" "$D"
	[ "$(lines create write mkdir link rename unlink symlink mknod chmod chown utimens \
		fsync syncfs fallocate ftruncate setxattr | wc -l)" -eq 0 ]
	empty_folder "$D"
}

# K of the cases: names are resolved one at a time below held folders.
@test "no call names more than one component below the operands" {
	make_tree
	cp -r "$S/a" "$D/a"
	traced -a "$S/a" "$D"
	# The new name of a rename follows a slash of the trace's own.  What
	# /sys and /proc tell of the machine is no part of any tree.
	sed -i '/ \/sys\//d; / \/proc\//d' "$trace"
	nothing "$(awk '$2 == "rename" { if (gsub("/", "/", $4) > 1) print; next }
		$2 != "open" && $2 != "statx" && $4 ~ /[^\/]\/[^\/]/' "$trace")"
	nothing "$(awk '($2 == "open" || $2 == "statx") && $4 ~ /^[^\/]+\/[^\/]/' "$trace")"
}

@test "serial numbers count every operation once" {
	make_tree
	traced -r "$S/a" "$D"
	awk '{ print $1 }' "$trace" | sort -n | awk '$1 != NR { print "hole at " NR; exit 1 }'
}

# bats test_tags=J10
@test "links and special files are never synced, their folder is, after them" {
	local how

	no_sync_here
	mkdir -p "$S/a/b"
	ln -s nowhere "$S/a/b/one"
	ln -s elsewhere "$S/a/b/two"
	mkfifo "$S/a/b/pipe"
	for how in fs files; do
		rm -rf "$D/a"
		traced -a --sync=$how "$S/a" "$D"
		same --times "$S/a" "$D/a"
		folder_in_order "$D/a/b"
		folder_in_order "$D/a"
		nothing "$(lines fsync sync_file_range |
			grep -E ":($(find "$D/a" ! -type d -printf '%i\n' | paste -sd '|')) ")"
	done
	# The same where they replace what is there.
	ln -sf another "$S/a/b/one"
	traced -a "$S/a" "$D"
	[ "$(readlink "$D/a/b/one")" = another ]
	folder_in_order "$D/a/b"
}
