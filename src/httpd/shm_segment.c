/*
 * Files of shared tables: which one is opened, and what becomes of one that cannot be used.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create */
#endif
#include "httpd/shm_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <http_config.h>
#include <http_log.h>

#include <apr_strings.h>

#include "httpd/module.h"
#include "httpd/values.h"
#include "session/shared_file.h"
#include "session/shared_move.h"

APLOG_USE_MODULE(tinyauth);

#define DEFAULT_SIZE ((apr_size_t)64 * 1024 * 1024)
#define MAXIMUM_SIZE (sizeof(void *) > 4 ? APR_INT64_C(1) << 40 : APR_INT64_C(1) << 30)
#define MAXIMUM_TEXT (sizeof(void *) > 4 ? "1024G" : "1G")
#define LOCK_TRIES   40
#define LOCK_PAUSE   50000 /* microseconds */

/* What outlives the module: no pointer into it, and nothing that another version reads in another
 * way: these members stay what they are. */
typedef struct kept_segment {
    const char *layout; /* of what lies in the file */
    int fd;
    const char *file;
} kept_segment;

static const char own_layout[] = "shm layout " APR_STRINGIFY(TA_SHARED_LAYOUT);

const char *ta_shm_segment_parse(apr_pool_t *p, const char *arguments, ta_shm_spec *spec)
{
    const char *rest = arguments ? arguments : "";
    apr_size_t len = strcspn(rest, ",");

    *spec = (ta_shm_spec){.size = DEFAULT_SIZE};
    if (*rest && strncmp(rest, "file=", 5) != 0) {
        const char *size = apr_pstrmemdup(p, rest, len);

        spec->size = ta_values_read_size(size, MAXIMUM_SIZE);
        if (spec->size < TA_SHARED_MINIMUM) {
            return apr_psprintf(p, "\"%s\" is not a size from 512K to %s: write shm:64M", size,
                                MAXIMUM_TEXT);
        }
        spec->size &= ~(apr_size_t)65535;
        rest += len + (rest[len] == ',');
    }
    if (!*rest) {
        return NULL;
    }
    if (strncmp(rest, "file=", 5) != 0 || !rest[5]) {
        return apr_psprintf(p, "\"%s\" is neither a size nor file=path: write shm:64M,file=/path",
                            rest);
    }
    spec->file = ap_server_root_relative(p, rest + 5);
    return spec->file ? NULL : apr_psprintf(p, "\"%s\" is not a path", rest + 5);
}

const char *ta_shm_segment_check(apr_pool_t *p, const ta_shm_spec *spec)
{
    struct stat info;
    const char *folder;

    if (!spec->file) {
        return NULL;
    }
    if (lstat(spec->file, &info) == 0) {
        return S_ISREG(info.st_mode) ? NULL
                                     : apr_psprintf(p, "names %s, which is not a file", spec->file);
    }
    folder = apr_pstrmemdup(p, spec->file, (apr_size_t)(strrchr(spec->file, '/') - spec->file) + 1);
    if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return apr_psprintf(p, "names a file in %s, which is not a folder: make it", folder);
    }
    return NULL;
}

static apr_status_t last_error(void)
{
    return APR_FROM_OS_ERROR(errno);
}

/* Memory that has a file descriptor but no name, and is nobody's after the last process. */
static apr_status_t open_memory(apr_pool_t *tmp, int *fd)
{
    char *name;

#ifdef MFD_CLOEXEC
    *fd = memfd_create("tinyauth-sessions", MFD_CLOEXEC);
    if (*fd >= 0) {
        return APR_SUCCESS;
    }
#endif
    name = ap_runtime_dir_relative(tmp, "tinyauth-sessions-XXXXXX");
    *fd = mkostemp(name, O_CLOEXEC);
    if (*fd < 0) {
        return last_error();
    }
    return unlink(name) == 0 ? APR_SUCCESS : last_error();
}

/* One httpd at a time. The lock goes with the last process that has the file open. */
static apr_status_t lock_file(int fd)
{
    for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
        if (errno != EWOULDBLOCK || i == LOCK_TRIES) {
            return last_error();
        }
        /* the processes of a httpd that was killed may not be gone yet */
        apr_sleep(LOCK_PAUSE);
    }
    return APR_SUCCESS;
}

