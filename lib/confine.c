/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rights that a run keeps.
 *
 * Invariants:
 * CF1 a rule that cannot be made would be missed in the middle of the run: then there are
 *     none at all;
 * CF2 names go from folder to folder, and inodes get more names, only where both may do
 *     the same by rules for what lies on their own mount (Linux 6.18), so what is linked
 *     to or moved from has the rights of the target, and below a folder that has them no
 *     other gets them once more;
 * CF3 a file operand may be another inode by the time it is opened (A04), so it is the
 *     folder that it lies in which may be read.
 */
#define _GNU_SOURCE
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "clean.h"
#include "limits.h"
#include "rights.h"

#define CONFINE_READ (RIGHTS_LIST | RIGHTS_READ)
#define CONFINE_ALL (CONFINE_READ | RIGHTS_WRITE | RIGHTS_CHANGE)

static uint64_t confine_bit(unsigned capability)
{
	return 1ULL << capability;
}

/* ---- rules ---- */

/* What PATH leads to.  What is not there needs no rule. */
static int confine_allow_path(struct rights *rights, int dirfd, const char *path, unsigned kinds)
{
	int fd = sys_openat(rights->sys, dirfd, path, O_PATH, 0);
	int result;

	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR || fd == -EACCES || fd == -ELOOP ? 0 : fd;
	result = rights_allow(rights, fd, kinds);
	if (result == -EBADFD) /* a pipe, say, which lies nowhere and may be opened again */
		result = 0;
	sys_close(rights->sys, fd);
	return result;
}

static int confine_allow_dir(struct rights *rights, struct root *root, struct dir *dir,
			     unsigned kinds)
{
	int fd = dir != NULL ? dir_pin(root, dir, NULL) : -ENOENT;
	int result;

	if (fd < 0)
		return dir != NULL ? fd : 0;
	result = rights_allow(rights, fd, kinds);
	dir_unpin(root, dir);
	return result;
}

/* What may be done with the source. */
static unsigned confine_source_kinds(const struct settings *settings)
{
	if (settings_cleans(settings))
		return settings->dry_run ? CONFINE_READ : CONFINE_ALL;
	return settings->remove_source && !settings->dry_run ? CONFINE_READ | RIGHTS_REMOVE
							     : CONFINE_READ;
}

static int confine_allow_source(const struct confine *confine, struct rights *rights,
				const struct operand *source, const struct operand **last)
{
	const struct settings *settings = confine->settings;
	unsigned kinds = confine_source_kinds(settings);
	const char *folder = source->folder_path;
	int result = 0;

	if (settings_syncs(settings) || source->is_folder || source->magic ||
	    settings->follow != WEIR_FOLLOW_NEVER)
		result = confine_allow_path(rights, source->dirfd, source->path, kinds);
	if (result < 0 || folder == NULL || source->is_folder || source->magic)
		return result;
	if (*last != NULL && (*last)->dirfd == source->dirfd &&
	    strcmp((*last)->folder_path, folder) == 0)
		return 0;
	*last = source; /* CF3 */
	return confine_allow_path(rights, source->dirfd, folder, kinds);
}

/* Of a clean, whose operands are resolved when their turn comes. */
static int confine_allow_cleaned(const struct confine *confine, struct rights *rights,
				 const struct operand *source)
{
	char *folder;
	int result = clean_resolve(confine->sys, source->dirfd, source->path, &folder);

	if (result == -ENOMEM)
		return result;
	result = confine_allow_path(rights, source->dirfd, folder != NULL ? folder : source->path,
				    confine_source_kinds(confine->settings));
	free(folder);
	return result;
}

static bool confine_reads_anywhere(const struct confine *confine)
{
	return !settings_cleans(confine->settings) &&
	       (confine->settings->follow == WEIR_FOLLOW_ALWAYS ||
		confine->operands->count > LIMIT_CONFINE_SOURCES);
}

