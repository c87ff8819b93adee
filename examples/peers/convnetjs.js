// Trains one of the benchmark networks with ConvNetJS and prints how many images it got through a second.
//
//   node convnetjs.js --network revacnn --batch 64 --seconds 3 [--data DIR]
//
// ConvNetJS goes forward and backward image by image and updates the weights once a batch, so its
// throughput hardly depends on the batch. One JSON object is printed, on one line.
"use strict";

const fs = require("fs");
const path = require("path");
const convnetjs = require("convnetjs");

const SIDE = 32;
const CHANNELS = 3;
const CLASSES = 10;
const RECORD = 1 + CHANNELS * SIDE * SIDE;

const conv = (size, filters) => ({
  type: "conv", sx: size, filters, stride: 1, pad: (size - 1) / 2, activation: "relu",
});
const pool = { type: "pool", sx: 2, stride: 2 };

const NETWORKS = {
  revacnn: [conv(5, 16), pool, conv(5, 20), pool, conv(5, 20), pool],
  "revacnn-keras": [
    conv(3, 32), pool, conv(3, 64), conv(3, 64), pool,
    { type: "fc", num_neurons: 128, activation: "relu" },
  ],
};

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(2);
}

function options(argv) {
  const given = { network: "revacnn", batch: "64", seconds: "3", data: "" };
  for (let i = 0; i < argv.length; i += 2) {
    const name = argv[i].replace(/^--/, "");
    if (!(name in given) || i + 1 >= argv.length) fail(`unknown or incomplete option ${argv[i]}`);
    given[name] = argv[i + 1];
  }
  if (!(given.network in NETWORKS)) fail(`unknown network ${given.network}: ${Object.keys(NETWORKS).join(", ")}`);
  return { ...given, batch: Number(given.batch), seconds: Number(given.seconds) };
}

// Records of CIFAR-10: one byte of label, then the red, the green and the blue plane.
function records(folder) {
  if (folder) {
    const files = fs.readdirSync(folder).filter((name) => /^data_batch_\d\.bin$/.test(name)).sort();
    if (files.length === 0) fail(`no data_batch_*.bin in ${folder}`);
    return Buffer.concat(files.map((name) => fs.readFileSync(path.join(folder, name))));
  }
  const bytes = Buffer.alloc(10000 * RECORD);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(Math.random() * 256);
  for (let i = 0; i < bytes.length; i += RECORD) bytes[i] %= CLASSES;
  return bytes;
}

function image(bytes, index) {
  const volume = new convnetjs.Vol(SIDE, SIDE, CHANNELS, 0.0);
  const start = index * RECORD + 1;
  for (let c = 0; c < CHANNELS; c++) {
    for (let i = 0; i < SIDE * SIDE; i++) {
      volume.w[i * CHANNELS + c] = bytes[start + c * SIDE * SIDE + i] / 255 - 0.5;
    }
  }
  return volume;
}

function main() {
  const { network, batch, seconds, data } = options(process.argv.slice(2));
  const bytes = records(data);
  const count = bytes.length / RECORD;

  const net = new convnetjs.Net();
  net.makeLayers([
    { type: "input", out_sx: SIDE, out_sy: SIDE, out_depth: CHANNELS },
    ...NETWORKS[network],
    { type: "softmax", num_classes: CLASSES },
  ]);
  const trainer = new convnetjs.Trainer(net, { method: "sgd", learning_rate: 0.01, momentum: 0.9, batch_size: batch });
  const train = () => {
    const index = Math.floor(Math.random() * count);
    return trainer.train(image(bytes, index), bytes[index * RECORD]).cost_loss;
  };

  // Long enough for the compiler of node to have seen every layer.
  const warm = Date.now() + 1000;
  do train(); while (Date.now() < warm);

  let images = 0;
  let loss = 0;
  const start = process.hrtime.bigint();
  let elapsed = 0;
  while (elapsed < seconds) {
    loss += train();
    images += 1;
    elapsed = Number(process.hrtime.bigint() - start) / 1e9;
  }
  const parameters = net.getParamsAndGrads().reduce((sum, { params }) => sum + params.length, 0);
  console.log(JSON.stringify({
    peer: "convnetjs", version: require("convnetjs/package.json").version, device: `node ${process.version}`,
    network, batch, parameters, images_per_s: images / elapsed, images, seconds: elapsed, mean_loss: loss / images,
  }));
}

main();
