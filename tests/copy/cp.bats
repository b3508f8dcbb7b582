#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Beside cp(1).  First the section DIFFERENCES FROM CP of weir-copy(1), one test for
# each, in its order, with what the real cp does wherever that shows it.  Then a table
# of ordinary command lines, for which the two must not differ.
#
# once

load helper

setup() {
	make_areas
	[[ $(command cp --version 2>/dev/null) == *'GNU coreutils'* ]] || skip "needs GNU cp"
	mkdir "$T/bin"
	ln -s "$WEIR" "$T/bin/cp"
	mktree file "$S/f" 100 1
}

# The real cp, which must end with this status.
cp_exits() { # STATUS ARGUMENT...
	local expected=$1

	shift
	exits "$expected" timeout 20 cp "$@"
}

# Two files of 50 bytes, "ours" and "theirs", to be replaced.
make_old() {
	mktree file "$D/ours" 50 7
	mktree file "$D/theirs" 50 7
}

is_old() { # PATH
	[ "$(stat -c %s "$1")" -eq 50 ]
}

is_new() { # PATH
	cmp "$S/f" "$1"
}

# bats test_tags=J05
@test "a link in the place of a copy is replaced, where cp writes through it" {
	make_old
	mkdir "$D/into" "$D/cp-into"
	ln -s ../ours "$D/into/f"
	ln -s ../theirs "$D/cp-into/f"
	cp_exits 0 "$S/f" "$D/cp-into"
	[ -L "$D/cp-into/f" ]
	is_new "$D/theirs"
	copies "$S/f" "$D/into"
	[ ! -L "$D/into/f" ]
	is_new "$D/into/f"
	is_old "$D/ours"
	# The operand is followed by both.
	ln -s ours "$D/link"
	copies "$S/f" "$D/link"
	[ -L "$D/link" ]
	is_new "$D/ours"
	ln -s nowhere "$D/dangling"
	cp_exits 1 "$S/f" "$D/dangling"
	copies "$S/f" "$D/dangling"
	[ ! -L "$D/dangling" ]
	is_new "$D/dangling"
	absent "$D/nowhere"
}

# bats test_tags=J07
@test "other links of a replaced file and its readers keep the old, where cp changes them" {
	make_old
	ln "$D/ours" "$D/ours-too"
	ln "$D/theirs" "$D/theirs-too"
	cp_exits 0 "$S/f" "$D/theirs"
	is_new "$D/theirs-too"
	exec 7<"$D/ours"
	copies "$S/f" "$D/ours"
	is_new "$D/ours"
	is_old "$D/ours-too"
	[ "$(wc -c <&7)" -eq 50 ]
	exec 7<&-
}

# bats test_tags=G04
@test "the folder decides what may be replaced, where for cp the file does" {
	user_areas
	make_old
	chown --reference="$D" "$D/ours" "$D/theirs"
	chmod 444 "$D/ours" "$D/theirs"
	exits 1 as_user cp "$S/f" "$D/theirs"
	is_old "$D/theirs"
	exits 0 as_user "$WEIR" copy "$S/f" "$D/ours"
	is_new "$D/ours"
	[ "$(mode_of "$D/ours")" = 444 ]
	as_user mkdir "$D/closed"
	as_user mktree file "$D/closed/ours" 50 7
	as_user mktree file "$D/closed/theirs" 50 7
	as_user chmod 555 "$D/closed"
	exits 0 as_user cp "$S/f" "$D/closed/theirs"
	is_new "$D/closed/theirs"
	exits 23 as_user "$WEIR" copy "$S/f" "$D/closed/ours"
	is_old "$D/closed/ours"
}

@test "a file that is a mount point is left alone, where cp writes into it" {
	need_root
	make_old
	mktree file "$T/mounted" 50 8
	# shellcheck disable=SC2016
	exits 0 unshare -m bash -c 'set -e
		mount --bind "$1" "$2/ours"
		status=0
		"$3" copy "$4" "$2/ours" || status=$?
		[ "$status" -eq 23 ]
		[ "$(stat -c %s "$1")" -eq 50 ]
		"$3" copy --inplace "$4" "$2/ours"
		cmp "$4" "$1"
		mount --bind "$1" "$2/theirs"
		cp "$4" "$2/theirs"
		cmp "$4" "$1"' - "$T/mounted" "$D" "$WEIR" "$S/f"
	says 'ours'
	says 'it is a mount point; --inplace writes into it'
	no_temps "$D"
	is_old "$D/ours"
}

