#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# R01, R02, R07: command lines that are right and wrong.

load helper

# bats test_tags=R01
@test "without a verb, or with one that is none, weir says what is missing" {
	refuses "weir: a verb is missing, such as copy; see 'weir --help'"
	refuses "weir: a verb is missing" --
	refuses "weir: no such verb: 'frobnicate'; see 'weir --help'" frobnicate
	refuses "weir: no such verb: 'cp'; did you mean 'weir copy'?" cp a b
	refuses "weir: no such verb: ''" ''
	refuses "weir help: no such verb: 'nosuch'" help nosuch
	refuses "weir help: one verb is enough: 'help'" help copy help
}

# bats test_tags=R01
@test "missing and surplus operands are named" {
	printf x >a
	refuses "weir copy: SOURCE and DEST are missing; see 'weir copy --help'" copy
	refuses "weir copy: DEST is missing after 'a'" copy a
	refuses "SOURCE is missing" copy -t .
	refuses "an operand is empty" copy a ''
	refuses "an operand is empty" copy '' a
	refuses "an operand is empty" copy -t . ''
	refuses "-T takes one SOURCE and DEST, no more: 'c'" copy -T a b c
	refuses "DEST is missing after 'a'" copy -T a
	absent b c
}

# bats test_tags=R01
@test "options that exclude or need each other are refused" {
	printf x >a
	mkdir d
	printf 'a\n' >list
	refuses "-t (--target-directory) and -T (--no-target-directory) exclude each other" \
		copy -T -t d a
	refuses "--files-from and -T (--no-target-directory) exclude each other" \
		copy -T --files-from=list d
	refuses "-0 (--null) is for --files-from, --exclude-from and --include-from only" \
		copy -0 a d
	refuses "-t: given twice" copy -t d -t d a
	refuses "--target-directory: given twice" copy -t d --target-directory=d a
	refuses "--log-file: given twice" copy --log-file=l --log-file=l a d
	refuses "--files-from: given twice" copy --files-from=list --files-from=list d
	absent d/a l
}

# bats test_tags=R01
@test "unknown options are refused before anything is opened" {
	printf x >a
	refuses "weir copy: --nosuch: not an option of weir; see 'weir copy --help'" \
		copy --nosuch --log-file=log a b
	refuses "weir copy: -!: not an option of weir; see 'weir copy --help'" copy -! a b
	refuses "weir copy: -!: not an option of weir" copy -rv! a b
	refuses "weir copy: --: not an option" copy --=x a b
	refuses "weir: --nosuch: not an option of weir; see 'weir --help'" --nosuch copy a b
	refuses "weir: -r: not an option of weir; options of a verb follow it" -r copy a b
	refuses "weir: --recursive: not an option of weir; options of a verb follow it" --recursive
	absent b log
}

# bats test_tags=R01
@test "letters and names of other copiers are refused, never ignored" {
	local letter name

	printf x >a
	for letter in e g h o z A B C D E F G I J K M N O Q U V W X Y Z \
		1 2 3 4 5 6 7 8 9 @ \?; do
		refuses "weir copy: -$letter: not an option of weir; " copy "-$letter" a b
	done
	for name in filter delete delete-after checksum \
		context hard-links acls xattrs compress rsh \
		partial max-delete existing ignore-existing itemize-changes info \
		numeric-ids chown chmod mkpath out-format from0 fsync jobs version json; do
		refuses "weir copy: --$name: not an option of weir; " copy "--$name" a b
		refuses "weir copy: --$name: not an option of weir; " copy "--$name=x" a b
	done
	absent b
}

# bats test_tags=R01
@test "the hint of a refused option names the right one" {
	refuses "; see 'weir copy --help'" copy -h
	refuses "; the version is 'weir --version'" copy -V
	refuses "; the version is 'weir --version'" copy --version
	refuses "; use --no-clobber" copy --ignore-existing a b
	refuses "; use --workers" copy --jobs=4 a b
	refuses "; use --durable=file" copy --fsync a b
	refuses "; use --keep-directory-symlink" copy --keep-dirlinks a b
	refuses "; use --parents" copy --relative a b
	refuses "; use --null" copy --from0 a b
	refuses "--durble: not an option of weir; did you mean '--durable'?" copy --durble=none a b
	refuses "-e: not an option of weir; did you mean '--recursive'?" copy -recursive a b
}

