/*
 * Many people at a time who log in, look at pages, are asked about again, change groups and log
 * out, while httpd is reloaded again and again. Every answer is checked. At the end nothing may
 * have failed, nobody may have been logged out who did not want to, and no process of httpd may
 * have grown.
 *
 *     node tests/soak/soak.mjs [--minutes N] [--people N] [--mpm event|worker|prefork]
 *                              [--store SPEC] [--reload SECONDS] [--growth KB]
 *
 * The last three minutes (at most a third of the time) pass without a reload: there the
 * children's memory is compared, when they have had half of that time to fill their free lists.
 */
import fs from 'node:fs';
import { Browser, loginAt, sleep, startSite, textOf } from '../e2e/harness.mjs';
import { readOptions } from '../e2e/support/options.mjs';

const { values: options } = readOptions(import.meta.url, {
    options: {
        minutes: { type: 'string', default: '10' },
        people: { type: 'string', default: '24' },
        mpm: { type: 'string', default: 'event' },
        store: { type: 'string', default: 'shm:16M' },
        reload: { type: 'string', default: '10' },
        growth: { type: 'string', default: '2048' },
    },
});

const seconds = Number(options.minutes) * 60;
const quietSeconds = Math.min(180, seconds / 3);
const begin = Date.now();
const elapsed = () => (Date.now() - begin) / 1000;
const counts = {
    logins: 0, requests: 0, denials: 0, revalidations: 0, logouts: 0, replays: 0, reloads: 0,
};
const failures = [];
let isOver = false;

function fail(who, what, page) {
    const detail = page ? ` (${page.status} ${page.url} ${textOf(page.body).slice(0, 200)})` : '';
    failures.push(`${elapsed().toFixed(1)} s: ${who}: ${what}${detail}`);
}

/* What the harness wants of a test: a place for what is to be done at the end. */
const cleanups = [];
const scene = { after: (cleanup) => cleanups.unshift(cleanup) };

async function leave() {
    for (const cleanup of cleanups) {
        /* the others are wanted all the same: what is left open keeps this process alive */
        await Promise.resolve().then(cleanup).catch((error) => {
            fail('the end', error.message.slice(0, 2000));
        });
    }
}

/* People of the liar: each has an account of their own, in the right group or out of it. */
function makeUsers(count) {
    return Object.fromEntries(Array.from({ length: count }, (_, index) => [`person${index}`, {
        sub: `sub-${index}`,
        preferred_username: `person${index}`,
        name: `Person ${index}`,
        email: `person${index}@example.com`,
        email_verified: true,
        groups: ['users', 'admins', ...Array.from({ length: index % 20 }, (__, i) => `g${i}`)],
    }]));
}

/* The provider has no login form: it takes everybody for whom their browser names. */
const browserOf = (name) => new Browser({ headers: { 'x-person': name } });

function letBrowsersName(op) {
    const authorize = op.authorizeAnswer.bind(op);
    op.authorizeAnswer = (request) => {
        request.params.set('login_hint', request.req.headers['x-person']);
        return authorize(request);
    };
}

/* What the servers remember of requests is counted and forgotten: this process may not grow. */
function forget(site) {
    counts.revalidations += site.op.requests.of('token')
        .filter(({ form }) => form?.get('grant_type') === 'refresh_token').length;
    site.op.requests.clear();
    site.op.secrets.clear();
    site.backend.requests.clear();
}

async function visit(site, browser, name, isMember) {
    const page = await browser.fetch(site.url(`/page-${Math.floor(Math.random() * 1000)}`));
    counts.requests += 1;
    if (isMember === undefined) {
        return; /* their groups have just changed: within a round either answer is right */
    }
    if (isMember && (page.status !== 200 || page.json.headers['remote-user'] !== name)) {
        fail(name, 'did not see a page of theirs', page);
    } else if (!isMember && page.status !== 403) {
        fail(name, 'was let in without being in the group', page);
    } else if (!isMember) {
        counts.denials += 1;
    }
}

async function logOut(site, browser, name) {
    const cookies = browser.jar.header(site.url('/'));
    const asked = await browser.get(site.url('/tinyauth/logout'));
    const form = asked.forms.find(({ action }) => action.endsWith('/tinyauth/logout'));
    if (!form) {
        fail(name, 'was not asked whether to log out', asked);
        return;
    }
    await browser.submit(asked, form, {}, { follow: false });
    counts.logouts += 1;
    const replay = await new Browser().fetch(site.url('/'), { headers: { cookie: cookies } });
    counts.replays += 1;
    if (replay.status !== 401) {
        fail(name, 'could use a cookie after logging out', replay);
    }
}

