/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extended attributes of one entry: read from its source, set on its target,
 * each under the property it belongs to.  An ACL is one of them, and so are file
 * capabilities and the SELinux label.
 */
#ifndef WEIR_XATTR_H
#define WEIR_XATTR_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "loss.h"
#include "settings.h"
#include "sys.h"

/* Where they are: DIRFD itself if NAME is "", else NAME in the folder DIRFD, which
 * a target never is: what is changed is open. */
struct xattr_place {
	int dirfd;
	const char *name;
	bool is_path; /* DIRFD was opened with O_PATH */
};

/* A value in the kernel's own form, owned; bytes is 0 if there is none. */
struct xattr_value {
	void *data;
	size_t bytes;
};

/* The ACLs of an entry, read when it was met. */
struct xattr_acls {
	struct xattr_value access;
	struct xattr_value inherited; /* a folder's default ACL */
};

#define XATTR_NAMES_BYTES 512U

struct xattrs {
	char *names; /* each with its NUL; in `few`, or owned */
	size_t names_bytes;
	struct xattr_acls acls;
	char few[XATTR_NAMES_BYTES];
};

/* The property an attribute is kept under.  False: never copied, whatever was
 * asked for. */
bool xattr_property(const char *attribute, enum weir_property *property);

/* Reads the names at PLACE and the values of its ACLs.  What may not be read is
 * noted as lost.  0, or -errno with the record set; to be released either way. */
int xattr_read(struct sys *sys, const struct settings *settings, struct xattr_place place,
	       struct xattrs *xattrs, struct losses *losses, struct error *error);
void xattr_release(struct xattrs *xattrs);

/* Which properties differ between two places, as bits of 1 << enum weir_property, of
 * those that are kept.  What one side does not have at all, it cannot hold either.  0,
 * or -errno with the record set. */
int xattr_compare(struct sys *sys, const struct settings *settings, struct xattr_place source,
		  struct xattr_place target, unsigned *differ, struct error *error);

/* Removes from the target what is kept and the source does not have: all but ACLs.
 * XATTRS: the source's.  0, or -errno with the record set. */
int xattr_prune(struct sys *sys, const struct settings *settings, const struct xattrs *xattrs,
		struct xattr_place target, struct losses *losses, struct error *error);
void xattr_release_acls(struct xattr_acls *acls);

/* Copies what is neither ACL nor capability.  0, or -errno with the record set. */
int xattr_copy(struct sys *sys, const struct settings *settings, const struct xattrs *xattrs,
	       struct xattr_place source, struct xattr_place target, struct losses *losses,
	       struct error *error);

/* Copies file capabilities, which a change of the owner or the bytes removes: so
 * these come before.  Errors as xattr_copy(). */
int xattr_copy_caps(struct sys *sys, const struct settings *settings, const struct xattrs *xattrs,
		    struct xattr_place source, struct xattr_place target, struct losses *losses,
		    struct error *error);

/* The permissions of MODE (whose group bits show the mask) for a target that has
 * no ACL (yet): the group's are those of the owning group, and no more. */
mode_t xattr_narrow_mode(const struct xattr_acls *acls, mode_t mode);

/* Gives the target the ACLs, once its mode is set.  STRAY: others may be there,
 * which are removed.  Errors as xattr_copy(). */
int xattr_set_acls(struct sys *sys, const struct settings *settings, const struct xattr_acls *acls,
		   struct xattr_place target, bool stray, struct losses *losses,
		   struct error *error);

/* Removes ACLs that the folder made an entry inherit.  0, or -errno with the
 * record set. */
int xattr_remove_acls(struct sys *sys, struct xattr_place target, bool is_folder,
		      struct error *error);

#endif
