// Lays out a data set with tsnejs, A. Karpathy's exact t-SNE, and times its stages.
//
//   node tsnejs.js DATA.npy -o LAYOUT.npy --init INIT.npy [--perplexity 30] [--iterations 1000]
//
// Its schedule is its own: exaggeration 4 for 100 iterations, learning rate 10. It holds several N x N matrices of
// doubles, so it is for small sets. One JSON object is printed, on one line.
"use strict";

const fs = require("fs");
const tsnejs = require("tsne");

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(2);
}

function options(argv) {
  const given = { data: argv[0], o: "", init: "", perplexity: "30", iterations: "1000" };
  for (let i = 1; i < argv.length; i += 2) {
    const name = argv[i].replace(/^--?/, "");
    if (!(name in given) || i + 1 >= argv.length) fail(`unknown or incomplete option ${argv[i]}`);
    given[name] = argv[i + 1];
  }
  if (!given.data || !given.o || !given.init) fail("DATA.npy, -o and --init are needed");
  return { ...given, perplexity: Number(given.perplexity), iterations: Number(given.iterations) };
}

// The rows of an .npy of float32 in the order of C.
function readRows(file) {
  const bytes = fs.readFileSync(file);
  if (bytes.toString("latin1", 0, 6) !== "\x93NUMPY" || bytes[6] !== 1) fail(`${file} is not an .npy of version 1`);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, start);
  const shape = /'shape': \((\d+), (\d+)\)/.exec(header);
  if (!shape || !header.includes("'<f4'") || !header.includes("'fortran_order': False")) {
    fail(`${file} is no matrix of float32: ${header.trim()}`);
  }
  const [count, width] = [Number(shape[1]), Number(shape[2])];
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: width }, (__, j) => bytes.readFloatLE(start + 4 * (i * width + j))));
}

function writeRows(file, rows) {
  const text = `{'descr': '<f8', 'fortran_order': False, 'shape': (${rows.length}, ${rows[0].length}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const head = Buffer.alloc(10);
  head.write("\x93NUMPY\x01\x00", "latin1");
  head.writeUInt16LE(length, 8);
  const values = Buffer.from(Float64Array.from(rows.flatMap((row) => Array.from(row))).buffer);
  fs.writeFileSync(file, Buffer.concat([head, Buffer.from(`${text.padEnd(length - 1)}\n`, "latin1"), values]));
}

function main() {
  const { data, o, init, perplexity, iterations } = options(process.argv.slice(2));
  const rows = readRows(data);
  const begin = readRows(init);
  const clock = () => Number(process.hrtime.bigint()) / 1e6;

  const start = clock();
  const model = new tsnejs.tSNE({ dim: 2, perplexity });
  model.initDataRaw(rows);
  const affine = clock();
  model.Y = begin;
  for (let i = 0; i < iterations; i++) model.step();
  const end = clock();

  writeRows(o, model.getSolution());
  console.log(JSON.stringify({
    peer: "tsnejs", version: require("tsne/package.json").version, device: `node ${process.version}, 1 thread`,
    n: rows.length, dim: rows[0].length, iterations,
    stage_ms: { affinities: affine - start, optimise: end - affine },
  }));
}

main();
