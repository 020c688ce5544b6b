/*
 * How our pages look and read, in a real browser: light and dark, wide and narrow, from left to
 * right and from right to left, by keyboard, printed, enlarged. Nobody is kept out (axe-core),
 * the HTML is valid in every language (html-validate), and nothing is loaded but the page.
 * Pictures of all of it end up in build/pictures, or $TINYAUTH_PICTURES.
 */
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { HtmlValidate } from 'html-validate';
import {
    Browser, launchChromium, loginAt, noChromium, protectedLocation, startSite,
} from './harness.mjs';
import { isComplaint } from './support/chromium.mjs';
import { pageKinds as ordinary } from './support/page_kinds.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const pictures = process.env.TINYAUTH_PICTURES ?? path.join(root, 'build/pictures');

/* "zh_Hant.po" → "zh-Hant" */
const languages = ['en', ...fs.readdirSync(path.join(root, 'src/page/po'))
    .filter((name) => name.endsWith('.po')).map((name) => name.slice(0, -3).replace('_', '-'))];
const rightToLeft = languages.filter((language) => ['ar', 'he'].includes(language));

/* The administrator's is wide, and has rows; alice may see it. */
const pageKinds = [...ordinary, { name: 'sessions', who: 'alice', target: '/admin/sessions' }];
const adminPage = ['<Location "/admin">', '    SetHandler tinyauth-admin',
    '    Require oauth-group admins', '</Location>'].join('\n');

const skip = noChromium;
let chromium;
before(async () => {
    chromium = noChromium ? undefined : await launchChromium();
    fs.mkdirSync(pictures, { recursive: true });
});
after(() => chromium?.close());

async function startLooks(t, options = {}) {
    const site = await startSite(t, {
        ...options,
        server: [
            'TinyauthTitle "Example Club"', 'TinyauthContact it@example.com',
            protectedLocation('/members', 'oauth-group members "the board"'), adminPage,
            options.server ?? '',
        ].join('\n'),
    });
    site.httpd.expectErrors(/AH0163[01]/, /AH00957/, /AH01102/, /AH01114/);
    return site;
}

/* A tab of a person whom alice's cookies log in; what it loads and complains about is kept. */
async function openTab(t, site, context = {}) {
    const alice = new Browser();
    await loginAt(alice, site.url('/'), 'alice');
    const person = await chromium.newPerson({ bypassCSP: false, ...context });
    t.after(() => person.close());
    const tab = await person.newPage();
    const loaded = [];
    const complaints = [];
    tab.on('request', (request) => loaded.push(request.url()));
    tab.on('console', (message) => {
        if (isComplaint(message)) {
            complaints.push(message.text());
        }
    });
    const cookies = alice.jar.cookies.map(({ name, value }) => (
        { name, value, url: site.url('/') }
    ));
    return { tab, person, loaded, complaints, logIn: () => person.addCookies(cookies) };
}

/* Opens each kind of page; those of nobody first, for alice's cookies stay. */
async function eachPage(t, site, context, look) {
    const { tab, loaded, complaints, logIn } = await openTab(t, site, context);
    for (const { name, who, target } of pageKinds) {
        if (who === 'alice') {
            await logIn();
        }
        loaded.length = 0;
        const answer = await tab.goto(site.url(target));
        await look({ tab, name, answer });
        const documents = [...new Set(loaded)].filter((url) => !url.endsWith('/favicon.ico'));
        assert.ok(documents.every((url) => url === tab.url() || url === site.url(target)),
            `${name} loads ${documents.join(' ')}`);
    }
    assert.deepEqual(complaints, []);
}

/* axe runs in a world of its own: our policy forbids scripts, and stays in force. */
async function violationsOf(tab) {
    const session = await tab.context().newCDPSession(tab);
    const { frameTree } = await session.send('Page.getFrameTree');
    const { executionContextId } = await session.send('Page.createIsolatedWorld', {
        frameId: frameTree.frame.id, worldName: 'axe',
    });
    const run = (expression, awaitPromise = false) => session.send('Runtime.evaluate', {
        expression, contextId: executionContextId, returnByValue: true, awaitPromise,
    });
    await run(fs.readFileSync(axePath, 'utf8'));
    const { result, exceptionDetails } = await run(`axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }).then(({ violations, passes }) => ({ passes: passes.length,
        violations: violations.map(({ id, nodes }) => id + ': ' + nodes.map(
            (node) => node.html + ' ' + node.failureSummary).join(', ')) }))`, true);
    assert.ok(!exceptionDetails, JSON.stringify(exceptionDetails));
    assert.ok(result.value.passes > 10, 'axe looked at nothing');
    return result.value.violations;
}

