/*
 * Instructions per request: httpd as one process under callgrind, counters zeroed after a
 * warm-up. User space only; repeats within one per cent on any machine of the same kind.
 */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { once } from 'node:events';
import { spawnSync } from 'node:child_process';
import { modulePath } from '../e2e/support/httpd_config.mjs';
import { makeServer } from './servers.mjs';
import { file, fileText } from './scenes.mjs';

const controlSeconds = 30;
const warmUp = 200;

function idOf(option) {
    return Number(spawnSync('id', [option, 'www-data'], { encoding: 'utf8' }).stdout);
}

/* callgrind_control reaches only processes of its own user, and httpd would leave root. */
const user = process.getuid() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};

/* Sends one request after the other on one connection; each must be answered with the file. */
class Client {
    constructor(port, headers) {
        const lines = [
            `GET ${file} HTTP/1.1`, `Host: localhost:${port}`, 'User-Agent: bench', 'Accept: */*',
            ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
        ];
        this.port = port;
        this.request = `${lines.join('\r\n')}\r\n\r\n`;
    }

    async open() {
        this.socket = net.connect(this.port, '127.0.0.1');
        this.socket.setNoDelay(true);
        this.socket.setEncoding('latin1');
        await once(this.socket, 'connect');
        return this;
    }

    async send(count) {
        for (let i = 0; i < count; i += 1) {
            this.socket.write(this.request);
            let answer = '';
            while (!answer.endsWith(fileText)) {
                answer += (await once(this.socket, 'data'))[0];
                if (!answer.startsWith('HTTP/1.1 200 ')) {
                    throw new Error(`not the file but ${answer.split('\r\n')[0]}`);
                }
            }
        }
    }

    close() {
        this.socket.destroy();
    }
}

function control(pid, action) {
    const { status, stdout, stderr } = spawnSync('callgrind_control', [action, String(pid)], {
        encoding: 'utf8', timeout: controlSeconds * 1000, ...user,
    });
    if (status !== 0 || /error/i.test(stdout + stderr)) {
        throw new Error(`callgrind_control ${action}: ${stdout}${stderr}`);
    }
}

/* The total of a dump, and its functions by their own cost, or with what they call:
   [name, instructions]. */
function readDump(dump, inclusive) {
    const { stdout } = spawnSync('callgrind_annotate', [
        '--auto=no', '--threshold=100', `--inclusive=${inclusive ? 'yes' : 'no'}`, dump,
    ], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    const costs = [...stdout.matchAll(/^ *([\d,]+) \([ \d.]+%\) {2}(.*)$/gm)]
        .map(([, count, what]) => [
            what.replace(/^.*?:/, '').replace(/ \[.*\/(.*)\]$/, ' [$1]'),
            Number(count.replaceAll(',', '')),
        ]);
    return { total: costs[0][1], functions: costs.slice(1) };
}

/* Names of the functions that those of an object call themselves. In a dump a name stands where
   it comes first, behind a number, and from then on the number alone. */
function readCallees(dump, object) {
    const names = new Map();
    const objects = new Map();
    const called = new Set();
    let isInside = false;
    for (const line of fs.readFileSync(dump, 'latin1').split('\n')) {
        const [, key, number, name] = /^(c?(?:fn|ob))=\((\d+)\)(?: (.*))?$/.exec(line) ?? [];
        const known = key?.endsWith('fn') ? names : objects;
        if (name) {
            known.set(number, name);
        }
        if (key === 'ob') {
            isInside = objects.get(number).endsWith(object);
        } else if (key === 'cfn' && isInside) {
            called.add(names.get(number));
        }
    }
    return [...called];
}

function lastDump(server) {
    return fs.readdirSync(server.dir).filter((name) => /^callgrind\.out\.\d+$/.test(name))
        .map((name) => path.join(server.dir, name)).sort().at(-1);
}

/*
 * Measures a scene: { instructions, own, inclusive } of one request, where the last two are lists
 * of [function, instructions]; callees: the names of what our module calls itself; and the length
 * of the cookie header that was sent.
 */
export async function countInstructions(scene, options = {}) {
    const { requests = 400, cookieLength = 60, sessions = 1 } = options;
    const server = await makeServer(scene, { sessions, user });
    let httpd;
    try {
        await server.fill();
        httpd = await server.start([
            'valgrind', '--tool=callgrind', '--log-file=/dev/null',
            `--callgrind-out-file=${server.file('callgrind.out')}`,
        ]);
        const headers = server.headers ?? await scene.headers(server.origin, cookieLength);
        const client = await new Client(server.port, headers).open();
        await client.send(warmUp);
        control(httpd.pid, '-z');
        await client.send(requests);
        control(httpd.pid, '-d');
        client.close();
        const own = readDump(lastDump(server), false);
        const perRequest = ([name, count]) => [name, count / requests];
        return {
            instructions: Math.round(own.total / requests),
            own: own.functions.map(perRequest),
            inclusive: readDump(lastDump(server), true).functions.map(perRequest),
            callees: readCallees(lastDump(server), path.basename(modulePath())),
            cookieLength: headers.Cookie?.length,
        };
    } finally {
        await httpd?.kill();
        await server.close();
    }
}
