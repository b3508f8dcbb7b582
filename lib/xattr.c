/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extended attributes.
 *
 * Invariants:
 * X1 a value goes from descriptor to descriptor as the kernel has it; nothing
 *    but the ACL is looked into, and that only to narrow a mode;
 * X2 an attribute that vanishes between its name and its value was not there;
 * X3 what binds a file to its place (IMA and EVM hashes, overlay's marks, our
 *    own marks) is never copied: on another inode it would be a lie.
 */
#define _GNU_SOURCE
#include "xattr.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "invariant.h"

#define XATTR_ACCESS_ACL "system.posix_acl_access"
#define XATTR_DEFAULT_ACL "system.posix_acl_default"
#define XATTR_CAPABILITY "security.capability"

#define XATTR_MOST_BYTES 65536 /* XATTR_LIST_MAX and XATTR_SIZE_MAX */
#define XATTR_USUAL_BYTES 1024

static bool xattr_begins(const char *attribute, const char *prefix)
{
	return strncmp(attribute, prefix, strlen(prefix)) == 0;
}

bool xattr_property(const char *attribute, enum weir_property *property)
{
	static const char *const never[] = {
		/* X3, and what only looks like one */
		"security.ima",	 "security.evm", "trusted.overlay.",
		"user.overlay.", "user.weir.",	 "trusted.SGI_",
		"xfsroot.",	 "afs.",	 "ceph.",
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (xattr_begins(attribute, never[i]))
			return false;
	if (xattr_begins(attribute, "system.posix_acl_") ||
	    strcmp(attribute, "system.nfs4_acl") == 0 || strcmp(attribute, "system.richacl") == 0)
		*property = WEIR_PROPERTY_ACL;
	else if (strcmp(attribute, XATTR_CAPABILITY) == 0)
		*property = WEIR_PROPERTY_CAPS;
	else if (strcmp(attribute, "security.selinux") == 0)
		*property = WEIR_PROPERTY_CONTEXT;
	else
		*property = WEIR_PROPERTY_XATTR;
	return true;
}

static bool xattr_has_name(const struct xattrs *xattrs, const char *attribute)
{
	const char *end = xattrs->names + xattrs->names_bytes;

	for (const char *name = xattrs->names; name < end; name += strlen(name) + 1)
		if (strcmp(name, attribute) == 0)
			return true;
	return false;
}

/* ---- reading ---- */

/* A failure on one side: a loss, or an error of the entry. */
static int xattr_fail(long result, enum weir_property property, enum error_side side,
		      struct losses *losses, struct error *error)
{
	if (loss_is_one(result)) {
		losses_note(losses, property, result);
		return 0;
	}
	if (result == -EBADF)
		result = -EACCES; /* opened to search in it only: it may not be read */
	error_set(error, result, side,
		  side == ERROR_SIDE_SOURCE ? "read attributes of" : "set attributes of");
	return (int)result;
}

/* The names at PLACE; they may grow while they are read. */
static ssize_t xattr_read_names(struct sys *sys, struct xattr_place place, struct xattrs *xattrs)
{
	ssize_t bytes =
		sys_listxattr(sys, place.dirfd, place.name, xattrs->few, sizeof(xattrs->few));

	xattrs->names = xattrs->few;
	if (bytes != -ERANGE)
		return bytes;
	xattrs->names = malloc(XATTR_MOST_BYTES);
	if (xattrs->names == NULL)
		return -ENOMEM;
	return sys_listxattr(sys, place.dirfd, place.name, xattrs->names, XATTR_MOST_BYTES);
}

/* A value as it is, in memory of its own. */
static int xattr_read_value(struct sys *sys, struct xattr_place place, const char *attribute,
			    struct xattr_value *value)
{
	char usual[XATTR_USUAL_BYTES];
	char *most = NULL;
	const char *from = usual;
	ssize_t bytes = sys_getxattr(sys, place.dirfd, place.name, attribute, usual, sizeof(usual));

	if (bytes == -ERANGE) {
		most = malloc(XATTR_MOST_BYTES);
		if (most == NULL)
			return -ENOMEM;
		bytes = sys_getxattr(sys, place.dirfd, place.name, attribute, most,
				     XATTR_MOST_BYTES);
		from = most;
	}
	if (bytes > 0) {
		free(value->data); /* some file systems tell a name twice */
		value->data = malloc((size_t)bytes);
		if (value->data != NULL)
			memcpy(value->data, from, (size_t)bytes);
		value->bytes = (size_t)bytes;
	}
	free(most);
	if (bytes > 0 && value->data == NULL) {
		value->bytes = 0;
		return -ENOMEM;
	}
	return bytes == -ENODATA || bytes >= 0 ? 0 : (int)bytes; /* X2 */
}

static int xattr_read_acls(struct sys *sys, struct xattr_place place, struct xattrs *xattrs,
			   struct losses *losses, struct error *error)
{
	const char *end = xattrs->names + xattrs->names_bytes;
	int result = 0;

	for (const char *name = xattrs->names; result == 0 && name < end;
	     name += strlen(name) + 1) {
		if (strcmp(name, XATTR_ACCESS_ACL) == 0)
			result = xattr_read_value(sys, place, name, &xattrs->acls.access);
		else if (strcmp(name, XATTR_DEFAULT_ACL) == 0)
			result = xattr_read_value(sys, place, name, &xattrs->acls.inherited);
		if (result < 0)
			result = xattr_fail(result, WEIR_PROPERTY_ACL, ERROR_SIDE_SOURCE, losses,
					    error);
	}
	return result;
}

int xattr_read(struct sys *sys, const struct settings *settings, struct xattr_place place,
	       struct xattrs *xattrs, struct losses *losses, struct error *error)
{
	bool wanted = settings_keeps(settings, WEIR_PROPERTY_XATTR) ||
		      settings_keeps(settings, WEIR_PROPERTY_CAPS) ||
		      settings_keeps(settings, WEIR_PROPERTY_CONTEXT);
	bool acls = settings_keeps(settings, WEIR_PROPERTY_ACL) ||
		    settings_keeps(settings, WEIR_PROPERTY_MODE);
	ssize_t bytes;

	xattrs->names = NULL;
	xattrs->names_bytes = 0;
	memset(&xattrs->acls, 0, sizeof(xattrs->acls));
	if (!wanted && !acls)
		return 0;
	bytes = xattr_read_names(sys, place, xattrs);
	/* None there, or no way to ask for them (a node without /proc). */
	if (bytes == -EOPNOTSUPP || bytes == -ENOSYS || bytes == -ENOENT || bytes == -ENOTDIR)
		return 0;
	if (bytes < 0)
		return xattr_fail(bytes, wanted ? WEIR_PROPERTY_XATTR : WEIR_PROPERTY_ACL,
				  ERROR_SIDE_SOURCE, losses, error);
	xattrs->names_bytes = (size_t)bytes;
	return acls ? xattr_read_acls(sys, place, xattrs, losses, error) : 0;
}

void xattr_release_acls(struct xattr_acls *acls)
{
	free(acls->access.data);
	free(acls->inherited.data);
	memset(acls, 0, sizeof(*acls));
}

void xattr_release(struct xattrs *xattrs)
{
	if (xattrs->names != xattrs->few)
		free(xattrs->names);
	xattrs->names = NULL;
	xattrs->names_bytes = 0;
	xattr_release_acls(&xattrs->acls);
}

/* ---- comparing ---- */

struct xattr_side {
	struct xattr_place place;
	enum error_side side;
	struct xattrs xattrs; /* names only */
	bool none;	      /* this side has no such attributes at all */
};

static int xattr_list_side(struct sys *sys, struct xattr_side *at, struct error *error)
{
	ssize_t bytes = xattr_read_names(sys, at->place, &at->xattrs);

	at->xattrs.names_bytes = bytes > 0 ? (size_t)bytes : 0;
	memset(&at->xattrs.acls, 0, sizeof(at->xattrs.acls));
	at->none = bytes == -EOPNOTSUPP || bytes == -ENOSYS;
	if (bytes >= 0 || at->none)
		return 0;
	if (bytes == -EBADF)
		bytes = -EACCES; /* opened to search in it only: it may not be read */
	error_set(error, bytes, at->side, "read attributes of");
	return (int)bytes;
}

/* A value, with its bytes or -errno, in USUAL or in *most, which is to be freed. */
static ssize_t xattr_value_of(struct sys *sys, const struct xattr_side *at, const char *attribute,
			      char usual[XATTR_USUAL_BYTES], char **most)
{
	ssize_t bytes = sys_getxattr(sys, at->place.dirfd, at->place.name, attribute, usual,
				     XATTR_USUAL_BYTES);

	*most = NULL;
	if (bytes != -ERANGE)
		return bytes;
	*most = malloc(XATTR_MOST_BYTES);
	if (*most == NULL)
		return -ENOMEM;
	return sys_getxattr(sys, at->place.dirfd, at->place.name, attribute, *most,
			    XATTR_MOST_BYTES);
}

/* True if both sides have the same value, or none. */
static bool xattr_same_value(struct sys *sys, const struct xattr_side *source,
			     const struct xattr_side *target, const char *attribute)
{
	char usual[2][XATTR_USUAL_BYTES];
	char *most[2];
	ssize_t bytes = xattr_value_of(sys, source, attribute, usual[0], &most[0]);
	ssize_t other = xattr_value_of(sys, target, attribute, usual[1], &most[1]);
	bool same = bytes == other;

	if (same && bytes > 0)
		same = memcmp(most[0] != NULL ? most[0] : usual[0],
			      most[1] != NULL ? most[1] : usual[1], (size_t)bytes) == 0;
	free(most[0]);
	free(most[1]);
	return same;
}

/* Notes what of FROM differs on the other side; VALUES: names alone are not enough. */
static void xattr_compare_side(struct sys *sys, const struct settings *settings,
			       const struct xattr_side *from, const struct xattr_side *to,
			       bool values, unsigned *differ)
{
	const char *end = from->xattrs.names + from->xattrs.names_bytes;

	for (const char *name = from->xattrs.names; name < end; name += strlen(name) + 1) {
		enum weir_property property;

		if (!xattr_property(name, &property) || !settings_keeps(settings, property) ||
		    (*differ & 1U << property) != 0)
			continue;
		if (!xattr_has_name(&to->xattrs, name) ||
		    (values && !xattr_same_value(sys, from, to, name)))
			*differ |= 1U << property;
	}
}

int xattr_compare(struct sys *sys, const struct settings *settings, struct xattr_place source,
		  struct xattr_place target, unsigned *differ, struct error *error)
{
	struct xattr_side from = { .place = source, .side = ERROR_SIDE_SOURCE };
	struct xattr_side to = { .place = target, .side = ERROR_SIDE_TARGET };
	int result = xattr_list_side(sys, &from, error);

	*differ = 0;
	to.xattrs.names = to.xattrs.few; /* if it is not come to */
	if (result == 0 && !from.none)
		result = xattr_list_side(sys, &to, error);
	if (result == 0 && !from.none && !to.none) {
		xattr_compare_side(sys, settings, &from, &to, true, differ);
		xattr_compare_side(sys, settings, &to, &from, false, differ);
	}
	xattr_release(&from.xattrs);
	xattr_release(&to.xattrs);
	return result;
}

int xattr_prune(struct sys *sys, const struct settings *settings, const struct xattrs *xattrs,
		struct xattr_place target, struct losses *losses, struct error *error)
{
	struct xattr_side to = { .place = target, .side = ERROR_SIDE_TARGET };
	int result = xattr_list_side(sys, &to, error);
	const char *end = to.xattrs.names + to.xattrs.names_bytes;

	for (const char *name = to.xattrs.names; result == 0 && name < end;
	     name += strlen(name) + 1) {
		enum weir_property property;

		if (!xattr_property(name, &property) || !settings_keeps(settings, property) ||
		    xattr_begins(name, "system.posix_acl_") || xattr_has_name(xattrs, name))
			continue;
		result = sys_removexattr(sys, target.dirfd, target.is_path, name);
		if (result == -ENODATA)
			result = 0;
		else if (result < 0)
			result = xattr_fail(result, property, ERROR_SIDE_TARGET, losses, error);
	}
	xattr_release(&to.xattrs);
	return result;
}

/* ---- copying ---- */

static int xattr_copy_one(struct sys *sys, struct xattr_place source, struct xattr_place target,
			  const char *attribute, enum weir_property property, struct losses *losses,
			  struct error *error)
{
	char usual[XATTR_USUAL_BYTES];
	char *most = NULL;
	void *value = usual;
	ssize_t bytes =
		sys_getxattr(sys, source.dirfd, source.name, attribute, usual, sizeof(usual));
	int result = 0;

	if (bytes == -ERANGE) {
		value = most = malloc(XATTR_MOST_BYTES);
		bytes = most != NULL ? sys_getxattr(sys, source.dirfd, source.name, attribute, most,
						    XATTR_MOST_BYTES)
				     : -ENOMEM;
	}
	if (bytes >= 0)
		result = sys_setxattr(sys, target.dirfd, target.is_path, attribute, value,
				      (size_t)bytes);
	free(most);
	if (bytes == -ENODATA)
		return 0; /* X2 */
	if (bytes < 0)
		return xattr_fail(bytes, property, ERROR_SIDE_SOURCE, losses, error);
	return result < 0 ? xattr_fail(result, property, ERROR_SIDE_TARGET, losses, error) : 0;
}

/* Copies the attributes of some PROPERTIES, which are bits. */
static int xattr_copy_some(struct sys *sys, const struct settings *settings,
			   const struct xattrs *xattrs, unsigned properties,
			   struct xattr_place source, struct xattr_place target,
			   struct losses *losses, struct error *error)
{
	const char *end;
	int result = 0;

	if (xattrs->names_bytes == 0)
		return 0; /* there may be no names at all, not even none of them */
	end = xattrs->names + xattrs->names_bytes;
	for (const char *name = xattrs->names; result == 0 && name < end;
	     name += strlen(name) + 1) {
		enum weir_property property;

		if (xattr_property(name, &property) && (properties & 1U << property) != 0 &&
		    settings_keeps(settings, property) && !xattr_begins(name, "system.posix_acl_"))
			result = xattr_copy_one(sys, source, target, name, property, losses, error);
	}
	return result;
}

int xattr_copy(struct sys *sys, const struct settings *settings, const struct xattrs *xattrs,
	       struct xattr_place source, struct xattr_place target, struct losses *losses,
	       struct error *error)
{
	return xattr_copy_some(sys, settings, xattrs,
			       1U << WEIR_PROPERTY_XATTR | 1U << WEIR_PROPERTY_CONTEXT |
				       1U << WEIR_PROPERTY_ACL,
			       source, target, losses, error);
}

int xattr_copy_caps(struct sys *sys, const struct settings *settings, const struct xattrs *xattrs,
		    struct xattr_place source, struct xattr_place target, struct losses *losses,
		    struct error *error)
{
	return xattr_copy_some(sys, settings, xattrs, 1U << WEIR_PROPERTY_CAPS, source, target,
			       losses, error);
}

/* ---- ACLs ---- */

/* The kernel's form, linux/posix_acl_xattr.h: a version, then entries. */
struct xattr_acl_entry {
	uint16_t tag;
	uint16_t permissions;
	uint32_t id;
};

#define XATTR_ACL_VERSION 2U
#define XATTR_ACL_OWNING_GROUP 0x04U
#define XATTR_ACL_MASK 0x10U

mode_t xattr_narrow_mode(const struct xattr_acls *acls, mode_t mode)
{
	const unsigned char *at = acls->access.data;
	size_t left = acls->access.bytes;
	uint32_t version, group = 0, mask = 7;

	if (left < sizeof(version))
		return mode;
	memcpy(&version, at, sizeof(version));
	if (le32toh(version) != XATTR_ACL_VERSION)
		return mode & ~(mode_t)S_IRWXG; /* unknown: nothing is granted */
	at += sizeof(version);
	left -= sizeof(version);
	for (; left >= sizeof(struct xattr_acl_entry); left -= sizeof(struct xattr_acl_entry)) {
		struct xattr_acl_entry entry;

		memcpy(&entry, at, sizeof(entry));
		at += sizeof(entry);
		if (le16toh(entry.tag) == XATTR_ACL_OWNING_GROUP)
			group = le16toh(entry.permissions);
		else if (le16toh(entry.tag) == XATTR_ACL_MASK)
			mask = le16toh(entry.permissions);
	}
	return (mode & ~(mode_t)S_IRWXG) | ((group & mask & 7U) << 3);
}

static int xattr_remove_acl(struct sys *sys, struct xattr_place target, const char *attribute,
			    struct error *error)
{
	int result = sys_removexattr(sys, target.dirfd, target.is_path, attribute);

	if (result == 0 || result == -ENODATA || result == -EOPNOTSUPP || result == -ENOSYS)
		return 0;
	/* Of somebody else's folder EPERM is said even where there is none. */
	if (result == -EPERM && !target.is_path &&
	    sys_getxattr(sys, target.dirfd, "", attribute, NULL, 0) == -ENODATA)
		return 0;
	error_set(error, result, ERROR_SIDE_TARGET, "remove the ACL of");
	return result;
}

int xattr_remove_acls(struct sys *sys, struct xattr_place target, bool is_folder,
		      struct error *error)
{
	int result = xattr_remove_acl(sys, target, XATTR_ACCESS_ACL, error);

	return result == 0 && is_folder ? xattr_remove_acl(sys, target, XATTR_DEFAULT_ACL, error)
					: result;
}

static int xattr_set_acl(struct sys *sys, struct xattr_place target, const char *attribute,
			 const struct xattr_value *value, bool stray, struct losses *losses,
			 struct error *error)
{
	int result;

	if (value->bytes == 0)
		return stray ? xattr_remove_acl(sys, target, attribute, error) : 0;
	result = sys_setxattr(sys, target.dirfd, target.is_path, attribute, value->data,
			      value->bytes);
	return result < 0 ? xattr_fail(result, WEIR_PROPERTY_ACL, ERROR_SIDE_TARGET, losses, error)
			  : 0;
}

int xattr_set_acls(struct sys *sys, const struct settings *settings, const struct xattr_acls *acls,
		   struct xattr_place target, bool stray, struct losses *losses,
		   struct error *error)
{
	int result;

	if (!settings_keeps(settings, WEIR_PROPERTY_ACL))
		return 0;
	result = xattr_set_acl(sys, target, XATTR_DEFAULT_ACL, &acls->inherited, stray, losses,
			       error);
	return result == 0 ? xattr_set_acl(sys, target, XATTR_ACCESS_ACL, &acls->access, stray,
					   losses, error)
			   : result;
}
