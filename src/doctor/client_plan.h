/*
 * Creating or repairing our client at Pocket ID: first what there is, then what is to be done,
 * in words; and only when somebody agrees, the doing.
 */
#ifndef TA_DOCTOR_CLIENT_PLAN_H
#define TA_DOCTOR_CLIENT_PLAN_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "doctor/layout.h"
#include "doctor/pocket_id.h"
#include "doctor/report.h"

/* What is wanted. */
typedef struct ta_client_wish {
    const ta_layout_client *client;
    const char *name;                         /* of a new client, as people see it at Pocket ID */
    const apr_array_header_t *groups;         /* of const char*: who may use it; empty: as it is */
    const apr_array_header_t *default_groups; /* for a client that nobody may use yet */
    int unrestricted;                         /* everybody may use it */
    int has_secret;                           /* there is one in its file */
    int is_secret_accepted;                   /* 0: it is wrong; -1: nobody can tell */
} ta_client_wish;

typedef struct ta_client_plan ta_client_plan;

/**
 * Looks at what there is, and says what is to be done.
 * @param plan set to the plan
 * @return NULL, or a sentence about what is wrong
 */
const char *ta_client_plan_make(const ta_pocket_id *pocket_id, const ta_client_wish *wish,
                                ta_client_plan **plan);

/** The steps in words, in their order; array of const char*, empty where all is well. */
const apr_array_header_t *ta_client_plan_steps(const ta_client_plan *plan);

/** Does it, and reports each step. Ends at the first that fails. */
void ta_client_plan_carry_out(ta_client_plan *plan, ta_report *report);

#endif
