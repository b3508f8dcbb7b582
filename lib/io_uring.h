/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The backend on io_uring.
 */
#ifndef WEIR_IO_URING_H
#define WEIR_IO_URING_H

#include "io.h"

/* Makes a ring for the calling thread, which alone may use it from then on.
 * -errno: refused (ENOSYS, EPERM, EACCES, ENOMEM, EMFILE, ...); use io_plain. */
int ring_open(struct io *io);

struct io_uring_sqe;

/* Fills SQE for OP: what the kernel will see of it. */
void ring_fill(struct io_uring_sqe *sqe, const struct io *io, const struct io_op *op);

/* Version of liburing this was compiled with, "2.3" or later. */
const char *ring_library(void);

#endif
