/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hard-link groups: who leads, who waits, who follows, and what is forgotten.
 */
#include "lib/links.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "unit.h"

struct bench {
	struct sys sys;
	struct root root;
	struct bell bell, idle;
	struct queue queue;
	struct links links;
	struct folder *folder;
	int dirfd;
};

static struct bench *bench;

static void open_bench(void)
{
	bench = calloc(1, sizeof(*bench));
	REQUIRE(bench != NULL);
	sys_open(&bench->sys);
	bench->dirfd = unit_folder();
	REQUIRE(root_open(&bench->root, &bench->sys, 16) == 0);
	REQUIRE(queue_open(&bench->queue, &bench->bell, &bench->idle) == 0);
	REQUIRE(links_open(&bench->links, &bench->root, &bench->queue) == 0);
	bench->links.forgets = true;
	bench->folder = folder_new(NULL, "source", "target");
	REQUIRE(dir_open_path(&bench->root, bench->dirfd, ".", &bench->folder->target) == 0);
	dir_unpin(&bench->root, bench->folder->target);
}

static void close_bench(void)
{
	CHECK(queue_idle(&bench->queue));
	links_close(&bench->links);
	CHECK(folder_put(bench->folder));
	folder_free(bench->folder, &bench->root);
	queue_close(&bench->queue);
	root_close(&bench->root);
	close(bench->dirfd);
	free(bench);
}

static enum links_answer meet(const struct sys_stat *source, uint64_t target_mount,
			      const struct entry *entry, struct link_group **group)
{
	const struct links_name name = {
		.source = source,
		.target_mount = target_mount,
		.folder = bench->folder,
		.entry = entry,
	};

	return links_enter(&bench->links, &name, group);
}

static enum links_answer enter(uint64_t inode, uint32_t count, const char *name,
			       struct link_group **group)
{
	struct sys_stat source = { .device = 7, .inode = inode, .links = count };
	struct entry entry = { .type = DT_REG, .name = name, .target_name = name };

	return meet(&source, 9, &entry, group);
}

/* The name of what came back, or "". */
static const char *comes_back(void)
{
	static char name[64];
	struct batch *batch = queue_take_batch(&bench->queue);
	struct entry entry;

	name[0] = '\0';
	if (batch == NULL)
		return name;
	CHECK(batch->counted);
	REQUIRE(batch_next(batch, &entry));
	snprintf(name, sizeof(name), "%s", entry.name);
	CHECK(!folder_put(batch->folder));
	queue_finish_work(&bench->queue, 1);
	free(batch);
	return name;
}

static void led(void)
{
	struct link_group *leader = NULL, *follower = NULL;

	open_bench();
	CHECK_EQUAL(enter(1, 3, "a", &leader), LINKS_LEAD);
	CHECK_EQUAL(enter(1, 3, "b", &follower), LINKS_WAIT);
	CHECK(!queue_idle(&bench->queue)); /* the run must not end without it */
	CHECK(queue_stalled(&bench->queue));
	CHECK_TEXT(comes_back(), "");
	CHECK_EQUAL(links_named(&bench->links, leader, bench->folder->target, "a", 9, 100), 0);
	CHECK(!queue_stalled(&bench->queue));
	CHECK_TEXT(comes_back(), "b");
	CHECK_EQUAL(enter(1, 3, "b", &follower), LINKS_FOLLOW);
	CHECK_TEXT(follower->name, "a");
	CHECK_EQUAL(follower->made_inode, 100);
	links_followed(&bench->links, follower);
	CHECK_EQUAL(bench->links.count, 1);
	CHECK_EQUAL(enter(1, 3, "c", &follower), LINKS_FOLLOW);
	links_followed(&bench->links, follower);
	CHECK_EQUAL(bench->links.count, 0); /* all three links were copied */
	CHECK_EQUAL(enter(1, 3, "d", &leader), LINKS_LEAD);
	links_lost(&bench->links, leader);
	close_bench();
}

static void lost(void)
{
	struct link_group *group = NULL;

	open_bench();
	CHECK_EQUAL(enter(1, 3, "a", &group), LINKS_LEAD);
	CHECK_EQUAL(enter(1, 3, "b", &group), LINKS_WAIT);
	CHECK_EQUAL(enter(1, 3, "c", &group), LINKS_WAIT);
	links_lost(&bench->links, group);
	CHECK_EQUAL(bench->links.count, 0);
	CHECK_TEXT(comes_back(), "b");
	CHECK_TEXT(comes_back(), "c");
	CHECK_TEXT(comes_back(), "");
	CHECK_EQUAL(enter(1, 3, "b", &group), LINKS_LEAD);
	links_lost(&bench->links, group);
	close_bench();
}

