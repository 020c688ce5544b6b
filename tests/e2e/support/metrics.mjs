/*
 * Reading metrics by parsers of other people: the strict OpenMetrics parser of Prometheus' own
 * Python client, and an npm package for the text format of before.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import parsePrometheus from 'parse-prometheus-text-format';
import { Browser } from './browser.mjs';

export const metricsPage = [
    '<Location "/metrics">', '    ProxyPass "!"', '    SetHandler tinyauth-metrics',
    '    Require all granted', '</Location>',
].join('\n');

const read = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
json.dump({f.name: {'type': f.type, 'unit': f.unit, 'help': f.documentation, 'samples': [
    {'name': s.name, 'labels': s.labels, 'value': s.value} for s in f.samples]}
    for f in families(sys.stdin.read())}, sys.stdout)
`;

/* Debian's python3, for which the parser is packaged. */
const python = '/usr/bin/python3';

async function scrape(site, accept) {
    const page = await new Browser().fetch(site.url('/metrics'), { headers: { accept } });
    assert.equal(page.status, 200, page.body);
    return page;
}

/* Samples by labels: value(name, labels) sums those that fit, 0 where there is none. */
export class Metrics {
    constructor(families) {
        this.families = families;
    }

    value(name, labels = {}) {
        return Object.values(this.families).flatMap(({ samples }) => samples)
            .filter((sample) => sample.name === name && Object.entries(labels)
                .every(([key, value]) => sample.labels[key] === value))
            .reduce((sum, sample) => sum + sample.value, 0);
    }
}

export async function openMetrics(site) {
    const page = await scrape(site, 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5');
    assert.equal(page.headers['content-type'],
        'application/openmetrics-text; version=1.0.0; charset=utf-8');
    assert.equal(page.headers['cache-control'], 'no-store');
    const { status, stdout, stderr } = spawnSync(python, ['-c', read], {
        input: page.body, encoding: 'utf8',
    });
    assert.equal(status, 0, `${stderr}\n${page.body}`);
    return new Metrics(JSON.parse(stdout));
}

/* The older format; the parser knows no labels of histograms. */
export async function plainMetrics(site) {
    const page = await scrape(site, 'text/plain;version=0.0.4');
    assert.match(page.headers['content-type'], /^text\/plain; version=0\.0\.4/);
    return new Metrics(Object.fromEntries(parsePrometheus(page.body).map((family) => [
        family.name, {
            type: family.type.toLowerCase(),
            samples: family.metrics.map(({ labels = {}, value }) => (
                { name: family.name, labels, value: Number(value) }
            )),
        },
    ])));
}
