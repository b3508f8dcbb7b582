/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attributes of what is made.
 *
 * Invariants:
 * M1 owner, extended attributes, mode, ACL, capabilities, times, in this order:
 *    a change of the owner drops capabilities; user attributes need a file that
 *    its owner may write; a mode shows an ACL's mask; all of them change ctime
 *    only, but times are the last word;
 * M2 setuid and setgid are set only when owner and group are those of the
 *    source, read back from the file itself;
 * M3 what the target cannot hold, or we may not set, is a loss and not an error;
 * M4 until its ACL is set, a file grants its group no more than the ACL does
 *    (G10), and so it stays where there are no ACLs.
 */
#define _GNU_SOURCE
#include "meta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "invariant.h"

#define META_PERMISSIONS 07777U
#define META_SETID 06000U
#define META_XATTR_BYTES 65536 /* XATTR_LIST_MAX and XATTR_SIZE_MAX */
#define META_LABEL_BYTES 4096  /* no label is as long */

bool meta_newer(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

bool meta_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool meta_folder_is_closed(const struct settings *settings, bool inherits_acl)
{
	return settings_keeps(settings, WEIR_PROPERTY_OWNER) &&
	       !settings_keeps(settings, WEIR_PROPERTY_MODE) && !inherits_acl &&
	       settings->umask >= 0;
}

mode_t meta_new_mode(const struct settings *settings, mode_t mode)
{
	if (settings->default_mode && !settings_keeps(settings, WEIR_PROPERTY_MODE))
		return S_ISDIR(mode) ? 0777U : 0666U;
	/* A folder that all may write to would let each remove what is another's. */
	return mode & (S_ISDIR(mode) ? 01777U : 0777U);
}

mode_t meta_create_mode(const struct settings *settings, const struct sys_stat *source, bool named,
			bool replaces)
{
	/* A named temp can be opened by others, so it is closed to them until
	 * its owner and mode are final (J6); where the kernel itself derives the
	 * final mode from umask and default ACL, it is final from the start. */
	if (named && (settings_keeps(settings, WEIR_PROPERTY_MODE) || replaces))
		return 0600;
	return meta_new_mode(settings, source->mode);
}

/* Owner, mode and times need no room.  A file system that first carries over the
 * bytes it still keeps (FUSE, NFS) tells here, once, that there was none for them;
 * only the new owner's quota is about the owner itself. */
static bool meta_tells_lost_bytes(long result, enum weir_property property)
{
	return result == -ENOSPC || (result == -EDQUOT && property != WEIR_PROPERTY_OWNER);
}

/* M3: a loss, or an error of the entry. */
static int meta_fail(long result, enum weir_property property, const char *operation,
		     struct losses *losses, struct error *error)
{
	if (loss_is_one(result) && !meta_tells_lost_bytes(result, property)) {
		losses_note(losses, property, result);
		return 0;
	}
	error_set(error, result, ERROR_SIDE_TARGET, operation);
	return (int)result;
}

/* ---- one property each ---- */

/* Dates that not every file system can store. */
static bool meta_is_far(const struct timespec *time)
{
	return time->tv_sec < 0 || time->tv_sec > INT32_MAX;
}

/* H02: a date that is out of range is cut to what can be stored, without a word. */
static void meta_check_time(struct sys *sys, struct xattr_place place,
			    const struct sys_stat *source, struct losses *losses)
{
	struct sys_stat now;

	if (sys_statx(sys, place.dirfd, "", false, &now) == 0 &&
	    now.mtime.tv_sec != source->mtime.tv_sec)
		losses_note(losses, WEIR_PROPERTY_TIMES, -EOVERFLOW);
}

static int meta_times(struct sys *sys, const struct settings *settings, struct xattr_place place,
		      const struct sys_stat *source, struct losses *losses, struct error *error)
{
	struct timespec times[2] = { source->atime, source->mtime };
	int result;

	if (!settings_keeps(settings, WEIR_PROPERTY_TIMES))
		return 0;
	result = place.is_path ? sys_futimens_path(sys, place.dirfd, times)
			       : sys_futimens(sys, place.dirfd, times);
	if (result == 0 && meta_is_far(&source->mtime))
		meta_check_time(sys, place, source, losses);
	return result < 0 ? meta_fail(result, WEIR_PROPERTY_TIMES, "set times of", losses, error)
			  : 0;
}

/* Gives the entry to UID and GID.  True in *same once both are so (M2). */
static int meta_owner(struct sys *sys, struct xattr_place place, const struct sys_stat *now,
		      uint32_t uid, uint32_t gid, bool *same)
{
	int result = 0;

	*same = now->uid == uid && now->gid == gid;
	if (*same)
		return 0;
	result = sys_fchown(sys, place.dirfd, uid, gid);
	if (result == 0) {
		/* M2: believed only when the file itself says so. */
		struct sys_stat then;

		*same = sys_statx(sys, place.dirfd, "", false, &then) == 0 && then.uid == uid &&
			then.gid == gid;
	}
	if (result == -EPERM || result == -EINVAL) {
		/* G16: the group alone can often be kept. */
		if (now->gid != gid)
			sys_fchown(sys, place.dirfd, (uid_t)-1, gid);
	}
	return result;
}

/* The source's owner, as far as we may. */
static int meta_keep_owner(struct sys *sys, const struct settings *settings,
			   struct xattr_place place, const struct sys_stat *now,
			   const struct sys_stat *source, bool *same, struct losses *losses,
			   struct error *error)
{
	int result;

	*same = now->uid == source->uid && now->gid == source->gid;
	if (!settings_keeps(settings, WEIR_PROPERTY_OWNER))
		return 0;
	result = meta_owner(sys, place, now, source->uid, source->gid, same);
	return result < 0 ? meta_fail(result, WEIR_PROPERTY_OWNER, "set owner of", losses, error)
			  : 0;
}

/* The mode a copy of SOURCE ends with, as long as it has no ACL (M2, M4). */
static mode_t meta_final_mode(const struct sys_stat *source, const struct xattr_acls *acls,
			      bool same_owner, struct losses *losses)
{
	mode_t mode = xattr_narrow_mode(acls, source->mode & META_PERMISSIONS);

	if (same_owner || (mode & META_SETID) == 0)
		return mode;
	losses_note(losses, WEIR_PROPERTY_MODE, -EPERM);
	return mode & ~(mode_t)META_SETID;
}

static int meta_set_mode(struct sys *sys, int fd, mode_t mode, struct losses *losses,
			 struct error *error)
{
	int result = sys_fchmod(sys, fd, mode);

	return result < 0 ? meta_fail(result, WEIR_PROPERTY_MODE, "set mode of", losses, error) : 0;
}

/* ---- what a replaced file hands on ---- */

static bool meta_inherits(const struct settings *settings, const char *attribute)
{
	enum weir_property property;

	if (!xattr_property(attribute, &property))
		return false;
	if (property == WEIR_PROPERTY_XATTR) /* those of the source come instead */
		return strncmp(attribute, "user.", 5) == 0 && !settings_keeps(settings, property);
	if (settings_keeps(settings, property))
		return false;
	return property == WEIR_PROPERTY_CONTEXT ||
	       strcmp(attribute, "system.posix_acl_access") == 0;
}

/* True if FD has that value already.  Of a mount that gives all its files one label
 * none can be set, and who may not relabel a file may not to the same label. */
static bool meta_has(struct sys *sys, int fd, const char *attribute, const char *value,
		     size_t bytes)
{
	char now[META_LABEL_BYTES];

	return bytes <= sizeof(now) &&
	       sys_getxattr(sys, fd, "", attribute, now, sizeof(now)) == (ssize_t)bytes &&
	       memcmp(now, value, bytes) == 0;
}

static int meta_inherit_one(struct sys *sys, int existing_fd, int fd, const char *attribute,
			    char *value)
{
	ssize_t bytes = sys_getxattr(sys, existing_fd, "", attribute, value, META_XATTR_BYTES);

	if (bytes == -ENODATA)
		return 0; /* it went meanwhile */
	if (bytes >= 0 && strcmp(attribute, "security.selinux") == 0 &&
	    meta_has(sys, fd, attribute, value, (size_t)bytes))
		return 0;
	return bytes < 0 ? (int)bytes
			 : sys_setxattr(sys, fd, false, attribute, value, (size_t)bytes);
}

/* Label, ACL and user attributes. */
static int meta_inherit_xattrs(struct sys *sys, const struct settings *settings,
			       const struct meta_file *file, struct error *error)
{
	char *list = malloc((size_t)2 * META_XATTR_BYTES);
	char *value = list + META_XATTR_BYTES;
	ssize_t bytes = list != NULL
				? sys_listxattr(sys, file->existing_fd, "", list, META_XATTR_BYTES)
				: -ENOMEM;
	int result = 0;

	if (bytes == -EOPNOTSUPP || bytes == -ENOSYS)
		bytes = 0;
	for (const char *name = list; bytes > 0 && result == 0 && name < list + bytes;
	     name += strlen(name) + 1)
		if (meta_inherits(settings, name))
			result = meta_inherit_one(sys, file->existing_fd, file->fd, name, value);
	if (bytes < 0)
		result = (int)bytes;
	free(list);
	if (result < 0)
		error_set(error, result, ERROR_SIDE_TARGET, "keep the attributes of");
	return result;
}

/* The owner: somebody else's file must not silently become ours. */
static int meta_take_owner(struct sys *sys, const struct meta_file *file, struct error *error)
{
	struct xattr_place place = { file->fd, "", false };
	bool same;
	int result = meta_owner(sys, place, file->created, file->existing->uid, file->existing->gid,
				&same);

	if (result < 0) {
		error_set(error, result, ERROR_SIDE_TARGET, "keep the owner of");
		error->text = "what replaces it would be somebody else's; "
			      "--inplace writes into it, --remove-destination makes it yours";
	}
	return result;
}

/* The mode; new contents are not to run as the old owner. */
static int meta_take_mode(struct sys *sys, const struct meta_file *file, struct error *error)
{
	int result =
		sys_fchmod(sys, file->fd, file->existing->mode & META_PERMISSIONS & ~META_SETID);

	if (result < 0)
		error_set(error, result, ERROR_SIDE_TARGET, "set mode of");
	return result;
}

/* All but the mode, which comes after the source's attributes (M1). */
static int meta_take_over(struct sys *sys, const struct settings *settings,
			  const struct meta_file *file, struct error *error)
{
	int result = 0;

	if (file->existing == NULL || settings_keeps(settings, WEIR_PROPERTY_MODE))
		return 0;
	if (file->existing_fd >= 0)
		result = meta_inherit_xattrs(sys, settings, file, error);
	if (result == 0 && !settings_keeps(settings, WEIR_PROPERTY_OWNER))
		result = meta_take_owner(sys, file, error);
	return result;
}

/* ---- files ---- */

/* M1: user attributes of a file that even its owner may not write. */
static int meta_copy_xattrs(struct sys *sys, const struct settings *settings,
			    const struct meta_file *file, const struct xattrs *xattrs,
			    struct losses *losses, struct error *error)
{
	struct xattr_place source = { file->source_fd, "", false },
			   target = { file->fd, "", false };
	mode_t mode = file->created->mode & META_PERMISSIONS;
	bool lend = (xattrs->names_bytes > 0 || file->prunes) && (mode & S_IWUSR) == 0 &&
		    !settings->privileged;
	int result;

	if (lend && sys_fchmod(sys, file->fd, mode | S_IWUSR) < 0)
		lend = false;
	result = file->prunes ? xattr_prune(sys, settings, xattrs, target, losses, error) : 0;
	if (result == 0)
		result = xattr_copy(sys, settings, xattrs, source, target, losses, error);
	if (lend && result == 0)
		result = meta_set_mode(sys, file->fd, mode, losses, error);
	return result;
}

static int meta_keep_mode(struct sys *sys, const struct settings *settings,
			  const struct meta_file *file, const struct xattr_acls *acls,
			  bool same_owner, struct losses *losses, struct error *error)
{
	mode_t mode = meta_final_mode(file->source, acls, same_owner, losses);
	int result = 0;

	if (!settings_keeps(settings, WEIR_PROPERTY_MODE))
		return file->existing != NULL ? meta_take_mode(sys, file, error) : 0;
	if (file->inherits_acl) /* what its folder handed on is not the source's */
		result = xattr_remove_acls(sys, (struct xattr_place){ file->fd, "", false }, false,
					   error);
	if (result == 0 &&
	    ((file->created->mode & META_PERMISSIONS) != mode || !same_owner || file->inherits_acl))
		result = meta_set_mode(sys, file->fd, mode, losses, error);
	return result;
}

static int meta_keep_file(struct sys *sys, const struct settings *settings,
			  const struct meta_file *file, const struct xattrs *xattrs,
			  struct losses *losses, struct error *error)
{
	struct xattr_place source = { file->source_fd, "", false },
			   target = { file->fd, "", false };
	bool same_owner;
	int result = meta_keep_owner(sys, settings, target, file->created, file->source,
				     &same_owner, losses, error);

	if (result == 0)
		result = meta_copy_xattrs(sys, settings, file, xattrs, losses, error);
	if (result == 0)
		result = meta_keep_mode(sys, settings, file, &xattrs->acls, same_owner, losses,
					error);
	if (result == 0)
		result = xattr_set_acls(sys, settings, &xattrs->acls, target,
					file->inherits_acl || file->prunes, losses, error);
	if (result == 0)
		result = xattr_copy_caps(sys, settings, xattrs, source, target, losses, error);
	return result == 0 ? meta_times(sys, settings, target, file->source, losses, error)
			   : result;
}

int meta_apply_file(struct sys *sys, const struct settings *settings, const struct meta_file *file,
		    struct losses *losses, struct error *error)
{
	struct xattr_place source = { file->source_fd, "", false };
	struct xattrs xattrs;
	int result = meta_take_over(sys, settings, file, error);

	if (result < 0)
		return result;
	result = xattr_read(sys, settings, source, &xattrs, losses, error);
	if (result == 0)
		result = meta_keep_file(sys, settings, file, &xattrs, losses, error);
	xattr_release(&xattrs);
	return result;
}

/* ---- links, FIFOs, sockets, devices ---- */

static int meta_keep_node_mode(struct sys *sys, const struct settings *settings,
			       const struct meta_node *node, const struct xattr_acls *acls,
			       bool same_owner, struct losses *losses, struct error *error)
{
	int result = 0;

	if (!settings_keeps(settings, WEIR_PROPERTY_MODE))
		return 0;
	if (node->inherits_acl)
		result = xattr_remove_acls(sys, (struct xattr_place){ node->fd, "", true }, false,
					   error);
	if (result < 0)
		return result;
	result = sys_fchmod_path(sys, node->fd,
				 meta_final_mode(node->source, acls, same_owner, losses));
	return result < 0 ? meta_fail(result, WEIR_PROPERTY_MODE, "set mode of", losses, error) : 0;
}

static int meta_keep_node(struct sys *sys, const struct settings *settings,
			  const struct meta_node *node, const struct xattrs *xattrs,
			  struct losses *losses, struct error *error)
{
	const struct xattr_place place = { node->fd, "", true };
	bool same_owner;
	int result = meta_keep_owner(sys, settings, place, node->created, node->source, &same_owner,
				     losses, error);

	if (result == 0)
		result =
			xattr_copy(sys, settings, xattrs, node->source_place, place, losses, error);
	if (result == 0 && !S_ISLNK(node->source->mode)) {
		result = meta_keep_node_mode(sys, settings, node, &xattrs->acls, same_owner, losses,
					     error);
		if (result == 0)
			result = xattr_set_acls(sys, settings, &xattrs->acls, place,
						node->inherits_acl, losses, error);
	}
	return result == 0 ? meta_times(sys, settings, place, node->source, losses, error) : result;
}

int meta_apply_node(struct sys *sys, const struct settings *settings, const struct meta_node *node,
		    struct losses *losses, struct error *error)
{
	struct xattrs xattrs;
	int result;

	if (!settings_keeps_any(settings))
		return 0;
	result = xattr_read(sys, settings, node->source_place, &xattrs, losses, error);
	if (result == 0)
		result = meta_keep_node(sys, settings, node, &xattrs, losses, error);
	xattr_release(&xattrs);
	return result;
}

/* ---- folders ---- */

static int meta_fill_folder(struct sys *sys, const struct settings *settings,
			    const struct meta_folder *folder, const struct xattrs *xattrs,
			    struct losses *losses, struct error *error)
{
	struct xattr_place source = { folder->source_fd, "", false },
			   target = { folder->fd, "", false };
	struct sys_stat created;
	bool same_owner;
	int result = 0;

	if (settings_keeps(settings, WEIR_PROPERTY_OWNER)) {
		result = sys_statx(sys, folder->fd, "", false, &created);
		if (result < 0) {
			error_set(error, result, ERROR_SIDE_TARGET, "stat");
			return result;
		}
		result = meta_keep_owner(sys, settings, target, &created, folder->source,
					 &same_owner, losses, error);
	}
	if (result == 0 && folder->fresh && folder->inherits_acl)
		result = xattr_remove_acls(sys, target, true, error);
	if (result == 0 && folder->prunes)
		result = xattr_prune(sys, settings, xattrs, target, losses, error);
	return result == 0 ? xattr_copy(sys, settings, xattrs, source, target, losses, error)
			   : result;
}

int meta_begin_folder(struct sys *sys, const struct settings *settings,
		      const struct meta_folder *folder, struct xattr_acls *acls,
		      struct losses *losses, struct error *error)
{
	struct xattr_place source = { folder->source_fd, "", false };
	struct xattrs xattrs;
	int result;

	memset(acls, 0, sizeof(*acls));
	if (!settings_keeps_any(settings))
		return 0;
	result = xattr_read(sys, settings, source, &xattrs, losses, error);
	if (result == 0)
		result = meta_fill_folder(sys, settings, folder, &xattrs, losses, error);
	*acls = xattrs.acls; /* handed over */
	memset(&xattrs.acls, 0, sizeof(xattrs.acls));
	xattr_release(&xattrs);
	return result;
}

static int meta_folder_mode(struct sys *sys, const struct settings *settings,
			    const struct meta_folder *folder, const struct xattr_acls *acls,
			    struct losses *losses, struct error *error)
{
	const struct sys_stat *source = folder->source;
	struct sys_stat now;
	mode_t mode;
	int result;

	if (!settings_keeps(settings, WEIR_PROPERTY_MODE) && !folder->fresh)
		return 0;
	result = sys_statx(sys, folder->fd, "", false, &now);
	if (result < 0) {
		error_set(error, result, ERROR_SIDE_TARGET, "stat");
		return result;
	}
	if (settings_keeps(settings, WEIR_PROPERTY_MODE))
		mode = meta_final_mode(source, acls,
				       now.uid == source->uid && now.gid == source->gid, losses);
	else if (folder->closed)
		mode = (now.mode & META_PERMISSIONS & ~0777U) |
		       (meta_new_mode(settings, source->mode) & ~(mode_t)settings->umask);
	else /* made with u+rwx so that we could work in it */
		mode = now.mode & META_PERMISSIONS &
		       (~(mode_t)0700U | (meta_new_mode(settings, source->mode) & 0700U));
	if ((now.mode & META_PERMISSIONS) == mode)
		return 0;
	return meta_set_mode(sys, folder->fd, mode, losses, error);
}

int meta_finish_folder(struct sys *sys, const struct settings *settings,
		       const struct meta_folder *folder, const struct xattr_acls *acls,
		       struct losses *losses, struct error *error)
{
	struct xattr_place target = { folder->fd, "", false };
	int result = meta_folder_mode(sys, settings, folder, acls, losses, error);

	if (result == 0)
		result = xattr_set_acls(sys, settings, acls, target, !folder->fresh, losses, error);
	return result == 0 ? meta_times(sys, settings, target, folder->source, losses, error)
			   : result;
}

bool meta_hands_acl_on(struct sys *sys, const struct settings *settings, int fd)
{
	if (!settings_keeps(settings, WEIR_PROPERTY_MODE) &&
	    !settings_keeps(settings, WEIR_PROPERTY_ACL))
		return false;
	return sys_getxattr(sys, fd, "", "system.posix_acl_default", NULL, 0) > 0;
}
