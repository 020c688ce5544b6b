/*
 * Words of memory that several processes read and write at once. Readers take no lock, so
 * every word is an atomic one: read with acquire and written with release, which are plain
 * moves on x86. Whoever sees what a writer wrote in the middle of a change so also sees that
 * the sequence counter, written before it, has moved on.
 */
#ifndef TA_SESSION_SHARED_WORD_H
#define TA_SESSION_SHARED_WORD_H

#include <string.h>

#include <apr.h>

/* A word as it is now. */
static inline apr_uint32_t ta_shared_get32(const apr_uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* The same for a long word. */
static inline apr_uint64_t ta_shared_get64(const apr_uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Sets a word; what was written before is seen before. */
static inline void ta_shared_set32(apr_uint32_t *word, apr_uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* The same for a long word. */
static inline void ta_shared_set64(apr_uint64_t *word, apr_uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Adds to a word that only the holder of a lock writes. */
static inline void ta_shared_add32(apr_uint32_t *word, apr_int32_t change)
{
    ta_shared_set32(word, ta_shared_get32(word) + (apr_uint32_t)change);
}

/* The same for a long word. */
static inline void ta_shared_add64(apr_uint64_t *word, apr_int64_t change)
{
    ta_shared_set64(word, ta_shared_get64(word) + (apr_uint64_t)change);
}

/*
 * Copies words that somebody may be changing at this moment; the copy counts only where the
 * sequence counter, looked at behind ta_shared_end_copy, has not moved. C11 knows no such race on
 * plain memory. Compilers and processors that are in use do what the kernel's own sequence locks
 * expect of them: whatever the copy made of the race is thrown away, and the fence keeps it in
 * front of the second look. ThreadSanitizer is shown the words as they are meant, one by one.
 */
static inline void ta_shared_copy(apr_uint64_t *to, const apr_uint64_t *from, apr_size_t words)
{
#ifdef __SANITIZE_THREAD__
    for (; words; words--) {
        *to++ = ta_shared_get64(from++);
    }
#else
    memcpy(to, from, words * sizeof(*to));
#endif
}

/* Behind the last copy, before the second look at the sequence counter. */
static inline void ta_shared_end_copy(void)
{
#ifndef __SANITIZE_THREAD__
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

/* From here to the end of a change readers do not believe what they see. */
static inline void ta_shared_begin_change(apr_uint32_t *sequence)
{
    ta_shared_set32(sequence, ta_shared_get32(sequence) | 1);
}

/* Readers who began before it, or in it, read once more. */
static inline void ta_shared_end_change(apr_uint32_t *sequence)
{
    ta_shared_add32(sequence, 1);
}

#endif
