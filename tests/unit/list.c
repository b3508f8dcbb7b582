/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Intrusive lists.
 */
#include "lib/list.h"

#include "unit.h"

struct item {
	int number;
	struct list node;
};

static struct item items[8];

static void prepare(struct list *list)
{
	list_init(list);
	for (int i = 0; i < 8; i++) {
		items[i].number = i;
		list_init(&items[i].node);
	}
}

static int take(struct list *list)
{
	struct list *node = list_take_head(list);

	return node != NULL ? LIST_ENTRY(node, struct item, node)->number : -1;
}

static void order(void)
{
	struct list list;

	prepare(&list);
	CHECK(list_empty(&list));
	CHECK_EQUAL(take(&list), -1);
	list_add_tail(&list, &items[1].node);
	list_add_tail(&list, &items[2].node);
	list_add_head(&list, &items[0].node);
	CHECK(!list_empty(&list));
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(take(&list), i);
	CHECK(list_empty(&list));
}

static void removal(void)
{
	struct list list;

	prepare(&list);
	for (int i = 0; i < 5; i++)
		list_add_tail(&list, &items[i].node);
	list_remove(&items[2].node);
	CHECK(list_empty(&items[2].node));
	list_remove(&items[2].node); /* of a node that is in no list: nothing */
	list_remove(&items[0].node);
	list_remove(&items[4].node);
	CHECK_EQUAL(take(&list), 1);
	CHECK_EQUAL(take(&list), 3);
	CHECK_EQUAL(take(&list), -1);
}

static void moving(void)
{
	struct list from, to;

	prepare(&from);
	list_init(&to);
	list_add_tail(&to, &items[0].node);
	list_add_tail(&from, &items[1].node);
	list_add_tail(&from, &items[2].node);
	list_move_all(&from, &to);
	CHECK(list_empty(&from));
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(take(&to), i);
}

static void add_twice(void *argument)
{
	struct list list;

	(void)argument;
	unit_quiet_abort();
	prepare(&list);
	list_add_tail(&list, &items[0].node);
	list_add_tail(&list, &items[0].node);
}

static void in_one_list(void)
{
	CHECK(unit_aborted(unit_child(add_twice, NULL)));
}

static const struct unit_test tests[] = {
	{ "nodes come out in the order in which they were added", order },
	{ "a node can be taken out of any place", removal },
	{ "all nodes move to the end of another list, in order", moving },
	{ "a node cannot be in two lists", in_one_list },
};

UNIT_MAIN(tests)
