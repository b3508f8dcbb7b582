/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Digests that find damage and tell contents apart; they are no defence against who
 * makes contents for them.  The only module that knows libxxhash.
 */
#ifndef WEIR_DIGEST_H
#define WEIR_DIGEST_H

#include <stddef.h>

#define DIGEST_TEXT_BYTES 33 /* 32 hexadecimal digits and NUL */

/* Writes the XXH3 digest of BYTES at DATA, of 128 bits, as text. */
void digest_text(const void *data, size_t bytes, char text[DIGEST_TEXT_BYTES]);

#endif
