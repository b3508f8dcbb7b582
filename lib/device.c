/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File systems and devices; the only file that includes blkid.h.
 *
 * Invariants:
 * D1 an entry of the table lives as long as the table, so pointers to it are
 *    held freely;
 * D2 what is unknown is treated as the weaker kind: no syncfs, no trusted
 *    holes, not rotating.
 */
#define _GNU_SOURCE
#include "device.h"

#include <blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "invariant.h"
#include "lister.h"
#include "mount.h"

/* Magic numbers that linux/magic.h of Debian 12 does not have. */
#define DEVICE_NTFS3_MAGIC 0x7366746eU
#define DEVICE_UDF_MAGIC 0x15013346U
#define DEVICE_EXFAT_MAGIC 0x2011bab0U
#define DEVICE_CIFS_MAGIC 0xff534d42U
#define DEVICE_SMB2_MAGIC 0xfe534d42U
#define DEVICE_CEPH_MAGIC 0x00c36400U
#define DEVICE_FUSE_MAGIC 0x65735546U

static const struct fs_known {
	uint32_t magic;
	enum fs_kind kind;
	const char *name;
} fs_known[] = {
	{ EXT4_SUPER_MAGIC, FS_EXT4, "ext4" },
	{ XFS_SUPER_MAGIC, FS_XFS, "xfs" },
	{ BTRFS_SUPER_MAGIC, FS_BTRFS, "btrfs" },
	{ TMPFS_MAGIC, FS_TMPFS, "tmpfs" },
	{ RAMFS_MAGIC, FS_TMPFS, "ramfs" },
	{ OVERLAYFS_SUPER_MAGIC, FS_OVERLAY, "overlay" },
	{ MSDOS_SUPER_MAGIC, FS_FAT, "vfat" },
	{ DEVICE_EXFAT_MAGIC, FS_FAT, "exfat" },
	{ DEVICE_NTFS3_MAGIC, FS_FAT, "ntfs3" },
	{ DEVICE_UDF_MAGIC, FS_FAT, "udf" },
	{ F2FS_SUPER_MAGIC, FS_F2FS, "f2fs" },
	{ NFS_SUPER_MAGIC, FS_NETWORK, "nfs" },
	{ DEVICE_CIFS_MAGIC, FS_NETWORK, "cifs" },
	{ DEVICE_SMB2_MAGIC, FS_NETWORK, "cifs" },
	{ DEVICE_CEPH_MAGIC, FS_NETWORK, "ceph" },
	{ DEVICE_FUSE_MAGIC, FS_FUSE, "fuse" },
	{ PROC_SUPER_MAGIC, FS_PSEUDO, "proc" },
	{ SYSFS_MAGIC, FS_PSEUDO, "sysfs" },
	{ DEBUGFS_MAGIC, FS_PSEUDO, "debugfs" },
	{ TRACEFS_MAGIC, FS_PSEUDO, "tracefs" },
	{ CGROUP_SUPER_MAGIC, FS_PSEUDO, "cgroup" },
	{ CGROUP2_SUPER_MAGIC, FS_PSEUDO, "cgroup2" },
	{ SECURITYFS_MAGIC, FS_PSEUDO, "securityfs" },
	{ BPF_FS_MAGIC, FS_PSEUDO, "bpf" },
	{ DEVPTS_SUPER_MAGIC, FS_PSEUDO, "devpts" },
};

/* Before 5.17 errors of the file system's own sync were dropped. */
static bool fs_kernel_tells_syncfs(void)
{
	struct utsname name;
	unsigned major_version = 0, minor_version = 0;

	if (uname(&name) != 0 || sscanf(name.release, "%u.%u", &major_version, &minor_version) != 2)
		return false;
	return major_version > 5 || (major_version == 5 && minor_version >= 17);
}

int fs_table_open(struct fs_table *table, struct sys *sys)
{
	list_init(&table->all);
	list_init(&table->pairs);
	table->sys = sys;
	table->tells_syncfs = fs_kernel_tells_syncfs();
	return -pthread_mutex_init(&table->lock, NULL);
}

void fs_table_close(struct fs_table *table)
{
	struct list *node;

	while ((node = list_take_head(&table->all)) != NULL) {
		struct fs *fs = LIST_ENTRY(node, struct fs, node);

		if (fs->sync_fd >= 0)
			sys_close(table->sys, fs->sync_fd);
		free(fs);
	}
	while ((node = list_take_head(&table->pairs)) != NULL)
		free(LIST_ENTRY(node, struct fs_pair, node));
	pthread_mutex_destroy(&table->lock);
}

/* True for an overlay mounted with `volatile`: it syncs nothing. */
static bool fs_is_volatile(struct sys *sys, uint64_t device)
{
	struct mount mount;
	size_t bytes;
	bool found;

	if (mount_of_device(sys, device, &mount) < 0)
		return false;
	found = mount_option(&mount, "volatile", &bytes) != NULL;
	mount_free(&mount);
	return found;
}

