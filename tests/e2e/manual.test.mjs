/*
 * What the manual says to write is what httpd takes: every block of configuration in README and
 * docs/, the example of every directive, and the files that are installed, with all that is
 * commented out in them.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
    Browser, configTest, providerSection, startSite, testCertificates,
} from './harness.mjs';
import { loginWithLiar } from './support/login_steps.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (name) => fs.readFileSync(path.join(root, name), 'utf8');
const pages = fs.readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md'));

const modules = ['proxy', 'proxy_http', 'rewrite', 'remoteip', 'ssl', 'auth_basic', 'authn_file',
    'authz_user', 'authz_host', 'reqtimeout', 'info', 'status', 'log_config'];

const provider = `<TinyauthProvider pocketid>
    TinyauthIssuer   https://pocket-id.example.com
    TinyauthClientID your-client-id
</TinyauthProvider>`;

/* Files that a text names begin in these folders; they are made in the test's own. */
const fileName = /(?<=[\s"=])\/(etc|srv|var\/lib|root)\/[\w./-]+/g;
const folders = new Map([
    ['/srv/docs', 'index.html'], ['/etc/apache2/tinyauth/pages', 'style.css'],
]);

function contentOf(name) {
    const { certFile, keyFile } = testCertificates();
    if (/\.key$/.test(name)) {
        return fs.readFileSync(keyFile, 'utf8');
    }
    return /\.(pem|crt)$/.test(name) ? fs.readFileSync(certFile, 'utf8') : `${'s'.repeat(40)}\n`;
}

/* A text with its files, as options and configuration of a server. */
function sandbox(text) {
    const files = {};
    for (const [name] of text.matchAll(fileName)) {
        const file = folders.has(name) ? `${name}/${folders.get(name)}` : name;
        files[file.slice(1)] = { text: contentOf(name), mode: 0o600 };
    }
    return {
        options: { files, modules: modules.filter((name) => fs.existsSync(
            `/usr/lib/apache2/modules/mod_${name}.so`,
        )) },
        conf: ({ dir }) => text.replace(fileName, (name) => dir + name),
    };
}

/* What stands in a section is put into one; what needs a provider gets one. */
function complete(text) {
    const inScope = /^\s*(AuthType|Require|<Require|Tinyauth(Providers|Unauthenticated|Headers))/;
    const first = text.split('\n').find((line) => line.trim() && !/^\s*#/.test(line)) ?? '';
    const scoped = inScope.test(first) && !/^<(VirtualHost|Location|Directory)/m.test(text)
        ? `<Location "/">\nAuthType Tinyauth\n${/Require/.test(text) ? '' : 'Require valid-user\n'}${text}\n</Location>`
        : text;
    return /<TinyauthProvider pocketid>/.test(scoped) ? scoped : `${provider}\n${scoped}`;
}

async function assertTaken(text, what) {
    const { options, conf } = sandbox(complete(text));
    const { code, stderr } = await configTest(conf, options);
    assert.equal(code, 0, `${what}:\n${text}\n${stderr}`);
    const warnings = stderr.split('\n').filter((line) => /TA0\d+/.test(line)
        /* a page may show what one would not do; these say so themselves */
        && !/TA013[123]/.test(line));
    assert.deepEqual(warnings, [], `${what}:\n${text}`);
}

/* ```apache … ``` */
function blocksOf(text) {
    return [...text.matchAll(/^```apache\n([^]*?)^```/gm)].map(([, block]) => block);
}

for (const page of pages) {
    const blocks = blocksOf(read(`docs/${page}`));
    if (blocks.length > 0) {
        test(`httpd takes what ${page} says to write`, async () => {
            for (const block of blocks) {
                await assertTaken(block, page);
            }
        });
    }
}

test('configuration is marked as such everywhere', () => {
    for (const page of pages) {
        const others = [...read(`docs/${page}`).matchAll(/^```\n([^]*?)^```/gm)];
        for (const [, block] of others) {
            assert.doesNotMatch(block, /^ *(<TinyauthProvider|Tinyauth[A-Z]|AuthType Tinyauth)/m, page);
        }
    }
});

test('httpd takes what README says to write', async () => {
    const text = read('README').split('\n');
    const from = text.findIndex((line) => /^ +LoadModule tinyauth_module/.test(line));
    const to = text.findIndex((line) => /^ +<\/VirtualHost>/.test(line));
    assert.ok(from > 0 && to > from, 'README has no such block any more');
    await assertTaken(text.slice(from + 1, to + 1).join('\n'), 'README');
});

/* What an application is told under another name nobody else can tell it, also where we have
   nothing to say: of this user no e-mail is known. */
for (const page of ['recipes.md', 'from-mod-auth-openidc.md']) {
    test(`no client can send the headers that ${page} makes`, async (t) => {
        const block = blocksOf(read(`docs/${page}`)).find((text) => /%\{TINYAUTH_/.test(text));
        const names = [...block.matchAll(/RequestHeader set (\S+) "%\{TINYAUTH_/g)].map(([, n]) => n);
        assert.ok(names.length > 0);
        const site = await startSite(t, {
            liar: {},
            write: ({ op, backend }) => [
                providerSection(op), `ProxyPass "/" "${backend.url}/"`, block,
            ].join('\n'),
        });
        site.op.lieInIdToken({ email: undefined });
        site.op.onUserinfo = ({ email, ...claims }) => claims;
        const browser = new Browser();
        assert.equal((await loginWithLiar(browser, site.url('/'))).status, 200);
        const headers = Object.fromEntries(names.map((name) => [name, 'forged@evil.test']));
        const { json } = await browser.fetch(site.url('/told'), { headers });
        assert.deepEqual(json.rawHeaders.filter(([, value]) => /forged/.test(value)), []);
        assert.ok(json.headers[names[0].toLowerCase()], 'the name is told');
        assert.equal(json.headers['remote-email'], undefined);
    });
}

const wrap = {
    provider: (line) => `<TinyauthProvider pocketid>
TinyauthIssuer https://pocket-id.example.com
${/TinyauthClientID /.test(line) ? '' : 'TinyauthClientID x'}
${/TokenAuth/.test(line) ? 'TinyauthClientSecret x' : ''}
${/TinyauthIssuer/.test(line) ? '' : line}
</TinyauthProvider>`,
    server: (line) => line,
    directory: (line) => `<Location "/">\nAuthType Tinyauth\nRequire valid-user\n${line}\n</Location>`,
};

test('httpd takes the example of every directive', async () => {
    const sections = read('docs/directives.md').split(/^### /m).slice(1);
    let count = 0;
    for (const section of sections) {
        const example = /^\| Example \| `(.*)` \|$/m.exec(section)?.[1];
        const context = /^\| Context \| (\w+)/m.exec(section)?.[1];
        if (example && !example.startsWith('<')) {
            count += 1;
            await assertTaken(wrap[context](example.replaceAll('\\|', '|')), example);
        }
    }
    assert.ok(count >= 30, `only ${count} examples`);
});

/* "#Directive" and "#    Directive" are configuration, "# words" are words. */
const uncommented = (text) => text.split('\n')
    .filter((line) => !/^# ?(\S|$)/.test(line) || /^#[<T]/.test(line))
    .map((line) => line.replace(/^#/, ''))
    .join('\n');

/* Of what can only be written once the sample shows several; the first is taken. */
function firstOfEach(text) {
    const once = /^ *(TinyauthSessionStore|TinyauthClientSecret(?!File))/;
    let stores = 0;
    return text.split('\n').filter((line) => {
        const name = once.exec(line)?.[1];
        return !name || (name === 'TinyauthSessionStore' && (stores += 1) === 1);
    }).join('\n');
}

test('httpd takes tinyauth.conf.sample without the comment signs', async () => {
    const on = uncommented(read('tinyauth.conf.sample')).replace(/^LoadModule.*$/m, '');
    assert.match(on, /^<TinyauthProvider other>/m);
    await assertTaken(firstOfEach(on), 'tinyauth.conf.sample');
});

test('httpd takes what the installed tinyauth.conf suggests', async () => {
    const text = read('debian/tinyauth.conf');
    await assertTaken(text, 'tinyauth.conf as it is');
    const on = uncommented(text);
    assert.match(on, /^<TinyauthProvider pocketid>/m);
    await assertTaken(on, 'tinyauth.conf without the comment signs');
});
