/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attributes of what is made.
 *
 * Invariants:
 * M1 owner before mode, mode before times;
 * M2 setuid and setgid are set only when owner and group are those of the
 *    source, read back from the file itself;
 * M3 a user who is not root and cannot give files away keeps the file as his
 *    own without a word, as cp does: but then M2 drops the bits.  Root is
 *    warned.
 */
#define _GNU_SOURCE
#include "meta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "invariant.h"

#define META_PERMISSIONS 07777U
#define META_SETID 06000U
#define META_XATTR_BYTES 65536 /* XATTR_LIST_MAX and XATTR_SIZE_MAX */

bool meta_newer(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

bool meta_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

mode_t meta_create_mode(const struct settings *settings, const struct sys_stat *source, bool named,
			bool replaces)
{
	/* A named temp can be opened by others, so it is closed to them until
	 * its owner and mode are final (J6); where the kernel itself derives the
	 * final mode from umask and default ACL, it is final from the start. */
	if (named && (settings->keep_mode || replaces))
		return 0600;
	return source->mode & 0777U;
}

static int meta_times(struct sys *sys, int dirfd, const char *name, const struct sys_stat *source,
		      struct error *error)
{
	struct timespec times[2] = { source->atime, source->mtime };
	int result = name[0] == '\0' ? sys_futimens(sys, dirfd, times)
				     : sys_utimensat(sys, dirfd, name, times);

	if (result < 0)
		error_set(error, result, ERROR_SIDE_TARGET, "set times of");
	return result;
}

/* Gives the entry to UID and GID.  True in *same once both are so (M2). */
static int meta_owner(struct sys *sys, int dirfd, const char *name, const struct sys_stat *now,
		      uint32_t uid, uint32_t gid, bool *same)
{
	int result = 0;

	*same = now->uid == uid && now->gid == gid;
	if (*same)
		return 0;
	result = sys_fchownat(sys, dirfd, name, uid, gid);
	if (result == 0) {
		/* M2: believed only when the file itself says so. */
		struct sys_stat then;

		*same = sys_statx(sys, dirfd, name, false, &then) == 0 && then.uid == uid &&
			then.gid == gid;
	}
	if (result == -EPERM || result == -EINVAL) {
		/* G16: the group alone can often be kept. */
		if (now->gid != gid)
			sys_fchownat(sys, dirfd, name, (uid_t)-1, gid);
	}
	return result;
}

/* The source's owner, as far as we may (M3). */
static int meta_keep_owner(struct sys *sys, const struct settings *settings, int dirfd,
			   const char *name, const struct sys_stat *now,
			   const struct sys_stat *source, bool *same, struct error *error)
{
	int result = meta_owner(sys, dirfd, name, now, source->uid, source->gid, same);

	if (result == 0 || (!settings->privileged && (result == -EPERM || result == -EINVAL)))
		return 0;
	error_set(error, result, ERROR_SIDE_TARGET, "set owner of");
	error->grade = ERROR_WARNING; /* the bytes are there; M2 drops the bits */
	return 0;
}

/* What a file that replaces another takes over without -p: its owner... */
static int meta_take_owner(struct sys *sys, int fd, const struct sys_stat *created,
			   const struct sys_stat *existing, struct error *error)
{
	bool same;
	int result = meta_owner(sys, fd, "", created, existing->uid, existing->gid, &same);

	if (result < 0) {
		error_set(error, result, ERROR_SIDE_TARGET, "keep the owner of");
		error->text =
			"what replaces it would be somebody else's; remove it first, or use -p";
	}
	return result;
}

/* ... and its mode. */
static int meta_take_mode(struct sys *sys, int fd, const struct sys_stat *existing,
			  struct error *error)
{
	int result;

	result = sys_fchmod(sys, fd, existing->mode & META_PERMISSIONS & ~META_SETID);
	if (result < 0)
		error_set(error, result, ERROR_SIDE_TARGET, "set mode of");
	return result;
}

int meta_apply_file(struct sys *sys, const struct settings *settings, int fd,
		    const struct sys_stat *created, const struct sys_stat *source,
		    const struct sys_stat *existing, bool default_acl, struct error *error)
{
	bool same = created->uid == source->uid && created->gid == source->gid;
	int result = 0;

	if (settings->keep_owner)
		result = meta_keep_owner(sys, settings, fd, "", created, source, &same, error);
	else if (existing != NULL && !settings->keep_mode)
		result = meta_take_owner(sys, fd, created, existing, error);
	if (result == 0 && existing != NULL && !settings->keep_mode)
		result = meta_take_mode(sys, fd, existing, error);
	if (result < 0)
		return result;
	if (settings->keep_mode) {
		mode_t mode = source->mode & META_PERMISSIONS;

		if (!same)
			mode &= ~(mode_t)META_SETID; /* M2 */
		if (default_acl) {
			/* What the folder made it inherit is not the source's. */
			result = sys_fremovexattr(sys, fd, "system.posix_acl_access");
			if (result < 0 && result != -ENODATA && result != -EOPNOTSUPP) {
				error_set(error, result, ERROR_SIDE_TARGET, "set ACL of");
				return result;
			}
		}
		if ((created->mode & META_PERMISSIONS) != mode || !same || default_acl)
			result = sys_fchmod(sys, fd, mode);
		else
			result = 0;
		if (result < 0) {
			error_set(error, result, ERROR_SIDE_TARGET, "set mode of");
			return result;
		}
	}
	return settings->keep_times ? meta_times(sys, fd, "", source, error) : 0;
}

int meta_apply_node(struct sys *sys, const struct settings *settings, int dirfd, const char *name,
		    const struct sys_stat *source, struct error *error)
{
	struct sys_stat created;
	bool same = false;
	int result = sys_statx(sys, dirfd, name, false, &created);

	if (result < 0) {
		error_set(error, result, ERROR_SIDE_TARGET, "stat");
		return result;
	}
	if (settings->keep_owner)
		result =
			meta_keep_owner(sys, settings, dirfd, name, &created, source, &same, error);
	else
		same = created.uid == source->uid && created.gid == source->gid;
	if (result < 0)
		return result;
	/* The temp's name is ours, random and locked: nobody put a link there. */
	if (settings->keep_mode && !S_ISLNK(source->mode)) {
		mode_t mode = source->mode & META_PERMISSIONS;

		result = sys_fchmodat(sys, dirfd, name, same ? mode : mode & ~META_SETID);
		if (result < 0) {
			error_set(error, result, ERROR_SIDE_TARGET, "set mode of");
			return result;
		}
	}
	return settings->keep_times ? meta_times(sys, dirfd, name, source, error) : 0;
}

int meta_begin_folder(struct sys *sys, const struct settings *settings, int fd,
		      const struct sys_stat *source, struct error *error)
{
	struct sys_stat created;
	bool same;
	int result = 0;

	if (!settings->keep_owner)
		return 0;
	result = sys_statx(sys, fd, "", false, &created);
	if (result < 0) {
		error_set(error, result, ERROR_SIDE_TARGET, "stat");
		return result;
	}
	return meta_keep_owner(sys, settings, fd, "", &created, source, &same, error);
}

int meta_finish_folder(struct sys *sys, const struct settings *settings, int fd,
		       const struct sys_stat *source, bool fresh, struct error *error)
{
	struct sys_stat now;
	mode_t mode;
	int result = 0;

	if (settings->keep_mode || fresh) {
		result = sys_statx(sys, fd, "", false, &now);
		if (result < 0) {
			error_set(error, result, ERROR_SIDE_TARGET, "stat");
			return result;
		}
		/* Made with u+rwx so that we could work in it. */
		mode = now.mode & META_PERMISSIONS & (~(mode_t)0700U | (source->mode & 0700U));
		if (settings->keep_mode) {
			mode = source->mode & META_PERMISSIONS;
			if (now.uid != source->uid || now.gid != source->gid)
				mode &= ~(mode_t)META_SETID; /* M2 */
		}
		if ((now.mode & META_PERMISSIONS) != mode)
			result = sys_fchmod(sys, fd, mode);
		if (result < 0) {
			error_set(error, result, ERROR_SIDE_TARGET, "set mode of");
			return result;
		}
	}
	return settings->keep_times ? meta_times(sys, fd, "", source, error) : 0;
}

static bool meta_inherits(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.selinux") == 0 ||
	       strcmp(name, "system.posix_acl_access") == 0;
}

static int meta_inherit_one(struct sys *sys, int existing_fd, int fd, const char *name, char *value)
{
	ssize_t bytes;

	if (!meta_inherits(name) || strncmp(name, "user.weir.", 10) == 0)
		return 0;
	bytes = sys_fgetxattr(sys, existing_fd, name, value, META_XATTR_BYTES);
	if (bytes == -ENODATA)
		return 0; /* it went meanwhile */
	return bytes < 0 ? (int)bytes : sys_fsetxattr(sys, fd, name, value, (size_t)bytes);
}

int meta_inherit_xattrs(struct sys *sys, int existing_fd, int fd, struct error *error)
{
	char *list = malloc(2 * META_XATTR_BYTES);
	char *value = list + META_XATTR_BYTES;
	ssize_t bytes = list != NULL ? sys_flistxattr(sys, existing_fd, list, META_XATTR_BYTES)
				     : -ENOMEM;
	int result = 0;

	if (bytes == -EOPNOTSUPP || bytes == -ENOSYS)
		bytes = 0;
	for (const char *name = list; bytes > 0 && result == 0 && name < list + bytes;
	     name += strlen(name) + 1)
		result = meta_inherit_one(sys, existing_fd, fd, name, value);
	if (bytes < 0)
		result = (int)bytes;
	free(list);
	if (result < 0)
		error_set(error, result, ERROR_SIDE_TARGET, "keep the attributes of");
	return result;
}

bool meta_has_default_acl(struct sys *sys, int fd)
{
	return sys_fgetxattr(sys, fd, "system.posix_acl_default", NULL, 0) > 0;
}