/* What a receipt must admit. */
static void fs_write_receipt(struct fs *fs)
{
	const char *text = NULL;

	if (fs_is_memory(fs))
		text = fs->kind == FS_OVERLAY ? "memory only (volatile %s)" : "memory only (%s)";
	else if (fs->kind == FS_FAT)
		text = "names not crash-safe (%s)";
	else if (fs->kind == FS_NETWORK)
		text = "as the server keeps it (%s)";
	else if (fs->kind == FS_FUSE || fs->kind == FS_OTHER)
		text = "as the file system keeps it (%s)";
	else if (fs->kind == FS_PSEUDO)
		text = "not a store (%s)";
	fs->receipt[0] = '\0';
	if (text != NULL)
		snprintf(fs->receipt, sizeof(fs->receipt), text, fs->name);
}

static struct fs *fs_make(struct fs_table *table, int fd, uint64_t device)
{
	struct statfs statfs;
	struct fs *fs = calloc(1, sizeof(*fs));

	if (fs == NULL)
		return NULL;
	list_init(&fs->node);
	fs->device = device;
	fs->sync_fd = -1;
	fs->kind = FS_OTHER;
	snprintf(fs->name, sizeof(fs->name), "unknown");
	if (sys_fstatfs(table->sys, fd, &statfs) == 0) {
		for (size_t i = 0; i < sizeof(fs_known) / sizeof(fs_known[0]); i++) {
			if (fs_known[i].magic != (uint32_t)statfs.f_type)
				continue;
			fs->kind = fs_known[i].kind;
			snprintf(fs->name, sizeof(fs->name), "%s", fs_known[i].name);
		}
	}
	fs->tells_syncfs = table->tells_syncfs;
	fs->is_volatile = fs->kind == FS_OVERLAY && fs_is_volatile(table->sys, device);
	fs_write_receipt(fs);
	list_add_tail(&table->all, &fs->node);
	return fs;
}

struct fs *fs_find(struct fs_table *table, int fd, uint64_t device, bool hold)
{
	struct fs *fs = NULL;

	pthread_mutex_lock(&table->lock);
	for (struct list *node = table->all.next; node != &table->all; node = node->next) {
		struct fs *known = LIST_ENTRY(node, struct fs, node);

		if (known->device == device)
			fs = known;
	}
	if (fs == NULL)
		fs = fs_make(table, fd, device);
	if (fs != NULL && hold && fs->sync_fd < 0) {
		int sync_fd = sys_openat(table->sys, fd, ".", O_RDONLY | O_DIRECTORY, 0);

		fs->sync_fd = sync_fd < 0 ? -1 : sync_fd;
	}
	pthread_mutex_unlock(&table->lock);
	return fs;
}

struct fs_pair *fs_pair(struct fs_table *table, const struct fs *source, const struct fs *target)
{
	struct fs_pair *pair = NULL;

	pthread_mutex_lock(&table->lock);
	for (struct list *node = table->pairs.next; node != &table->pairs; node = node->next) {
		struct fs_pair *known = LIST_ENTRY(node, struct fs_pair, node);

		if (known->source == source && known->target == target)
			pair = known;
	}
	if (pair == NULL) {
		pair = calloc(1, sizeof(*pair));
		if (pair != NULL) {
			list_init(&pair->node);
			pair->source = source;
			pair->target = target;
			list_add_tail(&table->pairs, &pair->node);
		}
	}
	pthread_mutex_unlock(&table->lock);
	return pair;
}

void fs_hold_file(struct fs_table *table, struct fs *fs, int fd)
{
	pthread_mutex_lock(&table->lock);
	if (fs->sync_fd < 0)
		fs->sync_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	pthread_mutex_unlock(&table->lock);
}

bool fs_tells_by_syncfs(const struct fs *fs)
{
	return fs->tells_syncfs && (fs->kind == FS_EXT4 || fs->kind == FS_XFS ||
				    fs->kind == FS_BTRFS || fs->kind == FS_FAT);
}

bool fs_believes_syncfs(const struct fs *fs)
{
	return fs->sync_fd >= 0 && fs_tells_by_syncfs(fs);
}

int fs_flush(struct sys *sys, const struct fs *fs)
{
	int fd, result;

	if (fs->kind != FS_XFS)
		return 0;
	/* A new inode is work for the log, which goes behind a flush. */
	fd = sys_openat(sys, fs->sync_fd, ".", O_TMPFILE | O_WRONLY, 0600);
	if (fd == -ENOTDIR) /* it is a file itself */
		return sys_fsync(sys, fs->sync_fd);
	if (fd < 0) /* nothing can be made there: syncfs is believed as it is */
		return 0;
	result = sys_fsync(sys, fd);
	sys_close(sys, fd);
	return result;
}

