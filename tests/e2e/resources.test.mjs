/*
 * What costs us little however much others spend on it: floods of logins that nobody
 * finishes, providers that are slow, endless or silent, and clients that send too much.
 */
import test, { describe as suite } from 'node:test';
import assert from 'node:assert/strict';
import { Browser, rawRequest, sleep, startSite } from './harness.mjs';
import { answers } from './liar.mjs';
import {
    assertRefused, attemptCookies, describe, loginWithLiar, reachCallback, sessionCookies,
} from './support/login_steps.mjs';
import { getOnce, many, memoryOf } from './support/measure.mjs';

/* So many logins are begun by as many strangers; how many were sent to the provider. */
async function begin(url, count) {
    const target = new URL('/tinyauth/login?provider=pocketid&return=%2F', url).href;
    let started = 0;
    await many(count, async (i, agent) => {
        const { status, headers } = await getOnce(target, { accept: 'text/html' }, agent);
        started += status === 302 && headers['set-cookie']?.length === 1;
    });
    return started;
}

test('four thousand logins that nobody finishes leave memory and sessions as they were',
    async (t) => {
        const { httpd, op, url } = await startSite(t, {
            liar: {}, logLevel: 'warn', mpm: 'worker',
            server: 'LogLevel tinyauth:warn\nMaxSpareThreads 64\nMinSpareThreads 8',
        });
        const before = await Promise.all([1, 2, 3].map(async () => {
            const browser = new Browser();
            await loginWithLiar(browser, url('/'));
            return browser;
        }));
        await begin(url('/'), 800);
        const [memory, children] = [memoryOf(httpd), httpd.children().join()];
        assert.equal(await begin(url('/'), 4000), 4000);
        assert.equal(httpd.children().join(), children);
        const grown = memoryOf(httpd) - memory;
        assert.ok(grown < 3000, `${grown} KB more for 4000 logins begun`);
        for (const browser of before) {
            assert.equal((await browser.fetch(url('/'))).status, 200);
        }
        const page = await loginWithLiar(new Browser(), url('/'));
        assert.equal(page.status, 200, describe(page));
        assert.equal(op.requests.count('token'), 4);
    });

/* Bytes without end and without a length, written past node's own HTTP server. */
function pour(head, filler) {
    return (req) => {
        const { socket } = req;
        const block = Buffer.alloc(64 * 1024, filler);
        let sent = 0;
        const more = () => {
            while (!socket.destroyed && sent < 2 ** 30) {
                sent += block.length;
                if (!socket.write(block)) {
                    socket.once('drain', more);
                    return;
                }
            }
        };
        socket.on('error', () => {});
        socket.write(head);
        more();
        return answers.hang();
    };
}

const jsonHead = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n';

/* How a provider may keep us waiting, and for how many seconds at most. */
const torments = [
    ['a token answer at a byte per second', (op) => {
        op.onToken = (form, body) => answers.slow({ json: body });
    }, 14],
    ['a token endpoint that never answers', (op) => { op.onToken = () => answers.hang(); }, 14],
    ['userinfo at a byte per second', (op) => {
        op.onUserinfo = (claims) => answers.slow({ json: claims });
    }, 14],
    ['a key set that never comes', (op) => { op.onKeys = () => answers.hang(); }, 14],
    ['a token answer of a gigabyte', (op) => { op.onToken = () => answers.huge(); }, 5],
    ['userinfo of a gigabyte', (op) => { op.onUserinfo = () => answers.huge(); }, 5],
    ['a key set of a gigabyte', (op) => { op.onKeys = () => answers.huge(); }, 5],
    ['userinfo without end or length', (op) => {
        op.onUserinfo = (claims, req) => pour(`${jsonHead}\r\n`, ' ')(req);
    }, 5],
    ['a header line without end', (op) => {
        op.onUserinfo = (claims, req) => pour(`${jsonHead}X: `, 'x')(req);
    }, 5],
    ['header lines without end', (op) => {
        op.onUserinfo = (claims, req) => pour(jsonHead, 'X: abc\r\n')(req);
    }, 5],
];

