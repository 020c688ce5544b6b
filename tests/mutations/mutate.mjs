/*
 * Takes out one check after another in a copy of the tree, and sees that the test named for it
 * fails. Run by tools/mutate, which has made the copy and configured it in build/.
 *
 *     node tests/mutations/mutate.mjs TREE [word…]
 *
 * A word picks the mutations whose item number, file or name holds it.
 */
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { mutations } from './mutations.mjs';

const [tree, ...words] = process.argv.slice(2);
const counts = { passed: 0, failed: 0 };

function replaceOnce(text, find, replacement) {
    const parts = text.split(find);
    if (parts.length !== 2) {
        throw new Error(`${parts.length - 1} times in the file: ${find}`);
    }
    return parts.join(replacement);
}

function build() {
    const { status, stdout, stderr } = spawnSync('make', ['-C', path.join(tree, 'build'), '-j2'], {
        encoding: 'utf8',
    });
    if (status !== 0) {
        throw new Error(`does not compile:\n${stdout}${stderr}`);
    }
}

/* True when the unit test was built and failed. */
function failsInUnit(program) {
    const { stdout } = spawnSync('make', [
        '-C', path.join(tree, 'build'), 'check', `TESTS=tests/unit/${program}`,
    ], { encoding: 'utf8', maxBuffer: 2 ** 28 });
    const [, result] = new RegExp(`^(PASS|FAIL): tests/unit/${program}$`, 'm').exec(stdout) ?? [];
    if (!result) {
        throw new Error(`no such test ran: ${program}\n${stdout}`);
    }
    return result === 'FAIL';
}

/* True when the test ran and failed. */
function fails([file, name]) {
    if (file === 'unit') {
        return failsInUnit(name);
    }
    const pattern = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const { stdout } = spawnSync('node', [
        '--test', `--test-name-pattern=${pattern}`, path.join(tree, `tests/e2e/${file}.test.mjs`),
    ], {
        encoding: 'utf8',
        maxBuffer: 2 ** 28,
        env: { ...process.env, TINYAUTH_SO: path.join(tree, 'build/.libs/mod_tinyauth.so') },
    });
    const results = stdout.split('\n').filter((line) => (
        /^ *(not )?ok \d+ - /.test(line) && line.includes(name) && !/# SKIP/.test(line)
    ));
    if (results.length === 0) {
        throw new Error(`no such test ran: ${file}: ${name}`);
    }
    return results.some((line) => /^ *not ok/.test(line));
}

function tryMutation(mutation) {
    const file = path.join(tree, 'src', mutation.file);
    const original = fs.readFileSync(file, 'utf8');
    const { find, replace, also, test } = mutation;
    try {
        const mutated = replaceOnce(original, find, replace);
        fs.writeFileSync(file, also ? replaceOnce(mutated, ...also) : mutated);
        build();
        return fails(test) ? undefined : 'the test did not notice';
    } catch (error) {
        return error.message;
    } finally {
        fs.writeFileSync(file, original);
    }
}

const picked = mutations.filter(({ item, file, name }) => words.length === 0
    || words.some((word) => word === String(item) || file.includes(word) || name.includes(word)));
for (const mutation of picked) {
    const problem = tryMutation(mutation);
    const { item, name, test } = mutation;
    counts[problem ? 'failed' : 'passed'] += 1;
    console.log(`${problem ? 'FAIL' : 'ok  '} ${item}: ${name} (${test[0]}: ${test[1]} …)`);
    if (problem) {
        console.log(problem.replace(/^/gm, '     '));
    }
}
console.log(`${counts.passed} passed, ${counts.failed} failed, 0 skipped`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
