/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The choice among ways 3 to 8, and what it needs: descriptors switched to direct
 * I/O, space reserved.
 *
 * Invariants:
 * Y1 the opened files decide, not their names: alignment, cache, blocks;
 * Y2 what direct I/O refuses goes through the page cache.
 */
#define _GNU_SOURCE
#include "way.h"

#include <errno.h>
#include <linux/falloc.h>

#include "invariant.h"
#include "limits.h"

#define WAY_PAGE_BYTES 4096U

const char *way_name(enum job_way way)
{
	static const char *const names[] = {
		[JOB_WAY_NONE] = "none",
		[JOB_WAY_TO_END] = "read to the end",
		[JOB_WAY_DIRECT] = "direct",
		[JOB_WAY_CACHED_DIRECT] = "cached source, direct target",
		[JOB_WAY_BUFFERED] = "buffered target",
		[JOB_WAY_SMALL] = "small file",
		[JOB_WAY_CLONE] = "clone",
		[JOB_WAY_OFFLOAD] = "copied by the file system",
		[JOB_WAY_LINK] = "hard link",
		[JOB_WAY_PATCH] = "patch",
	};

	return names[way];
}

/* True if most of a file is in the page cache, or some of it is dirty: a direct read
 * would go to the device, or write it back first. */
static bool way_is_cached(struct job_env *env, int fd, uint64_t size)
{
	uint64_t cached, dirty;

	if (sys_cachestat(env->stream.sys, fd, size, &cached, &dirty) < 0)
		return false;
	return dirty > 0 || cached * WAY_PAGE_BYTES * 2 > size;
}

/* Switches direct I/O on for one side; false: it is refused, go on buffered. */
static bool way_set_direct(struct job_env *env, int fd, uint32_t align, uint32_t *common)
{
	if (align == 0 || align > LIMIT_ALIGN_BYTES)
		return false;
	if (sys_set_direct(env->stream.sys, fd, true) < 0)
		return false;
	if (align > *common)
		*common = align;
	return true;
}

/* True at a rate at which a whole block takes too long. */
static bool way_is_slow(const struct job_env *env)
{
	return pace_most(env->stream.pace, 1) < LIMIT_ALIGN_BYTES;
}

static bool way_wants_direct(const struct job_env *env, const struct job *job)
{
	if (env->settings->direct == WEIR_DIRECT_NEVER || job->source.size_bytes == 0)
		return false;
	if (env->settings->direct == WEIR_DIRECT_ALWAYS)
		return true;
	return job->source.size_bytes >= LIMIT_DIRECT_MIN_BYTES && !way_is_slow(env);
}

/* The same for reading the source, where that is worth it. */
static bool way_read_direct(struct job_env *env, const struct job *job, uint32_t *common)
{
	const struct sys_stat *source = &job->source;
	struct fs *fs = fs_find(env->fs, job->source_fd, source->device, false);

	if (env->settings->direct != WEIR_DIRECT_ALWAYS &&
	    way_is_cached(env, job->source_fd, source->size_bytes))
		return false;
	return fs != NULL &&
	       way_set_direct(env, job->source_fd, fs_direct_align(fs, source, false), common);
}

/* Chooses among ways 4, 5 and 6 for a file worth direct I/O. */
static void way_choose_direct(struct job_env *env, struct job *job, struct stream_plan *plan)
{
	struct sys_stat target;
	uint32_t align = 512;

	if (sys_statx(env->stream.sys, job->target_fd, "", true, &target) == 0)
		plan->write_direct = way_set_direct(
			env, job->target_fd, fs_direct_align(job->folder->target_fs, &target, true),
			&align);
	plan->read_direct = way_read_direct(env, job, &align);
	plan->align_bytes = plan->read_direct || plan->write_direct ? LIMIT_ALIGN_BYTES : 1;
	if (align > plan->align_bytes)
		plan->align_bytes = align;
	if (plan->write_direct && plan->read_direct) {
		job->way = JOB_WAY_DIRECT;
		job->way_reason = "large, not cached, both sides take direct I/O";
	} else if (plan->write_direct) {
		job->way = JOB_WAY_CACHED_DIRECT;
		job->way_reason = "the source is in the page cache or takes no direct I/O";
	} else {
		job->way = JOB_WAY_BUFFERED;
		job->way_reason = plan->read_direct ? "the target takes no direct I/O"
						    : "neither side takes direct I/O now";
	}
}

/* Where holes come from: the source's map, or zeros that are found in the data
 * (D05: a map that is not to be believed is not asked for). */
static void way_choose_holes(const struct job_env *env, const struct job *job,
			     struct stream_plan *plan)
{
	const struct sys_stat *source = &job->source;
	const struct fs *fs = job->folder->source_fs;
	bool has_holes = source->blocks * 512 < source->size_bytes;
	bool believed = fs != NULL && fs_believes_holes(fs);

	if (env->settings->sparse == WEIR_SPARSE_NEVER)
		return;
	plan->sparse = has_holes && believed;
	plan->find_zeros = env->settings->sparse == WEIR_SPARSE_ALWAYS || (has_holes && !believed);
}

