/*
 * The log as everything below httpd sees it: a sink that somebody else installed. Each
 * message begins with a tag of its own ("TA0042: …"), unique in the tree and never reused,
 * and never holds a token, a code, a cookie, or a secret.
 */
#ifndef TA_UTIL_LOG_H
#define TA_UTIL_LOG_H

#include <apr_errno.h>

typedef enum ta_log_level { TA_LOG_ERROR, TA_LOG_WARNING, TA_LOG_INFO, TA_LOG_DEBUG } ta_log_level;

/* Where messages go. write gets one finished line without a newline. */
typedef struct ta_log {
    void (*write)(void *context, ta_log_level level, apr_status_t status, const char *message);
    void *context;
} ta_log;

/**
 * Writes one message to a sink.
 * @param log    the sink; NULL throws the message away
 * @param level  how urgent it is
 * @param status the cause, or APR_SUCCESS where there is no system error behind it
 * @param format printf format; begins with the tag
 */
void ta_log_write(const ta_log *log, ta_log_level level, apr_status_t status, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));

#endif