static int confine_allow_sources(const struct confine *confine, struct rights *rights)
{
	const struct operands *operands = confine->operands;
	const struct operand *last = NULL;
	int result = 0;

	if (confine_reads_anywhere(confine))
		result = confine_allow_path(rights, AT_FDCWD, "/",
					    confine_source_kinds(confine->settings));
	else if (confine->settings->parents) /* of which attributes are read */
		result = confine_allow_path(rights, AT_FDCWD, "/", RIGHTS_LIST);
	for (size_t i = 0; i < operands->count && result == 0 && !confine_reads_anywhere(confine);
	     i++)
		result = settings_cleans(confine->settings)
				 ? confine_allow_cleaned(confine, rights, &operands->sources[i])
				 : confine_allow_source(confine, rights, &operands->sources[i],
							&last);
	return result;
}

/* The folder of the records, which is made now if it is not there: where it cannot be had,
 * nothing will be remembered. */
static int confine_allow_record(struct rights *rights, const struct record *record)
{
	int fd = record_make_place(record, rights->sys);
	int result;

	if (fd < 0)
		return 0;
	result = rights_allow(rights, fd, CONFINE_ALL);
	sys_close(rights->sys, fd);
	return result;
}

static int confine_allow_target(const struct confine *confine, struct rights *rights)
{
	const struct settings *settings = confine->settings;
	const struct operands *operands = confine->operands;
	unsigned kinds = settings->dry_run ? CONFINE_READ : CONFINE_ALL;
	int result = confine_allow_dir(rights, confine->root, operands->target, kinds);

	if (result == 0)
		result = confine_allow_dir(rights, confine->root, confine->snapshots, kinds);
	for (size_t i = 0; i < 2 && result == 0; i++)
		if (confine->attics[i] != NULL && confine->attics[i]->fd >= 0 &&
		    !confine->attics[i]->in_target)
			result = rights_allow(rights, confine->attics[i]->fd, kinds);
	for (uint32_t i = 0; i < confine->earlier->count && result == 0; i++) /* CF2 */
		result = confine_allow_dir(rights, confine->root, confine->earlier->copies[i].dir,
					   confine->earlier->clones ? CONFINE_READ : kinds);
	if (result == 0 && operands->target_streams)
		result = confine_allow_path(rights, operands->target_dirfd, operands->target_path,
					    RIGHTS_READ | RIGHTS_WRITE);
	/* A link in the place of a file leads anywhere. */
	if (result == 0 && settings->in_place && !settings_syncs(settings))
		result = confine_allow_path(rights, AT_FDCWD, "/", RIGHTS_READ | RIGHTS_WRITE);
	if (result == 0 && confine->record != NULL && confine->record->path != NULL &&
	    !settings->dry_run)
		result = confine_allow_record(rights, confine->record);
	return result;
}

/* What the kernel tells of itself and of this process. */
static int confine_allow_system(const struct confine *confine, struct rights *rights)
{
	int result = confine_allow_path(rights, AT_FDCWD, "/proc",
					CONFINE_READ | (confine->labels ? RIGHTS_WRITE : 0));

	return result == 0 ? confine_allow_path(rights, AT_FDCWD, "/sys", CONFINE_READ) : result;
}

/* What the kernel shows of itself depends on who asks. */
static bool confine_copies_kernel(const struct confine *confine)
{
	const struct operands *operands = confine->operands;

	for (size_t i = 0; i < operands->count && i < LIMIT_CONFINE_SOURCES; i++) {
		const struct operand *source = &operands->sources[i];
		int fd = sys_openat(confine->sys, source->dirfd, source->path, O_PATH, 0);
		struct statfs statfs;
		bool shows = fd >= 0 && sys_fstatfs(confine->sys, fd, &statfs) == 0 &&
			     (statfs.f_type == PROC_SUPER_MAGIC || statfs.f_type == SYSFS_MAGIC);

		if (fd >= 0)
			sys_close(confine->sys, fd);
		if (shows)
			return true;
	}
	return false;
}

