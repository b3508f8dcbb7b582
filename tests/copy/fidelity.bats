#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Everything an entry has beside its bytes: extended attributes, ACLs, file
# capabilities, hard links, and what is said of what could not be kept: cases G09,
# G10, G12 to G16, C14, J06, J08, J09, J11.

load helper

# The areas keep user attributes, on both sides.
need_xattrs() {
	need_command setfattr
	touch "$S/probe" "$D/probe"
	if ! { setfattr -n user.probe -v 1 "$S/probe" && setfattr -n user.probe -v 1 "$D/probe"; } \
		2>/dev/null; then
		skip "needs user attributes on both sides"
	fi
	rm "$S/probe" "$D/probe"
}

need_acls() {
	need_command setfacl
	touch "$S/probe" "$D/probe"
	setfacl -m u:1234:r "$S/probe" "$D/probe" 2>/dev/null || skip "needs ACLs on both sides"
	rm "$S/probe" "$D/probe"
}

xattr_of() { # NAME PATH
	getfattr -h --only-values --absolute-names -n "$1" "$2" 2>/dev/null
}

acl_of() { # PATH
	getfacl -cnp "$1" 2>/dev/null
}

# A tree with attributes of every kind that may be set here.
make_rich_tree() { # FOLDER
	mkdir -p "$1/sub/empty"
	mktree file "$1/f" 5000
	mktree file "$1/sub/g" 200000
	ln -s f "$1/link"
	mkfifo "$1/fifo"
	setfattr -n user.colour -v red "$1/f"
	setfattr -n user.empty "$1/f"
	setfattr -n user.binary -v 0x00ff00 "$1/sub/g"
	setfattr -n user.long -v "$(printf 'x%.0s' {1..1500})" "$1/sub/g"
	setfattr -n user.folder -v here "$1/sub"
	# Only some may, in some places.
	setfattr -n trusted.secret -v s "$1/f" 2>/dev/null || true
	setfattr -h -n trusted.link -v l "$1/link" 2>/dev/null || true
	setfattr -h -n trusted.fifo -v p "$1/fifo" 2>/dev/null || true
}

# bats test_tags=G13
@test "-a keeps extended attributes of files, folders, links and FIFOs" {
	need_xattrs
	make_rich_tree "$S/a"
	copies -a "$S/a" "$D"
	same --mode --times --xattr "$S/a" "$D/a"
	[ "$(xattr_of user.colour "$D/a/f")" = red ]
	copies --preserve=xattr "$S/a/f" "$D/f"
	[ "$(xattr_of user.colour "$D/f")" = red ]
	# Over what is there: the source's, and nothing of the old file.
	setfattr -n user.old -v 1 "$D/f"
	copies -a "$S/a/f" "$D/f"
	same --xattr "$S/a/f" "$D/f"
}

# bats test_tags=G13
@test "-p keeps no extended attributes, and --no-preserve takes them out of -a" {
	need_xattrs
	make_rich_tree "$S/a"
	copies -r -p "$S/a" "$D/p"
	[ -z "$(xattr_of user.colour "$D/p/f")" ]
	copies -a --no-preserve=xattr "$S/a" "$D/n"
	same --mode --times "$S/a" "$D/n"
	[ -z "$(xattr_of user.colour "$D/n/f")" ]
}

# bats test_tags=G13
@test "a file that its owner may not write keeps its attributes" {
	need_xattrs
	user_areas
	as_user mktree file "$S/f" 100
	as_user setfattr -n user.colour -v red "$S/f"
	as_user chmod 444 "$S/f"
	exits 0 as_user "$WEIR" copy -a "$S/f" "$D/f"
	silent
	[ "$(xattr_of user.colour "$D/f")" = red ]
	[ "$(mode_of "$D/f")" = 444 ]
	(umask 022 && exits 0 as_user "$WEIR" copy --preserve=xattr "$S/f" "$D/g")
	[ "$(xattr_of user.colour "$D/g")" = red ]
	[ "$(mode_of "$D/g")" = 444 ]
}

