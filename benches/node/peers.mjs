// npm's lmdb with the same records as the other peers: getting, iterating, putting.
//
// node benches/node/peers.mjs [--quick], by `make bench-node`; writes target/bench/node.json, whose form benches/README.md
// describes. There is no package of this library for Node, so the figures stand beside those of Rust and Python.
//
// Processor time of the process counts, the best of the rounds; for durable puts the time that passes, the median.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const place = path.resolve(import.meta.dirname, '../../target');
// Where `make bench-node` installs it: nothing is installed beside the sources.
const require = createRequire(path.join(place, 'node', 'package.json'));
const { open } = require('lmdb');
// The package exports no manifest, so it is read as a file.
const manifest = path.join(place, 'node', 'node_modules', 'lmdb', 'package.json');

const quick = process.argv.includes('--quick');
const KEYS = quick ? 10_000 : 100_000;
const VALUE = 100;
const ROUNDS = 5;
mkdirSync(path.join(place, 'bench'), { recursive: true });
const directory = mkdtempSync(path.join(place, 'bench', 'node-'));
const [began, load] = [Math.floor(Date.now() / 1000), os.loadavg()[0]];

// Numbers that jump about, the same in every run.
let state = 7;
const below = (end) => (state = (state * 1103515245 + 12345) % 2147483648) % end;
const key = (n) => String(n).padStart(12, '0');
const value = (n) => Buffer.alloc(VALUE, n % 256);
const asked = Array.from({ length: 10_000 }, () => key(below(KEYS)));
const rows = [];

async function measure(what, count, { wall = false, durable }, work) {
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const [begun, used] = [performance.now(), process.cpuUsage()];
    await work();
    const { user, system } = process.cpuUsage(used);
    times.push((wall ? (performance.now() - begun) * 1e6 : (user + system) * 1e3) / count);
  }
  times.sort((one, other) => one - other);
  const figure = Math.round(times[wall ? ROUNDS >> 1 : 0] * 10) / 10;
  const row = { group: 'node', what, who: 'lmdb (npm)', unit: 'ns', figure, keys: KEYS, value: VALUE, clock: wall ? 'wall' : 'processor' };
  if (durable !== undefined) row.durable = durable;
  rows.push(row);
  console.log(what.padEnd(40), String(figure).padStart(12), 'ns');
}

const options = { encoding: 'binary', keyEncoding: 'binary', compression: false };
const db = open({ ...options, path: path.join(directory, 'none'), noSync: true });
await measure('bulk load, sorted', KEYS, { durable: false }, () =>
  db.transactionSync(() => { for (let n = 0; n < KEYS; n += 1) db.putSync(Buffer.from(key(n)), value(n)); }));
const encoded = asked.map((one) => Buffer.from(one));
await measure('get, random keys', asked.length, {}, () => { for (const one of encoded) db.get(one); });
await measure('get_many, random keys', asked.length, {}, () => db.getMany(encoded));
await measure('iterate, a record', KEYS, {}, () => { for (const _ of db.getRange()); });
await measure('put, random keys', 500, { durable: false }, () => {
  for (const one of encoded.slice(0, 500)) db.putSync(one, value(1));
});
await db.close();

const synced = open({ ...options, path: path.join(directory, 'synced') });
await measure('put, durable, random keys', 25, { wall: true, durable: true }, async () => {
  for (const one of encoded.slice(0, 25)) {
    await synced.put(one, value(2));
    // A put that was answered is committed; this is when it is on stable storage.
    await synced.flushed;
  }
});
await measure('put, durable, 1,000 without waiting', 1_000, { wall: true, durable: true }, async () => {
  for (const one of encoded.slice(0, 1_000)) synced.put(one, value(3));
  await synced.flushed;
});
await synced.close();
rmSync(directory, { recursive: true });

const report = {
  form: 1,
  bench: 'node',
  began,
  full: !quick,
  load: [load, os.loadavg()[0]],
  machine: {
    processor: os.cpus()[0].model,
    cores: os.cpus().length,
    memory: `${os.totalmem() / 1024} kB`,
    system: `${os.platform()} ${os.release()}`,
  },
  versions: { node: process.versions.node, 'lmdb (npm)': JSON.parse(readFileSync(manifest)).version },
};
const text = `${JSON.stringify(report).slice(0, -1)},\n"rows": [\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]}\n`;
writeFileSync(path.join(place, 'bench', 'node.json'), text);
