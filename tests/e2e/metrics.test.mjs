/*
 * SetHandler tinyauth-metrics, read by parsers of other people and held against what was done:
 * in every MPM, over all processes, and across reloads.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import {
    answers, Browser, loginAt, protectedLocation, providerSection, startHttpd, startSite,
} from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';
import { metricsPage, openMetrics, plainMetrics } from './support/metrics.mjs';
import { enter, interval, startShortSite, statusNextRound } from './support/revalidation.mjs';

const success = { provider: 'pocketid', result: 'success' };
const token = { provider: 'pocketid', endpoint: 'token' };

/* Every request has a connection of its own, so that all processes get some. */
async function logInTimes(site, times) {
    for (let i = 0; i < times; i++) {
        assert.equal((await loginAt(new Browser(), site.url('/'), 'alice')).status, 200);
    }
}

for (const mpm of ['event', 'worker', 'prefork']) {
    test(`${mpm}: what all processes did is there, also after reloads`, async (t) => {
        const site = await startSite(t, {
            liar: {}, mpm, require: 'oauth-group admins', server: metricsPage,
        });
        await logInTimes(site, 8);
        assert.ok(site.httpd.children().length > 1);
        let metrics = await openMetrics(site);
        assert.equal(metrics.value('tinyauth_logins_total', success), 8);
        assert.equal(metrics.value('tinyauth_sessions'), 8);
        assert.equal(metrics.value('tinyauth_provider_requests_total', {
            ...token, result: 'ok',
        }), 8);
        const durations = 'tinyauth_provider_request_duration_seconds';
        assert.equal(metrics.value(`${durations}_count`, token), 8);
        assert.equal(metrics.value(`${durations}_bucket`, { ...token, le: '+Inf' }), 8);
        assert.ok(metrics.value(`${durations}_sum`, token) > 0);
        await site.httpd.graceful();
        await site.httpd.graceful();
        assert.equal((await openMetrics(site)).value('tinyauth_logins_total', success), 8);
        await logInTimes(site, 2);
        metrics = await openMetrics(site);
        assert.equal(metrics.value('tinyauth_logins_total', success), 10);
        assert.equal(metrics.value(`${durations}_count`, token), 10);
    });
}

test('Prometheus of before OpenMetrics reads the same', async (t) => {
    const site = await startSite(t, { liar: {}, server: metricsPage });
    await logInTimes(site, 3);
    const metrics = await plainMetrics(site);
    assert.equal(metrics.value('tinyauth_logins_total', success), 3);
    assert.equal(metrics.families.tinyauth_logins_total.type, 'counter');
    assert.equal(metrics.families.tinyauth_store_operation_duration_seconds.type, 'histogram');
});

test('a login that its provider does not let begin is counted with it', async (t) => {
    const site = await startSite(t, { liar: {}, server: metricsPage });
    const url = (id) => site.url(`/tinyauth/login?provider=${id}`);
    await site.op.close();
    assert.equal((await new Browser().get(url('pocketid'))).status, 502);
    assert.equal((await new Browser().get(url('unknown'))).status, 404);
    const metrics = await openMetrics(site);
    const refused = (provider, reason) => metrics.value('tinyauth_logins_total', {
        provider, result: 'refused', reason,
    });
    assert.equal(refused('pocketid', 'provider-unreachable'), 1);
    assert.equal(refused('_none', 'provider-unreachable'), 0);
    assert.equal(refused('_none', 'provider-unknown'), 1);
});

test('counters stay with their provider when others come and go', async (t) => {
    let ids = ['pocketid'];
    const site = await startSite(t, {
        liar: {},
        write: ({ op, backend }) => [
            ...ids.map((id) => providerSection(op, {}, id)),
            `ProxyPass "/" "${backend.url}/"`, protectedLocation('/', 'oauth-group admins'),
            'TinyauthAutoRedirect pocketid', metricsPage,
        ].join('\n'),
    });
    const reload = async (...others) => {
        ids = [...others, 'pocketid'];
        site.httpd.reconfigure(site.httpd.options.conf);
        await site.httpd.graceful();
    };
    await logInTimes(site, 2);
    await reload('aaa', 'zzz');
    let metrics = await openMetrics(site);
    assert.equal(metrics.value('tinyauth_logins_total', success), 2);
    assert.equal(metrics.value('tinyauth_logins_total', { provider: 'aaa' }), 0);
    await logInTimes(site, 1);
    await reload();
    metrics = await openMetrics(site);
    assert.equal(metrics.value('tinyauth_logins_total', success), 3);
    assert.equal(metrics.value('tinyauth_logins_total'), 3);
});

test('refused logins, denials and logouts are counted by reason', async (t) => {
    const site = await startSite(t, {
        liar: {}, require: 'oauth-group nobody', server: metricsPage,
    });
    const alice = await loggedIn(site);
    await alice.get(site.url('/'));
    await alice.fetch(site.url('/'));
    const page = await alice.get(site.url('/tinyauth/logout'));
    await alice.submit(page, page.forms[0]);
    site.op.onToken = () => answers.json({ error: 'invalid_grant' }, 400);
    await loginAt(new Browser(), site.url('/'), 'alice');
    const metrics = await openMetrics(site);
    assert.equal(metrics.value('tinyauth_denials_total', {
        provider: 'pocketid', reason: 'not-in-group',
    }), 3);
    assert.equal(metrics.value('tinyauth_refusals_total', { reason: 'not-in-group' }), 3);
    assert.equal(metrics.value('tinyauth_logouts_total', { provider: 'pocketid', by: 'user' }), 1);
    assert.equal(metrics.value('tinyauth_logins_total', {
        provider: 'pocketid', result: 'refused', reason: 'token-refused',
    }), 1);
    assert.equal(metrics.value('tinyauth_provider_requests_total', {
        ...token, result: 'refused',
    }), 1);
    assert.equal(metrics.value('tinyauth_sessions'), 0);
});

