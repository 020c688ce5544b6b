/*
 * The pictures of the README, of the running product: builds nothing, so run
 *
 *     tools/install-dependencies check && tools/build-module && node tools/make-pictures.mjs
 *
 * Writes docs/pictures/login.jpg and docs/pictures/unauthorized.jpg.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchChromium } from '../tests/e2e/support/chromium.mjs';
import { freePortNear } from '../tests/e2e/support/ports.mjs';
import { startSite } from '../tests/e2e/support/site.mjs';

const folder = fileURLToPath(new URL('../docs/pictures/', import.meta.url));
const largest = 60 * 1024;

/* startSite() is made for tests; this one only ends what it starts. */
const endings = [];
const work = { after: (end) => endings.unshift(end) };

async function takePicture(tab, name) {
    const file = path.join(folder, name);
    const { height } = await tab.locator('main').boundingBox();
    await tab.setViewportSize({ width: 640, height: Math.ceil(height) + 96 });
    await tab.screenshot({ path: file, type: 'jpeg', quality: 80 });
    const { size } = fs.statSync(file);
    console.log(`${path.relative(process.cwd(), file)}: ${size} bytes`);
    if (size > largest) {
        throw new Error(`${name} is larger than ${largest} bytes`);
    }
}

async function takePictures() {
    const site = await startSite(work, {
        port: await freePortNear(8080),
        server: 'TinyauthContact it@example.com\nTinyauthTitle "Example Club"',
    });
    site.httpd.expectErrors(/AH0163[01]/);
    const { newPerson } = await launchChromium(work);
    const tab = await (await newPerson({ colorScheme: 'light' })).newPage();
    await tab.goto(site.url('/members/'));
    await takePicture(tab, 'login.jpg');
    await tab.getByRole('link', { name: 'Log in with Pocket ID' }).click();
    await tab.locator('button[value="bob"]').click();
    await tab.waitForURL(/unauthorized/);
    await takePicture(tab, 'unauthorized.jpg');
}

fs.mkdirSync(folder, { recursive: true });
try {
    await takePictures();
} finally {
    for (const end of endings) {
        await end();
    }
}
