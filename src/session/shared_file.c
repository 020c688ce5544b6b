/*
 * Which table of a file counts, and how it is exchanged for another.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fallocate */
#endif
#include "session/shared_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <apr_errno.h>

#include "session/shared_move.h"

#define MAGIC "TASHARE"

typedef struct super_block {
    char magic[8];
    apr_uint32_t layout;
    apr_uint32_t unused;
    apr_uint64_t offset; /* of the table that counts */
    apr_uint64_t size;
} super_block;

/* Asked first: trying would fill the disk to its brim before it fails. */
static int has_room(int fd, apr_size_t size)
{
    struct statvfs info;

    return fstatvfs(fd, &info) != 0 || size / info.f_frsize < info.f_bavail;
}

static apr_status_t reserve_space(int fd, apr_uint64_t offset, apr_size_t size)
{
    return has_room(fd, size) ? posix_fallocate(fd, (off_t)offset, (off_t)size) : APR_ENOSPC;
}

/* Makes room for a table at the end of a file. */
static apr_status_t grow(int fd, apr_uint64_t offset, apr_size_t size, int reserve)
{
    struct stat before;
    apr_status_t rv;

    if (fstat(fd, &before) != 0 || ftruncate(fd, (off_t)(offset + size)) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    rv = reserve ? reserve_space(fd, offset, size) : APR_SUCCESS;
    if (rv != APR_SUCCESS && ftruncate(fd, before.st_size) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    return rv;
}

static apr_status_t write_super_block(int fd, apr_uint64_t offset, apr_size_t size)
{
    super_block super = {
        .magic = MAGIC, .layout = TA_SHARED_LAYOUT, .offset = offset, .size = size};
    ssize_t written = pwrite(fd, &super, sizeof(super), 0);

    if (written == (ssize_t)sizeof(super)) {
        return APR_SUCCESS;
    }
    return written < 0 ? APR_FROM_OS_ERROR(errno) : APR_ENOSPC;
}

apr_status_t ta_shared_file_make(int fd, apr_size_t size, int reserve, ta_shared_table **table)
{
    apr_status_t rv = grow(fd, TA_SHARED_ALIGNMENT, size, reserve);

    if (rv == APR_SUCCESS) {
        rv = ta_shared_table_make(fd, TA_SHARED_ALIGNMENT, size, table);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = write_super_block(fd, TA_SHARED_ALIGNMENT, size);
    if (rv != APR_SUCCESS) {
        ta_shared_table_unmap(*table);
    }
    return rv;
}

apr_status_t ta_shared_file_map(int fd, ta_shared_table **table, apr_uint64_t *offset)
{
    super_block super;

    if (pread(fd, &super, sizeof(super), 0) != (ssize_t)sizeof(super) ||
        memcmp(super.magic, MAGIC, sizeof(super.magic)) != 0 || super.layout != TA_SHARED_LAYOUT) {
        return APR_EINVAL;
    }
    *offset = super.offset;
    return ta_shared_table_map(fd, super.offset, (apr_size_t)super.size, table);
}

/* Where a crash came between moving a table and saying so in front. */
static apr_status_t finish_move(int fd, ta_shared_table **table, apr_uint64_t *offset)
{
    apr_uint64_t forward = ta_shared_get64(&(*table)->header->forward_offset);
    apr_uint64_t size = ta_shared_get64(&(*table)->header->forward_size);
    ta_shared_table *next;
    apr_status_t rv;

    if (!size) {
        return APR_SUCCESS;
    }
    rv = forward > *offset ? ta_shared_table_map(fd, forward, (apr_size_t)size, &next) : APR_EINVAL;
    if (rv == APR_SUCCESS) {
        *offset = forward;
        ta_shared_table_unmap(*table);
        *table = next;
        rv = write_super_block(fd, forward, (apr_size_t)size);
    }
    return rv;
}

apr_status_t ta_shared_file_recover(int fd, ta_shared_table **table, int *is_first)
{
    apr_uint64_t offset;
    apr_status_t rv = ta_shared_file_map(fd, table, &offset);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = finish_move(fd, table, &offset);
    if (rv == APR_SUCCESS) {
        rv = ta_shared_table_mend(*table);
    }
    if (rv != APR_SUCCESS) {
        ta_shared_table_unmap(*table);
    }
    *is_first = offset == TA_SHARED_ALIGNMENT;
    return rv;
}

/* The old table keeps only what leads to the new one. A file system that cannot do this keeps
 * the rest until the file is made anew. */
static void give_back(int fd, const ta_shared_table *table, apr_uint64_t offset)
{
#ifdef FALLOC_FL_PUNCH_HOLE
    const unsigned char *begin = (const unsigned char *)table->header;

    for (int i = 0; i <= table->stripe_count; i++) {
        const unsigned char *from =
            (const unsigned char *)table->stripes[i].header + TA_SHARED_STRIPE_HEADER;
        const unsigned char *to = i < table->stripe_count
                                      ? (const unsigned char *)table->stripes[i + 1].header
                                      : begin + table->size;

        if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                      (off_t)(offset + (apr_uint64_t)(from - begin)), to - from) != 0) {
            return;
        }
    }
#else
    (void)fd, (void)table, (void)offset;
#endif
}

/* Makes a table in a part of the file that was never written, and moves another one to it. */
static apr_status_t move_to(int fd, apr_uint64_t offset, apr_size_t size, ta_shared_table *old,
                            ta_shared_table **new)
{
    apr_status_t rv = ta_shared_table_make(fd, offset, size, new);

    if (rv == APR_SUCCESS && (rv = ta_shared_move_table(old, *new, offset)) != APR_SUCCESS) {
        ta_shared_table_unmap(*new);
    }
    return rv;
}

apr_status_t ta_shared_file_resize(int fd, apr_size_t size, int reserve, ta_shared_table **table)
{
    ta_shared_table *old = *table;
    ta_shared_table *new;
    apr_uint64_t offset;
    struct stat info;
    super_block super;
    apr_status_t rv;

    if (pread(fd, &super, sizeof(super), 0) != (ssize_t)sizeof(super) || fstat(fd, &info) != 0) {
        return APR_EGENERAL;
    }
    offset = ((apr_uint64_t)info.st_size + TA_SHARED_ALIGNMENT - 1) &
             ~(apr_uint64_t)(TA_SHARED_ALIGNMENT - 1);
    rv = grow(fd, offset, size, reserve);
    if (rv == APR_SUCCESS) {
        rv = move_to(fd, offset, size, old, &new);
    }
    if (rv != APR_SUCCESS) {
        /* nobody has been there yet; else the file would be longer after every try */
        return ftruncate(fd, info.st_size) == 0 ? rv : APR_FROM_OS_ERROR(errno);
    }
    rv = write_super_block(fd, offset, size);
    if (rv != APR_SUCCESS) {
        ta_shared_table_unmap(new);
        return rv;
    }
    give_back(fd, old, super.offset);
    ta_shared_table_unmap(old);
    *table = new;
    return APR_SUCCESS;
}
