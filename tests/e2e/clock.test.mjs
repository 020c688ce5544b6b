/*
 * The clock is set while people are logged in, and runs long after 2038. Nobody is let in for
 * longer than the limits say, and what cannot be known (how old is a session from the future?)
 * lets nobody in.
 */
import test, { describe as suite } from 'node:test';
import assert from 'node:assert/strict';
import { Browser, startSite } from './harness.mjs';
import { makeClock, noClock } from './support/clock.mjs';
import {
    assertRefused, attemptCookies, describe, loginWithLiar, reachCallback, sessionCookies,
} from './support/login_steps.mjs';

const skip = noClock;
const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
const secondsUntil = (year) => Math.floor((Date.UTC(year, 0, 1) - Date.now()) / 1000);

/* A site whose clock can be set; its provider's clock goes along. */
async function startClocked(t, offset, settings = []) {
    const clock = makeClock(t, offset);
    const site = await startSite(t, {
        liar: {},
        env: clock.env,
        server: ['TinyauthRevalidate 100000000', ...settings].join('\n'),
    });
    const tellTime = () => {
        site.op.behave();
        site.op.lieInIdToken({ iat: clock.now(), exp: clock.now() + 600 });
    };
    tellTime();
    return { ...site, clock, tellTime };
}

const statusOf = async (site, browser) => (await browser.fetch(site.url('/'))).status;

async function logIn(site) {
    const browser = new Browser();
    const page = await loginWithLiar(browser, site.url('/'));
    assert.equal(page.status, 200, describe(page));
    return browser;
}

suite('a clock of httpd\'s own', { concurrency: 3, skip }, () => {
    for (const year of [2040, 2110, 2500]) {
        test(`in the year ${year} people log in, stay, and are out when their time is over`,
            async (t) => {
                const start = secondsUntil(year);
                const site = await startClocked(t, start);
                const alice = await logIn(site);
                site.clock.set(start + hour);
                assert.equal(await statusOf(site, alice), 200);
                site.clock.set(start + hour + day + minute);
                assert.equal(await statusOf(site, alice), 401);
                site.tellTime();
                assert.equal((await loginWithLiar(alice, site.url('/'))).status, 200);
            });
    }

    test('a clock that steps over the end of 2038\'s seconds changes nothing', async (t) => {
        const edge = 2 ** 31 - Math.floor(Date.now() / 1000);
        const site = await startClocked(t, edge - hour);
        const alice = await logIn(site);
        site.clock.set(edge + hour);
        assert.equal(await statusOf(site, alice), 200);
        site.tellTime();
        await logIn(site);
    });

    test('the idle limit holds when the clock is set forward', async (t) => {
        const site = await startClocked(t, 0, ['TinyauthSessionExpiry 3600']);
        const alice = await logIn(site);
        site.clock.set(50 * minute);
        assert.equal(await statusOf(site, alice), 200);
        site.clock.set(100 * minute);
        assert.equal(await statusOf(site, alice), 200, 'it was used fifty minutes ago');
        site.clock.set(3 * hour);
        assert.equal(await statusOf(site, alice), 401);
    });

    test('the absolute limit holds, whatever the use', async (t) => {
        const site = await startClocked(t, 0, [
            'TinyauthSessionExpiry 3600', 'TinyauthSessionMaxLifetime 7200',
        ]);
        const alice = await logIn(site);
        for (const minutes of [30, 60, 90, 119]) {
            site.clock.set(minutes * minute);
            assert.equal(await statusOf(site, alice), 200, `after ${minutes} minutes`);
        }
        site.clock.set(121 * minute);
        assert.equal(await statusOf(site, alice), 401);
    });

    test('without an absolute limit a session lasts for as long as it is used', async (t) => {
        const site = await startClocked(t, 0, ['TinyauthSessionMaxLifetime 0']);
        const alice = await logIn(site);
        for (let i = 1; i <= 10; i += 1) {
            site.clock.set(i * 23 * hour);
            assert.equal(await statusOf(site, alice), 200, `the ${i}th time`);
        }
        site.clock.set(11 * 24 * hour);
        assert.equal(await statusOf(site, alice), 401, 'it was not used for a day');
    });

    test('a clock that is set back makes no session younger', async (t) => {
        const site = await startClocked(t, 0);
        const alice = await logIn(site);
        site.clock.set(-2 * minute);
        assert.equal(await statusOf(site, alice), 200, 'clocks are set right now and then');
        site.clock.set(-day);
        assert.equal(await statusOf(site, alice), 401, 'how old it is nobody knows');
        assert.match((await alice.get(site.url('/'))).body, /Log in with Pocket ID/);
        site.tellTime();
        assert.equal((await loginWithLiar(alice, site.url('/'))).status, 200);
    });

    test('a login that is under way ends after an hour by the clock', async (t) => {
        const site = await startClocked(t, 0);
        for (const offset of [hour + minute, -hour]) {
            site.clock.set(0);
            site.tellTime();
            const browser = new Browser();
            const callback = await reachCallback(browser, site.url('/'));
            site.clock.set(offset);
            const [{ expires }] = attemptCookies(browser);
            assert.ok(expires > Date.now() + 1000 * (hour + 10 * minute), 'a late browser has it');
            assertRefused(await browser.get(callback), 400, 'attempt-expired');
            assert.deepEqual(sessionCookies(browser), []);
        }
        assert.equal(site.op.requests.count('token'), 0);
    });

    test('whom nobody can confirm is out, also under a name where no login begins', async (t) => {
        const site = await startClocked(t, 0, [
            'TinyauthRevalidate 300',
            '<Location "/open">\n    AuthType Tinyauth\n    Require all granted\n</Location>',
        ]);
        site.op.expiresIn = 10;
        site.op.onToken = (form, body) => ({ ...body, refresh_token: undefined });
        const alice = await logIn(site);
        const underForeignName = (path) => alice.get(site.url(path), {
            follow: false, headers: { host: 'foreign.test' },
        });
        site.clock.set(11 * minute - 10);
        assert.equal((await underForeignName('/page')).status, 200, 'not so long');
        for (let minutes = 13; minutes < 15; minutes += 1) {
            site.clock.set(minutes * minute);
            const page = await underForeignName('/page');
            assert.equal(page.status, 302, describe(page));
            assert.equal(new URL(page.location).pathname, '/page', 'to the name that is ours');
        }
        site.clock.set(15 * minute);
        const open = await underForeignName('/open');
        assert.equal(open.status, 200, describe(open));
        assert.equal(open.json.headers['remote-user'], undefined);
    });

    test('who turns back at the provider finds the login page, and no circle', async (t) => {
        const site = await startClocked(t, 0, ['TinyauthRevalidate 300']);
        site.op.expiresIn = 10;
        site.op.onToken = (form, body) => ({ ...body, refresh_token: undefined });
        const alice = await logIn(site);
        site.clock.set(13 * minute);
        const away = await alice.get(site.url('/page'), { follow: false });
        assert.match(away.location, /\/authorize\?/);
        const page = await alice.get(site.url('/page'));
        assert.equal(page.status, 200, describe(page));
        assert.match(page.body, /Log in with Pocket ID/);
    });
});
