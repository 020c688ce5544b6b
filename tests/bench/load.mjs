/*
 * CPU time, throughput and latency under ab (apache2-utils). The machine may have other work:
 * times are compared in pairs, the same requests to both within one round.
 */
import fs from 'node:fs';
import http from 'node:http';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Browser } from '../e2e/harness.mjs';
import { makeServer } from './servers.mjs';
import { file } from './scenes.mjs';

const connections = [1, 16, 64];

/* Nanoseconds on a processor of a process with all its threads. */
function cpuOf(pid) {
    return fs.readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
        try {
            const stat = fs.readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8');
            return sum + Number(stat.split(' ')[0]);
        } catch {
            return sum;
        }
    }, 0);
}

function childrenOf(pid) {
    return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
}

/* CPU time of httpd's children; those do not come and go here. */
function cpuOfChildren(httpd) {
    return childrenOf(httpd.pid).reduce((sum, pid) => sum + cpuOf(pid), 0);
}

/* Runs ab: { perSecond, median, high } with latencies in milliseconds. */
async function ab(server, headers, requests, concurrency) {
    const csv = server.file('ab.csv');
    const lines = { Host: `localhost:${server.port}`, ...headers };
    const child = spawn('ab', [
        '-q', '-k', '-n', String(requests), '-c', String(concurrency), '-e', csv,
        ...Object.entries(lines).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
        `http://127.0.0.1:${server.port}${file}`,
    ]);
    let output = '';
    child.stdout.on('data', (chunk) => { output += chunk; });
    await once(child, 'close');
    const failed = /Failed requests: +([1-9]\d*)|Non-2xx responses/.exec(output);
    const perSecond = /Requests per second: +([\d.]+)/.exec(output);
    if (failed || !perSecond) {
        throw new Error(`ab: ${server.scene.name}: ${output}`);
    }
    const times = new Map(fs.readFileSync(csv, 'utf8').split('\n').slice(1)
        .map((line) => line.split(',').map(Number)));
    return { perSecond: Number(perSecond[1]), median: times.get(50), high: times.get(99) };
}

export function quartiles(values) {
    const sorted = [...values].sort((a, b) => a - b);
    return [0.25, 0.5, 0.75].map((part) => sorted[Math.floor(part * (sorted.length - 1))]);
}

async function startAll(scenes) {
    const started = [];
    for (const scene of scenes) {
        const server = await makeServer(scene);
        const httpd = await server.start();
        const headers = await scene.headers(server.origin, 60);
        await ab(server, headers, 2000, 8);
        started.push({ scene, server, httpd, headers, cpu: [], ratio: [], load: [] });
    }
    return started;
}

/* One round: the same requests to each, begun with another one each time. */
async function round(started, number, requests) {
    const first = number % started.length;
    const order = [...started.slice(first), ...started.slice(0, first)];
    for (const each of order) {
        const before = cpuOfChildren(each.httpd);
        await ab(each.server, each.headers, requests, 8);
        each.cpu.push((cpuOfChildren(each.httpd) - before) / requests / 1000);
    }
    for (const each of started) {
        each.ratio.push(each.cpu.at(-1) / started[0].cpu.at(-1));
    }
}

/*
 * Measures scenes side by side; the first is the one that the others are held against. Returns
 * of each { scene, cpu, ratio, load }: microseconds of a request and the ratio in each round, and
 * what ab says at 1, 16 and 64 connections.
 */
export async function measureLoad(scenes, { rounds = 40, requests = 2000 } = {}) {
    const started = await startAll(scenes);
    try {
        for (let i = 0; i < rounds; i += 1) {
            await round(started, i, requests);
        }
        for (const each of started) {
            for (const count of connections) {
                each.load.push(await ab(each.server, each.headers, requests * 2, count));
            }
        }
        return started;
    } finally {
        for (const { httpd, server } of started) {
            await httpd.stop();
            await server.close();
        }
    }
}

async function logInOften({ scene, server, httpd }, logins) {
    const before = cpuOfChildren(httpd);
    for (let i = 0; i < logins; i += 1) {
        /* one connection, as a person's browser has it */
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        await scene.logIn(server.origin, new Browser({ agent }));
        agent.destroy();
    }
    return (cpuOfChildren(httpd) - before) / logins / 1000;
}

/*
 * Whole logins, side by side like measureLoad(): of each scene { scene, cpu, ratio }, in each
 * round.
 */
export async function measureLogins(scenes, { rounds = 40, logins = 10, warmUp = 300 } = {}) {
    const started = [];
    try {
        for (const scene of scenes) {
            const server = await makeServer(scene);
            started.push({ scene, server, httpd: await server.start(), cpu: [], ratio: [] });
            /* what the provider says about itself is fetched once, and each thread of httpd
               makes what it needs when it first meets a login */
            await logInOften(started.at(-1), warmUp);
        }
        for (let i = 0; i < rounds; i += 1) {
            for (const each of started) {
                each.cpu.push(await logInOften(each, logins));
            }
            for (const each of started) {
                each.ratio.push(each.cpu.at(-1) / started[0].cpu.at(-1));
            }
        }
        return started;
    } finally {
        for (const { httpd, server } of started) {
            await httpd.stop();
            await server.close();
        }
    }
}
