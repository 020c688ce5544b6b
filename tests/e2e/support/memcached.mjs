/*
 * A real memcached, and what is in it.
 */
import net from 'node:net';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { answers, freePort } from './ports.mjs';
import { StoreServer } from './store_servers.mjs';

export class Memcached extends StoreServer {
    get address() {
        return `localhost:${this.port}`;
    }

    /* Sends one line; returns the answer up to the line `end`, as latin1 text. */
    async ask(line, end = 'END') {
        const socket = net.connect(this.port, '127.0.0.1');
        socket.write(`${line}\r\n`);
        let text = '';
        while (!text.endsWith(`${end}\r\n`)) {
            const [chunk] = await once(socket, 'data');
            text += chunk.toString('latin1');
        }
        socket.destroy();
        return text;
    }

    /* A listing misses what memcached is just moving from one of its lists to another. */
    async names() {
        const names = new Set();
        for (let i = 0; i < 50; i += 1) {
            const listing = await this.ask('lru_crawler metadump all');
            for (const [, name] of listing.matchAll(/^key=(\S+)/gm)) {
                names.add(decodeURIComponent(name));
            }
            const [, count] = /^STAT curr_items (\d+)/m.exec(await this.ask('stats'));
            if (names.size >= Number(count)) {
                break;
            }
            await setTimeout(20);
        }
        return [...names];
    }

    /* Everything that is in it, names and values, as latin1 text. */
    async dump() {
        const all = [];
        for (const name of await this.names()) {
            all.push(await this.ask(`get ${name}`));
        }
        return all.join('\n');
    }
}

export async function startMemcached(t, options = {}) {
    const port = options.port ?? await freePort();
    const args = ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u', 'nobody', '-t', '2',
        ...(options.args ?? [])];
    const server = new Memcached('memcached', args, () => answers(port));
    Object.assign(server, { port });
    t.after(() => server.kill());
    await server.start();
    return server;
}
