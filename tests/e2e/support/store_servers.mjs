/*
 * Servers that keep sessions outside of httpd: real ones, each with a folder of its own, on
 * loopback, without persistence, and gone when the test ends.
 */
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { listen, sleep } from './ports.mjs';

const startSeconds = 10;
const running = new Set();

process.on('exit', () => {
    for (const child of running) {
        child.kill('SIGKILL');
    }
});

/*
 * A program that the test can start, stop, halt and start again. `isUp` says when it serves.
 */
export class StoreServer {
    constructor(program, args, isUp) {
        this.program = program;
        this.args = args;
        this.isUp = isUp;
        this.output = '';
    }

    async start() {
        this.child = spawn(this.program, this.args, {
            argv0: this.argv0 ?? this.program, stdio: ['ignore', 'pipe', 'pipe'],
        });
        running.add(this.child);
        this.exited = once(this.child, 'exit');
        this.exited.catch(() => {});
        for (const stream of [this.child.stdout, this.child.stderr]) {
            stream.on('data', (chunk) => { this.output += chunk; });
        }
        for (let waited = 0; !(await this.isUp()); waited += 20) {
            if (this.child.exitCode !== null || waited > startSeconds * 1000) {
                throw new Error(`${this.program} does not start\n${this.output}`);
            }
            await sleep(20);
        }
    }

    /* At once, as when the machine loses power. */
    async kill() {
        if (this.child.exitCode === null && this.child.signalCode === null) {
            this.child.kill('SIGKILL');
            await this.exited;
        }
        running.delete(this.child);
    }

    /* It keeps its connections and accepts new ones, but answers nobody. */
    halt() {
        this.child.kill('SIGSTOP');
    }

    resume() {
        this.child.kill('SIGCONT');
    }
}

/* A folder that goes with the test. */
export function temporaryFolder(t) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tinyauth-store-'));
    fs.chmodSync(dir, 0o755);
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    return dir;
}

/* A server that accepts connections and never answers; returns its port. */
export async function startSilent(t, port = 0) {
    const server = net.createServer(() => {});
    t.after(await listen(server, port));
    return server.address().port;
}
