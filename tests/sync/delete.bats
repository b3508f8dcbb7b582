#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# long
#
# What SOURCE does not have goes from DEST: when, what is protected, the limits, and what
# becomes of it where something fails.  Cases O04 to O13, N04 and N05; what needs file
# systems of its own is in root/delete.bats.

load helper

# A pair of which some of DEST has to go: 6 entries.
make_pair() {
	mkdir -p "$S/a/sub" "$D/b/sub" "$D/b/gone/deep"
	mktree file "$S/a/f" 5000
	mktree file "$S/a/sub/g" 500
	mktree file "$D/b/extra" 100
	mktree file "$D/b/sub/extra" 100
	mktree file "$D/b/gone/1" 100
	mktree file "$D/b/gone/deep/2" 100
}

many() { # FOLDER COUNT
	mkdir -p "$1"
	(cd "$1" && seq -f 'x%g' "$2" | xargs touch)
}

# Fails chosen calls about one path.
inject_path() { # PATH EXPRESSION ARGUMENT...
	local path=$1 expression=$2

	shift 2
	run --separate-stderr strace -f -o /dev/null -P "$path" -e inject="$expression" \
		"$WEIR" sync --engine=plain --workers=1 "$@"
}

@test "nothing is removed unless it is asked for" {
	make_pair
	cp -a "$D/b" "$T/before"
	syncs "$S/a" "$D/b"
	mirrors --extra "$S/a" "$D/b"
	old_or_new "$T/before" "$S/a" "$D/b"
	idles "$S/a" "$D/b"
}

