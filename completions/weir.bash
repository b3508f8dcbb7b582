# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Written by 'weir --completion=bash' from the option table; do not edit.

# The value of option $2 of verb $1, which begins with $3.
_weir_value()
{
	local current=$3

	case $1 in
	copy)
		case $2 in
		--preserve=)
			mapfile -t COMPREPLY < <(compgen -W 'mode ownership timestamps links xattr context all' -- "$current")
			return 0
			;;
		--no-preserve | --no-preserve=)
			mapfile -t COMPREPLY < <(compgen -W 'mode ownership timestamps links xattr context all' -- "$current")
			return 0
			;;
		--keep | --keep=)
			mapfile -t COMPREPLY < <(compgen -W 'mode owner times acl xattr caps context links symlink special flags project' -- "$current")
			return 0
			;;
		--exclude | --exclude=)
			compopt +o default +o bashdefault
			return 0
			;;
		--include | --include=)
			compopt +o default +o bashdefault
			return 0
			;;
		--exclude-from | --exclude-from=)
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			compopt -o filenames
			return 0
			;;
		--include-from | --include-from=)
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			compopt -o filenames
			return 0
			;;
		--update=)
			mapfile -t COMPREPLY < <(compgen -W 'all none none-fail older' -- "$current")
			return 0
			;;
		--backup=)
			mapfile -t COMPREPLY < <(compgen -W 'none off simple never existing nil numbered t' -- "$current")
			return 0
			;;
		-S | --suffix | --suffix=)
			compopt +o default +o bashdefault
			return 0
			;;
		--on-change | --on-change=)
			mapfile -t COMPREPLY < <(compgen -W 'ok warn fail' -- "$current")
			return 0
			;;
		--on-vanish | --on-vanish=)
			mapfile -t COMPREPLY < <(compgen -W 'ok warn fail' -- "$current")
			return 0
			;;
		-t | --target-directory | --target-directory=)
			mapfile -t COMPREPLY < <(compgen -d -- "$current")
			compopt -o filenames
			return 0
			;;
		--files-from | --files-from=)
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			compopt -o filenames
			return 0
			;;
		--durable | --durable=)
			mapfile -t COMPREPLY < <(compgen -W 'none end group file' -- "$current")
			return 0
			;;
		--sync | --sync=)
			mapfile -t COMPREPLY < <(compgen -W 'auto files fs' -- "$current")
			return 0
			;;
		--confine | --confine=)
			mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
			return 0
			;;
		--engine | --engine=)
			mapfile -t COMPREPLY < <(compgen -W 'auto ring plain' -- "$current")
			return 0
			;;
		--direct | --direct=)
			mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
			return 0
			;;
		--reflink=)
			mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
			return 0
			;;
		--sparse | --sparse=)
			mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
			return 0
			;;
		--chunk-size | --chunk-size=)
			compopt +o default +o bashdefault
			return 0
			;;
		--depth | --depth=)
			compopt +o default +o bashdefault
			return 0
			;;
		--workers | --workers=)
			compopt +o default +o bashdefault
			return 0
			;;
		--bwlimit | --bwlimit=)
			compopt +o default +o bashdefault
			return 0
			;;
		--ioprio | --ioprio=)
			mapfile -t COMPREPLY < <(compgen -W 'realtime best-effort idle none' -- "$current")
			return 0
			;;
		--stop-after | --stop-after=)
			compopt +o default +o bashdefault
			return 0
			;;
		--progress | --progress=)
			mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
			return 0
			;;
		--explain-filter | --explain-filter=)
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			compopt -o filenames
			return 0
			;;
		--log-file | --log-file=)
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			compopt -o filenames
			return 0
			;;
		esac
		;;
	sync)
		case $2 in
		--keep | --keep=)
			mapfile -t COMPREPLY < <(compgen -W 'mode owner times acl xattr caps context links symlink special flags project' -- "$current")
			return 0
			;;
		--no-keep | --no-keep=)
			mapfile -t COMPREPLY < <(compgen -W 'mode owner times acl xattr caps links symlink special flags project' -- "$current")
			return 0
			;;
		--exclude | --exclude=)
			compopt +o default +o bashdefault
			return 0
			;;
		--include | --include=)
			compopt +o default +o bashdefault
			return 0
			;;
		--exclude-from | --exclude-from=)
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			compopt -o filenames
			return 0
			;;
		--include-from | --include-from=)
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			compopt -o filenames
			return 0
			;;
		--max-size | --max-size=)
			compopt +o default +o bashdefault
			return 0
			;;
		--min-size | --min-size=)
			compopt +o default +o bashdefault
			return 0
			;;
		--modify-window | --modify-window=)
			compopt +o default +o bashdefault
			return 0
			;;
		--delete=)
			mapfile -t COMPREPLY < <(compgen -W 'last first' -- "$current")
			return 0
			;;
		--max-delete | --max-delete=)
			compopt +o default +o bashdefault
			return 0
			;;
		--trash | --trash=)
			mapfile -t COMPREPLY < <(compgen -d -- "$current")
			compopt -o filenames
			return 0
			;;
		--backup=)
			mapfile -t COMPREPLY < <(compgen -W 'none off simple never existing nil numbered t' -- "$current")
			return 0
			;;
		--suffix | --suffix=)
			compopt +o default +o bashdefault
			return 0
			;;
		--backup-dir | --backup-dir=)
			mapfile -t COMPREPLY < <(compgen -d -- "$current")
			compopt -o filenames
			return 0
			;;
		--on-change | --on-change=)
			mapfile -t COMPREPLY < <(compgen -W 'ok warn fail' -- "$current")
			return 0
			;;
		--on-vanish | --on-vanish=)
			mapfile -t COMPREPLY < <(compgen -W 'ok warn fail' -- "$current")
			return 0
			;;
		--files-from | --files-from=)
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			compopt -o filenames
			return 0
			;;
		--link-dest | --link-dest=)
			mapfile -t COMPREPLY < <(compgen -d -- "$current")
			compopt -o filenames
			return 0
			;;
		--clone-dest | --clone-dest=)
			mapfile -t COMPREPLY < <(compgen -d -- "$current")
			compopt -o filenames
			return 0
			;;
		--snapshot | --snapshot=)
			mapfile -t COMPREPLY < <(compgen -d -- "$current")
			compopt -o filenames
			return 0
			;;
		--retain | --retain=)
			compopt +o default +o bashdefault
			return 0
			;;
		--durable | --durable=)
			mapfile -t COMPREPLY < <(compgen -W 'none end group file' -- "$current")
			return 0
			;;
		--sync | --sync=)
			mapfile -t COMPREPLY < <(compgen -W 'auto files fs' -- "$current")
			return 0
			;;
		--confine | --confine=)
			mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
			return 0
			;;
		--allow | --allow=)
			mapfile -t COMPREPLY < <(compgen -W 'empty-source moved home root contents' -- "$current")
			return 0
			;;
		--require-mount=)
			mapfile -t COMPREPLY < <(compgen -W 'source dest both' -- "$current")
			return 0
			;;
		--expect-fs | --expect-fs=)
			compopt +o default +o bashdefault
			return 0
			;;
		--wait-lock | --wait-lock=)
			compopt +o default +o bashdefault
			return 0
			;;
		--engine | --engine=)
			mapfile -t COMPREPLY < <(compgen -W 'auto ring plain' -- "$current")
			return 0
			;;
		--direct | --direct=)
			mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
			return 0
			;;
		--reflink=)
			mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
			return 0
			;;
		--sparse | --sparse=)
			mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
			return 0
			;;
		--chunk-size | --chunk-size=)
			compopt +o default +o bashdefault
			return 0
			;;
		--depth | --depth=)
			compopt +o default +o bashdefault
			return 0
			;;
		--workers | --workers=)
			compopt +o default +o bashdefault
			return 0
			;;
		--bwlimit | --bwlimit=)
			compopt +o default +o bashdefault
			return 0
			;;
		--ioprio | --ioprio=)
			mapfile -t COMPREPLY < <(compgen -W 'realtime best-effort idle none' -- "$current")
			return 0
			;;
		--stop-after | --stop-after=)
			compopt +o default +o bashdefault
			return 0
			;;
		--progress | --progress=)
			mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
			return 0
			;;
		--log-file | --log-file=)
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			compopt -o filenames
			return 0
			;;
		esac
		;;
	clean)
		case $2 in
		--durable | --durable=)
			mapfile -t COMPREPLY < <(compgen -W 'none end group file' -- "$current")
			return 0
			;;
		--confine | --confine=)
			mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
			return 0
			;;
		--progress | --progress=)
			mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current")
			return 0
			;;
		--log-file | --log-file=)
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			compopt -o filenames
			return 0
			;;
		esac
		;;
	esac
	return 1
}

