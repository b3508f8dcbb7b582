/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trees pinned by folder descriptors, and the life of a folder.
 */
#include "lib/root.h"

#include "lib/folder.h"
#include "lib/limits.h"
#include "unit.h"

#define DEEPEST 10000

struct tree {
	struct sys sys;
	struct root root;
	int dirfd;
	struct dir *dirs[DEEPEST + 1];
	unsigned depth;
};

static struct tree *tree;

static void tree_open_in(int dirfd, uint32_t open_max)
{
	tree = calloc(1, sizeof(*tree));
	sys_open(&tree->sys);
	REQUIRE(root_open(&tree->root, &tree->sys, open_max) == 0);
	tree->dirfd = dirfd;
	REQUIRE(dir_open_path(&tree->root, tree->dirfd, ".", &tree->dirs[0]) == 0);
	dir_unpin(&tree->root, tree->dirs[0]);
	tree->depth = 0;
}

static void tree_open(uint32_t open_max)
{
	tree_open_in(unit_folder(), open_max);
}

/* Makes folders down to DEPTH and opens each from its parent. */
static void tree_deepen(unsigned depth)
{
	for (; tree->depth < depth; tree->depth++) {
		struct dir *parent = tree->dirs[tree->depth];
		struct dir **child = &tree->dirs[tree->depth + 1];
		int fd = dir_pin(&tree->root, parent, NULL);

		REQUIRE(fd >= 0);
		REQUIRE(mkdirat(fd, "d", 0700) == 0);
		REQUIRE(dir_open_child(&tree->root, parent, fd, "d", false, child) == 0);
		dir_unpin(&tree->root, parent);
		dir_unpin(&tree->root, *child);
	}
}

/* Removes the folders upwards, each through `..` of the one below. */
static void tree_remove(void)
{
	for (unsigned i = tree->depth; i > 0; i--) {
		struct dir *parent = tree->dirs[i - 1];
		int fd = dir_pin(&tree->root, parent, tree->dirs[i]);

		if (CHECK(fd >= 0)) {
			CHECK_EQUAL(unlinkat(fd, "d", AT_REMOVEDIR), 0);
			dir_unpin(&tree->root, parent);
		}
		dir_put(&tree->root, tree->dirs[i]);
	}
	tree->depth = 0;
}

static void tree_close(void)
{
	for (unsigned i = tree->depth + 1; i > 0; i--)
		dir_put(&tree->root, tree->dirs[i - 1]);
	CHECK_EQUAL(tree->root.open_count, 0);
	root_close(&tree->root);
	close(tree->dirfd);
	free(tree);
}

static bool same_folder(int fd, const struct dir *dir)
{
	struct stat stat;

	return fstat(fd, &stat) == 0 && S_ISDIR(stat.st_mode) && stat.st_ino == dir->inode &&
	       stat.st_dev == dir->device;
}

static void pinned(void)
{
	int fd;

	tree_open(2);
	tree_deepen(5);
	fd = dir_pin(&tree->root, tree->dirs[1], NULL);
	REQUIRE(fd >= 0);
	CHECK_EQUAL(dir_pin(&tree->root, tree->dirs[1], NULL), fd);
	dir_unpin(&tree->root, tree->dirs[1]);
	for (unsigned i = 0; i <= 5; i++) { /* everything else is evicted for these */
		CHECK(same_folder(dir_pin(&tree->root, tree->dirs[i], NULL), tree->dirs[i]));
		dir_unpin(&tree->root, tree->dirs[i]);
	}
	CHECK_EQUAL(tree->dirs[1]->fd, fd);
	dir_unpin(&tree->root, tree->dirs[1]);
	for (unsigned i = 2; i <= 5; i++) {
		CHECK(same_folder(dir_pin(&tree->root, tree->dirs[i], NULL), tree->dirs[i]));
		dir_unpin(&tree->root, tree->dirs[i]);
	}
	CHECK_EQUAL(tree->dirs[1]->fd, -1);
	tree_close();
}

static void evicted(void)
{
	unsigned before = unit_count_fds();

	tree_open(2);
	tree_deepen(60);
	CHECK(tree->root.open_count <= 2);
	CHECK(unit_count_fds() <= before + 1 + 2);
	for (unsigned i = 0; i < 400; i++) {
		unsigned at = i * 37 % 61;
		int fd = dir_pin(&tree->root, tree->dirs[at], NULL);

		CHECK(fd >= 0 && same_folder(fd, tree->dirs[at]));
		CHECK(tree->root.open_count <= 2);
		dir_unpin(&tree->root, tree->dirs[at]);
	}
	tree_close();
	CHECK_EQUAL(unit_count_fds(), before);
}

