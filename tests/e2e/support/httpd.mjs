/*
 * A real httpd per test: its own folder, ports and configuration, nothing of /etc. When the
 * test ends httpd is stopped, and whatever it logged as an error that the test had not
 * announced makes the test fail.
 */
import fs from 'node:fs';
import path from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { answers, freePort, sleep } from './ports.mjs';
import { httpdPath, removeFolder, writeServer } from './httpd_config.mjs';

const startSeconds = 20;
const stopSeconds = 15;
const isFault = /\[[\w-]*:(error|crit|alert|emerg)\]/;
/* Errors to httpd but not to us: a connection that is open while it stops, a user whom a
   Require line denies. */
const isNoise = new RegExp([
    'AH03092: process_lingering_close', 'AH01631: user .* authorization failure',
    'AH10159: server is within MinSpareThreads',
].join('|'));
const running = new Set();

/* Whatever ends this process ends the servers that it started. */
function killAll() {
    for (const httpd of running) {
        httpd.kill();
        removeFolder(httpd.dir);
    }
}

process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
        killAll();
        process.exit(1);
    });
}

/* A sanitizer's library comes before httpd, and its options with it. */
export function environment(env) {
    const preload = process.env.TINYAUTH_HTTPD_PRELOAD;
    const options = Object.entries(process.env)
        .filter(([name]) => /^(ASAN|UBSAN|TSAN)_OPTIONS$/.test(name));
    return {
        PATH: process.env.PATH,
        LANG: 'C',
        ...(preload && {
            LD_PRELOAD: preload, ASAN_OPTIONS: 'detect_leaks=0', ...Object.fromEntries(options),
        }),
        ...env,
    };
}

/* The error log's entries: a message of several lines stays together. */
function entriesOf(log) {
    return log.split(/\n(?=\[)/).filter(Boolean);
}

export class Httpd {
    constructor(server, options) {
        this.server = server;
        this.dir = server.dir;
        this.port = server.port;
        this.origin = server.origin;
        this.options = options;
        this.announced = [];
        /* Strings that no log may hold: tokens, codes, cookie values. */
        this.secrets = new Set();
        this.output = '';
        this.pardoned = new Set();
    }

    url(target = '/') {
        return new URL(target, `${this.origin}/`).href;
    }

    /* A file in the server's folder. */
    file(name) {
        return path.join(this.dir, name);
    }

    /* The error log; `log(/TA\d+/)` gives only the lines that match. */
    log(pattern) {
        const text = this.#read('logs/error.log');
        return pattern ? text.split('\n').filter((line) => pattern.test(line)) : text;
    }

    accessLog() {
        return this.#read('logs/access.log');
    }

    /* Errors that this test causes on purpose. */
    expectErrors(...patterns) {
        this.announced.push(...patterns);
    }

    /* Waits until the log has a line like this; for what happens after the answer. */
    async waitForLog(pattern, seconds = 5) {
        for (let waited = 0; waited < seconds * 1000; waited += 50) {
            const line = this.log(pattern)[0];
            if (line) {
                return line;
            }
            await sleep(50);
        }
        throw new Error(`no log line like ${pattern}\n${this.log()}`);
    }

    async start() {
        const { server } = this;
        const { limits } = this.options;
        const command = [
            ...(limits ? ['prlimit', ...limits] : []),
            httpdPath, '-DFOREGROUND', '-d', server.dir, '-f', server.confFile,
        ];
        this.child = spawn(command[0], command.slice(1), {
            detached: true,
            stdio: ['ignore', 'pipe', 'pipe'],
            env: environment(this.options.env),
        });
        running.add(this);
        this.exited = once(this.child, 'exit');
        this.exited.then(() => { this.ended = true; }, () => {});
        for (const stream of [this.child.stdout, this.child.stderr]) {
            stream.on('data', (chunk) => { this.output += chunk; });
        }
        this.ended = false;
        await this.#untilUp();
        return this;
    }

    async #untilUp() {
        for (let waited = 0; waited < startSeconds * 1000; waited += 20) {
            if (this.ended) {
                throw new Error(`httpd did not start\n${this.output}${this.log()}`);
            }
            if (await answers(this.port) && fs.existsSync(this.server.pidFile)) {
                return;
            }
            await sleep(20);
        }
        this.kill();
        throw new Error(`httpd does not answer\n${this.output}${this.log()}`);
    }

    /* Process ids of httpd's children. */
    children() {
        const { pid } = this.child;
        try {
            return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
                .split(' ').filter(Boolean).map(Number);
        } catch {
            return [];
        }
    }

    /* SIGUSR1: a new generation of children; resolves when it serves. */
    async graceful() {
        const resumed = () => this.log(/resuming normal operations/).length;
        const before = resumed();
        this.child.kill('SIGUSR1');
        for (let waited = 0; resumed() === before; waited += 20) {
            if (this.ended || waited > startSeconds * 1000) {
                throw new Error(`httpd did not restart\n${this.output}${this.log()}`);
            }
            await sleep(20);
        }
        await this.#untilUp();
    }

    /* Stops, and starts again with the same folder; what httpd keeps in memory is gone. */
    async restart() {
        await this.#end();
        await this.start();
    }

    /* Another configuration, in force after graceful() or restart(). */
    reconfigure(conf) {
        this.server.write(conf);
    }

    async #end() {
        if (!this.child || this.ended) {
            running.delete(this);
            return;
        }
        const before = this.log().length;
        this.child.kill('SIGTERM');
        const timer = setTimeout(() => {
            this.stuck = true;
            this.kill();
        }, stopSeconds * 1000);
        await this.exited;
        clearTimeout(timer);
        running.delete(this);
        this.#pardon(this.log().slice(before));
    }

    /* At SIGTERM mpm_event's main thread closes the sockets of threads that are about to end by
       themselves, and may come too late: httpd's own race, seen in apr_os_sock_get under
       close_worker_sockets, and as a descriptor that is gone when a thread wants to wait for
       more of a connection. What happens at any other time, or in another MPM, counts. */
    #pardon(log) {
        if ((this.options.mpm ?? 'event') === 'event') {
            const isRace = /exit signal Segmentation fault|\[mpm_event:.*\(9\)Bad file descriptor: AH/;
            entriesOf(log).filter((entry) => isRace.test(entry))
                .forEach((entry) => this.pardoned.add(entry.trim()));
        }
    }

    /* Ends httpd and checks its logs. Called at the end of the test in any case. */
    async stop() {
        if (this.stopped) {
            return;
        }
        this.stopped = true;
        await this.#end();
        const complaint = this.#complaint();
        if (complaint && process.env.TINYAUTH_KEEP) {
            process.stderr.write(`kept: ${this.dir}\n`);
        } else {
            removeFolder(this.dir);
        }
        if (complaint) {
            throw new Error(complaint);
        }
    }

    /* At once, with all children, without looking at the logs. */
    kill() {
        try {
            process.kill(-this.child.pid, 'SIGKILL');
        } catch {
            /* already gone */
        }
        running.delete(this);
    }

    #complaint() {
        if (this.stuck) {
            return `httpd did not stop within ${stopSeconds} s\n${this.log()}`;
        }
        const faults = entriesOf(this.log()).filter((entry) => isFault.test(entry)
            || /exit signal|(Address|Thread)Sanitizer:|runtime error:/.test(entry));
        const surprises = faults.filter((fault) => (
            !isNoise.test(fault) && !this.pardoned.has(fault.trim())
            && !this.announced.some((pattern) => pattern.test(fault))
        ));
        if (surprises.length > 0) {
            return `errors that the test did not announce:\n${surprises.join('\n')}`;
        }
        return this.#leak();
    }

    #leak() {
        for (const name of fs.readdirSync(this.file('logs'))) {
            const text = this.#read(`logs/${name}`);
            for (const secret of this.secrets) {
                const at = secret ? text.indexOf(secret) : -1;
                if (at >= 0) {
                    const line = text.slice(text.lastIndexOf('\n', at) + 1, text.indexOf('\n', at));
                    return `a secret in ${name}: ${line}`;
                }
            }
        }
        return undefined;
    }

    #read(name) {
        const file = this.file(name);
        try {
            return fs.lstatSync(file).isFile() ? fs.readFileSync(file, 'utf8') : '';
        } catch {
            return '';
        }
    }
}

