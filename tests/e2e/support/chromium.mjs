/*
 * Debian's Chromium, driven by playwright-core. No browser is downloaded.
 */
import fs from 'node:fs';
import { chromium } from 'playwright-core';

const flags = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--disable-dev-shm-usage', '--host-resolver-rules=MAP *.test 127.0.0.1',
];

export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/* false, or the reason why browser tests cannot run: fits node:test's `skip`. */
export const noChromium = fs.existsSync(chromiumPath) ? false : `no ${chromiumPath}`;

/*
 * A headless browser with a fresh profile; it ends with the test `t` when one is given.
 * Use `newPerson()` of what it returns for each person: pages of one share their cookies.
 */
export async function launchChromium(t, options = {}) {
    const browser = await chromium.launch({
        executablePath: chromiumPath, headless: true, args: flags, ...options,
    });
    t?.after(() => browser.close());
    return {
        browser,
        newPerson: (context = {}) => browser.newContext({
            ignoreHTTPSErrors: true, locale: 'en-GB', ...context,
        }),
        close: () => browser.close(),
    };
}

/* A browser looks for this picture by itself, when it gets to it; our pages let it load nothing. */
const isOwnIdea = /^Loading the image '[^']*\/favicon\.ico' violates/;

/* Whether a line of a tab's console says that something is wrong with the page. (A status such as
   403 is what tests ask for, and look at themselves.) */
export function isComplaint(message) {
    const text = message.text();
    return message.type() === 'error' && !/Failed to load resource/.test(text)
        && !isOwnIdea.test(text);
}
