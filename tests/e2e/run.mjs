/*
 * Runs the end-to-end tests, several files side by side, and says what came of them:
 * a line per test, every failure in full, and the counts last.
 *
 *     node tests/e2e/run.mjs [--load] [--jobs N] [--minutes N] [name…]
 *
 * A name picks the files whose path holds it; none picks all. With --load it is the load and
 * fault tests (*.load.mjs) instead, which take long and have the machine to themselves.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { readOptions } from './support/options.mjs';

const folder = fileURLToPath(new URL('.', import.meta.url));

function testFiles(ending, names, under = folder) {
    return fs.readdirSync(under, { withFileTypes: true })
        .filter(({ name }) => name !== 'node_modules')
        .flatMap((entry) => {
            const file = path.join(under, entry.name);
            return entry.isDirectory() ? testFiles(ending, names, file) : [file];
        })
        .filter((file) => file.endsWith(ending))
        .filter((file) => names.length === 0
            || names.some((name) => path.relative(folder, file).includes(name)))
        .sort();
}

const { values, positionals } = readOptions(import.meta.url, {
    options: {
        load: { type: 'boolean', default: false },
        jobs: { type: 'string', default: String(Math.min(4, os.cpus().length)) },
        minutes: { type: 'string', default: '5' },
    },
    allowPositionals: true,
});

const files = testFiles(values.load ? '.load.mjs' : '.test.mjs', positionals);
const counts = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

/* Node reports a file that cannot even be loaded as a test that has the file's name. */
const isFile = (name) => files.includes(path.resolve(name));

/* Where a test stands, as a path below this folder; some versions of node say it as a URL. */
function placeOf({ file }) {
    const plain = file?.startsWith('file:') ? fileURLToPath(file) : file;
    return plain ? `${path.relative(folder, plain)}: ` : '';
}

/* Suites are headings, and a failed subtest makes its parents fail for no reason of theirs. */
function isCounted({ name, details }) {
    return details.type !== 'suite' && details.error?.failureType !== 'subtestsFailed'
        && !isFile(name);
}

function report(mark, event) {
    const { name, details } = event;
    console.log(`${mark} ${placeOf(event)}${name} (${Math.round(details.duration_ms)} ms)`);
}

function onPass(event) {
    if (!isCounted(event)) {
        return;
    }
    const skipped = event.skip !== undefined || event.todo !== undefined;
    counts[skipped ? 'skipped' : 'passed'] += 1;
    report(skipped ? 'skip' : 'ok  ', event);
}

/* A file's own failure is news only when none of its tests explains it. */
function onFail(event) {
    const explained = isFile(event.name) && failures.some((failure) => (
        placeOf(failure) === placeOf({ file: path.resolve(event.name) })
    ));
    if (explained || !(isCounted(event) || isFile(event.name))) {
        return;
    }
    counts.failed += 1;
    failures.push(event);
    report('FAIL', event);
}

/* What a broken file wrote is passed on as comments by some versions of node. */
function onText({ message }) {
    process.stdout.write(message.endsWith('\n') ? message : `${message}\n`);
}

const stream = run({
    files, concurrency: Number(values.jobs), timeout: Number(values.minutes) * 60000,
});
stream.on('test:pass', onPass);
stream.on('test:fail', onFail);
if (values.load) {
    /* what they measured is what they are for */
    stream.on('test:diagnostic', ({ message, file }) => file && console.log(`     ${message}`));
}
stream.on('test:stderr', onText);
stream.on('test:stdout', onText);
stream.resume();
stream.on('end', () => {
    for (const failure of failures) {
        const { name, details: { error } } = failure;
        console.log(`\n--- ${placeOf(failure)}${name}\n${inspect(error?.cause ?? error)}`);
    }
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
});
