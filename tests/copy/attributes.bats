#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Modes, owners, times and flags: cases F15, G01 to G08, G17, H01, H02, H04, H05, H07;
# and what a replaced file leaves to others.

load helper

teardown() {
	[ -z "${flagged:-}" ] || chattr -ia "$flagged"
	end_test
}

# Gives a file or folder a flag, i or a, until the end of the test.
flag() { # FLAG PATH
	need_command chattr
	chattr "+$1" "$2" 2>/dev/null || skip "this flag cannot be set here"
	flagged=$2
}

unflag() {
	chattr -ia "$flagged"
	flagged=
}

# bats test_tags=G03
@test "a tree of read-only folders is copied whole and ends read-only" {
	user_areas
	mktree random "$S/a" 41 40
	chmod -R a+rX "$S/a"
	as_user cp -a "$S/a" "$S/mine"
	find "$S/mine" -type d -exec chmod 555 {} +
	exits 0 as_user "$WEIR" copy -a "$S/mine" "$D/a"
	same --mode --times "$S/mine" "$D/a"
	chmod -R u+w "$S/mine" "$D/a"
}

# bats test_tags=G03
@test "read-only folders are final also when a file in them fails" {
	need_strace
	mkdir -p "$S/a/sub"
	mktree file "$S/a/sub/f" 10000
	chmod 555 "$S/a/sub" "$S/a"
	run --separate-stderr strace -f -o /dev/null -P "$S/a/sub/f" \
		-e inject=pread64,read:error=EIO \
		"$WEIR" copy --engine=plain --reflink=never -a "$S/a" "$D"
	[ "$status" -eq 23 ]
	[ "$(mode_of "$D/a")" = 555 ]
	[ "$(mode_of "$D/a/sub")" = 555 ]
	chmod -R u+w "$S/a" "$D/a"
}

# bats test_tags=G04
@test "a target that may not be written or read is replaced" {
	user_areas
	mktree file "$S/f" 5000
	chmod a+r "$S/f"
	for mode in 444 000; do
		as_user mktree file "$D/f$mode" 100 7
		chmod $mode "$D/f$mode"
		exits 0 as_user "$WEIR" copy "$S/f" "$D/f$mode"
		[ "$(mode_of "$D/f$mode")" = "${mode/000/0}" ]
		chmod 600 "$D/f$mode"
		same "$S/f" "$D/f$mode"
	done
}

@test "a target folder that may not be written fails the entry" {
	user_areas
	mktree file "$S/f" 5000
	chmod a+r "$S/f"
	mkdir "$D/d"
	chmod 555 "$D/d"
	chown 65534 "$D/d" 2>/dev/null || true
	exits 23 as_user "$WEIR" copy "$S/f" "$D/d/f"
	says EACCES
	chmod 755 "$D/d"
	empty_folder "$D/d"
}

# bats test_tags=G07
@test "setuid and setgid are kept with the owner" {
	mktree file "$S/f" 100
	chmod 6755 "$S/f"
	[ "$(mode_of "$S/f")" = 6755 ] || skip "setgid is not kept here"
	copies -p "$S/f" "$D/f"
	[ "$(mode_of "$D/f")" = 6755 ]
	chmod 1755 "$S/f"
	copies -p "$S/f" "$D/g"
	[ "$(mode_of "$D/g")" = 1755 ]
}

# bats test_tags=G07
@test "setuid and setgid are dropped where the owner cannot be kept" {
	need_owners
	user_areas
	mktree file "$S/f" 100
	chmod 6755 "$S/f"
	chown 0:0 "$S/f"
	chmod 6755 "$S/f"
	run --separate-stderr as_user "$WEIR" copy -p "$S/f" "$D/f"
	[ "$status" -eq 0 ] || [ "$status" -eq 23 ]
	[ "$(mode_of "$D/f")" = 755 ]
	[ "$(stat -c %u "$D/f")" = 65534 ]
	same "$S/f" "$D/f"
}

# bats test_tags=G07
@test "setuid is dropped when chown is refused" {
	mktree file "$S/f" 100
	need_owners
	chown 1234:1234 "$S/f"
	chmod 4755 "$S/f"
	refuse fchownat=EPERM fchown=EPERM -- "$WEIR" copy -p "$S/f" "$D/f" || true
	[ "$(mode_of "$D/f")" = 755 ]
}

