/*
 * People who log in, look at pages, are asked about at the provider again and again, and log
 * out, all at the same time, through one process with many threads. Also what runs under
 * ThreadSanitizer (tools/load --threads).
 *
 * TINYAUTH_LOAD_PEOPLE: how many (default 200).
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, startSite } from '../harness.mjs';
import { describe, loginWithLiar } from '../support/login_steps.mjs';
import { tally } from '../support/measure.mjs';

const people = Number(process.env.TINYAUTH_LOAD_PEOPLE ?? 200);
const atATime = 8;
const pages = 12;
const mpm = 'StartServers 1\nServerLimit 1\nThreadsPerChild 16\nMaxRequestWorkers 16';

async function logOut(browser, url) {
    const asked = await browser.get(url('/tinyauth/logout'));
    const form = asked.forms.find(({ method }) => method === 'POST');
    assert.ok(form, describe(asked));
    const done = await browser.submit(asked, form);
    assert.equal(done.status, 200, describe(done));
}

async function live({ url }, seen) {
    const browser = new Browser({ timeout: 60000 });
    const page = await loginWithLiar(browser, url('/'));
    assert.equal(page.status, 200, describe(page));
    for (let i = 0; i < pages; i += 1) {
        const both = await Promise.all([url('/'), url('/page')].map((each) => browser.fetch(each)));
        for (const { status } of both) {
            seen.push(status);
        }
    }
    await logOut(browser, url);
    seen.push(`${(await browser.fetch(url('/'))).status} after the log-out`);
}

test(`${people} people at once`, async (t) => {
    const site = await startSite(t, {
        liar: {}, server: `${mpm}\nTinyauthRevalidate 1`, logLevel: 'warn',
    });
    const seen = [];
    let left = people;
    const worker = async () => {
        while (left > 0) {
            left -= 1;
            await live(site, seen);
        }
    };
    await Promise.all(Array.from({ length: atATime }, worker));
    t.diagnostic(`${people} logins: ${tally(seen)}; `
        + `${site.op.requests.count('token')} token and ${site.op.requests.count('userinfo')} `
        + 'userinfo requests');
    assert.equal(seen.filter((each) => each === 200).length, people * pages * 2);
    assert.equal(seen.filter((each) => /^401 after/.test(each)).length, people);
    assert.deepEqual(site.op.problems, []);
});