static void spoiled(void)
{
	struct link_group *leader = NULL, *one = NULL, *two = NULL;

	open_bench();
	CHECK_EQUAL(enter(1, 9, "a", &leader), LINKS_LEAD);
	CHECK_EQUAL(links_named(&bench->links, leader, bench->folder->target, "a", 9, 100), 0);
	CHECK_EQUAL(enter(1, 9, "b", &one), LINKS_FOLLOW);
	CHECK_EQUAL(enter(1, 9, "c", &two), LINKS_FOLLOW);
	CHECK(links_release(&bench->links, one, true)); /* it takes no more links */
	CHECK_TEXT(two->name, "a");			/* who has it reads on (H2) */
	CHECK_EQUAL(enter(1, 9, "b", &leader), LINKS_LEAD);
	CHECK(leader != two);
	CHECK(!links_release(&bench->links, two, true)); /* told once */
	CHECK_EQUAL(bench->links.count, 1);		 /* the new group stays */
	links_lost(&bench->links, leader);
	close_bench();
}

/* An inode number that was given to another file, or whose file was changed. */
static void reused(void)
{
	struct sys_stat source = { .device = 7, .inode = 1, .links = 3, .size_bytes = 5 };
	struct entry entry = { .type = DT_REG, .name = "x", .target_name = "x" };
	struct link_group *one = NULL, *two = NULL, *three = NULL;

	open_bench();
	REQUIRE(meet(&source, 9, &entry, &one) == LINKS_LEAD);
	CHECK_EQUAL(links_named(&bench->links, one, bench->folder->target, "x", 9, 100), 0);
	source.mtime.tv_nsec = 1;
	CHECK_EQUAL(meet(&source, 9, &entry, &two), LINKS_LEAD);
	source.size_bytes = 6;
	CHECK_EQUAL(meet(&source, 9, &entry, &three), LINKS_LEAD);
	links_lost(&bench->links, two);
	/* One that leads and begins anew is known by what it is now. */
	source.size_bytes = 7;
	links_update(&bench->links, three, &source);
	CHECK_EQUAL(meet(&source, 9, &entry, &two), LINKS_WAIT);
	CHECK_EQUAL(links_named(&bench->links, three, bench->folder->target, "x", 9, 101), 0);
	CHECK_TEXT(comes_back(), "x");
	close_bench();
}

/* A name that was not opened joins a group or nothing. */
static void joins(void)
{
	struct sys_stat source = { .device = 7, .inode = 1, .links = 3, .size_bytes = 5 };
	struct entry entry = { .type = DT_REG, .name = "x", .target_name = "x" };
	struct links_name name = {
		.source = &source, .target_mount = 9, .entry = &entry, .joins = true
	};
	struct link_group *leader = NULL, *group = NULL;

	open_bench();
	name.folder = bench->folder;
	CHECK(!links_knows(&bench->links, 7, 1, 9));
	CHECK_EQUAL(links_enter(&bench->links, &name, &group), LINKS_NONE);
	CHECK_EQUAL(bench->links.count, 0);
	REQUIRE(meet(&source, 9, &entry, &leader) == LINKS_LEAD);
	CHECK(links_knows(&bench->links, 7, 1, 9));
	CHECK(!links_knows(&bench->links, 7, 2, 9));
	CHECK(!links_knows(&bench->links, 8, 1, 9));
	CHECK(!links_knows(&bench->links, 7, 1, 8));
	CHECK(!links_knows(&bench->links, 7, 0, 9)); /* no inode is not known */
	CHECK_EQUAL(links_enter(&bench->links, &name, &group), LINKS_WAIT);
	CHECK_EQUAL(links_named(&bench->links, leader, bench->folder->target, "x", 9, 100), 0);
	CHECK_TEXT(comes_back(), "x");
	CHECK_EQUAL(links_enter(&bench->links, &name, &group), LINKS_FOLLOW);
	links_followed(&bench->links, group);
	source.size_bytes = 6; /* another file by now */
	CHECK_EQUAL(links_enter(&bench->links, &name, &group), LINKS_NONE);
	CHECK_EQUAL(bench->links.count, 0);
	close_bench();
}

