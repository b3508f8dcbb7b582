#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# long
#
# Backups: what is replaced keeps another name.  The judge is cp(1), which gets
# the same trees; case B10.

load helper

setup() {
	unset VERSION_CONTROL SIMPLE_BACKUP_SUFFIX
	make_areas
}

need_cp() {
	cp --version 2>/dev/null | grep -q 'GNU coreutils' || skip "needs the cp of GNU coreutils"
}

put() { # FILE TEXT
	printf '%s\n' "$2" >"$1"
}

holds() { # FILE TEXT
	[ -f "$1" ] && [ "$(cat "$1")" = "$2" ] && return 0
	printf '%s is not "%s": %s\n' "$1" "$2" "$(cat "$1" 2>&1)"
	return 1
}

# Sources of every kind, and targets with and without older backups.
make_sources() { # FOLDER
	mkdir -p "$1/folder"
	for name in plain simple numbered gaps both new 'a b'; do
		put "$1/$name" "new $name"
	done
	chmod 640 "$1/plain"
	ln -s new "$1/link"
	mkfifo "$1/fifo"
	ln -s new "$1/file-to-link"
	put "$1/link-to-file" "new link-to-file"
}

make_targets() { # FOLDER
	mkdir -p "$1/folder"
	for name in plain simple numbered gaps both 'a b' file-to-link; do
		put "$1/$name" "old $name"
	done
	put "$1/simple~" "older"
	put "$1/both~" "older"
	put "$1/both.~1~" "oldest"
	put "$1/numbered.~1~" "oldest"
	put "$1/numbered.~2~" "older"
	put "$1/gaps.~3~" "older"
	put "$1/gaps.~10000000000000000000000~" "older"
	put "$1/plain.~01~" "no backup"
	put "$1/plain.~0~" "no backup"
	put "$1/plain.~1" "no backup"
	put "$1/plains.~4~" "another's"
	put "$1/folder/kept" "kept"
	ln -s old "$1/link"
	ln -s old "$1/link-to-file"
	mkfifo "$1/fifo"
}

# As $as: the tree that weir makes is that of cp, at any depth, and so is that of a
# second run.  cp 9.1 puts simple backups into the working folder, which is
# therefore the right one here.
like_cp() { # ARGUMENT...
	local round

	rm -rf "$S/in" "$D/cp" "$D/weir"
	$as bash -c "$(declare -f put make_sources make_targets); umask 022
		mkdir -p '$S/in/a/b' '$D/weir/a/b'
		make_sources '$S/in/a/b'; make_targets '$D/cp'
		cp -a '$D/cp/.' '$D/weir/a/b'"
	for round in 1 2; do
		exits 0 $as env -C "$D/cp" cp -r "$@" "$S/in/a/b/." .
		exits 0 $as "$WEIR" copy -r "$@" "$S/in/." "$D/weir"
		silent
		same --mode "$D/cp" "$D/weir/a/b" || {
			echo "round $round: $*"
			return 1
		}
	done
	no_temps "$D/weir"
}

# Without a backup cp writes through links, and into the file that is there.
like_no_backup() { # ARGUMENT...
	rm -rf "$S/in" "$D/plain" "$D/weir"
	$as bash -c "$(declare -f put make_sources make_targets)
		make_sources '$S/in'; make_targets '$D/plain'; cp -a '$D/plain' '$D/weir'"
	exits 0 $as "$WEIR" copy -r "$S/in/." "$D/plain"
	exits 0 $as "$WEIR" copy -r "$@" "$S/in/." "$D/weir"
	same --mode "$D/plain" "$D/weir"
	[ "$(cd "$D/plain" && find . | sort)" = "$(cd "$D/weir" && find . | sort)" ]
	holds "$D/weir/simple~" older
}

every_control() {
	local control

	like_cp -b
	like_cp --backup
	for control in simple never existing nil numbered t; do
		like_cp --backup="$control"
	done
	for control in si ex nu; do
		like_cp --backup="$control"
	done
	for control in none off o of no; do
		like_no_backup --backup="$control"
	done
	like_cp -S .old
	like_cp --suffix=.old --backup=simple
	like_cp -S .old --backup=numbered
	like_no_backup -S .old --backup=none
	like_cp --backup=simple -b
	like_cp -S .x -S .y
	like_cp -S ''
	like_cp -b -a
}

@test "trees with backups of every kind are those of cp" {
	need_cp
	as=
	every_control
}

