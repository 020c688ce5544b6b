/*
 * The options of a script that people call. What it says of itself stands at its beginning:
 * that is what --help shows, and what whoever mistypes an option is sent to.
 */
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/* The paragraphs of the comment at the beginning of a file. */
function readHeading(file) {
    const [, comment] = /^\/\*\n(.*?)\n \*\//s.exec(fs.readFileSync(file, 'utf8'));
    return comment.replaceAll(/^ \* ?/gm, '');
}

/* As parseArgs() of node:util, for the script at the URL `script`. */
export function readOptions(script, config) {
    const file = fileURLToPath(script);
    let result;
    try {
        result = parseArgs({
            ...config, options: { ...config.options, help: { type: 'boolean', short: 'h' } },
        });
    } catch (error) {
        console.error(`${error.message}\nSee: node ${file} --help`);
        process.exit(2);
    }
    if (result.values.help) {
        console.log(readHeading(file));
        process.exit(0);
    }
    return result;
}
