/*
 * Faults while people use the site: the provider misbehaves at random, children are killed,
 * the disk of the logs is full, descriptors and memory run out. Nobody who may not is let in,
 * nobody's session is lost by it, and when the fault is over everything works.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { execFileSync } from 'node:child_process';
import { Browser, sleep, startSite } from '../harness.mjs';
import { answers } from '../liar.mjs';
import { describe, loginWithLiar, sessionCookies } from '../support/login_steps.mjs';
import { descriptorsOf, memoryOf, tally } from '../support/measure.mjs';

const quiet = 'LogLevel tinyauth:crit';

async function logIn(site, count) {
    const people = [];
    for (let i = 0; i < count; i += 1) {
        const browser = new Browser({ timeout: 30000 });
        const page = await loginWithLiar(browser, site.url('/'));
        assert.equal(page.status, 200, describe(page));
        people.push(browser);
    }
    return people;
}

const statusOf = (browser, url) => browser.fetch(url).then(({ status }) => status, () => 'lost');

/* People and a stranger look at pages until `until` is over: what each heard. */
async function useMeanwhile(site, people, until) {
    const heard = { people: [], strangers: [] };
    let isOver = false;
    until.finally(() => { isOver = true; }).catch(() => {});
    const loop = async (list, next) => {
        while (!isOver) {
            list.push(await statusOf(next(), site.url('/')));
            await sleep(5);
        }
    };
    await Promise.all([
        ...people.map((person) => loop(heard.people, () => person)),
        loop(heard.strangers, () => new Browser()),
        until,
    ]);
    return heard;
}

function report(t, heard) {
    t.diagnostic(`people: ${tally(heard.people)}; strangers: ${tally(heard.strangers)}`);
    assert.ok(heard.people.length > 50 && heard.strangers.length > 10);
    assert.ok(!heard.strangers.includes(200), 'a stranger was let in');
    assert.ok(!heard.people.includes(401), 'a session was lost');
}

async function assertAllIsWell(site, people) {
    for (const person of people) {
        assert.equal(await statusOf(person, site.url('/')), 200);
    }
    await logIn(site, 2);
}

/* What a provider may do instead of answering. */
const misbehaviour = [
    () => answers.closeEarly(answers.json({ access_token: 'x' }), 0),
    () => answers.closeEarly(answers.json({ access_token: 'x'.repeat(100) }), 20),
    () => answers.html(), () => answers.json({}), () => answers.json([]),
    () => answers.rawJson('{"access_token":'), () => answers.rawJson(answers.nested(5000)),
    () => answers.redirect('/elsewhere'), () => answers.redirect('file:///etc/passwd'),
    () => answers.huge(64 * 1024 ** 2), () => answers.json({}, 500), () => answers.json({}, 429),
    () => answers.late(answers.json({}), 1500), () => ({ status: 204, text: '' }),
];

test('a provider that misbehaves in half of its answers, while 400 people log in', async (t) => {
    const site = await startSite(t, { liar: {}, server: quiet, logLevel: 'error', mpm: 'worker' });
    const people = await logIn(site, 8);
    const { op, httpd } = site;
    let dice = 1;
    const perhaps = () => {
        dice = (dice * 48271) % 2147483647;
        return dice % 2 ? undefined : misbehaviour[dice % misbehaviour.length]();
    };
    op.onToken = perhaps;
    op.onUserinfo = perhaps;
    const memory = memoryOf(httpd);
    const logins = [];
    const crowd = async () => {
        for (let i = 0; i < 50; i += 1) {
            const browser = new Browser({ timeout: 30000 });
            const { status } = await loginWithLiar(browser, site.url('/'));
            assert.equal(sessionCookies(browser).length, status === 200 ? 1 : 0);
            logins.push(status);
        }
    };
    const heard = await useMeanwhile(site, people, Promise.all(Array.from({ length: 8 }, crowd)));
    report(t, heard);
    const grown = memoryOf(httpd) - memory;
    t.diagnostic(`logins: ${tally(logins)}; memory ${memory} KB + ${grown} KB`);
    assert.ok(heard.people.every((status) => status === 200));
    assert.ok(logins.includes(200) && logins.every((status) => [200, 502].includes(status)));
    assert.ok(grown < 20000, `${grown} KB more`);
    op.behave();
    await assertAllIsWell(site, people);
});

test('children that are killed again and again', async (t) => {
    const site = await startSite(t, {
        liar: {}, server: `${quiet}\nTinyauthRevalidate 1`, logLevel: 'warn',
    });
    site.httpd.expectErrors(/exit signal Killed/);
    const people = await logIn(site, 8);
    const kill = async () => {
        for (let i = 0; i < 40; i += 1) {
            const children = site.httpd.children();
            process.kill(children[i % children.length], 'SIGKILL');
            await sleep(150);
        }
    };
    const heard = await useMeanwhile(site, people, kill());
    report(t, heard);
    assert.ok(heard.people.every((status) => [200, 'lost'].includes(status)));
    await sleep(500);
    for (const person of people) {
        assert.equal(await statusOf(person, site.url('/')), 200);
    }
});