/* Nothing sticks out at the sides. */
async function assertFits(tab, name) {
    const { width, scroll } = await tab.evaluate(() => (
        { width: document.documentElement.clientWidth, scroll: document.documentElement.scrollWidth }
    ));
    assert.ok(scroll <= width, `${name}: ${scroll} px in a window of ${width} px`);
}

const screens = {
    desktop: { viewport: { width: 1280, height: 800 } },
    'phone of 320 px': { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true },
};

/* English, and a language from right to left; without a catalogue of one, English mirrored. */
const directions = { ltr: { locale: 'en-GB' }, rtl: { locale: rightToLeft[0] ?? 'en-GB' } };

async function startDirection(t, direction) {
    if (direction === 'ltr' || rightToLeft.length) {
        return startLooks(t);
    }
    const head = fs.readFileSync(path.join(root, 'src/page/html/head.html'), 'utf8');
    return startLooks(t, {
        files: { 'looks/head.html': head.replace('{{direction}}', 'rtl') },
        server: 'TinyauthTemplateDir looks',
    });
}

for (const [direction, { locale }] of Object.entries(directions)) {
    for (const colorScheme of ['light', 'dark']) {
        for (const [screen, size] of Object.entries(screens)) {
            test(`${direction}, ${colorScheme}, ${screen}: fits, and axe finds nothing`, { skip },
                async (t) => {
                    const site = await startDirection(t, direction);
                    const context = { locale, colorScheme, ...size };
                    await eachPage(t, site, context, async ({ tab, name, answer }) => {
                        assert.equal(await tab.locator('html').getAttribute('dir'), direction);
                        assert.ok(answer.headers()['content-language'], name);
                        await assertFits(tab, name);
                        assert.deepEqual(await violationsOf(tab), [], name);
                        const file = [name, direction, colorScheme, size.viewport.width].join('-');
                        await tab.screenshot({
                            path: path.join(pictures, `${file.replaceAll(' ', '_')}.png`),
                            fullPage: true,
                        });
                    });
                });
        }
    }
}

test('enlarged to 200 %, and with fonts twice as large, everything fits', { skip }, async (t) => {
    const site = await startLooks(t);
    /* 1280 px at 200 % are 640 px of twice the density */
    const zoomed = { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 };
    await eachPage(t, site, zoomed, ({ tab, name }) => assertFits(tab, name));
    const { tab, logIn } = await openTab(t, site, screens.desktop);
    await logIn();
    const session = await tab.context().newCDPSession(tab);
    await session.send('Page.enable');
    await session.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } });
    await tab.goto(site.url('/members/x'));
    assert.equal(await tab.evaluate(() => getComputedStyle(document.body).fontSize), '32px');
    await assertFits(tab, 'large fonts');
    await tab.screenshot({ path: path.join(pictures, 'large_fonts.png'), fullPage: true });
});

test('printed, it is black on white without buttons; without CSS it reads in order', { skip },
    async (t) => {
        const site = await startLooks(t);
        const { tab, logIn } = await openTab(t, site, { colorScheme: 'dark' });
        await logIn();
        await tab.goto(site.url('/members/x'));
        await tab.emulateMedia({ media: 'print' });
        assert.equal(await tab.locator('.actions').isVisible(), false);
        const ink = await tab.evaluate(() => {
            const { color, backgroundColor } = getComputedStyle(document.body);
            return [color, backgroundColor];
        });
        assert.deepEqual(ink, ['rgb(0, 0, 0)', 'rgb(255, 255, 255)']);
        await tab.screenshot({ path: path.join(pictures, 'printed.png') });
        await tab.emulateMedia({ media: 'screen' });
        await tab.evaluate(() => document.querySelector('style').remove());
        const text = await tab.locator('body').innerText();
        const order = ['Example Club', 'You are not allowed in here', 'You are not in a group',
            'alice', '/members/x', 'the board', 'Log in as somebody else', 'it@example.com',
            'not-in-group'];
        const places = order.map((words) => text.indexOf(words));
        assert.deepEqual(places, [...places].sort((a, b) => a - b), text);
        assert.ok(!places.includes(-1), text);
        await tab.screenshot({ path: path.join(pictures, 'without_css.png'), fullPage: true });
    });

