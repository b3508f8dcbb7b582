/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extended attributes and ACLs, in any number, of any name and value, that vanish, grow
 * and fail as they are asked for: what is read, copied, compared and pruned is what a
 * table of them says, and the mode that an ACL leaves is that of a slow reader.
 *
 * Input: what is kept (2 bytes, a bit for each property); a mode (2 bytes); then the
 * attributes of the source, and behind one without a name those of the target: a byte
 * (bits 0 to 2: what becomes of it; bit 3: its value is long), the name, NUL, a byte that
 * says how many of the value follow, and these.
 *
 * Wraps: sys_listxattr sys_getxattr sys_setxattr sys_removexattr
 *
 * Fuzz: -max_len=500
 */
#define _GNU_SOURCE
#include "lib/xattr.h"

#include <errno.h>
#include <sys/stat.h>

#include "fuzz.h"

#define SOURCE_FD 1
#define TARGET_FD 2
#define ROWS_MOST 12
#define NAME_MOST 255
#define LONG_BYTES 3000

enum fate {
	FATE_STAYS,
	FATE_VANISHES, /* between its name and its value */
	FATE_DENIED,   /* -EPERM when it is read */
	FATE_BREAKS,   /* -EIO when it is read */
	FATE_REFUSED,  /* -EOPNOTSUPP when the target is to have it */
	FATE_TWICE,    /* its name is listed twice */
	FATES,
};

struct row {
	char *name;
	char *value;
	size_t bytes;
	enum fate fate;
};

struct table {
	struct row rows[ROWS_MOST];
	size_t count;
};

static struct table sides[3]; /* by descriptor */
static struct table set;      /* what was set on the target */
static struct table removed;

static struct row *find(struct table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->rows[i].name, name) == 0)
			return &table->rows[i];
	return NULL;
}

static void add(struct table *table, const char *name, const void *value, size_t bytes)
{
	struct row *row = find(table, name);

	if (row == NULL) {
		FUZZ_CHECK(table->count < ROWS_MOST);
		row = &table->rows[table->count++];
		row->name = fuzz_copy(name, strlen(name));
	} else {
		free(row->value);
	}
	row->value = fuzz_copy(value, bytes);
	row->bytes = bytes;
}

static void clear(struct table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->rows[i].name);
		free(table->rows[i].value);
	}
	*table = (struct table){ .count = 0 };
}

/* ---- in the place of the system calls ---- */

ssize_t __wrap_sys_listxattr(struct sys *sys, int dirfd, const char *name, char *list, size_t size);
ssize_t __wrap_sys_getxattr(struct sys *sys, int dirfd, const char *name, const char *attribute,
			    void *value, size_t size);
int __wrap_sys_setxattr(struct sys *sys, int fd, bool is_path, const char *attribute,
			const void *value, size_t size);
int __wrap_sys_removexattr(struct sys *sys, int fd, bool is_path, const char *attribute);

ssize_t __wrap_sys_listxattr(struct sys *sys, int dirfd, const char *name, char *list, size_t size)
{
	const struct table *table = &sides[dirfd];
	size_t used = 0;

	(void)sys, (void)name;
	for (size_t i = 0; i < table->count; i++) {
		size_t bytes = strlen(table->rows[i].name) + 1;
		unsigned times = table->rows[i].fate == FATE_TWICE ? 2 : 1;

		for (; times > 0; times--) {
			if (used + bytes > size)
				return -ERANGE;
			memcpy(list + used, table->rows[i].name, bytes);
			used += bytes;
		}
	}
	return (ssize_t)used;
}

