/*
 * The session store from below: the memory that httpd's processes share, to damage it.
 */
import fs from 'node:fs';
import { movedAt } from './shared_table.mjs';

/* Mappings of the process that hold sessions: [start, size]. */
function sharedMappings(pid) {
    return fs.readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')
        .filter((line) => /^\S+ rw-s .*memfd:tinyauth-sessions/.test(line))
        .map((line) => line.split(/[- ]/).slice(0, 2).map((text) => parseInt(text, 16)))
        .map(([start, end]) => [start, end - start]);
}

/* Calls `use` with an open /proc/PID/mem of httpd's parent, which maps what its children do. */
function withMemory(httpd, use) {
    const fd = fs.openSync(`/proc/${httpd.child.pid}/mem`, 'r+');
    try {
        return use(fd);
    } finally {
        fs.closeSync(fd);
    }
}

/* Where the bytes `magic` stand in shared memory: addresses. */
export function findInStore(httpd, magic) {
    return withMemory(httpd, (fd) => sharedMappings(httpd.child.pid).flatMap(([start, size]) => {
        const bytes = Buffer.alloc(size);
        fs.readSync(fd, bytes, 0, size, start);
        const found = [];
        for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1)) {
            found.push(start + at);
        }
        return found;
    }));
}

/* Overwrites bytes at an address; returns what stood there. */
export function overwrite(httpd, address, bytes) {
    return withMemory(httpd, (fd) => {
        const before = Buffer.alloc(bytes.length);
        fs.readSync(fd, before, 0, before.length, address);
        fs.writeSync(fd, bytes, 0, bytes.length, address);
        return before;
    });
}

/* Breaks the store: it says that it has moved, to a place where there is nothing to be had. */
export function breakStore(httpd) {
    for (const [start] of sharedMappings(httpd.child.pid)) {
        overwrite(httpd, start + movedAt, Buffer.from([1]));
    }
}
