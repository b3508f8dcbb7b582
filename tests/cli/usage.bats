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
	refuses "weir: no such verb: 'rsync'; did you mean 'weir sync'?" rsync a b
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

# Options that VERB does not have, whoever has them.
refuses_letters() { # VERB LETTER...
	local verb=$1 letter

	shift
	for letter in "$@"; do
		refuses "weir $verb: -$letter: not an option of weir" "$verb" "-$letter" a b
		[[ $stderr == *"; "* ]]
	done
}

refuses_names() { # VERB NAME...
	local verb=$1 name

	shift
	for name in "$@"; do
		refuses "weir $verb: --$name: not an option of weir" "$verb" "--$name" a b
		refuses "weir $verb: --$name: not an option of weir" "$verb" "--$name=x" a b
	done
}

# bats test_tags=R01
@test "letters and names of other copiers are refused, never ignored" {
	printf x >a
	refuses_letters copy e g h o z A B C D E F G I J K M N O Q U V W X Y Z \
		1 2 3 4 5 6 7 8 9 @ \?
	refuses_names copy filter delete delete-after checksum \
		context hard-links acls xattrs compress rsh \
		partial max-delete existing ignore-existing itemize-changes info \
		numeric-ids chown chmod mkpath out-format from0 fsync jobs version json
	absent b
}

# bats test_tags=R01
@test "sync refuses what rsync has and weir has not" {
	mkdir a
	printf x >a/f
	refuses_letters sync e d f h j k m s w y z B C E F G J K L M N O P Q R S T U V W Y Z \
		1 2 3 4 5 6 7 8 9 @ \?
	refuses_names sync 8-bit-output address append append-verify atimes blocking-io \
		block-size checksum-choice checksum-seed chmod chown compare-dest compress \
		contimeout copy-as copy-dest copy-devices copy-dirlinks copy-links crtimes \
		cvs-exclude del delay-updates delete-after delete-before delete-delay \
		delete-during delete-missing-args devices dirs drop-D executability fake-super \
		filter force from0 fsync fuzzy group groupmap hard-links human-readable iconv \
		ignore-errors ignore-missing-args ignore-non-existing info ipv4 ipv6 \
		itemize-changes keep-dirlinks links list-only max-alloc munge-links \
		no-inc-recursive no-perms no-whole-file numeric-ids omit-dir-times \
		omit-link-times only-write-batch open-noatime out-format outbuf owner partial \
		partial-dir password-file perms port protocol prune-empty-dirs read-batch \
		recursive relative remote-option rsh rsync-path safe-links secluded-args \
		skip-compress sockopts specials stop-at super temp-dir timeout times \
		trust-sender usermap version whole-file write-batch write-devices xattrs acls
	absent b
}

# bats test_tags=R01
@test "sync refuses what only copy has, and says so" {
	mkdir a
	refuses "weir sync: --parents: not an option of weir sync; use --files-from" \
		sync --parents a b
	refuses "weir sync: --symbolic-link: not an option of weir sync; 'weir copy' has it" \
		sync --symbolic-link a b
	refuses "weir sync: -s: not an option of weir sync; " sync -s a b
	refuses "weir copy: --no-keep: not an option of weir copy; 'weir sync' has it" \
		copy --no-keep=acl a b
	refuses "weir copy: -D: not an option of weir copy; 'weir sync' has it" copy -D a b
	refuses "weir help: -r: not an option of weir help; 'weir copy' has it" help -r
	refuses_names sync preserve no-preserve dereference link attributes-only copy-contents \
		interactive no-clobber remove-destination target-directory no-target-directory \
		strip-trailing-slashes explain-filter
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
	refuses "; 'weir sync --delete' makes" copy --delete a b
	refuses "; 'weir sync --delete' makes" copy --delete-after a b
	refuses "; 'weir sync --checksum' compares" copy -c a b
	refuses "; use --preserve=xattr" copy -X a b
	refuses "; use --stop-after" copy --time-limit=5 a b
	refuses "; use --ioprio" copy --ionice=3 a b
	refuses "--durble: not an option of weir; did you mean '--durable'?" copy --durble=none a b
	refuses "-e: not an option of weir; did you mean '--recursive'?" copy -recursive a b
}