# bats test_tags=G13
@test "a read-only file that is replaced gets the source's attributes" {
	need_xattrs
	user_areas
	as_user mktree file "$S/f" 100
	as_user setfattr -n user.colour -v red "$S/f"
	as_user mktree file "$D/f" 50 7
	as_user chmod 444 "$D/f"
	exits 0 as_user "$WEIR" copy --preserve=xattr "$S/f" "$D/f"
	silent
	[ "$(xattr_of user.colour "$D/f")" = red ]
	[ "$(mode_of "$D/f")" = 444 ]
}

# bats test_tags=G13
@test "attributes that the target cannot hold are one line with a count, and exit 0" {
	need_xattrs
	need_strace
	mkdir "$S/a"
	for name in 1 2 3; do
		mktree file "$S/a/$name" 100
		setfattr -n user.colour -v red "$S/a/$name"
		setfattr -n user.size -v big "$S/a/$name"
	done
	run --separate-stderr strace -f -o /dev/null -e inject=fsetxattr:error=EOPNOTSUPP \
		"$WEIR" copy -a --stats "$S/a" "$D"
	[ "$status" -eq 0 ]
	says "warning: xattr of 3 entries not kept, first '$D/a/"
	says EOPNOTSUPP
	[ "$(grep -c xattr <<<"$stderr")" -eq 1 ]
	counts properties_lost -eq 3
	same "$S/a" "$D/a"
}

# bats test_tags=G13
@test "a property that is required and lost is exit 23, and the files are there" {
	need_xattrs
	need_strace
	mktree file "$S/f" 100
	setfattr -n user.colour -v red "$S/f"
	run --separate-stderr strace -f -o /dev/null -e inject=fsetxattr:error=ENOSPC \
		"$WEIR" copy -a --keep=xattr:require "$S/f" "$D/f"
	[ "$status" -eq 23 ]
	says "weir: xattr of 1 entry not kept, first '$D/f'"
	same --times "$S/f" "$D/f"
	# Off says nothing, for there is nothing to lose.
	run --separate-stderr strace -f -o /dev/null -e inject=fsetxattr:error=ENOSPC \
		"$WEIR" copy -a --keep=xattr:off "$S/f" "$D/g"
	[ "$status" -eq 0 ]
	silent
}

# bats test_tags=G13
@test "an attribute that cannot be set for an I/O error fails the file" {
	need_xattrs
	need_strace
	mktree file "$S/f" 100
	setfattr -n user.colour -v red "$S/f"
	run --separate-stderr strace -f -o /dev/null -e inject=fsetxattr:error=EIO \
		"$WEIR" copy -a "$S/f" "$D/f"
	[ "$status" -eq 23 ]
	says EIO
	absent "$D/f"
	no_temps "$D"
}

# bats test_tags=G13
@test "an attribute that vanishes while it is read was not there" {
	need_xattrs
	need_strace
	mktree file "$S/f" 100
	setfattr -n user.colour -v red "$S/f"
	run --separate-stderr strace -f -o /dev/null -e inject=fgetxattr:error=ENODATA \
		"$WEIR" copy -a "$S/f" "$D/f"
	[ "$status" -eq 0 ]
	silent
	same "$S/f" "$D/f"
}

# bats test_tags=G14,C14
@test "marks that bind a file to its place are not copied" {
	need_root
	need_xattrs
	mktree file "$S/f" 100
	for name in trusted.overlay.origin user.weir.mark security.evm security.ima; do
		setfattr -n $name -v 0x05 "$S/f" 2>/dev/null || true
	done
	setfattr -n user.colour -v red "$S/f"
	copies -a "$S/f" "$D/f"
	nothing "$(getfattr -m - "$D/f" 2>/dev/null |
		grep -E '^(trusted.overlay|user.weir|security)')"
	[ "$(xattr_of user.colour "$D/f")" = red ]
}