ssize_t __wrap_sys_getxattr(struct sys *sys, int dirfd, const char *name, const char *attribute,
			    void *value, size_t size)
{
	const struct row *row = find(&sides[dirfd], attribute);

	(void)sys, (void)name;
	if (row == NULL || row->fate == FATE_VANISHES)
		return -ENODATA;
	if (row->fate == FATE_DENIED || row->fate == FATE_BREAKS)
		return row->fate == FATE_DENIED ? -EPERM : -EIO;
	if (size > 0 && row->bytes > size)
		return -ERANGE;
	if (size > 0)
		memcpy(value, row->value, row->bytes);
	return (ssize_t)row->bytes;
}

int __wrap_sys_setxattr(struct sys *sys, int fd, bool is_path, const char *attribute,
			const void *value, size_t size)
{
	const struct row *row = find(&sides[SOURCE_FD], attribute);

	(void)sys, (void)is_path;
	FUZZ_CHECK(fd == TARGET_FD && row != NULL);
	if (row->fate == FATE_REFUSED)
		return -EOPNOTSUPP;
	add(&set, attribute, value, size);
	return 0;
}

int __wrap_sys_removexattr(struct sys *sys, int fd, bool is_path, const char *attribute)
{
	(void)sys, (void)is_path;
	FUZZ_CHECK(fd == TARGET_FD);
	if (find(&sides[TARGET_FD], attribute) == NULL)
		return -ENODATA;
	add(&removed, attribute, "", 0);
	return 0;
}

/* ---- slow readers ---- */

static bool begins(const char *text, const char *head)
{
	return strncmp(text, head, strlen(head)) == 0;
}

/* The property of an attribute; -1: it is none that is ever copied. */
static int slow_property(const char *name)
{
	static const char *const never[] = { "security.ima",  "security.evm", "trusted.overlay.",
					     "user.overlay.", "user.weir.",   "trusted.SGI_",
					     "xfsroot.",      "afs.",	      "ceph." };

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (begins(name, never[i]))
			return -1;
	if (strcmp(name, "security.capability") == 0)
		return WEIR_PROPERTY_CAPS;
	if (strcmp(name, "security.selinux") == 0)
		return WEIR_PROPERTY_CONTEXT;
	if (begins(name, "system.posix_acl_") || strcmp(name, "system.nfs4_acl") == 0 ||
	    strcmp(name, "system.richacl") == 0)
		return WEIR_PROPERTY_ACL;
	return WEIR_PROPERTY_XATTR;
}

static bool is_kept(const struct settings *settings, const char *name)
{
	int property = slow_property(name);

	return property >= 0 && settings->keep[property] != WEIR_KEEP_OFF;
}

static unsigned little(const unsigned char *at, unsigned bytes)
{
	return bytes == 0 ? 0 : at[0] + 256 * little(at + 1, bytes - 1);
}

/* Group bits of what an ACL leaves to who is neither named nor the owner. */
static unsigned slow_mode(const unsigned char *value, size_t bytes, unsigned mode)
{
	unsigned group = 0, mask = 7;

	if (bytes < 4)
		return mode;
	for (size_t at = 4; little(value, 4) == 2 && at + 8 <= bytes; at += 8) {
		if (little(value + at, 2) == 4)
			group = little(value + at + 2, 2);
		if (little(value + at, 2) == 16)
			mask = little(value + at + 2, 2);
	}
	return (mode & ~070U) | (group & mask & 7) * 8;
}

/* ---- checks ---- */

static void check_acl(const struct xattr_value *value, const char *name, bool reads)
{
	const struct row *row = find(&sides[SOURCE_FD], name);
	bool there =
		reads && row != NULL &&
		(row->fate == FATE_STAYS || row->fate == FATE_REFUSED || row->fate == FATE_TWICE);

	FUZZ_CHECK(value->bytes == (there ? row->bytes : 0));
	FUZZ_CHECK(!there || row->bytes == 0 || memcmp(value->data, row->value, row->bytes) == 0);
}

