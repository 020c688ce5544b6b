/*
 * %{tinyauth-user}n and the others in LogFormat, for those who are let in, denied and refused.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { answers, Browser, protectedLocation, providerSection, sleep, startSite } from './harness.mjs';
import { auditEvents } from './support/audit.mjs';
import { loggedIn } from './support/logged_in.mjs';
import { interval, roundIsOver } from './support/revalidation.mjs';

const format = [
    'LogFormat "%U %>s %{tinyauth-user}n %{tinyauth-sub}n %{tinyauth-provider}n '
        + '%{tinyauth-reason}n %{tinyauth-session}n" tinyauth',
    'CustomLog logs/notes.log tinyauth',
    'TinyauthAuditLog logs/audit.log',
].join('\n');

/* What was logged for a path; a line comes after the answer. */
async function lineOf(site, path) {
    for (let waited = 0; waited < 3000; waited += 50) {
        const line = fs.readFileSync(site.httpd.file('logs/notes.log'), 'utf8').split('\n')
            .map((text) => text.split(' ')).filter(([url]) => url === path).pop();
        if (line) {
            const [, status, user, sub, provider, reason, session] = line;
            return { status, user, sub, provider, reason, session };
        }
        await sleep(50);
    }
    return assert.fail(`no line for ${path}`);
}

async function startNoted(t, options = {}) {
    return startSite(t, {
        liar: {},
        server: [format, '<Location "/denied">', 'Require oauth-group nobody', '</Location>']
            .join('\n'),
        ...options,
    });
}

test('who is let in, and who is denied and why', async (t) => {
    const site = await startNoted(t);
    const alice = await loggedIn(site);
    const [{ session, sub }] = auditEvents(site, 'login', ['session', 'sub']);
    const who = { user: 'alice', sub, provider: 'pocketid', session };
    await alice.fetch(site.url('/allowed'));
    assert.deepEqual(await lineOf(site, '/allowed'), { status: '200', ...who, reason: '-' });
    await alice.fetch(site.url('/denied'));
    assert.deepEqual(await lineOf(site, '/denied'), {
        status: '403', ...who, reason: 'not-in-group',
    });
    assert.deepEqual(await lineOf(site, '/api/oauth/callback/pocketid'), {
        status: '303', ...who, reason: '-',
    });
});

test('somebody who is nobody yet has a reason alone', async (t) => {
    const site = await startNoted(t);
    const nobody = { user: '-', sub: '-', provider: '-', session: '-' };
    await new Browser().fetch(site.url('/page'));
    assert.deepEqual(await lineOf(site, '/page'), {
        status: '401', ...nobody, reason: 'login-required',
    });
    await new Browser().fetch(site.url('/api/oauth/callback/pocketid?state=x&code=y'));
    assert.deepEqual(await lineOf(site, '/api/oauth/callback/pocketid'), {
        status: '400', ...nobody, provider: 'pocketid', reason: 'attempt-missing',
    });
});

test('whoever is let in although the provider is down was refused nothing', async (t) => {
    const site = await startNoted(t, { server: `${format}\n${interval}` });
    const alice = await loggedIn(site);
    await roundIsOver();
    site.op.onToken = () => answers.json({}, 503);
    assert.equal((await alice.fetch(site.url('/allowed'))).status, 200);
    assert.ok(site.httpd.log(/TA0071/).length > 0);
    const { user, reason } = await lineOf(site, '/allowed');
    assert.deepEqual({ user, reason }, { user: 'alice', reason: '-' });
});

/* Its tokens have expired, and the new children do not know yet where to send a browser. */
test('whoever cannot be sent to the provider, and goes on, was refused no login', async (t) => {
    const site = await startNoted(t, { server: `${format}\n${interval}` });
    site.op.expiresIn = 1;
    site.op.onToken = (form, body) => ({ ...body, refresh_token: undefined });
    const alice = await loggedIn(site);
    await site.httpd.graceful();
    await site.op.close();
    await roundIsOver();
    assert.equal((await alice.get(site.url('/allowed'))).status, 200);
    assert.ok(site.httpd.log(/TA0020/).length > 0, 'it was tried');
    const { user, reason } = await lineOf(site, '/allowed');
    assert.deepEqual({ user, reason }, { user: 'alice', reason: '-' });
    assert.deepEqual(auditEvents(site, 'login-refused', ['reason']), []);
});

test('an internal redirect keeps them', async (t) => {
    const site = await startNoted(t, {
        write: ({ server, op }) => [
            providerSection(op), protectedLocation('/', 'valid-user'), format,
            `<Directory ${server.dir}/htdocs>`, 'FallbackResource /index.html', '</Directory>',
        ].join('\n'),
    });
    const alice = await loggedIn(site);
    assert.equal((await alice.get(site.url('/nothing/there'))).status, 200);
    const text = () => fs.readFileSync(site.httpd.file('logs/notes.log'), 'utf8');
    for (let waited = 0; !/index\.html 200 alice /.test(text()); waited += 50) {
        assert.ok(waited < 3000, text());
        await sleep(50);
    }
});
