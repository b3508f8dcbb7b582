/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Assertions that stay in every build.  I/O dwarfs their cost, and stopping is
 * safe at any moment: nothing half made ever has a final name (J1).  They are
 * for what must or must not hold; expected failures are errors, never these.
 */
#ifndef WEIR_INVARIANT_H
#define WEIR_INVARIANT_H

#undef NDEBUG
#include <assert.h>

#define WEIR_ASSERT(condition) assert(condition)

#endif
