/*
 * Session cookies that are wrong in every way, records that were damaged, and a store that
 * fails: nobody gets in, and nobody is sent round in circles.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import {
    Browser, protectedLocation, providerSection, rawLines, rawRequest, startSite,
} from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';
import { breakStore, findInStore, overwrite } from './support/store_memory.mjs';
import { addressIn, nextOf } from './support/shared_table.mjs';

const open = { require: 'valid-user' };

/* Name and value of somebody's session cookie. */
function sessionOf(site, browser) {
    const name = `tinyauth-${site.httpd.port}`;
    return [name, browser.jar.get(name).value];
}

/* A request with these cookies: status, and whether the application saw it. */
async function ask(site, cookies, headers = []) {
    site.backend.requests.clear();
    const answer = await rawRequest(site.httpd.port, rawLines(
        'GET /x HTTP/1.1', `Host: localhost:${site.httpd.port}`, `Cookie: ${cookies}`, ...headers,
    ));
    return { ...answer, isServed: site.backend.requests.count() > 0 };
}

async function assertNobody(site, cookies, what) {
    const program = await ask(site, cookies);
    assert.deepEqual([program.status, program.isServed], [401, false], what);
    const person = await ask(site, cookies, ['Accept: text/html']);
    assert.deepEqual([person.status, person.isServed], [302, false], what);
    const login = await new Browser().get(new URL(person.headers.location, site.origin).href, {
        headers: { cookie: cookies },
    });
    assert.equal(login.status, 200, `${what}: the login page, not a circle`);
    assert.match(login.body, /Log in with/);
}

/* Another letter of the alphabet that the value is written in. */
const other = (letter) => (letter === 'A' ? 'B' : 'A');

test('a session cookie that was changed in any place is nobody\'s', async (t) => {
    const site = await startSite(t, open);
    const [name, value] = sessionOf(site, await loggedIn(site));
    assert.equal((await ask(site, `${name}=${value}`)).status, 200);
    for (let i = 0; i < value.length; i += 1) {
        const changed = value.slice(0, i) + other(value[i]) + value.slice(i + 1);
        assert.equal((await ask(site, `${name}=${changed}`)).status, 401, changed);
    }
});

test('malformed and oversized session cookies are nobody\'s, and lead to the login', async (t) => {
    const site = await startSite(t, open);
    const [name, value] = sessionOf(site, await loggedIn(site));
    const values = [
        '', '=', '""', 'x', value.slice(1), `${value}A`, `${value}=`, `${value} x`, ` ${value}x`,
        value.toLowerCase(), value.split('').reverse().join(''), `${value}%00`, '%', '../../etc',
        '\'; DROP TABLE sessions; --', 'A'.repeat(43), '-'.repeat(43), '\xff'.repeat(43),
        `"${value}`, 'A'.repeat(4096), 'A'.repeat(7000), crypto.randomBytes(32).toString('hex'),
        crypto.randomBytes(32).toString('base64url'),
    ];
    for (const bad of values) {
        await assertNobody(site, `${name}=${bad}`, bad.slice(0, 60));
    }
});

test('the session counts under its own name alone', async (t) => {
    const site = await startSite(t, open);
    const [name, value] = sessionOf(site, await loggedIn(site));
    for (const wrong of [
        'tinyauth', `${name}0`, `x${name}`, name.toUpperCase(), `__Host-${name}`, `${name}-login-x`,
        '__Secure-tinyauth-domain', 'tinyauth-domain', `tinyauth-${site.httpd.port + 1}`,
    ]) {
        await assertNobody(site, `${wrong}=${value}`, wrong);
    }
});

test('beside a wrong cookie of the same name the right one still counts', async (t) => {
    const site = await startSite(t, open);
    const [name, value] = sessionOf(site, await loggedIn(site));
    const wrong = `${name}=${'A'.repeat(43)}`;
    for (const cookies of [
        `${wrong}; ${name}=${value}`, `${name}=${value}; ${wrong}`, `${name}=; ${name}=${value}`,
        `${name}=${'x'.repeat(5000)}; ${name}=${value}`,
    ]) {
        const { status, body } = await ask(site, cookies);
        assert.equal(status, 200, cookies.slice(0, 60));
        assert.equal(JSON.parse(body).headers['remote-user'], 'alice');
    }
});

