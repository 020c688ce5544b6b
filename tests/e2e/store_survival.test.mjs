/*
 * What sessions survive in shared memory: reloads under load, another size, processes that are
 * killed, and with a file a stop and a crash of httpd.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
    Browser, loginAt, modulePath, protectedLocation, providerSection, sleep, startSite,
} from './harness.mjs';
import { loggedIn } from './support/logged_in.mjs';

/* A site with this store; change() gives it another one, in force after a reload. */
async function startStored(t, store, options = {}) {
    let current = store;
    const write = ({ op, backend }) => [
        providerSection(op), `ProxyPass "/" "${backend.url}/"`,
        protectedLocation('/', 'valid-user'),
        typeof current === 'function' ? current() : `TinyauthSessionStore ${current}`,
    ].join('\n');
    const site = await startSite(t, { write, ...options });
    site.change = (next) => {
        current = next;
        site.httpd.reconfigure((server) => write({ ...site, server }));
    };
    return site;
}

/* Asks for pages with all browsers, one after the other, until end() is called; what is not 200
   is collected. A connection that httpd closes is tried once more, as browsers do. */
function keepAsking(site, browsers) {
    const failed = [];
    let ended = false;
    let asked = 0;
    const ask = async (browser) => {
        while (!ended) {
            const { status } = await browser.get(site.url('/x'))
                .catch(() => sleep(20).then(() => browser.get(site.url('/x'))))
                .catch((error) => ({ status: error.message }));
            asked += 1;
            if (status !== 200) {
                failed.push(status);
            }
        }
    };
    const done = Promise.all(browsers.map(ask));
    return {
        failed,
        end: async () => {
            ended = true;
            await done;
            assert.deepEqual(failed, []);
            return asked;
        },
    };
}

async function assertAll(site, browsers, expected = 200) {
    for (const browser of browsers) {
        const { status } = await browser.get(site.url('/x'), { follow: false });
        assert.equal(status, expected);
    }
}

/* Logs some people in and some of them out again, and says who is still there. */
async function comeAndGo(site) {
    const [stays, goes] = [await loggedIn(site), await loggedIn(site, 'bob')];
    const page = await goes.get(site.url('/tinyauth/logout'));
    await goes.submit(page, page.forms[0]);
    return { stays, goes };
}

for (const mpm of ['event', 'worker', 'prefork']) {
    test(`reloads under load lose no session: ${mpm}`, async (t) => {
        const site = await startStored(t, 'shm:8M', { mpm });
        const before = [await loggedIn(site), await loggedIn(site, 'bob')];
        const load = keepAsking(site, before);
        const during = [];
        for (let i = 0; i < 3; i += 1) {
            const [people] = await Promise.all([comeAndGo(site), site.httpd.graceful()]);
            during.push(people);
        }
        assert.ok(await load.end() > 10);
        await assertAll(site, [...before, ...during.map((people) => people.stays)]);
        await assertAll(site, during.map((people) => people.goes), 302);
    });
}

test('another size keeps every session, made before it and meanwhile', async (t) => {
    const site = await startStored(t, 'shm:8M');
    const people = [await loggedIn(site), await loggedIn(site, 'bob')];
    const load = keepAsking(site, [...people]);
    const gone = [];
    for (const size of ['32M', '512K', '1G', '4M']) {
        site.change(`shm:${size}`);
        const [{ stays, goes }] = await Promise.all([comeAndGo(site), site.httpd.graceful()]);
        people.push(stays);
        gone.push(goes);
    }
    await load.end();
    await assertAll(site, people);
    await assertAll(site, gone, 302);
});

test('without the module for a while, sessions are still there', async (t) => {
    const site = await startStored(t, 'shm');
    const browser = await loggedIn(site);
    site.change(() => 'TinyauthEngine Off\n<Location "/">\n    AuthType None\n</Location>');
    await site.httpd.graceful();
    site.change('shm');
    await site.httpd.graceful();
    await assertAll(site, [browser]);
});

test('children that are killed under load stop nobody and cost no session', async (t) => {
    const site = await startStored(t, 'shm:4M');
    site.httpd.expectErrors(/exit signal Killed/, /AH00524|AH00525|AH00526/);
    const people = [await loggedIn(site), await loggedIn(site, 'bob')];
    for (let i = 0; i < 8; i += 1) {
        const comers = Promise.allSettled([loggedIn(site), loggedIn(site), people[0].get(site.url('/x'))]);
        await sleep(10 * i);
        for (const pid of site.httpd.children()) {
            process.kill(pid, 'SIGKILL');
        }
        await comers;
        await sleep(300);
    }
    people.push(await loggedIn(site));
    await assertAll(site, people);
});

/* Ends every process of httpd at once, and starts it again. */
async function crash(site) {
    const exited = once(site.httpd.child, 'exit');
    site.httpd.kill();
    await exited;
    await sleep(100);
    fs.rmSync(site.httpd.server.pidFile, { force: true });
    await site.httpd.start();
}

const inFile = (size) => `shm:${size},file=sessions.store`;

test('a file keeps sessions when httpd is stopped, killed, or given another size', async (t) => {
    const site = await startStored(t, inFile('4M'));
    const { stays, goes } = await comeAndGo(site);
    const people = [stays];
    const file = site.httpd.file('sessions.store');
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    await site.httpd.restart();
    await assertAll(site, people);
    people.push(await loggedIn(site));
    await crash(site);
    await assertAll(site, people);
    site.change(inFile('8M'));
    await site.httpd.graceful();
    people.push(await loggedIn(site));
    await crash(site);
    await assertAll(site, people);
    site.change(inFile('2M'));
    people.push(await loggedIn(site));
    await site.httpd.restart();
    await assertAll(site, people);
    await assertAll(site, [goes], 302);
    assert.doesNotMatch(site.httpd.log(), /TA030/);
});

