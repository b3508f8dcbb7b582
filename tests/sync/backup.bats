#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Backups of a sync: what is replaced or removed stays, beside it or in a folder of its
# own (--backup-dir; O15).

load helper

# A pair in which files are to be replaced, and some are to go.
make_pair() {
	rm -rf "${S:?}"/* "${D:?}"/* "$T/was"
	mkdir -p "$S/sub" "$D/d/sub" "$D/d/gone/deep"
	mktree file "$S/f" 3000 1
	mktree file "$S/sub/g" 100 2
	ln -s new "$S/link"
	mktree file "$D/d/f" 2000 3
	mktree file "$D/d/sub/g" 200 4
	ln -s old "$D/d/link"
	mktree file "$D/d/extra" 500 5
	mktree file "$D/d/gone/deep/h" 600 6
	chmod 640 "$D/d/f"
	touch -d 2001-02-03 "$D/d/f"
	cp -a "$D/d" "$T/was"
}

backs_up() { # ARGUMENT...
	VERSION_CONTROL='' SIMPLE_BACKUP_SUFFIX='' syncs "$@"
}

# The names in a folder, in one line.
names() { # FOLDER
	(cd "$1" && find . ! -type d | sort | xargs)
}

# bats test_tags=O15
@test "what is replaced stays beside it, with all it has" {
	local engine

	for engine in $(engines); do
		make_pair
		backs_up -b --engine="$engine" "$S" "$D/d"
		cmp "$S/f" "$D/d/f"
		same --all "$T/was/f" "$D/d/f~"
		same "$T/was/sub/g" "$D/d/sub/g~"
		[ "$(readlink "$D/d/link~")" = old ]
		[ -e "$D/d/extra" ]
		idles -b "$S" "$D/d"
	done
}

# bats test_tags=O15
@test "with --delete what goes gets the name of a backup, and backups are not removed" {
	make_pair
	backs_up -b --delete "$S" "$D/d"
	[ "$(names "$D/d")" = "./extra~ ./f ./f~ ./gone/deep/h~ ./link ./link~ ./sub/g ./sub/g~" ]
	same "$T/was/extra" "$D/d/extra~"
	idles -b --delete "$S" "$D/d"
	# None takes the name of an older one.
	echo second >"$D/d/extra"
	backs_up -b --delete "$S" "$D/d"
	same "$T/was/extra" "$D/d/extra~"
	[ "$(cat "$D/d/extra.~1~")" = second ]
	idles -b --delete "$S" "$D/d"
	# Without -b they are names like others.
	backs_up --delete "$S" "$D/d"
	mirrors "$S" "$D/d"
}

# bats test_tags=O15
@test "suffix and numbers are those that were asked for" {
	make_pair
	backs_up --suffix=.bak --delete "$S" "$D/d"
	[ -e "$D/d/f.bak" ] && [ -e "$D/d/extra.bak" ] && [ -e "$D/d/gone/deep/h.bak" ]
	idles --suffix=.bak --delete "$S" "$D/d"
	make_pair
	backs_up --backup=numbered --delete "$S" "$D/d"
	same "$T/was/extra" "$D/d/extra.~1~"
	same --all "$T/was/f" "$D/d/f.~1~"
	echo second >"$D/d/extra"
	backs_up -b --delete "$S" "$D/d"
	[ "$(cat "$D/d/extra.~2~")" = second ]
	idles -b --delete "$S" "$D/d"
}

# bats test_tags=O15
@test "--backup-dir keeps both, under their paths" {
	local engine

	for engine in $(engines); do
		make_pair
		backs_up --delete --engine="$engine" --backup-dir="$D/old" "$S" "$D/d"
		mirrors "$S" "$D/d"
		[ "$(names "$D/old")" = "./extra ./f ./gone/deep/h ./link ./sub/g" ]
		same --all "$T/was/f" "$D/old/f"
		same "$T/was/sub/g" "$D/old/sub/g"
		same "$T/was/extra" "$D/old/extra"
		idles --delete --backup-dir="$D/old" "$S" "$D/d"
		# What is there stays.
		echo third >"$S/f"
		backs_up --delete --backup-dir="$D/old" "$S" "$D/d"
		same --all "$T/was/f" "$D/old/f"
		[ "$(wc -c <"$D/old/f.~1~")" -eq 3000 ]
	done
	make_pair
	SIMPLE_BACKUP_SUFFIX=.env syncs --backup-dir="$D/old" "$S" "$D/d"
	[ "$(names "$D/old")" = "./f ./link ./sub/g" ]
	make_pair
	backs_up --suffix=.x --backup-dir="$D/old" "$S" "$D/d"
	[ "$(names "$D/old")" = "./f.x ./link.x ./sub/g.x" ]
}

# bats test_tags=O15
@test "a folder of backups inside of DEST is left alone" {
	make_pair
	backs_up --delete --backup-dir="$D/d/.old" "$S" "$D/d"
	[ "$(names "$D/d/.old")" = "./extra ./f ./gone/deep/h ./link ./sub/g" ]
	idles --delete --backup-dir="$D/d/.old" "$S" "$D/d"
}

# bats test_tags=O15
@test "with --trash too, what goes comes into that, and what is replaced into the other" {
	make_pair
	backs_up --delete --backup-dir="$D/old" --trash="$D/trash" "$S" "$D/d"
	[ "$(names "$D/old")" = "./f ./link ./sub/g" ]
	[ "$(names "$D/trash")" = "./extra ./gone/deep/h" ]
}

# bats test_tags=O15
@test "a file that a folder replaces has its backup" {
	make_pair
	rm "$S/f"
	mkdir "$S/f"
	echo in >"$S/f/in"
	backs_up -b "$S" "$D/d"
	[ "$(cat "$D/d/f/in")" = in ]
	same "$T/was/f" "$D/d/f~"
	make_pair
	rm "$S/f"
	mkdir "$S/f"
	backs_up --backup-dir="$D/old" "$S" "$D/d"
	[ -d "$D/d/f" ]
	same "$T/was/f" "$D/old/f"
	make_pair
	rm "$S/f"
	mkdir "$S/f"
	backs_up --backup=numbered "$S" "$D/d"
	same "$T/was/f" "$D/d/f.~1~"
}

# bats test_tags=O15
@test "what gets attributes only has no backup" {
	make_pair
	cp -a "$S/f" "$D/d/f"
	chmod 600 "$D/d/f"
	backs_up --backup-dir="$D/old" "$S" "$D/d"
	absent "$D/old/f"
	[ "$(mode_of "$D/d/f")" = "$(mode_of "$S/f")" ]
}

# bats test_tags=N02,O15
@test "the old object has its second name before the new one takes the first" {
	need_fault
	make_pair
	rm -f "$T/trace"
	exits 0 env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" sync --backup-dir="$D/old" "$S" "$D/d"
	find "$D/old" -type d -printf '%i\n' >"$T/folders"
	awk 'NR == FNR { old[$1] = 1; next }
		$8 < 0 { next }
		{ sub(/^.*:/, "", $3) }
		$2 ~ /^(link|rename)$/ && ($3 in old) { kept[$4] = 1; n++ }
		$2 == "rename" && !($3 in old) && $4 ~ /\/(f|g|link)$/ {
			sub(/^.*\//, "", $4)
			if (!($4 in kept)) exit 1
		}
		END { if (n != 3) exit 1 }' "$T/folders" "$T/trace" || { cat "$T/trace"; return 1; }
}

# bats test_tags=M03,O15
@test "a run that is killed has lost neither, and the next one ends its work" {
	local name

	for name in old/f old/sub/g old/gone/deep/h; do
		make_pair
		run strike --at-name="$D/$name" -- "$WEIR" sync --delete --yes-delete-many \
			--backup-dir="$D/old" "$S" "$D/d"
		for file in f sub/g extra gone/deep/h; do
			cmp -s "$T/was/$file" "$D/d/$file" || cmp "$T/was/$file" "$D/old/$file"
		done
		backs_up --delete --backup-dir="$D/old" "$S" "$D/d"
		mirrors "$S" "$D/d"
	done
	no_temps "$D"
}

# bats test_tags=O15
@test "a backup is taken back where the new object does not come" {
	need_strace
	make_pair
	run --separate-stderr strace -f -o /dev/null -e inject=renameat2:error=EIO \
		"$WEIR" sync --engine=plain --workers=1 --backup-dir="$D/old" "$S" "$D/d"
	ended 23
	says "cannot replace target '$D/d/f': Input/output error (EIO)"
	[ -z "$(names "$D/old")" ]
	same --all "$T/was/f" "$D/d/f"
}

# bats test_tags=O15,F01
@test "what cannot have its backup is not replaced" {
	need_strace
	make_pair
	run --separate-stderr strace -f -o /dev/null -P "$D/old" -e inject=linkat:error=ENOSPC \
		"$WEIR" sync --engine=plain --workers=1 --backup-dir="$D/old" "$S" "$D/d"
	[ "$status" -eq 23 ] || [ "$status" -eq 27 ]
	says "cannot back up target '$D/d/f': No space left on device (ENOSPC)"
	same --all "$T/was/f" "$D/d/f"
	[ -z "$(names "$D/old")" ] || [ "$(names "$D/old")" = "./sub/g" ]
}

# bats test_tags=O15
@test "where nothing can be linked it is renamed" {
	need_strace
	make_pair
	run --separate-stderr strace -f -o /dev/null -e inject=linkat:error=EPERM \
		"$WEIR" sync --engine=plain --workers=1 --backup-dir="$D/old" "$S" "$D/d"
	ended 0
	same --all "$T/was/f" "$D/old/f"
	cmp "$S/f" "$D/d/f"
}

# bats test_tags=O15
@test "a DIR that cannot keep them is refused" {
	local other=/dev/shm

	make_pair
	sync_exits 28 --backup-dir="$S/old" "$S" "$D/d"
	says "cannot back up to '$S/old': it is inside of the source"
	sync_exits 28 --backup-dir="$D" "$S" "$D/d"
	sync_exits 1 --backup-dir="$D/a/b" "$S" "$D/d"
	if [ "$(stat -c %d "$other")" != "$(stat -c %d "$D")" ]; then
		sync_exits 28 --backup-dir="$other/weir-backup-$$" "$S" "$D/d"
		says "it is on another file system than the target"
	fi
	same --all "$T/was" "$D/d"
}

# bats test_tags=R01
@test "it is refused with what makes no backups" {
	make_pair
	sync_exits 2 --backup=none --backup-dir="$D/old" "$S" "$D/d"
	says "--backup-dir keeps backups, and --backup=none makes none"
	sync_exits 2 --inplace --backup-dir="$D/old" "$S" "$D/d"
	says "--inplace and --backup exclude each other"
	exits 2 "$WEIR" copy --backup-dir="$D/old" "$S/f" "$D/d"
	same --all "$T/was" "$D/d"
}

# bats test_tags=O15
@test "an ordinary user keeps backups, too" {
	make_pair
	user_areas
	can_drop && chown -R 65534:65534 "$S" "$D"
	exits 0 as_user "$WEIR" sync --delete --yes-delete-many --backup-dir="$D/old" "$S" "$D/d"
	[ "$(names "$D/old")" = "./extra ./f ./gone/deep/h ./link ./sub/g" ]
	same "$T/was/f" "$D/old/f"
}
