/*
 * The layout of the shared table (src/session/shared_table.h), for tests that damage it.
 */
export const blockBytes = 256;
const headBytes = 88;
const bodyBytes = 8;

/* Where a table says how large the other one is to which it has moved. */
export const movedAt = 8 + 4 + 4 + 8 + 8;

/* From the address of a record's first byte: that of its byte `offset`, where its blocks follow
   one another, as those of the first record in a table do. */
export function addressIn(record, offset) {
    const first = blockBytes - headBytes;
    if (offset < first) {
        return record + offset;
    }
    const rest = offset - first;
    const each = blockBytes - bodyBytes;
    const block = record - headBytes + blockBytes * (1 + Math.floor(rest / each));
    return block + bodyBytes + (rest % each);
}

/* From the same address: where the number of its second block stands. */
export const nextOf = (record) => record - headBytes;