/* Somebody who is logged in gets every page at once, until `until` is over. */
async function assertGoesOn(browser, url, until) {
    let over = false;
    until.finally(() => { over = true; }).catch(() => {});
    while (!over) {
        const since = Date.now();
        assert.equal((await browser.fetch(url('/'))).status, 200);
        assert.ok(Date.now() - since < 2500, 'a page of somebody else had to wait');
        await sleep(200);
    }
}

suite('a provider that torments us costs bounded time and memory', { concurrency: 5 }, () => {
    for (const [name, torment, seconds] of torments) {
        test(name, async (t) => {
            const { browser, httpd, op, url } = await startSite(t, { liar: {} });
            /* the key set must not be known yet */
            const isAboutKeys = name.startsWith('a key set');
            if (!isAboutKeys) {
                await loginWithLiar(browser, url('/'));
            }
            const memory = memoryOf(httpd);
            torment(op);
            const stranger = new Browser({ timeout: 40000 });
            const callback = await reachCallback(stranger, url('/'));
            const since = Date.now();
            const login = stranger.get(callback, { from: op.url });
            await (isAboutKeys ? login : assertGoesOn(browser, url, login));
            const waited = (Date.now() - since) / 1000;
            assertRefused(await login, 502, 'provider-unreachable');
            assert.ok(waited < seconds, `${waited} s`);
            assert.ok(memoryOf(httpd) - memory < 12000, 'memory');
            assert.deepEqual(sessionCookies(stranger), []);
            op.behave();
            /* a provider whose documents failed is left alone for five seconds */
            await sleep(isAboutKeys ? 6000 : 0);
            assert.equal((await loginWithLiar(new Browser(), url('/'))).status, 200);
        });
    }

    test('a discovery document at a byte per second', async (t) => {
        const { op, url } = await startSite(t, { liar: {} });
        op.onDiscovery = (document) => answers.slow({ json: document });
        const since = Date.now();
        const login = url('/tinyauth/login?provider=pocketid');
        assertRefused(await new Browser().get(login), 502, 'provider-unreachable');
        assert.ok(Date.now() - since < 14000);
    });
});

/* Requests to our own URLs with more in them than anybody needs. */
const long = (bytes) => 'x'.repeat(bytes);
const tooMuch = [
    ['/tinyauth/login?return=/{}', 4000, [200]],
    ['/tinyauth/login?provider={}', 4000, [404]],
    ['/tinyauth/login?providers={}', 4000, [200, 400]],
    ['/tinyauth/login?for={}', 6000, [400]],
    ['/tinyauth/accept?t={}', 6000, [400]],
    ['/tinyauth/unauthorized?d={}', 6000, [403]],
    ['/tinyauth/signed-out?state={}', 6000, [200]],
    ['/api/oauth/callback/pocketid?state={}&code=x', 6000, [400]],
    ['/api/oauth/callback/pocketid?state=x&code={}', 6000, [400]],
    ['/api/oauth/callback/{}', 4000, [302]],
    ['/tinyauth/login?{}', 9000, [414, 400]],
];

test('parameters that are too long are refused or ignored, never a fault of ours', async (t) => {
    const { backend, op, url } = await startSite(t, { liar: {} });
    for (const [path, bytes, expected] of tooMuch) {
        const page = await new Browser().get(url(path.replace('{}', long(bytes))), {
            follow: false,
        });
        assert.ok(expected.includes(page.status), `${path}: ${page.status}`);
    }
    const fields = url(`/tinyauth/login?${'a=b&'.repeat(500)}return=/x`);
    assert.ok([200, 400].includes((await new Browser().get(fields)).status));
    assert.equal(backend.requests.count(), 0);
    assert.deepEqual(op.requests.counts, {});
});