# bats test_tags=R07
@test "long options are not abbreviated" {
	printf x >a
	refuses "--recursiv: not an option of weir; did you mean '--recursive'?" \
		copy --recursiv a b
	refuses "--verb: not an option of weir; did you mean '--verbose'?" copy --verb a b
	refuses "--target: not an option of weir; did you mean '--target-directory'?" \
		copy --target=d a
	# Two that begin so are no guess.
	refuses "--dur: not an option of weir; did you mean '--durable'?" copy --dur=none a b
	refuses "--d: not an option of weir; see 'weir copy --help'" copy --d a b
	absent b
}

# bats test_tags=R07
@test "-- ends the options, and names may begin with a dash after it" {
	printf x >./-r
	printf y >./--help
	mkdir d
	exits 0 "$WEIR" copy -- -r --help d
	cmp ./-r d/-r
	cmp ./--help d/--help
	exits 0 "$WEIR" copy -t d -n -- --help
	exits 0 "$WEIR" copy -T -- -r -v
	cmp ./-r ./-v
}

# bats test_tags=R07
@test "a lone - is a name" {
	printf x >./-
	exits 0 "$WEIR" copy - b
	cmp ./- b
}

# bats test_tags=R07
@test "options may follow operands, unless POSIXLY_CORRECT is set" {
	printf x >a
	exits 0 "$WEIR" copy a b -v
	prints 'copied b'
	mkdir d
	POSIXLY_CORRECT=1 exits "$PARTIAL" "$WEIR" copy a -v d
	says "'-v'"
	cmp a d/a
	POSIXLY_CORRECT=1 exits 0 "$WEIR" copy -v a c
	prints 'copied c'
}

# bats test_tags=R07
@test "values may be joined to an option or follow it" {
	mkdir source d
	local form

	printf x >source/f
	for form in '-td' '-t d' '--target-directory=d' '--target-directory d' '-rvtd' '-rvt d'; do
		rm -rf d/source
		# shellcheck disable=SC2086 # a list of words
		exits 0 "$WEIR" copy -r source $form
		cmp source/f d/source/f
	done
	refuses "-t: DIR is missing" copy source -t
	refuses "--target-directory: DIR is missing" copy source --target-directory
	refuses "--engine: ENGINE is missing" copy a b --engine
	refuses "--target-directory: the name is empty" copy source --target-directory=
	refuses "-t: the name is empty" copy source -t ''
}

# bats test_tags=R07
@test "an option without a value takes none" {
	refuses "--recursive: takes no value" copy --recursive=yes a b
	refuses "--archive: takes no value" copy --archive=mode a b
	refuses "--help: takes no value" --help=copy
}

# bats test_tags=R02
@test "sizes that are none are refused before anything is opened" {
	local size

	printf x >a
	for size in 9e99 -1 0x 0x1000 '' ' 4K' '4K ' +4K 4k 4Kb 4kB 4ki K 4.0K 1e6 4KK 4KiBs ½K; do
		refuses "weir copy: --chunk-size: '$size' is not a size; use digits and " \
			copy --chunk-size="$size" a b
	done
	refuses "--chunk-size: '-1' is not a size" copy --chunk-size -1 a b
	absent b
}

# bats test_tags=R02
@test "sizes out of range are refused, whatever their length" {
	local size

	printf x >a
	for size in 18446744073709551616 9223372036854775808 9223372036854775807 9000000T 1K 1T \
		99999999999999999999999999999999999999999K 16777216TiB; do
		refuses "weir copy: --chunk-size: '$size' is " copy --chunk-size="$size" a b
		says_nothing_of 'is not a size'
	done
	refuses "--chunk-size: '9223372036854775808' is out of range: from " \
		copy --chunk-size=9223372036854775808 a b
	refuses "--chunk-size: '70000' is not a multiple of 4 KiB" copy --chunk-size=70000 a b
	absent b
}

# bats test_tags=R02
@test "sizes take units of 1024 and of 1000" {
	local size

	printf x >a
	for size in 65536 0065536 64K 64KiB 1M 1MiB 4096KB 512MB; do
		case $size in
		# 4,096 * 1000 is a multiple of 4096; 512 MB is one, and too much.
		512MB) refuses "'512MB' is out of range" copy --chunk-size=$size a b ;;
		*) exits 0 "$WEIR" copy --chunk-size=$size a b ;;
		esac
	done
	refuses "'64KB' is not a multiple" copy --chunk-size=64KB a b
	refuses "'1GB' is " copy --chunk-size=1GB a b
	refuses "'1TB' is " copy --chunk-size=1TB a b
}