static void pinned_over_budget(void)
{
	tree_open(2);
	tree_deepen(20);
	for (unsigned i = 0; i <= 20; i++)
		CHECK(dir_pin(&tree->root, tree->dirs[i], NULL) >= 0);
	CHECK_EQUAL(tree->root.open_count, 21); /* O1: unless all are pinned */
	for (unsigned i = 0; i <= 20; i++) {
		CHECK(same_folder(tree->dirs[i]->fd, tree->dirs[i]));
		dir_unpin(&tree->root, tree->dirs[i]);
	}
	CHECK(tree->root.open_count <= 2);
	tree_close();
}

/* The nearest way back is `..`: it works although the path is gone. */
static void through_child(void)
{
	int top, fd;

	tree_open(2);
	tree_deepen(6);
	top = tree->dirfd;
	REQUIRE(renameat(top, "d", top, "elsewhere") == 0);
	REQUIRE(tree->dirs[6]->fd >= 0); /* the last one is open still */
	for (unsigned i = 6; i > 1; i--) {
		fd = dir_pin(&tree->root, tree->dirs[i - 1], tree->dirs[i]);
		CHECK(fd >= 0 && same_folder(fd, tree->dirs[i - 1]));
		if (fd >= 0)
			dir_unpin(&tree->root, tree->dirs[i - 1]);
	}
	tree_close();
}

static void moved_child(void)
{
	int fd, top;

	tree_open(2);
	tree_deepen(4);
	top = tree->dirfd;
	/* `..` of the moved folder is another folder now; the path still leads
	 * to the right one. */
	REQUIRE(mkdirat(top, "other", 0700) == 0);
	fd = dir_pin(&tree->root, tree->dirs[4], NULL);
	REQUIRE(fd >= 0);
	REQUIRE(renameat(top, "d/d/d/d", top, "other/d") == 0);
	REQUIRE(dir_pin(&tree->root, tree->dirs[0], NULL) >= 0);
	dir_unpin(&tree->root, tree->dirs[0]);
	dir_unpin(&tree->root, tree->dirs[4]);
	REQUIRE(tree->dirs[4]->fd >= 0 && tree->dirs[3]->fd < 0);
	fd = dir_pin(&tree->root, tree->dirs[3], tree->dirs[4]);
	CHECK(fd >= 0 && same_folder(fd, tree->dirs[3]));
	if (fd >= 0)
		dir_unpin(&tree->root, tree->dirs[3]);
	tree_close();
}

static void swapped(void)
{
	int top;

	tree_open(2);
	tree_deepen(6);
	top = tree->dirfd;
	REQUIRE(tree->dirs[2]->fd < 0); /* evicted */
	REQUIRE(renameat(top, "d/d", top, "kept") == 0);
	REQUIRE(mkdirat(top, "d/d", 0700) == 0);
	CHECK_EQUAL(dir_pin(&tree->root, tree->dirs[2], NULL), -ESTALE);
	CHECK_EQUAL(tree->dirs[2]->fd, -1);
	CHECK_EQUAL(dir_pin(&tree->root, tree->dirs[3], NULL), -ESTALE);
	/* It failed without a leak, and heals with the tree. */
	REQUIRE(unlinkat(top, "d/d", AT_REMOVEDIR) == 0);
	CHECK_EQUAL(dir_pin(&tree->root, tree->dirs[2], NULL), -ENOENT);
	REQUIRE(renameat(top, "kept", top, "d/d") == 0);
	CHECK(dir_pin(&tree->root, tree->dirs[3], NULL) >= 0);
	dir_unpin(&tree->root, tree->dirs[3]);
	tree_close();
}

static void swapped_for_link(void)
{
	struct dir *child;
	int top, fd;

	tree_open(2);
	tree_deepen(6);
	top = tree->dirfd;
	REQUIRE(tree->dirs[2]->fd < 0);
	REQUIRE(renameat(top, "d/d", top, "kept") == 0);
	REQUIRE(symlinkat("../kept", top, "d/d") == 0); /* the very same folder */
	fd = dir_pin(&tree->root, tree->dirs[2], NULL);
	CHECK(fd == -ELOOP || fd == -ENOTDIR);
	fd = dir_pin(&tree->root, tree->dirs[1], NULL);
	REQUIRE(fd >= 0);
	CHECK(dir_open_child(&tree->root, tree->dirs[1], fd, "d", false, &child) < 0);
	dir_unpin(&tree->root, tree->dirs[1]);
	tree_close();
}

