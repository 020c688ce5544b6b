/*
 * What a message looks like when it reaches the sink: one line, of bounded length.
 */
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES 2048

/* Whoever can put a line break into a log can write lines of their own into it. */
static void make_one_line(char *line)
{
    for (char *c = line; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = ' ';
        }
    }
}

void ta_log_write(const ta_log *log, ta_log_level level, apr_status_t status, const char *format,
                  ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    int len;

    if (!log || !log->write) {
        return;
    }
    va_start(arguments, format);
    len = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (len >= 0) {
        make_one_line(line);
        log->write(log->context, level, status, line);
    }
}
