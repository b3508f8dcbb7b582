#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What is equal but for its attributes: they are set where the entry is, if it is a file
# and its inode has no other name, and a second run has nothing to do.

load helper

# One of each, synced.
make_pair() {
	mkdir -p "$S/a/sub" "$S/a/empty"
	mktree file "$S/a/f" 5000
	mktree file "$S/a/sub/g" 70000
	ln -s f "$S/a/link"
	mkfifo "$S/a/fifo"
	find "$S/a" -exec touch -h -d @1000000000.5 {} +
	syncs "$S/a" "$D/b"
	idles "$S/a" "$D/b"
	before=$(inodes "$D/b" "$D/b/f" "$D/b/sub" "$D/b/sub/g" "$D/b/empty")
}

# After a change of attributes: the next run sets them, writes no byte, replaces no file
# or folder, and the one after that does nothing.
settles() { # [OPTION...]
	exits 0 "$WEIR" sync --stats "$@" "$S/a" "$D/b"
	counts bytes_written -eq 0
	mirrors "$S/a" "$D/b"
	[ "$(inodes "$D/b" "$D/b/f" "$D/b/sub" "$D/b/sub/g" "$D/b/empty")" = "$before" ]
	idles "$@" "$S/a" "$D/b"
}

@test "a mode is set in place" {
	make_pair
	chmod 0640 "$S/a/f"
	chmod 0400 "$S/a/sub/g"
	chmod 0600 "$S/a/fifo"
	chmod 0750 "$S/a/sub"
	chmod 1777 "$S/a/empty"
	chmod 0700 "$S/a"
	settles
	chmod 6755 "$S/a/f"
	chmod 2755 "$S/a/sub"
	settles
}

@test "modes that were changed in DEST are set back" {
	make_pair
	chmod 0666 "$D/b/f" "$D/b/fifo"
	chmod 0000 "$D/b/sub/g"
	chmod 0555 "$D/b/sub"
	chmod 0777 "$D/b/empty" "$D/b"
	settles
}

@test "owner and group are set in place" {
	need_owners
	make_pair
	chown 1234:4321 "$S/a/f" "$S/a/sub" "$S/a/fifo"
	chown -h 1234:4321 "$S/a/link"
	chown :99 "$S/a/sub/g"
	chown 77 "$S/a/empty" "$S/a"
	settles
	chmod 6755 "$S/a/f" # which a change of the owner would take away
	chown 1:1 "$D/b/f"
	settles
}

@test "times are set in place, of links and FIFOs, too" {
	make_pair
	touch -d @1100000000.25 "$S/a/f" "$S/a/fifo" "$S/a/empty"
	touch -h -d @1100000000.75 "$S/a/link"
	touch -d @900000000 "$S/a" "$S/a/sub"
	# A file of another time has other bytes, unless these are looked at.
	settles --checksum
	touch -d @1200000000 "$D/b/f"
	touch -h -d @1200000000 "$D/b/link" "$D/b/fifo" "$D/b/sub" "$D/b"
	settles --checksum
}

@test "extended attributes are set, changed and removed in place" {
	need_xattrs
	make_pair
	setfattr -n user.colour -v red "$S/a/f"
	setfattr -n user.colour -v red "$S/a/sub"
	setfattr -n user.empty "$S/a/sub/g"
	setfattr -n user.top -v 1 "$S/a"
	settles
	setfattr -n user.colour -v green "$S/a/f"
	setfattr -n user.colour -v blue "$S/a/sub"
	setfattr -n user.empty -v "$(printf 'x%.0s' {1..1500})" "$S/a/sub/g"
	settles
	setfattr -x user.colour "$S/a/f"
	setfattr -x user.colour "$S/a/sub"
	setfattr -x user.top "$S/a"
	setfattr -n user.empty -v "$(printf 'y%.0s' {1..1500})" "$D/b/sub/g"
	setfattr -n user.other -v 1 "$D/b/sub/g"
	setfattr -n user.other -v 1 "$D/b/empty"
	settles
	run ! getfattr --only-values -n user.other "$D/b/sub/g"
}

@test "attributes for weir's own use are neither compared nor removed" {
	need_xattrs
	make_pair
	setfattr -n user.weir.note -v 1 "$D/b/f"
	setfattr -n user.weir.note -v 1 "$D/b/sub"
	idles "$S/a" "$D/b"
	chmod 0600 "$S/a/f"
	syncs "$S/a" "$D/b"
	[ "$(getfattr --only-values --absolute-names -n user.weir.note "$D/b/f")" = 1 ]
}