# bats test_tags=G14
@test "the security context is copied on request only" {
	need_root
	need_xattrs
	mktree file "$S/f" 100
	setfattr -n security.selinux -v some_u:object_r:any_t:s0 "$S/f" 2>/dev/null ||
		skip "no security labels can be set here"
	copies -a "$S/f" "$D/f"
	[ -z "$(xattr_of security.selinux "$D/f")" ]
	copies -a --preserve=context "$S/f" "$D/g"
	[ "$(xattr_of security.selinux "$D/g" | tr -d '\0')" = some_u:object_r:any_t:s0 ]
}

# bats test_tags=G12
@test "file capabilities are kept with -a, after the owner" {
	need_owners
	need_xattrs
	need_command setcap
	mktree file "$S/f" 100
	chown 1234:4321 "$S/f"
	chmod 755 "$S/f"
	setcap cap_net_raw+ep "$S/f" 2>/dev/null || skip "no capabilities can be set here"
	copies -a "$S/f" "$D/f"
	[ "$(getcap "$D/f" | cut -d ' ' -f 2)" = "$(getcap "$S/f" | cut -d ' ' -f 2)" ]
	copies -p "$S/f" "$D/p"
	[ -z "$(getcap "$D/p")" ]
	copies -a --keep=caps:off "$S/f" "$D/off"
	[ -z "$(getcap "$D/off")" ]
}

# bats test_tags=G12
@test "capabilities that an ordinary user cannot set are told, and fail where required" {
	need_owners
	need_xattrs
	user_areas
	mktree file "$S/f" 100
	chmod 755 "$S/f"
	setcap cap_net_raw+ep "$S/f" 2>/dev/null || skip "no capabilities can be set here"
	exits 0 as_user "$WEIR" copy -a "$S/f" "$D/f"
	says "caps of 1 entry not kept"
	exits 23 as_user "$WEIR" copy -a --keep=caps:require "$S/f" "$D/g"
	same "$S/f" "$D/g"
}

# bats test_tags=G09
@test "ACLs of files and folders are kept, default ones too" {
	need_acls
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 100
	mktree file "$S/a/sub/plain" 100
	mkfifo "$S/a/fifo"
	setfacl -m u:1234:rw,g:55:r "$S/a/f"
	setfacl -m u:1234:rw "$S/a/fifo"
	setfacl -m u:1234:rwx -d -m g:55:rx "$S/a/sub"
	copies -a "$S/a" "$D"
	same --mode --times --acl "$S/a" "$D/a"
	copies -p "$S/a/f" "$D/f"
	same --mode --acl "$S/a/f" "$D/f"
	# Once more, over folders that have other ones.
	setfacl -b -k "$D/a/sub"
	setfacl -m u:77:rwx -d -m u:77:rwx "$D/a"
	copies -a "$S/a" "$D"
	same --mode --times --acl "$S/a" "$D/a"
}

# bats test_tags=G09
@test "what a default ACL of the target hands on does not stay with -a, and stays without" {
	need_acls
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 100
	mktree file "$S/a/sub/g" 200000
	mkfifo "$S/a/fifo"
	chmod 640 "$S/a/f"
	mkdir "$D/d"
	setfacl -d -m u:65534:rwx "$D/d"
	copies -a "$S/a" "$D/d"
	same --mode --acl "$S/a" "$D/d/a"
	copies -p "$S/a/f" "$D/d/p"
	same --mode --acl "$S/a/f" "$D/d/p"
	copies --preserve=mode "$S/a/f" "$D/d/m"
	same --mode --acl "$S/a/f" "$D/d/m"
	(umask 077 && copies -r "$S/a" "$D/d/r")
	acl_of "$D/d/r/sub/g" | grep -q '^user:65534:rwx'
	acl_of "$D/d/r/sub" | grep -q '^default:user:65534:rwx'
}

