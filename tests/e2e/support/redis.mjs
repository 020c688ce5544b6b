/*
 * A real redis-server: with or without TLS, with or without a user of its own, on a port or a
 * socket. And what is in it, and what it was asked.
 */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { once } from 'node:events';
import { freePort, sleep } from './ports.mjs';
import { StoreServer, temporaryFolder } from './store_servers.mjs';
import { testCertificates } from './tls.mjs';

/* Words as the protocol has them. */
function command(words) {
    return words.reduce(
        (text, word) => `${text}$${Buffer.byteLength(word)}\r\n${word}\r\n`,
        `*${words.length}\r\n`,
    );
}

/* One reply out of latin1 text: [value, rest], or undefined while it is not whole. */
function parse(text) {
    const end = text.indexOf('\r\n');
    if (end < 0) {
        return undefined;
    }
    const [kind, line, rest] = [text[0], text.slice(1, end), text.slice(end + 2)];
    if (kind === '-') {
        return [new Error(line), rest];
    }
    if (kind === '+' || kind === ':') {
        return [kind === ':' ? Number(line) : line, rest];
    }
    const length = Number(line);
    if (length < 0) {
        return [null, rest];
    }
    if (kind === '$') {
        return rest.length < length + 2 ? undefined : [rest.slice(0, length), rest.slice(length + 2)];
    }
    return parseItems(length, rest);
}

function parseItems(count, text) {
    const items = [];
    let rest = text;
    for (let i = 0; i < count; i += 1) {
        const parsed = parse(rest);
        if (!parsed) {
            return undefined;
        }
        items.push(parsed[0]);
        [, rest] = parsed;
    }
    return [items, rest];
}

/* A connection for the test's own questions. */
class Client {
    constructor(socket) {
        this.socket = socket;
        this.text = '';
        socket.on('data', (chunk) => { this.text += chunk.toString('latin1'); });
        socket.on('error', () => {});
    }

    async ask(...words) {
        this.socket.write(command(words));
        return this.next();
    }

    async next() {
        for (;;) {
            const parsed = parse(this.text);
            if (parsed) {
                [, this.text] = parsed;
                if (parsed[0] instanceof Error) {
                    throw parsed[0];
                }
                return parsed[0];
            }
            await once(this.socket, 'data');
        }
    }

    close() {
        this.socket.destroy();
    }
}

export class Redis extends StoreServer {
    /* What follows "redis:" in TinyauthSessionStore. */
    get address() {
        const { tls: isTls, user, passwordFile, socket } = this.options;
        return [
            socket ? this.socketPath : `localhost:${this.port}`,
            ...(isTls ? ['tls', `ca=${testCertificates().caFile}`] : []),
            ...(user ? [`user=${user}`] : []),
            ...(passwordFile ? [`password-file=${passwordFile}`] : []),
        ].join(',');
    }

    async connect() {
        const socket = this.options.tls
            ? tls.connect(this.port, '127.0.0.1', { ca: testCertificates().ca, servername: 'localhost' })
            : net.connect(this.port, '127.0.0.1');
        await once(socket, this.options.tls ? 'secureConnect' : 'connect');
        const client = new Client(socket);
        if (this.options.admin) {
            await client.ask('AUTH', 'default', this.options.admin);
        }
        return client;
    }

    async ask(...words) {
        const client = await this.connect();
        try {
            return await client.ask(...words);
        } finally {
            client.close();
        }
    }

    /* Everything that is in it, names and values, as latin1 text. */
    async dump() {
        const client = await this.connect();
        const names = await client.ask('KEYS', '*');
        const all = [];
        for (const name of names) {
            all.push(name, await client.ask('GET', name));
        }
        client.close();
        return all.join('\n');
    }

    /* The commands that clients send while `use` runs; what scripts do is not among them. */
    async monitor(use) {
        const client = await this.connect();
        await client.ask('MONITOR');
        await use();
        await this.ask('ECHO', 'the end');
        const lines = [];
        for (;;) {
            const line = await client.next();
            if (line.includes('"the end"')) {
                break;
            }
            lines.push(line);
        }
        client.close();
        return lines.filter((line) => !/\[\d+ lua\]/.test(line))
            .map((line) => line.replace(/^.*?\] /, ''))
            .filter((line) => !/^"(ECHO|AUTH)"/.test(line));
    }
}

const password = 'correct-horse-battery-staple';

/* What the manual says that a user needs. */
const commands = ['+get', '+set', '+del', '+scan', '+eval', '+evalsha'];

/*
 * Starts a server for the test. Options:
 *   tls      true: TLS only
 *   socket   true: httpd comes through a Unix socket
 *   user     name of an ACL user that may do what the manual says, and no more; with a password
 *   config   more arguments
 */
export async function startRedis(t, options = {}) {
    const dir = temporaryFolder(t);
    const port = options.port ?? await freePort();
    const { certFile, keyFile, caFile } = options.tls ? testCertificates() : {};
    const socketPath = path.join(dir, 'redis.sock');
    const args = [
        '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no',
        '--port', options.tls ? '0' : String(port),
        ...(options.tls ? [
            '--tls-port', String(port), '--tls-cert-file', certFile, '--tls-key-file', keyFile,
            '--tls-ca-cert-file', caFile, '--tls-auth-clients', 'no',
        ] : []),
        '--unixsocket', socketPath, '--unixsocketperm', '777', ...(options.config ?? []),
    ];
    /* one program under several names; Debian has this one without the service */
    const server = new Redis('redis-check-rdb', args, async () => {
        try {
            return await server.ask('PING') === 'PONG';
        } catch {
            return false;
        }
    });
    Object.assign(server, { argv0: 'redis-server', options: { ...options }, port, dir, socketPath });
    if (options.user) {
        server.options.passwordFile = path.join(dir, 'password');
        server.options.admin = 'administrator';
        fs.writeFileSync(server.options.passwordFile, `${password}\n`, { mode: 0o600 });
        args.push('--requirepass', server.options.admin);
    }
    t.after(() => server.kill());
    await server.start();
    if (options.user) {
        await server.ask(
            'ACL', 'SETUSER', options.user, 'on', `>${password}`, '~tinyauth:*', 'resetchannels',
            '-@all', ...commands,
        );
    }
    return server;
}
