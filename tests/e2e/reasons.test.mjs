/*
 * A refusal has one reason code: the same on the page, in the JSON, in the error log, in the
 * audit log, in the access log's note, and in the metrics. Each scene below is refused once
 * with a page and once with JSON.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { answers, Browser, loginAt, sleep, startSite, textOf } from './harness.mjs';
import { auditLines } from './support/audit.mjs';
import { loggedIn } from './support/logged_in.mjs';
import { metricsPage, openMetrics } from './support/metrics.mjs';

const watch = [
    metricsPage, 'TinyauthAuditLog logs/audit.log',
    'LogFormat "%{tinyauth-reason}n" reason', 'CustomLog logs/reasons.log reason',
].join('\n');

const json = { navigation: false, follow: false };

/* A login up to the callback's URL; the next request redeems it. */
async function upToCallback(site, options = {}) {
    const browser = new Browser();
    const page = await browser.get(site.url(`/tinyauth/login?provider=pocketid`), {
        follow: 1, ...options,
    });
    return { browser, url: page.location };
}

/* The provider lies; the callback is refused. */
const lie = (code, spoil) => ({
    code,
    event: 'login-refused',
    refuse: async (site, options) => {
        const { browser, url } = await upToCallback(site);
        spoil(site.op);
        const page = await browser.get(url, options);
        for (const hook of ['onToken', 'onIdToken', 'onUserinfo']) {
            site.op[hook] = undefined;
        }
        return page;
    },
});

/* Somebody is logged in and denied. */
const deny = (code, claims, lines = '') => ({
    code,
    event: 'denied',
    settings: { server: `${watch}\n${lines}`, require: 'oauth-group nobody' },
    refuse: async (site, options) => {
        site.op.onUserinfo = (userinfo) => answers.json({ ...userinfo, ...claims });
        site.op.onIdToken = (idToken) => site.op.idToken({ ...idToken, groups: undefined });
        const browser = await loggedIn(site);
        return browser.get(site.url('/page'), options);
    },
});

const get = (code, target) => ({
    code, refuse: (site, options) => new Browser().get(site.url(target), options),
});

const scenes = [
    { ...get('login-required', '/page'), settings: { scope: 'TinyauthUnauthenticated deny' } },
    deny('not-in-group', { groups: ['users'] }),
    deny('groups-absent', { groups: undefined }),
    deny('groups-empty', { groups: [] }),
    deny('groups-malformed', { groups: { admin: true } }),
    { ...deny('not-allowed', {}), settings: { require: 'user bob' } },
    {
        ...deny('email-unverified', { email_verified: false }),
        settings: { require: 'oauth-email alice@example.com' },
    },
    {
        ...lie('not-whitelisted', () => {}),
        settings: { server: `${watch}\nTinyauthWhitelist bob@example.com` },
    },
    lie('token-refused', (op) => {
        op.onToken = () => answers.json({ error: 'invalid_grant' }, 400);
    }),
    lie('client-refused', (op) => {
        op.onToken = () => answers.json({ error: 'invalid_client' }, 401);
    }),
    lie('token-malformed', (op) => { op.onToken = () => answers.html(); }),
    lie('id-token-nonce', (op) => { op.onIdToken = (claims) => op.idToken({ ...claims, nonce: 'other' }); }),
    lie('id-token-audience', (op) => { op.onIdToken = (claims) => op.idToken({ ...claims, aud: 'other' }); }),
    lie('userinfo-refused', (op) => { op.onUserinfo = () => answers.json({}, 401); }),
    lie('userinfo-malformed', (op) => { op.onUserinfo = () => answers.json('x'); }),
    { ...get('attempt-missing', '/api/oauth/callback/pocketid?state=x&code=y'), event: 'login-refused' },
    { ...get('state-missing', '/api/oauth/callback/pocketid?code=y'), event: 'login-refused' },
    { ...get('ticket-invalid', '/tinyauth/accept?t=x'), event: 'login-refused' },
    { ...get('provider-unknown', '/tinyauth/login?provider=other'), event: 'login-refused', once: true },
    get('not-found', '/tinyauth/error'),
    {
        code: 'method',
        refuse: (site, options) => new Browser().post(site.url('/tinyauth/login'), {}, options),
    },
];

async function noteOf(site, count) {
    for (let waited = 0; ; waited += 50) {
        const notes = fs.readFileSync(site.httpd.file('logs/reasons.log'), 'utf8').split('\n')
            .filter((line) => line && line !== '-');
        if (notes.length >= count || waited > 3000) {
            return notes;
        }
        await sleep(50);
    }
}

for (const scene of scenes) {
    const { code, event, settings = {}, once } = scene;
    test(`${code} is ${code} everywhere`, async (t) => {
        const site = await startSite(t, { liar: {}, server: watch, ...settings });
        site.httpd.expectErrors(/TA0/);
        const page = await scene.refuse(site, {});
        const text = textOf(page.body);
        assert.ok(page.status >= 400, `${page.status} ${text}`);
        assert.match(text, new RegExp(`Reason: ${code}( |$)`));
        const seen = once ? 1 : 2;
        if (!once) {
            const problem = await scene.refuse(site, json);
            assert.equal(problem.status, page.status);
            assert.equal(problem.json.reason, code);
        }
        const notes = await noteOf(site, seen);
        assert.ok(notes.length >= seen && notes.every((note) => note === code), notes.join());
        assert.ok(site.httpd.log(new RegExp(`TA0534: .* ${page.status}: ${code} `)).length >= seen);
        const metrics = await openMetrics(site);
        assert.ok(metrics.value('tinyauth_refusals_total', { reason: code }) >= seen);
        assert.equal(metrics.value('tinyauth_refusals_total'),
            metrics.value('tinyauth_refusals_total', { reason: code }));
        if (event) {
            const told = auditLines(site).filter((line) => line.reason);
            assert.ok(told.length >= seen);
            assert.ok(told.every((line) => line.event === event && line.reason === code));
            assert.ok(site.httpd.log(new RegExp(`TA0\\d+: .*: ${code}`)).length >= seen);
            const family = event === 'denied' ? 'tinyauth_denials_total' : 'tinyauth_logins_total';
            assert.equal(metrics.value(family, { reason: code }), told.length);
        }
    });
}

test('the manual has every code, with the page\'s own title', () => {
    const manual = fs.readFileSync(
        fileURLToPath(new URL('../../docs/reasons.md', import.meta.url)), 'utf8',
    );
    for (const { code } of scenes) {
        assert.match(manual, new RegExp(`^\\| \`${code}\` \\| \\d{3} \\| `, 'm'));
    }
});
