# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What most tests do most often, at a third of the price.

# Bats notes where it is before each command, which takes longer than most of them do.
# In a test it does; helpers need not be noted: they say what is wrong.  For the test
# itself this comes too late, as it began before.
quick_helpers() {
	set +T
}

# As `run --separate-stderr`: sets status, output, stderr, and lines of both that are
# not empty.
# shellcheck disable=SC2034 # for the tests
hear() { # COMMAND...
	local said=$BATS_RUN_TMPDIR/said-$$

	quick_helpers
	status=0
	output=$(set +eET && "$@" 2>"$said") || status=$?
	IFS= read -r -d '' stderr <"$said" || true
	while [[ $stderr == *$'\n' ]]; do
		stderr=${stderr%$'\n'}
	done
	IFS=$'\n' read -r -d '' -a lines <<<"$output" || true
	IFS=$'\n' read -r -d '' -a stderr_lines <<<"$stderr" || true
}