@test "trees with backups are those of cp for an ordinary user, too" {
	need_cp
	user_areas
	as=as_user
	if [ "${TEST_SIZE:-}" = full ]; then
		every_control
		return
	fi
	like_cp -b
	like_cp --backup=numbered
	like_cp -S .old
	like_no_backup --backup=none
}

@test "the environment says what the options do not, as with cp" {
	need_cp
	as=
	export VERSION_CONTROL SIMPLE_BACKUP_SUFFIX
	SIMPLE_BACKUP_SUFFIX=.env
	for VERSION_CONTROL in simple existing numbered nu ''; do
		like_cp -b
	done
	VERSION_CONTROL=simple SIMPLE_BACKUP_SUFFIX=
	like_cp -b
	VERSION_CONTROL=numbered SIMPLE_BACKUP_SUFFIX=.env
	like_cp --backup=simple
	like_cp --backup=
	like_cp -S .opt
	like_cp -S .opt --backup=simple
	like_cp -S '' --backup=simple
	like_no_backup
	VERSION_CONTROL=off
	like_no_backup -b
	like_no_backup -S .x
}

# bats test_tags=R01
@test "a wrong control or suffix is a usage error that names what is right" {
	put "$S/f" new
	put "$D/f" old
	for word in x n simples SIMPLE nil2; do
		copy_exits 2 --backup="$word" "$S/f" "$D/f"
		says "weir copy: --backup: '$word' is not one of none, off, simple, never,"
		says " existing, nil, numbered, t"
		exits 2 env VERSION_CONTROL="$word" "$WEIR" copy -b "$S/f" "$D/f"
		says "weir copy: VERSION_CONTROL: '$word' is not one of none, off,"
	done
	for word in / a/b ../x; do
		copy_exits 2 -S "$word" "$S/f" "$D/f"
		says "weir copy: -S: '$word' has a slash"
		exits 2 env SIMPLE_BACKUP_SUFFIX="$word" "$WEIR" copy -b "$S/f" "$D/f"
		says "weir copy: SIMPLE_BACKUP_SUFFIX: '$word' has a slash"
	done
	copy_exits 2 --suffix="$(printf '%0256d' 0)" "$S/f" "$D/f"
	says "is longer than a name can be"
	holds "$D/f" old
	[ "$(ls "$D")" = f ]
}

@test "variables about backups are read only where backups are made" {
	put "$S/f" new
	put "$D/f" old
	exits 0 env VERSION_CONTROL=x SIMPLE_BACKUP_SUFFIX=a/b "$WEIR" copy "$S/f" "$D/f"
	exits 0 env VERSION_CONTROL=x "$WEIR" copy --backup=simple "$S/f" "$D/f"
	exits 0 env SIMPLE_BACKUP_SUFFIX=a/b "$WEIR" copy --backup=off "$S/f" "$D/f"
	exits 0 env SIMPLE_BACKUP_SUFFIX=a/b "$WEIR" copy -S .mine "$S/f" "$D/f"
	[ "$(cd "$D" && echo *)" = 'f f.mine f~' ]
}

@test "what is skipped and what would be done have no backup" {
	put "$S/f" new
	put "$D/f" old
	touch -d '2001-01-01' "$S/f"
	copies -bn "$S/f" "$D/f"
	copies -bu "$S/f" "$D/f"
	copies -b --dry-run "$S/f" "$D/f"
	copies --backup=numbered -r --dry-run "$S/." "$D"
	[ "$(ls "$D")" = f ]
	holds "$D/f" old
}

@test "a new entry has no backup" {
	make_sources "$S/in"
	copies -rv --backup=numbered "$S/in" "$D"
	[[ $output != *backup* ]]
	same "$S/in" "$D/in"
}

@test "a folder has no backup, and one in the way stays an error" {
	mkdir "$S/in" "$S/in/d" "$D/in" "$D/in/f"
	put "$S/in/d/x" new
	put "$S/in/f" new
	put "$D/in/d" old
	before=$(picture "$D")
	copy_exits 23 -rb "$S/in" "$D"
	says "'$D/in/f': a folder has this name"
	[ "$(picture "$D")" = "$before" ]
	rm "$D/in/d"
	mkdir "$D/in/d"
	put "$D/in/d/x" old
	copy_exits 23 -rb "$S/in" "$D"
	holds "$D/in/d/x" new
	holds "$D/in/d/x~" old
	absent "$D/in/d~" "$D/in/f~"
}

