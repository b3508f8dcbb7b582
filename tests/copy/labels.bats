#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Labels of new names.  tools/libselinux.c plays the library, and a policy: in the
# folder F a name gets the label F:CLASS, and one that begins with "rule" F:CLASS:NAME.

load helper

setup() {
	"$WEIR" --version | grep -qx 'libselinux yes' || skip "built without libselinux"
	need_no_sanitizer
	make_areas
	shim=$WEIR_TOOLS/libselinux.so.1
	log=$T/log
}

# Runs a command, which must end with this status, where SELinux is on.
labelled() { # STATUS COMMAND...
	local expected=$1

	shift
	: >"$log"
	exits "$expected" env LD_PRELOAD="$shim" LABELS_LOG="$log" "$@"
}

# The same with weir copy, and a log that shows one making for each label.
labels() { # STATUS [NAME=VALUE...] ARGUMENT...
	local expected=$1 settings=()

	shift
	while [[ $1 == LABELS_* ]]; do
		settings+=("$1")
		shift
	done
	labelled "$expected" "${settings[@]}" "$WEIR" copy "$@"
	tidy
}

# Each label is taken back after one making in its thread, and none is kept.
tidy() {
	awk '
		$2 == "set" && now[$1] != "" { print "set twice: " $0; bad = 1 }
		$2 == "set" { now[$1] = $3; made[$1] = 0 }
		$2 == "make" && ++made[$1] > 1 && now[$1] != "" { print "second: " $0; bad = 1 }
		$2 == "make" && $5 != (now[$1] == "" ? "-" : now[$1]) {
			print "other: " $0
			bad = 1
		}
		$2 == "clear" { now[$1] = "" }
		$2 == "end" { ended = 1; if ($3 != 0) { print "kept: " $0; bad = 1 } }
		END {
			for (thread in now)
				if (now[thread] != "") {
					print "left: " thread
					bad = 1
				}
			exit bad || !ended
		}' "$log"
}

