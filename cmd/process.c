/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <locale.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signals.h"

/* Fills closed descriptors 0 to 2, or the next file opened would get a message
 * written into it.  Each is opened the wrong way round: who needs it gets EBADF
 * instead of nothing to read, or output that goes nowhere unnoticed. */
static void fill_descriptors(void)
{
	static const int modes[] = { O_WRONLY, O_RDONLY, O_RDONLY };

	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		int opened;

		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		opened = open("/dev/null", modes[fd]);
		if (opened < 0)
			opened = open("/", O_PATH | O_DIRECTORY); /* a bare chroot */
		if (opened < 0 || opened != fd)
			_exit(1); /* nothing can be said, and nothing is safe */
	}
}

static void raise_open_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

void process_prepare(void)
{
	fill_descriptors();
	signals_prepare();
	raise_open_files();
	/* Only to know whether names can be shown in UTF-8: numbers and texts are
	 * the same in every locale. */
	(void)setlocale(LC_CTYPE, "");
}

/* Doubt counts as some. */
static bool has_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, sets) < 0)
		return true;
	return sets[0].permitted != 0 || sets[1].permitted != 0;
}

/* AT_SECURE alone is not enough: a security module also sets it where it changes
 * the domain of a program, which lends it nothing.  Root has its capabilities of
 * its own. */
bool process_has_lent_rights(void)
{
	if (getauxval(AT_SECURE) == 0)
		return false;
	return getuid() != geteuid() || getgid() != getegid() ||
	       (getuid() != 0 && has_capabilities());
}