test('beside a wide logo the title breaks no word', { skip }, async (t) => {
    const site = await startLooks(t, {
        files: { 'wide.svg': '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="90"/>' },
        server: 'TinyauthLogo wide.svg',
    });
    const { tab } = await openTab(t, site, screens['phone of 320 px']);
    await tab.goto(site.url('/'));
    const lines = await tab.evaluate(() => {
        const title = document.querySelector('.site bdi');
        title.textContent = 'Club of correspondents';
        return Math.round(title.offsetHeight / parseFloat(getComputedStyle(title).lineHeight));
    });
    assert.equal(lines, 1);
});

/* How wide each cell of the first row is that is shown, and whether the table sticks out. */
const measureTable = (tab) => tab.evaluate(() => {
    const frame = document.querySelector('.scroll');
    const cells = [...document.querySelectorAll('tbody tr:first-child td')];
    return {
        cells: cells.map((cell) => cell.offsetWidth).filter(Boolean),
        sticksOut: frame.scrollWidth > frame.clientWidth,
    };
});

test('the table of sessions keeps long names narrow, and fits on paper', { skip }, async (t) => {
    const site = await startLooks(t);
    const long = 'very-long-name-without-a-blank.'.repeat(3);
    site.op.setUser('alice', {
        name: 'n'.repeat(80), email: `${long}@example.com`, groups: ['admins', 'g'.repeat(80)],
    });
    const { tab, logIn } = await openTab(t, site, { viewport: { width: 1440, height: 800 } });
    await logIn();
    await tab.goto(site.url('/admin/sessions'));
    const { cells, sticksOut } = await measureTable(tab);
    assert.equal(sticksOut, false);
    assert.equal(cells.length, 8);
    assert.ok(cells.every((width) => width <= 270), cells.join(' '));
    await tab.screenshot({ path: path.join(pictures, 'long_names.png'), fullPage: true });
    /* A4 at 96 dots per inch, without its margins */
    await tab.setViewportSize({ width: 718, height: 1000 });
    await tab.emulateMedia({ media: 'print' });
    const printed = await measureTable(tab);
    assert.equal(printed.sticksOut, false);
    assert.equal(printed.cells.length, 7);
    for (const control of await tab.locator('button, input:not([type="hidden"])').all()) {
        assert.equal(await control.isVisible(), false);
    }
    await tab.screenshot({ path: path.join(pictures, 'sessions_printed.png') });
});

const reachable = 'a[href], button, input:not([type="hidden"]), [tabindex]';

test('each control is reached by the keyboard, in order, and shows it', { skip }, async (t) => {
    const site = await startLooks(t);
    await eachPage(t, site, screens.desktop, async ({ tab, name }) => {
        const controls = await tab.locator(reachable).count();
        assert.ok(controls > 0, `${name} is a dead end`);
        for (let i = 0; i < controls; i += 1) {
            await tab.keyboard.press('Tab');
            const outline = await tab.evaluate(([index, selector]) => {
                const all = [...document.querySelectorAll(selector)];
                return all[index] === document.activeElement
                    ? getComputedStyle(all[index]).outlineStyle : 'another has the focus';
            }, [i, reachable]);
            assert.equal(outline, 'solid', `${name}, control ${i}`);
        }
    });
});

const validator = new HtmlValidate({
    extends: ['html-validate:recommended', 'html-validate:a11y'],
    rules: {
        'no-trailing-whitespace': 'error',
        /* a void element needs no slash, and the style sheet is inline for one request */
        'void-style': ['error', { style: 'omit' }],
        'long-title': 'off',
    },
});

for (const language of languages) {
    test(`each page is valid HTML, and says what it is in: ${language}`, async (t) => {
        const site = await startLooks(t);
        const alice = new Browser();
        await loginAt(alice, site.url('/'), 'alice');
        for (const { name, who, target } of pageKinds) {
            const browser = who === 'alice' ? alice : new Browser();
            const page = await browser.get(site.url(target),
                { headers: { 'accept-language': `${language}, en;q=0.5` } });
            assert.equal(page.headers['content-language'], language, name);
            const direction = rightToLeft.includes(language) ? 'rtl' : 'ltr';
            assert.ok(page.body.includes(`<html lang="${language}" dir="${direction}">`), name);
            const { results } = await validator.validateString(page.body, `${name}.html`);
            const messages = results.flatMap((result) => result.messages)
                .map(({ line, ruleId, message }) => `${line}: ${message} (${ruleId})`);
            assert.deepEqual(messages, [], name);
            assert.ok(Buffer.byteLength(page.body) < 10240, `${name} is ${page.body.length} bytes`);
        }
    });
}