# bats test_tags=G10
@test "where ACLs cannot be set the mode is narrower, never wider" {
	need_acls
	need_strace
	mktree file "$S/f" 100
	mkdir "$S/d"
	chmod 640 "$S/f"
	setfacl -m u:1234:rwx "$S/f"
	setfacl -m u:1234:rwx,g::- "$S/d"
	run --separate-stderr strace -f -o /dev/null -e inject=fsetxattr:error=EOPNOTSUPP \
		"$WEIR" copy -a "$S/f" "$S/d" "$D"
	[ "$status" -eq 0 ]
	says "acl of 2 entries not kept"
	[ "$(mode_of "$S/f")" = 670 ]
	[ "$(mode_of "$D/f")" = 640 ]
	[ "$(mode_of "$D/d")" = 705 ]
	# And so it is where the mode is asked for and the ACL is not.
	copies --keep=mode:try "$S/f" "$D/g"
	[ "$(mode_of "$D/g")" = 640 ]
	[ "$(acl_of "$D/g" | grep -c 1234)" -eq 0 ]
}

# bats test_tags=G16
@test "an ordinary user's loss of owners is told with -v, or if the owner was named" {
	need_owners
	user_areas
	mktree file "$S/f" 100
	chmod 644 "$S/f"
	chown 1234:4321 "$S/f"
	exits 0 as_user "$WEIR" copy -a "$S/f" "$D/f"
	silent
	exits 0 as_user "$WEIR" copy -a -v "$S/f" "$D/f"
	says "owner of 1 entry not kept"
	exits 0 as_user "$WEIR" copy --preserve=ownership "$S/f" "$D/g"
	says "owner of 1 entry not kept"
	exits 0 as_user "$WEIR" copy -a --keep=owner:try "$S/f" "$D/g"
	says "owner of 1 entry not kept"
	exits 23 as_user "$WEIR" copy -a --keep=owner:require "$S/f" "$D/h"
	says "weir: owner of 1 entry not kept"
	same "$S/f" "$D/h"
}

# bats test_tags=G15
@test "an owner that this user namespace does not know is a loss" {
	need_root
	mktree file "$S/f" 100
	chown 54321:54321 "$S/f"
	chmod 4755 "$S/f"
	unshare -Ur true 2>/dev/null || skip "no user namespaces here"
	chmod a+rwx "$S" "$D"
	exits 0 unshare -Ur "$WEIR" copy -a "$S/f" "$D/f"
	says "owner of 1 entry not kept"
	says "mode of 1 entry not kept"
	[ "$(mode_of "$D/f")" = 755 ]
	exits 23 unshare -Ur "$WEIR" copy -a --keep=mode:require "$S/f" "$D/g"
}

@test "links and special files that the target cannot hold are one line, if so asked" {
	need_strace
	mkdir "$S/a"
	mktree file "$S/a/f" 100
	ln -s f "$S/a/link"
	ln -s f "$S/a/link2"
	mkfifo "$S/a/fifo"
	run --separate-stderr strace -f -o /dev/null -e inject=symlinkat,mknodat:error=EPERM \
		"$WEIR" copy -a --keep=symlink:try,special:try "$S/a" "$D"
	[ "$status" -eq 0 ]
	says "warning: symlink: 2 entries left out, first '$D/a/link"
	says "warning: special: 1 entry left out, first '$D/a/fifo'"
	same "$S/a/f" "$D/a/f"
	absent "$D/a/link" "$D/a/fifo"
	run --separate-stderr strace -f -o /dev/null -e inject=symlinkat:error=EPERM \
		"$WEIR" copy -a "$S/a" "$D/b"
	[ "$status" -eq 23 ]
	[ "$(grep -c EPERM <<<"$stderr")" -eq 2 ]
}

