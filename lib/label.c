/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SELinux, through libselinux: the only file that knows its header.
 *
 * The library is loaded when a run finds SELinux on, and not linked with: loading
 * and starting it with every weir would cost 0.37 ms of the 1.56 ms that the
 * shortest run takes.
 *
 * Invariants:
 * K1 the label of a thread is set around one making call only, so nothing else that
 *    is made in this thread gets it;
 * K2 a name that has no rule of its own costs one question: what the policy says of
 *    it is what the kernel does by itself for a nameless one;
 * K3 a caller that has set a label for what it makes is left alone: all gets that.
 */
#define _GNU_SOURCE
#include "label.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "invariant.h"

#ifdef WEIR_SELINUX

#include <dlfcn.h>
#include <pthread.h>
#include <selinux/selinux.h>
#include <stdio.h>

#define LABEL_SONAME "libselinux.so.1"
#define LABEL_STATUS "/sys/fs/selinux/status" /* there where SELinux is on */
#define LABEL_NO_POLICY "kernel"	      /* our label until a policy is loaded */

struct label_policy {
	pthread_mutex_t lock; /* over string_to_security_class(), which has a cache */
	void *library;
	int result; /* -errno: no label can be found, for this reason */
	char *own;  /* our label */
	__typeof__(&is_selinux_enabled) enabled;
	__typeof__(&getcon_raw) get_own;
	__typeof__(&getfscreatecon_raw) get_thread;
	__typeof__(&setfscreatecon_raw) set_thread;
	__typeof__(&fgetfilecon_raw) get_fd;
	__typeof__(&getfilecon_raw) get_path;
	__typeof__(&string_to_security_class) get_class;
	__typeof__(&security_compute_create_raw) compute;
	__typeof__(&security_compute_create_name_raw) compute_name;
	__typeof__(&freecon) release;
};

static int label_errno(void)
{
	return errno != 0 ? -errno : -EINVAL;
}

/* ---- the library ---- */

/* What is stored at FUNCTION is a pointer to a function, whatever its type. */
static bool label_find(const struct label_policy *policy, const char *name, void *function)
{
	void *found = dlsym(policy->library, name);

	memcpy(function, &found, sizeof(found));
	return found != NULL;
}

static int label_load(struct label_policy *policy)
{
	/* It keeps things of each thread, which may end after this run. */
	policy->library = dlopen(LABEL_SONAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (policy->library == NULL)
		return -ELIBACC;
	return label_find(policy, "is_selinux_enabled", &policy->enabled) &&
			       label_find(policy, "getcon_raw", &policy->get_own) &&
			       label_find(policy, "getfscreatecon_raw", &policy->get_thread) &&
			       label_find(policy, "setfscreatecon_raw", &policy->set_thread) &&
			       label_find(policy, "fgetfilecon_raw", &policy->get_fd) &&
			       label_find(policy, "getfilecon_raw", &policy->get_path) &&
			       label_find(policy, "string_to_security_class", &policy->get_class) &&
			       label_find(policy, "security_compute_create_raw",
					  &policy->compute) &&
			       label_find(policy, "security_compute_create_name_raw",
					  &policy->compute_name) &&
			       label_find(policy, "freecon", &policy->release)
		       ? 0
		       : -ELIBACC;
}

/* ---- of a run ---- */

/* True if names get labels by a policy here, and by nothing else. */
static bool label_is_wanted(struct label_policy *policy)
{
	char *thread = NULL;

	policy->result = label_load(policy);
	if (policy->result < 0)
		return true;
	if (policy->enabled() <= 0)
		return false;
	if (policy->get_own(&policy->own) < 0 || policy->get_thread(&thread) < 0) {
		policy->result = label_errno();
		return true;
	}
	if (thread != NULL) { /* K3 */
		policy->release(thread);
		return false;
	}
	return strcmp(policy->own, LABEL_NO_POLICY) != 0;
}

int label_open(struct sys *sys, const struct settings *settings, struct label_policy **policy)
{
	struct label_policy *made;

	*policy = NULL;
	if (settings->dry_run || settings_keeps(settings, WEIR_PROPERTY_CONTEXT) ||
	    !sys_exists(sys, LABEL_STATUS))
		return 0;
	made = calloc(1, sizeof(*made));
	if (made == NULL || pthread_mutex_init(&made->lock, NULL) != 0) {
		free(made);
		return -ENOMEM;
	}
	if (label_is_wanted(made))
		*policy = made;
	else
		label_close(made);
	return 0;
}

void label_close(struct label_policy *policy)
{
	if (policy == NULL)
		return;
	if (policy->own != NULL)
		policy->release(policy->own);
	if (policy->library != NULL)
		dlclose(policy->library);
	pthread_mutex_destroy(&policy->lock);
	free(policy);
}

/* ---- of a thread ---- */

static enum label_class label_class_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFLNK:
		return LABEL_LINK;
	case S_IFIFO:
		return LABEL_FIFO;
	case S_IFSOCK:
		return LABEL_SOCKET;
	case S_IFCHR:
		return LABEL_CHARACTER_DEVICE;
	case S_IFBLK:
		return LABEL_BLOCK_DEVICE;
	default:
		WEIR_ASSERT(S_ISREG(mode));
		return LABEL_FILE;
	}
}

