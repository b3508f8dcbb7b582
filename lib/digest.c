/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "digest.h"

#include <stdio.h>
#include <xxhash.h>

void digest_text(const void *data, size_t bytes, char text[DIGEST_TEXT_BYTES])
{
	XXH128_canonical_t canonical;

	/* The same text on every machine. */
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, bytes));
	for (size_t i = 0; i < sizeof(canonical.digest); i++)
		snprintf(text + 2 * i, 3, "%02x", canonical.digest[i]);
}