static void bad_children(void)
{
	struct dir *child;
	uint32_t refs;
	int fd;

	tree_open(4);
	unit_write_text(tree->dirfd, "file", "x");
	REQUIRE(mkfifoat(tree->dirfd, "fifo", 0600) == 0);
	fd = dir_pin(&tree->root, tree->dirs[0], NULL);
	REQUIRE(fd >= 0);
	refs = tree->dirs[0]->refs;
	CHECK_EQUAL(dir_open_child(&tree->root, tree->dirs[0], fd, "none", false, &child), -ENOENT);
	CHECK_EQUAL(dir_open_child(&tree->root, tree->dirs[0], fd, "file", false, &child),
		    -ENOTDIR);
	CHECK_EQUAL(dir_open_child(&tree->root, tree->dirs[0], fd, "fifo", false, &child),
		    -ENOTDIR);
	CHECK_EQUAL(tree->dirs[0]->refs, refs);
	dir_unpin(&tree->root, tree->dirs[0]);
	tree_close();
}

static void references(void)
{
	unsigned before = unit_count_fds();

	tree_open(100);
	tree_deepen(10);
	/* A child holds its parent: dropping all but the last closes nothing. */
	for (unsigned i = 0; i < 10; i++)
		dir_put(&tree->root, tree->dirs[i]);
	CHECK_EQUAL(tree->root.open_count, 11);
	CHECK(same_folder(dir_pin(&tree->root, tree->dirs[3], NULL), tree->dirs[3]));
	dir_unpin(&tree->root, tree->dirs[3]);
	dir_get(&tree->root, tree->dirs[10]);
	dir_put(&tree->root, tree->dirs[10]);
	CHECK_EQUAL(tree->root.open_count, 11);
	dir_put(&tree->root, tree->dirs[10]);
	CHECK_EQUAL(tree->root.open_count, 0);
	root_close(&tree->root);
	close(tree->dirfd);
	free(tree);
	CHECK_EQUAL(unit_count_fds(), before);
}

/* Climbing from the top for each would be 50 million openings. */
static void deep(void)
{
	uint64_t before;

	tree_open_in(unit_memory_folder(), 4);
	before = atomic_load(&tree->sys.point.begun);
	tree_deepen(DEEPEST);
	CHECK(tree->root.open_count <= 4);
	tree_remove();
	/* Down: open, look, and close again; up: the same. */
	CHECK(atomic_load(&tree->sys.point.begun) - before < DEEPEST * 10);
	CHECK_EQUAL(unit_count_names(tree->dirfd), 0);
	tree_close();
}

/* Without a child to come from, the folders kept at every 64th level bound the
 * climb. */
static void deep_random(void)
{
	uint64_t seed = 7, before;

	tree_open_in(unit_memory_folder(), 64);
	tree_deepen(2000);
	before = atomic_load(&tree->sys.point.begun);
	for (unsigned i = 0; i < 300; i++) {
		struct dir *dir = tree->dirs[unit_below(&seed, 2001)];

		CHECK(same_folder(dir_pin(&tree->root, dir, NULL), dir));
		dir_unpin(&tree->root, dir);
	}
	/* Each step opens, looks and closes: 3 calls, on average 32 steps. */
	CHECK(atomic_load(&tree->sys.point.begun) - before < 300 * 3 * 2 * LIMIT_CHECKPOINT_DEPTH);
	dir_pin(&tree->root, tree->dirs[2000], NULL);
	dir_unpin(&tree->root, tree->dirs[2000]);
	tree_remove();
	tree_close();
}

static void few_descriptors(void)
{
	struct rlimit limit, small;
	unsigned used = unit_count_fds();

	tree_open(1000);
	tree_deepen(40);
	getrlimit(RLIMIT_NOFILE, &limit);
	small = limit;
	small.rlim_cur = used + 8; /* far below what is open now */
	REQUIRE(setrlimit(RLIMIT_NOFILE, &small) == 0);
	for (unsigned i = 0; i <= 40; i++) {
		int fd = dir_pin(&tree->root, tree->dirs[i], NULL);

		CHECK(fd >= 0);
		dir_unpin(&tree->root, tree->dirs[i]);
	}
	for (int i = 0; i < 5; i++)
		tree_deepen(tree->depth + 1); /* EMFILE: one is closed for another */
	setrlimit(RLIMIT_NOFILE, &limit);
	tree_close();
}

static void paths(void)
{
	struct sys sys;
	struct root root;
	struct dir *dir, *child;
	int dirfd = unit_folder();
	static const struct {
		const char *operand, *path, *below;
	} cases[] = {
		{ "d", "d/child", "d/child/f" },
		{ "d/", "d/child", "d/child/f" },
		{ "d//", "d/child", "d/child/f" },
		{ "./d", "./d/child", "./d/child/f" },
		{ ".", "child", "child/f" },
	};

	sys_open(&sys);
	REQUIRE(root_open(&root, &sys, 8) == 0);
	REQUIRE(mkdirat(dirfd, "d", 0700) == 0 && mkdirat(dirfd, "d/child", 0700) == 0);
	REQUIRE(mkdirat(dirfd, "child", 0700) == 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path;

		REQUIRE(dir_open_path(&root, dirfd, cases[i].operand, &dir) == 0);
		REQUIRE(dir_open_child(&root, dir, dir->fd, "child", false, &child) == 0);
		path = dir_path(child, NULL);
		CHECK_TEXT(path, cases[i].path);
		free(path);
		path = dir_path(child, "f");
		CHECK_TEXT(path, cases[i].below);
		free(path);
		dir_unpin(&root, child);
		dir_put(&root, child);
		dir_unpin(&root, dir);
		dir_put(&root, dir);
	}
	REQUIRE(dir_open_path(&root, AT_FDCWD, "/", &dir) == 0);
	for (int i = 0; i < 2; i++) {
		char *path = dir_path(dir, i == 0 ? NULL : "etc");

		CHECK_TEXT(path, i == 0 ? "/" : "/etc");
		free(path);
	}
	dir_unpin(&root, dir);
	dir_put(&root, dir);
	root_close(&root);
	close(dirfd);
}