# bats test_tags=R01
@test "the hint of an option that sync refuses names the right one" {
	local option hint

	while read -r option hint; do
		refuses "weir sync: ${option%%=*}: not an option of weir" sync "$option" a b
		says "; $hint" || { echo "$option"; false; }
	done <<-'END'
		-z nothing is sent over a network, so nothing is compressed
		-e both sides are local paths
		-W files are copied whole, unless with --inplace
		-h the report is always readable
		-P an interrupted run leaves no partial file; --progress=always
		-V the version is 'weir --version'
		-L links are synced as links; 'weir copy -L'
		-k links are synced as links; 'weir copy -L'
		-K use --keep-directory-symlink
		-R use --files-from
		-d use --exclude='/*/*'
		-E it is kept; --no-keep=mode
		-O they are kept; --no-keep=times
		-S holes are kept; --sparse=always
		-C use --exclude-from
		-f use --exclude and --include
		-m empty folders are kept; --exclude
		-y --detect-renames
		-B use --chunk-size
		-@ use --modify-window
		--partial an interrupted run leaves no partial file
		--compress nothing is sent over a network
		--whole-file files are copied whole, unless with --inplace
		--no-whole-file use --inplace
		--append use --inplace
		--perms it is kept; --no-keep=mode
		--no-perms use --no-keep=mode
		--owner both are kept; --no-keep=owner
		--no-group use --no-keep=owner
		--times they are kept; --no-keep=times
		--no-times use --no-keep=times
		--hard-links they are kept; --no-keep=links
		--acls they are kept; --no-keep=acl
		--xattrs they are kept; --no-keep=xattr
		--devices they are made; --no-keep=special
		--links they are kept; --no-keep=symlink
		--numeric-ids owners are kept by number
		--chown=a:b owners are kept by number
		--preserve=all all is kept; use --no-keep
		--del use --delete
		--delete-before use --delete=first
		--delete-during use --delete: it removes when all that was copied is durable
		--delete-after use --delete: it removes when all that was copied is durable
		--mirror use --delete
		--ignore-non-existing use --existing
		--no-clobber use --ignore-existing
		--itemize-changes use --itemize
		--out-format=%n use --itemize
		--copy-dest=x use --clone-dest
		--fuzzy --detect-renames
		--from0 use --null
		--filter=x use --exclude and --include
		--keep-dirlinks use --keep-directory-symlink
		--copy-links links are synced as links; 'weir copy -L'
		--target-directory=b SOURCE and DEST are the two operands
		--strip-trailing-slashes a slash at the end changes nothing
		--explain-filter=x 'weir copy --explain-filter'
		--stop-at=12:00 use --stop-after
		--fsync all is synced; --durable=file
		--list-only use --dry-run
		--human-readable the report is always readable
		--rsync-path=x both sides are local paths
	END
	# What is not known at all is guessed among the options of the verb.
	refuses "--dry-rum: not an option of weir; did you mean '--dry-run'?" sync --dry-rum a b
	refuses "--no-kee: not an option of weir; did you mean '--no-keep'?" sync --no-kee=acl a b
	refuses "--nosuch: not an option of weir; see 'weir sync --help'" sync --nosuch a b
	refuses "; did you mean '--archive'?" sync -archive a b
	absent b
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

# bats test_tags=R02
@test "rates take a unit, and a bare number is shown with two" {
	local rate

	printf x >a
	for rate in 1B 1K 1KiB 5M 5MB 5MB/s 5MiB/s 1T 0 0K; do
		rm -f b
		exits 0 "$WEIR" copy --bwlimit=$rate a b
		cmp a b
		no_stderr
	done
	rm b
	for rate in '' 1.5M 5m 5k 5Mb /s 5/s 5M/ 5M/sec 5M/s/s ' 5M' -5M +5M x 5X 1e6 5MBs; do
		refuses "weir copy: --bwlimit: '$rate' is not a rate; use digits and a unit: B" \
			copy --bwlimit="$rate" a b
	done
	refuses "'5000' has no unit; 5000B is 4.9 KiB a second, 5000K is 4.9 MiB a second; see" \
		copy --bwlimit=5000 a b
	refuses "'1' has no unit; 1B is 1 byte a second, 1K is 1.0 KiB a second; see" \
		copy --bwlimit=1 a b
	refuses "'200000000' has no unit; 200000000B is 190.7 MiB a second" \
		copy --bwlimit=200000000 a b
	for rate in 1025T 9223372036854775807K 9223372036854775807 99999999999999999999B; do
		refuses "'$rate' is out of range: from 0 to 1 PiB" copy --bwlimit=$rate a b
	done
	absent b
}

# bats test_tags=R02
@test "times take units, and a bare number is shown with two" {
	local time

	printf x >a
	for time in 1h 90m 1h30m 2d 3600s 100000ms 1d2h3m4s5ms 0 0s; do
		rm -f b
		exits 0 "$WEIR" copy --stop-after=$time a b
		cmp a b
		no_stderr
	done
	rm b
	for time in '' s 1x 1H 1h30 30m1h 1h1h 1.5h ' 1h' '1h ' '1h 30m' -1h 1hh 1min 0x10s; do
		refuses "weir copy: --stop-after: '$time' is not a time; use digits and a unit:" \
			copy --stop-after="$time" a b
	done
	refuses "--stop-after: '30' has no unit; 30s is 30.0 s, 30m is 30 min 00 s" \
		copy --stop-after=30 a b
	for time in 3651d 9999999999999d 999999999999999999999s 1d99999999999999h; do
		refuses "'$time' is out of range: from 0 to 87600 h" copy --stop-after=$time a b
	done
	absent b
}

# bats test_tags=R01
@test "I/O priorities are a class, and with some classes a level" {
	local value

	printf x >a
	for value in best-effort best-effort:0 best-effort:7 idle none; do
		rm -f b
		exits 0 "$WEIR" copy --ioprio=$value a b
		cmp a b
	done
	rm b
	for value in '' x 2 Idle idl best idle,none; do
		refuses "--ioprio: '$value' is not one of realtime, best-effort, idle, none" \
			copy --ioprio="$value" a b
	done
	for value in 8 -1 '' 04 x '0 ' 0:0; do
		refuses "--ioprio: '$value' is not a level; use one from 0, which comes" \
			copy --ioprio="best-effort:$value" a b
	done
	refuses "--ioprio: idle has no levels" copy --ioprio=idle:7 a b
	refuses "--ioprio: none has no levels" copy --ioprio=none:0 a b
	absent b
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