_weir_options()
{
	local words

	case $1 in
	copy)
		words='-r -R --recursive -a --archive -p --preserve --no-preserve= --keep= -L --dereference -H --dereference-command-line -P --no-dereference -d --links --keep-directory-symlink -x --one-file-system --exclude= --include= --exclude-from= --include-from= -n --no-clobber -i --interactive -f --force -u --update --remove-destination -l --link -s --symbolic-link --attributes-only --copy-contents --inplace -b --backup -S --suffix= --dry-run --on-change= --on-vanish= -t --target-directory= -T --no-target-directory --strip-trailing-slashes --parents --files-from= -0 --null --durable= --sync= --confine= --engine= --direct= --reflink --sparse= --preallocate --chunk-size= --depth= --workers= --bwlimit= --ioprio= --background --stop-after= -v --verbose -q --quiet --progress= --stats --explain --debug --explain-filter= --log-file= --help'
		;;
	sync)
		words='--keep= -a -r -l -p -t -g -o -D -H -A -X --archive --no-keep= --keep-directory-symlink -x --one-file-system --exclude= --include= --exclude-from= --include-from= --max-size= --min-size= -c --checksum --size-only -I --ignore-times --modify-window= -u --update --existing --ignore-existing --delete --detect-renames --delete-excluded --remove-source-files --max-delete= --yes-delete-many --trash= --inplace -b --backup --suffix= --backup-dir= -n --dry-run --on-change= --on-vanish= --files-from= --link-dest= --clone-dest= --snapshot= --retain= -0 --null --durable= --sync= --confine= --allow= --contents --require-mount --expect-fs= --mkpath --wait-lock= --engine= --direct= --reflink --sparse= --preallocate --chunk-size= --depth= --workers= --bwlimit= --ioprio= --background --stop-after= -v --verbose -i --itemize -q --quiet --progress= --stats --explain --debug --log-file= --help'
		;;
	clean)
		words='-n --dry-run --snapshots -x --one-file-system --cross-file-systems --durable= --confine= -v --verbose -0 --null -q --quiet --progress= --stats --log-file= --help'
		;;
	help)
		words='--help'
		;;
	*)
		words='--help -V --version'
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$2")
	[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
}

