# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What all tests of fault builds share, beside what copy tests share.

load "${BASH_SOURCE[0]%/*}/../copy/helper"

need_faulty() {
	[ -x "$WEIR_FAULTY" ] || skip "there is no fault build"
}

# The fault build with this plan.
faulty() { # PLAN ARGUMENT...
	local plan=$1

	shift
	run --separate-stderr env WEIR_FAULT="$plan" "$WEIR_FAULTY" "$@"
}
