#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What becomes of what exists: --update with its words, --remove-destination; and
# how the operands are read for it, --strip-trailing-slashes.

load helper

# A file that is older than its source, one that is newer, and one that is missing.
make_ages() {
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/old" 100 1
	mktree file "$S/a/new" 100 2
	mktree file "$S/a/missing" 100 3
	ln -s new "$S/a/link"
	mktree file "$D/a/old" 50 4
	mktree file "$D/a/new" 50 5
	ln -s elsewhere "$D/a/link"
	touch -d 2020-01-01 "$D/a/old"
	touch -d 2021-01-01 "$S/a"/{old,new}
	touch -h -d 2021-01-01 "$S/a/link"
	touch -h -d 2022-01-01 "$D/a/link"
	touch -d 2022-01-01 "$D/a/new"
	cp -a "$D/a" "$T/before"
}

is_kept() { # NAME
	cmp "$D/a/$1" "$T/before/$1"
}

is_copied() { # NAME
	cmp "$S/a/$1" "$D/a/$1"
}

@test "--update=all replaces every file, older and newer" {
	make_ages
	copies -r -T --update=all "$S/a" "$D/a"
	same "$S/a" "$D/a"
}

@test "--update=older, --update and -u replace what is older" {
	local form

	for form in --update=older --update -u; do
		rm -rf "${S:?}/a" "${D:?}/a" "$T/before"
		make_ages
		copies -r -T "$form" "$S/a" "$D/a"
		is_copied old
		is_kept new
		is_copied missing
		[ "$(readlink "$D/a/link")" = elsewhere ]
	done
}

# bats test_tags=H08
@test "what is as old as the source, to the nanosecond, is not replaced by -u" {
	local form engine

	mkdir "$S/a" "$D/a"
	mktree file "$S/a/equal" 100 1
	mktree file "$D/a/equal" 90 2
	mktree file "$S/a/newer" 100 3
	mktree file "$D/a/newer" 90 4
	ln -s new "$S/a/link"
	ln -s old "$D/a/link"
	touch -d @1000000000.123456789 {"$S","$D"}/a/equal "$D/a/newer"
	touch -h -d @1000000000.123456789 {"$S","$D"}/a/link
	touch -d @1000000000.123456790 "$S/a/newer"
	[ "$(stat -c %.Y "$D/a/newer")" != "$(stat -c %.Y "$S/a/newer")" ] ||
		skip "times are coarse here"
	cp -a "$D/a" "$T/before"
	for engine in auto plain; do
		[ "${WEIR_ENGINE:-auto}" != plain ] || engine=plain
		for form in -u --update=older "-a -u" "-u --inplace" "-b -u"; do
			rm -rf "$D/a"
			cp -a "$T/before" "$D/a"
			# shellcheck disable=SC2086
			copies -r -T --engine=$engine $form -v "$S/a" "$D/a"
			is_kept equal
			is_copied newer
			[ "$(readlink "$D/a/link")" = old ]
			[ "$(grep -c '^skipped' <<<"$output")" -eq 2 ]
		done
	done
	# Once copied with its time it is equal, whatever its bytes.
	copies -p "$S/a/equal" "$D/a/equal"
	copies -u -v "$S/a/equal" "$D/a/equal"
	[[ $output == skipped* ]]
}

# bats test_tags=A12
@test "-u sees what was written right after its copy was made" {
	local i

	: >"$S/f"
	for ((i = 0; i < 50; i++)); do
		stat -c %.Y "$S/f" >>"$T/times"
		echo $i >"$S/f"
	done
	[ "$(sort -u "$T/times" | wc -l)" -eq 50 ] ||
		skip "the clock of this file system is too coarse to tell"
	for ((i = 0; i < 50; i++)); do
		echo "a $i" >"$S/f"
		"$WEIR" copy --durable=none -a "$S/f" "$D/f"
		echo "b $i" >"$S/f"
		"$WEIR" copy --durable=none -au "$S/f" "$D/f"
		cmp "$S/f" "$D/f"
	done
}

@test "--update=none skips what exists, and that is no error" {
	make_ages
	copies -r -T -v --update=none "$S/a" "$D/a"
	[ "$(grep -c '^skipped' <<<"$output")" -eq 3 ]
	is_kept old
	is_kept new
	is_copied missing
	[ "$(readlink "$D/a/link")" = elsewhere ]
	# So does it with a FIFO as the target, which is refused otherwise.
	mkfifo "$D/fifo"
	copies --update=none "$S/a/old" "$D/fifo"
	[ -p "$D/fifo" ]
}

