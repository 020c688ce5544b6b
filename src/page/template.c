/*
 * How templates are read, and how values get into them: which tags there are, how deep they
 * may nest, and what every value goes through on its way out.
 */
#include "page/template.h"

#include <string.h>

#include <apr_strings.h>

#include "util/utf8.h"

#define NESTING_MAX 8   /* blocks within blocks in one source */
#define INCLUDE_MAX 4   /* templates within templates */
#define NAME_BYTES  64  /* the longest name in a tag */
#define WORDS_BYTES 512 /* the longest words in a tag */

enum node_kind { NODE_TEXT, NODE_VALUE, NODE_WORDS, NODE_IF, NODE_EACH };

struct node {
    enum node_kind kind;
    const char *text; /* the text, the name, or the key of the words */
    apr_size_t len;   /* of a text */
    struct node *children;
    struct node *otherwise; /* what stands behind {{else}} */
    struct node *next;
};

struct ta_template {
    struct node *nodes;
};

/* A block that has been opened and not yet closed. */
struct block {
    struct node *node;
    struct node **tail; /* where to go on behind the block */
    int has_else;
};

/* One source being read. */
struct reader {
    apr_pool_t *pool;
    const ta_template_library *library;
    const char *name;
    const char *source;
    const char *at; /* the tag being read, or what comes behind it */
    int depth;      /* of includes */
    struct node **tail;
    struct block blocks[NESTING_MAX];
    int block_count;
    const char **error;
};

/* --- reading ---------------------------------------------------------------------------- */

static apr_status_t fail(struct reader *reader, const char *what, const char *which)
{
    int line = 1;

    for (const char *c = reader->source; c < reader->at; c++) {
        line += *c == '\n';
    }
    *reader->error = apr_psprintf(reader->pool, "%s:%d: %s%s%s", reader->name, line, what,
                                  *which ? ": " : "", which);
    return APR_EINVAL;
}

static struct node *add_node(struct reader *reader, enum node_kind kind, const char *text,
                             apr_size_t len)
{
    struct node *node = apr_pcalloc(reader->pool, sizeof(*node));

    node->kind = kind;
    node->text = text;
    node->len = len;
    *reader->tail = node;
    reader->tail = &node->next;
    return node;
}

static int is_name(const char *name)
{
    apr_size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-");

    return len > 0 && name[len] == '\0';
}

static apr_status_t add_value(struct reader *reader, const char *name)
{
    add_node(reader, NODE_VALUE, name, 0);
    return APR_SUCCESS;
}

/* Blanks and line breaks in a row count as one blank, and none at the ends. */
static char *squeeze(apr_pool_t *p, const char *text)
{
    char *result = apr_palloc(p, strlen(text) + 1);
    char *end = result;

    for (; *text; text++) {
        int is_blank = *text == ' ' || *text == '\n';

        if (!is_blank) {
            *end++ = *text;
        } else if (end > result && end[-1] != ' ') {
            *end++ = ' ';
        }
    }
    end -= end > result && end[-1] == ' ';
    *end = '\0';
    return result;
}

/* " words" or "(context) words". */
static apr_status_t add_words(struct reader *reader, const char *content)
{
    const char *close = *content == '(' ? strchr(content, ')') : NULL;
    const char *words = squeeze(reader->pool, close ? close + 1 : content);

    if (!*words || (*content == '(' && !close) || (*content != '(' && *content != ' ')) {
        return fail(reader, "there is no such tag", apr_pstrcat(reader->pool, "_", content, NULL));
    }
    if (close) {
        words = apr_psprintf(reader->pool, "%.*s%c%s", (int)(close - content - 1), content + 1,
                             TA_LANGUAGE_CONTEXT, words);
    }
    add_node(reader, NODE_WORDS, words, 0);
    return APR_SUCCESS;
}

static apr_status_t open_block(struct reader *reader, enum node_kind kind, const char *name)
{
    struct block *block = &reader->blocks[reader->block_count];

    if (reader->block_count == NESTING_MAX) {
        return fail(reader, "blocks are nested too deeply", name);
    }
    reader->block_count++;
    block->node = add_node(reader, kind, name, 0);
    block->tail = reader->tail;
    block->has_else = 0;
    reader->tail = &block->node->children;
    return APR_SUCCESS;
}

static apr_status_t open_if(struct reader *reader, const char *name)
{
    return open_block(reader, NODE_IF, name);
}

static apr_status_t open_each(struct reader *reader, const char *name)
{
    return open_block(reader, NODE_EACH, name);
}

/* The innermost block when it is of a kind, else NULL. */
static struct block *innermost(struct reader *reader, enum node_kind kind)
{
    struct block *block = reader->block_count ? &reader->blocks[reader->block_count - 1] : NULL;