@test "ACLs are set, changed and removed in place, default ones of folders, too" {
	need_acls
	make_pair
	setfacl -m u:1234:rw "$S/a/f"
	setfacl -m g:99:r "$S/a/sub"
	setfacl -m d:u:1234:rwx "$S/a/sub"
	setfacl -m d:g:99:rx "$S/a/empty"
	setfacl -m u:7:x "$S/a/fifo"
	settles
	setfacl -m u:1234:r "$S/a/f"
	setfacl -m d:u:1234:r "$S/a/sub"
	setfacl -m u:8:r "$D/b/sub/g"
	settles
	setfacl -b "$S/a/f"
	setfacl -b "$S/a/sub"
	setfacl -m d:u:3:rx "$D/b"
	settles
	# What is new below a default ACL has none that its source has not.
	setfacl -m d:u:1234:rwx "$S/a/sub"
	mktree file "$S/a/sub/new" 10
	mkdir "$S/a/sub/newer"
	setfacl -b "$S/a/sub/newer"
	syncs "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	idles "$S/a" "$D/b"
}

@test "capabilities are set, changed and removed in place" {
	need_command setcap
	make_pair
	setcap cap_net_raw+ep "$S/a/f" 2>/dev/null || skip "needs the right to give capabilities"
	chmod 0755 "$S/a/f"
	settles
	[[ $(getcap "$D/b/f") == *cap_net_raw* ]]
	setcap cap_net_admin+ep "$S/a/f"
	settles
	[[ $(getcap "$D/b/f") == *cap_net_admin* ]]
	chown 1234 "$D/b/f" # takes it away
	settles
	[[ $(getcap "$D/b/f") == *cap_net_admin* ]]
	setcap -r "$S/a/f"
	settles
	[ -z "$(getcap "$D/b/f")" ]
}

@test "inode flags are set and cleared in place" {
	need_command chattr
	make_pair
	chattr +d "$S/a/f" "$S/a/sub" 2>/dev/null && chattr +d "$D/b/sub/g" 2>/dev/null ||
		skip "needs inode flags on both sides"
	settles
	[[ $(lsattr -d "$D/b/f") == *d* ]]
	[[ $(lsattr -d "$D/b/sub") == *d* ]]
	[[ $(lsattr -d "$D/b/sub/g" | cut -d ' ' -f 1) != *d* ]]
	chattr -d "$S/a/f" "$S/a/sub"
	settles
	[[ $(lsattr -d "$D/b/f" | cut -d ' ' -f 1) != *d* ]]
}

# A snapshot by hard links keeps what it has, whatever else is linked (V3).
@test "an inode that has other names is replaced, never changed" {
	make_pair
	cp -al "$D/b" "$D/kept"
	stat -c '%i %a %Y' "$D/kept/f" "$D/kept/sub/g" >"$T/kept"
	chmod 0600 "$S/a/f" "$S/a/sub/g" "$S/a/fifo"
	touch -h -d @1300000000 "$S/a/link"
	syncs "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	stat -c '%i %a %Y' "$D/kept/f" "$D/kept/sub/g" | diff "$T/kept" -
	[ "$(mode_of "$D/kept/fifo")" != 600 ]
	idles "$S/a" "$D/b"
	# What is linked as often as its source is may still be a snapshot's.
	rm -r "$D/kept"
	cp -al "$D/b" "$D/kept"
	ln "$S/a/f" "$S/a/sub/again"
	chmod 0644 "$S/a/f"
	syncs "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	[ "$(mode_of "$D/kept/f")" = 600 ]
	idles "$S/a" "$D/b"
}

@test "attributes of files with several names are right after one run" {
	make_pair
	ln "$S/a/f" "$S/a/sub/f2"
	ln "$S/a/f" "$S/a/f3"
	ln "$S/a/fifo" "$S/a/sub/fifo2"
	ln "$S/a/link" "$S/a/sub/link2"
	syncs "$S/a" "$D/b"
	idles "$S/a" "$D/b"
	chmod 0601 "$S/a/f" "$S/a/fifo"
	touch -h -d @1300000000 "$S/a/link"
	syncs "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	idles "$S/a" "$D/b"
	# And with one name more, which is not there yet.
	ln "$S/a/fifo" "$S/a/a-fifo"
	ln "$S/a/link" "$S/a/z-link"
	ln "$S/a/f" "$S/a/0"
	chmod 0611 "$S/a/f" "$S/a/fifo"
	touch -h -d @1310000000 "$S/a/link"
	syncs "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	idles "$S/a" "$D/b"
}

