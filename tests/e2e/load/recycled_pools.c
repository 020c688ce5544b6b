/*
 * For ThreadSanitizer (tools/load --threads, tools/soak --sanitize thread), loaded before httpd.
 * The event MPM hands connections and their pools from one thread to another by atomic
 * operations, which nobody sees in an httpd and an APR that were not compiled with the sanitizer:
 * a pool to whoever accepts the next connection, and a connection that is to be closed to the
 * worker that does it. What both write into the pool would be called a race. Here those
 * hand-overs are said aloud: a pool is cleared before it is given away, and gets its tag when it
 * is taken; and whoever exchanges a pointer sees what those did who exchanged it before.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>

#include <apr_atomic.h>
#include <apr_pools.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

/* with pool debugging these are macros */
#undef apr_pool_clear
#undef apr_pool_tag

APR_DECLARE(void) apr_pool_clear(apr_pool_t *p)
{
    void (*clear)(apr_pool_t *);

    *(void **)&clear = dlsym(RTLD_NEXT, "apr_pool_clear");
    clear(p);
    __tsan_release(p);
}

APR_DECLARE(void) apr_pool_tag(apr_pool_t *p, const char *tag)
{
    void (*set)(apr_pool_t *, const char *);

    *(void **)&set = dlsym(RTLD_NEXT, "apr_pool_tag");
    __tsan_acquire(p);
    set(p, tag);
}

APR_DECLARE(void *) apr_atomic_casptr(volatile void **place, void *with, const void *expected)
{
    void *(*exchange)(volatile void **, void *, const void *);
    void *found;

    *(void **)&exchange = dlsym(RTLD_NEXT, "apr_atomic_casptr");
    __tsan_release((void *)place);
    found = exchange(place, with, expected);
    __tsan_acquire((void *)place);
    return found;
}