# bats test_tags=R02
@test "counts are whole numbers within bounds" {
	local option value

	printf x >a
	for option in --depth --workers; do
		for value in '' -1 0x 1.5 4K 1e3 ' 1' one; do
			refuses "weir copy: $option: '$value' is not a number" \
				copy $option="$value" a b
		done
		for value in 1000000 18446744073709551616; do
			refuses "weir copy: $option: '$value' is out of range: from " \
				copy $option=$value a b
		done
		exits 0 "$WEIR" copy $option=2 a b
	done
}

# bats test_tags=R01
@test "choices are listed when none of them is meant" {
	printf x >a
	refuses "--durable: 'yes' is not one of none, end, group, file" copy --durable=yes a b
	refuses "--sync: '' is not one of auto, files, fs" copy --sync= a b
	refuses "--engine: 'RING' is not one of auto, ring, plain" copy --engine=RING a b
	refuses "--direct: 'neve' is not one of auto, always, never" copy --direct=neve a b
	refuses "--progress: 'a' is not one of auto, always, never" copy --progress a b
	absent b
}

# bats test_tags=R01
@test "all choices are taken" {
	local word

	printf x >a
	for word in --durable={none,end,group,file} --sync={auto,files,fs} --engine={auto,plain} \
		--direct={auto,always,never} --progress={auto,never}; do
		rm -f b
		exits 0 "$WEIR" copy "$word" a b
		cmp a b
		no_stderr
	done
}

# bats test_tags=R01
@test "lists of properties are checked word by word" {
	printf x >a
	refuses "--preserve: 'x' is not one of mode, ownership, timestamps, links, xattr" \
		copy --preserve=mode,x a b
	refuses "--preserve: '' is not one of mode" copy --preserve= a b
	refuses "--preserve: '' is not one of mode" copy --preserve=mode, a b
	refuses "--no-preserve: 'owner' is not one of mode" copy --no-preserve=owner a b
	refuses "--no-preserve: LIST is missing" copy a b --no-preserve
	refuses "--keep: 'x' is not one of mode, owner, times, acl" copy --keep=x:try a b
	refuses "--keep: 'x' is not one of off, try, require" copy --keep=mode:off,owner:x a b
	refuses "--keep: '' is not one of off, try, require" copy --keep=mode: a b
	refuses "--reflink: 'x' is not one of auto, always, never" copy --reflink=x a b
	absent b
	# Without a joined value the next word is an operand.
	exits 0 "$WEIR" copy --preserve a b
	cmp a b
}

@test "variables equal their options, and an option wins" {
	printf x >a
	WEIR_ENGINE=warp refuses "weir copy: WEIR_ENGINE: 'warp' is not one of auto, ring, plain" \
		copy a b
	WEIR_DURABLE=no refuses "WEIR_DURABLE: 'no' is not one of none, end, group, file" \
		copy a b
	absent b
	WEIR_ENGINE=warp WEIR_DURABLE=no exits 0 "$WEIR" copy --engine=plain --durable=none a b
	WEIR_REFLINK=no refuses "WEIR_REFLINK: 'no' is not one of auto, always, never" copy a b
	WEIR_ENGINE='' WEIR_DURABLE='' WEIR_REFLINK='' exits 0 "$WEIR" copy a b
	WEIR_DURABLE=none exits 0 "$WEIR" copy --stats a c
	says $'\nfiles_durable 0'
	# They are no reason to refuse help.
	WEIR_ENGINE=warp exits 0 "$WEIR" copy --help
}

# bats test_tags=R01
@test "names in usage messages are escaped" {
	refuses "no such verb: '\\n\\x1b[2J'" $'\n\e[2J'
	refuses "weir copy: --x\\ny: not an option" copy $'--x\ny' a b
	refuses "DEST is missing after '\\xff'" copy $'\xff'
	refuses "--engine: 'a\\'b' is not one of" copy "--engine=a'b" a b
	LC_ALL=C refuses "weir copy: -\\xc3\\xa9: not an option of weir" copy -é a b
}
