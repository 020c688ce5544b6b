/*
 * Mending a stripe whose writer died, or that lay in a file.
 */
#ifndef TA_SESSION_SHARED_MEND_H
#define TA_SESSION_SHARED_MEND_H

#include "session/shared_block.h"

/** Keeps of a stripe what is whole. For the holder of the mutex, or while nobody uses it. */
void ta_shared_mend_stripe(const ta_shared_stripe *stripe);

#endif
