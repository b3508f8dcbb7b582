// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libselinux: a library that plays libselinux.so.1 on a system without SELinux.
 * It is preloaded, and so is what a program loads under that name.
 *
 * A folder NAME has the label "NAME".  What is made in it gets "NAME:CLASS", but a
 * name that begins with "rule" has a rule: "NAME:CLASS:" and that name.
 *
 * What is asked and made goes to the file LABELS_LOG, a line each, behind the number
 * of the thread:
 *
 *   look                       for SELinux
 *   enabled, own, thread       is_selinux_enabled(), getcon, getfscreatecon
 *   class CLASS                string_to_security_class()
 *   folder LABEL               fgetfilecon(); "path LABEL": getfilecon()
 *   compute CLASS LABEL NAME   security_compute_create(), NAME "-" without one
 *   set LABEL, clear           setfscreatecon(), behind "cannot" if it failed
 *   make CLASS INODE LABEL     a call that made something, LABEL "-": none was set
 *   end COUNT                  labels that were not released
 *
 * LABELS_OFF=1         there is no SELinux to be seen
 * LABELS_OWN=LABEL     of the program
 * LABELS_THREAD=LABEL  that the program has set for what it makes
 * LABELS_FAIL=STEP=ERRNO[/TIMES],...   a step of the above fails so often, or always;
 *                      enabled fails by saying no
 * LABELS_MOUNT=LABEL   all files have it as security.selinux, which cannot be set
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define STATUS "/sys/fs/selinux/status"
#define LABEL_NAME "security.selinux"
#define STEPS 16

static const char *const classes[] = { "",	    "file",	 "dir",	     "lnk_file",
				       "fifo_file", "sock_file", "chr_file", "blk_file" };
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

static __thread char thread_label[1024];
static _Atomic int labels_out;
static _Atomic int failed[STEPS];

static int log_fd = -1;

/* A run can open nothing more once it is confined. */
__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("LABELS_LOG");

	if (path != NULL)
		log_fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
	char line[2048];
	va_list arguments;
	int bytes, before = errno;

	if (getenv("LABELS_LOG") == NULL)
		return;
	bytes = snprintf(line, sizeof(line), "%ld ", (long)syscall(SYS_gettid));
	va_start(arguments, format);
	bytes += vsnprintf(line + bytes, sizeof(line) - (size_t)bytes - 1, format, arguments);
	va_end(arguments);
	line[bytes++] = '\n';
	if (log_fd < 0 || write(log_fd, line, (size_t)bytes) != bytes)
		abort(); /* a log with a hole proves nothing */
	errno = before;
}

/* True, with errno set, if this step is to fail now. */
static bool fails(const char *step)
{
	static const struct {
		const char *name;
		int errnum;
	} words[] = { { "EACCES", EACCES },   { "EINVAL", EINVAL }, { "EOPNOTSUPP", EOPNOTSUPP },
		      { "ENODATA", ENODATA }, { "EMFILE", EMFILE }, { "EIO", EIO } };
	const char *at = getenv("LABELS_FAIL");
	size_t length = strlen(step);

	for (int index = 0; at != NULL && index < STEPS; index++) {
		const char *next = strchr(at, ',');

		if (strncmp(at, step, length) == 0 && at[length] == '=') {
			size_t word = strcspn(at + length + 1, "/,");
			const char *times = at + length + 1 + word;

			if (*times == '/' && atomic_fetch_add(&failed[index], 1) >= atoi(times + 1))
				return false;
			for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
				if (strncmp(words[i].name, at + length + 1, word) == 0)
					errno = words[i].errnum;
			return true;
		}
		at = next != NULL ? next + 1 : NULL;
	}
	return false;
}

static int give(char **label, const char *text)
{
	*label = strdup(text);
	if (*label == NULL)
		abort();
	atomic_fetch_add(&labels_out, 1);
	return 0;
}

static void *real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (function == NULL)
		abort();
	return function;
}

static __attribute__((destructor)) void end(void)
{
	note("end %d", atomic_load(&labels_out));
}

/* ---- what libselinux has ---- */

int is_selinux_enabled(void)
{
	note("enabled");
	return !fails("enabled");
}

int getcon_raw(char **label)
{
	const char *own = getenv("LABELS_OWN");

	note("own");
	return fails("own") ? -1 : give(label, own != NULL ? own : "weir");
}

int getfscreatecon_raw(char **label)
{
	const char *set = getenv("LABELS_THREAD");

	note("thread");
	if (fails("thread"))
		return -1;
	*label = NULL;
	return set != NULL ? give(label, set) : 0;
}

/* The last name of the folder that the link PATH leads to. */
static int folder_label(const char *path, const char *word, char **label)
{
	char text[4096];
	ssize_t bytes = readlink(path, text, sizeof(text) - 1);

	if (bytes < 0)
		return -1;
	text[bytes] = '\0';
	note("%s %s", word, strrchr(text, '/') + 1);
	return fails(word) ? -1 : give(label, strrchr(text, '/') + 1);
}

int fgetfilecon_raw(int fd, char **label)
{
	char path[64];
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_PATH) != 0) {
		errno = EBADF;
		return -1;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return folder_label(path, "folder", label);
}

int getfilecon_raw(const char *path, char **label)
{
	return folder_label(path, "path", label);
}

unsigned short string_to_security_class(const char *name)
{
	note("class %s", name);
	for (size_t i = 1; i < CLASSES && !fails("class"); i++)
		if (strcmp(name, classes[i]) == 0)
			return (unsigned short)i;
	return 0;
}