/* H5: one descriptor for all who hold the group, and none after the last. */
static void lent(void)
{
	struct link_group *leader = NULL, *one = NULL, *two = NULL;
	int fd = dup(0), other = dup(0);

	open_bench();
	REQUIRE(fd >= 0 && other >= 0);
	CHECK_EQUAL(enter(1, 9, "a", &leader), LINKS_LEAD);
	CHECK_EQUAL(links_named(&bench->links, leader, bench->folder->target, "a", 9, 100), 0);
	CHECK_EQUAL(enter(1, 9, "b", &one), LINKS_FOLLOW);
	CHECK_EQUAL(enter(1, 9, "c", &two), LINKS_FOLLOW);
	CHECK_EQUAL(links_inode(&bench->links, one), -1);
	CHECK_EQUAL(links_lend(&bench->links, one, fd), fd);
	CHECK_EQUAL(links_lend(&bench->links, two, other), fd); /* the first one stays */
	CHECK_EQUAL(fcntl(other, F_GETFD), -1);
	CHECK_EQUAL(links_inode(&bench->links, two), fd);
	links_followed(&bench->links, one);
	CHECK(fcntl(fd, F_GETFD) >= 0);
	CHECK(links_release(&bench->links, two, true));
	CHECK_EQUAL(fcntl(fd, F_GETFD), -1);
	CHECK_EQUAL(bench->links.count, 0);
	close_bench();
}

/* Where names may be met twice, a count of them says nothing. */
static void met_twice(void)
{
	struct link_group *group = NULL;

	open_bench();
	bench->links.forgets = false;
	CHECK_EQUAL(enter(1, 2, "a", &group), LINKS_LEAD);
	CHECK_EQUAL(links_named(&bench->links, group, bench->folder->target, "a", 9, 100), 0);
	for (int i = 0; i < 5; i++) {
		CHECK_EQUAL(enter(1, 2, "b", &group), LINKS_FOLLOW);
		links_followed(&bench->links, group);
	}
	CHECK_EQUAL(bench->links.count, 1);
	close_bench();
}

static void apart(void)
{
	struct link_group *one = NULL, *two = NULL;
	struct sys_stat source = { .device = 7, .inode = 1, .links = 2 };
	struct entry entry = { .type = DT_REG, .name = "x", .target_name = "x" };

	open_bench();
	CHECK_EQUAL(enter(1, 2, "a", &one), LINKS_LEAD);
	/* On another target file system it is a group of its own. */
	CHECK_EQUAL(meet(&source, 10, &entry, &two), LINKS_LEAD);
	links_lost(&bench->links, one);
	source.device = 8;
	CHECK_EQUAL(meet(&source, 9, &entry, &one), LINKS_LEAD);
	links_lost(&bench->links, one);
	links_lost(&bench->links, two);
	close_bench();
}

static void many(void)
{
	enum { GROUPS = 100000 };
	struct link_group *group = NULL;
	char name[16];

	open_bench();
	for (unsigned i = 0; i < GROUPS; i++) {
		snprintf(name, sizeof(name), "%u", i);
		REQUIRE(enter(i * 4096ULL, 2, name, &group) == LINKS_LEAD);
		CHECK_EQUAL(links_named(&bench->links, group, bench->folder->target, name, 9, i),
			    0);
	}
	CHECK_EQUAL(bench->links.count, GROUPS);
	CHECK(bench->links.bucket_count >= GROUPS / 2);
	for (unsigned i = 0; i < GROUPS; i++) {
		snprintf(name, sizeof(name), "%u", i);
		REQUIRE(enter(i * 4096ULL, 2, "other", &group) == LINKS_FOLLOW);
		REQUIRE(strcmp(group->name, name) == 0 && group->made_inode == i);
		links_followed(&bench->links, group);
	}
	CHECK_EQUAL(bench->links.count, 0);
	close_bench();
}

static const struct unit_test tests[] = {
	{ "the first name leads, later ones wait and then follow", led },
	{ "where the first one fails another one leads", lost },
	{ "where the first one takes no more links another one leads", spoiled },
	{ "an inode number that another file has by now is another group", reused },
	{ "a name that was not opened joins a group or nothing", joins },
	{ "the holders of a group share its descriptor, the last one closes it", lent },
	{ "where names are met twice nothing is forgotten", met_twice },
	{ "groups of other inodes and other targets are apart", apart },
	{ "many groups are found again, and forgotten when complete", many },
};

UNIT_MAIN(tests)
