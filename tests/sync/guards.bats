#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a sync refuses before it changes anything, whom it waits for, and what it
# remembers of a pair of folders: cases B05, B06, M10, N08, O01, O02, O10.  What needs
# several file systems is in root/guards.bats.

load helper

# weir sync is refused, says why and changes nothing in the target.
is_refused() { # TEXT ARGUMENT...
	local text=$1 before

	shift
	before=$(picture "$D")
	sync_exits 28 "$@"
	says "refused: "
	says "$text"
	[ "$(grep -c 'refused: ' <<<"$stderr")" -eq 1 ]
	[ "$before" = "$(picture "$D")" ]
}

# The test has a folder for records of its own, in place of that of the system.
need_state() {
	mkdir "$T/lib"
	remembering true 2>/dev/null || skip "may not mount a place for records"
	records=$T/lib/weir
}

remembering() { # COMMAND...
	unshare -m sh -c 'mount --bind "$0" /var/lib && exec "$@"' "$T/lib" "$@"
}

# weir sync with these records.
remembered_sync() { # STATUS ARGUMENT...
	local expected=$1

	shift
	exits "$expected" remembering "$WEIR" sync "$@"
}

the_record() {
	find "$records" -type f | grep -E '/[0-9a-f]{32}$'
}

no_record() {
	[ ! -e "$records" ] || empty_folder "$records"
}

# --- SOURCE ------------------------------------------------------------------------

# bats test_tags=O01
@test "a source that is missing, no folder, or cannot be read is refused" {
	: >"$S/file"
	ln -s nowhere "$S/link"
	is_refused "'$S/missing': there is no such folder" "$S/missing" "$D"
	is_refused "'$S/link': there is no such folder" "$S/link" "$D"
	is_refused "'$S/file': it is no folder" "$S/file" "$D"
	sync_exits 28 --delete --mkpath "$S/missing" "$T/new/folder"
	absent "$T/new"
}

# bats test_tags=O01
@test "a source that may not be read is refused" {
	user_areas
	mkdir -m 300 "$S/closed"
	can_drop && chown 65534:65534 "$S/closed"
	echo keep >"$D/kept"
	exits 28 as_user "$WEIR" sync --delete "$S/closed" "$D"
	says "'$S/closed': it cannot be read"
	[ -e "$D/kept" ]
	chmod 700 "$S/closed"
}

# bats test_tags=O02
@test "an empty source does not empty the target" {
	echo keep >"$D/kept"
	is_refused "--allow=empty-source" --delete "$S" "$D"
	is_refused "--allow=empty-source" --delete=first "$S" "$D"
	is_refused "--allow=empty-source" --delete --allow=moved,home,root,contents "$S" "$D"
	is_refused "--allow=empty-source" --delete --dry-run "$S" "$D"
	# What a file system has by itself is nothing.
	mkdir "$S/lost+found"
	is_refused "--allow=empty-source" --delete "$S" "$D"
	rmdir "$S/lost+found"
	# Nothing is to be removed.
	syncs "$S" "$D"
	[ -e "$D/kept" ]
	syncs --delete --allow=empty-source "$S" "$D"
	empty_folder "$D"
	# Now there is nothing to be lost.
	mkdir "$D/lost+found"
	syncs --delete --exclude=lost+found "$S" "$D"
	syncs --delete "$S" "$T/new"
	empty_folder "$T/new"
}

# --- one in the other ------------------------------------------------------------------

# bats test_tags=B05
@test "a target inside of the source is refused before anything is made" {
	mkdir "$S/a"
	ln -s "$S/a" "$T/link"
	sync_exits 28 "$S" "$S/a"
	says "'$S': the target is inside of it"
	sync_exits 28 "$S" "$S/a/new"
	sync_exits 28 "$S" "$T/link/new"
	sync_exits 28 --mkpath "$S" "$S/x/y/z"
	sync_exits 28 --mkpath "$S" "$T/link/../x/y"
	sync_exits 28 --dry-run "$S" "$S/a/new"
	sync_exits 28 "$S" "$S"
	says "source and target are the same folder"
	sync_exits 28 "$S/a" "$T/link/"
	[ "$(find "$S" | wc -l)" -eq 2 ]
}

