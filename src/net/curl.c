/*
 * How a request to a provider is made with libcurl: what libcurl may do and what not, when it
 * gives up, and which connections are kept for the next request.
 */
#include "net/curl.h"

#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <openssl/evp.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include "util/text.h"
#include "util/url.h"

#define IDLE_MAX          16    /* handles, each with its connections */
#define CONNECT_SECONDS   5     /* to reach the host at all */
#define TIMEOUT_MOST      60    /* nobody waits longer, whatever was asked for */
#define HEADER_BYTES      65536 /* of all header fields together */
#define CREDENTIALS_BYTES 16384

struct port {
    apr_thread_mutex_t *mutex; /* guards idle and idle_count */
    CURL *idle[IDLE_MAX];
    int idle_count;
    const char *user_agent;
};

/* One request under way. */
struct exchange {
    const ta_http_request *request;
    struct curl_slist *headers;
    ta_text body;
    apr_size_t header_bytes;
    apr_int64_t date;    /* of the answer's Date header, or 0 */
    const char *refusal; /* why we broke off, or NULL */
    char error[CURL_ERROR_SIZE];
};

/* What holds for every request. Options of libcurl that no line here names stay as libcurl has
 * them: no cookies, no compressed answers (a megabyte of zeros is a kilobyte on the wire). */
static const struct number_option {
    CURLoption option;
    long value;
} number_options[] = {
    {.option = CURLOPT_NOSIGNAL, .value = 1},
    /* a redirect could carry the credentials to another host */
    {.option = CURLOPT_FOLLOWLOCATION, .value = 0},
#if LIBCURL_VERSION_NUM < 0x075500
    {.option = CURLOPT_PROTOCOLS, .value = CURLPROTO_HTTP | CURLPROTO_HTTPS},
#endif
    {.option = CURLOPT_HTTP_VERSION, .value = CURL_HTTP_VERSION_1_1},
    {.option = CURLOPT_DISALLOW_USERNAME_IN_URL, .value = 1},
    {.option = CURLOPT_NETRC, .value = CURL_NETRC_IGNORED},
    /* RFC 9325 3.1.1: not below TLS 1.2 */
    {.option = CURLOPT_SSLVERSION, .value = CURL_SSLVERSION_TLSv1_2},
    {.option = CURLOPT_CONNECTTIMEOUT, .value = CONNECT_SECONDS},
    /* of each idle handle: the last form's and one more, not five */
    {.option = CURLOPT_MAXCONNECTS, .value = 2},
    {.option = CURLOPT_MAXFILESIZE, .value = TA_HTTP_BODY_BYTES},
};

/* --- the idle handles ------------------------------------------------------------------- */

static CURL *take_handle(struct port *port)
{
    CURL *handle = NULL;

    if (apr_thread_mutex_lock(port->mutex) == APR_SUCCESS) {
        if (port->idle_count > 0) {
            handle = port->idle[--port->idle_count];
        }
        apr_thread_mutex_unlock(port->mutex);
    }
    return handle ? handle : curl_easy_init();
}

static void give_back_handle(struct port *port, CURL *handle)
{
    /* now, not when it is taken again: its options point into the request's pool; the
     * connections stay */
    curl_easy_reset(handle);
    if (apr_thread_mutex_lock(port->mutex) == APR_SUCCESS) {
        if (port->idle_count < IDLE_MAX) {
            port->idle[port->idle_count++] = handle;
            handle = NULL;
        }
        apr_thread_mutex_unlock(port->mutex);
    }
    if (handle) {
        curl_easy_cleanup(handle);
    }
}

static apr_status_t close_handles(void *data)
{
    struct port *port = data;

    while (port->idle_count > 0) {
        curl_easy_cleanup(port->idle[--port->idle_count]);
    }
    return APR_SUCCESS;
}

/* --- what comes in ---------------------------------------------------------------------- */

/* RFC 9110 6.6.1 */
static apr_int64_t read_date(apr_pool_t *p, const char *line, size_t len)
{
    size_t name = strlen("Date:");
    time_t date;

    if (len <= name || strncasecmp(line, "Date:", name) != 0) {
        return 0;
    }
    date = curl_getdate(apr_pstrmemdup(p, line + name, len - name), NULL);
    return date > 0 ? date : 0;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
    struct exchange *exchange = context;
    size_t len = size * count;
    apr_int64_t date;

    if (len > HEADER_BYTES - exchange->header_bytes) {
        exchange->refusal = "the header of the answer is too long";
        return 0;
    }
    exchange->header_bytes += len;
    date = read_date(exchange->body.pool, bytes, len);
    exchange->date = date ? date : exchange->date;
    return len;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct exchange *exchange = context;

    ta_text_append_bytes(&exchange->body, bytes, size * count);
    return exchange->body.overflowed ? 0 : size * count;
}

