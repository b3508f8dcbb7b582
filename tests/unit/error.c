/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error record, and errno in words.
 */
#include "lib/error.h"

#include "unit.h"

/* What calls on files can say on Linux; a message about any of these has to
 * name it. */
static const struct {
	int errnum;
	const char *name;
} told[] = {
	{ EPERM, "EPERM" },     { ENOENT, "ENOENT" },   { EINTR, "EINTR" },
	{ EIO, "EIO" },         { EBADF, "EBADF" },     { EAGAIN, "EAGAIN" },
	{ ENOMEM, "ENOMEM" },   { EACCES, "EACCES" },   { EFAULT, "EFAULT" },
	{ EBUSY, "EBUSY" },     { EEXIST, "EEXIST" },   { EXDEV, "EXDEV" },
	{ ENODEV, "ENODEV" },   { ENOTDIR, "ENOTDIR" }, { EISDIR, "EISDIR" },
	{ EINVAL, "EINVAL" },   { ENFILE, "ENFILE" },   { EMFILE, "EMFILE" },
	{ ETXTBSY, "ETXTBSY" }, { EFBIG, "EFBIG" },     { ENOSPC, "ENOSPC" },
	{ ESPIPE, "ESPIPE" },   { EROFS, "EROFS" },     { EMLINK, "EMLINK" },
	{ ENXIO, "ENXIO" },     { ELOOP, "ELOOP" },     { ENAMETOOLONG, "ENAMETOOLONG" },
	{ ENOSYS, "ENOSYS" },   { ENODATA, "ENODATA" }, { ENOTEMPTY, "ENOTEMPTY" },
	{ ERANGE, "ERANGE" },   { ESTALE, "ESTALE" },   { EOPNOTSUPP, "EOPNOTSUPP" },
	{ EDQUOT, "EDQUOT" },   { EUCLEAN, "EUCLEAN" }, { EREMOTEIO, "EREMOTEIO" },
	{ ENOTCONN, "ENOTCONN" }, { EOVERFLOW, "EOVERFLOW" }, { EILSEQ, "EILSEQ" },
	{ ENOTBLK, "ENOTBLK" }, { ECANCELED, "ECANCELED" }, { ETIMEDOUT, "ETIMEDOUT" },
	{ EBADMSG, "EBADMSG" }, { ENOLINK, "ENOLINK" }, { EHOSTDOWN, "EHOSTDOWN" },
	{ EKEYREVOKED, "EKEYREVOKED" }, { ENOKEY, "ENOKEY" }, { ENOMEDIUM, "ENOMEDIUM" },
	{ E2BIG, "E2BIG" },     { ENOTTY, "ENOTTY" },   { EHWPOISON, "EHWPOISON" },
};

static void names(void)
{
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		CHECK_TEXT(error_errno_name(told[i].errnum), told[i].name);
}

static void texts(void)
{
	for (int errnum = 1; errnum < 200; errnum++) {
		/* This program never calls setlocale(), so it speaks English. */
		if (strcmp(error_errno_name(errnum), "EUNKNOWN") != 0)
			CHECK_TEXT(error_errno_text(errnum), strerror(errnum));
	}
}

static void unknown(void)
{
	static const int numbers[] = { 0, -1, -EIO, 4095, INT32_MAX, INT32_MIN };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		CHECK_TEXT(error_errno_name(numbers[i]), "EUNKNOWN");
		CHECK_TEXT(error_errno_text(numbers[i]), "Unknown error");
	}
}

static void record(void)
{
	struct error error;

	memset(&error, 0xff, sizeof(error));
	error_set(&error, -ENOSPC, ERROR_SIDE_TARGET, "write");
	CHECK_EQUAL(error.grade, ERROR_ENTRY);
	CHECK_EQUAL(error.errnum, ENOSPC);
	CHECK_EQUAL(error.side, ERROR_SIDE_TARGET);
	CHECK_TEXT(error.operation, "write");
	CHECK_EQUAL(error.offset, -1);
	CHECK(error.text == NULL);
	CHECK(!error.source_changed);
	error_set_at(&error, -EIO, ERROR_SIDE_SOURCE, "read", INT64_C(1) << 50);
	CHECK_EQUAL(error.offset, INT64_C(1) << 50);
	CHECK_EQUAL(error.side, ERROR_SIDE_SOURCE);
	error_set_text(&error, ERROR_SIDE_SOURCE, "copy", "it is odd");
	CHECK_EQUAL(error.errnum, 0);
	CHECK_TEXT(error.text, "it is odd");
	CHECK_EQUAL(error.grade, ERROR_ENTRY);
	CHECK_EQUAL(error.offset, -1);
}

static void set_success(void *argument)
{
	struct error error;

	unit_quiet_abort();
	error_set(&error, *(long *)argument, ERROR_SIDE_NONE, "open");
}

static void no_failure(void)
{
	long results[] = { 0, 5, 4096 };

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		CHECK(unit_aborted(unit_child(set_success, &results[i])));
}

static void full(void)
{
	for (int errnum = -200; errnum < 200; errnum++)
		CHECK_EQUAL(error_is_full(errnum), errnum == ENOSPC || errnum == EDQUOT);
}

static const struct unit_test tests[] = {
	{ "every errno that a call on a file can return has its name", names },
	{ "the text of an errno is that of the C library in English", texts },
	{ "a number that is no errno is unknown, not a crash", unknown },
	{ "a record holds what it was given and nothing of before", record },
	{ "a success cannot be recorded as an error", no_failure },
	{ "no space and no quota mean full, nothing else does", full },
};

UNIT_MAIN(tests)
