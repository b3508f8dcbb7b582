/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rights.
 *
 * Invariants:
 * R1 rights only go: nothing here gives one back;
 * R2 numbers of Landlock are those of its first versions, which never change; headers of
 *    older kernels lack them.  Source: linux/landlock.h of 6.10, landlock(7).
 */
#define _GNU_SOURCE
#include "rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RIGHTS_NR_CREATE 444 /* landlock_create_ruleset(2), the same everywhere */
#define RIGHTS_NR_ADD 445
#define RIGHTS_NR_RESTRICT 446
#define RIGHTS_CREATE_VERSION 1U
#define RIGHTS_RULE_PATH_BENEATH 1

/* LANDLOCK_ACCESS_FS_ */
#define RIGHTS_FS_EXECUTE (1ULL << 0)
#define RIGHTS_FS_WRITE_FILE (1ULL << 1)
#define RIGHTS_FS_READ_FILE (1ULL << 2)
#define RIGHTS_FS_READ_DIR (1ULL << 3)
#define RIGHTS_FS_REMOVE_DIR (1ULL << 4)
#define RIGHTS_FS_REMOVE_FILE (1ULL << 5)
#define RIGHTS_FS_MAKE (0x7fULL << 6)	 /* of each type of entry */
#define RIGHTS_FS_REFER (1ULL << 13)	 /* version 2 */
#define RIGHTS_FS_TRUNCATE (1ULL << 14)	 /* version 3 */
#define RIGHTS_FS_IOCTL_DEV (1ULL << 15) /* version 5 */
#define RIGHTS_FS_OF_FILES \
	(RIGHTS_FS_EXECUTE | RIGHTS_FS_WRITE_FILE | RIGHTS_FS_READ_FILE | RIGHTS_FS_TRUNCATE)
#define RIGHTS_NET_ALL 3ULL /* bind and connect, version 4 */

struct rights_ruleset {
	uint64_t access_fs;
	uint64_t access_net; /* since version 4 */
};

struct rights_path {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

#define RIGHTS_OP                             \
	{                                     \
		.kind = SYS_CONFINE, .fd = -1 \
	}

static long rights_result(long value)
{
	return value < 0 ? -errno : value;
}

/* What this version knows of. */
static uint64_t rights_known(const struct rights *rights)
{
	uint64_t known = RIGHTS_FS_EXECUTE | RIGHTS_FS_WRITE_FILE | RIGHTS_FS_READ_FILE |
			 RIGHTS_FS_READ_DIR | RIGHTS_FS_REMOVE_DIR | RIGHTS_FS_REMOVE_FILE |
			 RIGHTS_FS_MAKE | RIGHTS_FS_REFER;

	if (rights->version >= 3)
		known |= RIGHTS_FS_TRUNCATE;
	if (rights->version >= 5)
		known |= RIGHTS_FS_IOCTL_DEV;
	return known;
}

static long rights_create(struct sys *sys, const struct rights_ruleset *ruleset, size_t bytes,
			  uint32_t flags)
{
	struct sys_op op = RIGHTS_OP;

	return POINT_CALL(&sys->point, &op,
			  rights_result(syscall(RIGHTS_NR_CREATE, ruleset, bytes, flags)));
}

int rights_begin(struct rights *rights, struct sys *sys)
{
	struct rights_ruleset ruleset = { .access_net = RIGHTS_NET_ALL };
	long result = rights_create(sys, NULL, 0, RIGHTS_CREATE_VERSION);

	*rights = (struct rights){ .sys = sys, .fd = -1 };
	if (result < 0)
		return (int)result;
	if (result < 2)
		return -ENOSYS;
	rights->version = (int)result;
	ruleset.access_fs = rights_known(rights);
	result = rights_create(sys, &ruleset,
			       rights->version >= 4 ? sizeof(ruleset) : sizeof(ruleset.access_fs),
			       0);
	if (result < 0)
		return (int)result;
	rights->fd = (int)result;
	return 0;
}

static uint64_t rights_access(unsigned kinds)
{
	uint64_t access = 0;

	if ((kinds & RIGHTS_LIST) != 0)
		access |= RIGHTS_FS_READ_DIR;
	if ((kinds & RIGHTS_READ) != 0)
		access |= RIGHTS_FS_READ_FILE;
	if ((kinds & RIGHTS_WRITE) != 0)
		access |= RIGHTS_FS_WRITE_FILE | RIGHTS_FS_TRUNCATE;
	if ((kinds & RIGHTS_REMOVE) != 0)
		access |= RIGHTS_FS_REMOVE_FILE | RIGHTS_FS_REMOVE_DIR;
	if ((kinds & RIGHTS_CHANGE) != 0)
		access |= RIGHTS_FS_REMOVE_FILE | RIGHTS_FS_REMOVE_DIR | RIGHTS_FS_MAKE |
			  RIGHTS_FS_REFER;
	return access;
}

int rights_allow(struct rights *rights, int fd, unsigned kinds)
{
	struct rights_path rule = { .access = rights_access(kinds) & rights_known(rights),
				    .fd = fd };
	struct sys_op op = RIGHTS_OP;
	struct sys_stat stat;
	int result = sys_statx(rights->sys, fd, "", false, &stat);

	if (result < 0)
		return result;
	if (!S_ISDIR(stat.mode))
		rule.access &= RIGHTS_FS_OF_FILES;
	if (rule.access == 0)
		return 0;
	return (int)POINT_CALL(&rights->sys->point, &op,
			       rights_result(syscall(RIGHTS_NR_ADD, rights->fd,
						     RIGHTS_RULE_PATH_BENEATH, &rule, 0)));
}

int rights_enforce(struct rights *rights)
{
	struct sys_op op = RIGHTS_OP;

	return (int)POINT_CALL(&rights->sys->point, &op,
			       rights_result(syscall(RIGHTS_NR_RESTRICT, rights->fd, 0)));
}

void rights_end(struct rights *rights)
{
	if (rights->fd >= 0)
		sys_close(rights->sys, rights->fd);
	rights->fd = -1;
}

int rights_gain_none(struct sys *sys)
{
	struct sys_op op = RIGHTS_OP;

	return (int)POINT_CALL(&sys->point, &op,
			       rights_result(prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL)));
}

int rights_keep(struct sys *sys, uint64_t kept)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	struct sys_op get = RIGHTS_OP, set = RIGHTS_OP;
	int left = 0;
	int result =
		(int)POINT_CALL(&sys->point, &get, rights_result(syscall(SYS_capget, &head, data)));

	if (result < 0)
		return result;
	for (unsigned i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(kept >> 32 * i);
		data[i].effective &= data[i].permitted;
		data[i].inheritable = 0;
		left += __builtin_popcount(data[i].permitted);
	}
	result =
		(int)POINT_CALL(&sys->point, &set, rights_result(syscall(SYS_capset, &head, data)));
	return result < 0 ? result : left;
}
