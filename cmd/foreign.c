/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "foreign.h"

#include <stdint.h>
#include <string.h>

#include "options.h"
#include "verbs.h"

#define GUESS_NAME_BYTES 32U

#define BOTH (VERB_COPY | VERB_SYNC)

/* What more than one row says. */
#define LOCAL_ONLY "both sides are local paths; nothing is sent over a network"
#define NOT_COMPRESSED "nothing is sent over a network, so nothing is compressed"
#define SYNC_DELETES "'weir sync --delete' makes a folder hold no more than another one"
#define DELETED_LAST "use --delete: it removes when all that was copied is durable"
#define KEPT_MODE "it is kept; --no-keep=mode leaves it out"
#define KEPT_OWNER "both are kept; --no-keep=owner leaves them out"
#define KEPT_TIMES "they are kept; --no-keep=times leaves them out"
#define KEPT_LINKS "they are kept; --no-keep=links leaves them out"
#define KEPT_SPECIAL "they are made; --no-keep=special leaves them out"
#define KEPT_ALL "all is kept; use --no-keep"
#define LINKS_STAY "links are synced as links; 'weir copy -L' follows them"
#define ALL_SCANNED "folders are read while files are copied, always"
#define ALL_LEVELS "use --exclude='/*/*'"
#define NUMBERS "owners are kept by number; no other ones are given"
#define NO_BIRTH "Linux has no way to set a time of creation"
#define NO_PARTIAL "an interrupted run leaves no partial file"
#define TWO_OPERANDS "SOURCE and DEST are the two operands"
#define READABLE "the report is always readable; --stats adds exact counters"
#define USE_WORKERS "use --workers"
#define USE_CHUNK_SIZE "use --chunk-size"
#define USE_DEPTH "use --depth"
#define USE_RULES "use --exclude and --include"
#define ALL_BELOW "all below DEST is looked at, always"
#define NO_FORCE "nothing is asked; -n shows what would be removed"
#define USE_VERSION "the version is 'weir --version'"

/* What a letter says in rsync or cp, and what is to be done instead. */
static const struct foreign_letter {
	char letter;
	unsigned verbs;
	const char *hint;
} foreign_letters[] = {
	{ 'V', BOTH, USE_VERSION },
	{ 'z', BOTH, NOT_COMPRESSED },
	{ 'e', BOTH, LOCAL_ONLY },
	{ 'W', VERB_COPY, "whole files are always copied" },
	{ 'c', VERB_COPY, "'weir sync --checksum' compares contents" },
	{ 'A', VERB_COPY, "use --preserve=mode" },
	{ 'X', VERB_COPY, "use --preserve=xattr" },
	{ 'g', VERB_COPY, "use --preserve=ownership" },
	{ 'o', VERB_COPY, "use --preserve=ownership" },
	{ 'W', VERB_SYNC, "files are copied whole, unless with --inplace" },
	{ 'h', VERB_SYNC, READABLE },
	{ 'P', VERB_SYNC, NO_PARTIAL "; --progress=always shows progress" },
	{ 'R', VERB_SYNC, "use --files-from: its names begin in SOURCE" },
	{ 'd', VERB_SYNC, ALL_LEVELS },
	{ 'k', VERB_SYNC, LINKS_STAY },
	{ 'L', VERB_SYNC, LINKS_STAY },
	{ 'K', VERB_SYNC, "use --keep-directory-symlink" },
	{ 'E', VERB_SYNC, KEPT_MODE },
	{ 'O', VERB_SYNC, KEPT_TIMES },
	{ 'J', VERB_SYNC, KEPT_TIMES },
	{ 'U', VERB_SYNC, KEPT_TIMES },
	{ 'N', VERB_SYNC, NO_BIRTH },
	{ 'S', VERB_SYNC, "holes are kept; --sparse=always makes more" },
	{ 'C', VERB_SYNC, "use --exclude-from" },
	{ 'f', VERB_SYNC, USE_RULES },
	{ 'F', VERB_SYNC, USE_RULES },
	{ 'm', VERB_SYNC, "empty folders are kept; --exclude leaves them out" },
	{ 'y', VERB_SYNC, "--detect-renames finds what was moved" },
	{ 'B', VERB_SYNC, USE_CHUNK_SIZE },
	{ 'T', VERB_SYNC, "a copy is made beside its name, where a rename is one step" },
	{ '@', VERB_SYNC, "use --modify-window" },
	{ '8', VERB_SYNC, "-0 prints names as they are" },
	{ 's', VERB_SYNC, LOCAL_ONLY },
	{ 'V', VERB_CLEAN, USE_VERSION },
	{ 'r', VERB_CLEAN, ALL_BELOW },
	{ 'R', VERB_CLEAN, ALL_BELOW },
	{ 'f', VERB_CLEAN, NO_FORCE },
	{ 'i', VERB_CLEAN, NO_FORCE },
	{ 'M', VERB_SYNC, LOCAL_ONLY },
	{ '4', VERB_SYNC, LOCAL_ONLY },
	{ '6', VERB_SYNC, LOCAL_ONLY },
};

