/*
 * Two httpds that share one store: logins live on the first, and the second sends browsers
 * there.
 */
import assert from 'node:assert/strict';
import { Browser } from './browser.mjs';
import { startHttpd } from './httpd.mjs';
import { freePort, sleep } from './ports.mjs';
import { protectedLocation, providerSection, startSite } from './site.mjs';

export const secretFile = {
    'run/secret': { text: 'one secret for both of them, long enough\n', mode: 0o600 },
};

export const storeLines = (server, store) => [
    `TinyauthSessionStore ${store}`, `TinyauthSecretFile ${server.dir}/run/secret`,
].join('\n');

/* startSite() with a store of its own; `store` is what TinyauthSessionStore says. */
export function startWithStore(t, store, options = {}) {
    return startSite(t, {
        files: secretFile,
        write: ({ server, op, backend }) => [
            providerSection(op), storeLines(server, store),
            `ProxyPass "/" "${backend.url}/"`,
            protectedLocation('/', options.require ?? 'valid-user'),
            '<Location "/open">\n    Require all granted\n</Location>', options.server ?? '',
        ].join('\n'),
        ...options.site,
    });
}

/* Both, and the browser that is logged in on both of them. */
export async function startTwo(t, store, options = {}) {
    const first = await startWithStore(t, store, options);
    const port = await freePort();
    const conf = (server) => [
        providerSection(first.op), storeLines(server, store),
        `TinyauthAppURL ${first.origin}`,
        `ProxyPass "/" "${first.backend.url}/"`, protectedLocation('/', 'valid-user'),
        options.server ?? '',
    ].join('\n');
    const second = await startHttpd(t, {
        conf, port, files: secretFile, modules: ['proxy', 'proxy_http', ...(options.site?.modules ?? [])],
    });
    return { first, second };
}

export async function statusAt(browser, url) {
    const started = Date.now();
    const answer = await browser.fetch(url, { headers: { accept: 'application/json' } });
    return { status: answer.status, seconds: (Date.now() - started) / 1000, json: answer.json };
}

/* 503 within a second, as JSON for programs and as a page for people. */
export async function assertAway(browser, url) {
    const program = await statusAt(browser, url);
    assert.equal(program.status, 503);
    assert.equal(program.json.reason, 'store-unavailable');
    assert.ok(program.seconds < 1, `503 after ${program.seconds} s`);
    const started = Date.now();
    const page = await browser.get(url);
    assert.equal(page.status, 503);
    assert.match(page.body, /store-unavailable/);
    assert.deepEqual(page.setCookies, [], 'the session may still be good');
    assert.ok(Date.now() - started < 1000, `page after ${Date.now() - started} ms`);
}

/* Until the site answers with this status; a store that was away is found again. */
export async function untilStatus(browser, url, status, seconds = 10) {
    let last;
    for (let waited = 0; waited < seconds * 1000; waited += 100) {
        last = (await statusAt(browser, url)).status;
        if (last === status) {
            return;
        }
        await sleep(100);
    }
    assert.fail(`${last} instead of ${status} after ${seconds} s`);
}

export { Browser };
