#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Somebody who may write in a folder swaps names while they are in use.  Each
# test holds the run just before one call, swaps, and lets go.

load helper

setup_trees() {
	mkdir -p "$S/a/sub" "$T/outside"
	mktree file "$S/a/f" 50000 1
	mktree file "$S/a/sub/g" 50000 2
	ln -s text "$S/a/sub/link"
	mkfifo "$S/a/sub/fifo"
	mktree file "$T/outside/g" 70000 3
	mktree file "$T/outside/secret" 70000 4
	chmod 0700 "$T/outside"
	chmod 0600 "$T/outside/secret"
	cp -a "$T/outside" "$T/before"
	# Names alone must do: the kernel's help is the second line (confine.bats).
	export WEIR_CONFINE=never
}

# Nothing outside was changed, and no file of it came in.
untouched() {
	local file

	treecheck --mode --owner --times "$T/before" "$T/outside" || return 1
	while IFS= read -r file; do
		! cmp -s "$T/outside/secret" "$file" || return 1
		! cmp -s "$T/outside/g" "$file" || return 1
	done < <(find "$D" -type f)
}

# Swaps just before CALL about NAME is made by a copy.
attack() { # CALL NAME SCRIPT [ARGUMENT...]
	local call=$1 name=$2 script=$3

	shift 3
	export S D T
	# shellcheck disable=SC2154 # run sets it
	run --separate-stderr timeout 120 meanwhile "$call" "$name" "$script" -- \
		"$WEIR" copy --engine=plain "$@"
	# A script that fails proves nothing.
	[[ $stderr != *"the script failed"* ]] || ended 0
	[ "$status" -ne 125 ] || skip "calls cannot be held here"
	case $status in 0 | 23 | 24 | 28) ;; *) ended 0 ;; esac
}

# bats test_tags=K01,K02
@test "what is read comes from the folder that was listed, not from a link in its place" {
	setup_trees
	attack openat g 'mv "$S/a/sub" "$S/away" && ln -s "$T/outside" "$S/a/sub"' -a "$S/a" "$D"
	untouched
	cmp "$S/away/g" "$D/a/sub/g"
	no_temps "$D"
}

# bats test_tags=K02
@test "a file that became a link out of the tree is not read through" {
	setup_trees
	attack openat g 'ln -sf "$T/outside/secret" "$S/a/sub/g"' -a "$S/a" "$D"
	untouched
	[ "$status" -eq 24 ]
	[ "$(readlink "$D/a/sub/g")" = "$T/outside/secret" ] || absent "$D/a/sub/g"
}

# bats test_tags=K03
@test "a folder that became a link is not listed, before and after it was opened" {
	local call

	for call in openat getdents64; do
		rm -rf "${S:?}/"* "$S/away" "${D:?}/a" "$T/outside" "$T/before"
		setup_trees
		attack "$call" sub 'mv "$S/a/sub" "$S/away" && ln -s "$T/outside" "$S/a/sub"' \
			-a "$S/a" "$D"
		untouched
		[ -L "$D/a/sub" ] || absent "$D/a/sub/secret"
	done
}