# What a file was made with; "-": the kernel chose.
has_label() { # PATH LABEL
	local inode label

	inode=$(stat -c %i "$1")
	label=$(awk -v inode="$inode" '$2 == "make" && $4 == inode { label = $5 }
		END { print label }' "$log")
	[ "$label" = "$2" ] && return 0
	printf '%s: label "%s", expected "%s":\n' "$1" "$label" "$2"
	cat "$log"
	return 1
}

# The log has so many lines of this form, behind the thread.
logged() { # COUNT PATTERN
	local count

	count=$(cut -d ' ' -f 2- "$log" | grep -cxE -- "$2") || true
	[ "$count" -eq "$1" ] && return 0
	printf '%s lines of "%s", expected %s:\n' "$count" "$2" "$1"
	cat "$log"
	return 1
}

make_tree() { # FOLDER
	mkdir -p "$1/rule-folder/empty"
	mktree file "$1/rule-file" 5000
	mktree file "$1/plain" 100
	mktree file "$1/rule-folder/rule-deep" 200000
	ln -s plain "$1/rule-link"
	mkfifo "$1/rule-fifo"
	mktree socket "$1/rule-socket"
}

# bats test_tags=G14
@test "each new entry gets the label of its final name, as its type and folder have it" {
	make_tree "$S/a"
	labels 0 -r "$S/a" "$D/b"
	has_label "$D/b/rule-file" b:file:rule-file
	has_label "$D/b/rule-link" b:lnk_file:rule-link
	has_label "$D/b/rule-fifo" b:fifo_file:rule-fifo
	has_label "$D/b/rule-socket" b:sock_file:rule-socket
	has_label "$D/b/rule-folder/rule-deep" rule-folder:file:rule-deep
	has_label "$D/b/plain" -
	same "$S/a" "$D/b"
}

# bats test_tags=G14
@test "devices have classes of their own" {
	need_devices
	mkdir "$S/a"
	mknod "$S/a/rule-c" c 1 3
	mknod "$S/a/rule-b" b 7 200
	labels 0 -r "$S/a" "$D/b"
	has_label "$D/b/rule-c" b:chr_file:rule-c
	has_label "$D/b/rule-b" b:blk_file:rule-b
}

# bats test_tags=G14
@test "folders are left to the kernel, which sees their names" {
	make_tree "$S/a"
	labels 0 -r "$S/a" "$D/b"
	logged 3 'make dir [0-9]+ -'
	logged 0 '(class|compute) dir.*'
}

# bats test_tags=G14
@test "another name at the target counts, not that of the source" {
	mktree file "$S/rule-old" 100
	mktree file "$S/old" 100
	labels 0 "$S/rule-old" "$D/new"
	has_label "$D/new" -
	labels 0 "$S/old" "$D/rule-new"
	has_label "$D/rule-new" target:file:rule-new
	logged 1 'compute file target rule-new'
}

# bats test_tags=G14
@test "a name without a rule costs one question, and nothing is set" {
	mktree many "$S/a" 50
	labels 0 -r --workers=1 "$S/a" "$D/b"
	logged 50 'make file [0-9]+ -'
	logged 50 'compute file b [^-].*'
	logged 1 'compute file b -'
	logged 0 'set .*'
	logged 0 'clear'
	logged 1 'enabled'
}

# bats test_tags=G14
@test "the label is of one thread and one making, however many work" {
	local i j engine

	mkdir "$S/a"
	for i in 1 2 3 4 5 6 7 8; do
		mkdir "$S/a/d$i"
		for j in 1 2 3 4 5 6 7 8; do
			echo "$i" >"$S/a/d$i/rule$j"
			ln -s x "$S/a/d$i/rule-l$j"
			echo "$i" >"$S/a/d$i/plain$j"
		done
	done
	for engine in auto plain; do
		rm -rf "$D/b"
		labels 0 -a --workers=4 --engine=$engine "$S/a" "$D/b"
		logged 64 'make file [0-9]+ d[1-8]:file:rule[1-8]'
		logged 64 'make lnk_file [0-9]+ d[1-8]:lnk_file:rule-l[1-8]'
		logged 64 'make file [0-9]+ -'
		logged 128 'set .*'
		logged 128 'clear'
		has_label "$D/b/d3/rule5" d3:file:rule5
	done
}

# bats test_tags=G14
@test "a temp name has no label of its own" {
	mktree file "$S/rule-f" 100
	mktree file "$S/plain" 100
	refuse tmpfile=EOPNOTSUPP -- true 2>/dev/null || skip "cannot refuse calls here"
	labelled 0 refuse tmpfile=EOPNOTSUPP -- "$WEIR" copy -r "$S" "$D/b"
	tidy
	has_label "$D/b/rule-f" b:file:rule-f
	has_label "$D/b/plain" -
	logged 0 'compute .*\.weir\..*'
}

# bats test_tags=G14
@test "symbolic links to sources have labels, hard links those of their sources" {
	mktree file "$S/rule-f" 100
	labels 0 -s "$S/rule-f" "$D/rule-s"
	has_label "$D/rule-s" target:lnk_file:rule-s
	: >"$S/try"
	ln "$S/try" "$D/try" 2>/dev/null || skip "source and target cannot have links in common"
	labels 0 -l "$S/rule-f" "$D/rule-l"
	logged 0 'make .*'
	logged 0 'compute .*'
}

# bats test_tags=G14
@test "what takes over the label of the file that it replaces asks for none" {
	mktree file "$S/rule-f" 100
	mktree file "$D/rule-f" 200 9
	labels 0 "$S/rule-f" "$D"
	cmp "$S/rule-f" "$D/rule-f"
	has_label "$D/rule-f" -
	logged 0 'compute .*'
	labels 0 --inplace "$S/rule-f" "$D"
	logged 0 'make .*'
	logged 0 'compute .*'
}

# bats test_tags=G14
@test "what takes over nothing gets the label of its name" {
	local how

	mktree file "$S/rule-f" 100
	for how in -p -a --remove-destination -b; do
		mktree file "$D/rule-f" 200 9
		labels 0 $how "$S/rule-f" "$D"
		cmp "$S/rule-f" "$D/rule-f"
		has_label "$D/rule-f" target:file:rule-f
	done
	rm "$D/rule-f"
	ln -s nowhere "$D/rule-f"
	labels 0 "$S/rule-f" "$D"
	has_label "$D/rule-f" target:file:rule-f
}

# bats test_tags=G14
@test "what is replaced hands its label on, whoever makes labels" {
	need_root
	mktree file "$S/rule-f" 100
	mktree file "$D/rule-f" 200 9
	setfattr -n security.selinux -v old_u:object_r:old_t:s0 "$D/rule-f" 2>/dev/null ||
		skip "no security labels can be set here"
	copies "$S/rule-f" "$D"
	cmp "$S/rule-f" "$D/rule-f"
	getfattr --only-values -n security.selinux "$D/rule-f" | grep -qF old_u:object_r:old_t:s0
	mktree file "$S/rule-f" 300 3
	labels 0 "$S/rule-f" "$D"
	cmp "$S/rule-f" "$D/rule-f"
	getfattr --only-values -n security.selinux "$D/rule-f" | grep -qF old_u:object_r:old_t:s0
	labels 0 --remove-destination "$S/rule-f" "$D"
	run ! getfattr --only-values -n security.selinux "$D/rule-f"
}

# bats test_tags=G14
@test "where all files have one label that cannot be set, files are replaced" {
	mktree file "$S/f" 100
	mktree file "$D/f" 200 9
	: >"$D/probe"
	getfattr "$D/probe" 2>/dev/null || skip "no extended attributes here"
	labels 0 LABELS_MOUNT=mount "$S/f" "$D"
	silent
	cmp "$S/f" "$D/f"
}

# bats test_tags=G14
@test "labels that are copied from the source are not asked for" {
	mktree file "$S/rule-f" 100
	labels 0 --preserve=context "$S/rule-f" "$D/rule-p"
	logged 0 '(look|enabled|compute|set).*'
	labels 0 -a --keep=context:try "$S/rule-f" "$D/rule-k"
	logged 0 '(look|enabled|compute|set).*'
	labels 0 -a "$S/rule-f" "$D/rule-a" # which does not copy them
	has_label "$D/rule-a" target:file:rule-a
	labels 0 --dry-run "$S/rule-f" "$D/rule-d"
	logged 0 '(look|enabled|compute|set).*'
}

# bats test_tags=G14
@test "where SELinux is off nothing is asked, but whether it is" {
	mktree file "$S/rule-f" 100
	labels 0 LABELS_OFF=1 -r "$S" "$D/a"
	logged 1 'look'
	logged 0 '(enabled|class|folder|compute|set) ?.*'
	labels 0 LABELS_FAIL=enabled=EINVAL -r "$S" "$D/b"
	logged 1 'enabled'
	logged 0 '(class|folder|compute|set) .*'
	labels 0 LABELS_OWN=kernel -r "$S" "$D/c" # on, and no policy is loaded
	logged 1 'own'
	logged 0 '(class|folder|compute|set) .*'
	silent
}

# bats test_tags=G14
@test "a label that the program has set for what it makes is left alone" {
	mktree file "$S/rule-f" 100
	labels 0 LABELS_THREAD=mine -r "$S" "$D/a"
	logged 1 'thread'
	logged 0 '(class|folder|compute|set) .*'
	logged 0 'clear'
	silent
}

# bats test_tags=G14
@test "libselinux itself is found, and says that SELinux is off" {
	need_strace
	ldconfig -p 2>/dev/null | grep -qF 'libselinux.so.1 ' || skip "needs libselinux.so.1"
	[ ! -e /sys/fs/selinux/status ] || skip "SELinux is on"
	mktree file "$S/rule-f" 100
	exits 0 strace -f -o "$T/trace" -P /sys/fs/selinux/status -e inject=statx:retval=0 \
		"$WEIR" copy "$S/rule-f" "$D/f"
	silent
	grep -q 'statx.*selinux/status.* = 0 (INJECTED)' "$T/trace"
	cmp "$S/rule-f" "$D/f"
}

# bats test_tags=G14
@test "a library that cannot be loaded is a warning, with a count" {
	need_strace
	[ ! -e /sys/fs/selinux/status ] || skip "SELinux is on"
	mktree many "$S/a" 20
	mkdir "$T/lib"
	head -c 4096 /dev/zero >"$T/lib/libselinux.so.1"
	exits 0 strace -f -o "$T/trace" -P /sys/fs/selinux/status -e inject=statx:retval=0 \
		env LD_LIBRARY_PATH="$T/lib" "$WEIR" copy -r "$S/a" "$D/b"
	says "warning: context of 20 entries not set by name, first '$D/b/"
	says "(ELIBACC)"
	same "$S/a" "$D/b"
}

# bats test_tags=G14
@test "a label that cannot be found or set is a warning, and the entry is copied" {
	local step

	mktree many "$S/a" 20
	echo 1 >"$S/a/rule-1"
	for step in own=EACCES thread=EACCES class=EINVAL folder=EACCES nameless=EINVAL \
		compute=EACCES; do
		rm -rf "$D/b"
		labels 0 LABELS_FAIL=$step -r "$S/a" "$D/b"
		says "weir: warning: context of 21 entries not set by name, first '$D/b/"
		says "(${step#*=})"
		[ "$(grep -c context <<<"$stderr")" -eq 1 ]
		same "$S/a" "$D/b"
		logged 21 'make file [0-9]+ -'
	done
	rm -rf "$D/b"
	labels 0 LABELS_FAIL=set=EACCES -r "$S/a" "$D/b"
	says "weir: warning: context of 1 entry not set by name, first '$D/b/rule-1': "
	same "$S/a" "$D/b"
	rm -rf "$D/b"
	labels 0 LABELS_FAIL=set=EACCES -rq "$S/a" "$D/b"
	silent
}

# bats test_tags=G14
@test "a file system without labels is no loss" {
	local errno

	mktree file "$S/rule-f" 100
	for errno in EOPNOTSUPP ENODATA; do
		rm -f "$D/f"
		labels 0 LABELS_FAIL=folder=$errno "$S/rule-f" "$D/f"
		silent
		has_label "$D/f" -
	done
}

# bats test_tags=G14
@test "what was made with a label that stays too long is dropped, and tried again" {
	mktree many "$S/a" 20
	echo 1 >"$S/a/rule-f"
	ln -s x "$S/a/rule-l"
	mkfifo "$S/a/rule-p"
	labels 0 LABELS_FAIL=clear=EMFILE/1 -r --workers=1 "$S/a" "$D/b"
	logged 4 'set .*'
	logged 4 'clear'
	logged 1 'cannot clear'
	same "$S/a" "$D/b"
	has_label "$D/b/rule-f" b:file:rule-f
	no_temps "$D"
	rm -rf "$D/b"
	labels 23 LABELS_FAIL=clear=EACCES/1 -r --workers=1 "$S/a" "$D/b"
	says "cannot take back the label of"
	logged 3 'set .*'
	logged 3 'clear'
	logged 1 'cannot clear'
	[ "$(find "$D/b" -mindepth 1 | wc -l)" -eq 22 ]
	no_temps "$D"
}

# bats test_tags=G14
@test "a label that cannot be taken back ends the run, and nothing is made with it" {
	local name

	for name in rule-f rule-l rule-p; do
		rm -rf "$S" "$D/b"
		mkdir -p "$S/a"
		case $name in
		rule-f) echo 1 >"$S/a/$name" ;;
		rule-l) ln -s x "$S/a/$name" ;;
		rule-p) mkfifo "$S/a/$name" ;;
		esac
		labelled 1 LABELS_FAIL=clear=EACCES "$WEIR" copy -r --workers=1 "$S/a" "$D/b"
		says "cannot take back the label of target '$D/b/$name': "
		absent "$D/b/$name"
		no_temps "$D"
	done
	# Nothing else is made by this thread, and that is told once.
	mkdir -p "$S/a/1/2/3/4/5/6/7/8/9" "$S/a/b/c/d/e/f"
	find "$S/a" -type d -exec touch '{}/rule-1' '{}/rule-2' ';'
	labelled 1 LABELS_FAIL=clear=EACCES "$WEIR" copy -r --workers=1 "$S/a" "$D/c"
	logged 1 'make [a-z_]+ [0-9]+ [^-].*'
	[ "$(grep -c 'take back the label' <<<"$stderr")" -eq 1 ]
	echo 1 >"$S/a/rule-f" # without threads
	labelled 1 LABELS_FAIL=clear=EACCES "$WEIR" copy "$S/a/rule-f" "$D/rule-g"
	absent "$D/rule-g"
}

