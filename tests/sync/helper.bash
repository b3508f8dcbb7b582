# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What all sync tests share, beside what copy tests share: there are two empty
# folders, $S, which is synced, and $D, where it goes to.

load "${BASH_SOURCE[0]%/*}/../copy/helper"

# --- Running ------------------------------------------------------------------

# weir sync, which must succeed, in silence unless told to speak.
syncs() { # ARGUMENT...
	exits 0 "$WEIR" sync "$@"
}

# weir sync, which must end with this status.
sync_exits() { # STATUS ARGUMENT...
	local expected=$1

	shift
	exits "$expected" "$WEIR" sync "$@"
}

# Runs weir sync with plain calls; just before its first CALL about NAME the script
# is run.  With EACH=1 before every one.
during_sync() { # CALL NAME SCRIPT ARGUMENT...
	run --separate-stderr meanwhile ${EACH:+--each} "$1" "$2" "$3" -- \
		"$WEIR" sync --engine=plain "${@:4}"
}

# The engines that this lane has.
engines() {
	[ "${WEIR_ENGINE:-auto}" = plain ] || echo auto
	echo plain
}

# --- Judging ------------------------------------------------------------------

# All that is compared of a mirror; holes stay holes.
mirrors() { # [OPTION...] SOURCE DEST
	same --all --holes "$@"
}

# Who looks and runs in the functions below: a test may make it as_user or inside.
as() {
	"$@"
}

# When each entry was changed last in any way: writing the same once more shows.
stamps() { # FOLDER...
	as find "$@" -printf '%p %i %C@\n' | sort
}

# Nothing in these folders was changed since stamps() of the same went to $T/stamps.
unchanged() { # FOLDER...
	stamps "$@" | diff "$T/stamps" - >"$T/changed" && return 0
	printf 'changed (< before, > after):\n'
	head -n 20 "$T/changed"
	return 1
}

# The calls of a trace that changed something.
# But for the file without a name that a plan may need.
changing_calls() { # TRACE
	awk '$2 == "create" && $4 ~ /^\/(var\/)?tmp$/ { next }
		$8 >= 0 && ($2 ~ /^(create|write|fallocate|ftruncate|setflags|setattr|clone)$/ ||
		$2 ~ /^(copy_range|mkdir|unlink|link|rename|symlink|mknod)$/ ||
		$2 ~ /^(chown|chmod|utimens|setxattr)$/)' "$1"
}

need_fault() {
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
}

# A run that has nothing to do does nothing, on either side: told by the ctimes after
# the command under test, and by the trace of the fault build.  Both end with 0 and
# say nothing.
idles() { # [OPTION...] SOURCE DEST
	local sides=("${@: -2}")

	need_fault
	stamps "${sides[@]}" >"$T/stamps"
	exits 0 as "$WEIR" sync "$@"
	silent
	unchanged "${sides[@]}"
	rm -f "$T/idle"
	exits 0 as env WEIR_TRACE="$T/idle" "$WEIR_FAULTY" sync "$@"
	silent
	grep -q getdents "$T/idle"
	nothing "$(changing_calls "$T/idle" | head -n 20)"
	unchanged "${sides[@]}"
}

# --- What this place offers ------------------------------------------------------

need_xattrs() {
	need_command setfattr
	: >"$S/probe"
	: >"$D/probe"
	setfattr -n user.probe -v 1 "$S/probe" 2>/dev/null &&
		setfattr -n user.probe -v 1 "$D/probe" 2>/dev/null ||
		skip "needs user attributes on both sides"
	rm "$S/probe" "$D/probe"
}

# Between names of the target.
need_links() {
	: >"$D/probe"
	ln "$D/probe" "$D/probe2" 2>/dev/null || skip "needs hard links"
	rm "$D/probe" "$D/probe2"
}

need_acls() {
	need_command setfacl
	: >"$S/probe"
	: >"$D/probe"
	setfacl -m u:1234:r "$S/probe" "$D/probe" 2>/dev/null || skip "needs ACLs on both sides"
	rm "$S/probe" "$D/probe"
}

# Which file a name stands for: device and inode.
inode_of() { # PATH
	stat -c %d:%i "$1"
}

# Inode numbers of files, to tell whether they were replaced.
inodes() { # PATH...
	stat -c %i "$@" | tr '\n' ' '
}