bool fs_keeps_times(const struct fs *fs)
{
	return fs->kind != FS_FUSE && fs->kind != FS_NETWORK && fs->kind != FS_OTHER;
}

bool fs_is_memory(const struct fs *fs)
{
	return fs->kind == FS_TMPFS || fs->is_volatile;
}

bool fs_believes_holes(const struct fs *fs)
{
	return fs->kind == FS_EXT4 || fs->kind == FS_XFS || fs->kind == FS_BTRFS ||
	       fs->kind == FS_TMPFS;
}

bool fs_orders_names(const struct fs *fs)
{
	return fs->kind == FS_EXT4 || fs->kind == FS_XFS;
}

uint32_t fs_direct_align(const struct fs *fs, const struct sys_stat *stat, bool write)
{
	if (fs->kind == FS_TMPFS || fs->kind == FS_PSEUDO || fs->kind == FS_OVERLAY)
		return 0;
	/* From 6.15 btrfs turns direct writes of checksummed files into buffered
	 * ones (968f19c5b1b7); reads stay direct. */
	if (fs->kind == FS_BTRFS && write)
		return 0;
	if (stat->dio_known)
		return stat->dio_offset_align > stat->dio_memory_align ? stat->dio_offset_align
								       : stat->dio_memory_align;
	return fs->kind == FS_EXT4 || fs->kind == FS_XFS || fs->kind == FS_BTRFS ||
			       fs->kind == FS_F2FS
		       ? 4096
		       : 0;
}

const char *fs_reservation(const struct fs *fs)
{
	return fs->receipt[0] != '\0' ? fs->receipt : NULL;
}

/* Reads the number in a sysfs file of the disk DISK; -1 if it cannot be. */
static int device_sysfs_number(struct sys *sys, const char *disk, const char *file)
{
	char path[128];
	char text[16];

	snprintf(path, sizeof(path), "/sys/block/%s/%s", disk, file);
	return sys_read_text(sys, path, text, sizeof(text)) > 0 ? (int)strtol(text, NULL, 10) : -1;
}

bool device_rotates(struct sys *sys, uint64_t device)
{
	char disk[64];
	char path[128];
	char target[512];
	dev_t whole;
	ssize_t bytes;

	if (major(device) == 0)
		return false; /* btrfs, overlay, network: unknown means no (D2) */
	if (blkid_devno_to_wholedisk((dev_t)device, disk, sizeof(disk), &whole) != 0)
		return false;
	if (device_sysfs_number(sys, disk, "queue/rotational") != 1)
		return false;
	snprintf(path, sizeof(path), "/sys/block/%s", disk);
	bytes = sys_readlinkat(sys, AT_FDCWD, path, target, sizeof(target) - 1);
	if (bytes <= 0)
		return false;
	target[bytes] = '\0';
	/* virtio, loop, dm, nbd and xen disks report 1 for whatever is below. */
	if (strstr(target, "virtual") != NULL || strstr(target, "virtio") != NULL ||
	    strstr(target, "/usb") != NULL || strstr(target, "xen") != NULL)
		return false;
	return strstr(target, "/ata") != NULL || strstr(target, "/host") != NULL;
}

/* ---- what a file system is called ---- */

static void device_copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

/* The block device DEVICE, opened to be read.  A descriptor, or -errno. */
static int device_open(struct sys *sys, uint64_t device)
{
	char *path = blkid_devno_to_devname((dev_t)device);
	struct sys_stat stat;
	int fd, result;

	if (path == NULL)
		return -ENODEV;
	fd = sys_openat(sys, AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
	free(path);
	if (fd < 0)
		return fd;
	result = sys_statx(sys, fd, "", false, &stat);
	if (result == 0 && S_ISBLK(stat.mode) && stat.rdev == device)
		return fd;
	sys_close(sys, fd);
	return result < 0 ? result : -ENODEV;
}

/* What has been found out of the names of a file system: to have none is known, too. */
struct device_search {
	struct sys *sys;
	uint64_t device; /* 0: it is on none, or that is not known */
	struct device_name *name;
	bool is_btrfs;
	bool uuid_known;
	bool label_known;
};

static void device_take(blkid_probe probe, const char *what, char *to, size_t size)
{
	const char *value = NULL;

	if (blkid_probe_lookup_value(probe, what, &value, NULL) == 0 && value != NULL)
		device_copy(to, size, value);
}

/* What the superblock says, for who may read the device. */
static void device_ask_probe(struct device_search *search)
{
	int fd = device_open(search->sys, search->device);
	blkid_probe probe;

	if (fd < 0)
		return;
	probe = blkid_new_probe();
	if (probe != NULL && blkid_probe_set_device(probe, fd, 0, 0) == 0 &&
	    blkid_probe_enable_superblocks(probe, 1) == 0 &&
	    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL |
							     BLKID_SUBLKS_TYPE) == 0 &&
	    blkid_do_safeprobe(probe) == 0) {
		if (!search->uuid_known)
			device_take(probe, "UUID", search->name->uuid, sizeof(search->name->uuid));
		if (!search->label_known)
			device_take(probe, "LABEL", search->name->label,
				    sizeof(search->name->label));
		search->uuid_known = search->label_known = true;
	}
	if (probe != NULL)
		blkid_free_probe(probe);
	sys_close(search->sys, fd);
}

