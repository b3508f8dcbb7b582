/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File systems and the devices below them: what kind one is, what it takes,
 * what its syncs are worth.  Knowledge gained by trying ("no O_TMPFILE here")
 * is remembered for each file system met in a run.
 */
#ifndef WEIR_DEVICE_H
#define WEIR_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "list.h"
#include "mount.h"
#include "sys.h"

enum fs_kind {
	FS_OTHER,
	FS_EXT4,
	FS_XFS,
	FS_BTRFS,
	FS_TMPFS, /* and ramfs: memory only */
	FS_OVERLAY,
	FS_FAT, /* vfat, exfat, ntfs3, udf: names not crash-safe */
	FS_F2FS,
	FS_NETWORK, /* nfs, cifs, ceph: as the server keeps it */
	FS_FUSE,
	FS_PSEUDO, /* proc, sysfs and the like: sizes are not to be believed */
};

struct fs {
	struct list node;
	uint64_t device;
	enum fs_kind kind;
	char name[16];		    /* as the receipt names it */
	char receipt[48];	    /* what a receipt must admit, or "" */
	bool is_volatile;	    /* an overlay that never syncs */
	bool tells_syncfs;	    /* this kernel's syncfs returns its errors (5.17) */
	int sync_fd;		    /* held from before the first write (G3), or -1 */
	_Atomic bool no_tmpfile;    /* O_TMPFILE refused */
	_Atomic bool link_by_proc;  /* only through /proc/self/fd */
	_Atomic bool no_noreplace;  /* RENAME_NOREPLACE refused */
	_Atomic bool no_plain_link; /* link(2) refused */
	_Atomic bool no_hard_links; /* a second link to an inode refused */
	_Atomic bool no_flags;	    /* inode flags are not known */
	_Atomic bool no_attr;	    /* nor projects */
	_Atomic bool no_node_attr;  /* nor both of links and special files */
	_Atomic bool no_syncfs;	    /* took over 3 times its share (G3) */
	_Atomic bool written;	    /* something was written here */
	_Atomic bool vouched;	    /* what is here already is to be made sure of by a sync */
	_Atomic uint64_t grain_ns;  /* how coarse its times are; 0: not known yet */
};

/* What a file system takes from another one, or from itself. */
struct fs_pair {
	struct list node;
	const struct fs *source;
	const struct fs *target;
	_Atomic bool no_clone;	 /* FICLONE is not supported between them */
	_Atomic bool no_offload; /* nor copy_file_range */
};

struct fs_table {
	pthread_mutex_t lock;
	struct list all;
	struct list pairs;
	struct sys *sys;
	bool tells_syncfs;
};

int fs_table_open(struct fs_table *table, struct sys *sys);
void fs_table_close(struct fs_table *table);

/* The file system that holds FD (whose device number is DEVICE).  HOLD: keep a
 * descriptor for syncfs.  NULL: out of memory. */
struct fs *fs_find(struct fs_table *table, int fd, uint64_t device, bool hold);

/* Keeps a duplicate of FD, a file of FS that nothing was written to yet, for
 * syncfs, where its folder could not be opened for that. */
void fs_hold_file(struct fs_table *table, struct fs *fs, int fd);

/* What is known of copies from SOURCE to TARGET.  NULL: out of memory. */
struct fs_pair *fs_pair(struct fs_table *table, const struct fs *source, const struct fs *target);

/* True if its syncfs tells of errors; a dry run has no descriptor to sync by. */
bool fs_tells_by_syncfs(const struct fs *fs);

/* True where syncfs tells whether it worked (G3). */
bool fs_believes_syncfs(const struct fs *fs);

/* After a syncfs of FS: flushes the device where that may not have (G3), if something can
 * be made there.  0 or -errno. */
int fs_flush(struct sys *sys, const struct fs *fs);

/* True where neither a sync nor a close changes times that were set, nor does a
 * close tell any error (H06, E07). */
bool fs_keeps_times(const struct fs *fs);

/* True if its journal keeps the order in which names are given and taken. */
bool fs_orders_names(const struct fs *fs);

/* True where nothing survives a power cut, so nothing is synced. */
bool fs_is_memory(const struct fs *fs);

/* Alignment in bytes that direct I/O on this opened file needs, 0 for none.
 * WRITE: for writing to it. */
uint32_t fs_direct_align(const struct fs *fs, const struct sys_stat *stat, bool write);

/* What a receipt must admit, or NULL. */
const char *fs_reservation(const struct fs *fs);

/* True where SEEK_HOLE can be believed. */
bool fs_believes_holes(const struct fs *fs);

/* True if DEVICE is on a disk that really rotates: sysfs says so, and it is
 * ATA or SCSI and not virtual nor USB. */
bool device_rotates(struct sys *sys, uint64_t device);

#define DEVICE_UUID_BYTES 64 /* with NUL; longer ones are cut */

/* What a file system on a device is called; "" where it has no such name or it cannot
 * be found out. */
struct device_name {
	char uuid[DEVICE_UUID_BYTES];
	char label[SYS_LABEL_BYTES];
};

/* The names of the file system that is mounted at MOUNT and that FD is on: from the
 * kernel (6.9); else from the superblock, for who may read the device; else from what
 * udev has found. */
void device_name_find(struct sys *sys, int fd, const struct mount *mount, struct device_name *name);

/* Version of libblkid in use. */
const char *device_library(void);

#endif