test('revalidations are counted by what came of them', async (t) => {
    const site = await startShortSite(t, { server: `${interval}\n${metricsPage}` });
    const alice = await enter(site);
    assert.equal(await statusNextRound(site, alice), 200);
    site.op.setUser('alice', { groups: ['users', 'admins', 'new'] });
    assert.equal(await statusNextRound(site, alice), 200);
    site.op.setUser('alice', { disabled: true });
    assert.equal(await statusNextRound(site, alice), 401);
    const metrics = await openMetrics(site);
    const result = (name) => metrics.value('tinyauth_revalidations_total', { result: name });
    assert.ok(result('confirmed') >= 1);
    assert.equal(result('changed'), 1);
    assert.equal(result('ended'), 1);
    assert.equal(metrics.value('tinyauth_sessions_ended_total', { by: 'provider' }), 1);
});

test('the age of the key set is there once it was fetched', async (t) => {
    const site = await startSite(t, { server: metricsPage });
    assert.equal((await openMetrics(site)).families.tinyauth_key_set_age_seconds, undefined);
    await logInTimes(site, 1);
    const { samples: [age], unit } = (await openMetrics(site)).families
        .tinyauth_key_set_age_seconds;
    assert.equal(unit, 'seconds');
    assert.ok(age.value >= 0 && age.value < 30, age.value);
});

test('how full the store is', async (t) => {
    const site = await startSite(t, { liar: {}, server: metricsPage });
    const empty = await openMetrics(site);
    await logInTimes(site, 5);
    const metrics = await openMetrics(site);
    assert.equal(empty.value('tinyauth_store_records'), 0);
    assert.ok(metrics.value('tinyauth_store_records') >= 5);
    assert.ok(metrics.value('tinyauth_store_used_bytes') > empty.value('tinyauth_store_used_bytes'));
    assert.ok(metrics.value('tinyauth_store_capacity_bytes') >= 32 * 1024 * 1024);
    assert.equal(metrics.value('tinyauth_store_evictions_total'), 0);
    assert.equal(metrics.value('tinyauth_store_errors_total'), 0);
    const { value } = metrics.families.tinyauth_store_operation_duration_seconds.samples
        .find(({ name, labels }) => name.endsWith('_count') && labels.operation === 'save');
    assert.equal(value, 5);
});

test('a request that is let in changes no counter', async (t) => {
    const site = await startSite(t, { server: metricsPage });
    const alice = await loggedIn(site);
    const before = (await openMetrics(site)).families;
    for (let i = 0; i < 20; i++) {
        assert.equal((await alice.get(site.url('/'))).status, 200);
    }
    const after = (await openMetrics(site)).families;
    delete before.tinyauth_key_set_age_seconds;
    delete after.tinyauth_key_set_age_seconds;
    assert.deepEqual(after, before);
});

test('no label comes from a request', async (t) => {
    const site = await startSite(t, { server: metricsPage });
    for (const target of ['/tinyauth/login?provider=made-up', '/api/oauth/callback/made-up',
        '/tinyauth/accept?t=made-up', '/api/oauth/callback/pocketid?state=made-up&code=made-up']) {
        await new Browser().fetch(site.url(target));
    }
    const page = await new Browser().fetch(site.url('/metrics'));
    assert.doesNotMatch(page.body, /made-up/);
    assert.match(page.body, /tinyauth_refusals_total\{reason="attempt-missing"\} 1/);
});

test('the page answers GET alone, and says so where there is nothing to count', async (t) => {
    const site = await startSite(t, { server: metricsPage });
    assert.equal((await new Browser().post(site.url('/metrics'), {})).status, 405);
    assert.equal((await new Browser().request('HEAD', site.url('/metrics'))).status, 200);
    const idle = await startHttpd(t, { conf: metricsPage.replace(/.*ProxyPass.*\n/, '') });
    idle.expectErrors(/TA0530/);
    assert.equal((await new Browser().fetch(idle.url('/metrics'))).status, 503);
    assert.equal(idle.log(/TA0530/).length, 1);
});

test('mod_status has a section with the same numbers', async (t) => {
    const site = await startSite(t, {
        liar: {},
        modules: ['status'],
        server: [metricsPage, '<Location "/status">', 'ProxyPass "!"', 'SetHandler server-status',
            'Require all granted', '</Location>'].join('\n'),
    });
    await logInTimes(site, 2);
    const auto = await new Browser().fetch(site.url('/status?auto'));
    const labels = 'provider="pocketid",result="success",reason="none"';
    assert.ok(auto.body.includes(`tinyauth_logins_total{${labels}}: 2\n`), auto.body);
    assert.match(auto.body, /^tinyauth_sessions: 2$/m);
    const page = await new Browser().get(site.url('/status'));
    assert.match(page.body, /<h2>mod_tinyauth<\/h2>/);
    assert.match(page.body, /tinyauth_logins_total<\/td><td>provider=&quot;pocketid&quot;/);
});