    return block && block->node->kind == kind ? block : NULL;
}

static apr_status_t turn_else(struct reader *reader, const char *name)
{
    struct block *block = innermost(reader, NODE_IF);

    if (!block || block->has_else) {
        return fail(reader, "{{else}} without {{#if}}", name);
    }
    block->has_else = 1;
    reader->tail = &block->node->otherwise;
    return APR_SUCCESS;
}

static apr_status_t close_block(struct reader *reader, enum node_kind kind)
{
    struct block *block = innermost(reader, kind);

    if (!block) {
        return fail(reader, "closes what is not open", kind == NODE_IF ? "if" : "each");
    }
    reader->tail = block->tail;
    reader->block_count--;
    return APR_SUCCESS;
}

static apr_status_t close_if(struct reader *reader, const char *name)
{
    (void)name;
    return close_block(reader, NODE_IF);
}

static apr_status_t close_each(struct reader *reader, const char *name)
{
    (void)name;
    return close_block(reader, NODE_EACH);
}

/* Templates include templates; INCLUDE_MAX ends it. */
static apr_status_t read_source(struct reader *reader);

static apr_status_t include(struct reader *reader, const char *name)
{
    struct reader inner = {
        .pool = reader->pool,
        .library = reader->library,
        .name = name,
        .source = reader->library ? reader->library->find(reader->library->context, name) : NULL,
        .depth = reader->depth + 1,
        .tail = reader->tail,
        .error = reader->error,
    };
    apr_status_t rv;

    if (!inner.source) {
        return fail(reader, "there is no such template", name);
    }
    if (inner.depth > INCLUDE_MAX) {
        return fail(reader, "templates are included too deeply", name);
    }
    rv = read_source(&inner);
    reader->tail = inner.tail;
    return rv;
}

enum tag_content { CONTENT_NONE, CONTENT_NAME, CONTENT_WORDS };

/* All tags but the plain value. */
static const struct tag {
    const char *opening;
    enum tag_content content;
    int is_shown; /* else, alone on its line, it leaves no line behind */
    apr_status_t (*read)(struct reader *reader, const char *content);
} tags[] = {
    {.opening = "#if ", .content = CONTENT_NAME, .read = open_if},
    {.opening = "#each ", .content = CONTENT_NAME, .read = open_each},
    {.opening = "> ", .content = CONTENT_NAME, .read = include},
    {.opening = "_", .content = CONTENT_WORDS, .is_shown = 1, .read = add_words},
    {.opening = "else", .read = turn_else},
    {.opening = "/if", .read = close_if},
    {.opening = "/each", .read = close_each},
};

static const struct tag value_tag = {
    .opening = "", .content = CONTENT_NAME, .is_shown = 1, .read = add_value};

static const struct tag *find_tag(const char *content)
{
    for (apr_size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        const struct tag *tag = &tags[i];

        if (tag->content ? strncmp(content, tag->opening, strlen(tag->opening)) == 0
                         : strcmp(content, tag->opening) == 0) {
            return tag;
        }
    }
    return &value_tag;
}

/* Reads the tag at reader->at and goes on behind it. */
static apr_status_t read_tag(struct reader *reader)
{
    const char *begin = reader->at + strlen("{{");
    const char *end = strstr(begin, "}}");
    const struct tag *tag;
    const char *content, *inside;
    int begins_line = reader->at == reader->source || reader->at[-1] == '\n';
    apr_status_t rv;

    if (!end || end - begin > (*begin == '_' ? WORDS_BYTES : NAME_BYTES)) {
        return fail(reader, "a tag is not closed", "");
    }
    content = apr_pstrmemdup(reader->pool, begin, (apr_size_t)(end - begin));
    tag = find_tag(content);
    inside = content + strlen(tag->opening);
    if (tag->content == CONTENT_NAME && !is_name(inside)) {
        return fail(reader, "there is no such tag", content);
    }
    rv = tag->read(reader, inside);
    reader->at = end + strlen("}}");
    if (!tag->is_shown && begins_line && *reader->at == '\n') {
        reader->at++;
    }
    return rv;
}

