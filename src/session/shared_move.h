/*
 * Moving a table to another size.
 */
#ifndef TA_SESSION_SHARED_MOVE_H
#define TA_SESSION_SHARED_MOVE_H

#include "session/shared_table.h"

/**
 * Moves everything to another, empty table, those unused for longest first, and leaves word
 * where it is. Others may use the old one meanwhile.
 * @param offset of the new one, in the same file; 0: it is in another file and nobody else uses
 *               the old one, which stays as it is
 */
apr_status_t ta_shared_move_table(ta_shared_table *from, ta_shared_table *to, apr_uint64_t offset);

#endif
