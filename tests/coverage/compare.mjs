/*
 * Holds what no unit test and no seed reaches against what tests/coverage/unreached.txt
 * explains. Run by tools/coverage.
 *
 *     node tests/coverage/compare.mjs [--end-to-end] GCOVR.json unreached.txt
 *
 * The list knows lines by their text, so that it survives changes elsewhere in the file:
 *
 *     # a reason, in a line or more
 *     src/file.c: the line, without its indentation
 *
 * Where a reason begins with "End to end", the end-to-end tests reach the lines. With --end-to-end
 * they have been counted, too, and it must be true. Where it begins with "At times", some runs reach
 * them and some do not.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values, positionals: [measured, list] } = parseArgs({
    options: { 'end-to-end': { type: 'boolean', default: false } }, allowPositionals: true,
});

const textOf = (() => {
    const files = new Map();
    return (file, number) => {
        if (!files.has(file)) {
            files.set(file, fs.readFileSync(path.join(root, file), 'utf8').split('\n'));
        }
        return files.get(file)[number - 1].trim();
    };
})();

/* Keys of lines that were not reached, or that have a branch that was not taken. */
function unreached({ files }) {
    const found = new Map();
    for (const { file, lines } of files) {
        for (const line of lines) {
            const isCode = !line['gcovr/noncode'];
            if (isCode && (line.count === 0 || line.branches.some(({ count }) => count === 0))) {
                found.set(`${file}: ${textOf(file, line.line_number)}`, line.line_number);
            }
        }
    }
    return found;
}

/* Entries of the list, and when they are reached; each must stand below a reason. */
function explained(text) {
    const entries = new Map();
    let reason;
    for (const line of text.split('\n')) {
        if (line === '') {
            reason = undefined;
        } else if (line.startsWith('#')) {
            reason ??= line;
        } else if (reason) {
            entries.set(line, /^# (End to end|At times)/.exec(reason)?.[1]);
        } else {
            console.log(`${list}: no reason above: ${line}`);
            process.exitCode = 1;
        }
    }
    return entries;
}

const missing = unreached(JSON.parse(fs.readFileSync(measured, 'utf8')));
const entries = explained(fs.readFileSync(list, 'utf8'));
const news = [...missing].filter(([key]) => !entries.has(key));
for (const [key, number] of news) {
    console.log(`not reached, and nobody says why (line ${number}): ${key}`);
}
const old = [...entries.keys()].filter((key) => {
    const [file, ...rest] = key.split(': ');
    const text = fs.existsSync(path.join(root, file))
        ? fs.readFileSync(path.join(root, file), 'utf8') : '';
    return !text.split('\n').some((line) => line.trim() === rest.join(': '));
});
for (const key of old) {
    console.log(`${list}: there is no such line any more: ${key}`);
}
const untrue = [...entries].filter(([key, when]) => (
    values['end-to-end'] && when === 'End to end' && missing.has(key)
));
for (const [key] of untrue) {
    console.log(`no end-to-end test reaches it: ${key}`);
}
const now = [...entries].filter(([key, when]) => (
    when !== 'At times' && !missing.has(key) && !old.includes(key) && !values['end-to-end']
)).map(([key]) => key);
if (now.length > 0) {
    console.log(`reached now, and could leave the list:\n  ${now.join('\n  ')}`);
}
if (news.length > 0 || old.length > 0 || untrue.length > 0) {
    process.exitCode = 1;
}
