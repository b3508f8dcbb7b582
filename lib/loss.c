/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A small table: a run meets few properties and few errnos, whatever the number
 * of its entries.
 *
 * Invariants:
 * L1 every loss that is counted is told, in a row of its own or in one shared by
 *    errnos that came after the table was full;
 * L2 what was not to be kept (a mode that only we needed) is no loss; but a label
 *    that is not copied is to be the policy's (label.c).
 */
#define _GNU_SOURCE
#include "loss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "invariant.h"

void losses_note(struct losses *losses, enum weir_property property, long result)
{
	WEIR_ASSERT(result < 0);
	if (losses->errnum[property] == 0)
		losses->errnum[property] = (int)-result;
}

bool losses_any(const struct losses *losses)
{
	for (size_t i = 0; i < PROPERTY_COUNT; i++)
		if (losses->errnum[i] != 0)
			return true;
	return false;
}

bool losses_break(const struct losses *losses, const struct settings *settings)
{
	for (int i = 0; i < PROPERTY_COUNT; i++)
		if (losses->errnum[i] != 0 && settings->keep[i] == WEIR_KEEP_REQUIRE)
			return true;
	return false;
}

bool loss_is_one(long result)
{
	switch (result) {
	case -EPERM:
	case -EACCES:
	case -EOPNOTSUPP:
	case -ENOSYS:
	case -EINVAL:
	case -ENOTTY:
	case -E2BIG:
	case -ERANGE:
	case -ENOSPC: /* ext4: no room beside the inode, however empty the disk */
	case -EDQUOT:
	case -ENAMETOOLONG:
	case -EOVERFLOW:
		return true;
	default:
		return false;
	}
}

int loss_open(struct loss_table *table, struct tally *tally, const struct settings *settings)
{
	table->count = 0;
	table->tally = tally;
	table->settings = settings;
	return -pthread_mutex_init(&table->lock, NULL);
}

void loss_close(struct loss_table *table)
{
	for (uint32_t i = 0; i < table->count; i++)
		free(table->rows[i].path);
	table->count = 0;
	pthread_mutex_destroy(&table->lock);
}

/* The row of this kind, made if need be. */
static struct loss_row *loss_row(struct loss_table *table, enum weir_property property, int errnum)
{
	struct loss_row *row = NULL;

	for (uint32_t i = 0; i < table->count; i++) {
		if (table->rows[i].property != property)
			continue;
		row = &table->rows[i];
		if (row->errnum == errnum)
			return row;
	}
	/* L1: the last rows are kept for properties that have none yet. */
	if (row != NULL && table->count >= LOSS_ROWS - PROPERTY_COUNT)
		return row;
	WEIR_ASSERT(table->count < LOSS_ROWS);
	row = &table->rows[table->count++];
	*row = (struct loss_row){ .property = property, .errnum = errnum };
	return row;
}

/* L2 */
static bool loss_matters(const struct settings *settings, enum weir_property property)
{
	return settings_keeps(settings, property) || property == WEIR_PROPERTY_CONTEXT;
}

void loss_count(struct loss_table *table, const struct losses *losses, const char *path)
{
	pthread_mutex_lock(&table->lock);
	for (unsigned i = 0; i < PROPERTY_COUNT; i++) {
		struct loss_row *row;

		enum weir_property property = (enum weir_property)i;

		if (losses->errnum[i] == 0 || !loss_matters(table->settings, property))
			continue;
		row = loss_row(table, property, losses->errnum[i]);
		if (row->count++ == 0)
			row->path = strdup(path);
		tally_add(&table->tally->properties_lost, 1);
	}
	pthread_mutex_unlock(&table->lock);
}

void loss_tell(struct loss_table *table, struct event_queue *events)
{
	pthread_mutex_lock(&table->lock);
	for (uint32_t i = 0; i < table->count; i++) {
		struct loss_row *row = &table->rows[i];
		struct weir_event event = {
			.type = WEIR_EVENT_LOSS,
			.side = WEIR_SIDE_TARGET,
			.errnum = row->errnum,
			.offset = -1,
			.property = row->property,
			.keep = table->settings->keep[row->property],
			.count = row->count,
		};

		WEIR_ASSERT(loss_matters(table->settings, row->property));
		event_post_loss(events, &event, row->path != NULL ? row->path : "");
		free(row->path);
	}
	table->count = 0;
	pthread_mutex_unlock(&table->lock);
}
