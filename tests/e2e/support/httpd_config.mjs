/*
 * The folder of one httpd under test: configuration, document root, logs. Everything that
 * does not matter to a test is decided here, so that its own text holds what it is about.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { testCertificates } from './tls.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const isRoot = process.getuid() === 0;

export const httpdPath = process.env.HTTPD
    ?? ['/usr/sbin/apache2', '/usr/sbin/httpd', '/usr/local/apache2/bin/httpd']
        .find((file) => fs.existsSync(file)) ?? '/usr/sbin/apache2';

export const moduleFolder = process.env.HTTPD_MODULES
    ?? ['/usr/lib/apache2/modules', '/usr/lib64/httpd/modules', '/usr/local/apache2/modules']
        .find((folder) => fs.existsSync(folder)) ?? '/usr/lib/apache2/modules';

const usual = [
    'authn_core', 'authz_core', 'authz_host', 'authz_user', 'dir', 'mime', 'alias', 'headers',
    'env', 'setenvif', 'session', 'socache_shmcb',
];

/* The module that was built last, in the build folder or beside the sources. */
export function modulePath() {
    if (process.env.TINYAUTH_SO) {
        return process.env.TINYAUTH_SO;
    }
    const built = ['build', '.']
        .map((folder) => path.join(root, folder, '.libs', 'mod_tinyauth.so'))
        .filter((file) => fs.existsSync(file))
        .sort((a, b) => fs.statSync(b).mtimeMs - fs.statSync(a).mtimeMs);
    return built[0] ?? path.join(root, '.libs', 'mod_tinyauth.so');
}

function loadModules({ mpm = 'event', modules = [], without = [], tls, ports = [], module }) {
    const needsTls = tls || ports.some((port) => port.tls);
    const names = new Set([`mpm_${mpm}`, ...usual, ...(needsTls ? ['ssl'] : []), ...modules]);
    const lines = [...names]
        .filter((name) => !without.includes(name))
        .map((name) => `LoadModule ${name}_module ${moduleFolder}/mod_${name}.so`);
    if (module !== false) {
        lines.push(`LoadModule tinyauth_module ${modulePath()}`);
    }
    return lines;
}

/* Small pools, but more than one process, so that what is shared is seen to be shared. */
function mpmLines(mpm = 'event') {
    if (mpm === 'prefork') {
        return ['StartServers 4', 'MinSpareServers 4', 'MaxSpareServers 16',
            'MaxRequestWorkers 16'];
    }
    return ['StartServers 2', 'ServerLimit 4', 'ThreadsPerChild 16', 'MinSpareThreads 16',
        'MaxSpareThreads 64', 'MaxRequestWorkers 64'];
}

function listenLines({ port, tls, ports = [] }) {
    return [{ port, tls }, ...ports.map((extra) => (extra.port ? extra : { port: extra }))]
        .map((entry) => `Listen 127.0.0.1:${entry.port}${entry.tls ? ' https' : ''}`);
}

function tlsLines({ tls, ports = [] }) {
    if (!tls && !ports.some((port) => port.tls)) {
        return [];
    }
    const { certFile, keyFile } = testCertificates();
    return [
        ...(tls ? ['SSLEngine on'] : []),
        `SSLCertificateFile ${certFile}`,
        `SSLCertificateKeyFile ${keyFile}`,
        'SSLSessionCache none',
    ];
}

function preamble(options, dir) {
    const level = options.module === false ? '' : ' tinyauth:trace8';
    return [
        ...loadModules(options),
        ...listenLines(options),
        `ServerName ${options.host ?? 'localhost'}:${options.port}`,
        `DefaultRuntimeDir ${dir}/run`,
        `PidFile ${dir}/run/httpd.pid`,
        `ErrorLog ${dir}/logs/error.log`,
        `LogLevel ${options.logLevel ?? 'info'}${level}`,
        /* Without the query: the callback's own line would always hold the code. A Referer
           that leaks one shows. */
        'LogFormat "%h %u \\"%m %U %H\\" %>s %b \\"%{Referer}i\\"" combined',
        `CustomLog ${dir}/logs/access.log combined`,
        `TypesConfig ${dir}/mime.types`,
        ...(isRoot ? ['User www-data', 'Group www-data'] : []),
        ...mpmLines(options.mpm),
        'Timeout 30',
        'KeepAliveTimeout 2',
        `DocumentRoot ${dir}/htdocs`,
        'DirectoryIndex index.html',
        '<Directory />',
        '    AllowOverride None',
        '    Require all denied',
        '</Directory>',
        `<Directory ${dir}/htdocs>`,
        `    AllowOverride ${options.allowOverride ?? 'None'}`,
        '    Require all granted',
        '</Directory>',
        ...tlsLines(options),
    ];
}

function writeFile(dir, name, content) {
    const { text, mode = 0o644 } = content.text === undefined ? { text: content } : content;
    const file = path.join(dir, name);
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
    fs.writeFileSync(file, text);
    fs.chmodSync(file, mode);
}

/*
 * Writes the folder; returns { dir, port, origin, ports, confFile, pidFile, file(), write() }.
 */
export function writeServer(options) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tinyauth-httpd-'));
    fs.chmodSync(dir, 0o755);
    for (const folder of ['htdocs', 'logs', 'run', 'cache']) {
        fs.mkdirSync(path.join(dir, folder));
        fs.chmodSync(path.join(dir, folder), 0o755);
    }
    if (isRoot) {
        fs.chmodSync(path.join(dir, 'cache'), 0o777);
    }
    const files = {
        'mime.types': 'text/html html\ntext/plain txt\ntext/css css\napplication/json json\n',
        'htdocs/index.html': '<!DOCTYPE html><title>index</title>protected page\n',
        ...options.files,
    };
    for (const [name, content] of Object.entries(files)) {
        writeFile(dir, name, content);
    }
    const host = options.host ?? 'localhost';
    const server = {
        dir,
        port: options.port,
        ports: options.ports ?? [],
        origin: `${options.tls ? 'https' : 'http'}://${host}:${options.port}`,
        confFile: path.join(dir, 'httpd.conf'),
        pidFile: path.join(dir, 'run/httpd.pid'),
        file: (name) => path.join(dir, name),
        write(conf) {
            const text = typeof conf === 'function' ? conf(server) : conf ?? '';
            const lines = [...preamble(options, dir), '# ---- of the test:', text, ''];
            fs.writeFileSync(server.confFile, lines.join('\n'), { mode: 0o644 });
        },
    };
    server.write(options.conf);
    return server;
}

export function removeFolder(dir) {
    fs.rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
}