/* --- what goes out ---------------------------------------------------------------------- */

/* RFC 9110 5.5: a line break in a field's value would begin a field of the sender's choice. */
static int is_header_line(const char *line)
{
    for (const char *c = line; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return 0;
        }
    }
    return 1;
}

static int add_header(struct exchange *exchange, const char *line)
{
    struct curl_slist *longer = NULL;

    if (!is_header_line(line)) {
        exchange->refusal = "not sent: a control character in a header";
        return 0;
    }
    longer = curl_slist_append(exchange->headers, line);
    if (!longer) {
        exchange->refusal = "not sent: out of memory";
        return 0;
    }
    exchange->headers = longer;
    return 1;
}

/* RFC 7617 section 2 */
static int add_basic(apr_pool_t *p, struct exchange *exchange, const char *credentials)
{
    apr_size_t len = strlen(credentials);
    unsigned char *encoded;

    if (len > CREDENTIALS_BYTES) {
        exchange->refusal = "not sent: the credentials are too long";
        return 0;
    }
    encoded = apr_palloc(p, 4 * ((len + 2) / 3) + 1);
    EVP_EncodeBlock(encoded, (const unsigned char *)credentials, (int)len);
    return add_header(exchange,
                      apr_pstrcat(p, "Authorization: Basic ", (const char *)encoded, NULL));
}

static int add_headers(apr_pool_t *p, struct exchange *exchange)
{
    const ta_http_request *request = exchange->request;

    /* an empty "Expect:" takes curl's own away, which costs a second where nobody knows it */
    if (!add_header(exchange, "Expect:")) {
        return 0;
    }
    if (request->accept &&
        !add_header(exchange, apr_pstrcat(p, "Accept: ", request->accept, NULL))) {
        return 0;
    }
    if (request->json && !add_header(exchange, "Content-Type: application/json")) {
        return 0;
    }
    if (request->api_key &&
        !add_header(exchange, apr_pstrcat(p, "X-API-KEY: ", request->api_key, NULL))) {
        return 0;
    }
    if (request->bearer) {
        /* RFC 6750 2.1 */
        return add_header(exchange,
                          apr_pstrcat(p, "Authorization: Bearer ", request->bearer, NULL));
    }
    return !request->basic || add_basic(p, exchange, request->basic);
}

static int set_fixed_options(CURL *handle)
{
    for (apr_size_t i = 0; i < sizeof(number_options) / sizeof(number_options[0]); i++) {
        if (curl_easy_setopt(handle, number_options[i].option, number_options[i].value)) {
            return 0;
        }
    }
#if LIBCURL_VERSION_NUM >= 0x075500
    return !curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return 1;
#endif
}

static int set_trust(CURL *handle, const ta_http_request *request)
{
    if (curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, request->insecure ? 0L : 1L) ||
        curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, request->insecure ? 0L : 2L)) {
        return 0;
    }
    /* libcurl would go on trusting the folder of the system's authorities beside the file */
    return !request->ca_file || (!curl_easy_setopt(handle, CURLOPT_CAINFO, request->ca_file) &&
                                 !curl_easy_setopt(handle, CURLOPT_CAPATH, NULL));
}

static int set_body(CURL *handle, const ta_http_request *request)
{
    const char *body = request->form ? request->form : request->json;

    if (!body) {
        return 1;
    }
    if (request->put && curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, "PUT")) {
        return 0;
    }
    /* When a kept connection turns out to be dead, libcurl sends the request again on a new
     * one. A GET may be repeated (RFC 9110 9.2.2), but a code may be spent only once: bodies
     * always get a connection of their own. */
    return !curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L) &&
           !curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body)) &&
           !curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body);
}

static int set_request(CURL *handle, const struct port *port, struct exchange *exchange)
{
    const ta_http_request *request = exchange->request;
    int wanted = request->timeout_seconds;
    long timeout = wanted > 0 && wanted < TIMEOUT_MOST ? wanted : TIMEOUT_MOST;

    return set_fixed_options(handle) && set_trust(handle, request) && set_body(handle, request) &&
           !curl_easy_setopt(handle, CURLOPT_URL, request->url) &&
           !curl_easy_setopt(handle, CURLOPT_TIMEOUT, timeout) &&
           !curl_easy_setopt(handle, CURLOPT_USERAGENT, port->user_agent) &&
           !curl_easy_setopt(handle, CURLOPT_HTTPHEADER, exchange->headers) &&
           !curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, exchange->error) &&
           !curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header) &&
           !curl_easy_setopt(handle, CURLOPT_HEADERDATA, exchange) &&
           !curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body) &&
           !curl_easy_setopt(handle, CURLOPT_WRITEDATA, exchange);
}

