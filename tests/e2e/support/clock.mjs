/*
 * A clock of httpd's own, which a test sets while httpd runs: libfaketime in front of the C
 * library. Only the time of day steps; what httpd waits with (the monotonic clock) goes on.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const library = process.env.LIBFAKETIME
    ?? ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib']
        .map((folder) => path.join(folder, 'faketime/libfaketimeMT.so.1'))
        .find((file) => fs.existsSync(file));

/* false, or the reason why these tests cannot run: fits node:test's `skip`. */
function reason() {
    if (process.env.TINYAUTH_HTTPD_PRELOAD) {
        return 'no libfaketime beside a sanitizer';
    }
    return library ? false : 'no libfaketime';
}

export const noClock = reason();

/* A clock that is `offset` seconds ahead: { env (for startHttpd), set(offset), now() }. */
export function makeClock(t, offset = 0) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tinyauth-clock-'));
    const file = path.join(dir, 'offset');
    let ahead = offset;
    fs.chmodSync(dir, 0o755);
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    const clock = {
        env: {
            LD_PRELOAD: library,
            FAKETIME_TIMESTAMP_FILE: file,
            FAKETIME_NO_CACHE: '1',
            FAKETIME_DONT_FAKE_MONOTONIC: '1',
        },
        /* A new file in place of the old one: nobody reads half of it. */
        set(seconds) {
            ahead = seconds;
            fs.writeFileSync(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
            fs.renameSync(`${file}.new`, file);
        },
        now: () => Math.floor(Date.now() / 1000) + ahead,
    };
    clock.set(offset);
    return clock;
}