# bats test_tags=G07
@test "setuid and setgid are not for an owner who was not asked for" {
	local options

	need_owners
	mkdir "$S/a"
	mktree file "$S/a/f" 100
	chown -R 1234:4321 "$S/a"
	chmod 6755 "$S/a/f"
	chmod 7775 "$S/a"
	for options in --preserve=mode "-a --no-preserve=ownership" "-a --keep=owner:off" \
		"--preserve=mode --inplace" "--preserve=mode --attributes-only"; do
		# shellcheck disable=SC2086
		copies -r $options "$S/a" "$D"
		[ "$(stat -c %a:%u "$D/a/f" "$D/a" | xargs)" = '755:0 1775:0' ]
		says "mode of "
		# A second time, over what there is.
		chmod 644 "$D/a/f"
		# shellcheck disable=SC2086
		copies -r $options "$S/a" "$D"
		[ "$(stat -c %a:%u "$D/a/f" "$D/a" | xargs)" = '755:0 1775:0' ]
		rm -r "$D/a"
	done
}

# The bits come when the owner is right, and never before.
# bats test_tags=G07
@test "setuid and setgid are set after the owner" {
	local options

	need_owners
	need_strace
	mktree file "$S/f" 100
	chown 1234:4321 "$S/f"
	chmod 6755 "$S/f"
	for options in -a "-a --inplace"; do
		rm -f "$D/f"
		mktree file "$D/f" 50 7
		# shellcheck disable=SC2086
		strace -f -o "$T/trace" -e trace=fchown,fchownat,fchmod,fchmodat,openat \
			"$WEIR" copy --engine=plain $options "$S/f" "$D/f"
		[ "$(stat -c %a:%u:%g "$D/f")" = 6755:1234:4321 ]
		awk '/fchown/ { owned = 1 }
			/fchmod.*0[2467][0-7][0-7][0-7]\)/ { if (!owned) exit 1; seen = 1 }
			/O_CREAT|O_TMPFILE/ && /, 0[2467][0-7][0-7][0-7]\)/ { exit 1 }
			END { exit !seen }' "$T/trace"
	done
}

# bats test_tags=G07
@test "without -p setuid and setgid do not come along" {
	mktree file "$S/f" 100
	chmod 6755 "$S/f"
	copies "$S/f" "$D/f"
	[ "$(mode_of "$D/f")" = 755 ]
}

# bats test_tags=G08
@test "a temporary file is nobody else's to read" {
	ulimit -c 0
	umask 000
	mktree file "$S/f" 5000
	chmod 644 "$S/f"
	mktree file "$D/f" 100 7
	chmod 666 "$D/f"
	# Struck where its final mode is set, when all is written.
	run refuse fchmod=kill -- "$WEIR" copy "$S/f" "$D/f"
	[ "$status" -ge 128 ]
	[ "$(temps_in "$D" | wc -l)" -eq 1 ]
	[ "$(mode_of "$(temps_in "$D")")" = 600 ]
}

# bats test_tags=G08
@test "a private folder is never open while it fills" {
	ulimit -c 0
	umask 000
	mkdir "$S/a"
	mktree file "$S/a/f" 5000
	chmod 700 "$S/a"
	run refuse linkat=kill renameat2=kill -- "$WEIR" copy -a "$S/a" "$D"
	[ "$status" -ge 128 ]
	[ "$(mode_of "$D/a")" = 700 ]
}

# bats test_tags=G08
@test "no file is made with a wider mode than it ends with" {
	need_strace
	umask 000
	mktree file "$S/f" 5000
	chmod 600 "$S/f"
	mkdir "$S/a"
	mktree file "$S/a/g" 5000
	chmod 640 "$S/a/g"
	chmod 700 "$S/a"
	strace -f -o "$T/trace" -e trace=openat,mkdirat,mkdir \
		"$WEIR" copy --engine=plain -a "$S/f" "$S/a" "$D"
	same --mode "$S/a" "$D/a"
	# Modes of what is created: the last argument, octal.
	nothing "$(grep -E '(O_CREAT|O_TMPFILE)' "$T/trace" | grep -v '/dev/' |
		grep -E ', 0[0-7]*[0-7][1-7]\)')"
	nothing "$(grep -E 'mkdir' "$T/trace" | grep -E ', 0[0-7]*([1-7][0-7]|[0-7][1-7])\)')"
}