test('a crash under load leaves a file of whole sessions', async (t) => {
    const site = await startStored(t, inFile('4M'));
    const people = [];
    for (let i = 0; i < 5; i += 1) {
        people.push(await loggedIn(site));
        const comers = Promise.allSettled([loggedIn(site), loggedIn(site), loggedIn(site)]);
        await sleep(20 + 20 * i);
        await crash(site);
        await comers;
        await assertAll(site, people);
    }
});

test('a file that is damaged or of another version is put aside', async (t) => {
    const site = await startStored(t, inFile('1M'));
    const file = site.httpd.file('sessions.store');
    for (const [at, bytes] of [[0, 'other'], [8, '\xff'], [65536 + 8, '\xff'], [65536, 'x']]) {
        const browser = await loggedIn(site);
        await site.httpd.restart();
        await assertAll(site, [browser]);
        const fd = fs.openSync(file, 'r+');
        fs.writeSync(fd, Buffer.from(bytes, 'latin1'), 0, bytes.length, at);
        fs.closeSync(fd);
        await site.httpd.restart();
        await assertAll(site, [browser], 302);
        assert.ok(fs.existsSync(`${file}.unusable`));
        fs.rmSync(`${file}.unusable`);
    }
    assert.equal(site.httpd.log(/TA0304/).length, 4);
});

/* A copy of the module that takes what this one keeps for another version's. */
function moduleOfAnotherLayout(site) {
    const module = fs.readFileSync(modulePath());
    const at = module.indexOf('shm layout ');
    assert.ok(at > 0);
    module.write('X', at + 'shm layout '.length);
    const file = site.httpd.file('other.so');
    fs.writeFileSync(file, module);
    const conf = fs.readFileSync(site.httpd.server.confFile, 'utf8');
    fs.writeFileSync(site.httpd.server.confFile, conf.replace(modulePath(), file));
}

/* What httpd's parent has open of the store. */
function openFiles(site) {
    const folder = `/proc/${site.httpd.child.pid}/fd`;
    return fs.readdirSync(folder)
        .map((fd) => fs.readlinkSync(`${folder}/${fd}`))
        .filter((name) => /tinyauth-sessions|sessions\.store/.test(name));
}

test('a file that is replaced while httpd waits for its lock is not used', async (t) => {
    const site = await startStored(t, inFile('1M'));
    const file = site.httpd.file('sessions.store');
    /* another httpd, which takes the lock first and then makes the file anew */
    const script = 'sleep 0.5; mv "$0" "$0.old"; touch "$0"';
    const other = spawn('flock', [file, 'sh', '-c', script, file]);
    await sleep(100);
    await site.httpd.restart();
    assert.equal(other.exitCode, 0);
    assert.deepEqual(openFiles(site), [file]);
    await assertAll(site, [await loggedIn(site)]);
});

for (const store of ['shm:1M', inFile('1M')]) {
    test(`a reload brings a module of another layout, ${store}`, async (t) => {
        const site = await startStored(t, store);
        await loggedIn(site);
        moduleOfAnotherLayout(site);
        await site.httpd.graceful();
        await assertAll(site, [await loggedIn(site)]);
        assert.equal(openFiles(site).length, 1);
    });
}

test('two httpds do not share a file, and say so', async (t) => {
    const site = await startStored(t, inFile('1M'));
    const file = site.httpd.file('sessions.store');
    await assert.rejects(
        startStored(t, `shm:1M,file=${file}`),
        /TA0306: another httpd has \S+sessions\.store open/,
    );
});

test('a file for which there is no room stops httpd with a clear message', async (t) => {
    const site = await startStored(t, inFile('1M'));
    site.httpd.expectErrors(/TA0305/, /TA0110/, /AH00020/);
    site.change(inFile('1024G'));
    await assert.rejects(site.httpd.restart(), /httpd did not start/);
    assert.match(
        site.httpd.log(),
        /TA0305: the 1099511627776 bytes of the session store cannot be had in \S+sessions\.store/,
    );
});

test('a file that cannot be made anew after a reload serves as it is', async (t) => {
    const site = await startStored(t, inFile('1M'));
    const browser = await loggedIn(site);
    site.change(inFile('2M'));
    await site.httpd.graceful();
    /* as a full disk would: no file can be made there */
    fs.mkdirSync(site.httpd.file('sessions.store.new'));
    await site.httpd.restart();
    assert.match(site.httpd.log(), /TA0307: \S+sessions\.store cannot be made anew/);
    await assertAll(site, [browser]);
    fs.rmdirSync(site.httpd.file('sessions.store.new'));
    await site.httpd.restart();
    await assertAll(site, [browser]);
    assert.equal(site.httpd.log(/TA0307/).length, 1);
});

test('a reload changes the size of a file, but not its place', async (t) => {
    const site = await startStored(t, inFile('1M'));
    const browser = await loggedIn(site);
    site.change('shm:2M,file=elsewhere.store');
    await site.httpd.graceful();
    assert.match(site.httpd.log(), /TA0303: the session store stays in \S+sessions\.store/);
    await assertAll(site, [browser]);
});

test('a larger file than the disk holds is refused at a reload, which goes on', async (t) => {
    const site = await startStored(t, inFile('1M'));
    site.httpd.expectErrors(/TA0302/);
    const browser = await loggedIn(site);
    site.change(inFile('1024G'));
    await site.httpd.graceful();
    assert.match(site.httpd.log(), /TA0302: the session store cannot be changed/);
    await assertAll(site, [browser]);
    assert.equal((await loginAt(new Browser(), site.url('/'), 'bob')).status, 200);
});