@test "a FIFO and a link that get a second name and other attributes have both at once" {
	make_pair
	chmod 0611 "$S/a/fifo"
	touch -h -d @1310000000 "$S/a/link"
	chmod 0700 "$S/a/f"
	ln "$S/a/fifo" "$S/a/sub/fifo2"
	ln "$S/a/link" "$S/a/sub/link2"
	ln "$S/a/f" "$S/a/sub/f2"
	syncs "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	idles "$S/a" "$D/b"
}

# --- What is not kept --------------------------------------------------------------

@test "what is not kept is no difference, and stays as it is in DEST" {
	need_owners
	need_xattrs
	need_acls
	make_pair
	chown 1234:4321 "$S/a/f" "$S/a/sub"
	chmod 0640 "$S/a/sub/g"
	chmod 0711 "$S/a/empty"
	setfattr -n user.colour -v red "$S/a/sub/g"
	setfacl -m u:99:r "$S/a/f"
	setfacl -m d:u:99:r "$S/a/empty"
	idles --no-keep=owner,mode,xattr,acl "$S/a" "$D/b"
	syncs --no-keep=owner,acl,xattr "$S/a" "$D/b"
	[ "$(mode_of "$D/b/sub/g")" = 640 ]
	[ "$(stat -c %u "$D/b/f")" = 0 ]
	idles --no-keep=owner,acl,xattr "$S/a" "$D/b"
	syncs --no-keep=acl,xattr "$S/a" "$D/b"
	[ "$(stat -c %u:%g "$D/b/f")" = 1234:4321 ]
	run ! getfattr --only-values -n user.colour "$D/b/sub/g"
	idles --no-keep=acl,xattr "$S/a" "$D/b"
	settles
}

# The mode of a file with an ACL shows a mask, which is no permission of the group.
@test "without ACLs a file that has one is unchanged the second time" {
	need_acls
	make_pair
	chmod 0600 "$S/a/f"
	setfacl -m u:1234:rw "$S/a/f"
	setfacl -m u:1234:rwx "$S/a/sub"
	syncs --no-keep=acl "$S/a" "$D/b"
	[ "$(mode_of "$D/b/f")" = 600 ]
	idles --no-keep=acl "$S/a" "$D/b"
}

@test "without times what has not changed since it was copied is unchanged" {
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 5000
	mktree file "$S/a/sub/g" 100
	ln -s f "$S/a/link"
	mkfifo "$S/a/fifo"
	syncs --no-keep=times "$S/a" "$D/b"
	idles --no-keep=times "$S/a" "$D/b"
	mktree file "$S/a/f" 5000 7
	syncs --no-keep=times "$S/a" "$D/b"
	cmp "$S/a/f" "$D/b/f"
	idles --no-keep=times "$S/a" "$D/b"
}

@test "without links each name is a file of its own" {
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 5000
	ln "$S/a/f" "$S/a/sub/f2"
	syncs --no-keep=links "$S/a" "$D/b"
	same --mode --owner --times --xattr --acl "$S/a" "$D/b"
	[ "$(stat -c %h "$D/b/f")" = 1 ]
	idles --no-keep=links "$S/a" "$D/b"
	chmod 0600 "$S/a/f"
	syncs --no-keep=links "$S/a" "$D/b"
	idles --no-keep=links "$S/a" "$D/b"
	syncs "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	idles "$S/a" "$D/b"
}

@test "without symbolic links none is made, changed or removed" {
	mkdir -p "$S/a" "$D/b"
	mktree file "$S/a/f" 50
	ln -s new "$S/a/both"
	ln -s new "$S/a/only"
	ln -s old "$D/b/both"
	ln -s old "$D/b/extra"
	syncs --no-keep=symlink --delete "$S/a" "$D/b"
	[ "$(readlink "$D/b/both")" = old ]
	absent "$D/b/only" "$D/b/extra"
	cmp "$S/a/f" "$D/b/f"
	idles --no-keep=symlink --delete "$S/a" "$D/b"
}

@test "without special files none is made" {
	mkdir -p "$S/a"
	mkfifo "$S/a/fifo"
	mktree file "$S/a/f" 50
	syncs --no-keep=special "$S/a" "$D/b"
	absent "$D/b/fifo"
	idles --no-keep=special "$S/a" "$D/b"
}