/* False when whoever had the file before has put another one in its place, or renamed it. */
static int is_in_place(const char *path, int fd)
{
    struct stat named, opened;

    return lstat(path, &named) == 0 && fstat(fd, &opened) == 0 && named.st_dev == opened.st_dev &&
           named.st_ino == opened.st_ino;
}

/* The file that has the name once it is locked. */
static apr_status_t open_and_lock(const char *path, int *fd)
{
    for (;;) {
        apr_status_t rv;

        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (*fd < 0) {
            return last_error();
        }
        rv = lock_file(*fd);
        if (rv != APR_SUCCESS || is_in_place(path, *fd)) {
            return rv;
        }
        close(*fd);
    }
}

static apr_status_t open_file(const char *path, int *fd)
{
    apr_status_t rv = open_and_lock(path, fd);

    if (*fd < 0) {
        return rv;
    }
    /* also where it was there with other rights: sessions are nobody else's business */
    if (rv == APR_SUCCESS && fchmod(*fd, 0600) != 0) {
        rv = last_error();
    }
    if (rv != APR_SUCCESS) {
        close(*fd);
    }
    return rv;
}

static int is_empty(int fd)
{
    struct stat info;

    return fstat(fd, &info) == 0 && info.st_size == 0;
}

/* A file of another layout, or no file of ours at all: keeps it under another name. */
static apr_status_t set_aside(apr_pool_t *tmp, server_rec *s, const char *path, int *fd)
{
    const char *aside = apr_pstrcat(tmp, path, ".unusable", NULL);

    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                 "TA0304: %s holds no sessions that this version can read, or is damaged: it is "
                 "renamed to %s, and everybody has to log in again",
                 path, aside);
    if (rename(path, aside) != 0) {
        return last_error();
    }
    close(*fd);
    return open_file(path, fd);
}

/* Makes a file anew with another size, and takes its sessions along. */
static apr_status_t remake(apr_pool_t *tmp, const ta_shm_spec *spec, int *fd,
                           ta_shared_table **table)
{
    const char *path = apr_pstrcat(tmp, spec->file, ".new", NULL);
    ta_shared_table *new;
    apr_status_t rv;
    int new_fd;

    unlink(path);
    rv = open_file(path, &new_fd);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = ta_shared_file_make(new_fd, spec->size, 1, &new);
    if (rv == APR_SUCCESS) {
        rv = ta_shared_move_table(*table, new, 0);
        if (rv == APR_SUCCESS && rename(path, spec->file) != 0) {
            rv = last_error();
        }
        if (rv != APR_SUCCESS) {
            ta_shared_table_unmap(new);
        }
    }
    if (rv != APR_SUCCESS) {
        unlink(path);
        close(new_fd);
        return rv;
    }
    ta_shared_table_unmap(*table);
    close(*fd);
    *table = new;
    *fd = new_fd;
    return APR_SUCCESS;
}

/* Makes a file anew whose size was changed, now or by a reload before. In the latter case it only
 * gets rid of the empty place in front, for which nobody need go without a server. */
static apr_status_t tidy(apr_pool_t *tmp, server_rec *s, const ta_shm_spec *spec, int *fd,
                         ta_shared_table **table)
{
    apr_status_t rv = remake(tmp, spec, fd, table);

    if (rv == APR_SUCCESS || (*table)->size != spec->size) {
        return rv;
    }
    ap_log_error(APLOG_MARK, APLOG_WARNING, rv, s,
                 "TA0307: %s cannot be made anew, and serves as it is: since a reload changed its "
                 "size it is longer than it has to be",
                 spec->file);
    return APR_SUCCESS;
}

static apr_status_t start_in_file(apr_pool_t *tmp, server_rec *s, const ta_shm_spec *spec, int *fd,
                                  ta_shared_table **table)
{
    apr_status_t rv = open_file(spec->file, fd);
    int is_first;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!is_empty(*fd)) {
        rv = ta_shared_file_recover(*fd, table, &is_first);
        if (rv == APR_SUCCESS) {
            return is_first && (*table)->size == spec->size ? APR_SUCCESS
                                                            : tidy(tmp, s, spec, fd, table);
        }
        if (rv != APR_EINVAL) {
            return rv;
        }
        rv = set_aside(tmp, s, spec->file, fd);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    rv = ta_shared_file_make(*fd, spec->size, 1, table);
    if (rv != APR_SUCCESS) {
        /* half a file would be found damaged next time */
        unlink(spec->file);
    }
    return rv;
}