/* 0: the rules hold; or -errno, and there are none (CF1). */
static int confine_by_rules(const struct confine *confine, int *version)
{
	struct rights rights;
	int result = rights_begin(&rights, confine->sys);

	*version = rights.version;
	if (result == 0)
		result = confine_allow_system(confine, &rights);
	if (result == 0)
		result = confine_allow_sources(confine, &rights);
	if (result == 0 && !settings_cleans(confine->settings))
		result = confine_allow_target(confine, &rights);
	if (result == 0)
		result = rights_enforce(&rights);
	rights_end(&rights);
	return result;
}

/* ---- capabilities ---- */

/* What a copy that keeps all it is to keep may need, if whoever runs it has it. */
static uint64_t confine_capabilities(const struct settings *settings)
{
	uint64_t kept = confine_bit(CAP_CHOWN) | confine_bit(CAP_DAC_OVERRIDE) |
			confine_bit(CAP_DAC_READ_SEARCH) | confine_bit(CAP_FOWNER) |
			confine_bit(CAP_FSETID) | confine_bit(CAP_LINUX_IMMUTABLE) |
			confine_bit(CAP_IPC_LOCK) |	/* registered buffers */
			confine_bit(CAP_SYS_RESOURCE) | /* reserved blocks, quotas */
			confine_bit(CAP_MKNOD) | confine_bit(CAP_SETFCAP);

	/* trusted.* and labels that the policy does not know */
	if (settings_keeps(settings, WEIR_PROPERTY_XATTR) ||
	    settings_keeps(settings, WEIR_PROPERTY_CONTEXT))
		kept |= confine_bit(CAP_SYS_ADMIN) | confine_bit(CAP_MAC_ADMIN);
	if (settings->io_priority != 0) /* the class for what must be in time */
		kept |= confine_bit(CAP_SYS_NICE);
	return kept;
}

/* ---- telling ---- */

static const char *confine_tell_reads(const struct confine *confine)
{
	return confine_reads_anywhere(confine) ? "reads anywhere" : "reads below the sources";
}

static const char *confine_tell_writes(const struct confine *confine)
{
	if (confine->settings->dry_run)
		return "changes nothing";
	if (settings_cleans(confine->settings))
		return "removes below the operands";
	return "changes names below the target";
}

/* Why there are to be no rules, or NULL. */
static const char *confine_obstacle(const struct confine *confine, bool copies_kernel)
{
	if (confine->settings->keep_folder_links)
		return "links in the target are followed";
	if (confine->settings->make == WEIR_MAKE_LINK) /* CF2, and sources may lie anywhere */
		return "hard links are made to the sources";
	return copies_kernel ? "what the kernel shows is copied" : NULL;
}

int confine_thread(const struct confine *confine, char text[CONFINE_TEXT_BYTES],
		   const char **obstacle)
{
	bool copies_kernel = confine_copies_kernel(confine);
	int version = 0;
	int gains = rights_gain_none(confine->sys);
	int rules = gains, left = -EPERM, at;

	*obstacle = confine_obstacle(confine, copies_kernel);
	if (gains == 0)
		rules = *obstacle != NULL ? -EXDEV : confine_by_rules(confine, &version);
	if (!copies_kernel)
		left = rights_keep(confine->sys, confine_capabilities(confine->settings));
	if (rules == 0)
		at = snprintf(text, CONFINE_TEXT_BYTES, "Landlock %d: %s, %s", version,
			      confine_tell_reads(confine), confine_tell_writes(confine));
	else
		at = snprintf(text, CONFINE_TEXT_BYTES, "no Landlock%s%s",
			      *obstacle != NULL ? ": " : "", *obstacle != NULL ? *obstacle : "");
	at += snprintf(text + at, CONFINE_TEXT_BYTES - (size_t)at, "; %s",
		       gains < 0 ? "new rights" : "no new rights");
	if (left >= 0)
		snprintf(text + at, CONFINE_TEXT_BYTES - (size_t)at, "; %d capabilities", left);
	return rules;
}
