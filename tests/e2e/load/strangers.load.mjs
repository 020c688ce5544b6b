/*
 * What strangers can do without a login: begin logins and never finish them, and send
 * callbacks that nobody asked for. Memory, descriptors, the store and other people's sessions
 * stay as they were.
 *
 * TINYAUTH_LOAD_LOGINS (default 100,000) and TINYAUTH_LOAD_CALLBACKS (default 10,000).
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { Browser, startSite } from '../harness.mjs';
import { describe, loginWithLiar, reachCallback } from '../support/login_steps.mjs';
import { descriptorsOf, getOnce, many, memoryOf, tally } from '../support/measure.mjs';

const logins = Number(process.env.TINYAUTH_LOAD_LOGINS ?? 100000);
const callbacks = Number(process.env.TINYAUTH_LOAD_CALLBACKS ?? 10000);
const html = { accept: 'text/html' };

/* Processes that do not come and go, so that memory can be compared; quiet, so that the log is
   not what is measured. */
const server = ['MaxSpareThreads 64', 'MinSpareThreads 8', 'LogLevel tinyauth:error'].join('\n');

async function startCrowded(t) {
    const site = await startSite(t, { liar: {}, logLevel: 'error', mpm: 'worker', server });
    const people = [];
    for (let i = 0; i < 20; i += 1) {
        const browser = new Browser();
        await loginWithLiar(browser, site.url('/'));
        people.push(browser);
    }
    return { ...site, people };
}

async function assertNobodyLost({ people, url }) {
    for (const browser of people) {
        assert.equal((await browser.fetch(url('/'))).status, 200);
    }
    const page = await loginWithLiar(new Browser(), url('/'));
    assert.equal(page.status, 200, describe(page));
}

/* Sends `count` requests after a tenth of them as a warm-up, and says what they cost. */
async function measure(t, { httpd }, count, send) {
    const answers = [];
    const sendAll = (some) => many(some, async (i, agent) => {
        answers.push(await send(i, agent));
    });
    await sendAll(Math.max(800, count / 10));
    answers.length = 0;
    const before = [memoryOf(httpd), descriptorsOf(httpd), httpd.children().join()];
    const since = Date.now();
    await sendAll(count);
    const seconds = (Date.now() - since) / 1000;
    const grown = memoryOf(httpd) - before[0];
    t.diagnostic(`${tally(answers)} in ${seconds.toFixed(1)} s (${Math.round(count / seconds)} `
        + `a second); memory ${before[0]} KB + ${grown} KB, descriptors ${before[1]} + `
        + `${descriptorsOf(httpd) - before[1]}`);
    assert.equal(httpd.children().join(), before[2], 'no process came or went');
    assert.ok(grown < 4000, `${grown} KB more`);
    assert.ok(descriptorsOf(httpd) - before[1] < 16);
    return answers;
}

test(`${logins} logins that nobody finishes`, async (t) => {
    const site = await startCrowded(t);
    const target = site.url('/tinyauth/login?provider=pocketid&return=%2F');
    const asked = site.op.requests.count('token');
    const answers = await measure(t, site, logins, async (i, agent) => {
        const { status, headers } = await getOnce(target, html, agent);
        return status === 302 && headers['set-cookie']?.length === 1 ? 'begun' : status;
    });
    assert.ok(answers.every((each) => each === 'begun'));
    assert.equal(site.op.requests.count('token'), asked);
    await assertNobodyLost(site);
});

test(`${callbacks} callbacks that nobody asked for`, async (t) => {
    const site = await startCrowded(t);
    const { op, url } = site;
    /* one that is real, with its cookie, so that what comes behind the first check is met too */
    const thief = new Browser();
    const real = await reachCallback(thief, url('/'));
    const cookie = thief.jar.header(url('/'));
    const random = (bytes) => crypto.randomBytes(bytes).toString('base64url');
    const makers = [
        () => [`?state=${random(32)}&code=${random(24)}`],
        () => [`?state=${random(32)}&code=${random(24)}`, cookie],
        () => [`?${random(400)}`],
        () => ['?state=%ff%00&code=%'],
        () => [`?state=${'x'.repeat(4000)}&code=x`, cookie],
        () => [new URL(real).search.replace(/state=.{8}/, '$&x'), cookie],
        () => [new URL(real).search],
        () => [`?error=${random(20)}&state=${random(32)}`, cookie],
        () => [`?state=${random(32)}&code=x`, Array.from({ length: 40 }, () => (
            `tinyauth-${site.httpd.port}-login-${random(6)}=${random(60)}`
        )).join('; ')],
    ];
    const asked = op.requests.count('token');
    const answers = await measure(t, site, callbacks, async (i, agent) => {
        const [query, sent] = makers[i % makers.length]();
        const target = url('/api/oauth/callback/pocketid') + query;
        return (await getOnce(target, { ...html, ...(sent && { cookie: sent }) }, agent)).status;
    });
    assert.ok(answers.every((status) => status === 400), tally(answers));
    assert.equal(op.requests.count('token'), asked, 'no code was sent to the provider');
    await assertNobodyLost(site);
    assert.equal((await thief.get(real, { from: op.url })).status, 200, 'the real one still works');
});