/* True if reading breaks off at one of the ACLs. */
static bool breaks_reading(void)
{
	for (size_t i = 0; i < sides[SOURCE_FD].count; i++) {
		const struct row *row = &sides[SOURCE_FD].rows[i];

		if (row->fate == FATE_BREAKS &&
		    (strcmp(row->name, "system.posix_acl_access") == 0 ||
		     strcmp(row->name, "system.posix_acl_default") == 0))
			return true;
	}
	return false;
}

/* What is on the target then is of the source, whole, kept, and of these PROPERTIES; and
 * it is all of that, if nothing failed. */
static void check_set(const struct settings *settings, unsigned properties, int result)
{
	for (size_t i = 0; i < set.count; i++) {
		const struct row *row = find(&sides[SOURCE_FD], set.rows[i].name);

		FUZZ_CHECK(row != NULL && row->bytes == set.rows[i].bytes);
		FUZZ_CHECK(memcmp(row->value, set.rows[i].value, row->bytes) == 0);
		FUZZ_CHECK(is_kept(settings, row->name) &&
			   (properties >> slow_property(row->name) & 1) != 0);
	}
	for (size_t i = 0; i < sides[SOURCE_FD].count && result == 0; i++) {
		const struct row *row = &sides[SOURCE_FD].rows[i];
		bool wanted = is_kept(settings, row->name) &&
			      (properties >> slow_property(row->name) & 1) != 0 &&
			      !begins(row->name, "system.posix_acl_");

		FUZZ_CHECK(!wanted || row->fate != FATE_BREAKS);
		if (wanted && (row->fate == FATE_STAYS || row->fate == FATE_TWICE))
			FUZZ_CHECK(find(&set, row->name) != NULL);
	}
}

static void check_copy(const struct settings *settings, const struct xattrs *xattrs,
		       struct xattr_place source, struct xattr_place target)
{
	struct losses losses = { { 0 } };
	struct error error = { .grade = ERROR_NONE };
	int result = xattr_copy(NULL, settings, xattrs, source, target, &losses, &error);

	FUZZ_CHECK((result == 0) == (error.grade == ERROR_NONE));
	check_set(settings,
		  1U << WEIR_PROPERTY_XATTR | 1U << WEIR_PROPERTY_CONTEXT | 1U << WEIR_PROPERTY_ACL,
		  result);
	clear(&set);
	error = (struct error){ .grade = ERROR_NONE };
	result = xattr_copy_caps(NULL, settings, xattrs, source, target, &losses, &error);
	FUZZ_CHECK((result == 0) == (error.grade == ERROR_NONE));
	check_set(settings, 1U << WEIR_PROPERTY_CAPS, result);
	clear(&set);
}

/* Of the target goes what is kept, no ACL, and not of the source. */
static void check_prune(const struct settings *settings, const struct xattrs *xattrs,
			struct xattr_place target)
{
	struct losses losses = { { 0 } };
	struct error error = { .grade = ERROR_NONE };

	FUZZ_CHECK(xattr_prune(NULL, settings, xattrs, target, &losses, &error) == 0);
	for (size_t i = 0; i < sides[TARGET_FD].count; i++) {
		const char *name = sides[TARGET_FD].rows[i].name;
		bool goes = is_kept(settings, name) && !begins(name, "system.posix_acl_") &&
			    find(&sides[SOURCE_FD], name) == NULL;

		FUZZ_CHECK(goes == (find(&removed, name) != NULL));
	}
	clear(&removed);
}

static bool same_value(const char *name)
{
	char value[2][LONG_BYTES + 256];
	ssize_t bytes[2];

	for (int side = 0; side < 2; side++)
		bytes[side] = __wrap_sys_getxattr(NULL, SOURCE_FD + side, "", name, value[side],
						  sizeof(value[side]));
	return bytes[0] == bytes[1] &&
	       (bytes[0] <= 0 || memcmp(value[0], value[1], (size_t)bytes[0]) == 0);
}

static void check_compare(const struct settings *settings, struct xattr_place source,
			  struct xattr_place target)
{
	struct error error = { .grade = ERROR_NONE };
	unsigned differ = 0, expected = 0;

