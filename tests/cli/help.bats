#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# R05: help, version, and what is made from the option table.

load helper

option_names() {
	"$WEIR" --dump-options | awk -F '\t' -v verb="$1" '$1 == verb { print $2 }'
}

@test "help goes to standard output and fits 80 columns" {
	local words

	for words in --help help 'help copy' 'copy --help' 'help sync' 'sync --help' \
		'help clean' 'clean --help' 'help help' 'help --help'; do
		# shellcheck disable=SC2086 # a list of words
		exits 0 "$WEIR" $words
		no_stderr
		[[ $output == "Usage: weir "* ]]
		awk 'length > 80 { print "too wide: " $0; bad = 1 } END { exit bad }' <<<"$output"
	done
}

@test "the help of a verb is the same by either way, and wins over operands" {
	[ "$("$WEIR" help copy)" = "$("$WEIR" copy --help)" ]
	[ "$("$WEIR" help sync)" = "$("$WEIR" sync --help)" ]
	[ "$("$WEIR" help sync)" != "$("$WEIR" help copy)" ]
	exits 0 "$WEIR" copy a b c --help --nosuch
	[[ $output == "Usage: weir copy "* ]]
	# An error before it is still one.
	refuses "--nosuch: not an option" copy --nosuch --help
}

@test "help names every verb" {
	exits 0 "$WEIR" --help
	grep -q '^  copy  *copy files' <<<"$output"
	grep -q '^  sync  *make one folder hold' <<<"$output"
	grep -q '^  clean  *remove what killed runs' <<<"$output"
	grep -q '^  help  *show the help' <<<"$output"
}

@test "help shows every option of the table" {
	local verb name count

	for verb in copy sync clean; do
		exits 0 "$WEIR" $verb --help
		[[ $output == "Usage: weir $verb "* ]]
		count=0
		while read -r name; do
			grep -q -e "--$name\>" <<<"$output"
			count=$((count + 1))
		done < <(option_names $verb)
		[ "$count" -ge 12 ]
	done
	exits 0 "$WEIR" --help
	while read -r name; do
		grep -q -e "--$name\>" <<<"$output"
	done < <(option_names weir)
}

@test "version names the command, the library and its features" {
	exits 0 "$WEIR" --version
	no_stderr
	[[ ${lines[0]} =~ ^weir\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	[ "${lines[1]}" = "lib${lines[0]}" ]
	[ "${#lines[@]}" -gt 2 ]
	[ "$("$WEIR" -V)" = "$output" ]
}

# bats test_tags=R05
@test "help and version on a full device are an error" {
	local words

	need_full_device
	for words in --help --version -V help 'copy --help' 'help sync' --dump-options \
		--completion=bash; do
		# shellcheck disable=SC2016,SC2086
		exits 1 sh -c '"$0" "$@" >/dev/full' "$WEIR" $words
		[ "$stderr" = \
			"weir: cannot write standard output: No space left on device (ENOSPC)" ]
	done
}

# bats test_tags=R05
@test "help to a reader that is gone is an error, not a signal" {
	exits 1 bash -c 'set -o pipefail; trap "" PIPE; { sleep 0.2; "$0" --help; } | true' "$WEIR"
	[ "$stderr" = "weir: cannot write standard output: Broken pipe (EPIPE)" ]
}

@test "the option table has nine fields a line and no option twice" {
	local verb

	exits 0 "$WEIR" --dump-options
	awk -F '\t' 'NF != 9 { print; bad = 1 } { for (i = 1; i <= NF; i++) if ($i == "") bad = 1 }
		END { exit bad || NR < 25 }' <<<"$output"
	[ -z "$(cut -f 1,2 <<<"$output" | sort | uniq -d)" ]
	for verb in copy sync clean; do
		[ -z "$(awk -F '\t' -v verb=$verb '$1 == verb && $3 != "-" { print $3 }' \
			<<<"$output" | fold -w 1 | sort | uniq -d)" ]
	done
}

# The table is dumped for checks; what is not in it is not an option either.
@test "every option of the table is taken by the parser" {
	local verb name letters kind choices

	printf x >a
	while IFS=$'\t' read -r verb name letters kind choices; do
		case $verb in copy | sync | clean) ;; *) continue ;; esac
		[ "$name" != help ] || continue
		case $kind in
		none) set -- "--$name" ;;
		choice | control | words | bits) set -- "--$name=${choices%%|*}" ;;
		size) set -- "--$name=64K" ;;
		policies) set -- "--$name=${choices%%|*}:try" ;;
		count | seconds | limit | wait) set -- "--$name=1" ;;
		rate) set -- "--$name=1M" ;;
		duration) set -- "--$name=1h" ;;
		priority) set -- "--$name=${choices%%|*}:0" ;;
		*) set -- "--$name=x" ;;
		esac
		exits "$USAGE" "$WEIR" "$verb" "$1" --nosuch
		says "weir $verb: --nosuch: not an option"
		[ "$kind" != none ] || [ "$letters" = - ] || {
			exits "$USAGE" "$WEIR" "$verb" "-$letters" --nosuch
			says "weir $verb: --nosuch: not an option"
		}
	done < <("$WEIR" --dump-options | cut -f 1-4,6)
}

