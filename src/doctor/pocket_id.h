/*
 * Pocket ID's administration: its REST API, as far as a client of its needs it. The API key is
 * sent to Pocket ID alone, and never over plain http off this machine.
 */
#ifndef TA_DOCTOR_POCKET_ID_H
#define TA_DOCTOR_POCKET_ID_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "net/http.h"
#include "util/json.h"

typedef struct ta_pocket_id {
    apr_pool_t *pool;
    const ta_http *http;
    const char *url; /* without a slash at its end */
    const char *api_key;
    int insecure;
    const char *ca_file;
} ta_pocket_id;

/**
 * A client with its allowed groups.
 * @param record set to what Pocket ID has, NULL where it knows no such client
 * @return NULL, or a sentence about what went wrong; the same for all functions here
 */
const char *ta_pocket_id_get_client(const ta_pocket_id *pocket_id, const char *client_id,
                                    const ta_json **record);

/** Makes a client out of a record in JSON. */
const char *ta_pocket_id_create_client(const ta_pocket_id *pocket_id, const char *record);

/** Replaces the whole record of a client. */
const char *ta_pocket_id_replace_client(const ta_pocket_id *pocket_id, const char *client_id,
                                        const char *record);

/**
 * Has Pocket ID make one more secret (2.14 and later), or a new one instead of the old (before).
 * @param secret set to the secret, which Pocket ID shows only now
 */
const char *ta_pocket_id_make_secret(const ta_pocket_id *pocket_id, const char *client_id,
                                     const char **secret);

/** The id of a user group. @param id set to it, NULL where there is no group of that name */
const char *ta_pocket_id_find_group(const ta_pocket_id *pocket_id, const char *name,
                                    const char **id);

/** Makes an empty user group. @param id set to its id */
const char *ta_pocket_id_create_group(const ta_pocket_id *pocket_id, const char *name,
                                      const char **id);

/** Sets who may use a client. @param ids of const char*: ids of groups */
const char *ta_pocket_id_allow_groups(const ta_pocket_id *pocket_id, const char *client_id,
                                      const apr_array_header_t *ids);

#endif