static int label_find_class(struct label_policy *policy, enum label_class class,
			    struct label_memo *memo)
{
	static const char *const names[LABEL_CLASSES] = {
		[LABEL_FILE] = "file",
		[LABEL_LINK] = "lnk_file",
		[LABEL_FIFO] = "fifo_file",
		[LABEL_SOCKET] = "sock_file",
		[LABEL_CHARACTER_DEVICE] = "chr_file",
		[LABEL_BLOCK_DEVICE] = "blk_file",
	};

	if (memo->number != 0)
		return 0;
	pthread_mutex_lock(&policy->lock);
	memo->number = policy->get_class(names[class]);
	pthread_mutex_unlock(&policy->lock);
	return memo->number == 0 ? -EINVAL : 0;
}

/* The label of the folder; 0 without one: its file system has none. */
static int label_of_folder(const struct label_policy *policy, int dirfd, char **label)
{
	char path[32];
	int result = policy->get_fd(dirfd, label);

	*label = result < 0 ? NULL : *label;
	if (result < 0 && errno == EBADF) { /* opened to search in it only */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", dirfd);
		result = policy->get_path(path, label);
		*label = result < 0 ? NULL : *label;
	}
	return result >= 0 || errno == EOPNOTSUPP || errno == ENODATA ? 0 : label_errno();
}

static void label_forget_memo(const struct label_policy *policy, struct label_memo *memo)
{
	if (memo->folder != NULL)
		policy->release(memo->folder);
	if (memo->nameless != NULL)
		policy->release(memo->nameless);
	memo->folder = NULL;
	memo->nameless = NULL;
}

/* Makes MEMO that of a folder with this label, which it takes over. */
static int label_note_folder(const struct label_policy *policy, struct label_memo *memo,
			     char *folder)
{
	if (memo->folder != NULL && strcmp(memo->folder, folder) == 0) {
		policy->release(folder);
		return 0;
	}
	label_forget_memo(policy, memo);
	if (policy->compute(policy->own, folder, (security_class_t)memo->number, &memo->nameless) <
	    0) {
		int result = label_errno();

		memo->nameless = NULL;
		policy->release(folder);
		return result;
	}
	memo->folder = folder;
	return 0;
}

/* K2 */
static int label_set(struct labeller *labeller, const struct label_memo *memo, const char *name)
{
	const struct label_policy *policy = labeller->policy;
	char *named = NULL;
	int result = 0;

	if (policy->compute_name(policy->own, memo->folder, (security_class_t)memo->number, name,
				 &named) < 0)
		return label_errno();
	WEIR_ASSERT(memo->nameless != NULL);
	if (strcmp(named, memo->nameless) != 0) {
		if (policy->set_thread(named) < 0)
			result = label_errno();
		else
			labeller->set = true;
	}
	policy->release(named);
	return result;
}

static int label_prepare(struct labeller *labeller, int dirfd, mode_t mode, const char *name)
{
	struct label_policy *policy = labeller->policy;
	enum label_class class = label_class_of(mode);
	struct label_memo *memo = &labeller->memos[class];
	char *folder = NULL;
	int result = policy->result;

	if (result == 0)
		result = label_find_class(policy, class, memo);
	if (result == 0)
		result = label_of_folder(policy, dirfd, &folder);
	if (result < 0 || folder == NULL)
		return result;
	result = label_note_folder(policy, memo, folder);
	return result < 0 ? result : label_set(labeller, memo, name);
}

int label_begin(struct labeller *labeller, int dirfd, mode_t mode, const char *name,
		struct losses *losses)
{
	int result;

	if (labeller->policy == NULL)
		return 0;
	result = label_end(labeller);
	if (result < 0)
		return result;
	result = label_prepare(labeller, dirfd, mode, name);
	if (result < 0)
		losses_note(losses, WEIR_PROPERTY_CONTEXT, result);
	return 0;
}

int label_end(struct labeller *labeller)
{
	if (!labeller->set)
		return 0;
	if (labeller->policy->set_thread(NULL) < 0)
		return label_errno();
	labeller->set = false;
	return 0;
}

void label_forget(struct labeller *labeller)
{
	for (size_t i = 0; labeller->policy != NULL && i < LABEL_CLASSES; i++)
		label_forget_memo(labeller->policy, &labeller->memos[i]);
}

#else

int label_open(struct sys *sys, const struct settings *settings, struct label_policy **policy)
{
	(void)sys, (void)settings;
	*policy = NULL;
	return 0;
}

void label_close(struct label_policy *policy)
{
	WEIR_ASSERT(policy == NULL);
}

int label_begin(struct labeller *labeller, int dirfd, mode_t mode, const char *name,
		struct losses *losses)
{
	(void)dirfd, (void)mode, (void)name, (void)losses;
	WEIR_ASSERT(labeller->policy == NULL);
	return 0;
}

int label_end(struct labeller *labeller)
{
	WEIR_ASSERT(!labeller->set);
	return 0;
}

void label_forget(struct labeller *labeller)
{
	WEIR_ASSERT(labeller->policy == NULL);
}

#endif