# bats test_tags=G07
@test "the new file has owner and mode of the old one, but not its setuid bit" {
	need_owners
	make_old
	chown 65534:65534 "$D/ours" "$D/theirs"
	chmod 6751 "$D/ours" "$D/theirs"
	cp_exits 0 "$S/f" "$D/theirs"
	[ "$(stat -c '%a %u:%g' "$D/theirs")" = '6751 65534:65534' ]
	copies "$S/f" "$D/ours"
	[ "$(stat -c '%a %u:%g' "$D/ours")" = '751 65534:65534' ]
}

@test "somebody else's file that we may write stays, where cp writes into it" {
	need_owners
	user_areas
	make_old
	chmod 666 "$D/ours" "$D/theirs"
	exits 0 as_user cp "$S/f" "$D/theirs"
	is_new "$D/theirs"
	exits 23 as_user "$WEIR" copy "$S/f" "$D/ours"
	is_old "$D/ours"
	[ "$(stat -c %u "$D/ours")" -eq 0 ]
	no_temps "$D"
}

# bats test_tags=N02
@test "the copy is synced, which cp does not do, and as cp weir does not" {
	need_strace
	no_sync_here
	syncs() { # COMMAND...
		strace -f -qq -o "$T/trace" -e trace=fsync,fdatasync,syncfs,sync "$@" || return 2
		grep -Eq '^[0-9 ]*(fsync|fdatasync|syncfs|sync)\(' "$T/trace"
	}
	export WEIR_ENGINE=plain
	run ! syncs cp "$S/f" "$D/theirs"
	syncs "$WEIR" copy "$S/f" "$D/ours"
	run ! syncs "$WEIR" copy --durable=none "$S/f" "$D/none"
	run ! syncs "$T/bin/cp" "$S/f" "$D/as-cp"
	is_new "$D/as-cp"
	WEIR_DURABLE=group syncs "$T/bin/cp" "$S/f" "$D/as-cp"
}

# bats test_tags=B05,B08
@test "what cannot end well is refused before it begins, where cp has copied a part" {
	local old

	mkdir "$S/a" "$S/b" "$D/ours" "$D/theirs"
	mktree file "$S/a/f" 10 1
	mktree file "$S/b/f" 20 2
	cp_exits 1 "$S/a/f" "$S/b/f" "$D/theirs"
	cmp "$S/a/f" "$D/theirs/f"
	copy_exits 28 "$S/a/f" "$S/b/f" "$D/ours"
	empty_folder "$D/ours"
	cp_exits 1 -r "$S/a" "$S/a/into"
	[ -d "$S/a/into" ] # how much is in it depends on the order of the listing
	old=$(picture "$S/b")
	copy_exits 28 -r "$S/b" "$S/b/into"
	[ "$(picture "$S/b")" = "$old" ]
	cp_exits 1 "$S/f" "$S/f"
	copy_exits 28 "$S/f" "$S/f"
	copy_exits 28 --force "$S/f" "$S/./f"
}

# bats test_tags=B02
@test "hard links of each other are one file, whatever is asked for" {
	local option

	ln "$S/f" "$D/link" 2>/dev/null || skip "needs both sides on one file system"
	for option in --no-preserve=all -f --remove-destination; do
		copy_exits 28 "$option" "$S/f" "$D/link"
		[ "$(stat -c %h "$S/f")" -eq 2 ]
	done
	cp_exits 1 "$S/f" "$D/link"
	cp_exits 0 --remove-destination "$S/f" "$D/link"
	[ "$(stat -c %h "$S/f")" -eq 1 ]
}

@test "-f undoes -n and opens nothing, where for cp -n wins" {
	need_strace
	make_old
	cp_exits 0 -n -f "$S/f" "$D/theirs"
	is_old "$D/theirs"
	copies -n -f "$S/f" "$D/ours"
	is_new "$D/ours"
	mktree file "$D/ours" 50 7
	copies -f -n "$S/f" "$D/ours"
	is_old "$D/ours"
	strace -f -qq -o "$T/trace" -e trace=open,openat,openat2 "$WEIR" copy -f "$S/f" "$D/ours"
	run ! grep -E '"[^"]*ours".*(O_WRONLY|O_RDWR)' "$T/trace"
	strace -f -qq -o "$T/trace" -e trace=open,openat,openat2 cp -f "$S/f" "$D/theirs"
	grep -Eq '"[^"]*theirs".*O_WRONLY' "$T/trace"
}