int security_compute_create_name_raw(const char *own, const char *folder, unsigned short class,
				     const char *name, char **label)
{
	char text[1024];

	if (strcmp(own, "weir") != 0 || class == 0 || class >= CLASSES)
		abort();
	note("compute %s %s %s", classes[class], folder, name != NULL ? name : "-");
	if (fails(name != NULL ? "compute" : "nameless"))
		return -1;
	snprintf(text, sizeof(text), "%s:%s", folder, classes[class]);
	if (name != NULL && strncmp(name, "rule", 4) == 0)
		snprintf(text, sizeof(text), "%s:%s:%s", folder, classes[class], name);
	return give(label, text);
}

int security_compute_create_raw(const char *own, const char *folder, unsigned short class,
				char **label)
{
	return security_compute_create_name_raw(own, folder, class, NULL, label);
}

int setfscreatecon_raw(const char *label)
{
	bool refused = fails(label != NULL ? "set" : "clear");

	if (label != NULL)
		note("%s %s", refused ? "cannot set" : "set", label);
	else
		note("%s", refused ? "cannot clear" : "clear");
	if (refused)
		return -1;
	snprintf(thread_label, sizeof(thread_label), "%s", label != NULL ? label : "");
	return 0;
}

void freecon(char *label)
{
	if (label != NULL)
		atomic_fetch_sub(&labels_out, 1);
	free(label);
}

/* ---- what is looked for, and made ---- */

int statx(int dirfd, const char *restrict path, int flags, unsigned mask,
	  struct statx *restrict stat)
{
	if (strcmp(path, STATUS) != 0)
		return (int)syscall(SYS_statx, dirfd, path, flags, mask, stat);
	note("look");
	memset(stat, 0, sizeof(*stat));
	errno = ENOENT;
	return getenv("LABELS_OFF") != NULL ? -1 : 0;
}

static void note_made(int dirfd, const char *name)
{
	int flags = name[0] == '\0' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
	struct stat stat;
	const char *class;

	if (fstatat(dirfd, name, &stat, flags) < 0)
		abort();
	switch (stat.st_mode & S_IFMT) {
	case S_IFREG:
		class = "file";
		break;
	case S_IFDIR:
		class = "dir";
		break;
	case S_IFLNK:
		class = "lnk_file";
		break;
	case S_IFIFO:
		class = "fifo_file";
		break;
	case S_IFSOCK:
		class = "sock_file";
		break;
	case S_IFCHR:
		class = "chr_file";
		break;
	default:
		class = "blk_file";
	}
	note("make %s %llu %s", class, (unsigned long long)stat.st_ino,
	     thread_label[0] != '\0' ? thread_label : "-");
}

static int open_any(int dirfd, const char *name, int flags, mode_t mode)
{
	int fd = (int)syscall(SYS_openat, dirfd, name, flags, mode);

	if (fd >= 0 && ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE))
		note_made(fd, "");
	return fd;
}

int openat(int dirfd, const char *name, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return open_any(dirfd, name, flags, mode);
}

/* The name of the same with _FILE_OFFSET_BITS=64. */
int openat_large(int dirfd, const char *name, int flags, ...) __asm__("openat64");

int openat_large(int dirfd, const char *name, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return open_any(dirfd, name, flags, mode);
}

int mkdirat(int dirfd, const char *name, mode_t mode)
{
	int result = (int)syscall(SYS_mkdirat, dirfd, name, mode);

	if (result == 0)
		note_made(dirfd, name);
	return result;
}

int symlinkat(const char *text, int dirfd, const char *name)
{
	int result = (int)syscall(SYS_symlinkat, text, dirfd, name);

	if (result == 0)
		note_made(dirfd, name);
	return result;
}

int mknodat(int dirfd, const char *name, mode_t mode, dev_t device)
{
	int (*make)(int, const char *, mode_t, dev_t) = real("mknodat");
	int result = make(dirfd, name, mode, device);

	if (result == 0)
		note_made(dirfd, name);
	return result;
}

/* ---- a mount with one label ---- */

ssize_t flistxattr(int fd, char *list, size_t size)
{
	ssize_t (*call)(int, char *, size_t) = real("flistxattr");
	ssize_t bytes = call(fd, list, size);

	if (getenv("LABELS_MOUNT") == NULL || bytes < 0 ||
	    (size_t)bytes + sizeof(LABEL_NAME) > size)
		return bytes;
	memcpy(list + bytes, LABEL_NAME, sizeof(LABEL_NAME));
	return bytes + (ssize_t)sizeof(LABEL_NAME);
}

ssize_t fgetxattr(int fd, const char *name, void *value, size_t size)
{
	ssize_t (*call)(int, const char *, void *, size_t) = real("fgetxattr");
	const char *label = getenv("LABELS_MOUNT");

	if (label == NULL || strcmp(name, LABEL_NAME) != 0)
		return call(fd, name, value, size);
	if (strlen(label) + 1 > size) {
		errno = ERANGE;
		return -1;
	}
	memcpy(value, label, strlen(label) + 1);
	return (ssize_t)strlen(label) + 1;
}

int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
	int (*call)(int, const char *, const void *, size_t, int) = real("fsetxattr");

	if (getenv("LABELS_MOUNT") == NULL || strcmp(name, LABEL_NAME) != 0)
		return call(fd, name, value, size, flags);
	errno = EOPNOTSUPP;
	return -1;
}