static apr_status_t read_source(struct reader *reader)
{
    const char *tag;

    reader->at = reader->source;
    while ((tag = strstr(reader->at, "{{")) != NULL) {
        apr_status_t rv;

        if (tag > reader->at) {
            add_node(reader, NODE_TEXT, reader->at, (apr_size_t)(tag - reader->at));
        }
        reader->at = tag;
        rv = read_tag(reader);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    add_node(reader, NODE_TEXT, reader->at, strlen(reader->at));
    reader->at += strlen(reader->at);
    if (reader->block_count) {
        return fail(reader, "a block is not closed",
                    reader->blocks[reader->block_count - 1].node->text);
    }
    return APR_SUCCESS;
}

apr_status_t ta_template_parse(apr_pool_t *p, const char *name, const char *source,
                               const ta_template_library *library, ta_template **result,
                               const char **error)
{
    ta_template *template = apr_pcalloc(p, sizeof(*template));
    struct reader reader = {
        .pool = p,
        .library = library,
        .name = name,
        .source = source,
        .tail = &template->nodes,
        .error = error,
    };
    apr_status_t rv = read_source(&reader);

    *result = rv == APR_SUCCESS ? template : NULL;
    return rv;
}

/* --- rendering -------------------------------------------------------------------------- */

/* True for what could turn round the text that stands beside it (Unicode's Bidi_Control). */
static int is_bidi_control(apr_uint32_t c)
{
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

static int is_control(apr_uint32_t c)
{
    return (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7f && c <= 0x9f);
}

/* What stands for a character, NULL: the character itself. */
static const char *find_replacement(apr_uint32_t c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return is_control(c) || is_bidi_control(c) ? "\357\277\275" : NULL;
    }
}

static void escape_bytes(ta_text *out, const char *text, apr_size_t rest)
{
    while (rest) {
        apr_uint32_t character;
        apr_size_t len = ta_utf8_read(text, rest, &character);
        const char *replacement = len ? find_replacement(character) : "\357\277\275";

        len = len ? len : 1;
        if (replacement) {
            ta_text_append(out, replacement);
        } else {
            ta_text_append_bytes(out, text, len);
        }
        text += len;
        rest -= len;
    }
}

void ta_template_escape(ta_text *out, const char *text)
{
    escape_bytes(out, text, text ? strlen(text) : 0);
}

/* The end of "{name}" at the beginning of a text, and the name; NULL: there is none. */
static const char *read_placeholder(const char *text, char name[NAME_BYTES])
{
    const char *end = *text == '{' ? strchr(text, '}') : NULL;
    apr_size_t len = end ? (apr_size_t)(end - text - 1) : 0;

    if (!len || len >= NAME_BYTES) {
        return NULL;
    }
    memcpy(name, text + 1, len);
    name[len] = '\0';
    return is_name(name) ? end + 1 : NULL;
}

/* A value among words: by itself where one of them is written from right to left. */
static void render_isolated(const char *text, const ta_language *language, ta_text *out)
{
    int is_isolated =
        strcmp(ta_language_direction(language), "rtl") == 0 || ta_utf8_has_right_to_left(text);

    ta_text_append(out, is_isolated ? "<bdi>" : NULL);
    ta_template_escape(out, text);
    ta_text_append(out, is_isolated ? "</bdi>" : NULL);
}

static void render_words(const char *words, const ta_values *values, const ta_language *language,
                         ta_text *out)
{
    char name[NAME_BYTES];

    while (*words) {
        const char *end = read_placeholder(words, name);
        apr_size_t plain = 1 + strcspn(words + 1, "{");

        if (end) {
            render_isolated(ta_values_find_text(values, name), language, out);
            words = end;
        } else {
            escape_bytes(out, words, plain);
            words += plain;
        }
    }
}

/* Blocks hold blocks; NESTING_MAX and INCLUDE_MAX bound the depth. */
static void render_nodes(const struct node *node, const ta_values *values,
                         const ta_language *language, ta_text *out);

static void render_each(const struct node *node, const ta_values *values,
                        const ta_language *language, ta_text *out)
{
    const apr_array_header_t *list = ta_values_find_list(values, node->text);

    for (int i = 0; list && i < list->nelts; i++) {
        render_nodes(node->children, APR_ARRAY_IDX(list, i, const ta_values *), language, out);
    }
}

static void render_nodes(const struct node *node, const ta_values *values,
                         const ta_language *language, ta_text *out)
{
    for (; node; node = node->next) {
        switch (node->kind) {
        case NODE_TEXT:
            ta_text_append_bytes(out, node->text, node->len);
            break;
        case NODE_VALUE:
            ta_template_escape(out, ta_values_find_text(values, node->text));
            break;
        case NODE_WORDS:
            render_words(ta_language_text(language, node->text), values, language, out);
            break;
        case NODE_IF:
            render_nodes(*ta_values_find_text(values, node->text) ||
                                 ta_values_find_list(values, node->text)
                             ? node->children
                             : node->otherwise,
                         values, language, out);
            break;
        case NODE_EACH:
            render_each(node, values, language, out);
            break;
        }
    }
}

void ta_template_render(const ta_template *template, const ta_values *values,
                        const ta_language *language, ta_text *out)
{
    render_nodes(template->nodes, values, language, out);
}