# An operand of verb $1, or the verb itself, which begins with $2.
_weir_operand()
{
	local current=$2

	case $1 in
	sync)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		compopt -o filenames
		;;
	clean)
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		compopt -o filenames
		;;
	'' | help)
		mapfile -t COMPREPLY < <(compgen -W 'copy sync clean help' -- "$current")
		;;
	esac
}

_weir()
{
	local current=${COMP_WORDS[COMP_CWORD]}
	local before=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]}
	local word joint=''

	# The shell cuts --name=value into three words.
	if [[ $current == '=' ]]; then
		current='' joint='='
	elif [[ $before == '=' ]]; then
		before=${COMP_WORDS[COMP_CWORD - 2]} joint='='
	fi
	((COMP_CWORD > 1)) || verb=''
	COMPREPLY=()
	for word in "${COMP_WORDS[@]:0:COMP_CWORD}"; do
		if [[ $word == -- ]]; then
			_weir_operand "$verb" "$current"
			return 0
		fi
	done
	if _weir_value "$verb" "$before$joint" "$current"; then
		return 0
	fi
	if [[ $current == -* ]]; then
		_weir_options "$verb" "$current"
	else
		_weir_operand "$verb" "$current"
	fi
}

# Without an answer from above the shell completes file names.
complete -o bashdefault -o default -F _weir weir
