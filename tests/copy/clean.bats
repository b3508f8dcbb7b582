#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# weir clean, and what killed copies leave.  What syncs leave is in sync/clean.bats.

load helper

setup() {
	make_areas
	begin_traces
	ulimit -c 0
	export S D T WEIR
}

cleans() { # ARGUMENT...
	exits 0 "$WEIR" clean "$@"
}

clean_exits() { # STATUS ARGUMENT...
	exits "$1" "$WEIR" clean "${@:2}"
}

# The last standard output has these lines, in any order.
lists() { # LINE...
	diff <(printf '%s\n' "$@" | sort) <(sort <<<"$output") && return 0
	printf '(< expected, > listed)\n'
	return 1
}

# A copy that is killed when it would have replaced a file or link.
leave_temp() { # ARGUMENT...
	run refuse renameat2=kill -- "$WEIR" copy "$@"
	[ "$status" -ge 128 ]
}

# The name in a folder that a killed copy has left there.
left_in() { # FOLDER
	basename "$(temps_in "$1" | grep -x "$1/[^/]*")"
}

# Sets names to N names of temps.
make_names() { # N
	mapfile -t names < <(mktemps "$1")
	[ "${#names[@]}" -eq "$1" ]
}

# bats test_tags=M03
@test "what a killed copy has left is listed, and then removed, in every folder" {
	local one two

	mkdir -p "$S/a/b" "$D/a/b"
	mktree file "$S/a/b/f" 5000
	mktree file "$D/a/b/f" 50 7
	mktree file "$S/g" 70000
	mktree file "$D/g" 60 8
	leave_temp -r "$S/a" "$D"
	one=$(left_in "$D/a/b")
	leave_temp "$S/g" "$D"
	two=$(left_in "$D")
	cp -a "$D/a/b/f" "$D/g" "$T"
	cleans -n "$D"
	lists "remove  temp  $D/$two" "remove  temp  $D/a/b/$one"
	says "would remove 2 names, "
	[ "$(temps_in "$D" | wc -l)" -eq 2 ]
	cleans "$D"
	silent
	no_temps "$D"
	same --mode --times "$T/f" "$D/a/b/f"
	same --mode --times "$T/g" "$D/g"
	cleans "$D"
	silent
}

# bats test_tags=M03
@test "links and special files that a killed copy has left are removed" {
	mkdir "$S/a" "$D/a"
	ln -s elsewhere "$S/a/link"
	ln -s before "$D/a/link"
	leave_temp -a "$S/a" "$D"
	[ -L "$(temps_in "$D")" ]
	cleans -v "$D"
	[[ $output == "remove  temp  $D/a/.weir."* ]]
	no_temps "$D"
	[ "$(readlink "$D/a/link")" = before ]
	rm "$S/a/link"
	mkfifo "$S/a/fifo" "$D/a/fifo"
	leave_temp -a "$S/a" "$D"
	[ -p "$(temps_in "$D")" ]
	cleans "$D"
	no_temps "$D"
	[ -p "$D/a/fifo" ]
}

# bats test_tags=M03
@test "what a killed clean leaves is removed by the next one" {
	need_strace
	local folder

	for folder in "$D" "$D/a" "$D/a/b"; do
		mkdir -p "$folder"
		make_names 20
		(cd "$folder" && touch "${names[@]}" keep)
	done
	run strace -f -qq -o /dev/null -e trace=unlinkat \
		-e inject=unlinkat:signal=KILL:when=30 "$WEIR" clean "$D"
	[ "$status" -eq 137 ]
	[ "$(temps_in "$D" | wc -l)" -gt 20 ]
	cleans "$D"
	no_temps "$D"
	[ "$(find "$D" -name keep | wc -l)" -eq 3 ]
}