/*
 * Starts httpd for the test `t`. Options:
 *   conf      text, or a function of the server { dir, port, origin, ports, file() } → text
 *   mpm       'event' (default), 'worker' or 'prefork'
 *   modules   more modules than the usual ones: ['proxy', 'proxy_http', 'rewrite']
 *   without   usual ones to leave out: ['session']
 *   module    false: without mod_tinyauth
 *   env       environment of httpd: the TINYAUTH_… variables
 *   limits    resource limits in force from the start, for prlimit(1): ['--nofile=64']
 *   port      the main port (freePort()); default: any
 *   ports     further ports: [port] or [{ port, tls: true }]
 *   tls       true: the main port speaks TLS, with the test certificates
 *   host      the main server's name; default localhost
 *   files     { 'htdocs/index.html': 'text', 'client.secret': { text, mode: 0o600 } }
 *   logLevel  default 'info', and trace8 for our module
 */
export async function startHttpd(t, options = {}) {
    const port = options.port ?? await freePort();
    const httpd = new Httpd(writeServer({ ...options, port }), options);
    t?.after(() => httpd.stop());
    try {
        await httpd.start();
    } catch (error) {
        httpd.stopped = true;
        httpd.kill();
        removeFolder(httpd.dir);
        throw error;
    }
    return httpd;
}

/* What `httpd -t` says about a configuration: { code, stderr }. Options as above. */
export async function configTest(conf, options = {}) {
    const server = writeServer({ ...options, conf, port: options.port ?? await freePort() });
    try {
        const { status, stdout, stderr } = spawnSync(
            httpdPath,
            ['-t', '-d', server.dir, '-f', server.confFile],
            { env: environment(options.env), encoding: 'utf8', timeout: startSeconds * 1000 },
        );
        const log = path.join(server.dir, 'logs/error.log');
        return {
            code: status,
            stderr: stderr + stdout,
            log: fs.existsSync(log) ? fs.readFileSync(log, 'utf8') : '',
        };
    } finally {
        removeFolder(server.dir);
    }
}
