/*
 * A certificate authority of the test run's own, and one certificate for all host names the
 * tests use, made by the openssl command once per process.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';

export const testHosts = [
    'localhost', 'myapp.test', 'other.test', 'tinyauth.test', 'id.test',
    'myapp.example.test', 'wiki.example.test', 'tinyauth.example.test', 'evil.test',
];

let made;

function openssl(...args) {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function make() {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tinyauth-tls-'));
    fs.chmodSync(dir, 0o755);
    process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
    const file = (name) => path.join(dir, name);
    const names = [...testHosts.map((host) => `DNS:${host}`), 'IP:127.0.0.1', 'IP:::1'];
    fs.writeFileSync(file('leaf.ext'), `subjectAltName=${names.join(',')}
basicConstraints=critical,CA:FALSE
extendedKeyUsage=serverAuth
`);
    const ecKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl('req', '-x509', ...ecKey, '-days', '2', '-subj', '/CN=Test authority',
        '-addext', 'keyUsage=critical,keyCertSign,cRLSign',
        '-keyout', file('ca.key'), '-out', file('ca.pem'));
    openssl('req', ...ecKey, '-subj', '/CN=localhost',
        '-keyout', file('server.key'), '-out', file('server.csr'));
    openssl('x509', '-req', '-in', file('server.csr'), '-CA', file('ca.pem'),
        '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2',
        '-extfile', file('leaf.ext'), '-out', file('server.pem'));
    fs.chmodSync(file('server.key'), 0o644);
    return {
        dir,
        caFile: file('ca.pem'),
        certFile: file('server.pem'),
        keyFile: file('server.key'),
        ca: fs.readFileSync(file('ca.pem')),
        cert: fs.readFileSync(file('server.pem')),
        key: fs.readFileSync(file('server.key')),
    };
}

/* { caFile, certFile, keyFile, ca, cert, key }; cert and key suit https.createServer. */
export function testCertificates() {
    made ??= make();
    return made;
}
