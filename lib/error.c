/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error record, and errno in words.
 *
 * Invariants:
 * E1 a record with grade NONE holds no failure; every other grade names an
 *    operation;
 * E2 all strings that a record points to are static, so records are copied freely.
 */
#include "error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "invariant.h"

void error_set_at(struct error *error, long result, enum error_side side, const char *operation,
		  int64_t offset)
{
	WEIR_ASSERT(result < 0);
	WEIR_ASSERT(operation != NULL);
	*error = (struct error){
		.grade = ERROR_ENTRY,
		.errnum = (int)-result,
		.side = side,
		.operation = operation,
		.offset = offset,
	};
}

void error_set_other(struct error *error, const char *name)
{
	size_t bytes = strnlen(name, sizeof(error->other) - 1);

	memcpy(error->other, name, bytes);
	error->other[bytes] = '\0';
}

void error_set(struct error *error, long result, enum error_side side, const char *operation)
{
	error_set_at(error, result, side, operation, -1);
}

void error_set_text(struct error *error, enum error_side side, const char *operation,
		    const char *text)
{
	WEIR_ASSERT(text != NULL);
	*error = (struct error){
		.grade = ERROR_ENTRY,
		.side = side,
		.operation = operation,
		.text = text,
		.offset = -1,
	};
}

void error_set_source(struct error *error, long result, const char *operation)
{
	error_set(error, result, ERROR_SIDE_SOURCE, operation);
	error->source_changed = error->vanished = result == -ENOENT;
	if (error->vanished)
		error->text = "it was there when it was looked for first";
}

/* glibc has these by function from 2.32 on; our floor is 2.31. */
static const struct errno_words {
	int errnum;
	const char *name;
	const char *text;
} errno_words[] = {
	{ EPERM, "EPERM", "Operation not permitted" },
	{ ENOENT, "ENOENT", "No such file or directory" },
	{ EINTR, "EINTR", "Interrupted system call" },
	{ EIO, "EIO", "Input/output error" },
	{ ENXIO, "ENXIO", "No such device or address" },
	{ E2BIG, "E2BIG", "Argument list too long" },
	{ EBADF, "EBADF", "Bad file descriptor" },
	{ EBADFD, "EBADFD", "File descriptor in bad state" },
	{ EAGAIN, "EAGAIN", "Resource temporarily unavailable" },
	{ ENOMEM, "ENOMEM", "Cannot allocate memory" },
	{ EACCES, "EACCES", "Permission denied" },
	{ EFAULT, "EFAULT", "Bad address" },
	{ ENOTBLK, "ENOTBLK", "Block device required" },
	{ EBUSY, "EBUSY", "Device or resource busy" },
	{ EEXIST, "EEXIST", "File exists" },
	{ EXDEV, "EXDEV", "Invalid cross-device link" },
	{ ENODEV, "ENODEV", "No such device" },
	{ ENOTDIR, "ENOTDIR", "Not a directory" },
	{ EISDIR, "EISDIR", "Is a directory" },
	{ EINVAL, "EINVAL", "Invalid argument" },
	{ ENFILE, "ENFILE", "Too many open files in system" },
	{ EMFILE, "EMFILE", "Too many open files" },
	{ ENOTTY, "ENOTTY", "Inappropriate ioctl for device" },
	{ ETXTBSY, "ETXTBSY", "Text file busy" },
	{ EFBIG, "EFBIG", "File too large" },
	{ ENOSPC, "ENOSPC", "No space left on device" },
	{ ESPIPE, "ESPIPE", "Illegal seek" },
	{ EROFS, "EROFS", "Read-only file system" },
	{ EMLINK, "EMLINK", "Too many links" },
	{ EPIPE, "EPIPE", "Broken pipe" },
	{ EDOM, "EDOM", "Numerical argument out of domain" },
	{ ERANGE, "ERANGE", "Numerical result out of range" },
	{ EDEADLK, "EDEADLK", "Resource deadlock avoided" },
	{ ENAMETOOLONG, "ENAMETOOLONG", "File name too long" },
	{ ENOLCK, "ENOLCK", "No locks available" },
	{ ENOSYS, "ENOSYS", "Function not implemented" },
	{ ENOTEMPTY, "ENOTEMPTY", "Directory not empty" },
	{ ELOOP, "ELOOP", "Too many levels of symbolic links" },
	{ ENODATA, "ENODATA", "No data available" },
	{ ETIME, "ETIME", "Timer expired" },
	{ ENOLINK, "ENOLINK", "Link has been severed" },
	{ EPROTO, "EPROTO", "Protocol error" },
	{ ELIBACC, "ELIBACC", "Can not access a needed shared library" },
	{ EBADMSG, "EBADMSG", "Bad message" },
	{ EOVERFLOW, "EOVERFLOW", "Value too large for defined data type" },
	{ EILSEQ, "EILSEQ", "Invalid or incomplete multibyte or wide character" },
	{ EUSERS, "EUSERS", "Too many users" },
	{ EOPNOTSUPP, "EOPNOTSUPP", "Operation not supported" },
	{ ECONNABORTED, "ECONNABORTED", "Software caused connection abort" },
	{ ENOBUFS, "ENOBUFS", "No buffer space available" },
	{ ENOTCONN, "ENOTCONN", "Transport endpoint is not connected" },
	{ ESHUTDOWN, "ESHUTDOWN", "Cannot send after transport endpoint shutdown" },
	{ ETIMEDOUT, "ETIMEDOUT", "Connection timed out" },
	{ ECONNREFUSED, "ECONNREFUSED", "Connection refused" },
	{ EHOSTDOWN, "EHOSTDOWN", "Host is down" },
	{ EALREADY, "EALREADY", "Operation already in progress" },
	{ EINPROGRESS, "EINPROGRESS", "Operation now in progress" },
	{ ESTALE, "ESTALE", "Stale file handle" },
	{ EUCLEAN, "EUCLEAN", "Structure needs cleaning" },
	{ EREMOTEIO, "EREMOTEIO", "Remote I/O error" },
	{ EDQUOT, "EDQUOT", "Disk quota exceeded" },
	{ ENOMEDIUM, "ENOMEDIUM", "No medium found" },
	{ EMEDIUMTYPE, "EMEDIUMTYPE", "Wrong medium type" },
	{ ECANCELED, "ECANCELED", "Operation canceled" },
	{ ENOKEY, "ENOKEY", "Required key not available" },
	{ EKEYEXPIRED, "EKEYEXPIRED", "Key has expired" },
	{ EKEYREVOKED, "EKEYREVOKED", "Key has been revoked" },
	{ EKEYREJECTED, "EKEYREJECTED", "Key was rejected by service" },
	{ EHWPOISON, "EHWPOISON", "Memory page has hardware error" },
};

static const struct errno_words *errno_words_of(int errnum)
{
	for (size_t i = 0; i < sizeof(errno_words) / sizeof(errno_words[0]); i++)
		if (errno_words[i].errnum == errnum)
			return &errno_words[i];
	return NULL;
}

const char *error_errno_name(int errnum)
{
	const struct errno_words *words = errno_words_of(errnum);

	return words != NULL ? words->name : "EUNKNOWN";
}

const char *error_errno_text(int errnum)
{
	const struct errno_words *words = errno_words_of(errnum);

	return words != NULL ? words->text : "Unknown error";
}

bool error_is_full(int errnum)
{
	return errnum == ENOSPC || errnum == EDQUOT;
}
