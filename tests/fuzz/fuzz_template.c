/*
 * Templates and their values. Whatever a template is, parsing it ends, and whatever a value
 * is, it cannot end the text or attribute that it stands in.
 *
 *     value
 *     address
 *     template
 */
#include "fuzz.h"

#include <string.h>

#include "page/template.h"
#include "util/utf8.h"

static const char *find(const void *context, const char *name)
{
    (void)context;
    return strcmp(name, "part") == 0   ? "part {{value}}\n"
           : strcmp(name, "loop") == 0 ? "{{> loop}}"
                                       : NULL;
}

static void check_escape(apr_pool_t *p, const char *value)
{
    const char *escaped = "";
    ta_text out;

    ta_text_init(&out, p, 1 << 20);
    ta_template_escape(&out, value);
    (void)ta_text_finish(&out, &escaped);
    FUZZ_HOLDS(!strpbrk(escaped, "<>\"'\r"));
    FUZZ_HOLDS(ta_utf8_is_valid(escaped, strlen(escaped)));
}

void fuzz_one(apr_pool_t *p, ta_bytes input)
{
    const char *value = fuzz_take_line(p, &input);
    const char *address = fuzz_take_line(p, &input);
    const char *source = fuzz_take_rest(p, &input);
    ta_values *values = ta_values_make(p), *item;
    const char *error = NULL, *page = "";
    ta_template_library library = {.find = find};
    ta_template *template;
    ta_text out;

    check_escape(p, value);
    if (ta_template_parse(p, "input", source, &library, &template, &error) != APR_SUCCESS) {
        FUZZ_HOLDS(error && strchr(error, ':'));
        return;
    }
    ta_values_set(values, "value", value);
    ta_values_set_url(values, "address", address);
    item = ta_values_add_item(values, "list");
    ta_values_set(item, "name", value);
    ta_values_set(ta_values_add_item(values, "list"), "value", "another");
    for (apr_size_t i = 0; i == 0 || ta_language_at(i - 1); i++) {
        ta_text_init(&out, p, 65536);
        ta_template_render(template, values, i ? ta_language_at(i - 1) : NULL, &out);
        (void)ta_text_finish(&out, &page);
        FUZZ_HOLDS(strlen(page) <= 65536);
    }
}