static const struct foreign_name {
	const char *name;
	unsigned verbs;
	const char *hint;
} foreign_names[] = {
	{ "compress", BOTH, NOT_COMPRESSED },
	{ "compress-choice", BOTH, NOT_COMPRESSED },
	{ "compress-level", BOTH, NOT_COMPRESSED },
	{ "skip-compress", BOTH, NOT_COMPRESSED },
	{ "rsh", BOTH, LOCAL_ONLY },
	{ "partial", BOTH, NO_PARTIAL },
	{ "partial-dir", BOTH, NO_PARTIAL },
	{ "keep-dirlinks", BOTH, "use --keep-directory-symlink" },
	{ "filter", BOTH, USE_RULES },
	{ "from0", BOTH, "use --null" },
	{ "human-readable", BOTH, READABLE },
	{ "info", BOTH, "use --progress or --stats" },
	{ "jobs", BOTH, USE_WORKERS },
	{ "threads", BOTH, USE_WORKERS },
	{ "parallel", BOTH, USE_WORKERS },
	{ "transfers", BOTH, USE_WORKERS },
	{ "block-size", BOTH, USE_CHUNK_SIZE },
	{ "bs", BOTH, USE_CHUNK_SIZE },
	{ "buffer-size", BOTH, USE_CHUNK_SIZE },
	{ "queue-depth", BOTH, USE_DEPTH },
	{ "iodepth", BOTH, USE_DEPTH },
	{ "ionice", BOTH, "use --ioprio" },
	{ "limit-rate", BOTH, "use --bwlimit" },
	{ "rate-limit", BOTH, "use --bwlimit" },
	{ "time-limit", BOTH, "use --stop-after" },
	{ "max-duration", BOTH, "use --stop-after" },
	{ "io", BOTH, "use --engine" },
	{ "silent", BOTH, "use --quiet" },
	{ "log", BOTH, "use --log-file" },
	{ "list-only", BOTH, "use --dry-run" },
	{ "version", BOTH, USE_VERSION },

	{ "whole-file", VERB_COPY, "whole files are always copied" },
	{ "times", VERB_COPY, "use --preserve" },
	{ "perms", VERB_COPY, "use --preserve" },
	{ "owner", VERB_COPY, "use --preserve" },
	{ "group", VERB_COPY, "use --preserve" },
	{ "attributes", VERB_COPY, "use --preserve" },
	{ "relative", VERB_COPY, "use --parents" },
	{ "hard-links", VERB_COPY, "use --preserve=links" },
	{ "acls", VERB_COPY, "use --preserve=mode" },
	{ "xattrs", VERB_COPY, "use --preserve=xattr" },
	{ "ignore-existing", VERB_COPY, "use --no-clobber" },
	{ "existing", VERB_COPY, "'weir sync --existing' makes nothing new" },
	{ "fsync", VERB_COPY, "use --durable=file" },
	{ "itemize-changes", VERB_COPY, "use --verbose" },
	{ "output", VERB_COPY, "the target is the last operand, or --target-directory" },
	{ "delete", VERB_COPY, SYNC_DELETES },
	{ "delete-before", VERB_COPY, SYNC_DELETES },
	{ "delete-during", VERB_COPY, SYNC_DELETES },
	{ "delete-delay", VERB_COPY, SYNC_DELETES },
	{ "delete-after", VERB_COPY, SYNC_DELETES },
	{ "del", VERB_COPY, SYNC_DELETES },
	{ "mirror", VERB_COPY, SYNC_DELETES },
	{ "checksum", VERB_COPY, "'weir sync --checksum' compares contents" },
	{ "backup-dir", VERB_COPY,
	  "--backup keeps it in its folder; see 'weir sync --backup-dir'" },

	{ "version", VERB_CLEAN, USE_VERSION },
	{ "recursive", VERB_CLEAN, ALL_BELOW },
	{ "force", VERB_CLEAN, NO_FORCE },
	{ "interactive", VERB_CLEAN, NO_FORCE },
	{ "list-only", VERB_CLEAN, "use --dry-run" },
	{ "list", VERB_CLEAN, "use --dry-run" },
	{ "silent", VERB_CLEAN, "use --quiet" },
	{ "log", VERB_CLEAN, "use --log-file" },

	{ "verify", VERB_SYNC, "--checksum compares contents" },
	{ "mirror", VERB_SYNC, "use --delete" },
	{ "prune", VERB_SYNC, "use --delete" },
	{ "del", VERB_SYNC, "use --delete" },
	{ "delete-before", VERB_SYNC, "use --delete=first" },
	{ "delete-during", VERB_SYNC, DELETED_LAST },
	{ "delete-delay", VERB_SYNC, DELETED_LAST },
	{ "delete-after", VERB_SYNC, DELETED_LAST },
	{ "ignore-errors", VERB_SYNC, "what could not be read is never taken for gone" },
	{ "force", VERB_SYNC, "--delete removes folders with all they hold" },
	{ "remove-destination", VERB_SYNC, "what differs is always replaced" },
	{ "ignore-non-existing", VERB_SYNC, "use --existing" },
	{ "no-clobber", VERB_SYNC, "use --ignore-existing" },
	{ "interactive", VERB_SYNC, "see what would be done with --dry-run" },
	{ "itemize-changes", VERB_SYNC, "use --itemize" },
	{ "out-format", VERB_SYNC, "use --itemize, and -0 for programs" },
	{ "log-file-format", VERB_SYNC, "use --log-file" },
	{ "8-bit-output", VERB_SYNC, "-0 prints names as they are" },
	{ "recursive", VERB_SYNC, "folders are always synced with all they hold" },
	{ "no-recursive", VERB_SYNC, ALL_LEVELS },
	{ "dirs", VERB_SYNC, ALL_LEVELS },
	{ "old-dirs", VERB_SYNC, ALL_LEVELS },
	{ "inc-recursive", VERB_SYNC, ALL_SCANNED },
	{ "no-inc-recursive", VERB_SYNC, ALL_SCANNED },
	{ "relative", VERB_SYNC, "use --files-from: its names begin in SOURCE" },
	{ "parents", VERB_SYNC, "use --files-from: its names begin in SOURCE" },
	{ "target-directory", VERB_SYNC, TWO_OPERANDS },
	{ "no-target-directory", VERB_SYNC, TWO_OPERANDS },
	{ "output", VERB_SYNC, TWO_OPERANDS },
	{ "strip-trailing-slashes", VERB_SYNC, "a slash at the end changes nothing" },
	{ "copy-links", VERB_SYNC, LINKS_STAY },
	{ "copy-dirlinks", VERB_SYNC, LINKS_STAY },
	{ "copy-unsafe-links", VERB_SYNC, LINKS_STAY },
	{ "dereference", VERB_SYNC, LINKS_STAY },
	{ "safe-links", VERB_SYNC, "links are synced as they are, wherever they lead" },
	{ "munge-links", VERB_SYNC, "links are synced as they are, wherever they lead" },
	{ "links", VERB_SYNC, "they are kept; --no-keep=symlink leaves them out" },
	{ "no-links", VERB_SYNC, "use --no-keep=symlink" },
	{ "perms", VERB_SYNC, KEPT_MODE },
	{ "executability", VERB_SYNC, KEPT_MODE },
	{ "chmod", VERB_SYNC, KEPT_MODE },
	{ "no-perms", VERB_SYNC, "use --no-keep=mode" },
	{ "owner", VERB_SYNC, KEPT_OWNER },
	{ "group", VERB_SYNC, KEPT_OWNER },
	{ "no-owner", VERB_SYNC, "use --no-keep=owner" },
	{ "no-group", VERB_SYNC, "use --no-keep=owner" },
	{ "numeric-ids", VERB_SYNC, NUMBERS },
	{ "chown", VERB_SYNC, NUMBERS },
	{ "usermap", VERB_SYNC, NUMBERS },
	{ "groupmap", VERB_SYNC, NUMBERS },
	{ "times", VERB_SYNC, KEPT_TIMES },
	{ "atimes", VERB_SYNC, KEPT_TIMES },
	{ "omit-dir-times", VERB_SYNC, KEPT_TIMES },
	{ "omit-link-times", VERB_SYNC, KEPT_TIMES },
	{ "no-times", VERB_SYNC, "use --no-keep=times" },
	{ "crtimes", VERB_SYNC, NO_BIRTH },
	{ "hard-links", VERB_SYNC, KEPT_LINKS },
	{ "no-hard-links", VERB_SYNC, "use --no-keep=links" },
	{ "acls", VERB_SYNC, "they are kept; --no-keep=acl leaves them out" },
	{ "no-acls", VERB_SYNC, "use --no-keep=acl" },
	{ "xattrs", VERB_SYNC, "they are kept; --no-keep=xattr leaves them out" },
	{ "no-xattrs", VERB_SYNC, "use --no-keep=xattr" },
	{ "devices", VERB_SYNC, KEPT_SPECIAL },
	{ "specials", VERB_SYNC, KEPT_SPECIAL },
	{ "no-devices", VERB_SYNC, "use --no-keep=special" },
	{ "no-specials", VERB_SYNC, "use --no-keep=special" },
	{ "preserve", VERB_SYNC, KEPT_ALL },
	{ "no-preserve", VERB_SYNC, KEPT_ALL },
	{ "fake-super", VERB_SYNC, "what cannot be kept is told, and kept nowhere else" },
	{ "prune-empty-dirs", VERB_SYNC, "empty folders are kept; --exclude leaves them out" },
	{ "cvs-exclude", VERB_SYNC, "use --exclude-from" },
	{ "explain-filter", VERB_SYNC, "'weir copy --explain-filter' needs no operand" },
	{ "whole-file", VERB_SYNC, "files are copied whole, unless with --inplace" },
	{ "no-whole-file", VERB_SYNC, "use --inplace" },
	{ "append", VERB_SYNC, "use --inplace: it writes only what differs" },
	{ "append-verify", VERB_SYNC, "use --inplace: it writes only what differs" },
	{ "write-devices", VERB_SYNC, "a device is never written to" },
	{ "copy-devices", VERB_SYNC, "a device is never read" },
	{ "checksum-choice", VERB_SYNC, "--checksum compares the bytes of both sides" },
	{ "fuzzy", VERB_SYNC, "--detect-renames finds what was moved" },
	{ "track-renames", VERB_SYNC, "use --detect-renames" },
	{ "copy-dest", VERB_SYNC, "use --clone-dest" },
	{ "compare-dest", VERB_SYNC, "use --link-dest or --clone-dest" },
	{ "temp-dir", VERB_SYNC, "a copy is made beside its name, where a rename is one step" },
	{ "delay-updates", VERB_SYNC, "--snapshot shows a folder when it is complete" },
	{ "stop-at", VERB_SYNC, "use --stop-after" },
	{ "timeout", VERB_SYNC, LOCAL_ONLY },
	{ "rsync-path", VERB_SYNC, LOCAL_ONLY },
	{ "password-file", VERB_SYNC, LOCAL_ONLY },
	{ "fsync", VERB_SYNC, "all is synced; --durable=file syncs each file by itself" },
};