test('hundreds of cookies, long ones and broken ones of ours do no harm', async (t) => {
    const { browser, url } = await startSite(t, { liar: {} });
    await loginWithLiar(browser, url('/'));
    const [{ name, value }] = sessionCookies(browser);
    const fetchWith = (cookie) => new Browser().fetch(url('/'), { headers: { cookie } });
    const fillers = [
        Array(300).fill('a=b').join('; '), `${name}-login-abcdefgh=${long(7000)}`,
        Array.from({ length: 60 }, (_, i) => `${name}-login-${i}=${long(50)}`).join('; '),
        `${name}-rounds=${long(3000)}`, `${name}=${long(3000)}`, `${name}=; ${name}==; ${name}`,
    ];
    for (const filler of fillers) {
        assert.equal((await fetchWith(`${filler}; ${name}=${value}`)).status, 200, filler);
        assert.equal((await fetchWith(filler)).status, 401, filler);
    }
    assert.equal((await fetchWith(`${name}=${long(9000)}; ${name}=${value}`)).status, 400);
});

test('a stranger with fifty broken login cookies can log in, and they are cleared', async (t) => {
    const { browser, url } = await startSite(t, { liar: {} });
    const prefix = `tinyauth-${new URL(url('/')).port}-login-`;
    for (let i = 0; i < 50; i += 1) {
        browser.jar.set(`${prefix}${i}=${long(40)}; Path=/`, url('/'));
    }
    assert.equal((await loginWithLiar(browser, url('/'))).status, 200);
    assert.deepEqual(attemptCookies(browser), []);
});

/* A POST of a form to the log-out page with alice's cookie; the reason of the refusal. */
async function postForm(url, cookie, body, ...headers) {
    const { host, port } = new URL(url);
    const lines = ['POST /tinyauth/logout HTTP/1.1', `Host: ${host}`, `Cookie: ${cookie}`,
        'Accept: text/html', 'Connection: close', ...headers, '', ''];
    const answer = await rawRequest(Number(port), lines.join('\r\n') + body);
    assert.equal(answer.status, 400);
    return /<code>([a-z-]+)<\/code>/.exec(answer.body)?.[1];
}

test('forms that are too large, or no forms, are refused, and log nobody out', async (t) => {
    const { browser, url } = await startSite(t, { liar: {} });
    await loginWithLiar(browser, url('/'));
    const [{ name, value }] = sessionCookies(browser);
    const cookie = `${name}=${value}`;
    const type = 'Content-Type: application/x-www-form-urlencoded';
    const asked = await browser.get(url('/tinyauth/logout'));
    const token = asked.forms[0].fields.find(([field]) => field === 'token')[1];
    const post = (body, ...headers) => postForm(
        url('/'), cookie, body, `Content-Length: ${body.length}`, ...headers,
    );
    assert.equal(await post(`token=${long(20000)}`, type), 'request-malformed');
    assert.equal(await post(`token=${long(200000)}`, type), 'request-malformed');
    assert.equal(await post(`token=${long(16000)}`, type), 'logout-token');
    assert.equal(await post('a=b&'.repeat(2000), type), 'logout-token');
    for (const other of ['text/plain', 'application/json', 'multipart/form-data; boundary=x']) {
        assert.equal(await post(`token=${token}`, `Content-Type: ${other}`), 'logout-token');
    }
    assert.equal(await post(`token=${token}`), 'logout-token', 'no type');
    const chunk = `4000\r\n${long(0x4000)}\r\n`;
    const chunks = `${chunk.repeat(8)}0\r\n\r\n`;
    assert.equal(await postForm(url('/'), cookie, chunks, type, 'Transfer-Encoding: chunked'),
        'request-malformed');
    assert.equal((await browser.fetch(url('/'))).status, 200);
});

test('a form that trickles in or never ends is given up by httpd\'s own limits', async (t) => {
    const { httpd, url } = await startSite(t, {
        liar: {}, modules: ['reqtimeout'], server: 'RequestReadTimeout body=2',
    });
    const { host, port } = new URL(url('/'));
    const since = Date.now();
    const answer = await rawRequest(Number(port), ['POST /tinyauth/logout HTTP/1.1',
        `Host: ${host}`, 'Content-Type: application/x-www-form-urlencoded',
        'Content-Length: 100', '', 'token='].join('\r\n'), { timeout: 15000 });
    assert.ok([400, 408].includes(answer.status), String(answer.status));
    assert.ok(Date.now() - since < 10000);
    assert.ok(httpd.children().length > 0);
});