@test "links and special files are left out with the policy off" {
	mkdir "$S/a"
	mktree file "$S/a/f" 100
	ln -s f "$S/a/link"
	mkfifo "$S/a/fifo"
	copies -a --keep=symlink:off,special:off "$S/a" "$D"
	same "$S/a/f" "$D/a/f"
	absent "$D/a/link" "$D/a/fifo"
	copies -a --keep=special:off "$S/a" "$D/b"
	same "$S/a/link" "$D/b/link"
	absent "$D/b/fifo"
}

@test "the words of --preserve choose what is kept" {
	mktree file "$S/f" 100
	chmod 600 "$S/f"
	touch -d @1000000000 "$S/f"
	copies --preserve=timestamps "$S/f" "$D/t"
	same --times "$S/f" "$D/t"
	copies --preserve=mode "$S/f" "$D/m"
	[ "$(mode_of "$D/m")" = 600 ]
	[ "$D/m" -nt "$S/f" ]
	copies --preserve "$S/f" "$D/p"
	same --mode --times "$S/f" "$D/p"
	copies --preserve=all --no-preserve=timestamps,ownership "$S/f" "$D/n"
	[ "$(mode_of "$D/n")" = 600 ]
	[ "$D/n" -nt "$S/f" ]
	# A stricter policy is not weakened by what comes behind it.
	copies --keep=times:require -a "$S/f" "$D/r"
	same --times "$S/f" "$D/r"
}

# --- Hard links ----------------------------------------------------------------

group_of() { # PATH
	stat -c %i "$1"
}

# bats test_tags=J06
@test "hard-link groups are kept, across folders and operands" {
	mkdir -p "$S/a/x/y" "$S/b"
	mktree file "$S/a/f" 5000
	ln "$S/a/f" "$S/a/x/f2"
	ln "$S/a/f" "$S/a/x/y/f3"
	ln "$S/a/f" "$S/b/f4"
	mktree file "$S/a/large" 300000
	ln "$S/a/large" "$S/b/large2"
	mktree file "$S/b/single" 100
	copies -a "$S/a" "$S/b" "$D"
	same --mode --times --links "$S/a" "$D/a"
	same --mode --times --links "$S/b" "$D/b"
	[ "$(group_of "$D/a/f")" = "$(group_of "$D/b/f4")" ]
	[ "$(group_of "$D/a/large")" = "$(group_of "$D/b/large2")" ]
	[ "$(stat -c %h "$D/a/f")" -eq 4 ]
	# Once more, over what is there.
	copies -a "$S/a" "$S/b" "$D"
	same --links "$S/a" "$D/a"
	[ "$(stat -c %h "$D/a/f")" -eq 4 ]
	no_temps "$D"
}

# bats test_tags=J06
@test "without -a hard links become files of their own" {
	mkdir "$S/a"
	mktree file "$S/a/f" 5000
	ln "$S/a/f" "$S/a/g"
	copies -r -p "$S/a" "$D/r"
	[ "$(group_of "$D/r/f")" != "$(group_of "$D/r/g")" ]
	copies -a --no-preserve=links "$S/a" "$D/n"
	[ "$(group_of "$D/n/f")" != "$(group_of "$D/n/g")" ]
	copies -r --preserve=links "$S/a" "$D/l"
	[ "$(group_of "$D/l/f")" = "$(group_of "$D/l/g")" ]
}

# bats test_tags=J06,J11
@test "many groups with many links are kept, and their bytes are written once" {
	local i

	mkdir -p "$S/a/1" "$S/a/2"
	for i in $(seq 40); do
		mktree file "$S/a/1/$i" 20000 "$i"
	done
	for i in $(seq 60); do
		cp -al "$S/a/1" "$S/a/2/$i"
	done
	copies -a --stats "$S/a" "$D"
	same --links --times "$S/a" "$D/a"
	[ "$(stat -c %h "$D/a/1/1")" -eq 61 ]
	counts bytes_written -eq 800000
	counts bytes_found -eq 800000
	counts files_done -eq $((61 * 40))
	counts files_durable -eq $((61 * 40))
	no_temps "$D"
}

