/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Publishing: giving a complete, nameless (or temp-named) entry its final name
 * (P1, P2, P3).
 */
#ifndef WEIR_PUBLISH_H
#define WEIR_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "flags.h"
#include "folder.h"
#include "links.h"
#include "list.h"
#include "root.h"
#include "settings.h"
#include "temp.h"

struct attic;

/* A parked entry: complete, waiting for its name. */
struct unit {
	struct list node;
	struct folder *folder;	 /* referenced */
	int fd;			 /* held since before its first byte, or -1 (nodes) */
	unsigned char type;	 /* DT_ word */
	bool temp_named;	 /* temp_name is in the target folder */
	bool existed;		 /* something had the name when it was looked up */
	bool replaces;		 /* the same, of what has a temp */
	bool over_folder;	 /* what has the name is an empty folder, which makes way */
	bool replaced;		 /* out: something was replaced */
	bool synced;		 /* its own fsync succeeded after its last byte */
	bool follow;		 /* its source is a link that was followed */
	bool once;		 /* it cannot be copied again */
	bool to_stream;		 /* it went into a FIFO or device */
	bool retry;		 /* already the second try (G4) */
	bool unsure;		 /* out: named, but its last flags were not synced */
	bool is_link;		 /* fd is O_PATH, of an inode that has a name already */
	bool alias;		 /* fd is O_PATH, of the source: -l */
	bool inherits;		 /* fd is of an earlier copy, whose inode it becomes */
	bool in_place;		 /* it has its name already */
	struct link_group *link; /* held, or NULL; not is_link: the unit leads it */
	const char *changed;	 /* static: how its source changed meanwhile, or NULL */
	int refused;		 /* out: -errno, why it was not linked (AGAIN) */
	uint64_t found_bytes;	 /* what it has in bytes_found */
	uint64_t made_device;	 /* its inode, if it leads or has no data */
	uint64_t made_inode;
	uint64_t source_device; /* what it was copied from */
	uint64_t source_inode;
	uint64_t source_bytes; /* of the source, when it was copied: for its move */
	struct timespec source_ctime;
	uint32_t source_mode;
	bool moves;		  /* its name in the source is to go */
	bool backup_clash;	  /* a simple backup would take the name of another copy */
	struct attic *attic;	  /* where its backup goes; NULL: into its folder */
	char *backup;		  /* out: its name if one was made, or NULL; to be freed */
	bool keeps_times;	  /* they were set, and are to stay */
	struct timespec times[2]; /* of the source: atime, mtime */
	uint64_t bytes;
	struct flags_last last; /* to be set once it has its name */
	uint64_t dirty_bytes;	/* of these buffered */
	uint64_t counted_bytes; /* of these told as durable already (G9) */
	char temp_name[TEMP_NAME_BYTES];
	const char *name; /* in the source folder */
	const char *target_name;
	char names[];
};

/* True if the unit has bytes of its own to be synced and checked. */
bool unit_has_data(const struct unit *parked);

enum publish_answer {
	PUBLISH_DONE,
	PUBLISH_SKIPPED, /* somebody made the name, and it is not to be replaced */
	PUBLISH_AGAIN,	 /* this way is refused here; copied once more it will go */
	PUBLISH_FAILED,	 /* error says why; the temp is gone */
};

struct unit *unit_new(struct folder *folder, const char *name, const char *target_name);

/* Gives UNIT its name in its target folder, which is pinned and open as DIRFD.
 * Its temp name is gone afterwards, whatever the answer. */
enum publish_answer publish_unit(struct root *root, const struct settings *settings,
				 struct unit *unit, int dirfd, struct error *error);

/* Drops a unit that gets no name: unlinks its temp; the descriptor stays. */
void publish_drop(struct sys *sys, struct unit *unit, int dirfd);

#endif