# bats test_tags=K04,K06
@test "nothing is made, named or changed in a folder that took the place of ours" {
	local call name

	for call in "linkat g" "symlinkat" "renameat2 link" "renameat2 fifo" "fchmod sub"; do
		name=${call#* }
		[ "$name" != "$call" ] || continue
		rm -rf "${S:?}/"* "${D:?}/"* "$T/outside" "$T/before"
		setup_trees
		attack "${call% *}" "$name" \
			'mv "$D/a/sub" "$D/away" && ln -s "$T/outside" "$D/a/sub"' -a "$S/a" "$D"
		untouched
		no_temps "$D"
	done
}

# bats test_tags=K04
@test "nothing goes through a link in the place of a folder that is to be made" {
	setup_trees
	attack mkdirat sub 'ln -s "$T/outside" "$D/a/sub"' -a "$S/a" "$D"
	untouched
	[ "$status" -eq 23 ]
	[ -L "$D/a/sub" ]
	cmp "$S/a/f" "$D/a/f"
	no_temps "$D"
}

# bats test_tags=K05
@test "a temporary name that was swapped changes nothing outside" {
	setup_trees
	mkdir -p "$D/a/sub"
	mktree file "$D/a/sub/g" 10 9
	attack renameat2 g 'for t in "$D"/a/sub/.weir.*; do
		ln -sf "$T/outside/secret" "$t"; done' -a "$S/a" "$D"
	untouched
}

# One after the other: right after it was made, and before each thing is done to it.
# bats test_tags=K05,K06
@test "what was put in the place of a new FIFO or link gets no attributes" {
	local call swap

	for call in "openat .weir.*" "fchownat .weir.*" "fchmodat2 .weir.*" "utimensat .weir.*"; do
		rm -rf "${S:?}/"* "${D:?}/"* "$T/outside" "$T/before" "$T/away"
		setup_trees
		rm "$S/a/f" "$S/a/sub/g" "$S/a/sub/link" # the FIFO is alone
		chmod 0664 "$S/a/sub/fifo"
		[ -w / ] || [ "${call%% *}" != fchownat ] || continue # nothing is given away
		chgrp "$(id -G | tr ' ' '\n' | tail -n 1)" "$S/a/sub/fifo"
		[ ! -w / ] || chown 12345:12345 "$S/a/sub/fifo"
		swap='for t in "$D"/a/sub/.weir.*; do
			mv "$t" "$T/away"; ln "$T/outside/pipe" "$t"; done'
		mkfifo -m 0600 "$T/outside/pipe"
		touch -d @1000000 "$T/outside" "$T/outside/pipe"
		rm -r "$T/before" && cp -a "$T/outside" "$T/before"
		attack "${call% *}" "${call#* }" "$swap" -a "$S/a" "$D"
		[ -p "$T/away" ]
		treecheck --mode --owner --times "$T/before" "$T/outside"
	done
}

# bats test_tags=K06
@test "older kernels give a FIFO and a link their attributes by descriptor, too" {
	local errno

	mkfifo -m 0640 "$S/fifo"
	ln -s text "$S/link"
	touch -h -d @1000000.5 "$S/fifo" "$S/link"
	if [ -w / ]; then
		chown -h 12345:12345 "$S/fifo" "$S/link"
		setfattr -h -n trusted.x -v 1 "$S/fifo" "$S/link" 2>/dev/null || true
	fi
	for errno in ENOSYS EPERM; do
		exits 0 refuse fchmodat2=$errno utimensat_by_fd=EINVAL -- \
			"$WEIR" copy -a "$S" "$D/$errno"
		same --mode --owner --times --xattr "$S" "$D/$errno"
	done
}

# bats test_tags=K10
@test "a target folder that was moved while it was held is told, and the run stops" {
	local engine left swap

	for swap in 'mv "$D/a/sub" "$T/outside/sub"' \
		'mv "$D/a/sub" "$D/sub" && ln -s "$D/sub" "$D/a/sub"' \
		'mv "$D/a/sub" "$D/a/other" && mkdir "$D/a/sub"' \
		'mv "$D/a" "$T/outside/a"'; do
		rm -rf "${S:?}/"* "${D:?}/"* "$T/outside" "$T/before"
		setup_trees
		mkdir -p "$S/a/sub/deep/er"
		attack linkat g "$swap" -a "$S/a" "$D"
		ended 28
		left=$D/a/sub
		[[ $swap != *'"$D/a" '* ]] || left=$D/a
		says "weir: refused: cannot go on in target '$left': somebody moved it"
		# A folder whose descriptor was closed cannot be found any more, and is told.
		[ "$(grep -vc 'not known to be durable$' <<<"$stderr")" -eq 1 ]
		[ "${WEIR_LANE:-}" = check-tiny ] || [ "$(wc -l <<<"$stderr")" -eq 1 ]
		cmp "$T/outside/secret" "$T/before/secret"
	done
}

# bats test_tags=K10
@test "nothing more is begun once a folder was found moved" {
	local count i

	export D T
	mkdir "$S/a"
	for i in 1 2 3 4 5 6 7 8; do
		mkdir "$S/a/d$i"
		mktree many "$S/a/d$i/many" 100 10
	done
	during getdents64 'd?' 'for d in "$D"/a/d?; do mv "$d" "$T/${d##*/}"; done' \
		--workers=1 --durable=none -a "$S/a" "$D"
	ended 28
	count=$(find "$D" "$T"/d? -type f | wc -l)
	[ "$count" -lt 800 ]
}

# bats test_tags=K10
@test "a target folder that is in its place again when it is left is none that was moved" {
	setup_trees
	attack linkat g 'mv "$D/a/sub" "$T/away" && mv "$T/away" "$D/a/sub"' -a "$S/a" "$D"
	ended 0
	same --mode --owner --times "$S/a" "$D/a"
	# Nor is one that was reached by a link.
	mv "$D/a/sub" "$D/a/real"
	ln -s real "$D/a/sub"
	copies -a --keep-directory-symlink "$S/a" "$D"
	same --times "$S/a/sub" "$D/a/real"
}

# bats test_tags=K12
@test "links of /proc to what a process has open are followed by no option" {
	[ -e /proc/self/root/proc/self/fd ] || skip "no /proc"
	local engine link

	# Were they followed, it must not be into all of the machine.
	mkdir "$S/a" "$S/little"
	cd "$S/little"
	ln -s "/proc/self/root$S/little" "$S/a/root"
	ln -s ../../../../../../../../proc/self/cwd "$S/a/cwd"
	ln -s /proc/self/exe "$S/a/exe"
	ln -s /proc/self/fd/0 "$S/a/fd"
	ln -s cwd "$S/a/second"
	ln -s /proc/self/root/etc/passwd "$S/a/through"
	ln -s /proc/version "$S/a/version"
	mktree file "$S/a/f" 100
	# Kept as links they are text.
	copies -a "$S/a" "$D/text"
	same "$S/a" "$D/text"
	for engine in ring plain; do
		copy_exits 23 -rL --engine=$engine "$S/a" "$D/$engine"
		for link in root cwd exe fd second through; do
			says "cannot follow link source '$S/a/$link': Too many levels of symbolic"
			absent "$D/$engine/$link"
		done
		says "links of /proc to what a process has open are not followed"
		cmp "$S/a/f" "$D/$engine/f"
		cmp /proc/version "$D/$engine/version"
	done
	# Links in the target are not followed so, either.
	mkdir -p "$S/b/root" "$D/b"
	ln -s "/proc/self/root$S/little" "$D/b/root"
	: >"$S/b/root/weir-was-here"
	copy_exits 23 -a --keep-directory-symlink "$S/b" "$D"
	absent "$S/little/weir-was-here"
	# An operand is what its user named.
	copies -L /proc/self/fd/9 "$D/operand" 9<"$S/a/f"
	cmp "$S/a/f" "$D/operand"
}

# bats test_tags=K12
@test "a link that becomes one of /proc after it was looked at is not followed" {
	[ -e /proc/self/root/proc/self/fd ] || skip "no /proc"
	mkdir -p "$S/a/d"
	mktree file "$S/a/d/f" 100
	ln -s d "$S/a/folder"
	ln -s d/f "$S/a/file"
	export S
	during getdents64 d 'ln -sfn /proc/self/root/etc "$S/a/folder"
		ln -sfn /proc/self/root/etc/passwd "$S/a/file"' -rL --workers=1 "$S/a" "$D"
	# Where d is listed last both were copied before, for what they were.
	[ "$status" -eq 0 ] || refuses
	absent "$D/a/folder/passwd"
	[ ! -e "$D/a/file" ] || cmp "$S/a/d/f" "$D/a/file"
}

# bats test_tags=K11,K12
@test "where openat2 is unknown or refused, links are walked and just as safe" {
	local errno

	mkdir -p "$S/a/d/e" "$S/out"
	mktree file "$S/a/d/e/f" 100
	mktree file "$S/out/g" 200
	ln -s ../a/d//e/../e "$S/a/folder"
	ln -s folder/f "$S/a/file"
	ln -s "$S/out" "$S/a/absolute"
	ln -s loop "$S/a/loop"
	ln -s not-there "$S/a/nowhere"
	ln -s /proc/self/root/etc "$S/a/magic"
	for errno in ENOSYS EPERM E2BIG EAGAIN EINVAL; do
		exits 23 refuse openat2=$errno -- "$WEIR" copy -rL --engine=plain "$S/a" "$D/$errno"
		says "cannot follow link source '$S/a/loop': Too many levels of symbolic links"
		says "cannot follow link source '$S/a/nowhere': No such file or directory (ENOENT)"
		absent "$D/$errno/magic" "$D/$errno/loop" "$D/$errno/nowhere"
		cmp "$S/a/d/e/f" "$D/$errno/file"
		same "$S/a/d/e" "$D/$errno/folder"
		same "$S/out" "$D/$errno/absolute"
	done
}

# Names of ours: one that a killed run could have left, also outside.
leave_temp() {
	mkdir -p "$D/a/sub"
	mktree file "$D/a/sub/g" 10 9
	export D T
	timeout 60 meanwhile renameat2 g 'for t in "$D"/a/sub/.weir.*; do
		[ ! -f "$t" ] || [ -L "$t" ] ||
			{ cp "$t" "$T/${t##*/}" && echo "${t##*/}" >"$T/name"; }
		done' -- "$WEIR" copy --engine=plain -r "$S/a" "$D"
	left=$(cat "$T/name")
	mv "$T/$left" "$D/a/sub/$left"
	mktree file "$T/outside/$left" 100 8
	rm -r "$T/before" && cp -a "$T/outside" "$T/before"
}

# What is removed or renamed when: leftovers, replaced files, backups, temps.
# bats test_tags=K07
@test "nothing is removed or renamed in a folder that took the place of ours" {
	local call left options

	for call in "flock sub" "unlinkat LEFT" "renameat2 g --remove-destination" \
		"renameat2 g" "linkat g~ -b" "renameat2 g -b" "unlinkat .weir.* -b" \
		"renameat2 link" "unlinkat .weir.*"; do
		rm -rf "${S:?}/"* "${D:?}/"* "$T/outside" "$T/before"
		setup_trees
		mktree file "$T/outside/g~" 70000 5
		leave_temp
		read -r call name options <<<"$call"
		[ "$name" != LEFT ] || name=$left
		# shellcheck disable=SC2086 # no option, or one
		attack "$call" "$name" \
			'mv "$D/a/sub" "$D/away" && ln -s "$T/outside" "$D/a/sub"' \
			-a --durable=none $options "$S/a" "$D"
		ended 28
		untouched
		same "$T/before/$left" "$T/outside/$left"
		cmp "$S/a/sub/g" "$D/away/g"
		no_temps "$D"
	done
}

# bats test_tags=K04
@test "a swap by another user does not lead root's copy astray" {
	need_owners
	local call swap

	for call in "linkat g" "getdents64 sub" "openat .weir.*" "fchownat .weir.*" \
		"fchmodat2 .weir.*" "utimensat .weir.*" "renameat2 link" "renameat2 fifo"; do
		rm -rf "${S:?}/"* "${D:?}/"* "$T/outside" "$T/before"
		setup_trees
		chown -R 65534:65534 "$S/a"
		user_areas
		chown 0:0 "$T" && chmod 755 "$T"
		# shellcheck disable=SC2089 # a script, not words
		swap='mv "$D/a/sub" "$D/a/away" && ln -s "$T/outside" "$D/a/sub"'
		# What was made is moved away, and a link to what is root's put there; others
		# that are seen may be gone before that.
		# shellcheck disable=SC2089 # a script, not words
		[[ $call != *weir* ]] || swap='for t in "$D"/a/sub/.weir.*; do
			mv "$t" "$D/a/sub/moved" 2>/dev/null || continue
			ln -s "$T/outside/secret" "$t"; done'
		# shellcheck disable=SC2089,SC2090 # a script, not words
		export swap
		attack "${call% *}" "${call#* }" 'setpriv --reuid=65534 --regid=65534 \
			--clear-groups sh -c "$swap"' -a "$S/a" "$D"
		[ -L "$D/a/sub" ] || [ -e "$D/a/sub/moved" ] || [ -L "$D/a/sub/moved" ]
		untouched
	done
}

judge_trace() { # FILE, which is removed
	judged=$((judged + $(wc -l <"$1")))
	sort -n "$1" >"$1.sorted"
	rm "$1"
	awk -f "${BATS_TEST_DIRNAME%/*}/lint/trace.awk" "$1.sorted"
}

# One component for each operation, and nothing changed by a path from the root.
# bats test_tags=K01,K04,K06
@test "below the operands every call names one component of a held folder" {
	[ -n "${WEIR_FAULTY:-}" ] || skip "no fault build"
	local engine judged=0 options

	setup_trees
	ln -sf f "$S/a/sub/link" && : >"$S/a/sub/f"
	mktree many "$S/a/many" 50 100
	setfattr -n user.x -v 1 "$S/a/f" 2>/dev/null || true
	ln "$S/a/f" "$S/a/sub/hard"
	for engine in plain ring; do
		for options in -ab -ab -r -rL; do # new, then over what exists
			run env WEIR_TRACE="$T/one" "$WEIR_FAULTY" copy $options \
				--engine=$engine "$S/a" "$D"
			[ "$status" -eq 0 ] || [ $engine = ring ]
			[ ! -f "$T/one" ] || judge_trace "$T/one"
		done
	done
	[ "$judged" -gt 1000 ]
}

# The judge of the traces is judged.
# bats test_tags=K01,K04,K06
@test "a trace that breaks a rule about names is told from a good one" {
	local awk=${BATS_TEST_DIRNAME%/*}/lint/trace.awk good line

	good='1 statx 8,1:2 f 0 0 0 0 4 /p
2 open 8,1:2 f 0 0 0 7 4 /p
3 statx 8,1:9 - 0 0 0 0 7 /p
4 read 8,1:9 - 0 5 0 5 7 /p
5 close 8,1:9 - 0 0 0 0 7 /p
6 rename 8,1:2 a/b 0 0 0 0 4 /p
7 chmod 8,1:9 - 0 0 1a4 0 7 /p'
	awk -f "$awk" <<<"$good"
	run ! awk -f "$awk" </dev/null
	while IFS= read -r line; do
		run ! awk -f "$awk" <<<"$good"$'\n'"$line"
	done <<'END'
8 mkdir 8,1:2 a/b 0 0 1c0 0 4 /p
8 unlink - f 0 0 0 0 -100 /p
8 rename 8,1:2 a/b/c 0 0 0 0 4 /p
8 statx 8,1:2 a/b 0 0 0 0 4 /p
8 chmod 8,1:2 f 0 0 1a4 0 4 /p
8 chown 8,1:2 f 0 0 0 0 4 /p
8 utimens 8,1:2 f 0 0 0 0 4 /p
8 setattr 8,1:2 f 0 0 0 0 4 /p
8 setxattr - user.x 0 1 0 0 -100 /p
8 close 8,1:2 - 0 0 0 0 4
END
	# Opened by a name that was looked at, and used at once.
	run ! awk -f "$awk" <<<"${good/3 statx 8,1:9 - 0 0 0 0 7 \/p$'\n'/}"
}