# bats test_tags=G14
@test "a name that the policy refuses fails, as by any other program" {
	mktree file "$S/rule-f" 100
	mktree file "$S/plain" 100
	refuse mknodat=EACCES -- true 2>/dev/null || skip "cannot refuse calls here"
	mkfifo "$S/rule-p"
	labelled 23 refuse mknodat=EACCES -- "$WEIR" copy -r "$S" "$D/b"
	tidy
	says "cannot create target '$D/b/rule-p': Permission denied (EACCES)"
	absent "$D/b/rule-p"
	has_label "$D/b/rule-f" b:file:rule-f
}

# bats test_tags=G14
@test "a folder that may be searched and written but not read hands labels on" {
	user_areas
	mktree file "$S/rule-f" 100
	chmod a+r "$S/rule-f"
	as_user mkdir "$D/b"
	as_user chmod 300 "$D/b"
	: >"$log"
	chmod a+rw "$log"
	exits 0 as_user env LD_PRELOAD="$shim" LABELS_LOG="$log" \
		"$WEIR" copy --durable=none "$S/rule-f" "$D/b/"
	tidy
	logged 1 'path b'
	chmod 700 "$D/b"
	has_label "$D/b/rule-f" b:file:rule-f
}

# bats test_tags=G14
@test "as cp it labels the same way, and warns" {
	mkdir "$T/bin"
	ln -s "$WEIR" "$T/bin/cp"
	mktree file "$S/rule-f" 100
	labelled 0 "$T/bin/cp" -a "$S/rule-f" "$D/rule-g"
	tidy
	has_label "$D/rule-g" target:file:rule-g
	labelled 0 "$T/bin/cp" "$S/rule-f" "$D/rule-g"
	tidy
	logged 0 'compute .*'
	labelled 0 LABELS_FAIL=compute=EACCES "$T/bin/cp" "$S/rule-f" "$D/rule-h"
	tidy
	says "cp: warning: context of 1 entry not set by name, first '$D/rule-h': "
	cmp "$S/rule-f" "$D/rule-h"
}