# bats test_tags=B06
@test "a source inside of the target is refused with --delete, and nothing overrides that" {
	mkdir -p "$D/from/sub"
	echo new >"$D/from/file"
	echo keep >"$D/kept"
	ln -s "$D/from" "$T/link"
	is_refused "it is inside of the target, and --delete would remove it" \
		--delete --allow=empty-source,moved,home,root,contents --yes-delete-many \
		"$D/from" "$D"
	is_refused "inside of the target" --delete "$T/link" "$D"
	is_refused "inside of the target" --delete=first "$D/from/sub" "$D"
	# A rule that covers it keeps it, unless that is not to keep anything.
	is_refused "inside of the target" --delete --delete-excluded --exclude=/from \
		"$D/from" "$D"
	is_refused "inside of the target" --delete --exclude=/fr "$D/from" "$D"
	syncs --delete --exclude=/from "$D/from" "$D"
	[ "$(cat "$D/file" "$D/from/file")" = "new
new" ]
	absent "$D/kept"
	syncs "$D/from" "$D"
}

# --- what nobody can mean ------------------------------------------------------------------

# bats test_tags=O10
@test "the root folder is no target for --delete" {
	echo x >"$S/f"
	# Whatever else goes wrong: nothing is changed, and no more than looked for.
	local dry=(--dry-run --delete --max-delete=0 --exclude='/*')

	sync_exits 28 "${dry[@]}" "$S" /
	says "it is the root folder"
	says "--allow=root"
	sync_exits 28 "${dry[@]}" "$S" /usr/..
	sync_exits 28 "${dry[@]}" --allow=home,moved,empty-source,contents "$S" /
	sync_exits 0 "${dry[@]}" --allow=root "$S" /
	sync_exits 0 --dry-run --exclude='/*' "$S" /
}

# bats test_tags=O10
@test "a home folder is no target for --delete" {
	local home dry=(--dry-run --delete --max-delete=0 --exclude='/*')

	home=$(getent passwd "$(id -u)" | cut -d: -f6)
	[ -d "$home" ] && [ "$home" -ef / ] && skip "this account lives in the root folder"
	[ -d "$home" ] || skip "this account has no home folder"
	echo x >"$S/f"
	HOME=/nowhere sync_exits 28 "${dry[@]}" "$S" "$home"
	says "it is the home folder of $(id -un)"
	says "--allow=home"
	ln -s "$home" "$T/link"
	sync_exits 28 "${dry[@]}" --allow=root,moved,empty-source,contents "$S" "$T/link/."
	sync_exits 0 "${dry[@]}" --allow=home "$S" "$home"
	# What the environment calls home is none.
	HOME=$D syncs --delete "$S" "$D"
	[ -e "$D/f" ]
}

# bats test_tags=O10
@test "a target that rsync was used with is named as it was meant" {
	mkdir "$S/photos" "$D/photos"
	echo new >"$S/photos/new"
	echo old >"$D/photos/old"
	is_refused "--contents if that is meant, else name the target: '$D/photos'" \
		--delete "$S/photos" "$D"
	# A slash changes nothing, at either end.
	is_refused ": '$D/photos'" --delete "$S/photos/" "$D/"
	is_refused "--contents" --delete --allow=empty-source,moved,home,root "$S/photos" "$D"
	# What is kept is not in danger.
	syncs --delete --exclude=/photos "$S/photos" "$D"
	is_refused "--contents" --delete --delete-excluded --exclude=/photos "$S/photos" "$D"
	(cd "$S/photos" && syncs --dry-run --delete . "$D")
	syncs "$S/photos" "$D"
	# With one of its own the source has such a name.
	mkdir "$S/photos/photos"
	syncs --dry-run --delete "$S/photos" "$D"
	rmdir "$S/photos/photos"
	is_refused "--contents" --delete "$S/photos" "$D"
	syncs --delete --contents "$S/photos" "$D"
	absent "$D/photos"
	# A file of that name is none of rsync's making.
	echo file >"$D/photos"
	syncs --delete "$S/photos" "$D"
	absent "$D/photos"
	mkdir "$D/photos"
	syncs --delete --allow=contents "$S/photos" "$D"
	absent "$D/photos"
}

# --- leading folders ---------------------------------------------------------------------------

@test "one missing folder is made, and more with --mkpath" {
	echo x >"$S/f"
	chmod 750 "$S"
	sync_exits 1 "$S" "$T/a/b/c"
	says "'$T/a/b/c'"
	says "--mkpath"
	absent "$T/a"
	umask 027
	syncs "$S" "$T/one"
	same "$S/f" "$T/one/f"
	(cd "$T" && syncs --mkpath "$S" a//b/./c/)
	same "$S/f" "$T/a/b/c/f"
	[ "$(mode_of "$T/a")" = 750 ]
	[ "$(mode_of "$T/a/b")" = 750 ]
	umask 000
	syncs --mkpath "$S" "$T/a/x/c"
	[ "$(mode_of "$T/a/x")" = 777 ]
	[ "$(mode_of "$T/a/x/c")" = 750 ]
	# A dry run makes none.
	syncs --mkpath --dry-run "$S" "$T/new/folder"
	absent "$T/new"
}

@test "a path that cannot be made is told, and nothing of it is made" {
	echo x >"$S/f"
	ln -s nowhere "$T/link"
	sync_exits 1 --mkpath "$S" "$T/new/../other"
	says "'..' leads nowhere behind what is not there"
	sync_exits 1 --mkpath "$S" "$S/f/new"
	says "ENOTDIR"
	sync_exits 1 --mkpath "$S" "$T/link/new"
	sync_exits 1 --mkpath "$S" "$T/link"
	absent "$T/new" "$T/other" "$T/nowhere"
}

@test "new leading folders are synced before the target is used" {
	need_fault
	no_trace
	echo x >"$S/f"
	WEIR_TRACE=$T/trace exits 0 "$WEIR_FAULTY" sync --mkpath "$S" "$T/a/b/c"
	sort -n "$T/trace" >"$T/sorted"
	# Each mkdir is followed by an fsync of the folder it was done in.
	awk '$2 == "mkdir" && $8 == 0 && $4 ~ /^[abc]$/ { made[$4] = $3; due = $3; count++; next }
		due && $2 == "fsync" && $3 == due { due = "" }
		due && ($2 == "mkdir" || $2 == "getdents") { late = 1 }
		END { exit !(count == 3 && !late && !due) }' "$T/sorted"
	rm -r "$T/a"
	rm "$T/trace"
	WEIR_TRACE=$T/trace exits 0 "$WEIR_FAULTY" sync --mkpath --durable=none "$S" "$T/a/b/c"
	run ! awk '$2 == "fsync" || $2 == "syncfs" { found = 1 } END { exit !found }' "$T/trace"
}

# --- one run at a time ---------------------------------------------------------------------------

# Something else holds the folder until let_go; its process is $holder.
hold() { # FOLDER
	mkfifo "$T/held"
	flock "$1" cat "$T/held" 3>&- &
	holder=$!
	exec 9>"$T/held"
	until ! flock --nonblock "$1" true; do :; done
}

let_go() {
	exec 9>&-
	wait "$holder"
	rm "$T/held"
}

# Waits until a file says so.
until_says() { # FILE TEXT
	until grep -q -e "$2" "$1"; do
		kill -0 "$waiter" || return 1
	done
}

# bats test_tags=M10
@test "a second sync into a folder is told who has it" {
	need_meanwhile
	echo x >"$S/f"
	mkdir "$T/another"
	echo y >"$T/another/g"
	# shellcheck disable=SC2016,SC2097,SC2098 # the inner shell expands them
	S=$S D=$D T=$T WEIR=$WEIR run --separate-stderr meanwhile openat f \
		'"$WEIR" sync "$S" "$D" 2>"$T/second"; echo $? >"$T/status"
		"$WEIR" copy "$S/f" "$D" 2>"$T/third"; echo $? >>"$T/status"
		"$WEIR" sync "$T/another" "$D/below"; echo $? >>"$T/status"' -- \
		"$WEIR" sync --engine=plain "$S" "$D"
	ended 0
	[ "$(xargs <"$T/status")" = '29 29 0' ]
	grep -Eqx "weir: cannot sync into target '$D': another run holds this folder: \
process [0-9]+ \(weir\)" "$T/second"
	grep -Eq "another run holds this folder: process [0-9]+ \(weir\)$" "$T/third"
	same "$S/f" "$D/f"
	same "$T/another/g" "$D/below/g"
}

# bats test_tags=M10
@test "whoever holds the target is named" {
	echo x >"$S/f"
	hold "$D"
	sync_exits 29 "$S" "$D"
	says "'$D': another run holds this folder: process $holder (flock)"
	copy_exits 29 "$S/f" "$D"
	says "another run holds this folder: process $holder (flock)"
	# Looking is free, and so is what lies below.
	syncs --dry-run "$S" "$D"
	mkdir "$D/sub"
	syncs "$S" "$D/sub"
	same "$S/f" "$D/sub/f"
	absent "$D/f"
	let_go
	syncs "$S" "$D"
	same "$S/f" "$D/f"
}

# bats test_tags=M10
@test "who cannot be named is another run" {
	# The process that locked it is gone, its lock is not.
	exec 8<"$D"
	flock 8
	sync_exits 29 "$S" "$D"
	says "'$D': another run holds this folder"
	[[ $stderr != *process* ]]
	exec 8<&-
}

# bats test_tags=M10
@test "a sync waits for the target when told to" {
	echo x >"$S/f"
	hold "$D"
	"$WEIR" sync --wait-lock=1h "$S" "$D" 2>"$T/stderr" 3>&- 9>&- &
	waiter=$!
	until_says "$T/stderr" "process $holder (flock); waiting for it"
	absent "$D/f"
	let_go
	wait "$waiter"
	same "$S/f" "$D/f"
	[ "$(grep -c '' "$T/stderr")" -eq 1 ]
}

# bats test_tags=M10
@test "a sync does not wait for longer than it was told to" {
	echo x >"$S/f"
	hold "$D"
	sync_exits 29 --wait-lock=300ms "$S" "$D"
	says "waiting for it"
	says "cannot sync into target '$D': another run holds this folder: process $holder (flock)"
	sync_exits 29 -q --wait-lock=0 "$S" "$D"
	[[ $stderr != *waiting* ]]
	absent "$D/f"
	let_go
}

# bats test_tags=M10
@test "a signal ends the waiting" {
	echo x >"$S/f"
	hold "$D"
	"$WEIR" sync --wait-lock=1h "$S" "$D" 2>"$T/stderr" 3>&- 9>&- &
	waiter=$!
	until_says "$T/stderr" "waiting for it"
	kill -TERM "$waiter" # a background job may ignore SIGINT
	status=0
	wait "$waiter" || status=$?
	[ "$status" -eq 143 ]
	absent "$D/f"
	let_go
}

# bats test_tags=M10
@test "what was waited for is judged as it is then" {
	echo x >"$S/f"
	hold "$D"
	"$WEIR" sync --delete --wait-lock=1h "$S" "$D" 2>"$T/stderr" 3>&- 9>&- &
	waiter=$!
	until_says "$T/stderr" "waiting for it"
	mkdir "$D/${S##*/}"
	let_go
	status=0
	wait "$waiter" || status=$?
	cat "$T/stderr"
	[ "$status" -eq 28 ]
	grep -q -e "--contents" "$T/stderr"
	absent "$D/f"
	rmdir "$D/${S##*/}"

	hold "$D"
	"$WEIR" sync --wait-lock=1h "$S" "$D" 2>"$T/moved.stderr" 3>&- 9>&- &
	waiter=$!
	until_says "$T/moved.stderr" "waiting for it"
	mv "$D" "$T/moved"
	mkdir "$D"
	let_go
	status=0
	wait "$waiter" || status=$?
	[ "$status" -eq 1 ]
	grep -q ESTALE "$T/moved.stderr"
	absent "$D/f" "$T/moved/f"
}

# bats test_tags=M10
@test "a killed sync leaves no lock" {
	echo x >"$S/f"
	run refuse linkat=kill -- "$WEIR" sync "$S" "$D"
	absent "$D/f"
	syncs "$S" "$D"
	same "$S/f" "$D/f"
}

# --- what is remembered ---

# bats test_tags=N08
@test "a run that ended well is remembered, by the system and in neither folder" {
	need_state
	echo x >"$S/f"
	remembered_sync 0 "$S" "$D"
	[ "$(the_record | wc -l)" -eq 1 ]
	[ "$(stat -c '%a %u' "$records")" = '700 0' ]
	[ "$(stat -c '%a %u' "$(the_record)")" = '600 0' ]
	[ "$(find "$D" | wc -l)" -eq 2 ]
	grep -qx "source.path $(realpath "$S")" "$(the_record)"
	grep -qx "dest.path $(realpath "$D")" "$(the_record)"
	grep -Eqx 'time [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z' "$(the_record)"
	# Links and slashes lead to the same pair.
	ln -s "$D" "$T/link"
	(cd "$S" && remembered_sync 0 ./ "$T/link/")
	[ "$(the_record | wc -l)" -eq 1 ]
	remembered_sync 0 "$S" "$T/second"
	[ "$(the_record | wc -l)" -eq 2 ]
}

# bats test_tags=N08
@test "nothing in the environment leads to the records" {
	need_state
	echo x >"$S/f"
	mkdir "$T/home"
	HOME=$T/home XDG_STATE_HOME=$T/home TMPDIR=$T/home remembered_sync 0 "$S" "$D"
	empty_folder "$T/home"
	[ "$(the_record | wc -l)" -eq 1 ]
}

# bats test_tags=N08
@test "only a run that did its work is remembered" {
	need_state
	echo x >"$S/f"
	remembered_sync 0 --dry-run "$S" "$D"
	no_record
	mkdir "$D/${S##*/}"
	remembered_sync 28 --delete "$S" "$D"
	no_record
	rmdir "$D/${S##*/}"
	touch "$D"/{1..11}
	remembered_sync 25 --delete "$S" "$D"
	says "no record of an earlier sync"
	# A second try is no other run.
	remembered_sync 25 --delete "$S" "$D"
	no_record
	exec 8<"$D"
	flock 8
	remembered_sync 29 "$S" "$D"
	exec 8<&-
	no_record
	remembered_sync 0 "$S" "$D"
	remembered_sync 0 --delete "$S" "$D"
	[ "$(find "$D" | wc -l)" -eq 2 ]
}

# bats test_tags=N08
@test "a run with entries that failed is remembered" {
	need_state
	echo x >"$S/f"
	mkfifo "$S/fifo"
	run --separate-stderr remembering refuse mknodat=EPERM -- "$WEIR" sync "$S" "$D"
	ended 23
	[ "$(the_record | wc -l)" -eq 1 ]
}

# bats test_tags=N08
@test "a run that was interrupted is not remembered" {
	need_state
	need_meanwhile
	need_command pgrep
	echo x >"$S/f"
	# shellcheck disable=SC2016,SC2097,SC2098 # the inner shell expands it
	WEIR=$WEIR run --separate-stderr remembering meanwhile openat f \
		'kill -TERM $(pgrep -P $PPID -x weir)' -- "$WEIR" sync --engine=plain "$S" "$D"
	ended 143
	no_record
}

# bats test_tags=N08
@test "a record that is not whole is as none" {
	need_state
	local record

	echo x >"$S/f"
	remembered_sync 0 "$S" "$D"
	record=$(the_record)
	touch "$D"/{1..11}
	truncate -s -1 "$record"
	remembered_sync 25 --delete "$S" "$D"
	says "warning: cannot use record '/var/lib/weir/${record##*/}': it is damaged"
	says "no record of an earlier sync"
	: >"$record"
	remembered_sync 25 --delete "$S" "$D"
	says "it is cut short"
	rm "$record"
	ln -s /etc/passwd "$record"
	remembered_sync 25 --delete "$S" "$D"
	says "it is no file of ours"
	# A run that ends well makes it good.
	remembered_sync 0 "$S" "$D"
	[ -f "$record" ] && [ ! -L "$record" ]
	remembered_sync 0 --delete "$S" "$D"
	silent
}

# bats test_tags=N08
@test "a record is written whole, synced, then named" {
	need_state
	need_fault
	no_trace
	local name

	echo x >"$S/f"
	# By one thread, so that nothing of another one comes in between.
	WEIR_TRACE=$T/trace WEIR_FAULT=inline exits 0 remembering "$WEIR_FAULTY" sync "$S" "$D"
	name=$(the_record)
	sort -n "$T/trace" | awk -v name="${name##*/}" '
		{ line[NR] = $0 }
		$2 == "rename" && $4 ~ "^[.]weir[.][a-z2-7]*/" name "$" { at = NR; folder = $3 }
		END {
			if (!at) exit 1
			for (i = at - 1; i > 0 && order != "create write fsync "; i--) {
				split(line[i], part)
				if (part[2] ~ /^(create|write|fsync)$/) order = part[2] " " order
			}
			split(line[at + 1], part)
			exit !(order == "create write fsync " && part[2] == "fsync" &&
				part[3] == folder)
		}'
}

# bats test_tags=N08
@test "a run with nothing to do leaves its record alone" {
	need_state
	local before

	echo x >"$S/f"
	remembered_sync 0 "$S" "$D"
	remembered_sync 0 "$S" "$D"
	before=$(picture "$records")
	remembered_sync 0 "$S" "$D"
	remembered_sync 0 --delete "$S" "$D"
	[ "$before" = "$(picture "$records")" ]
	echo y >"$S/g"
	remembered_sync 0 "$S" "$D"
	[ "$before" != "$(picture "$records")" ]
}

# bats test_tags=N08
@test "where nothing can be remembered that is told once, to who asks" {
	need_state
	echo x >"$S/f"
	chmod 777 "$T/lib"
	mkdir -m 770 "$records"
	remembered_sync 0 "$S" "$D"
	silent
	remembered_sync 0 --explain "$S" "$D"
	[ "$(grep -c 'way: record' <<<"$stderr")" -eq 1 ]
	says "none can be kept"
	says "its folder is not ours alone"
	empty_folder "$records"
	chmod 700 "$records"
	remembered_sync 0 --explain "$S" "$D"
	says "this is the first run of this pair of folders"
	remembered_sync 0 --explain "$S" "$D"
	[[ $stderr != *"way: record"* ]]
}
