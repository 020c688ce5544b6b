/*
 * tinyauth-doctor as an administrator runs it. It must not block this process, which serves
 * what it asks.
 */
import path from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { httpdPath, modulePath, removeFolder, writeServer } from './httpd_config.mjs';
import { environment } from './httpd.mjs';
import { freePort } from './ports.mjs';

const doctorPath = process.env.TINYAUTH_DOCTOR
    ?? path.join(path.dirname(modulePath()), '..', 'tinyauth-doctor');

/* Runs it; { code, out, err }. */
export async function doctor(...args) {
    const child = spawn(doctorPath, args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: environment({ LC_ALL: 'C.UTF-8' }), /* it asks httpd, too */
        timeout: 60000,
    });
    const result = { out: '', err: '' };
    child.stdout.on('data', (chunk) => { result.out += chunk; });
    child.stderr.on('data', (chunk) => { result.err += chunk; });
    [result.code] = await once(child, 'close');
    return result;
}

/*
 * A server's folder with a configuration that nobody starts; `ask(...args)` runs the doctor on
 * it. Options as those of startHttpd().
 */
export async function configuredServer(t, conf, options = {}) {
    const server = writeServer({ port: await freePort(), ...options, conf });
    t.after(() => removeFolder(server.dir));
    const command = `${httpdPath} -d ${server.dir} -f ${server.confFile}`;
    return Object.assign(server, {
        ask: (...args) => doctor('--server', command, ...args),
    });
}