@test "a folder and a file never replace each other, as with cp" {
	local option

	mkdir -p "$S/a/x" "$D/ours/f" "$D/theirs/f"
	mktree file "$S/g" 10 2
	for option in -r -rf '-r --remove-destination'; do
		rm -f "$D"/{ours,theirs}/g
		# shellcheck disable=SC2086 # a list of words
		cp_exits 1 $option "$S/f" "$S/g" "$D/theirs"
		# shellcheck disable=SC2086
		copy_exits 23 $option "$S/f" "$S/g" "$D/ours"
		[ -d "$D/ours/f" ]
		cmp "$S/g" "$D/ours/g"
		cmp "$S/g" "$D/theirs/g"
	done
	mktree file "$D/ours/a" 10 3
	mktree file "$D/theirs/a" 10 3
	cp_exits 1 -rf "$S/a" "$D/theirs"
	copy_exits 23 -rf "$S/a" "$D/ours"
	same "$D/theirs/a" "$D/ours/a"
}

@test "exit statuses tell what it was, and as cp it is 1" {
	local words

	make_old
	while read -r expected words; do
		# shellcheck disable=SC2086 # a list of words
		(cd "$S" && exits "$expected" "$WEIR" copy $words)
		# shellcheck disable=SC2086
		(cd "$S" && exits 1 "$T/bin/cp" $words)
		# shellcheck disable=SC2086
		(cd "$S" && exits 1 cp $words)
	done <<-END
		23 none $D
		2 --nosuch f $D
		2 f
		1 f f $D/ours
		28 f f
	END
	# What is skipped is no failure.
	copies -n "$S/f" "$D/ours"
	copies -u "$S/f" "$D/ours"
	is_old "$D/ours"
}

# bats test_tags=G13
@test "what cannot be kept is one line and no failure, where cp fails if it was named" {
	need_command setfattr
	setfattr -n user.colour -v red "$S/f" 2>/dev/null || skip "needs user attributes"
	need_strace
	refuse() { # COMMAND...
		exits "$1" strace -f -qq -o /dev/null \
			-e inject=setxattr,fsetxattr,lsetxattr:error=EOPNOTSUPP "${@:2}"
	}
	refuse 0 "$WEIR" copy -a "$S/f" "$D/ours"
	says "warning: xattr of 1 entry not kept, first '$D/ours'"
	refuse 0 "$WEIR" copy --preserve=xattr "$S/f" "$D/ours"
	refuse 23 "$WEIR" copy --keep=xattr:require "$S/f" "$D/ours"
	refuse 0 cp -a "$S/f" "$D/theirs"
	refuse 1 cp --preserve=xattr "$S/f" "$D/theirs"
}

@test "-v tells what was done, --debug how, on standard error" {
	make_old
	cp_exits 0 -v "$S/f" "$D/theirs"
	[ "$output" = "'$S/f' -> '$D/theirs'" ]
	copies -v "$S/f" "$D/ours"
	[ "$output" = "replaced $D/ours" ]
	copies --debug "$S/f" "$D/new"
	[ "$output" = "copied $D/new" ]
	[[ $stderr == "way: "*" $D/new: "* ]]
}

# bats test_tags=B12
@test "a slash at the end changes nothing but that a link is followed, as with cp" {
	local slash form

	mkdir -p "$S/a/sub"
	mktree file "$S/a/sub/f" 100 2
	ln -s a "$S/link"
	for slash in '' / //; do
		for form in "a$slash into" "a$slash into/" "a$slash new" "a$slash new/" \
			"link$slash into" "link$slash new" "-T a$slash into" "f new$slash" \
			"f$slash new" "f into$slash"; do
			beside "-r $form"
		done
	done
}

# --- Where the two must not differ --------------------------------------------------

