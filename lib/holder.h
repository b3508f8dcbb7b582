/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who holds the lock of a folder, as far as the kernel tells.
 */
#ifndef WEIR_HOLDER_H
#define WEIR_HOLDER_H

#include "sys.h"

#define HOLDER_TEXT_BYTES 160

/* Writes a sentence about who has locked the open folder FD: "another run holds this
 * folder: process 123 (weir)"; without the process where that cannot be known, as
 * where it is one of another container. */
void holder_tell(struct sys *sys, int fd, char text[HOLDER_TEXT_BYTES]);

#endif
