#!/bin/sh
# docs/security.md names tests and checks that there are, and each attack has a mutation that
# still fits the source.
. "${srcdir:?}/tests/lint/guard.sh"
manual=docs/security.md

awk -F '|' '
    /^\| [0-9]+ \|/ {
        number = $2 + 0; rows++
        if (number != ++expected) print FILENAME ":" FNR ": attack " number ", expected " expected
        for (column = 4; column <= 5; column++) {
            text = $column; found = 0
            while (match(text, /`[^`]*`/)) {
                name = substr(text, RSTART + 1, RLENGTH - 2); text = substr(text, RSTART + RLENGTH)
                if (name ~ /^tools\//) continue
                path = column == 4 ? "tests/e2e/" name ".test.mjs" : name
                if ((getline line < path) < 0) print FILENAME ":" FNR ": there is no " path
                close(path); found++
            }
            if (!found) print FILENAME ":" FNR ": attack " number " lacks its test or check"
        }
    }
    END { if (rows != 33) print FILENAME ": " rows + 0 " attacks, expected 33" }
    ' "$manual" >>"$problems"

if ! command -v node >/dev/null; then
    verdict
    echo "node is missing: the mutations were not looked at"
    exit 77
fi
node --input-type=module - >>"$problems" <<'EOF'
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';

const { mutations } = await import(pathToFileURL('tests/mutations/mutations.mjs').href);
const read = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');
for (const { item, name, file, find, also, test } of mutations) {
    for (const text of [find, ...(also ? [also[0]] : [])]) {
        const count = read(`src/${file}`).split(text).length - 1;
        if (count !== 1) {
            console.log(`mutation ${item} (${name}): ${count} times in src/${file}: ${text}`);
        }
    }
    const isUnit = test[0] === 'unit';
    const source = isUnit ? `tests/unit/${test[1]}.c` : `tests/e2e/${test[0]}.test.mjs`;
    if (!read(source).includes(isUnit ? 'cmocka' : test[1].split('\'')[0])) {
        console.log(`mutation ${item} (${name}): no test "${test[1]}" in ${source}`);
    }
}
for (let item = 1; item <= 33; item += 1) {
    if (!mutations.some((mutation) => mutation.item === item)) {
        console.log(`attack ${item}: no mutation shows that its test can fail`);
    }
}
EOF
verdict