# What each command line of the table finds.
make_scene() {
	mkdir "$D/scene"
	(
		cd "$D/scene" || exit
		mkdir into tree tree/sub tree/empty into/tree
		mktree file f 100 1
		mktree file g 5000 2
		mktree file tree/f 300 3
		mktree file tree/sub/large 300000 4
		mktree file into/f 50 5
		mktree file into/tree/f 50 6
		mktree file into/tree/stays 50 7
		printf x >'name with space'
		printf y >'-dash'
		: >empty
		ln -s sub/large tree/link
		ln -s nowhere tree/dangling
		ln -s tree ltree
		ln -s f lf
		ln tree/f tree/hard
		mkfifo tree/fifo
		truncate -s 1M tree/sparse
		chmod 750 g
		chmod 4711 tree/sub/large
		chmod 555 tree/empty
		[ ! -d "$S/a" ] || command cp -a "$S/." .
		find . -exec touch -h -d '2021-01-01' {} +
		touch -d '2020-01-02 03:04:05.678901234' f g tree/f
		touch -d '2024-01-02' into/f
		touch -d '2019-01-02' into/tree/f
	)
}

# The words as cp and as weir under this name: the same status, the same tree.
beside() { # WORDS
	local theirs ours

	[ -d "$D/scene" ] || make_scene
	rm -rf "$D/theirs" "$D/ours"
	command cp -a "$D/scene" "$D/theirs"
	command cp -a "$D/scene" "$D/ours"
	theirs=0
	(cd "$D/theirs" && eval "timeout 20 cp $1") >"$T/theirs.said" 2>&1 || theirs=$?
	ours=0
	(cd "$D/ours" && eval "timeout 20 '$T/bin/cp' $1") >"$T/ours.said" 2>&1 || ours=$?
	if [ "$theirs" -ne "$ours" ] || ! compare_scenes; then
		printf 'cp %s: cp ends with %s, weir with %s\n' "$1" "$theirs" "$ours"
		cat "$T/theirs.said" "$T/ours.said"
		return 1
	fi
	no_temps "$D/ours"
}

# Bytes, types, modes, owners, links and hard links, and the times that were not made
# just now, but of folders that were there: giving a name in one changes its time.
compare_scenes() {
	local side

	same --mode --owner --links "$D/theirs" "$D/ours" || return 1
	for side in theirs ours; do
		(cd "$D/$side" && find . ! -newermt 2025-01-01 \( ! -type d -o -path './new*' \) \
			-printf '%p %T@\n' | sort) >"$T/$side.times"
	done
	diff "$T/theirs.times" "$T/ours.times"
}

@test "ordinary command lines do what cp does" {
	local words count=0

	while IFS= read -r words; do
		beside "$words"
		count=$((count + 1))
	done <<-'END'
		f new
		f into
		f g into
		f into/f
		f ./into/
		-- -dash into
		-t into -- -dash
		'name with space' 'new name'
		empty new
		-t into f g
		--target-directory=into f g
		-T f new
		-T f into/f
		-T f into
		-T -r tree into
		-rT tree into/tree
		-r tree new
		-R tree into
		-r tree/. into
		-r tree/ into
		-a tree new
		-a tree into
		-a f into
		-a tree/. into
		-dpR tree new
		-dR --preserve=all tree new
		-p f new
		-p f g into
		-rp tree new
		--preserve=mode g new
		--preserve=timestamps f new
		--preserve=mode,timestamps g new
		--preserve=links -r tree new
		--no-preserve=mode -a g new
		--no-preserve=links -a tree new
		--no-preserve=timestamps -a tree/sub new
		-u f into
		-u g into/f
		-ur tree into
		--update f into
		-n f into
		-nr tree into
		--no-clobber f into
		-f f into
		-fr tree into
		-rf f g tree into
		-L -r tree/sub new
		-rL ltree new
		-H -r ltree new
		-rH ltree tree into
		-P lf new
		-rP ltree new
		-d lf new
		-r ltree new
		-r ltree/ new
		lf new
		f lf
		--remove-destination f lf
		--remove-destination f into
		--remove-destination g into/f
		--strip-trailing-slashes -r ltree/ into
		--strip-trailing-slashes -r tree/ new
		--sparse=always tree/sparse new
		--sparse=never tree/sparse new
		--reflink=auto f new
		--reflink=never f new
		-x -r tree new
		-ax tree new
		--arch tree new
		--recurs tree new
		-q
		tree new
		tree f into
		none into
		f none into
		f g none
		f none/new
		f new/
		f into/f/new
		-t none f
		-t f g
		-T f g into
		-r none new
		f
		''
		--nosuch f new
		f f
		lf f
		f ./f
		f into/tree/. g
	END
	[ "$count" -ge 80 ]
}
