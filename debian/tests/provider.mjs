/*
 * The provider of the package's tests: that of the end-to-end tests which logs alice in without
 * asking, on a port of its own.
 */
import { startLiar } from '../../tests/e2e/liar.mjs';

const liar = await startLiar({
    port: Number(process.argv[2]), clientId: 'package', clientSecret: process.argv[3],
});
console.log(`ready ${liar.issuer}`);
