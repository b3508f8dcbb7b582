#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# --trash: what is to go from DEST is moved, and keeps its path (O15).

load helper

# What of $D/d is to go, all types; as it was it is in $T/was, with what stays.
make_pair() {
	rm -rf "${S:?}"/* "${D:?}"/* "$T/was"
	mkdir -p "$S/sub" "$D/d/sub" "$D/d/gone/deep/er"
	mktree file "$S/f" 3000 1
	mktree file "$S/sub/g" 100 2
	cp -a "$S/f" "$D/d/f"
	mktree file "$D/d/extra" 5000 3
	mktree file "$D/d/sub/extra" 100 4
	mktree file "$D/d/gone/1" 100 5
	mktree file "$D/d/gone/deep/2" 7000 6
	ln "$D/d/gone/1" "$D/d/gone/deep/same"
	ln -s /etc "$D/d/gone/link"
	mkfifo "$D/d/gone/pipe"
	chmod 2750 "$D/d/gone/deep"
	chmod 600 "$D/d/gone/1"
	touch -d 2001-02-03 "$D/d/gone/deep/2" "$D/d/gone/deep/er" "$D/d/gone/deep"
	cp -a "$D/d" "$T/was"
}

trashes() { # ARGUMENT...
	syncs --delete --yes-delete-many "$@"
}

# All that was to go is in this folder, as it was.
is_kept() { # TRASH
	rm -rf "$T/kept"
	cp -a "$T/was" "$T/kept"
	rm "$T/kept/f"
	same --links --mode --owner "$T/kept" "$1"
	same --all "$T/kept/gone/deep" "$1/gone/deep"
}

# Every file of $T/was is still somewhere, whole.
nothing_lost() { # TRASH
	(cd "$T/was" && find . -type f) | while IFS= read -r file; do
		cmp -s "$T/was/$file" "$D/d/$file" || cmp "$T/was/$file" "$1/$file" || exit 1
	done
}

# bats test_tags=O15
@test "what goes comes into DIR, under its path, as it was" {
	local engine

	for engine in $(engines); do
		make_pair
		trashes --engine="$engine" --trash="$D/t" "$S" "$D/d"
		mirrors "$S" "$D/d"
		is_kept "$D/t"
		idles --delete --trash="$D/t" "$S" "$D/d"
	done
}

# bats test_tags=O15
@test "a relative DIR begins in the working folder" {
	make_pair
	cd "$D"
	trashes --trash=t "$S" d
	is_kept "$D/t"
	absent "$D/d/t"
}

# bats test_tags=O15
@test "nothing in DIR is replaced: who comes second gets a number" {
	make_pair
	trashes --trash="$D/t" "$S" "$D/d"
	mkdir -p "$D/d/gone/deep"
	echo second >"$D/d/gone/deep/2"
	echo second >"$D/d/extra"
	# And where a folder is to be, something else is.
	echo other >"$D/t/more"
	mkdir "$D/d/more"
	echo in >"$D/d/more/file"
	trashes --trash="$D/t" "$S" "$D/d"
	cmp "$T/was/extra" "$D/t/extra"
	cmp "$T/was/gone/deep/2" "$D/t/gone/deep/2"
	[ "$(cat "$D/t/extra.~1~")" = second ]
	[ "$(cat "$D/t/gone/deep/2.~1~")" = second ]
	[ "$(cat "$D/t/more")" = other ]
	[ "$(cat "$D/t/more.~1~/file")" = in ]
	echo third >"$D/d/extra"
	trashes --trash="$D/t" "$S" "$D/d"
	[ "$(cat "$D/t/extra.~2~")" = third ]
	[ "$(cat "$D/t/extra.~1~")" = second ]
}

# bats test_tags=O15
@test "a DIR inside of DEST is left alone, and so is what SOURCE has of its name" {
	make_pair
	mkdir "$S/.trash"
	echo source >"$S/.trash/file"
	touch -r "$S" "$D/d"
	trashes --trash="$D/d/.trash" "$S" "$D/d"
	[ -e "$D/d/.trash/gone/deep/2" ] && [ -e "$D/d/.trash/extra" ]
	absent "$D/d/.trash/file" "$D/d/gone"
	idles --delete --trash="$D/d/.trash" "$S" "$D/d"
	# In a folder that goes otherwise, that stays.
	mkdir "$D/d/old"
	echo more >"$D/d/old/more"
	trashes --trash="$D/d/old/.trash" --exclude=/.trash "$S" "$D/d"
	[ "$(cat "$D/d/old/.trash/old/more")" = more ]
	[ "$(ls -A "$D/d/old")" = .trash ]
	idles --delete --trash="$D/d/old/.trash" --exclude=/.trash "$S" "$D/d"
}

# bats test_tags=O15
@test "a DIR in SOURCE, or with DEST or SOURCE in it, is refused" {
	make_pair
	mkdir "$S/t"
	cp -a "$S" "$T/origin"
	sync_exits 28 --delete --trash="$S/t" "$S" "$D/d"
	says "cannot use trash '$S/t': it is inside of the source"
	sync_exits 28 --delete --trash="$S/new" "$S" "$D/d"
	sync_exits 28 --delete --trash="$D/d" "$S" "$D/d"
	says "it is the target itself"
	sync_exits 28 --delete --trash="$D" "$S" "$D/d"
	says "the target is inside of it"
	ln -s "$S/t" "$D/link"
	sync_exits 28 --delete --trash="$D/link" "$S" "$D/d"
	same --all "$T/was" "$D/d"
	same --all "$T/origin" "$S"
}

# bats test_tags=O15
@test "of leading folders only those that --mkpath may make are made" {
	make_pair
	sync_exits 1 --delete --trash="$D/a/b/t" "$S" "$D/d"
	says "--mkpath makes that, too"
	absent "$D/a"
	sync_exits 1 --mkpath --delete --trash="$D/a/../t" "$S" "$D/d"
	absent "$D/a" "$D/t"
	same --all "$T/was" "$D/d"
	trashes --mkpath --trash="$D/a/./b//t/" "$S" "$D/d"
	is_kept "$D/a/b/t"
}

# bats test_tags=O14,O15,M15
@test "a dry run tells the same and makes nothing; the limits count what is moved" {
	make_pair
	stamps "$S" "$D" >"$T/stamps"
	exits 0 "$WEIR" sync -n --delete --yes-delete-many --trash="$D/t" "$S" "$D/d"
	planned=$(sed 1d <<<"$output")
	sync_exits 25 --delete --max-delete=3 --existing --trash="$D/t" "$S" "$D/d"
	absent "$D/t"
	make_pair
	exits 0 "$WEIR" sync -i --delete --yes-delete-many --trash="$D/t" "$S" "$D/d"
	[ "$output" = "$planned" ]
	grep -qx 'delete  folder  gone/deep/' <<<"$output"
}

# bats test_tags=O06,O15
@test "what stays leaves no empty folder in DIR" {
	make_pair
	mkdir -p "$D/d/kept/in"
	echo x >"$D/d/kept/in/x"
	trashes --exclude=/kept/in/x --trash="$D/t" "$S" "$D/d"
	[ -e "$D/d/kept/in/x" ]
	absent "$D/t/kept"
	is_kept "$D/t"
}

# bats test_tags=O15
@test "a folder that is in the way of a file is kept, too" {
	make_pair
	rm "$D/d/f"
	mkdir "$D/d/f"
	echo in >"$D/d/f/in"
	trashes --trash="$D/t" "$S" "$D/d"
	[ "$(cat "$D/t/f/in")" = in ]
	cmp "$S/f" "$D/d/f"
}

# bats test_tags=O15
@test "what was only renamed does not come into DIR" {
	make_pair
	mktree file "$S/old" 9000 9
	syncs --exclude=/extra --exclude=/gone --exclude=/sub/extra "$S" "$D/d"
	mv "$S/old" "$S/new"
	exits 0 "$WEIR" sync -i --detect-renames --delete --yes-delete-many --trash="$D/t" \
		"$S" "$D/d"
	grep -q '^rename .* new <- old' <<<"$output"
	absent "$D/t/old" "$D/d/old"
	[ -e "$D/d/new" ]
	is_kept "$D/t"
}

# bats test_tags=O15
@test "nothing is moved before all that was copied is durable" {
	need_fault
	no_sync_here
	make_pair
	rm -f "$T/trace"
	mkdir "$D/t"
	exits 0 env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" sync --delete --yes-delete-many \
		--trash="$D/t" "$S" "$D/d"
	find "$D/t" -type d -printf '%i\n' >"$T/folders"
	find "$D/d" -type d -printf '%i dest\n' >>"$T/folders"
	awk 'NR == FNR { side[$1] = $2 == "" ? "trash" : $2; next }
		$8 < 0 { next }
		{ sub(/^.*:/, "", $3) }
		$2 == "link" && side[$3] == "dest" { synced = 0; if (moved) exit 1 }
		$2 ~ /^(fsync|syncfs)$/ { synced = 1; if (moved) after = 1 }
		$2 == "rename" && side[$3] == "trash" { moved++; after = 0; if (!synced) exit 1 }
		END { if (moved != 7 || !after) exit 1 }' "$T/folders" "$T/trace" ||
		{ cat "$T/trace"; return 1; }
}

# bats test_tags=M03,O15
@test "a run that is killed loses nothing, and the next one ends its work" {
	local name

	for name in extra gone/link gone/deep/2 gone/pipe; do
		make_pair
		run strike --at-name="$D/t/$name" -- "$WEIR" sync --delete --yes-delete-many \
			--trash="$D/t" "$S" "$D/d"
		nothing_lost "$D/t"
		trashes --trash="$D/t" "$S" "$D/d"
		mirrors "$S" "$D/d"
		nothing_lost "$D/t"
		[ -L "$D/t/gone/link" ] && [ -p "$D/t/gone/pipe" ]
	done
}

# bats test_tags=O15,F01,F02
@test "what cannot be moved stays where it is, and is told" {
	need_strace
	make_pair
	run --separate-stderr strace -f -o /dev/null -e inject=renameat2:error=EXDEV:when=1+ \
		"$WEIR" sync --engine=plain --workers=1 --delete --yes-delete-many \
		--trash="$D/t" --existing "$S" "$D/d"
	ended 23
	says "cannot delete target '$D/d/extra': Invalid cross-device link (EXDEV)"
	nothing_lost "$D/none"
	make_pair
	mkdir "$D/t"
	run --separate-stderr strace -f -o /dev/null -e inject=mkdirat:error=ENOSPC \
		"$WEIR" sync --engine=plain --workers=1 --delete --yes-delete-many \
		--trash="$D/t" --existing "$S" "$D/d"
	[ "$status" -eq 23 ] || [ "$status" -eq 27 ]
	says "No space left on device (ENOSPC)"
	[ -e "$D/t/extra" ]
	[ -e "$D/d/gone/1" ] && [ -e "$D/d/gone/deep/2" ] && [ -e "$D/d/sub/extra" ]
}

# bats test_tags=O15
@test "another file system is refused before anything is done" {
	local other=/dev/shm

	[ "$(stat -c %d "$other")" != "$(stat -c %d "$D")" ] && [ -w "$other" ] ||
		skip "there is no other file system"
	make_pair
	sync_exits 28 --delete --trash="$other/weir-trash-$$" "$S" "$D/d"
	says "it is on another file system than the target, and nothing is moved there"
	absent "$other/weir-trash-$$"
	same --all "$T/was" "$D/d"
}

# bats test_tags=K08,O15
@test "a link of somebody else on the way to DIR is not followed" {
	need_owners
	make_pair
	mkdir "$D/elsewhere"
	ln -s elsewhere "$D/t"
	chown -h 65534 "$D/t"
	sync_exits 1 --delete --trash="$D/t" "$S" "$D/d"
	says "a link of somebody else leads there"
	[ -z "$(ls -A "$D/elsewhere")" ]
	same --all "$T/was" "$D/d"
}

# bats test_tags=O12,O15
@test "an ordinary user moves what is in folders that are closed to it" {
	make_pair
	rm -rf "$D/d/gone/pipe"
	user_areas
	can_drop && chown -R 65534:65534 "$S" "$D"
	as_user chmod 00555 "$D/d/gone" "$D/d/gone/deep"
	exits 0 as_user "$WEIR" sync --delete --yes-delete-many --trash="$D/t" "$S" "$D/d"
	cmp "$T/was/gone/deep/2" "$D/t/gone/deep/2"
	[ "$(mode_of "$D/t/gone/deep")" = 755 ]
	absent "$D/d/gone"
}

# bats test_tags=R01
@test "it is nothing without --delete" {
	make_pair
	sync_exits 2 --trash="$D/t" "$S" "$D/d"
	says "--trash is nothing without --delete"
	sync_exits 2 --delete --trash= "$S" "$D/d"
}