@test "--delete removes what SOURCE does not have, of every type" {
	local when

	for when in --delete --delete=last --delete=first; do
		rm -rf "${S:?}"/* "${D:?}"/*
		make_pair
		ln -s /etc "$D/b/gone/link"
		mkfifo "$D/b/fifo"
		ln "$D/b/extra" "$D/b/gone/again"
		mktree socket "$D/b/socket"
		mkdir "$D/b/empty"
		exits 0 "$WEIR" sync --stats "$when" --yes-delete-many "$S/a" "$D/b"
		counts removed -eq 11
		mirrors "$S/a" "$D/b"
		idles "$when" "$S/a" "$D/b"
	done
}

@test "times and modes of folders in which something was removed are SOURCE's" {
	local when

	for when in --delete --delete=first; do
		rm -rf "${S:?}"/* "${D:?}"/*
		make_pair
		touch -d @1000000000.5 "$S/a/sub" "$S/a"
		syncs "$S/a" "$D/b"
		touch -d @1000000000.5 "$D/b/sub" "$D/b"
		syncs "$when" "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
		idles "$when" "$S/a" "$D/b"
	done
}

@test "things of other types are replaced in all directions" {
	local types=(file folder full symlink fifo) from to

	make_thing() { # TYPE PATH
		case $1 in
		file) mktree file "$2" 3000 ;;
		folder) mkdir "$2" ;;
		full) mkdir -p "$2/deep" && mktree file "$2/deep/f" 100 ;;
		symlink) ln -s nowhere "$2" ;;
		fifo) mkfifo "$2" ;;
		esac
	}
	mkdir "$S/a" "$D/b" "$D/c" "$D/first"
	for from in "${types[@]}"; do
		for to in "${types[@]}"; do
			make_thing "$to" "$S/a/$from-$to"
			make_thing "$from" "$D/b/$from-$to"
		done
	done
	cp -a "$D/b/." "$D/c"
	cp -a "$D/b/." "$D/first"
	syncs --delete --yes-delete-many "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	idles --delete --yes-delete-many "$S/a" "$D/b"
	syncs --delete=first --yes-delete-many "$S/a" "$D/first"
	mirrors "$S/a" "$D/first"
	idles --delete=first "$S/a" "$D/first"
	# Without --delete a folder is in the way of what is none: told, and all else done.
	sync_exits 23 "$S/a" "$D/c"
	[ "$(grep -c 'a folder has this name; --delete removes it' <<<"$stderr")" -eq 6 ]
	for from in "${types[@]}"; do
		for to in file symlink fifo; do
			case $from in folder | full) continue ;; esac
			same "$S/a/$from-$to" "$D/c/$from-$to"
		done
		same "$S/a/$from-full/deep" "$D/c/$from-full/deep"
	done
	[ -f "$D/c/full-file/deep/f" ]
	[ -f "$D/c/full-symlink/deep/f" ]
}

@test "a folder in the way that must stay is told once, and the rest is done" {
	make_pair
	many "$D/b/f" 5
	sync_exits 23 --delete --max-delete=3 "$S/a" "$D/b"
	says "12 of 13 entries would go"
	[ -f "$D/b/f/x1" ]
	same "$S/a/sub/g" "$D/b/sub/g"
	rm "$S/a/sub/g"
	sync_exits 25 --delete=first --max-delete=3 "$S/a" "$D/b"
	[ -f "$D/b/f/x1" ]
	no_temps "$D"
}

# --- Limits ------------------------------------------------------------------------

# bats test_tags=O05
@test "more than --max-delete says, and nothing is removed" {
	make_pair
	many "$D/b/many" 4 # 11 in all
	cp -a "$D/b" "$T/before"
	sync_exits 25 --delete --max-delete=10 "$S/a" "$D/b"
	says "11 of 12 entries would go"
	says "--max-delete"
	says "nothing was deleted"
	mirrors --extra "$S/a" "$D/b"
	old_or_new "$T/before" "$S/a" "$D/b"
	sync_exits 25 --delete=first --max-delete=10 "$S/a" "$D/b"
	mirrors --extra "$S/a" "$D/b"
	sync_exits 25 -n --delete --max-delete=10 "$S/a" "$D/b"
	sync_exits 25 --delete --max-delete=0 "$S/a" "$D/b"
	syncs --delete --max-delete=11 "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	idles --delete --max-delete=0 "$S/a" "$D/b"
}

# Of what DEST held before, whatever is copied meanwhile.
# bats test_tags=O05
@test "a part of DEST is a limit, too" {
	mkdir -p "$S/a" "$D/b/sub"
	many "$S/a" 8
	many "$S/a/new" 100
	many "$D/b" 8
	touch "$D/b/1" "$D/b/sub/2" # 3 of 11
	sync_exits 25 --delete --max-delete=27% "$S/a" "$D/b"
	says "3 of 11 entries would go"
	sync_exits 25 -n --delete --max-delete=2% "$S/a" "$D/b"
	says "3 of 112 entries would go"
	sync_exits 25 --delete=first --max-delete=2% "$S/a" "$D/b"
	says "3 of 112 entries would go"
	syncs --delete --max-delete=3% "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	idles --delete --max-delete=0% "$S/a" "$D/b"
}

@test "without a limit more than ten need a word of assent, where nothing is known of the pair" {
	mkdir "$S/a"
	many "$S/a" 20
	many "$D/b" 20
	many "$D/b/more" 9
	syncs --delete "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	many "$D/c" 20
	many "$D/c/more" 10
	sync_exits 25 --delete "$S/a" "$D/c"
	says "11 of 31 entries would go"
	says "--yes-delete-many"
	syncs --delete --yes-delete-many "$S/a" "$D/c"
	mirrors "$S/a" "$D/c"
	# Now something is known of it.
	many "$D/c/more" 10
	syncs --delete "$S/a" "$D/c"
	mirrors "$S/a" "$D/c"
}

# There may be no room for them.
# bats test_tags=O05
@test "with --delete=first nothing is copied where too much would have gone" {
	local options

	mkdir "$S/a" "$D/b"
	many "$S/a/new" 3
	many "$D/b/old" 20
	for options in --max-delete=5 ''; do
		# shellcheck disable=SC2086 # one or none
		sync_exits 25 --delete=first $options "$S/a" "$D/b"
		absent "$D/b/new"
		[ -e "$D/b/old/x20" ]
		# shellcheck disable=SC2086
		sync_exits 25 -n --delete=first $options "$S/a" "$D/b"
		[ "$(wc -l <<<"$output")" -eq 1 ]
	done
	sync_exits 25 --delete --max-delete=5 "$S/a" "$D/b"
	[ -e "$D/b/new/x3" ]
}

@test "the last of several limits counts, and a limit replaces what holds by default" {
	make_pair
	many "$D/b/many" 20
	sync_exits 25 --delete --max-delete=100 --max-delete=3 "$S/a" "$D/b"
	sync_exits 25 --delete --max-delete=100 --max-delete=10% "$S/a" "$D/b"
	sync_exits 25 --delete --yes-delete-many --max-delete=3 "$S/a" "$D/b"
	syncs --delete --max-delete=3 --max-delete=100 "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
}

@test "an entry that fails says more than a limit, and what is put off waits for it" {
	make_pair
	mkdir "$D/b/f"
	touch "$D/b/f/x"
	sync_exits 23 --delete --max-delete=0 "$S/a" "$D/b"
	says "would go"
	[ -e "$D/b/f/x" ]
	[ -e "$D/b/extra" ]
}

# --- Rules ---------------------------------------------------------------------------

# bats test_tags=O06
@test "what a rule excludes stays in DEST, with the folders it lies in" {
	local when

	for when in --delete --delete=first; do
		rm -rf "${S:?}"/* "${D:?}"/* "$T/before"
		make_pair
		touch "$D/b/keep.o" "$D/b/gone/deep/keep.o" "$S/a/sub/own.o" "$D/b/sub/own.o"
		mkdir "$D/b/gone/other" "$D/b/cache" "$D/b/gone/cache"
		touch "$D/b/gone/other/x" "$D/b/cache/x" "$D/b/gone/cache/y"
		echo older >"$D/b/sub/own.o"
		cp -a "$D/b" "$T/before"
		syncs --stats "$when" --exclude='*.o' --exclude=cache/ "$S/a" "$D/b"
		same "$T/before/keep.o" "$D/b/keep.o"
		same "$T/before/cache" "$D/b/cache"
		same "$T/before/sub/own.o" "$D/b/sub/own.o"
		[ "$(cd "$D/b/gone" && find . -type f | sort)" = "./cache/y
./deep/keep.o" ]
		absent "$D/b/gone/1" "$D/b/gone/other" "$D/b/extra" "$D/b/sub/extra"
		idles "$when" --exclude='*.o' --exclude=cache/ "$S/a" "$D/b"
	done
}

@test "--delete-excluded removes what rules exclude, in SOURCE or not" {
	local when

	for when in --delete --delete=first; do
		rm -rf "${S:?}"/* "${D:?}"/*
		make_pair
		mkdir "$S/a/cache" "$D/b/cache"
		touch "$S/a/sub/own.o" "$D/b/sub/own.o" "$D/b/gone/keep.o" "$S/a/cache/x" \
			"$D/b/cache/x"
		syncs "$when" --delete-excluded --exclude='*.o' --exclude=/cache "$S/a" "$D/b"
		absent "$D/b/sub/own.o" "$D/b/gone" "$D/b/cache"
		rm -r "$S/a/sub/own.o" "$S/a/cache"
		same "$S/a" "$D/b"
		syncs "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
		idles "$when" --delete-excluded --exclude='*.o' --exclude=/cache "$S/a" "$D/b"
	done
}

@test "with rules that include, all else of DEST stays" {
	make_pair
	touch "$D/b/sub/old.c" "$S/a/sub/new.c"
	syncs --delete --include='*/' --include='*.c' --exclude='*' "$S/a" "$D/b"
	absent "$D/b/sub/old.c" "$D/b/f"
	[ -e "$D/b/sub/new.c" ]
	[ -e "$D/b/extra" ]
	[ -e "$D/b/gone/1" ]
	idles --delete --include='*/' --include='*.c' --exclude='*' "$S/a" "$D/b"
}