@test "with a backup a DEST operand that is a link is backed up, not followed" {
	put "$S/f" new
	put "$D/led" old
	ln -s led "$D/f"
	copies -b "$S/f" "$D/f"
	holds "$D/f" new
	[ ! -L "$D/f" ]
	[ "$(readlink "$D/f~")" = led ]
	holds "$D/led" old
}

@test "the backup is the old object itself, with its mode, times and other links" {
	put "$S/f" new
	put "$D/f" old
	ln "$D/f" "$D/other"
	chmod 600 "$D/f"
	touch -d '2001-01-01 01:02:03.123456789' "$D/f"
	before=$(stat -c '%i %a %Y %h' "$D/f")
	copies -b "$S/f" "$D/f"
	[ "$(stat -c '%i %a %Y %h' "$D/f~")" = "$before" ]
	[ "$(mode_of "$D/f")" = 644 ]
}

@test "-v and the log name the backup" {
	put "$S/f" new
	put "$D/f" old
	copies -bv "$S/f" "$D"
	[ "$output" = "replaced $D/f (backup: 'f~')" ]
	copies -v --backup=numbered --log-file="$T/log" "$S/f" "$D"
	[ "$output" = "replaced $D/f (backup: 'f.~1~')" ]
	grep -q "replaced $D/f (backup: 'f.~1~')" "$T/log"
	copies -bv -S $'\n' --backup=simple "$S/f" "$D"
	[ "$output" = "replaced $D/f (backup: 'f\\n')" ]
	copies -v "$S/f" "$D"
	[ "$output" = "replaced $D/f" ]
}

# bats test_tags=I03
@test "a name that is too long for its backup fails, and nothing is replaced" {
	local long

	long=$(printf '%0255d' 0)
	put "$S/$long" new
	put "$D/$long" old
	put "$S/f" new
	put "$D/f" old
	for control in simple existing numbered; do
		copy_exits 23 --backup=$control -r "$S/." "$D"
		says "cannot back up target '$D/$long': File name too long (ENAMETOOLONG)"
		copy_exits 23 --dry-run --backup=$control "$S/$long" "$D"
	done
	# The first number fits, the next one does not.
	long=${long:0:251}
	put "$S/$long" new
	put "$D/$long" old
	put "$D/$long.~9~" older
	copy_exits 23 --backup=numbered -t "$D" "$S/$long"
	says "(ENAMETOOLONG)"
	holds "$D/$long" old
	holds "$D/f" new
	no_temps "$D"
}

# bats test_tags=B10
@test "a backup never takes the name of its source" {
	need_same_fs
	put "$D/a" old
	put "$D/a~" precious
	ln "$D/a~" "$T/same-inode"
	for control in simple existing; do
		for source in "$D/a~" "$D/../target/./a~" "$T/same-inode"; do
			copy_exits 23 --backup=$control -T "$source" "$D/a"
			says "cannot back up target '$D/a': that would destroy the source"
			copy_exits 23 --backup=$control --dry-run -T "$source" "$D/a"
		done
	done
	holds "$D/a" old
	holds "$D/a~" precious
	copies --backup=numbered "$D/a~" "$D/a"
	holds "$D/a" precious
	holds "$D/a.~1~" old
}