# --- Ordinary users ------------------------------------------------------------------

# As that user, after what root has prepared.
settles_as_user() { # [OPTION...]
	as() { as_user "$@"; }
	exits 0 as "$WEIR" sync "$@" "$S/a" "$D/b"
	idles "$@" "$S/a" "$D/b"
}

@test "an ordinary user's files get their attributes in place, whatever their modes" {
	need_xattrs
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 5000
	mktree file "$S/a/sub/g" 500
	setfattr -n user.colour -v red "$S/a/f"
	setfattr -n user.colour -v red "$S/a/sub"
	chmod 0444 "$S/a/f"
	chmod 0400 "$S/a/sub/g"
	chmod 0555 "$S/a/sub"
	user_areas
	settles_as_user
	silent
	mirrors "$S/a" "$D/b"
	before=$(inodes "$D/b/f" "$D/b/sub")
	setfattr -x user.colour "$S/a/f"
	setfattr -n user.colour -v blue "$S/a/sub"
	setfattr -n user.other -v 1 "$D/b/sub"
	settles_as_user
	silent
	mirrors "$S/a" "$D/b"
	[ "$(inodes "$D/b/f" "$D/b/sub")" = "$before" ]
	chmod 0000 "$D/b/sub/g" "$D/b/f"
	settles_as_user
	silent
	mirrors "$S/a" "$D/b"
}

# bats test_tags=O12
@test "folders that their user may not write to are written to, and closed again" {
	mkdir -p "$S/a/sub/deeper"
	mktree file "$S/a/sub/f" 500
	mktree file "$S/a/sub/g" 500
	mkfifo "$S/a/sub/deeper/fifo"
	chmod 0555 "$S/a/sub" "$S/a/sub/deeper"
	user_areas
	settles_as_user
	chmod 0755 "$S/a/sub" "$S/a/sub/deeper"
	rm "$S/a/sub/f"
	mktree file "$S/a/sub/g" 600 9
	mktree file "$S/a/sub/new" 600
	mkdir "$S/a/sub/deeper/newer"
	ln -s x "$S/a/sub/deeper/link"
	rm "$S/a/sub/deeper/fifo"
	mkdir "$S/a/sub/deeper/fifo"
	chown -R 65534:65534 "$S/a" 2>/dev/null || true
	chmod 0555 "$S/a/sub" "$S/a/sub/deeper" "$S/a/sub/deeper/newer"
	settles_as_user --delete
	silent
	mirrors "$S/a" "$D/b"
	chmod -R u+w "$S/a/sub"
	rm -r "$S/a/sub/deeper"
	mktree file "$S/a/sub/deeper" 10
	chown -R 65534:65534 "$S/a" 2>/dev/null || true
	chmod 0555 "$S/a/sub"
	settles_as_user --delete
	silent
	mirrors "$S/a" "$D/b"
}

@test "what an ordinary user cannot keep is no difference the second time" {
	need_owners
	mkdir -p "$S/a/sub"
	mktree file "$S/a/setid" 500
	mktree file "$S/a/caps" 500
	mktree file "$S/a/sub/theirs" 500
	user_areas
	chown -R 0:0 "$S/a"
	chmod 6755 "$S/a/setid"
	chmod 2775 "$S/a/sub"
	setcap cap_net_raw+ep "$S/a/caps" 2>/dev/null || true
	settles_as_user
	[ "$(stat -c %u "$D/b/setid")" = 65534 ]
	[ "$(mode_of "$D/b/setid")" = 755 ]
}

@test "what is somebody else's in DEST is left as it is and told, if it cannot be set" {
	need_owners
	mkdir -p "$S/a" "$D/b"
	mktree file "$S/a/f" 500
	chmod 0644 "$S/a/f"
	cp -p "$S/a/f" "$D/b/f"
	user_areas
	chown 0:0 "$D/b/f"
	chmod 0664 "$D/b/f"
	as() { as_user "$@"; }
	exits 0 as "$WEIR" sync "$S/a" "$D/b"
	says "mode of"
	[ "$(stat -c %u:%a "$D/b/f")" = 0:664 ]
	# Other bytes come as a file of the user's own.
	mktree file "$S/a/f" 600 8
	chown 65534 "$S/a/f"
	exits 0 as "$WEIR" sync "$S/a" "$D/b"
	[ "$(stat -c %u:%a "$D/b/f")" = 65534:644 ]
	cmp "$S/a/f" "$D/b/f"
	idles "$S/a" "$D/b"
}