# bats test_tags=J06
@test "the later names of a group are linked without opening them" {
	local i

	mkdir "$S/a"
	mktree file "$S/a/x1" 5000
	for i in {2..2000}; do ln "$S/a/x1" "$S/a/x$i"; done
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	exits 0 env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" copy -a --engine=plain --workers=1 \
		"$S/a" "$D"
	same --links --mode --times "$S/a" "$D/a"
	# Those that are met before there is a group are opened; then the leader, when
	# others come for it.
	[ "$(awk '$2 == "open" && $4 ~ /^x[0-9]+$/' "$T/trace" | wc -l)" -lt 1000 ]
	[ "$(awk '$2 == "link" && $4 ~ /^x[0-9]+$/' "$T/trace" | wc -l)" -eq 2000 ]
}

# bats test_tags=J08
@test "hard-linked symbolic links and FIFOs stay linked" {
	mkdir "$S/a"
	ln -s nowhere "$S/a/link"
	ln -P "$S/a/link" "$S/a/link2" 2>/dev/null || skip "links to links cannot be made here"
	mkfifo "$S/a/fifo"
	ln "$S/a/fifo" "$S/a/fifo2"
	copies -a "$S/a" "$D"
	same --links --times "$S/a" "$D/a"
	[ "$(group_of "$D/a/link")" = "$(group_of "$D/a/link2")" ]
	[ "$(group_of "$D/a/fifo")" = "$(group_of "$D/a/fifo2")" ]
}

# bats test_tags=J06
@test "an ordinary user keeps hard links too" {
	user_areas
	as_user mkdir "$S/a"
	as_user mktree file "$S/a/f" 5000
	as_user ln "$S/a/f" "$S/a/g"
	as_user ln -s f "$S/a/l"
	as_user ln -P "$S/a/l" "$S/a/m" 2>/dev/null || true
	as_user chmod 555 "$S/a"
	exits 0 as_user "$WEIR" copy -a "$S/a" "$D/a"
	silent
	same --links --mode "$S/a" "$D/a"
	chmod -R u+w "$S/a" "$D/a"
}

# bats test_tags=J09
@test "where no hard link can be made each name is copied, and that is told" {
	need_strace
	mkdir "$S/a"
	mktree file "$S/a/f" 5000
	ln "$S/a/f" "$S/a/g"
	ln "$S/a/f" "$S/a/h"
	# Nameless files are linked, too: only where they cannot be made is linkat
	# the hard link alone.
	run --separate-stderr strace -f -o /dev/null -e inject=linkat:error=EPERM \
		"$WEIR" copy -a "$S/a" "$D"
	[ "$status" -eq 0 ]
	says "links of "
	same "$S/a" "$D/a"
	[ "$(find "$D/a" -type f -links 1 | wc -l)" -eq 3 ]
	no_temps "$D"
	run --separate-stderr strace -f -o /dev/null -e inject=linkat:error=EPERM \
		"$WEIR" copy -a --keep=links:require "$S/a" "$D/b"
	[ "$status" -eq 23 ]
	same "$S/a" "$D/b"
}

# bats test_tags=J09
@test "a folder that takes no links from elsewhere copies, and others still link" {
	need_root
	local i

	mkdir -p "$S/a/1" "$S/a/2" "$S/a/3" "$D/a/2" "$S/other"
	mkdir "$D/other"
	mktree file "$S/a/1/x" 5000
	ln "$S/a/1/x" "$S/a/2/x"
	ln "$S/a/1/x" "$S/a/3/x"
	for i in $(seq 20); do
		mktree file "$S/a/3/$i" 3000 "$i"
		ln "$S/a/3/$i" "$S/a/3/link$i"
	done
	exits 0 unshare -m sh -eu -c 'mount --bind "$2/other" "$2/a/2"
		"$0" copy -a "$1/a" "$2"' "$WEIR" "$S" "$D"
	same --links "$S/a/3" "$D/a/3"
	[ "$(group_of "$D/a/1/x")" = "$(group_of "$D/a/3/x")" ]
	same "$S/a/1/x" "$D/other/x"
}