	FUZZ_CHECK(xattr_compare(NULL, settings, source, target, &differ, &error) == 0);
	for (int side = SOURCE_FD; side <= TARGET_FD; side++) {
		for (size_t i = 0; i < sides[side].count; i++) {
			const char *name = sides[side].rows[i].name;
			bool both = find(&sides[SOURCE_FD + TARGET_FD - side], name) != NULL;

			if (is_kept(settings, name) && (!both || !same_value(name)))
				expected |= 1U << slow_property(name);
		}
	}
	FUZZ_CHECK(differ == expected);
}

static void read_table(struct fuzz_input *input, struct table *table)
{
	while (input->left > 0 && table->count < ROWS_MOST) {
		uint8_t bits = fuzz_byte(input);
		char *name = fuzz_text(input);
		size_t bytes = fuzz_byte(input), part = bytes < input->left ? bytes : input->left;
		char *value = fuzz_alloc(LONG_BYTES + 256);

		if (name[0] == '\0' || strlen(name) > NAME_MOST) {
			free(name);
			free(value);
			return;
		}
		memset(value, bits, LONG_BYTES + 256);
		if (part > 0)
			memcpy(value, input->at, part);
		input->at += part;
		input->left -= part;
		if (find(table, name) == NULL) {
			add(table, name, value, (bits & 8) != 0 ? LONG_BYTES + part : part);
			table->rows[table->count - 1].fate = (enum fate)(bits % 8 % FATES);
		}
		free(name);
		free(value);
	}
}

static void check_all(const struct settings *settings, unsigned mode)
{
	const struct xattr_place source = { .dirfd = SOURCE_FD, .name = "" };
	const struct xattr_place target = { .dirfd = TARGET_FD, .name = "" };
	const struct row *access = find(&sides[SOURCE_FD], "system.posix_acl_access");
	bool acls = settings->keep[WEIR_PROPERTY_ACL] != WEIR_KEEP_OFF ||
		    settings->keep[WEIR_PROPERTY_MODE] != WEIR_KEEP_OFF;
	struct losses losses = { { 0 } };
	struct error error = { .grade = ERROR_NONE };
	struct xattrs xattrs;
	int result = xattr_read(NULL, settings, source, &xattrs, &losses, &error);

	FUZZ_CHECK(result == (acls && breaks_reading() ? -EIO : 0));
	if (result == 0) {
		check_acl(&xattrs.acls.access, "system.posix_acl_access", acls);
		check_acl(&xattrs.acls.inherited, "system.posix_acl_default", acls);
		check_copy(settings, &xattrs, source, target);
		if (xattrs.names != NULL)
			check_prune(settings, &xattrs, target);
		FUZZ_CHECK(xattr_narrow_mode(&xattrs.acls, mode) ==
			   (xattrs.acls.access.bytes > 0 && access != NULL
				    ? slow_mode((const unsigned char *)access->value, access->bytes,
						mode)
				    : mode));
	}
	xattr_release(&xattrs);
	check_compare(settings, source, target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	unsigned kept = (unsigned)fuzz_number(&input, 2), mode = (unsigned)fuzz_number(&input, 2);
	struct settings *settings = fuzz_alloc(sizeof(*settings));

	settings_init(settings, WEIR_SYNC);
	for (int property = 0; property <= WEIR_PROPERTY_CONTEXT; property++)
		settings->keep[property] = (kept >> property & 1) != 0 ? WEIR_KEEP_TRY
								       : WEIR_KEEP_OFF;
	read_table(&input, &sides[SOURCE_FD]);
	read_table(&input, &sides[TARGET_FD]);
	check_all(settings, S_IFREG | (mode & 07777));
	clear(&sides[SOURCE_FD]);
	clear(&sides[TARGET_FD]);
	free(settings);
	return 0;
}
