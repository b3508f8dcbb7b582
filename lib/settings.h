/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a run was asked to do; constant once it began.
 */
#ifndef WEIR_SETTINGS_H
#define WEIR_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "weir.h"

struct settings {
	bool recursive;
	bool keep_mode;
	bool keep_owner;
	bool keep_times;
	bool no_clobber;
	bool update;
	bool dry_run;
	bool report_entries;
	bool report_ways;
	enum weir_durable durable;
	enum weir_sync sync;
	enum weir_engine engine;
	enum weir_direct direct;
	uint32_t chunk_bytes; /* 0 = chosen */
	uint32_t depth;	      /* 0 = chosen */
	uint32_t workers;     /* 0 = chosen */
	bool privileged;      /* root: not being able to give files away is an error */
};

/* True where names are given only after the data was synced. */
static inline bool settings_parks(const struct settings *settings)
{
	return settings->durable == WEIR_DURABLE_GROUP || settings->durable == WEIR_DURABLE_FILE;
}

#endif
