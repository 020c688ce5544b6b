/*
 * Writing the report; it counts what it wrote, which becomes the exit status.
 */
#include "doctor/report.h"

#include <stdarg.h>

#include <apr_strings.h>

struct ta_report {
    apr_pool_t *pool;
    apr_file_t *out;
    const char *const *marks;
    int counts[TA_REPORT_MARKS];
};

static const char *const utf8_marks[TA_REPORT_MARKS] = {
    [TA_REPORT_GOOD] = "\xe2\x9c\x93",
    [TA_REPORT_NOTE] = "\xc2\xb7",
    [TA_REPORT_WARNING] = "!",
    [TA_REPORT_WRONG] = "\xe2\x9c\x97",
};

static const char *const ascii_marks[TA_REPORT_MARKS] = {
    [TA_REPORT_GOOD] = "[ok]",
    [TA_REPORT_NOTE] = "[--]",
    [TA_REPORT_WARNING] = "[!!]",
    [TA_REPORT_WRONG] = "[no]",
};

ta_report *ta_report_make(apr_pool_t *p, apr_file_t *out, int utf8)
{
    ta_report *report = apr_pcalloc(p, sizeof(*report));

    report->pool = p;
    report->out = out;
    report->marks = utf8 ? utf8_marks : ascii_marks;
    return report;
}

/* Nothing is written where nobody reads. */
static void write_line(ta_report *report, const char *before, const char *text)
{
    if (report->out) {
        apr_file_printf(report->out, "%s%s\n", before, text);
    }
}

void ta_report_heading(ta_report *report, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line(report, "", apr_pvsprintf(report->pool, format, args));
    va_end(args);
}

void ta_report_line(ta_report *report, ta_report_mark mark, const char *what, const char *format,
                    ...)
{
    va_list args;

    va_start(args, format);
    write_line(report, apr_psprintf(report->pool, "  %s %s: ", report->marks[mark], what),
               apr_pvsprintf(report->pool, format, args));
    va_end(args);
    report->counts[mark]++;
}

void ta_report_advice(ta_report *report, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line(report, "      ", apr_pvsprintf(report->pool, format, args));
    va_end(args);
}

int ta_report_count(const ta_report *report, ta_report_mark mark)
{
    return report->counts[mark];
}