/* One person's day: log in, look around, be taken out of the group and put back, log out. */
async function live(site, index) {
    const name = `person${index}`;
    const user = site.op.users[name];
    while (!isOver) {
        const browser = browserOf(name);
        const page = await loginAt(browser, site.url('/'), name);
        if (page.status !== 200) {
            fail(name, 'could not log in', page);
            await sleep(1000);
            continue;
        }
        counts.logins += 1;
        const visits = 20 + Math.floor(Math.random() * 60);
        for (let i = 0; i < visits && !isOver; i += 1) {
            await visit(site, browser, name, true);
            await sleep(Math.random() * 200);
        }
        if (Math.random() < 0.3 && !isOver) {
            user.groups = ['users'];
            await sleep(2000);
            await visit(site, browser, name, undefined); /* this one asks the provider */
            await visit(site, browser, name, false);
            user.groups = ['users', 'admins'];
            await sleep(2000);
            await visit(site, browser, name, undefined);
            await visit(site, browser, name, true);
        }
        await logOut(site, browser, name);
    }
}

/* A few who never log out: their sessions have to last through everything. */
async function stay(site, index) {
    const name = `person${index}`;
    const browser = browserOf(name);
    const page = await loginAt(browser, site.url('/'), name);
    if (page.status !== 200) {
        fail(name, 'could not log in', page);
        return;
    }
    counts.logins += 1;
    while (!isOver) {
        await visit(site, browser, name, true);
        await sleep(Math.random() * 400);
    }
}

/* KB of a process that are no file's: its own, and what it still shares with whoever forked. */
function memoryOf(pid) {
    const text = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Anonymous: +(\d+) kB/m.exec(text)[1]);
}

function memoryOfAll(pids) {
    return new Map(pids.map((pid) => {
        try {
            return [pid, memoryOf(pid)];
        } catch {
            return [pid, undefined]; /* it has just ended */
        }
    }));
}

async function reload(site) {
    const parent = [];
    while (elapsed() < seconds - quietSeconds) {
        const left = seconds - quietSeconds - elapsed();
        await sleep(Math.min(Number(options.reload), left) * 1000);
        await site.httpd.graceful();
        counts.reloads += 1;
        parent.push(memoryOf(site.httpd.child.pid));
    }
    /* the first reloads fill free lists */
    const [first, last] = [parent[Math.min(3, parent.length - 1)], parent.at(-1)];
    console.log(`parent: ${first} KB after the first reloads, ${last} KB after ${parent.length}`);
    if (last - first > Number(options.growth)) {
        fail('the parent', `grew from ${first} to ${last} KB`);
    }
}

/* Children that are there through the whole quiet time: what each has, now and then. */
async function watchChildren(site) {
    const rounds = 6;
    const seen = new Map();
    for (let round = 1; round <= rounds; round += 1) {
        await sleep((quietSeconds * 1000) / rounds);
        for (const [pid, kilobytes] of memoryOfAll(site.httpd.children())) {
            seen.set(pid, [...(seen.get(pid) ?? []), kilobytes]);
        }
    }
    for (const [pid, samples] of seen) {
        if (samples.length === rounds && samples.every(Number.isFinite)) {
            console.log(`child ${pid}: ${samples.join(', ')} KB`);
            const grown = samples.at(-1) - samples[rounds / 2 - 1];
            if (grown > Number(options.growth)) {
                fail(`child ${pid}`, `grew by ${grown} KB`);
            }
        }
    }
}

async function run() {
    const people = Number(options.people);
    const site = await startSite(scene, {
        mpm: options.mpm,
        logLevel: 'warn',
        liar: { users: makeUsers(people) },
        require: 'oauth-group admins',
        server: `TinyauthRevalidate 1\nTinyauthSessionStore ${options.store}`,
    });
    site.httpd.expectErrors(/TA005\d|AH01631/);
    letBrowsersName(site.op);
    const forgetting = setInterval(() => forget(site), 5000);
    const lives = Array.from({ length: people }, (_, index) => (
        (index % 4 === 0 ? stay : live)(site, index).catch((error) => {
            fail(`person${index}`, error.stack);
        })
    ));
    await reload(site);
    await watchChildren(site);
    while (elapsed() < seconds) {
        await sleep(200);
    }
    isOver = true;
    await Promise.all(lives);
    clearInterval(forgetting);
    forget(site);
    for (const problem of site.op.problems) {
        fail('the provider', problem);
    }
}

try {
    await run();
} catch (error) {
    fail('the soak', error.stack);
}
await leave();
console.log(Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', '));
failures.slice(0, 20).forEach((failure) => console.log(`FAIL ${failure}`));
console.log(`${Object.values(counts).reduce((a, b) => a + b)} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
