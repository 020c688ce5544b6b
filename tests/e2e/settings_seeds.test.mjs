/*
 * The seeds of the fuzz target for settings, read by the real httpd: as a directive of a server,
 * as one of a provider, and as an environment variable. Each is taken or refused in words; none
 * brings "httpd -t" down. (The fuzzer itself has to do without httpd.)
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { configTest } from './harness.mjs';

const folder = new URL('../fuzz/seeds/fuzz_settings/', import.meta.url);
const seeds = fs.readdirSync(folder).map((file) => {
    const [name, ...value] = fs.readFileSync(new URL(file, folder), 'latin1').split('\n');
    return { file, name, value: value.join('\n') };
});

/* What can stand in a configuration file, or in an environment, at all. */
const isWritable = ({ name, value }) => /^\w[\w-]*$/.test(name) && !/[\n\0]/.test(value);
const quote = (text) => `"${text.replace(/[\\"]/g, '\\$&')}"`;
const provider = (line = '') => ['<TinyauthProvider seed>', 'TinyauthIssuer https://id.example.com',
    'TinyauthClientID client', line, '</TinyauthProvider>'].join('\n');

async function assertAnswered(what, conf, env) {
    const { code, stderr } = await configTest(conf, { env });
    assert.notEqual(code, null, `${what}: httpd -t crashed\n${stderr}`);
    assert.ok(code === 0 ? /Syntax OK/.test(stderr) : stderr.trim(), `${what}: not a word`);
    assert.doesNotMatch(stderr, /Sanitizer|runtime error/, what);
    return code;
}

test('no value of a setting brings httpd down', async () => {
    const codes = [];
    const writable = seeds.filter(isWritable);
    assert.ok(writable.length >= 15);
    for (const { file, name, value } of writable) {
        const line = `${name} ${quote(value)}`;
        codes.push(await assertAnswered(`${file}, server`, `${provider()}\n${line}`));
        codes.push(await assertAnswered(`${file}, provider`, provider(line)));
        for (const prefix of ['', 'TINYAUTH_', 'TINYAUTH_OAUTH_PROVIDERS_']) {
            const env = { [`${prefix}${name.replaceAll('-', '_')}`]: value };
            codes.push(await assertAnswered(`${file}, ${prefix}`, provider(), env));
        }
    }
    assert.ok(codes.includes(0) && codes.some((code) => code > 0), 'some are right, some wrong');
});
