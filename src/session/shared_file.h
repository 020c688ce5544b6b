/*
 * The file that a shared table lies in: with a name, so that what is in it survives a stop and
 * a crash, or without one, as memory. Its first bytes say which of the tables in it counts.
 */
#ifndef TA_SESSION_SHARED_FILE_H
#define TA_SESSION_SHARED_FILE_H

#include "session/shared_table.h"

/**
 * Makes an empty file's first table.
 * @param fd      open for reading and writing, empty
 * @param reserve true: take the disk space now, so that nobody runs out of it while writing
 * @return an error of the system
 */
apr_status_t ta_shared_file_make(int fd, apr_size_t size, int reserve, ta_shared_table **table);

/**
 * Maps the table that counts in a file.
 * @param offset set to where it is
 * @return APR_EINVAL where there is none of this layout, or it is damaged
 */
apr_status_t ta_shared_file_map(int fd, ta_shared_table **table, apr_uint64_t *offset);

/**
 * Maps the table of a file that no process has open, and mends it.
 * @param is_first set where the table is the first of the file
 */
apr_status_t ta_shared_file_recover(int fd, ta_shared_table **table, int *is_first);

/**
 * Moves a table to a new one of another size behind it in the file, and gives the memory of the
 * old one back to the system. Other processes may be using it.
 * @param table the one that counts; the new one afterwards
 */
apr_status_t ta_shared_file_resize(int fd, apr_size_t size, int reserve, ta_shared_table **table);

#endif
