/*
 * What tinyauth-doctor says: a heading for each thing it looks at, a line with a mark for each
 * check, and below what is wrong what to do about it.
 */
#ifndef TA_DOCTOR_REPORT_H
#define TA_DOCTOR_REPORT_H

#include <apr_file_io.h>
#include <apr_pools.h>

typedef enum ta_report_mark {
    TA_REPORT_GOOD,
    TA_REPORT_NOTE,    /* neither good nor bad: something to know */
    TA_REPORT_WARNING, /* works, but should not stay as it is */
    TA_REPORT_WRONG,   /* nobody can log in like that */
    TA_REPORT_MARKS
} ta_report_mark;

typedef struct ta_report ta_report;

/**
 * Makes an empty report.
 * @param p    pool of the report
 * @param out  where it is written, line by line; NULL: it only counts
 * @param utf8 true where the reader's terminal shows UTF-8: the marks are ticks and crosses
 */
ta_report *ta_report_make(apr_pool_t *p, apr_file_t *out, int utf8);

/** Writes a heading. */
void ta_report_heading(ta_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * Writes one check's outcome.
 * @param what   what was looked at: "clock"
 * @param format what was found
 */
void ta_report_line(ta_report *report, ta_report_mark mark, const char *what, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

/** Writes what to do, below the line before. */
void ta_report_advice(ta_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** How many lines have this mark so far. */
int ta_report_count(const ta_report *report, ta_report_mark mark);

#endif