# bats test_tags=B10
@test "a backup never takes the name of another copy of the run" {
	mkdir "$S/in"
	for side in "$S/in" "$D"; do
		put "$side/a" "$side"
		put "$side/a~" "$side~"
		put "$side/b" "$side"
	done
	copy_exits 23 -rb "$S/in/." "$D"
	says "cannot back up target '$D/a': its backup would take the name of another copy"
	holds "$D/a~" "$S/in~"
	holds "$D/a~~" "$D~"
	holds "$D/a" "$D"
	holds "$D/b" "$S/in"
	holds "$D/b~" "$D"
	rm "$D"/*
	# Operands are told apart from what only lies beside them.
	for order in 'a a~' 'a~ a'; do
		put "$D/a" old
		put "$D/a~" old~
		copy_exits 23 --backup=simple -t "$D" "$S/in/${order% *}" "$S/in/${order#* }"
		holds "$D/a" old
		holds "$D/a~" "$S/in~"
	done
	copies --backup=simple -t "$D" "$S/in/a"
	holds "$D/a" "$S/in"
	holds "$D/a~" old
}

@test "where links are refused the old object is renamed to its backup" {
	need_cp
	for refused in linkat=EPERM linkat=EOPNOTSUPP linkat=EMLINK \
		"linkat=EPERM rename_noreplace=EINVAL"; do
		for control in simple existing numbered; do
			rm -rf "$S/in" "$D/cp" "$D/weir"
			make_sources "$S/in"
			make_targets "$D/cp"
			cp -a "$D/cp" "$D/weir"
			(cd "$D/cp" && cp -r --backup=$control "$S/in/." .)
			# shellcheck disable=SC2086 # words
			exits 0 refuse $refused -- "$WEIR" copy -r --backup=$control \
				"$S/in/." "$D/weir"
			same --mode "$D/cp" "$D/weir"
			no_temps "$D/weir"
		done
	done
}

@test "a file of somebody else is renamed where its link is protected" {
	need_owners
	[ "$(cat /proc/sys/fs/protected_hardlinks)" = 1 ] || skip "links are not protected here"
	user_areas
	put "$S/f" new
	put "$D/f" old
	put "$D/f~" older
	put "$D/g" old
	put "$S/g" new
	chown 0:0 "$D/f" "$D/g"
	chmod 600 "$D/f" "$D/g"
	chmod 644 "$S/f" "$S/g"
	run ! as_user ln "$D/f" "$D/link"
	exits 0 as_user "$WEIR" copy -b "$S/f" "$S/g" "$D"
	holds "$D/f" new
	holds "$D/f~" old
	holds "$D/g" new
	holds "$D/g~" old
	[ "$(stat -c %u "$D/f~" "$D/f" | paste -sd ' ')" = '0 65534' ]
}

@test "a copy that cannot take the name gives the backup back" {
	for refused in renameat2=EACCES "linkat=EPERM renameat2=EACCES"; do
		put "$S/f" new
		put "$D/f" old
		before=$(ls -i "$D")
		for control in simple numbered; do
			# shellcheck disable=SC2086 # words
			exits 23 refuse $refused -- "$WEIR" copy --backup=$control "$S/f" "$D"
			says "(EACCES)"
			holds "$D/f" old
			[ "$(ls -i "$D")" = "$before" ]
		done
	done
}

@test "what cannot be given back is told, and nothing is lost" {
	need_strace
	put "$S/f" new
	put "$D/f" old
	put "$D/f~" older
	# The second rename is that of the copy; the first took the older backup.
	exits 23 strace -f -o /dev/null -e inject=renameat2:error=EIO:when=2+ \
		"$WEIR" copy --backup=simple "$S/f" "$D"
	says "cannot replace target '$D/f': Input/output error (EIO); "
	says "; the old object is there, and has the name of its backup, too"
	holds "$D/f" old
	holds "$D/f~" old
	no_temps "$D"
	rm "$D/f~"
	exits 23 strace -f -o /dev/null -e inject=linkat:error=EPERM \
		-e inject=renameat2:error=EIO:when=2+ "$WEIR" copy --backup=simple "$S/f" "$D"
	says "; the old object has the name of its backup only"
	holds "$D/f~" old
	absent "$D/f"
	no_temps "$D"
}

# bats test_tags=M03
@test "a run killed between its calls leaves the old object, and the next one cleans up" {
	local i

	need_strace
	for i in 1 2 3 4; do
		rm -rf "$D"
		mkdir "$D"
		put "$S/f" new
		put "$D/f" old
		put "$D/f~" older
		strace -f -o /dev/null -e "inject=linkat,renameat2,unlinkat:signal=KILL:when=$i" \
			"$WEIR" copy --backup=simple "$S/f" "$D" || true
		case $(cat "$D/f") in
		old) grep -qx -e old -e older "$D/f~" ;;
		new) holds "$D/f~" old ;;
		*) false ;;
		esac
		copies --backup=numbered "$S/f" "$D"
		no_temps "$D"
		holds "$D/f" new
	done
}

# bats test_tags=M03
@test "a run killed at any moment leaves old, or new and its backup" {
	local took at i seed=${SEED:-$RANDOM} now kept

	mkdir "$S/old" "$S/new"
	for ((i = 0; i < 60; i++)); do
		put "$S/old/$i" "old $i"
		put "$S/new/$i" "new $i"
		put "$S/old/$i.bak" "older $i"
	done
	cp -r "$S/old" "$D/a"
	strike --report="$T/report" -- "$WEIR" copy -r -S .bak -T "$S/new" "$D/a"
	took=$(awk '{ print $6 }' "$T/report")
	echo "SEED=$seed, a run takes $took us"
	RANDOM=$seed
	for ((at = 0; at < 12; at++)); do
		rm -rf "$D/a"
		cp -r "$S/old" "$D/a"
		strike --after-us=$((RANDOM * took / 32768)) -- \
			"$WEIR" copy -r -S .bak -T "$S/new" "$D/a" || true
		for ((i = 0; i < 60; i++)); do
			read -r now <"$D/a/$i"
			read -r kept <"$D/a/$i.bak"
			case $now/$kept in
			"old $i/old $i" | "old $i/older $i" | "new $i/old $i") ;;
			*) echo "$i: $now, and beside it $kept" && return 1 ;;
			esac
		done
	done
	copies -r --backup=numbered -T "$S/new" "$D/a"
	no_temps "$D"
}

# bats test_tags=N02
@test "the backup has its name before the copy, and both are synced" {
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	no_sync_here
	for level in group file end; do
		for control in simple numbered; do
			rm -f "$D"/* "$T/trace"
			put "$S/f" new
			put "$D/f" old
			put "$D/f~" older
			exits 0 env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" copy \
				--durable=$level --backup=$control "$S/f" "$D"
			awk -v folder="$(stat -c %i "$D")" '
				$8 < 0 { next }
				{ sub(/^.*:/, "", $3) }
				$2 == "link" && $4 == "f.~1~" { backed = NR }
				$2 == "rename" && $4 ~ /\/f~$/ { backed = NR }
				$2 == "rename" && $4 ~ /^f\// { print "missing"; exit 1 }
				$2 == "unlink" && $4 !~ /^\.weir\./ { print "unlinked"; exit 1 }
				$2 == "rename" && $4 ~ /\/f$/ { named = NR }
				$2 == "syncfs" || ($2 == "fsync" && $3 == folder) { synced = NR }
				END { exit !(backed && backed < named && named < synced) }
				' "$T/trace" || {
				echo "$level $control"
				cat "$T/trace"
				return 1
			}
		done
	done
}

@test "a folder without numbered backups is listed once, not for each entry" {
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	local i

	mkdir "$S/in" "$D/in"
	for ((i = 0; i < 40; i++)); do
		put "$S/in/$i" new
		put "$D/in/$i" old
	done
	exits 0 env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" copy -rb --workers=1 "$S/in" "$D"
	# Sweep and backups, each to the end; a tiny build has small buffers.
	awk '$2 == "getdents" || $2 == "list" { count++ } END { print count; exit count > 60 }' \
		"$T/trace"
	for ((i = 0; i < 40; i++)); do
		holds "$D/in/$i" new
		holds "$D/in/$i~" old
	done
}

# bats test_tags=J06
@test "names of a hard-link group have backups, and stay one file" {
	mkdir "$S/in" "$D/in"
	put "$S/in/1" new
	ln "$S/in/1" "$S/in/2"
	ln "$S/in/1" "$S/in/3"
	put "$D/in/1" "old 1"
	put "$D/in/2" "old 2"
	ln "$D/in/2" "$D/in/3"
	copies -ab "$S/in" "$D"
	same "$S/in/1" "$D/in/1"
	holds "$D/in/1~" "old 1"
	holds "$D/in/2~" "old 2"
	[ "$(stat -c %h "$D/in/1" "$D/in/2" "$D/in/3" | paste -sd ' ')" = '3 3 3' ]
	[ "$D/in/1" -ef "$D/in/2" ]
	[ "$D/in/2~" -ef "$D/in/3~" ]
	no_temps "$D"
}

# bats test_tags=M10
@test "several runs that back one name up take numbers of their own" {
	local i pids=()

	put "$D/f" old
	for i in 1 2 3 4 5 6; do
		mkdir "$S/$i"
		put "$S/$i/f" "new $i"
	done
	for i in 1 2 3 4 5 6; do
		"$WEIR" copy --backup=numbered "$S/$i/f" "$D" 2>>"$T/stderr" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	nothing "$(cat "$T/stderr")"
	[ "$(cd "$D" && echo *)" = 'f f.~1~ f.~2~ f.~3~ f.~4~ f.~5~ f.~6~' ]
	grep -qx 'new [1-6]' "$D/f"
	grep -qx old "$D"/f.*
	no_temps "$D"
}