static apr_status_t start(apr_pool_t *tmp, server_rec *s, const ta_shm_spec *spec, int *fd,
                          ta_shared_table **table)
{
    apr_status_t rv;

    if (spec->file) {
        return start_in_file(tmp, s, spec, fd, table);
    }
    rv = open_memory(tmp, fd);
    return rv == APR_SUCCESS ? ta_shared_file_make(*fd, spec->size, 0, table) : rv;
}

/* After a graceful restart. What cannot be changed now stays as it is: sessions come first. */
static apr_status_t go_on(server_rec *s, const kept_segment *kept, const ta_shm_spec *spec,
                          ta_shared_table **table)
{
    apr_uint64_t offset;
    apr_status_t rv = ta_shared_file_map(kept->fd, table, &offset);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (strcmp(kept->file ? kept->file : "", spec->file ? spec->file : "") != 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "TA0303: the session store stays %s%s until httpd is stopped and started: a "
                     "reload changes its size, but not its file=",
                     kept->file ? "in " : "in memory", kept->file ? kept->file : "");
    }
    if ((*table)->size != spec->size) {
        rv = ta_shared_file_resize(kept->fd, spec->size, kept->file != NULL, table);
        if (rv != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                         "TA0302: the session store cannot be changed to %" APR_SIZE_T_FMT
                         " bytes and keeps its %" APR_SIZE_T_FMT
                         ": make room, or write a smaller size",
                         spec->size, (*table)->size);
        }
    }
    return APR_SUCCESS;
}

/* After a reload that brought a module of another layout, a newer one or an older. This process
 * has a file open, and locked against itself too; children of before go on in it until they end. */
static void leave_other_layout(kept_segment *kept)
{
    (void)flock(kept->fd, LOCK_UN);
    close(kept->fd);
    kept->layout = NULL;
}

typedef struct opened {
    ta_shared_table *table;
    pid_t pid;
} opened;

static apr_status_t close_table(void *data)
{
    opened *segment = data;

    /* a child's threads may still be reading when it ends */
    if (segment->pid == getpid()) {
        ta_shared_table_unmap(segment->table);
    }
    return APR_SUCCESS;
}

static void complain(server_rec *s, const ta_shm_spec *spec, apr_status_t rv)
{
    if (spec->file && APR_STATUS_IS_EAGAIN(rv)) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s,
                     "TA0306: another httpd has %s open: give each a file= of its own", spec->file);
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s,
                 "TA0305: the %" APR_SIZE_T_FMT
                 " bytes of the session store cannot be had in %s: make room, or write a smaller "
                 "size or another file=",
                 spec->size, spec->file ? spec->file : "memory");
}

/* Goes on with what is kept, or begins. */
static apr_status_t take(apr_pool_t *tmp, server_rec *s, const ta_shm_spec *spec,
                         kept_segment *kept, ta_shared_table **table)
{
    apr_pool_t *process = s->process->pool;
    apr_status_t rv;

    if (kept->layout && strcmp(kept->layout, own_layout) == 0) {
        return go_on(s, kept, spec, table);
    }
    if (kept->layout) {
        leave_other_layout(kept);
    }
    rv = start(tmp, s, spec, &kept->fd, table);
    if (rv == APR_SUCCESS) {
        kept->layout = apr_pstrdup(process, own_layout);
        kept->file = apr_pstrdup(process, spec->file);
    }
    return rv;
}

apr_status_t ta_shm_segment_open(apr_pool_t *pconf, server_rec *s, const char *name,
                                 const ta_shm_spec *spec, ta_shared_table **table)
{
    apr_pool_t *process = s->process->pool;
    const char *id = apr_pstrcat(pconf, "mod_tinyauth shm ", name, NULL);
    opened *segment = apr_pcalloc(pconf, sizeof(*segment));
    kept_segment *kept;
    void *found = NULL;
    apr_status_t rv;

    apr_pool_userdata_get(&found, id, process);
    kept = found;
    if (!kept) {
        kept = apr_pcalloc(process, sizeof(*kept));
        /* _set copies the name; _setn would point into a module that a reload unloads */
        apr_pool_userdata_set(kept, id, NULL, process);
    }
    rv = take(pconf, s, spec, kept, table);
    if (rv != APR_SUCCESS) {
        complain(s, spec, rv);
        return rv;
    }
    segment->table = *table;
    segment->pid = getpid();
    apr_pool_cleanup_register(pconf, segment, close_table, apr_pool_cleanup_null);
    return APR_SUCCESS;
}
