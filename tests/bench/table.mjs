/*
 * The results as Markdown.
 */
import os from 'node:os';
import { spawnSync } from 'node:child_process';
import { quartiles } from './load.mjs';

const count = (number) => Math.round(number).toLocaleString('en-US');

function table(head, rows) {
    const line = (cells) => `| ${cells.join(' | ')} |`;
    return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)]
        .join('\n');
}

function firstLine(program, args) {
    return spawnSync(program, args, { encoding: 'utf8' }).stdout?.split('\n')[0] ?? '';
}

/* Where and of what it was measured. */
export function writeHead(httpd, commit) {
    const [cpu] = os.cpus();
    return [
        `Module of commit ${commit}, ${firstLine(httpd, ['-v']).replace('Server version: ', '')},`,
        `event MPM, ${os.cpus().length} × ${cpu.model.trim()}.`,
    ].join(' ');
}

/* `results`: [{ name, instructions }], the plain one with a cookie among them as `base`. */
export function writeInstructions(results, base) {
    return table(
        ['Instructions of a request', 'all', 'above plain with a cookie'],
        results.map(({ name, instructions }) => [
            name, count(instructions), count(instructions - base),
        ]),
    );
}

export function writeFunctions(functions, limit = 24) {
    return table(
        ['Function, with what it calls', 'instructions'],
        functions.slice(0, limit).map(([name, instructions]) => [
            `\`${name}\``, count(instructions),
        ]),
    );
}

export function writeCpu(measured) {
    return table(
        ['CPU time of a request', 'µs, median', 'of plain with a cookie, median (quartiles)'],
        measured.map(({ scene, cpu, ratio }) => {
            const [low, middle, high] = quartiles(ratio).map((value) => value.toFixed(2));
            return [scene.name, quartiles(cpu)[1].toFixed(1), `${middle} (${low}–${high})`];
        }),
    );
}

export function writeLoad(measured) {
    return table(
        ['Requests/s; latency median/99 % in ms', '1 connection', '16', '64'],
        measured.map(({ scene, load }) => [
            scene.name,
            ...load.map(({ perSecond, median, high }) => (
                `${count(perSecond)}; ${median.toFixed(2)}/${high.toFixed(2)}`
            )),
        ]),
    );
}

export function writeLogins(results) {
    return table(
        ['CPU time of a login', 'µs, median', 'of mod_auth_openidc, median (quartiles)'],
        results.map(({ scene, cpu, ratio }) => {
            const [low, middle, high] = quartiles(ratio).map((value) => value.toFixed(2));
            return [scene.name, count(quartiles(cpu)[1]), `${middle} (${low}–${high})`];
        }),
    );
}