# bats test_tags=G17
@test "without -p the umask applies exactly" {
	local mask

	mktree file "$S/f" 100
	mktree file "$S/x" 100
	chmod 666 "$S/f"
	chmod 777 "$S/x"
	mkdir "$S/d"
	mktree file "$S/d/f" 100
	chmod 777 "$S/d"
	chmod 666 "$S/d/f"
	for mask in 000 022 027 077; do
		mkdir "$D/$mask"
		(umask $mask && "$WEIR" copy -r "$S/f" "$S/x" "$S/d" "$D/$mask")
		[ "$(mode_of "$D/$mask/f")" = "$(printf %o $((0666 & ~0$mask)))" ]
		[ "$(mode_of "$D/$mask/x")" = "$(printf %o $((0777 & ~0$mask)))" ]
		[ "$(mode_of "$D/$mask/d")" = "$(printf %o $((0777 & ~0$mask)))" ]
		[ "$(mode_of "$D/$mask/d/f")" = "$(printf %o $((0666 & ~0$mask)))" ]
	done
}

# bats test_tags=G17
@test "without O_TMPFILE the umask applies just as exactly" {
	local mask

	mktree file "$S/f" 100
	chmod 776 "$S/f"
	for mask in 000 027 077; do
		mkdir "$D/$mask"
		(umask $mask && refuse tmpfile=EOPNOTSUPP -- "$WEIR" copy "$S/f" "$D/$mask")
		[ "$(mode_of "$D/$mask/f")" = "$(printf %o $((0776 & ~0$mask)))" ]
	done
}

# bats test_tags=G17
@test "with -p the umask does not matter" {
	mktree random "$S/a" 42 40
	(umask 077 && "$WEIR" copy -r -p "$S/a" "$D")
	same --mode --owner --times "$S/a" "$D/a"
}

# bats test_tags=G11
@test "a setgid folder hands its group and bit down" {
	local group

	group=$(id -G | tr ' ' '\n' | grep -vx "$(id -g)" | head -n 1)
	mkdir "$D/d" "$S/a"
	chgrp 1234 "$D/d" 2>/dev/null && group=1234
	[ -n "$group" ] || skip "needs a second group"
	chgrp "$group" "$D/d"
	chmod 2775 "$D/d"
	mktree file "$S/a/f" 100
	copies -r "$S/a" "$D/d"
	[ "$(stat -c %g "$D/d/a")" = "$group" ]
	[ "$(stat -c %g "$D/d/a/f")" = "$group" ]
	[ "$(mode_of "$D/d/a")" = 2755 ]
}

@test "a file that is replaced keeps its mode without -p" {
	mktree file "$S/f" 5000
	chmod 600 "$S/f"
	mktree file "$D/f" 100 7
	chmod 751 "$D/f"
	copies "$S/f" "$D/f"
	[ "$(mode_of "$D/f")" = 751 ]
	same "$S/f" "$D/f"
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 5000
	mktree file "$D/a/f" 100 7
	chmod 640 "$D/a/f"
	copies -r "$S/a" "$D"
	[ "$(mode_of "$D/a/f")" = 640 ]
	same "$S/a" "$D/a"
}

@test "a folder that was there keeps its mode without -p" {
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 100
	chmod 700 "$D/a"
	copies -r "$S/a" "$D"
	[ "$(mode_of "$D/a")" = 700 ]
}

# bats test_tags=J07
@test "other hard links of a replaced file keep the old bytes" {
	mktree file "$S/f" 5000
	mktree file "$D/f" 300 7
	ln "$D/f" "$D/other"
	cp "$D/other" "$T/old"
	copies "$S/f" "$D/f"
	same "$S/f" "$D/f"
	same "$T/old" "$D/other"
}