@test "the completions in the tree are those that the command writes" {
	local pair

	[ -d "$top/completions" ] || skip "needs the source tree"
	for pair in bash:weir.bash zsh:_weir fish:weir.fish; do
		"$WEIR" --completion="${pair%%:*}" >written
		[ -s written ]
		diff "$top/completions/${pair#*:}" written
	done
	refuses "--completion takes bash, zsh or fish, not 'csh'" --completion=csh
	refuses "--completion: SHELL is missing" --completion
}

@test "bash completes verbs, options and values" {
	"$WEIR" --completion=bash >weir.bash
	bash -n weir.bash
	mkdir -p one two/deep
	printf x >other
	cat >try <<-'END'
		source ./weir.bash
		compopt() { :; }
		try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _weir; echo "${COMPREPLY[*]}"; }
		try weir c
		try weir copy --expl
		try weir copy --engine = r
		try weir copy --durable = ''
		try weir copy --sync f
		try weir copy -t /de
		try weir help ''
		try weir --v
		try weir copy -- --e
		try weir sy
		try weir sync --no-k
		try weir sync --no-keep = ac
		try weir sync --engine r
		try weir sync o
		try weir sync one ''
		try weir sync -t ''
		try weir sync --backup one
		try weir copy o
		try weir sync -- t
		try weir clean --dur
		try weir clean --durable = e
		try weir clean one t
	END
	[ "$(bash -u try 2>&1)" = 'copy clean
--explain --explain-filter=
ring
none end group file
files fs
/dev
copy sync clean help
--version

sync
--no-keep=
acl
ring
one
one two
one two
one

two
--durable=
end
two' ]
}

@test "fish completes verbs, options and values" {
	need_command fish
	"$WEIR" --completion=fish >weir.fish
	export HOME=$T XDG_CONFIG_HOME=$T XDG_DATA_HOME=$T
	complete_fish() {
		fish --no-config -c "source weir.fish; complete -C '$1'" | cut -f 1 |
			paste -s -d ' '
	}
	[ "$(complete_fish 'weir co')" = copy ]
	[ "$(complete_fish 'weir copy --expl')" = '--explain --explain-filter' ]
	[ "$(complete_fish 'weir copy --engine=r')" = '--engine=ring' ]
	[ "$(complete_fish 'weir sy')" = sync ]
	[ "$(complete_fish 'weir sync --no-k')" = '--no-keep' ]
	[ "$(complete_fish 'weir sync --no-keep=ac')" = '--no-keep=acl' ]
	[ "$(complete_fish 'weir help ')" = 'clean copy help sync' ]
	# Operands of sync are folders, the second one, too.
	mkdir one only
	printf x >other
	[ "$(complete_fish 'weir sync o')" = 'one/ only/' ]
	[ "$(complete_fish 'weir sync -v one o')" = 'one/ only/' ]
	[ "$(complete_fish 'weir copy o')" = 'one/ only/ other' ]
	[ "$(complete_fish 'weir clean o')" = 'one/ only/' ]
	[ "$(complete_fish 'weir clean -v one o')" = 'one/ only/' ]
	# A verb is the first word only.
	[ "$(complete_fish 'weir copy sync --no-k')" = '' ]
	[ "$(complete_fish 'weir help sync --no-k')" = '' ]
}

@test "zsh reads its completion file" {
	local verb

	need_command zsh
	"$WEIR" --completion=zsh >_weir
	[ "$(head -n 1 _weir)" = '#compdef weir' ]
	zsh -f -n _weir
	# The functions exist and list each option once.
	for verb in copy sync clean; do
		run zsh -f -c '_describe() { :; }; _arguments() { return 0; }; source ./_weir
			_arguments() { shift 2; print -l -- "$@"; }; _weir_'$verb
		[[ $output == *'--durable='* ]]
		sed -n 's/^\(-[-a-zA-Z0-9]*\).*/\1/p' <<<"$output" | sort >names
		[ -z "$(uniq -d names)" ]
		case $verb in
		copy) [[ $output == *'*:path:_files'* ]] ;;
		clean) grep -qx -e '\*:folder:_files -/' <<<"$output" ;;
		sync)
			grep -qx -e '1:source:_files -/' <<<"$output"
			grep -qx -e '2:target:_files -/' <<<"$output"
			[[ $output != *'*:'* ]]
			;;
		esac
	done
}