bool way_is_pseudo(const struct job *job)
{
	return job->folder->source_fs != NULL && job->folder->source_fs->kind == FS_PSEUDO;
}

void way_choose(struct job_env *env, struct job *job, struct stream_plan *plan)
{
	const struct sys_stat *source = &job->source;

	*plan = (struct stream_plan){
		.source_fd = job->source_fd,
		.target_fd = job->target_fd,
		.size_bytes = source->size_bytes,
		.align_bytes = 1,
		.depth = env->read_ahead ? LIMIT_SLOTS_MAX : 1,
		.small = source->size_bytes <= LIMIT_SMALL_BYTES,
		.bound_dirty = env->settings->durable != WEIR_DURABLE_NONE &&
			       !fs_is_memory(job->folder->target_fs),
	};
	way_choose_holes(env, job, plan);
	if (source->size_bytes == 0 || way_is_pseudo(job)) {
		plan->to_end = true;
		plan->depth = 1;
		plan->sparse = false;
		/* In a ring a file that FUSE does not cache ends where its size does. */
		plan->read_now = job->folder->source_fs != NULL &&
				 job->folder->source_fs->kind == FS_FUSE;
		job->way = JOB_WAY_TO_END;
		job->way_reason = source->size_bytes == 0
					  ? "the size is 0 or not told"
					  : "a pseudo file system's sizes mean nothing";
	} else if (way_wants_direct(env, job)) {
		way_choose_direct(env, job, plan);
	} else {
		job->way = JOB_WAY_SMALL;
		job->way_reason = way_is_slow(env) ? "the rate is too low for whole blocks"
						   : "below the size from which direct I/O pays";
	}
	plan->pad_tail = plan->write_direct && !settings_parks(env->settings);
	/* Buffered writes gain nothing in the ring: a worker thread of the
	 * kernel would do them, one at a time for each file. */
	plan->write_now = !plan->write_direct;
}

/* True if one half of a slot has room for whole blocks. */
static bool way_has_blocks(const struct job_env *env, const struct stream_plan *plan)
{
	uint32_t slot = plan->small ? LIMIT_SMALL_BYTES : env->stream.arena->chunk_bytes;

	return slot / 2 >= LIMIT_ALIGN_BYTES;
}

void way_choose_pair(struct job_env *env, struct job *job, struct stream_plan *plan)
{
	const struct settings *settings = env->settings;
	const struct fs *target_fs = job->folder->target_fs;
	uint64_t bytes = job->existing.size_bytes;
	uint32_t align = 512;

	*plan = (struct stream_plan){
		.source_fd = job->source_fd,
		.target_fd = job->target_fd,
		.size_bytes = job->source.size_bytes,
		.align_bytes = 1,
		.depth = env->read_ahead ? LIMIT_SLOTS_MAX : 1,
		.small = job->source.size_bytes <= LIMIT_SMALL_BYTES / 2,
		.bound_dirty = settings->durable != WEIR_DURABLE_NONE && !fs_is_memory(target_fs),
	};
	way_choose_holes(env, job, plan);
	job->way = JOB_WAY_PATCH;
	job->way_reason = "in place, both sides through the page cache";
	if (way_wants_direct(env, job) && way_has_blocks(env, plan)) {
		plan->read_direct = way_read_direct(env, job, &align);
		/* It is written past the page cache only if it is read so. */
		if (settings->direct == WEIR_DIRECT_ALWAYS ||
		    !way_is_cached(env, job->target_fd, bytes))
			plan->write_direct = way_set_direct(
				env, job->target_fd,
				fs_direct_align(target_fs, &job->existing, true), &align);
	}
	if (plan->read_direct || plan->write_direct) {
		plan->align_bytes = LIMIT_ALIGN_BYTES;
		job->way_reason = plan->read_direct && plan->write_direct
					  ? "in place, both sides take direct I/O"
					  : "in place, one side takes direct I/O";
	}
	plan->write_now = !plan->write_direct;
}

/* Blocks are taken before data is written, over holes only where that was asked
 * for: early "no space", one extent, and no size change that would serialise direct
 * writes.  The size is left alone where it is not that of the data to come (P6). */
int way_reserve(struct job_env *env, struct job *job, const struct stream_plan *plan)
{
	bool asked = env->settings->preallocate && !plan->to_end;
	bool dense = plan->write_direct && !plan->sparse && !plan->find_zeros;
	uint64_t size = plan->size_bytes;
	int result;

	if (!asked && !dense)
		return 0;
	if (plan->pad_tail) /* P6: the size must be wrong until the data is there */
		size = (size + plan->align_bytes - 1) / plan->align_bytes * plan->align_bytes;
	result = sys_fallocate(env->stream.sys, job->target_fd, dense ? 0 : FALLOC_FL_KEEP_SIZE, 0,
			       (int64_t)size);
	if (asked)
		return result;
	return result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL ? 0 : result;
}