# bats test_tags=H01
@test "times are kept to the nanosecond" {
	mkdir "$S/a"
	mktree file "$S/a/f" 100
	ln -s f "$S/a/link"
	touch -d @1.123456789 "$S/a/f"
	touch -h -d @2000000000.000000001 "$S/a/link"
	touch -d @1234567890.999999999 "$S/a"
	copies -a "$S/a" "$D"
	same --times "$S/a" "$D/a"
	copies -p "$S/a/f" "$D/f"
	[ "$(stat -c %.Y "$D/f")" = 1.123456789 ]
}

# bats test_tags=H01
@test "without -p a copy is as new as it is" {
	mktree file "$S/f" 100
	touch -d @1000 "$S/f"
	touch "$T/before"
	copies "$S/f" "$D/f"
	[ ! "$D/f" -ot "$T/before" ]
}

# bats test_tags=H04
@test "times of folders are set after what is in them" {
	mktree random "$S/a" 43 120
	find "$S/a" -type d -exec touch -d @1000000.5 {} +
	copies -a --workers=4 "$S/a" "$D"
	same --times "$S/a" "$D/a"
	# Once more, over a tree whose folders now change again.
	copies -a --workers=4 "$S/a" "$D"
	same --times "$S/a" "$D/a"
}

@test "the time of access of a source stays, by every way" {
	local options

	mkdir "$S/a"
	mktree file "$S/a/f" 300000
	mktree file "$S/a/small" 100
	ln -s f "$S/a/link"
	accessed() {
		find "$S/a" -type f -exec touch -a -d @1000000000 {} +
		find "$S/a" -type f -exec touch -m -d @1000000001 {} +
	}
	accessed
	dd if="$S/a/f" of=/dev/null iflag=noatime status=none
	[ "$(stat -c %X "$S/a/f")" = 1000000000 ] || skip "reading is always seen here"
	for options in -r -a "-r --direct=always" "-r --direct=never" "-r --engine=plain" \
		"-r --sparse=always" "-r --inplace" "-rL --durable=none" "-r --reflink=auto"; do
		accessed
		# shellcheck disable=SC2086
		copies $options "$S/a" "$D"
		[ "$(stat -c %X "$S/a/f" "$S/a/small" | uniq)" = 1000000000 ]
	done
}