static void folder_life(void)
{
	struct folder *top = folder_new(NULL, "top", NULL);
	struct folder *child = folder_new(top, "name", "other name");
	struct folder *parent;
	char *path;

	CHECK_EQUAL(atomic_load(&top->refs), 2);
	CHECK_TEXT(child->name, "name");
	CHECK_TEXT(child->target_name, "other name");
	CHECK(top->target_name == top->name);
	path = folder_source_path(child, "f");
	CHECK_TEXT(path, "top/name/f");
	free(path);
	path = folder_target_path(child, NULL);
	CHECK_TEXT(path, "top/other name");
	free(path);
	CHECK(!folder_put(top)); /* the child holds it */
	folder_get(child);
	CHECK(!folder_put(child));
	CHECK(folder_put(child)); /* whoever drops the last one finishes it */
	parent = folder_free(child, NULL);
	CHECK(parent == top);
	CHECK(folder_put(parent));
	CHECK(folder_free(parent, NULL) == NULL);
}

static void steps(void)
{
	struct dir *dir, *before;
	uint64_t device, inode;

	tree_open(4);
	tree_deepen(2);
	dir = dir_get(&tree->root, tree->dirs[0]);
	REQUIRE(symlinkat("d", tree->dirfd, "link") == 0 && mkdirat(tree->dirfd, "e", 0700) == 0);
	device = tree->dirs[1]->device;
	inode = tree->dirs[1]->inode;
	before = dir;
	CHECK_EQUAL(dir_step(&tree->root, &dir, "nothing", false, device, inode), -ENOENT);
	CHECK_EQUAL(dir_step(&tree->root, &dir, "e", false, device, inode), -ESTALE);
	CHECK_EQUAL(dir_step(&tree->root, &dir, "d", false, device + 1, inode), -ESTALE);
	CHECK(dir_step(&tree->root, &dir, "link", false, device, inode) < 0);
	CHECK(dir == before);
	CHECK_EQUAL(dir->refs, 3); /* of the tree, of its child, and ours */
	CHECK_EQUAL(dir_step(&tree->root, &dir, "d", false, device, inode), 0);
	CHECK(dir->inode == inode && dir->parent == before);
	CHECK_EQUAL(dir->pins, 0);
	CHECK_EQUAL(dir_step(&tree->root, &dir, "d", false, device, tree->dirs[2]->inode), 0);
	CHECK(same_folder(dir_pin(&tree->root, dir, NULL), tree->dirs[2]));
	dir_unpin(&tree->root, dir);
	dir_put(&tree->root, dir); /* and all that are above it */
	CHECK_EQUAL(before->refs, 2);
	dir = dir_get(&tree->root, before);
	CHECK_EQUAL(dir_step(&tree->root, &dir, "link", true, device, inode), 0);
	dir_put(&tree->root, dir);
	tree_close(); /* which sees that nothing is open */
}

static const struct unit_test tests[] = {
	{ "a pinned folder keeps its descriptor whatever is evicted", pinned },
	{ "two descriptors are enough for a tree of 60 levels", evicted },
	{ "the budget gives way to pins and holds again after them", pinned_over_budget },
	{ "a parent is opened again through .. of an open child", through_child },
	{ "a child that was moved away does not mislead", moved_child },
	{ "a folder swapped for another is stale, and nothing of it is opened", swapped },
	{ "a folder swapped for a link is refused", swapped_for_link },
	{ "what is no folder is not opened and changes no count", bad_children },
	{ "a step down leads to the folder that is meant, or nowhere", steps },
	{ "a folder lives as long as any below it", references },
	{ "10,000 levels with 4 descriptors are opened a few times each", deep },
	{ "a climb without a child is short in a deep tree", deep_random },
	{ "where descriptors run out, idle folders are closed", few_descriptors },
	{ "paths are as the operands named them", paths },
	{ "the last reference of a folder ends it, then its parent's goes", folder_life },
};

UNIT_MAIN(tests)