/* All zeros are no name. */
static void device_write_uuid(const uint8_t uuid[16], char text[DEVICE_UUID_BYTES])
{
	static const uint8_t none[16];
	size_t at = 0;

	text[0] = '\0';
	if (memcmp(uuid, none, sizeof(none)) == 0)
		return;
	for (size_t i = 0; i < sizeof(none); i++)
		at += (size_t)snprintf(text + at, DEVICE_UUID_BYTES - at, "%s%02x",
				       i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

/* What the kernel says of the file system that FD is on, which needs no right and does
 * not wait for the device. */
static void device_ask_kernel(struct device_search *search, int fd)
{
	uint8_t uuid[16];

	/* FD may be one to go on from only. */
	fd = sys_openat(search->sys, fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return;
	search->uuid_known = (search->is_btrfs ? sys_get_btrfs_uuid(search->sys, fd, uuid)
					       : sys_get_fs_uuid(search->sys, fd, uuid)) == 0;
	if (search->uuid_known)
		device_write_uuid(uuid, search->name->uuid);
	search->label_known = sys_get_fs_label(search->sys, fd, search->name->label) == 0;
	sys_close(search->sys, fd);
}

static int device_hex(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* udev writes bytes that it does not trust as \xHH. */
static void device_unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0';) {
		if (from[0] == '\\' && from[1] == 'x' && device_hex(from[2]) >= 0 &&
		    device_hex(from[3]) >= 0) {
			*to++ = (char)(device_hex(from[2]) << 4 | device_hex(from[3]));
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

/* The name in FOLDER of a link that leads to DEVICE. */
static bool device_find_link(struct sys *sys, const char *folder, uint64_t device, char *to,
			     size_t size)
{
	struct lister lister;
	const char *name;
	bool found = false;

	if (lister_open(&lister, sys, AT_FDCWD, folder) < 0)
		return false;
	while (!found && (name = lister_next(&lister)) != NULL) {
		struct sys_stat stat;

		found = sys_statx_follow(sys, lister.fd, name, &stat) == 0 && S_ISBLK(stat.mode) &&
			stat.rdev == device;
		if (found)
			device_copy(to, size, name);
	}
	lister_close(&lister);
	device_unescape(to);
	return found;
}

/* What udev found when the device came. */
static void device_ask_udev(struct device_search *search)
{
	if (!search->uuid_known)
		search->uuid_known = device_find_link(search->sys, "/dev/disk/by-uuid",
						      search->device, search->name->uuid,
						      sizeof(search->name->uuid));
	if (!search->label_known)
		search->label_known = device_find_link(search->sys, "/dev/disk/by-label",
						       search->device, search->name->label,
						       sizeof(search->name->label));
}

static bool device_is_known(const struct device_search *search)
{
	return search->uuid_known && search->label_known;
}

/* Of a file system of several devices, which has no number of theirs, one of them. */
static uint64_t device_of_several(struct sys *sys, const struct mount *mount)
{
	struct sys_stat stat;

	if (strcmp(mount->type, "btrfs") != 0 || mount->source[0] != '/' ||
	    sys_statx_follow(sys, AT_FDCWD, mount->source, &stat) < 0 || !S_ISBLK(stat.mode))
		return 0;
	return stat.rdev;
}

void device_name_find(struct sys *sys, int fd, const struct mount *mount, struct device_name *name)
{
	struct device_search search = {
		.sys = sys,
		.name = name,
		.device = mount->device,
		.is_btrfs = strcmp(mount->type, "btrfs") == 0,
	};
	bool several = search.is_btrfs || strcmp(mount->type, "bcachefs") == 0;

	*name = (struct device_name){ 0 };
	if (major(mount->device) == 0)
		search.device = several ? device_of_several(sys, mount) : 0;
	/* In memory each mount has a number by chance, which names nothing. */
	if (major(mount->device) != 0 || several)
		device_ask_kernel(&search, fd);
	if (search.device != 0 && !device_is_known(&search))
		device_ask_probe(&search);
	if (search.device != 0 && !device_is_known(&search))
		device_ask_udev(&search);
}

const char *device_library(void)
{
	const char *version = NULL;

	blkid_get_library_version(&version, NULL);
	return version != NULL ? version : "unknown";
}