# bats test_tags=J06
@test "operands that overlap keep one group" {
	local i

	mkdir -p "$S/a/sub" "$S/z"
	mktree file "$S/a/sub/x" 5000
	ln "$S/a/sub/x" "$S/a/z"
	mktree many "$S/z" 100 10
	copies -a --workers=1 --durable=none "$S/a" "$S/z" "$S/a/sub" "$D"
	[ "$(stat -c %h "$D/a/sub/x")" -eq 3 ]
	[ "$(group_of "$D/a/sub/x")" = "$(group_of "$D/sub/x")" ]
}

# bats test_tags=J06
@test "an inode that takes no more links is followed by another one" {
	local i when

	need_strace
	# strace counts for each thread; without syncs one thread gives all the names
	mkdir "$S/a"
	mktree file "$S/a/1" 5000
	for i in 2 3 4 5 6; do ln "$S/a/1" "$S/a/$i"; done
	for when in 2 4 6; do
		rm -rf "$D/a"
		run --separate-stderr strace -f -o /dev/null \
			-e inject=linkat:error=EMLINK:when=$when \
			"$WEIR" copy -a --durable=none --workers=1 --stats \
			--keep=links:require "$S/a" "$D"
		[ "$status" -eq 23 ] # a group became two
		says "links of 1 entry not kept"
		counts bytes_found -eq 10000
		counts bytes_written -eq 10000
		same --times "$S/a" "$D/a"
		no_temps "$D"
	done
}

# bats test_tags=J06
@test "if the first link fails another one is copied" {
	need_strace
	mkdir "$S/a"
	mktree file "$S/a/f" 5000
	ln "$S/a/f" "$S/a/g"
	ln "$S/a/f" "$S/a/h"
	run --separate-stderr strace -f -o /dev/null -e inject=pread64:error=EIO:when=1 \
		-P "$S/a/f" -P "$S/a/g" -P "$S/a/h" \
		"$WEIR" copy --engine=plain --reflink=never --workers=1 -a "$S/a" "$D/b"
	[ "$status" -eq 23 ]
	[ "$(find "$D/b" -type f | wc -l)" -eq 2 ]
	[ "$(find "$D/b" -type f -printf '%i\n' | sort -u | wc -l)" -eq 1 ]
	no_temps "$D"
}

# bats test_tags=J06
@test "a member that is skipped is not linked to" {
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 5000
	ln "$S/a/f" "$S/a/g"
	ln "$S/a/f" "$S/a/h"
	mktree file "$D/a/f" 100 7
	cp "$D/a/f" "$T/old"
	copies -a -n "$S/a" "$D"
	same "$T/old" "$D/a/f"
	same "$S/a/g" "$D/a/g"
	[ "$(group_of "$D/a/g")" = "$(group_of "$D/a/h")" ]
}

# bats test_tags=R01
@test "a policy of --keep stays when -a, -p or --preserve comes behind it" {
	mktree file "$S/f" 10
	touch -d '2001-01-01' "$S/f"
	chmod 600 "$S/f"
	copies --keep=times:off -p "$S/f" "$D/p"
	copies --keep=times:off -a "$S/f" "$D/a"
	copies --keep=times:off --preserve=timestamps "$S/f" "$D/w"
	for name in p a w; do [ "$(stat -c %Y "$D/$name")" -gt 1000000000 ]; done
	[ "$(mode_of "$D/a")" = 600 ]
	copies -a --keep=times:off --keep=times "$S/f" "$D/last"
	[ "$(stat -c %Y "$D/last")" -eq "$(stat -c %Y "$S/f")" ]
}
