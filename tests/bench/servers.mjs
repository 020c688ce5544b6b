/*
 * A scene's httpd: its folder, its start and end, and a store that is as full as after many
 * logins.
 */
import fs from 'node:fs';
import path from 'node:path';
import { once } from 'node:events';
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { answers, freePort, sleep } from '../e2e/support/ports.mjs';
import {
    httpdPath, modulePath, removeFolder, writeServer,
} from '../e2e/support/httpd_config.mjs';
import { file, fileText, startSceneProvider } from './scenes.mjs';

const startSeconds = 120;
const root = fileURLToPath(new URL('../..', import.meta.url));

/* One process, so that its CPU time is all there is. */
const mpm = [
    'StartServers 1', 'ServerLimit 1', 'ThreadLimit 128', 'ThreadsPerChild 128',
    'MaxRequestWorkers 128', 'MinSpareThreads 1', 'MaxSpareThreads 128',
    'MaxKeepAliveRequests 0', 'KeepAliveTimeout 120',
].join('\n');

/* The size of a store for so many sessions. */
const sizeFor = (sessions) => (sessions > 20000 ? `${Math.ceil(sessions * 3.2 / 1024)}M` : '64M');

function passwordFile() {
    const { stdout } = spawnSync('openssl', ['passwd', '-apr1', 'password'], { encoding: 'utf8' });
    return `alice:${stdout}`;
}

/* Runs a program of the build folder. */
function runBuilt(name, args) {
    const folder = path.join(path.dirname(modulePath()), '..');
    const made = spawnSync('make', ['-s', '-C', folder, name], { encoding: 'utf8' });
    const { status, stdout, stderr } = spawnSync(path.join(folder, name), args, {
        encoding: 'utf8',
    });
    if (made.status !== 0 || status !== 0) {
        throw new Error(`${name}: ${made.stderr}${stdout}${stderr}`);
    }
    return stdout;
}

/*
 * Writes a scene's folder and starts its provider. `user`: { uid, gid } that all of it belongs
 * to. Returns what writeServer does, and { scene, provider, headers, start(), close() }.
 */
export async function makeServer(scene, { sessions = 1, user = {} } = {}) {
    const port = await freePort();
    const provider = await startSceneProvider(scene, `http://localhost:${port}`);
    const folder = fs.mkdtempSync('/var/tmp/tinyauth-bench-');
    const store = scene.module === false ? undefined
        : `shm:${sizeFor(sessions)}${sessions > 1 ? `,file=${folder}/sessions` : ''}`;
    const server = writeServer({
        port,
        module: scene.module,
        modules: scene.modules,
        logLevel: 'warn',
        files: { [`htdocs${file}`]: fileText, users: passwordFile() },
        conf: ({ dir }) => [mpm, scene.conf({ provider, dir, store })].join('\n'),
    });
    if (user.uid) {
        spawnSync('chown', ['-R', `${user.uid}:${user.gid}`, server.dir, folder]);
    }
    return Object.assign(server, {
        scene,
        provider,
        start: (command = []) => start(server, command, user),
        async close() {
            await provider.close();
            removeFolder(server.dir);
            removeFolder(folder);
        },
        async fill() {
            if (store && sessions > 1) {
                const first = await server.start();
                server.headers = await scene.headers(server.origin);
                await first.stop();
                runBuilt('tests/bench/fill_store', [`${folder}/sessions`, String(sessions - 1)]);
            }
        },
    });
}

/* Starts httpd, under another program where `command` names one. */
async function start(server, command, user) {
    const [program, ...args] = [
        ...command, httpdPath, ...(command.length > 0 ? ['-X'] : ['-DFOREGROUND']),
        '-d', server.dir, '-f', server.confFile,
    ];
    const child = spawn(program, args, { stdio: 'ignore', ...user });
    const exited = once(child, 'exit');
    const end = async (signal) => {
        child.kill(signal);
        await exited;
    };
    for (let waited = 0; !await answers(server.port); waited += 50) {
        if (child.exitCode !== null || waited > startSeconds * 1000) {
            const log = fs.readFileSync(server.file('logs/error.log'), 'utf8');
            child.kill('SIGKILL');
            throw new Error(`httpd did not start\n${log.slice(-2000)}`);
        }
        await sleep(50);
    }
    return { pid: child.pid, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

/* What the module was built from, for the table. */
export function version() {
    const { stdout } = spawnSync('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], {
        encoding: 'utf8',
    });
    return stdout.trim();
}
