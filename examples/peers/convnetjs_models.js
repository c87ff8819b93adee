// Makes networks with ConvNetJS and prints, for each, its name, its JSON, images and the outputs before its loss; imported.py reads them.
//
//   node convnetjs_models.js SIDE IMAGES CLASSES
//
// One JSON object a network, on a line of its own; images are [n, c, y, x].
"use strict";

const convnetjs = require("convnetjs");

const [side, count, classes] = process.argv.slice(2).map(Number);
const DEPTH = 3;

const image = { type: "input", out_sx: side, out_sy: side, out_depth: DEPTH };
const softmax = { type: "softmax", num_classes: classes };

const NETWORKS = {
  // As the page of ReVACNN and ConvNetJS's own of CIFAR-10 has it.
  "conv, pool": [image,
    { type: "conv", sx: 5, filters: 16, stride: 1, pad: 2, activation: "relu" }, { type: "pool", sx: 2, stride: 2 },
    { type: "conv", sx: 5, filters: 20, stride: 2, pad: 1, activation: "tanh" }, { type: "pool", sx: 3, stride: 2, pad: 1 }, softmax],
  "lrn, maxout, sigmoid": [image,
    { type: "conv", sx: 3, filters: 8, stride: 1, pad: 1, activation: "maxout", group_size: 2 }, { type: "lrn", k: 1, n: 4, alpha: 0.3, beta: 0.75 },
    { type: "pool", sx: 2, stride: 2 }, { type: "fc", num_neurons: 12, activation: "sigmoid" }, { type: "svm", num_classes: classes }],
  "dropout": [image,
    { type: "conv", sx: 3, filters: 6, stride: 2, activation: "relu", drop_prob: 0.25 }, { type: "pool", sx: 2, stride: 2 },
    { type: "fc", num_neurons: 10, activation: "relu", drop_prob: 0.5 }, softmax],
};

for (const [name, layers] of Object.entries(NETWORKS)) {
  const net = new convnetjs.Net();
  net.makeLayers(layers.map((layer) => ({ ...layer })));
  const images = [];
  const outputs = [];
  for (let i = 0; i < count; i++) {
    const volume = new convnetjs.Vol(side, side, DEPTH);
    net.forward(volume);
    const last = net.layers[net.layers.length - 2].out_act;
    outputs.push(Array.from(last.w));
    const planes = [];
    for (let c = 0; c < DEPTH; c++) {
      for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) planes.push(volume.get(x, y, c));
    }
    images.push(planes);
  }
  console.log(JSON.stringify({ name, net: net.toJSON(), images, outputs }));
}