@test "owners are kept with -p by those who may" {
	need_owners
	mkdir "$S/a"
	mktree file "$S/a/f" 100
	ln -s f "$S/a/link"
	mkfifo "$S/a/p"
	chown -h 1234:4321 "$S"/a/* "$S/a"
	copies -a "$S/a" "$D"
	same --owner --mode "$S/a" "$D/a"
}

@test "no-clobber leaves what is there, update replaces only what is older" {
	mktree file "$S/f" 5000
	mktree file "$D/f" 100 7
	cp -p "$D/f" "$T/old"
	copies -n "$S/f" "$D/f"
	same "$T/old" "$D/f"
	touch -d @2000000000 "$D/f"
	copies -u "$S/f" "$D/f"
	same "$T/old" "$D/f"
	touch -d @1000 "$D/f"
	copies -u "$S/f" "$D/f"
	same "$S/f" "$D/f"
}

@test "a dry run changes nothing and says what would be done" {
	local before

	mktree random "$S/a" 44 30
	mktree file "$S/f" 100
	mktree file "$D/f" 50 7
	before=$(picture "$D")
	copies -a --dry-run -v "$S/a" "$S/f" "$D"
	[[ $output == *"would "* ]]
	[ "$before" = "$(picture "$D")" ]
	copies -a --dry-run "$S/a" "$D/new"
	absent "$D/new"
}

# --- What may not be read or written --------------------------------------------

# bats test_tags=G01
@test "-a leaves what may not be read, and its folder has its final mode" {
	user_areas
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 100
	mktree file "$S/a/closed" 100
	mktree file "$S/a/sub/g" 100
	chown -R 65534:65534 "$S/a" 2>/dev/null || true
	chmod 000 "$S/a/closed" "$S/a/sub"
	exits 23 as_user "$WEIR" copy -a "$S/a" "$D"
	says "a/closed'"
	says "a/sub'"
	[ "$(grep -c EACCES <<<"$stderr")" -eq 2 ]
	[ "$(mode_of "$D/a/sub")" = 0 ]
	chmod 700 "$D/a/sub" "$S/a/sub"
	empty_folder "$D/a/sub"
	same --mode --times "$S/a/f" "$D/a/f"
	absent "$D/a/closed"
	no_temps "$D"
}

# bats test_tags=G02
@test "a folder that may be searched but not listed fails as one entry" {
	user_areas
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 100
	mktree file "$S/a/sub/g" 100
	chown -R 65534:65534 "$S/a" 2>/dev/null || true
	chmod 111 "$S/a/sub"
	exits 23 as_user "$WEIR" copy -r "$S/a" "$D"
	[ "$(grep -c EACCES <<<"$stderr")" -eq 1 ]
	says "a/sub'"
	same "$S/a/f" "$D/a/f"
	chmod 700 "$S/a/sub"
	absent "$D/a/sub/g"
}

# bats test_tags=G02
@test "a folder that may be listed but not searched fails as its entries" {
	user_areas
	mkdir -p "$S/a/sub"
	mktree file "$S/a/f" 100
	mktree file "$S/a/sub/g" 100
	mktree file "$S/a/sub/h" 100
	chown -R 65534:65534 "$S/a" 2>/dev/null || true
	chmod 444 "$S/a/sub"
	exits 23 as_user "$WEIR" copy -a "$S/a" "$D"
	says "a/sub/g'"
	says "a/sub/h'"
	[ "$(grep -c EACCES <<<"$stderr")" -eq 2 ]
	[ "$(mode_of "$D/a/sub")" = 444 ]
	same "$S/a/f" "$D/a/f"
	chmod 700 "$S/a/sub" "$D/a/sub"
	empty_folder "$D/a/sub"
}

# bats test_tags=G05
@test "somebody else's file in a sticky folder is not replaced" {
	need_owners
	user_areas
	mktree file "$S/f" 5000
	mktree file "$D/f" 100 7
	cp "$D/f" "$T/old"
	chmod a+r "$S/f"
	chown 0:0 "$D" "$D/f"
	chmod 1777 "$D"
	exits 23 as_user "$WEIR" copy -p "$S/f" "$D/f"
	says EPERM
	same "$T/old" "$D/f"
	[ "$(ls -A "$D")" = f ]
	exits 23 as_user "$WEIR" copy "$S/f" "$D/f"
	same "$T/old" "$D/f"
	[ "$(ls -A "$D")" = f ]
	# What is new is one's own.
	exits 0 as_user "$WEIR" copy "$S/f" "$D/g"
	same "$S/f" "$D/g"
}

# bats test_tags=G06
@test "a file that is immutable or only grows is not replaced and keeps its flag" {
	local which

	mktree file "$S/f" 5000
	mktree file "$S/g" 5000 2
	for which in i a; do
		mktree file "$D/f" 100 7
		cp "$D/f" "$T/old"
		flag $which "$D/f"
		copy_exits 23 "$S/f" "$S/g" "$D"
		says "$D/f'"
		says EPERM
		[ "$(grep -c . <<<"$stderr")" -eq 1 ]
		lsattr "$D/f" | cut -d ' ' -f 1 | grep -q $which
		same "$T/old" "$D/f"
		same "$S/g" "$D/g"
		unflag
		no_temps "$D"
	done
}

# bats test_tags=G06
@test "nothing is made in a folder that is immutable" {
	mkdir -p "$S/a" "$D/d"
	mktree file "$S/a/f" 5000
	mktree file "$D/d/old" 100 7
	flag i "$D/d"
	copy_exits 23 "$S/a/f" "$D/d"
	says EPERM
	copy_exits 23 -r "$S/a" "$D/d"
	says EPERM
	unflag
	[ "$(ls -A "$D/d")" = old ]
}

# bats test_tags=F15
@test "a folder that only grows takes new names, and nothing is left where it refuses" {
	local before

	mkdir -p "$S/a" "$D/d"
	mktree file "$S/f" 5000
	mktree file "$S/a/g" 100
	mktree file "$D/d/f" 100 7
	flag a "$D/d"
	copies "$S/f" "$D/d/new"
	same "$S/f" "$D/d/new"
	copies -a "$S/a" "$D/d"
	same "$S/a" "$D/d/a"
	# What is there cannot be replaced, and a temporary name could not be removed.
	before=$(cd "$D/d" && find . | sort && cksum f new)
	copy_exits 23 "$S/f" "$D/d"
	says EPERM
	copy_exits 23 -T "$S/f" "$D/d/new"
	[ "$before" = "$(cd "$D/d" && find . | sort && cksum f new)" ]
	unflag
}

# --- Times -------------------------------------------------------------------------

# bats test_tags=H02,H07,H09
@test "any time that a source can have is copied as it is, the future too" {
	local time name

	mkdir "$S/a"
	for time in -1 0 -2147483648 2147483648 4102444800 32503680000 1099511627776 \
		-1099511627776; do
		name=$S/a/t$time
		mktree file "$name" 100
		# Where it cannot be stored the kernel takes the nearest.
		touch -d "@$time.123456789" "$name"
	done
	touch -d @7258118400 "$S/a"
	copies -a "$S/a" "$D"
	if [ -z "${TEST_SOURCE_FOLDER:-}" ]; then
		same --times "$S/a" "$D/a"
	else
		same "$S/a" "$D/a"
	fi
	[ "$(find "$D/a" -newermt '1 year' -type f | wc -l)" -ge 2 ]
	# The next one finds nothing newer.
	[ -n "${TEST_SOURCE_FOLDER:-}" ] || copies -a -u -v "$S/a" "$D"
	[ -n "${TEST_SOURCE_FOLDER:-}" ] || nothing "$(grep replaced <<<"$output")"
}

# bats test_tags=H05
@test "times that only the owner may set are told as lost, and fail where required" {
	need_owners
	user_areas
	mkdir -p "$S/a" "$D/a"
	mktree file "$S/a/f" 100
	touch -d @1000000000 "$S/a/f" "$S/a"
	chown 0:0 "$D/a"
	chmod 777 "$D/a"
	chmod -R a+rX "$S/a"
	exits 0 as_user "$WEIR" copy -r --preserve=timestamps "$S/a" "$D"
	says "times of 1 entry not kept, first '$D/a'"
	says EPERM
	same --times "$S/a/f" "$D/a/f"
	exits 23 as_user "$WEIR" copy -r --keep=times:require "$S/a" "$D"
	says "times of 1 entry not kept"
}

# bats test_tags=G17
@test "--no-preserve=mode gives new entries the mode of new ones, whatever the source's" {
	mkdir -m 2705 "$S/a"
	mktree file "$S/a/f" 100
	chmod 711 "$S/a/f"
	mkfifo -m 700 "$S/a/fifo"
	umask 027
	copies -r --no-preserve=mode "$S/a" "$D/r"
	[ "$(mode_of "$D/r/f") $(mode_of "$D/r/fifo") $(mode_of "$D/r")" = "640 640 750" ]
	copies -a --no-preserve=mode "$S/a" "$D/a"
	[ "$(mode_of "$D/a/f") $(mode_of "$D/a/fifo") $(mode_of "$D/a")" = "640 640 750" ]
	copies -a --keep=mode:off,acl:off "$S/a" "$D/k"
	[ "$(mode_of "$D/k/f") $(mode_of "$D/k")" = "640 750" ]
	# Not to say it is another thing.
	copies -r "$S/a" "$D/n"
	[ "$(mode_of "$D/n/f") $(mode_of "$D/n")" = "710 2700" ] ||
		[ "$(mode_of "$D/n/f") $(mode_of "$D/n")" = "710 700" ]
	copies -r --preserve=ownership "$S/a" "$D/o"
	[ "$(mode_of "$D/o/f") $(mode_of "$D/o")" = "710 700" ]
}

# bats test_tags=G07
@test "a new folder that all may write to stays sticky" {
	mkdir -m 1777 "$S/a"
	mkdir "$S/a/b"
	umask 0
	copies -r "$S/a" "$D/r"
	[ "$(mode_of "$D/r")" = 1777 ]
	copies -r --no-preserve=mode "$S/a" "$D/n"
	[ "$(mode_of "$D/n")" = 777 ]
}
