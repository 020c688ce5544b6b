/*
 * How long the administrator's page takes with many sessions in shm, and whether it holds up
 * those who log in meanwhile. Needs a built module; prints a few lines.
 *
 *     TINYAUTH_SO=build/.libs/mod_tinyauth.so node tests/bench/sessions_page.mjs [COUNT]
 *
 * The store is the file of a real one, filled with copies of a login by fill_store.c.
 */
import { Browser } from '../e2e/harness.mjs';
import { scenes } from './scenes.mjs';
import { makeServer } from './servers.mjs';

const count = Number(process.argv[2] ?? 100000);
const rounds = 10;
const scene = {
    ...scenes.tinyauth,
    conf: (given) => [
        scenes.tinyauth.conf(given), '<Location "/admin">', '    SetHandler tinyauth-admin',
        '</Location>',
    ].join('\n'),
};

const say = (text) => process.stdout.write(`${text}\n`);

async function timed(work) {
    const began = performance.now();
    await work();
    return performance.now() - began;
}

async function times(work, many = rounds) {
    const all = [];
    for (let i = 0; i < many; i += 1) {
        all.push(await timed(work));
    }
    all.sort((a, b) => a - b);
    const [median, most] = [all[all.length >> 1], all.at(-1)].map((ms) => `${ms.toFixed(0)} ms`);
    return `median ${median}, longest ${most}`;
}

async function get(url, headers, expected) {
    const answer = await fetch(url, { headers });
    const body = await answer.text();
    if (answer.status !== 200 || !body.includes(expected)) {
        throw new Error(`${url}: ${answer.status} ${body.slice(0, 500)}`);
    }
}

async function measure(server) {
    const pages = {
        'first page': ['', `Sessions: ${count}`],
        'search that finds all': ['?q=alice', `Sessions: ${count}`],
        'search that finds none': ['?q=nobody-of-that-name', 'Sessions: 0'],
    };
    const headers = { ...server.headers, accept: 'text/html', 'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document' };
    const url = `${server.origin}/admin/sessions`;
    for (const [name, [query, expected]] of Object.entries(pages)) {
        say(`${name}: ${await times(() => get(url + query, headers, expected))}`);
    }
    const logIn = () => scenes.tinyauth.logIn(server.origin, new Browser());
    say(`a login: ${await times(logIn)}`);
    let isOver = false;
    const reading = (async () => {
        while (!isOver) {
            await get(url, headers, 'Sessions: ');
        }
    })();
    say(`a login, while the page is read all the time: ${await times(logIn)}`);
    isOver = true;
    await reading;
}

const server = await makeServer(scene, { sessions: count });
try {
    await server.fill();
    const running = await server.start();
    try {
        await measure(server);
    } finally {
        await running.stop();
    }
} finally {
    await server.close();
}
