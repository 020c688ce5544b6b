/*
 * Reading an audit log: every line has to be JSON.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { sleep } from './ports.mjs';

export function auditLines(site, name = 'logs/audit.log') {
    const text = fs.readFileSync(site.httpd.file(name), 'utf8');
    assert.ok(text === '' || text.endsWith('\n'), 'the last line is not whole');
    return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/* The lines of one event, the members that the test is about alone. */
export function auditEvents(site, event, members) {
    return auditLines(site).filter((line) => line.event === event).map((line) => (
        Object.fromEntries(members.filter((name) => name in line).map((name) => [name, line[name]]))
    ));
}

/* For what a program writes behind a pipe. */
export async function waitForLines(read, count, seconds = 5) {
    for (let waited = 0; waited < seconds * 1000; waited += 50) {
        const lines = read();
        if (lines.length >= count) {
            return lines;
        }
        await sleep(50);
    }
    return assert.fail(`there are not ${count} lines`);
}
