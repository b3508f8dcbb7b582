#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The examples of the front page do what they say.

load helper

# The commands of the section "Use it", with all absolute paths below $T.
examples() {
	awk '/^## / { on = /^## Use it$/ } on && /^```/ { code = !code; next } on && code' \
		"${BATS_TEST_FILENAME%/*}/../../README.md" |
		sed -E "s,(^|[ =:])/(mnt|home|srv|tmp|usr),\1$T/\2,g"
}

# What the examples talk about, new for each of them.
scene() {
	rm -rf "${T:?}"/*
	mkdir -p mnt/backup mnt/photos home/ada/.config srv tmp src/lib src/tmp build \
		usr/local/libexec/weir
	printf 'mine\n' >home/ada/.config/x
	printf 'data\n' | tee a b c notes mnt/backup/notes src/lib/a.c src/lib/a.o \
		src/tmp/t build/b srv/s >/dev/null
	printf 'left\n' >mnt/.weir.lyfqruoc3g34vjr7ehyet3sq
	printf 'photo\n' >"one's own.jpg"
	{
		head -c 300000 /dev/zero
		printf end
	} >disk.img
	printf '#!/bin/sh\ncp a copied\n' >build.sh
	chmod +x build.sh
	ln -s "$WEIR" usr/local/libexec/weir/cp
	ln -s "$WEIR" usr/weir
}

list_all() {
	find . -printf '%p %s %T@\n' | sort
}

@test "each example of the front page runs, in a folder that has what it is about" {
	local line before

	examples >"$BATS_TEST_TMPDIR/list"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/list")" -ge 15 ]
	while IFS= read -r line; do
		scene
		[[ $line != *--inplace* ]] || printf old >mnt/backup/disk.img
		before=$(list_all)
		PATH=$T/usr:$PATH exits 0 bash -o pipefail -c "$line"
		case $line in
		*--dry-run* | *--explain*) ;;
		*) [ -z "$stderr" ] ;;
		esac || { echo "$line: $stderr"; false; }
		# Each of them copies something, but for one that says what it would do.
		if [[ $line == *--dry-run* ]]; then
			[ "$before" = "$(list_all)" ]
		else
			[ "$before" != "$(list_all)" ]
		fi || { echo "$line: not what it was to do"; false; }
	done <"$BATS_TEST_TMPDIR/list"
}

@test "what the examples of the front page promise is there" {
	local line

	examples >"$BATS_TEST_TMPDIR/list"
	run_example() { # TEXT
		scene
		line=$(grep -m 1 -F -e "$1" "$BATS_TEST_TMPDIR/list")
		PATH=$T/usr:$PATH exits 0 bash -o pipefail -c "$line"
	}
	run_example --sparse=always
	cmp disk.img mnt/backup/disk.img
	run_example --parents
	cmp src/lib/a.c mnt/backup/src/lib/a.c
	run_example /dev/stdin
	[ "$(tar -xOf mnt/backup/src.tar src/lib/a.c)" = data ]
	run_example --exclude
	[ "$(cd mnt/backup && find src | sort | xargs)" = "src src/lib src/lib/a.c" ]
	run_example --backup
	[ -f mnt/backup/notes.~1~ ]
	run_example '*.jpg'
	cmp "one's own.jpg" "mnt/photos/one's own.jpg"
	run_example libexec
	cmp a copied
	run_example '-T disk.img'
	cmp disk.img mnt/backup/today.img
	run_example "-a $T/home/ada"
	cmp home/ada/.config/x mnt/backup/ada/.config/x
	run_example "sync $T/home/ada"
	cmp home/ada/.config/x mnt/ada/.config/x
	absent mnt/ada/ada
	run_example --no-keep=owner
	cmp home/ada/.config/x mnt/ada/.config/x
	run_example 'sync --delete'
	cmp srv/s mnt/www/s
	run_example 'sync --inplace'
	cmp srv/s mnt/backup/s
	run_example '-rl'
	[ src/lib/a.c -ef links/lib/a.c ]
}
