/*
 * Measures what a request costs that mod_tinyauth lets in, side by side with plain httpd and
 * with other ways to log people in. docs/performance.md says what is needed and what it means.
 *
 *     node tests/bench/run.mjs [--quick] [--sessions N,…] [--write FILE]
 *
 *   --quick         instructions only
 *   --sessions N,…  so many in the store, each measured by itself (default 1,10000,1000000)
 *   --write FILE    replaces what stands in FILE between the two marks
 */
import fs from 'node:fs';
import { httpdPath } from '../e2e/support/httpd_config.mjs';
import { readOptions } from '../e2e/support/options.mjs';
import { countInstructions } from './callgrind.mjs';
import { measureLoad, measureLogins } from './load.mjs';
import { scenes } from './scenes.mjs';
import { version } from './servers.mjs';
import {
    writeCpu, writeFunctions, writeHead, writeInstructions, writeLoad, writeLogins,
} from './table.mjs';

const begin = '<!-- measured: begin -->';
const end = '<!-- measured: end -->';

const { values } = readOptions(import.meta.url, {
    options: {
        quick: { type: 'boolean', default: false },
        sessions: { type: 'string', default: '1,10000,1000000' },
        write: { type: 'string' },
    },
});

function say(what) {
    console.error(`==> ${what}`);
}

async function countAll(sessions) {
    const results = [];
    let cookieLength;
    let functions;
    for (const many of sessions) {
        say(`instructions: ${scenes.tinyauth.name}, ${many} sessions`);
        const counted = await countInstructions(scenes.tinyauth, { sessions: many });
        results.push({ name: `mod_tinyauth, ${many.toLocaleString('en-US')} in the store`,
            ...counted });
        cookieLength ??= counted.cookieLength;
        functions ??= counted.inclusive.filter(([name]) => /^ta_.*mod_tinyauth/.test(name));
    }
    for (const key of ['plainCookie', 'plain', 'tinyauthGroups', 'tinyauthSession', 'openidc',
        'openidcGroups', 'basic']) {
        say(`instructions: ${scenes[key].name}`);
        const counted = await countInstructions(scenes[key], { cookieLength });
        results.push({ key, name: scenes[key].name, ...counted });
    }
    const base = results.find(({ key }) => key === 'plainCookie').instructions;
    return [writeInstructions(results, base), writeFunctions(functions)];
}

async function timeAll() {
    const { plainCookie, plain, tinyauth, tinyauthGroups, tinyauthSession, openidc, basic } = scenes;
    say('CPU time, requests per second, latency');
    const measured = await measureLoad([
        plainCookie, plain, tinyauth, tinyauthGroups, tinyauthSession, openidc, basic,
    ]);
    say('logins');
    const logins = await measureLogins([openidc, tinyauth, scenes.tinyauthRedirect]);
    return [writeCpu(measured), writeLoad(measured), writeLogins(logins)];
}

const sessions = values.sessions.split(',').map(Number);
const [counted, functions] = await countAll(sessions);
const timed = values.quick ? [] : await timeAll();
const text = [writeHead(httpdPath, version()), counted, ...timed, functions].join('\n\n');
console.log(text);
if (values.write) {
    const old = fs.readFileSync(values.write, 'utf8');
    const from = old.indexOf(begin);
    const to = old.indexOf(end);
    if (from < 0 || to < from) {
        throw new Error(`${values.write} has not the lines ${begin} and ${end}`);
    }
    fs.writeFileSync(values.write,
        `${old.slice(0, from + begin.length)}\n${text}\n${old.slice(to)}`);
}
process.exit(0);