const char *foreign_letter_hint(unsigned speakers, char letter)
{
	for (size_t i = 0; i < sizeof(foreign_letters) / sizeof(foreign_letters[0]); i++)
		if ((foreign_letters[i].verbs & speakers) != 0 &&
		    foreign_letters[i].letter == letter)
			return foreign_letters[i].hint;
	return NULL;
}

const char *foreign_name_hint(unsigned speakers, const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(foreign_names) / sizeof(foreign_names[0]); i++)
		if ((foreign_names[i].verbs & speakers) != 0 &&
		    strlen(foreign_names[i].name) == length &&
		    memcmp(foreign_names[i].name, name, length) == 0)
			return foreign_names[i].hint;
	return NULL;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Letters to insert, drop or change to get from one name to the other. */
static unsigned edit_distance(const char *from, size_t from_length, const char *to,
			      size_t to_length)
{
	unsigned row[GUESS_NAME_BYTES + 1];

	for (unsigned column = 0; column <= to_length; column++)
		row[column] = column;
	for (unsigned line = 1; line <= from_length; line++) {
		unsigned diagonal = row[0];

		row[0] = line;
		for (unsigned column = 1; column <= to_length; column++) {
			unsigned change = diagonal + (from[line - 1] != to[column - 1]);

			diagonal = row[column];
			row[column] = least(change, least(row[column], row[column - 1]) + 1);
		}
	}
	return row[to_length];
}

static bool is_near(const struct option *option, const char *name, size_t length)
{
	size_t option_length = strlen(option->name);

	if (length < 3 || length > GUESS_NAME_BYTES || option_length > GUESS_NAME_BYTES)
		return false;
	if (length < option_length && memcmp(option->name, name, length) == 0)
		return true;
	return edit_distance(name, length, option->name, option_length) <= (length < 6 ? 1 : 2);
}

bool foreign_other_verb(struct text *text, const struct option *option)
{
	for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
		if (option == NULL || (option->verbs & verb->speaker.verb) == 0)
			continue;
		text_addf(text, "'%s' has it", verb->speaker.name);
		return true;
	}
	return false;
}

bool foreign_guess_name(struct text *text, unsigned speakers, const char *name, size_t length)
{
	const struct option *guess = NULL;

	for (const struct option *option = options; option->name != NULL; option++) {
		if (option->group == GROUP_HIDDEN || (option->verbs & speakers) == 0 ||
		    !is_near(option, name, length))
			continue;
		if (guess != NULL)
			return false; /* two guesses are none */
		guess = option;
	}
	if (guess == NULL)
		return false;
	text_addf(text, "did you mean '--%s'?", guess->name);
	return true;
}