@test "--update=none-fail leaves what exists, and each is a failed entry" {
	make_ages
	copy_exits 23 -r -T --stats --update=none-fail "$S/a" "$D/a"
	[ "$(grep -c "'$D/a/[a-z]*': not replacing what exists\$" <<<"$stderr")" -eq 3 ]
	counts entries_failed -eq 3
	counts entries_skipped -eq 0
	is_kept old
	is_kept new
	is_copied missing
	[ "$(readlink "$D/a/link")" = elsewhere ]
	no_temps "$D"
	copy_exits 23 --update=none-fail --dry-run "$S/a/old" "$D/a/old"
	says 'not replacing what exists'
	# Folders that exist are no reason.
	rm "$D/a"/{old,new,link,missing}
	copies -r -T --update=none-fail "$S/a" "$D/a"
	same "$S/a" "$D/a"
}

@test "the last --update counts, and -n wins over it unless --force undoes it" {
	make_ages
	copies -r -T --update=none-fail -u "$S/a" "$D/a"
	is_copied old
	is_kept new
	copies -r -T -n --update=all "$S/a" "$D/a"
	copies -r -T --update=none-fail -n "$S/a" "$D/a"
	is_kept new
	copies -r -T -n --force --update=all "$S/a" "$D/a"
	same "$S/a" "$D/a"
}

# --- --remove-destination ---------------------------------------------------------

@test "--remove-destination hands on neither mode nor owner nor attributes" {
	local had_xattrs=

	mktree file "$S/f" 5000
	chmod 640 "$S/f"
	mktree file "$D/f" 100 7
	chmod 4701 "$D/f"
	if command -v setfattr >/dev/null && setfattr -n user.old -v 1 "$D/f" 2>/dev/null; then
		had_xattrs=1
	fi
	cp -p "$D/f" "$D/g"
	[ -z "$had_xattrs" ] || setfattr -n user.old -v 1 "$D/g"
	# By default all is handed on: this test would see it.
	copies "$S/f" "$D/g"
	[ "$(mode_of "$D/g")" = 701 ]
	[ -z "$had_xattrs" ] || [ "$(getfattr --only-values -n user.old "$D/g")" = 1 ]
	copies --remove-destination "$S/f" "$D/f"
	cmp "$S/f" "$D/f"
	[ "$(mode_of "$D/f")" = 640 ]
	[ -z "$had_xattrs" ] || run ! getfattr -n user.old "$D/f"
	copies --remove-destination -p "$S/f" "$D/f"
	same --mode --times "$S/f" "$D/f"
	no_temps "$D"
}

@test "--remove-destination leaves no access control list behind" {
	command -v setfacl >/dev/null || skip "needs setfacl"
	mktree file "$S/f" 100
	mktree file "$D/f" 50 7
	setfacl -m u:1234:rw "$D/f" 2>/dev/null || skip "needs ACLs"
	copies --remove-destination "$S/f" "$D/f"
	run ! grep -q 1234 <<<"$(getfacl -cnp "$D/f")"
	# What the folder hands on is a new file's.
	setfacl -d -m u:4321:r "$D"
	mktree file "$D/g" 50 7
	setfacl -b "$D/g"
	copies --remove-destination "$S/f" "$D/g"
	grep -q 4321 <<<"$(getfacl -cnp "$D/g")"
}

@test "--remove-destination makes somebody else's file ours" {
	need_owners
	user_areas
	as_user mktree file "$S/f" 100
	mktree file "$D/f" 50 7
	exits 23 as_user "$WEIR" copy "$S/f" "$D/f"
	says '--inplace writes into it, --remove-destination makes it yours'
	cmp -n 50 "$D/f" <(mktree file "$T/again" 50 7 && cat "$T/again")
	exits 0 as_user "$WEIR" copy --remove-destination "$S/f" "$D/f"
	silent
	cmp "$S/f" "$D/f"
	[ "$(stat -c %u "$D/f")" = 65534 ]
	# Root makes it root's, too, where it would have kept the owner.
	copies --remove-destination "$S/f" "$D/f"
	[ "$(stat -c %u "$D/f")" = 0 ]
}

@test "--remove-destination replaces in one step, and other links keep the old" {
	need_strace
	mktree file "$S/f" 100
	mktree file "$D/f" 50 7
	ln "$D/f" "$D/other"
	strace -f -o "$T/trace" -e trace=unlink,unlinkat,rename,renameat,renameat2 \
		"$WEIR" copy --remove-destination "$S/f" "$D/f"
	cmp "$S/f" "$D/f"
	[ "$(stat -c %s "$D/other")" -eq 50 ]
	grep -q 'renameat2(.*"f"' "$T/trace"
	run ! grep -q 'unlink.*"f"' "$T/trace"
}

