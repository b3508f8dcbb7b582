/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Intrusive doubly linked lists.  A node that is in no list points at itself.
 */
#ifndef WEIR_LIST_H
#define WEIR_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "invariant.h"

struct list {
	struct list *next;
	struct list *previous;
};

/* The structure that holds a node. */
#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->next = list;
	list->previous = list;
}

static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}

static inline void list_insert_before(struct list *where, struct list *node)
{
	WEIR_ASSERT(list_empty(node));
	node->next = where;
	node->previous = where->previous;
	where->previous->next = node;
	where->previous = node;
}

static inline void list_add_tail(struct list *list, struct list *node)
{
	list_insert_before(list, node);
}

static inline void list_add_head(struct list *list, struct list *node)
{
	list_insert_before(list->next, node);
}

static inline void list_remove(struct list *node)
{
	node->next->previous = node->previous;
	node->previous->next = node->next;
	list_init(node);
}

/* The first node taken out of the list, or NULL. */
static inline struct list *list_take_head(struct list *list)
{
	struct list *node = list->next;

	if (node == list)
		return NULL;
	list->next = node->next;
	node->next->previous = list;
	list_init(node);
	return node;
}

static inline struct list *list_take_tail(struct list *list)
{
	struct list *node = list->previous;

	if (node == list)
		return NULL;
	list->previous = node->previous;
	node->previous->next = list;
	list_init(node);
	return node;
}

/* Moves all nodes of one list to the end of another. */
static inline void list_move_all(struct list *from, struct list *to)
{
	if (list_empty(from))
		return;
	from->next->previous = to->previous;
	to->previous->next = from->next;
	from->previous->next = to;
	to->previous = from->previous;
	list_init(from);
}

#endif
