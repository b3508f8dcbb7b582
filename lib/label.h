/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Security labels of new names.  The kernel labels what is made by its name, too,
 * but a new file is made nameless, and the rest under a temp name.  So the policy
 * is asked what the final name would get, and the making thread is told.  Folders
 * are made under their own names, so the kernel does all of that by itself.
 *
 * Without libselinux at build, without SELinux at run time, where labels are copied
 * from the source, and in a dry run, all of this does nothing.
 */
#ifndef WEIR_LABEL_H
#define WEIR_LABEL_H

#include <stdbool.h>
#include <sys/types.h>

#include "loss.h"
#include "settings.h"
#include "sys.h"

/* What the compiled-in features say of it. */
#ifdef WEIR_SELINUX
#define LABEL_LIBRARY "yes"
#else
#define LABEL_LIBRARY "no"
#endif

struct label_policy; /* of a run; constant once it is open */

/* Classes of SELinux for what is not made under its own name. */
enum label_class {
	LABEL_FILE,
	LABEL_LINK,
	LABEL_FIFO,
	LABEL_SOCKET,
	LABEL_CHARACTER_DEVICE,
	LABEL_BLOCK_DEVICE,
	LABEL_CLASSES
};

/* What a thread found out last of a class. */
struct label_memo {
	unsigned number; /* of the class in the policy; 0: not asked yet */
	char *folder;	 /* label of the folder, owned; or NULL */
	char *nameless;	 /* what is made there without a name gets, owned */
};

/* Of one thread.  All zero: there is nothing to do. */
struct labeller {
	struct label_policy *policy;
	struct label_memo memos[LABEL_CLASSES];
	bool set; /* the thread labels what it makes */
};

/* Asks the system, in the caller's thread.  *POLICY NULL: names have no labels of
 * their own here.  0 or -ENOMEM. */
int label_open(struct sys *sys, const struct settings *settings, struct label_policy **policy);
void label_close(struct label_policy *policy);

/* Before an entry of the type of MODE is made in the folder DIRFD, to be called NAME
 * in the end: what the thread makes until label_end() gets that name's label.  Where
 * the label cannot be found or set, that is noted in LOSSES, and the kernel chooses.
 * 0, or -errno if the thread still has the label of an earlier entry: then nothing
 * must be made. */
int label_begin(struct labeller *labeller, int dirfd, mode_t mode, const char *name,
		struct losses *losses);

/* After it was made, or could not be: the kernel chooses again.  0, or -errno if it
 * does not: then what was made must be dropped, and this be tried once more. */
int label_end(struct labeller *labeller);

/* True if what this thread makes now would have the label of another entry. */
static inline bool label_stays(const struct labeller *labeller)
{
	return labeller->set;
}

/* Forgets what was found out. */
void label_forget(struct labeller *labeller);

#endif