@test "a thousand names in a hundred folders go, and nothing else" {
	make_names 1000
	mkdir -p "$D"/{0..9}/{0..9}
	(
		cd "$D"
		printf '%s\n' ./*/*{,,,,,,,,,} >"$T/folders"
		paste -d / "$T/folders" <(printf '%s\n' "${names[@]}") | xargs touch
		paste -d / "$T/folders" <(seq -f 'file%g' 1000) | xargs touch
	)
	cleans --stats -v "$D"
	counts removed -eq 1000
	counts folders_done -eq 111
	[ "$(wc -l <<<"$output")" -eq 1000 ]
	no_temps "$D"
	[ "$(find "$D" -type f | wc -l)" -eq 1000 ]
	nothing "$(find "$D" -type f ! -name 'file*')"
}

# bats test_tags=I06
@test "names that only look like those of weir stay, whatever they name" {
	local name i=0

	mkdir "$D/d" "$D/full"
	make_names 1
	for name in .weir. .weir.x .weir.abcdefghijklmnopqrstuvwx "${names[0]}a" "x${names[0]}" \
		"${names[0]%?}" "${names[0]^^}" .weir-snapshot- \
		.weir-snapshot-0123456789abcdef0123456789abcdef .weir-snapshot-x; do
		i=$((i + 1))
		mkdir "$D/$i"
		mktree file "$D/$i/$name" 100
		mkdir "$D/d/$i" "$D/d/$i/$name"
		mkdir "$D/d/$i/l"
		ln -s /nowhere "$D/d/$i/l/$name"
		mkdir "$D/d/$i/p"
		mkfifo "$D/d/$i/p/$name"
	done
	mknod "$D/.weir.abcdefghijklmnopqrstuvwx" c 1 3 2>/dev/null || true
	picture "$D" >"$T/before"
	cleans -v --snapshots "$D"
	prints_nothing
	picture "$D" | diff "$T/before" -
}

prints_nothing() {
	[ -z "$output" ] || { printf 'printed: %s\n' "$output"; return 1; }
}

# bats test_tags=I06
@test "a folder with such a name goes if it is empty" {
	make_names 4
	mkdir -m 700 "$D/${names[0]}" "$D/${names[1]}"
	mkdir -m 755 "$D/${names[2]}" "$D/${names[3]}"
	: >"$D/${names[3]}/user's"
	: >"$D/${names[1]}/user's"
	cleans -n "$D"
	lists "remove  temp  $D/${names[0]}/" "remove  temp  $D/${names[2]}/"
	[ -d "$D/${names[0]}" ]
	cleans -v "$D"
	lists "remove  temp  $D/${names[0]}/" "remove  temp  $D/${names[2]}/"
	absent "$D/${names[0]}"
	[ -e "$D/${names[1]}/user's" ]
	absent "$D/${names[2]}"
	[ -e "$D/${names[3]}/user's" ]
}

# bats test_tags=I06,A04
@test "a name that something else has got by now stays" {
	local script='mv "$D/other" "$D"/.weir.*'

	need_meanwhile
	make_names 1
	: >"$D/${names[0]}"
	printf "user's" >"$D/other"
	run --separate-stderr meanwhile openat "${names[0]}" "$script" -- "$WEIR" clean -v "$D"
	ended 23
	says "cannot remove target '$D/${names[0]}': "
	prints_nothing
	[ "$(cat "$D/${names[0]}")" = "user's" ]
}

# bats test_tags=M10
@test "the temporary names of a run that is at work stay, and it goes on" {
	local status_file=$T/status

	need_meanwhile
	mktree file "$S/f" 5000
	mktree file "$D/f" 50 7
	mkdir "$D/other"
	make_names 1
	: >"$D/other/${names[0]}"
	export status_file
	during renameat2 '*' 'ls -A "$D" >"$T/names"; "$WEIR" clean -v "$D" >"$T/out" 2>"$T/err"
		echo $? >"$status_file"' "$S/f" "$D"
	ended 0
	[ "$(cat "$status_file")" -eq 29 ]
	grep -q '^\.weir\.' "$T/names"
	grep -q "^weir: cannot clean target '$D': another run holds this folder" "$T/err"
	# The rest was done.
	[ "$(cat "$T/out")" = "remove  temp  $D/other/${names[0]}" ]
	same "$S/f" "$D/f"
	no_temps "$D"
	cleans "$D"
	silent
}

# bats test_tags=M10
@test "a folder that is held is told once, and by a dry run, too" {
	need_command flock
	mkdir "$D/a" "$D/b"
	make_names 4
	(cd "$D/a" && touch "${names[@]:0:3}")
	: >"$D/b/${names[3]}"
	for lock in --shared --exclusive; do
		exits 29 flock $lock "$D/a" "$WEIR" clean -n "$D"
		lists "remove  temp  $D/b/${names[3]}"
		[ "$(grep -c 'another run holds' <<<"$stderr")" -eq 1 ]
	done
	exits 29 flock --shared "$D/a" "$WEIR" clean -q "$D"
	[ "$(temps_in "$D" | wc -l)" -eq 3 ]
	absent "$D/b/${names[3]}"
	# A folder that is held, but has nothing of the kind, is no matter.
	exits 0 flock --shared "$D/b" "$WEIR" clean -q "$D"
	no_temps "$D"
}

@test "a dry run changes nothing" {
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
	mkdir "$D/a"
	make_names 3
	(cd "$D" && touch "${names[0]}" && ln -s x "a/${names[1]}" && mkdir -m 700 "a/${names[2]}")
	find "$D" -printf '%p %i %C@\n' | sort >"$T/before"
	exits 0 env WEIR_TRACE="$T/trace" "$WEIR_FAULTY" clean -n "$D"
	[ "$(wc -l <<<"$output")" -eq 3 ]
	grep -q getdents "$T/trace"
	nothing "$(grep -E ' (create|write|mkdir|unlink|link|rename|ch[a-z]+|utimens) ' "$T/trace")"
	nothing "$(grep -E ' (fsync|syncfs|setxattr|ftruncate) ' "$T/trace")"
	find "$D" -printf '%p %i %C@\n' | sort | diff "$T/before" -
}

# bats test_tags=C15
@test "links are not followed below an operand, and nothing outside is touched" {
	mkdir "$T/outside" "$D/d"
	make_names 3
	: >"$T/outside/${names[0]}"
	ln -s "$T/outside" "$D/link"
	ln -s "$T/outside/${names[0]}" "$D/${names[1]}"
	: >"$D/d/${names[2]}"
	cleans "$D"
	no_temps "$D"
	[ -e "$T/outside/${names[0]}" ]
	# An operand is resolved, as that of a copy is.
	cleans -v "$D/link"
	lists "remove  temp  $D/link/${names[0]}"
	absent "$T/outside/${names[0]}"
}

@test "a name that is no folder stands for its folder alone" {
	mkdir "$D/sub"
	make_names 4
	mktree file "$D/f" 10
	ln -s nowhere "$D/dangling"
	(cd "$D" && touch "${names[0]}" "sub/${names[1]}")
	cleans -v "$D/f"
	lists "remove  temp  $D/${names[0]}"
	[ -e "$D/sub/${names[1]}" ]
	: >"$D/${names[2]}"
	cleans "$D/dangling"
	absent "$D/${names[2]}"
	: >"$D/${names[3]}"
	cd "$D"
	cleans -v f
	lists "remove  temp  ${names[3]}"
	[ -e "sub/${names[1]}" ]
}

# bats test_tags=I01,I02
@test "names are escaped for people and exact for programs" {
	local folder=$D/$'new\nline \xff\e[1m'

	mkdir "$folder" 2>/dev/null || skip "no such names here"
	make_names 1
	: >"$folder/${names[0]}"
	LC_ALL=C.UTF-8 cleans -n "$D"
	lists "remove  temp  $D/new\\nline \\xff\\x1b[1m/${names[0]}"
	"$WEIR" clean -n0 "$D" >"$T/out" 2>/dev/null
	printf 'remove  temp  %s\0' "$folder/${names[0]}" | cmp - "$T/out"
	"$WEIR" clean -v0 "$D" 2>/dev/null | cmp - "$T/out"
	absent "$folder/${names[0]}"
}

# bats test_tags=I04
@test "a deep tree is walked with few descriptors" {
	local depth=600 path

	make_names 1
	path=$D$(printf '/d%.0s' $(seq $depth))
	mkdir -p "$path" "${path%/*}/e"
	: >"$path/${names[0]}"
	: >"${path%/*}/e/${names[0]}"
	exits 0 launch --limit=nofile:24 -- "$WEIR" clean --stats "$D"
	counts removed -eq 2
	counts folders_done -eq $((depth + 2))
}

@test "a folder with very many folders is walked, and each once" {
	mkdir "$D/w"
	make_names 300
	(
		cd "$D/w"
		seq -f 'a-folder-with-a-long-name-%05g' 3000 | xargs mkdir
		touch "${names[@]}"
		printf '%s\n' a-folder-* | shuf -n 300 >"$T/some"
		paste -d / "$T/some" <(printf '%s\n' "${names[@]}") | xargs touch
	)
	cleans --stats "$D"
	counts removed -eq 600
	counts folders_done -eq 3002
	no_temps "$D"
}

# bats test_tags=G03
@test "folders that may not be read or written are told, and the others cleaned" {
	user_areas
	make_names 4
	mkdir "$D/closed" "$D/fixed" "$D/open"
	: >"$D/closed/${names[0]}"
	: >"$D/fixed/${names[1]}"
	: >"$D/open/${names[2]}"
	chown -R 65534:65534 "$D" 2>/dev/null || true
	chmod 300 "$D/closed"
	chmod 500 "$D/fixed"
	exits 23 as_user "$WEIR" clean -v "$D"
	lists "remove  temp  $D/open/${names[2]}"
	says "cannot open folder target '$D/closed': Permission denied (EACCES)"
	says "cannot remove target '$D/fixed/${names[1]}': Permission denied (EACCES)"
	[ "$(grep -c '^weir: cannot' <<<"$stderr")" -eq 2 ]
	chmod 700 "$D/closed" "$D/fixed"
	exits 0 as_user "$WEIR" clean "$D"
	no_temps "$D"
}

@test "one operand that is missing keeps no other from being cleaned" {
	make_names 2
	mkdir "$D/a" "$D/b"
	: >"$D/a/${names[0]}"
	: >"$D/b/${names[1]}"
	clean_exits 23 -v "$D/a" "$D/none" "$D/b" "$D/a/none/none"
	lists "remove  temp  $D/a/${names[0]}" "remove  temp  $D/b/${names[1]}"
	says "cannot clean target '$D/none': No such file or directory (ENOENT)"
	says "cannot clean target '$D/a/none/none': No such file or directory (ENOENT)"
}

@test "where locks do not work, what is younger than a day stays" {
	make_names 2
	(cd "$D" && touch "${names[@]}")
	exits 0 refuse flock=ENOSYS -- "$WEIR" clean -v "$D"
	prints_nothing
	says "cannot clean target '$D': locks do not work here, so what is younger than a day stays"
	[ "$(temps_in "$D" | wc -l)" -eq 2 ]
}

# bats test_tags=C15
@test "other file systems are entered on request alone" {
	need_root
	mkdir "$D/mount"
	make_names 3
	cat >"$T/script" <<-'END'
		mount -t tmpfs none "$D/mount" && : >"$D/mount/$1" && : >"$D/$2" || exit 99
		"$WEIR" clean -v "$D" && [ -e "$D/mount/$1" ] || exit 98
		"$WEIR" clean -v --cross-file-systems -x "$D" && [ -e "$D/mount/$1" ] || exit 97
		"$WEIR" clean -v --cross-file-systems "$D" && [ ! -e "$D/mount/$1" ] || exit 96
		: >"$D/mount/$3"
		"$WEIR" clean "$D/mount" && [ ! -e "$D/mount/$3" ] || exit 95
	END
	exits 0 unshare -m --propagation=private sh "$T/script" "${names[@]}"
	lists "remove  temp  $D/${names[1]}" "remove  temp  $D/mount/${names[0]}"
	says "in 2 folders that were looked at; memory only (tmpfs)"
}

@test "each folder is synced when its residue is gone, as the level says" {
	need_strace
	no_sync_here
	local level syncs

	for level in none:0 end:1 group:2 file:2; do
		mkdir -p "$D/a" "$D/b"
		make_names 4
		(cd "$D/a" && touch "${names[@]:0:3}")
		: >"$D/b/${names[3]}"
		run --separate-stderr strace -f -qq -e trace=fsync,syncfs,unlinkat -o "$T/trace" \
			"$WEIR" clean --durable="${level%:*}" "$D"
		[ "$status" -eq 0 ]
		no_temps "$D"
		syncs=$(grep -cE 'fsync|syncfs' "$T/trace" || true)
		case $level in
		end:*) need_syncfs_or "$syncs" ;;
		*) [ "$syncs" -eq "${level#*:}" ] ;;
		esac
		[ "${level%:*}" = none ] || tail -n 1 "$T/trace" | grep -qE 'sync|exited'
	done
}

# Where syncfs is not believed, each folder is synced by itself.
need_syncfs_or() { # COUNT
	case $(fs_type "$D") in
	ext2/ext3 | xfs | btrfs) [ "$(grep -c syncfs "$T/trace")" -eq 1 ] ;;
	*) [ "$1" -eq 2 ] ;;
	esac
}

@test "a sync that fails is told, and so is that nothing is known to be durable" {
	no_sync_here
	make_names 1
	: >"$D/${names[0]}"
	exits 23 refuse fsync=EIO -- "$WEIR" clean -v "$D"
	says "cannot sync folder target '$D': "
	says "; not known to be durable; 1 failed"
	no_temps "$D"
}

# bats test_tags=M10
@test "the lock is not kept from others while nobody reads what is printed" {
	need_command flock
	local cleaner limit=$((SECONDS + 60))

	make_names 6000
	(cd "$D" && printf '%s\n' "${names[@]}" | xargs touch)
	mkfifo "$T/pipe"
	"$WEIR" clean -v "$D" >"$T/pipe" 2>/dev/null &
	cleaner=$!
	exec 8<"$T/pipe"
	# More are gone than the pipe and all that is held back can tell of.
	until [ "$(find "$D" -name '.weir.*' | wc -l)" -lt 5500 ]; do
		[ $SECONDS -lt $limit ]
	done
	flock --shared --timeout 30 "$D" [ -d "$D" ]
	# Nor is all of it held back in memory.
	[ "$(find "$D" -name '.weir.*' | wc -l)" -gt 1000 ]
	cat <&8 >"$T/lines"
	exec 8<&-
	wait "$cleaner"
	[ "$(wc -l <"$T/lines")" -eq 6000 ]
	no_temps "$D"
}

# bats test_tags=M01
@test "a signal ends a clean by that signal, with nothing half done" {
	need_meanwhile
	need_command pgrep
	make_names 50
	mkdir "$D/d"
	(cd "$D" && touch "${names[@]:0:30}")
	(cd "$D/d" && touch "${names[@]:30}" keep)
	# The parent of the shell is that of the command, too.
	run --separate-stderr meanwhile --each --nth=10 unlinkat '.weir.*' \
		'[ -e "$T/struck" ] || kill -INT $(pgrep -x -P $PPID weir); : >"$T/struck"' \
		-- "$WEIR" clean "$D"
	ended 130
	silent
	[ "$(temps_in "$D" | wc -l)" -ge 20 ]
	cleans "$D"
	no_temps "$D"
	[ -e "$D/d/keep" ]
}

# bats test_tags=M03
@test "the next copy removes just what a clean would have" {
	make_names 3
	mkdir "$S/a" "$D/a"
	mktree file "$S/a/f" 100
	(cd "$D/a" && touch "${names[0]}" .weir.abcdefghijklmnopqrstuvwx &&
		ln -s x "${names[1]}" && mkdir -m 755 "${names[2]}" .weir.xbcdefghijklmnopqrstuvwx)
	cleans -n "$D/a"
	lists "remove  temp  $D/a/${names[0]}" "remove  temp  $D/a/${names[1]}" \
		"remove  temp  $D/a/${names[2]}/"
	copies -r "$S/a" "$D"
	absent "$D/a/${names[0]}" "$D/a/${names[1]}" "$D/a/${names[2]}"
	[ -d "$D/a/.weir.xbcdefghijklmnopqrstuvwx" ]
	[ -e "$D/a/.weir.abcdefghijklmnopqrstuvwx" ]
}
