/*
 * Loopback ports and small servers on them. Ports come from below the range that the
 * kernel uses for outgoing connections, from a slice of it that depends on the process,
 * so that test files that run side by side do not take each other's.
 */
import net from 'node:net';
import { once } from 'node:events';

const first = 20000;
const sliceSize = 100;
const slices = 120;
const base = first + (process.pid % slices) * sliceSize;
let next = 0;

async function isFree(port) {
    const probe = net.createServer();
    try {
        probe.listen({ port, host: '127.0.0.1', exclusive: true });
        await once(probe, 'listening');
        return true;
    } catch {
        return false;
    } finally {
        probe.close();
    }
}

/* A port that nobody listens on. Each call gives another one. */
export async function freePort() {
    for (let tries = 0; tries < sliceSize * 3; tries += 1) {
        const port = base + next;
        next = (next + 1) % sliceSize;
        if (await isFree(port)) {
            return port;
        }
    }
    throw new Error('no free port found');
}

/* `wanted` when it is free, else any. */
export async function freePortNear(wanted) {
    for (let port = wanted; port < wanted + 20; port += 1) {
        if (await isFree(port)) {
            return port;
        }
    }
    return freePort();
}

/*
 * Listens on 127.0.0.1, and returns a function that closes the server together with the
 * connections that are still open.
 */
export async function listen(server, port = 0) {
    const sockets = new Set();
    server.on('connection', (socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return async () => {
        if (!server.listening) {
            return;
        }
        const closed = once(server, 'close');
        server.close();
        for (const socket of sockets) {
            socket.destroy();
        }
        await closed;
    };
}

/* Whether somebody accepts connections there. */
export function answers(port) {
    return new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1');
        socket.once('connect', () => resolve(true));
        socket.once('error', () => resolve(false));
        socket.once('connect', () => socket.destroy());
    });
}

export function sleep(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
}