test('logs on a disk that is full', async (t) => {
    const site = await startSite(t, {
        liar: {}, server: 'ErrorLog /dev/full\nCustomLog /dev/full combined',
    });
    const people = await logIn(site, 4);
    const heard = await useMeanwhile(site, people, sleep(3000));
    report(t, heard);
    assert.ok(heard.people.every((status) => status === 200));
    await assertAllIsWell(site, people);
});

async function logInMeanwhile(site, seconds) {
    const until = Date.now() + seconds * 1000;
    const heard = [];
    while (Date.now() < until) {
        const browser = new Browser({ timeout: 5000 });
        const page = await loginWithLiar(browser, site.url('/')).catch(() => undefined);
        heard.push(page?.status ?? 'lost');
        assert.ok(page?.status === 200 || sessionCookies(browser).length === 0);
    }
    return heard;
}

/* Lowers how many descriptors a process may have, or (undefined) lifts that again. */
function limitDescriptors(pid, soft) {
    const read = (file, pattern) => (
        Number(pattern.exec(fs.readFileSync(`/proc/${pid}/${file}`, 'utf8'))[1])
    );
    const limit = soft ?? read('limits', /Max open files\s+\d+\s+(\d+)/);
    /* a process may set the limits of others of its user and group */
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`], {
        uid: read('status', /Uid:\s+(\d+)/), gid: read('status', /Gid:\s+(\d+)/),
    });
}

/* The limit, which is one of numbers, that leaves a process so many free ones. */
function numberOfFree(pid, spare) {
    const taken = new Set(fs.readdirSync(`/proc/${pid}/fd`).map(Number));
    let [number, free] = [0, 0];
    while (free < spare) {
        free += !taken.has(number);
        number += 1;
    }
    return number;
}

/* Where a child cannot even accept a connection httpd ends it and starts another, which has
   its descriptors again. */
test('descriptors that run out', async (t) => {
    const site = await startSite(t, {
        liar: {}, logLevel: 'crit',
        server: `${quiet}\nStartServers 1\nServerLimit 1\nMaxRequestWorkers 16`,
    });
    const { httpd, op } = site;
    httpd.expectErrors(/Too many open files|AH\d+/);
    const people = await logIn(site, 1);
    const crowd = () => Promise.all(Array.from({ length: 8 }, () => logInMeanwhile(site, 4)));
    await crowd();
    await sleep(3000);
    const [child] = httpd.children();
    const before = descriptorsOf(httpd);
    op.onToken = (form, body) => answers.late(answers.json(body), 200);
    limitDescriptors(child, numberOfFree(child, 3));
    let logins;
    const heard = await useMeanwhile(site, people, (async () => {
        logins = await crowd();
    })());
    report(t, heard);
    t.diagnostic(`logins: ${tally(logins.flat())}; child ${child} is now ${httpd.children()}`);
    assert.ok(logins.flat().some((status) => status !== 200) || httpd.children()[0] !== child,
        'they did not run out');
    op.behave();
    if (httpd.children().includes(child)) {
        limitDescriptors(child, undefined);
    }
    await sleep(3000);
    t.diagnostic(`descriptors before ${before}, after ${descriptorsOf(httpd)}`);
    assert.ok(descriptorsOf(httpd) <= before + 40);
    await assertAllIsWell(site, people);
});

const sizeOf = (pid) => (
    Number(/VmSize:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
);

test('memory that runs out', async (t) => {
    const site = await startSite(t, { liar: {}, server: quiet, logLevel: 'crit' });
    const { httpd, op } = site;
    httpd.expectErrors(/./);
    await logIn(site, 2);
    const size = Math.max(...httpd.children().map(sizeOf));
    httpd.options.limits = [`--as=${size + 4 * 1024 ** 2}`];
    await httpd.restart();
    const people = await logIn(site, 4);
    const padding = 'x'.repeat(900000);
    op.onUserinfo = (claims) => ({ json: { ...claims, padding } });
    let logins;
    const heard = await useMeanwhile(site, people, (async () => {
        logins = await Promise.all(Array.from({ length: 12 }, () => logInMeanwhile(site, 4)));
    })());
    report(t, heard);
    t.diagnostic(`${size} bytes of address space and 4 MB; logins: ${tally(logins.flat())}`);
    op.behave();
    await sleep(1500);
    await assertAllIsWell(site, people);
});