/* --- the whole exchange ----------------------------------------------------------------- */

/* RFC 9110 8.3.1: the type in any case of letters, then parameters behind a semicolon. */
static const char *media_type(apr_pool_t *p, const char *header)
{
    char *type = apr_pstrdup(p, header ? header : "");

    type[strcspn(type, "; \t")] = '\0';
    for (char *c = type; *c; c++) {
        *c = apr_tolower(*c);
    }
    return type;
}

/* The cause of a failure for the log; host and cause, for a query could hold secrets. */
static const char *cause(apr_pool_t *p, const struct exchange *exchange, CURLcode code)
{
    const char *words = *exchange->error ? exchange->error : curl_easy_strerror(code);

    if (exchange->refusal) {
        return exchange->refusal;
    }
    if (exchange->body.overflowed || code == CURLE_FILESIZE_EXCEEDED) {
        return apr_psprintf(p, "the answer is longer than %d bytes", TA_HTTP_BODY_BYTES);
    }
    return apr_psprintf(p, "%s%s", code == CURLE_OPERATION_TIMEDOUT ? "timeout: " : "",
                        ta_fault_quote(p, words));
}

static apr_status_t read_answer(CURL *handle, apr_pool_t *p, const struct exchange *exchange,
                                ta_http_response **response)
{
    ta_http_response *answer = apr_pcalloc(p, sizeof(*answer));
    const char *body, *type = NULL;
    long status = 0;

    if (curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status) ||
        curl_easy_getinfo(handle, CURLINFO_CONTENT_TYPE, &type) ||
        ta_text_finish(&exchange->body, &body) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    answer->status = (int)status;
    answer->content_type = media_type(p, type);
    answer->date = exchange->date;
    answer->body.data = (const unsigned char *)body;
    answer->body.len = exchange->body.len;
    *response = answer;
    return APR_SUCCESS;
}

/* True when no byte of the request has left us, so that what it holds cannot be spent. */
static int is_unsent(CURL *handle)
{
    long sent = 0;

    return curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
}

static apr_status_t send_request(void *context, apr_pool_t *p, const ta_http_request *request,
                                 ta_http_response **response, ta_fault *fault)
{
    struct exchange exchange = {.request = request};
    CURLcode code = CURLE_FAILED_INIT;
    apr_status_t rv = APR_EGENERAL;
    CURL *handle;
    ta_url *url;

    *response = NULL;
    if (!request->url || ta_url_parse(p, request->url, &url) != APR_SUCCESS) {
        ta_fault_set(fault, p, TA_REASON_PROVIDER_UNREACHABLE,
                     "not sent: the address is no http or https URL");
        return APR_ECONNREFUSED;
    }
    handle = take_handle(context);
    if (!handle) {
        ta_fault_set(fault, p, TA_REASON_PROVIDER_UNREACHABLE, "%s: not sent: out of memory",
                     url->host);
        return APR_ECONNREFUSED;
    }
    ta_text_init(&exchange.body, p, TA_HTTP_BODY_BYTES);
    if (add_headers(p, &exchange) && set_request(handle, context, &exchange)) {
        code = curl_easy_perform(handle);
    }
    if (code == CURLE_OK) {
        rv = read_answer(handle, p, &exchange, response);
    }
    if (rv != APR_SUCCESS) {
        ta_fault_set(fault, p, TA_REASON_PROVIDER_UNREACHABLE, "%s: %s", url->host,
                     cause(p, &exchange, code));
        rv = is_unsent(handle) ? APR_ECONNREFUSED : APR_EGENERAL;
    }
    give_back_handle(context, handle);
    curl_slist_free_all(exchange.headers);
    return rv;
}

apr_status_t ta_curl_start(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t ta_curl_make(apr_pool_t *p, const char *user_agent, ta_http **http)
{
    struct port *made = apr_pcalloc(p, sizeof(*made));
    ta_http *result = apr_pcalloc(p, sizeof(*result));
    apr_status_t rv = apr_thread_mutex_create(&made->mutex, APR_THREAD_MUTEX_DEFAULT, p);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    made->user_agent = apr_pstrdup(p, user_agent);
    apr_pool_cleanup_register(p, made, close_handles, apr_pool_cleanup_null);
    result->send = send_request;
    result->context = made;
    *http = result;
    return APR_SUCCESS;
}