test('hundreds of wrong cookies cost little and let nobody in', async (t) => {
    const site = await startSite(t, open);
    const name = `tinyauth-${site.httpd.port}`;
    const many = Array.from({ length: 120 }, () => (
        `${name}=${crypto.randomBytes(32).toString('base64url')}`
    )).join('; ');
    await assertNobody(site, many, 'many');
});

/* Damages one byte of a session in memory, looks, and mends it again. */
async function tryDamage(site, cookies, address, what) {
    const [byte] = overwrite(site.httpd, address, Buffer.from([0xff]));
    overwrite(site.httpd, address, Buffer.from([byte ^ 0xff]));
    const { status, isServed } = await ask(site, cookies);
    assert.deepEqual([status, isServed], [401, false], what);
    overwrite(site.httpd, address, Buffer.from([byte]));
}

test('a damaged record is nobody\'s, and harms no process', async (t) => {
    const site = await startSite(t, open);
    const cookies = sessionOf(site, await loggedIn(site)).join('=');
    const [record, ...more] = findInStore(site.httpd, 'TAS');
    assert.ok(record && more.length === 0, 'one session is in the store');
    for (let offset = 0; offset < 240; offset += 1) {
        await tryDamage(site, cookies, addressIn(record, offset), `byte ${offset}`);
    }
    const names = findInStore(site.httpd, 'alice').filter((address) => address > record);
    assert.ok(names.length > 2);
    for (const name of names) {
        await tryDamage(site, cookies, name, 'another user name or e-mail');
    }
    assert.equal((await ask(site, cookies)).status, 200, 'mended');
});

test('a record whose blocks lead nowhere is nobody\'s, and the others go on', async (t) => {
    const site = await startSite(t, open);
    const cookies = sessionOf(site, await loggedIn(site)).join('=');
    const [record] = findInStore(site.httpd, 'TAS');
    const others = await loggedIn(site);
    for (const bytes of [[0xff, 0xff, 0xff, 0xff], [0, 0, 0, 0], [1, 0, 0, 0]]) {
        overwrite(site.httpd, nextOf(record), Buffer.from(bytes));
        const { status, isServed } = await ask(site, cookies);
        assert.deepEqual([status, isServed], [401, false], `${bytes}`);
        assert.equal((await others.get(site.url('/x'))).status, 200, `${bytes}`);
    }
    await loggedIn(site);
});

/* A site whose store this test can break. */
function startFragile(t) {
    return startSite(t, {
        write: ({ op, backend }) => [
            providerSection(op), `ProxyPass "/" "${backend.url}/"`,
            protectedLocation('/', 'valid-user'),
            '<Location "/open">\n    Require all granted\n</Location>',
        ].join('\n'),
    });
}

test('a store that fails lets nobody in, with 503 and no redirect', async (t) => {
    const site = await startFragile(t);
    const browser = await loggedIn(site);
    breakStore(site.httpd);
    site.httpd.expectErrors(/TA0012/);
    const page = await browser.get(site.url('/x'));
    assert.deepEqual([page.status, page.chain.length], [503, 1]);
    assert.match(page.body, /store-unavailable/);
    const answer = await browser.fetch(site.url('/x'), { headers: { accept: 'application/json' } });
    assert.equal(answer.status, 503);
    assert.equal(answer.json.reason, 'store-unavailable');
    assert.deepEqual(page.setCookies, [], 'the session may still be good');
    const login = await browser.get(site.url('/tinyauth/login?return=/x'));
    assert.equal(login.status, 503);
    assert.equal(site.backend.requests.count(), 0);
});

test('while the store fails, open pages show their user to nobody', async (t) => {
    const site = await startFragile(t);
    const browser = await loggedIn(site);
    breakStore(site.httpd);
    site.httpd.expectErrors(/TA0012/);
    const { status, body } = await browser.get(site.url('/open'));
    assert.ok(status === 503 || !body.includes('alice'), `${status} ${body}`);
});

test('the login fails with 503 too, and does not ask the provider again', async (t) => {
    const site = await startFragile(t);
    const started = await site.browser.get(
        site.url('/tinyauth/login?provider=pocketid&return=/x'), { follow: false },
    );
    breakStore(site.httpd);
    site.httpd.expectErrors(/TA0012/);
    const asked = await site.browser.get(started.location);
    const page = await site.browser.submit(asked, asked.forms[0], { login: 'alice' });
    assert.equal(page.status, 503, page.body);
    assert.match(page.body, /store-unavailable/);
    assert.equal(site.browser.jar.get(`tinyauth-${site.httpd.port}`), undefined);
});