# bats test_tags=J05
@test "--remove-destination replaces a link that is the target, not what it leads to" {
	mktree file "$S/f" 100
	mktree file "$D/f" 50 7
	ln -s f "$D/link"
	ln -s nowhere "$D/dangling"
	ln -s "$D" "$D/folder"
	copies --remove-destination "$S/f" "$D/link"
	[ ! -L "$D/link" ]
	cmp "$S/f" "$D/link"
	[ "$(stat -c %s "$D/f")" -eq 50 ]
	copies --remove-destination "$S/f" "$D/dangling"
	cmp "$S/f" "$D/dangling"
	# A link to a folder is a folder to copy into, as ever, but not with -T.
	copies --remove-destination "$S/f" "$D/folder"
	cmp "$S/f" "$D/f"
	copies --remove-destination -T "$S/f" "$D/folder"
	[ ! -L "$D/folder" ]
	cmp "$S/f" "$D/folder"
}

# bats test_tags=B03
@test "--remove-destination puts a copy in the place of a link to the source" {
	mktree file "$S/f" 100
	ln -s "$S/f" "$D/link"
	ln -s "$S/f" "$D/f"
	copy_exits 28 "$S/f" "$D/link"
	copies --remove-destination "$S/f" "$D/link"
	[ ! -L "$D/link" ]
	cmp "$S/f" "$D/link"
	copies --remove-destination "$S/f" "$D"
	[ ! -L "$D/f" ]
	cmp "$S/f" "$D/f"
	# The other way round the source would be lost.
	ln -s "$S/f" "$S/l"
	copy_exits 28 --remove-destination -P "$S/l" "$S/f"
	copy_exits 28 --remove-destination "$S/l" "$S/f"
	copy_exits 28 --remove-destination "$S/f" "$S/f"
	[ "$(stat -c %s "$S/f")" -eq 100 ]
	[ ! -L "$S/f" ]
}

# bats test_tags=C06
@test "--remove-destination replaces a FIFO that is the target" {
	mktree file "$S/f" 100
	mkfifo "$D/fifo"
	exits 0 timeout 20 "$WEIR" copy --remove-destination "$S/f" "$D/fifo"
	cmp "$S/f" "$D/fifo"
	[ "$(mode_of "$D/fifo")" = "$(mode_of "$S/f")" ]
	# A link to one stands for itself.
	mkfifo "$D/other"
	ln -s other "$D/link"
	copies --remove-destination "$S/f" "$D/link"
	cmp "$S/f" "$D/link"
	[ -p "$D/other" ]
	# A folder stays a folder.
	mkdir -p "$D/folder/f"
	copy_exits 23 --remove-destination "$S/f" "$D/folder"
	[ -d "$D/folder/f" ]
}

# A device of the test's own: what goes wrong must not hit that of the machine.
# bats test_tags=C06
@test "--remove-destination replaces a device that is the target" {
	need_devices
	mktree file "$S/f" 100
	mknod "$D/device" c 1 3
	copies --remove-destination "$S/f" "$D/device"
	cmp "$S/f" "$D/device"
}

# --- Slashes ------------------------------------------------------------------------

# bats test_tags=B12
@test "--strip-trailing-slashes makes a link of a link with a slash" {
	mkdir "$S/a"
	mktree file "$S/a/f" 100
	ln -s a "$S/link"
	copies -r "$S/link//" "$D/followed"
	same "$S/a" "$D/followed"
	copies -r --strip-trailing-slashes "$S/link//" "$D/stripped"
	[ "$(readlink "$D/stripped")" = a ]
	printf '%s\n' "$S/link/" "$S/a///" >"$T/list"
	copies -r --strip-trailing-slashes --files-from="$T/list" "$D"
	[ "$(readlink "$D/link")" = a ]
	same "$S/a" "$D/a"
}

# bats test_tags=B12
@test "--strip-trailing-slashes leaves / and the target as they are" {
	mktree file "$S/f" 100
	copies --strip-trailing-slashes "$S/f/" "$D/f"
	cmp "$S/f" "$D/f"
	copy_exits 23 "$S/f/" "$D/g"
	# The root is still a folder, and not an empty name.
	copy_exits 23 --strip-trailing-slashes / "$D/g"
	says "source '/': it is a folder"
	copy_exits 23 --strip-trailing-slashes /// "$D/g"
	says "source '/': it is a folder"
	copy_exits 1 --strip-trailing-slashes "$S/f" "$D/g/"
	absent "$D/g"
}

# bats test_tags=J03
@test "a slash behind a link that is the target operand means what it leads to" {
	mkdir "$S/a" "$D/real"
	mktree file "$S/a/f" 10
	ln -s real "$D/link"
	copies -r -T "$S/a" "$D/link/"
	[ -L "$D/link" ]
	same "$S/a/f" "$D/real/f"
}
