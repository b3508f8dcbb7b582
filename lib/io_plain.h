/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The backend of plain system calls, for where the ring is refused.
 */
#ifndef WEIR_IO_PLAIN_H
#define WEIR_IO_PLAIN_H

#include "io.h"

/* Attaches the backend; cannot fail. */
void io_plain_open(struct io *io);

#endif