# bats test_tags=O07
@test "a link in DEST is removed, and what it leads to is not" {
	make_pair
	mkdir "$T/outside"
	touch "$T/outside/precious"
	ln -s "$T/outside" "$D/b/link"
	ln -s "$T/outside" "$D/b/gone/link"
	ln -s "$T/outside" "$D/b/f"
	rm -r "$D/b/sub"
	ln -s "$T/outside" "$D/b/sub"
	syncs --delete "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	[ -e "$T/outside/precious" ]
	[ "$(ls "$T/outside")" = precious ]
}

# --- What could not be read -------------------------------------------------------------

# bats test_tags=O04
@test "a folder of SOURCE that cannot be opened keeps all it has in DEST" {
	make_pair
	mkdir -p "$S/a/closed/in" "$D/b/closed/in"
	touch "$D/b/closed/x" "$D/b/closed/in/y"
	chmod 0 "$S/a/closed"
	user_areas
	as() { as_user "$@"; }
	exits 23 as "$WEIR" sync --delete "$S/a" "$D/b"
	says "a/closed'"
	says EACCES
	[ -e "$D/b/closed/x" ]
	[ -e "$D/b/closed/in/y" ]
	# What is missing may be in there, under another name.
	[ -e "$D/b/extra" ]
	[ -e "$D/b/gone" ]
	exits 23 as "$WEIR" sync --delete=first "$S/a" "$D/b"
	[ "$(grep -c "a/closed'" <<<"$stderr")" -eq 1 ]
	[ -e "$D/b/closed/in/y" ]
}

# The first piece of the listing is good, so what is below was seen, and read whole.
# bats test_tags=O04
@test "what was to take the place of a folder fails where removals came first and were not done" {
	make_pair
	mkdir -p "$S/a/closed" "$D/b/in-the-way"
	touch "$S/a/in-the-way" "$D/b/in-the-way/x"
	chmod 0 "$S/a/closed"
	user_areas
	exits 23 as_user timeout -k 1 60 "$WEIR" sync --delete=first --yes-delete-many "$S/a" "$D/b"
	says "some entries failed, so nothing was deleted"
	says "b/in-the-way': a folder has this name"
	[ -e "$D/b/in-the-way/x" ]
	[ -e "$D/b/f" ]
	chmod 700 "$S/a/closed" "$D/b/closed"
	exits 0 as_user "$WEIR" sync --delete=first --yes-delete-many "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
}

# bats test_tags=O04,E03
@test "an error while a folder of SOURCE is listed keeps all that DEST has in and below it" {
	local when

	need_strace
	for when in --delete --delete=first; do
		rm -rf "${S:?}"/* "${D:?}"/*
		make_pair
		mkdir -p "$S/a/sub/below/more" "$D/b/sub/below/more"
		touch "$D/b/sub/below/x" "$D/b/sub/below/more/y"
		inject_path "$S/a/sub" getdents64:error=EIO:when=2+ "$when" "$S/a" "$D/b"
		ended 23
		says "a/sub'"
		says EIO
		[ "$(grep -c EIO <<<"$stderr")" -eq 1 ]
		[ -e "$D/b/sub/extra" ]
		[ -e "$D/b/sub/below/x" ]
		[ -e "$D/b/sub/below/more/y" ]
		[ -e "$D/b/extra" ]
		[ -e "$D/b/gone" ]
		# Removals that come first need a listing of their own.
		[ "$when" != --delete ] || same "$S/a/sub/g" "$D/b/sub/g"
		syncs "$when" "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
	done
}

# Removals that come first look at no more than names of both sides.
# bats test_tags=O04,E04
@test "an entry of SOURCE that cannot be looked at keeps all that DEST has" {
	local errno

	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	make_pair
	for errno in EIO EUCLEAN EBADMSG; do
		exits 23 env WEIR_FAULT="op=statx path=$S/a/sub/g ret=-$errno" \
			"$WEIR_FAULTY" sync --yes-delete-many --delete "$S/a" "$D/b"
		says "a/sub/g'"
		says "$errno"
		[ -e "$D/b/sub/extra" ]
		[ -e "$D/b/extra" ] # g may be what it has become
		same "$S/a/f" "$D/b/f"
	done
	syncs --yes-delete-many --delete "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
}

# bats test_tags=O04
@test "an error while DEST is listed is told, and removes nothing of what was not seen" {
	need_strace
	make_pair
	inject_path "$D/b/gone" getdents64:error=EIO --delete "$S/a" "$D/b"
	ended 23
	says "b/gone'"
	[ -e "$D/b/gone/1" ]
	absent "$D/b/extra" "$D/b/sub/extra"
	inject_path "$D/b/sub" getdents64:error=EIO --delete "$S/a" "$D/b"
	ended 23
	says "b/sub'"
}

# --- What changes meanwhile ---------------------------------------------------------------

# Runs a sync; the script runs just before the first removal.
before_removal() { # SCRIPT [ARGUMENT...]
	need_meanwhile
	export S D T
	run --separate-stderr meanwhile unlinkat '*' "$1" -- "$WEIR" sync --engine=plain "${@:2}"
}

# bats test_tags=O09
@test "what took the place of something that was to go is not removed" {
	mkdir -p "$S/a/sub" "$D/b/sub/folder"
	touch "$D/b/first" "$D/b/sub/file" "$D/b/sub/type" "$D/b/sub/folder/in"
	# What is new may well get the number of what was there.
	before_removal 'cd "$D/b/sub" && rm -r file type folder && echo new >file &&
		mkdir type folder && echo new >folder/new' --delete "$S/a" "$D/b"
	case $status in 23 | 24) ;; *) ended 24 ;; esac
	says "sub/file'"
	says "it is another one than when it was looked at"
	[ "$(cat "$D/b/sub/file")" = new ]
	[ -d "$D/b/sub/type" ]
	[ "$(cat "$D/b/sub/folder/new")" = new ]
	absent "$D/b/first"
	# The next run looks anew.
	syncs --delete "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
}

# bats test_tags=O09
@test "what was written to since it was looked at is not removed" {
	mkdir -p "$S/a/sub" "$D/b/sub"
	touch "$D/b/first" "$D/b/sub/log"
	before_removal 'echo more >>"$D/b/sub/log"' --delete "$S/a" "$D/b"
	ended 24
	says "sub/log'"
	[ "$(cat "$D/b/sub/log")" = more ]
}

# bats test_tags=O09,K07
@test "a folder that was swapped for a link before something in it is removed costs nothing" {
	mkdir -p "$S/a" "$D/b/gone/deep" "$T/outside/deep"
	touch "$S/a/here" "$D/b/gone/deep/f" "$D/b/gone/f" "$T/outside/deep/f" "$T/outside/f"
	before_removal 'mv "$D/b/gone" "$T/away" && ln -s "$T/outside" "$D/b/gone"' \
		--delete "$S/a" "$D/b"
	case $status in 23 | 24) ;; *) ended 24 ;; esac
	[ -e "$T/outside/f" ]
	[ -e "$T/outside/deep/f" ]
	[ -L "$D/b/gone" ]
}

# bats test_tags=O11
@test "a folder into which somebody writes meanwhile stays, told once" {
	mkdir -p "$S/a" "$D/b/gone"
	touch "$S/a/here"
	touch "$D/b/gone/1"
	need_meanwhile
	export D
	run --separate-stderr meanwhile --nth=2 unlinkat '*' 'echo new >"$D/b/gone/new"' -- \
		"$WEIR" sync --engine=plain --delete "$S/a" "$D/b"
	ended 23
	says ENOTEMPTY
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[ "$(cat "$D/b/gone/new")" = new ]
	absent "$D/b/gone/1"
}

# bats test_tags=O11
@test "what cannot be removed is told, and the rest goes" {
	need_command chattr
	make_pair
	touch "$D/b/gone/stuck"
	chattr +i "$D/b/gone/stuck" 2>/dev/null || skip "needs immutable files"
	run --separate-stderr "$WEIR" sync --delete "$S/a" "$D/b"
	chattr -i "$D/b/gone/stuck"
	ended 23
	says "gone/stuck'"
	says EPERM
	absent "$D/b/gone/1" "$D/b/gone/deep" "$D/b/extra"
	syncs --delete "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
}

@test "what went by itself is no error" {
	make_pair
	before_removal 'rm -rf "$D/b/gone" "$D/b/extra" "$D/b/sub/extra"' --delete "$S/a" "$D/b"
	ended 0
	silent
	same "$S/a" "$D/b"
}

# --- Ordinary users --------------------------------------------------------------------

# bats test_tags=O12
@test "folders that may not be written to are emptied, and those that stay closed again" {
	mkdir -p "$S/a/sub" "$D/b/sub" "$D/b/gone/deep" "$D/b/kept/deep"
	touch "$D/b/sub/extra" "$D/b/gone/1" "$D/b/gone/deep/2" "$D/b/kept/deep/3" \
		"$D/b/kept/deep/keep"
	chmod 0555 "$S/a/sub" "$D/b/sub" "$D/b/gone" "$D/b/gone/deep" "$D/b/kept" \
		"$D/b/kept/deep"
	user_areas
	as() { as_user "$@"; }
	exits 0 as "$WEIR" sync --delete --exclude=keep "$S/a" "$D/b"
	silent
	absent "$D/b/gone" "$D/b/sub/extra" "$D/b/kept/deep/3"
	[ "$(mode_of "$D/b/sub")" = 555 ]
	[ "$(mode_of "$D/b/kept")" = 555 ]
	[ "$(mode_of "$D/b/kept/deep")" = 555 ]
	mirrors "$S/a/sub" "$D/b/sub"
	idles --delete --exclude=keep "$S/a" "$D/b"
}

# bats test_tags=O12
@test "a folder that could not be emptied has its mode and times again" {
	need_strace
	mkdir -p "$S/a" "$D/b/gone"
	touch "$S/a/here"
	touch "$D/b/gone/1" "$D/b/gone/2"
	chmod 0555 "$D/b/gone"
	touch -d @1000000000 "$D/b/gone"
	user_areas
	as() { as_user "$@"; }
	run --separate-stderr as strace -f -o /dev/null -P "$D/b/gone" \
		-e inject=unlinkat:error=EIO:when=3+ \
		"$WEIR" sync --engine=plain --delete "$S/a" "$D/b"
	ended 23
	says EIO
	[ "$(mode_of "$D/b/gone")" = 555 ]
	[ "$(stat -c %Y "$D/b/gone")" = 1000000000 ]
}

# --- Size -------------------------------------------------------------------------------

within_memory() { # KIB
	need_no_sanitizer
	[ "$(sed 's/.*rss_kib //' "$T/report")" -lt "$1" ] || {
		cat "$T/report"
		return 1
	}
}

# bats test_tags=O13
@test "a tree of very many levels is removed with few descriptors and little memory" {
	local depth

	depth=$(size 2500 10000)
	[ "${WEIR_LANE:-}" != check-tiny ] || depth=2000
	mkdir "$S/a" "$D/b"
	touch "$S/a/here"
	mktree deep "$D/b/deep" "$depth"
	exits 0 launch --limit=nofile:64 -- strike --report="$T/report" -- \
		"$WEIR" sync --delete --yes-delete-many "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	within_memory 100000
}

# Names of both sides are looked up, not remembered.
@test "of very many names in one folder nearly all go, with little memory" {
	local count

	count=$(size 20000 100000)
	[ "${WEIR_LANE:-check}" = check ] || count=5000
	mkdir "$S/a" "$D/b"
	(cd "$S/a" && seq -f 'n%07g' 1 100 "$count" | xargs touch)
	(cd "$D/b" && seq -f 'n%07g' "$count" | xargs touch)
	exits 0 strike --report="$T/report" -- \
		"$WEIR" sync --stats --delete --yes-delete-many "$S/a" "$D/b"
	[ "$(stat_of removed)" = "" ] || counts removed -eq $((count - count / 100))
	mirrors "$S/a" "$D/b"
	within_memory 150000
}

@test "a large folder of both sides is merged whatever comes and goes in it" {
	mkdir "$S/a" "$D/b"
	(cd "$S/a" && seq -f 'n%07g' 1 2 9000 | xargs touch)
	(cd "$D/b" && seq -f 'n%07g' 1 3 9000 | xargs touch)
	syncs --delete --yes-delete-many "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
	idles --delete "$S/a" "$D/b"
}

# --- Order --------------------------------------------------------------------------------

# The trace of a sync in the order of its calls.
traced() { # ARGUMENT...
	need_fault
	no_sync_here
	rm -f "$T/trace"
	exits 0 env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" sync "$@"
	sort -n "$T/trace" >"$T/sorted"
}

# The serial of the last (or first) line that matches.
serial() { # head|tail PATTERN
	grep -E "$2" "$T/sorted" | "$1" -n 1 | cut -d ' ' -f 1
}

# bats test_tags=N04
@test "nothing is removed before the last sync of what was copied" {
	local last_name first_removal

	make_pair
	many "$S/a/more" 50
	traced --delete "$S/a" "$D/b"
	last_name=$(serial tail '^[0-9]+ (link|rename) [^ ]+ (f|g|x[0-9]+) ')
	first_removal=$(serial head '^[0-9]+ unlink .* (extra|1|2|deep|gone) ')
	[ "$first_removal" -gt "$last_name" ]
	# A sync between the two, which covers the names; and one behind all removals.
	awk -v from="$last_name" -v to="$first_removal" \
		'($2 == "syncfs" || $2 == "fsync") && $1 > from && $1 < to { found = 1 }
		END { exit !found }' "$T/sorted"
	awk -v from="$(serial tail '^[0-9]+ unlink .* (extra|1|2|deep|gone) ')" \
		'($2 == "syncfs" || $2 == "fsync") && $1 > from { found = 1 } END { exit !found }' \
		"$T/sorted"
}

# bats test_tags=N04
@test "--delete=first removes before anything is made" {
	make_pair
	traced --delete=first "$S/a" "$D/b"
	[ "$(serial tail '^[0-9]+ unlink .* (extra|1|2|deep|gone) ')" -lt \
		"$(serial head '^[0-9]+ (create|mkdir|link|rename) [^ ]+ [^/]')" ]
}

# bats test_tags=N04
@test "what could not be made durable costs DEST nothing" {
	need_strace
	no_sync_here
	make_pair
	run --separate-stderr strace -f -o /dev/null -e inject=fsync,syncfs:error=EIO \
		"$WEIR" sync --engine=plain --delete "$S/a" "$D/b"
	[ "$status" -eq 23 ] || ended 1
	[ -e "$D/b/extra" ]
	[ -e "$D/b/gone/deep/2" ]
	syncs --delete "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
}

# What DEST has and SOURCE has not is as it was.
rest_is_old() {
	local path

	(cd "$D/b" && find . ! -type d) | while IFS= read -r path; do
		[ -e "$S/a/$path" ] || same --mode --times "$T/before/$path" "$D/b/$path" || exit 1
	done
}

# bats test_tags=N05,M03
@test "a kill during the removals loses nothing but what was to go, and the next run finishes" {
	local nth

	need_meanwhile
	need_command pgrep
	for nth in 1 2 3 4 5 6; do
		rm -rf "${S:?}"/* "${D:?}"/* "$T/before"
		make_pair
		cp -a "$D/b" "$T/before"
		run --separate-stderr meanwhile --nth=$nth unlinkat '*' \
			'kill -9 $(pgrep -P $PPID weir)' -- \
			"$WEIR" sync --engine=plain --delete "$S/a" "$D/b"
		ended 137
		same --extra --mode --owner "$S/a" "$D/b"
		rest_is_old
		syncs --delete "$S/a" "$D/b"
		mirrors "$S/a" "$D/b"
	done
}

@test "a signal during the removals ends them, and the next run goes on" {
	need_meanwhile
	need_command pgrep
	make_pair
	# Enough of them, and each held for a moment: the signal is seen before the last.
	mktree many "$D/b/many" 200 10
	run --separate-stderr meanwhile --each --nth=2 unlinkat '*' \
		"[ -e '$T/sent' ] || { : >'$T/sent'; kill -INT \$(pgrep -P \$PPID weir); }" -- \
		"$WEIR" sync --engine=plain --delete --yes-delete-many "$S/a" "$D/b"
	ended 130
	mirrors --extra "$S/a" "$D/b"
	[ "$(find "$D/b" | wc -l)" -gt "$(find "$S/a" | wc -l)" ]
	syncs --delete --yes-delete-many "$S/a" "$D/b"
	mirrors "$S/a" "$D/b"
}

# bats test_tags=F07,F08,F09,F10
@test "under limits of the process nothing goes unless all is there" {
	no_trace
	need_no_sanitizer
	local limit engine done=0 failed=0

	mktree random "$S/a" 37 60
	mktree file "$S/a/large" 3000000
	for engine in $(engines); do
		for limit in fsize:8192 nofile:10 nofile:16 memlock:0 as:$((9 << 20)) \
			as:$((24 << 20)) as:$((1 << 30)); do
			mkdir -p "$D/b/gone"
			run --separate-stderr timeout 60 launch --limit=$limit -- "$WEIR" sync \
				--delete --yes-delete-many --engine="$engine" "$S/a" "$D/b"
			echo "$limit: $status $stderr"
			if [ "$status" -eq 0 ]; then
				mirrors "$S/a" "$D/b"
				done=$((done + 1))
			else
				[ "$status" -eq 127 ] || refuses
				rmdir "$D/b/gone"
				nothing_half "$S/a" "$D/b"
				failed=$((failed + 1))
			fi
			rm -rf "$D/b"
		done
	done
	[ $done -gt 0 ] && [ $failed -gt 0 ]
}
