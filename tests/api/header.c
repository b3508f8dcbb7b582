/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The header needs nothing before it, and may be included twice.  Built as ISO
 * C99 and as C++.
 */
#include <weir.h>
#include <weir.h>

int main(void)
{
	struct weir_stats stats;

	stats.elapsed_ns = 0;
	return (int)stats.elapsed_ns + WEIR_RESULT_OK;
}
