//! Trains one of the benchmark networks with burn's wgpu backend and prints how many images it got through a second.
//!
//!     burn-peer --network revacnn --batch 64 --seconds 3 [--data DIR]
//!
//! The images lie on the device; a step gathers a random batch, goes forward and backward and updates the weights by SGD
//! with momentum. One JSON object is printed, on one line.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig, momentum::MomentumConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, DeviceKind, Int, Tensor, TensorData};

const SIDE: usize = 32;
const CHANNELS: usize = 3;
const CLASSES: usize = 10;
const IMAGE: usize = CHANNELS * SIDE * SIDE;
/// Steps before the clock starts: kernels are compiled and tuned in them.
const WARM_UP: usize = 6;
/// Steps between two waits for the device.
const BURST: usize = 4;

/// Convolutions with relu, some of them pooled by 2; then dense layers with relu between them.
#[derive(Module, Debug)]
struct Net {
    convolutions: Vec<Conv2d>,
    pool: MaxPool2d,
    dense: Vec<Linear>,
}

/// Filters, kernel size and whether it is pooled, of each convolution; outputs of each dense layer.
struct Layout {
    convolutions: &'static [(usize, usize, bool)],
    dense: &'static [usize],
}

const REVACNN: Layout = Layout { convolutions: &[(16, 5, true), (20, 5, true), (20, 5, true)], dense: &[CLASSES] };
const REVACNN_KERAS: Layout =
    Layout { convolutions: &[(32, 3, true), (64, 3, false), (64, 3, true)], dense: &[128, CLASSES] };

impl Net {
    fn new(layout: &Layout, device: &Device) -> Self {
        let (mut inputs, mut side) = (CHANNELS, SIDE);
        let mut convolutions = Vec::new();
        for (filters, size, pooled) in layout.convolutions {
            let pad = size / 2;
            let config = Conv2dConfig::new([inputs, *filters], [*size, *size])
                .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad));
            convolutions.push(config.init(device));
            inputs = *filters;
            side /= if *pooled { 2 } else { 1 };
        }
        let mut width = inputs * side * side;
        let mut dense = Vec::new();
        for outputs in layout.dense {
            dense.push(LinearConfig::new(width, *outputs).init(device));
            width = *outputs;
        }
        Self { convolutions, pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(), dense }
    }

    fn forward(&self, layout: &Layout, images: Tensor<4>) -> Tensor<2> {
        let mut x = images;
        for (convolution, (_, _, pooled)) in self.convolutions.iter().zip(layout.convolutions) {
            x = relu(convolution.forward(x));
            if *pooled {
                x = self.pool.forward(x);
            }
        }
        let mut y: Tensor<2> = x.flatten(1, 3);
        for (i, dense) in self.dense.iter().enumerate() {
            y = dense.forward(y);
            if i + 1 < self.dense.len() {
                y = relu(y);
            }
        }
        y
    }
}

struct Options {
    network: String,
    batch: usize,
    seconds: f64,
    data: Option<PathBuf>,
}

fn options() -> Result<Options, String> {
    let mut given = Options { network: "revacnn".into(), batch: 64, seconds: 3.0, data: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        let number = || value.parse::<f64>().map_err(|_| format!("{word} {value}: no number"));
        match word.as_str() {
            "--network" => given.network = value,
            "--batch" => given.batch = number()? as usize,
            "--seconds" => given.seconds = number()?,
            "--data" => given.data = Some(value.into()),
            _ => return Err(format!("there is no option {word}")),
        }
    }
    Ok(given)
}

/// A generator of numbers that are random enough for a benchmark (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Labels and pixels of CIFAR-10's binary files, or random ones.
fn records(folder: Option<&Path>, random: &mut Random) -> Result<(Vec<i32>, Vec<f32>), String> {
    let bytes = match folder {
        None => (0..10_000 * (1 + IMAGE)).map(|_| random.next() as u8).collect::<Vec<u8>>(),
        Some(folder) => {
            let mut all = Vec::new();
            for i in 1..=5 {
                if let Ok(bytes) = std::fs::read(folder.join(format!("data_batch_{i}.bin"))) {
                    all.extend(bytes);
                }
            }
            if all.is_empty() {
                return Err(format!("no data_batch_*.bin in {}", folder.display()));
            }
            all
        }
    };
    let records = bytes.chunks_exact(1 + IMAGE).take(10_000);
    let labels = records.clone().map(|record| i32::from(record[0]) % CLASSES as i32).collect();
    let pixels = records.flat_map(|record| record[1..].iter().map(|v| f32::from(*v) / 127.5 - 1.0)).collect();
    Ok((labels, pixels))
}

/// A network that learns, and what it learns from.
struct Training {
    layout: &'static Layout,
    net: Option<Net>,
    optimizer: ModuleOptimizer,
    loss: CrossEntropyLoss,
    device: Device,
    images: Tensor<4>,
    labels: Tensor<1, Int>,
    count: usize,
    random: Random,
}

impl Training {
    /// One step; its loss, still on the device.
    fn step(&mut self, batch: usize) -> Tensor<1> {
        let drawn: Vec<i32> = (0..batch).map(|_| (self.random.next() % self.count as u64) as i32).collect();
        let drawn = Tensor::<1, Int>::from_data(TensorData::new(drawn, [batch]), &self.device);
        let net = self.net.take().expect("a step gives it back");
        let logits = net.forward(self.layout, self.images.clone().select(0, drawn.clone()));
        let loss = self.loss.forward(logits, self.labels.clone().select(0, drawn));
        let gradients = GradientsParams::from_grads(loss.clone().backward(), &net);
        self.net = Some(self.optimizer.step(0.02, net, gradients));
        loss
    }
}

fn run() -> Result<(), String> {
    let given = options()?;
    let layout = match given.network.as_str() {
        "revacnn" => &REVACNN,
        "revacnn-keras" => &REVACNN_KERAS,
        other => return Err(format!("there is no network {other}")),
    };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (labels, pixels) = records(given.data.as_deref(), &mut random)?;
    let count = labels.len();
    let device = Device::wgpu(DeviceKind::DefaultDevice).autodiff();
    let net = Net::new(layout, &device);
    let parameters = net.num_params();
    let mut training = Training {
        layout,
        net: Some(net),
        optimizer: SgdConfig::new().with_momentum(Some(MomentumConfig::new().with_momentum(0.9))).init(),
        loss: CrossEntropyLossConfig::new().init(&device),
        images: Tensor::from_data(TensorData::new(pixels, [count, CHANNELS, SIDE, SIDE]), &device),
        labels: Tensor::from_data(TensorData::new(labels, [count]), &device),
        device,
        count,
        random,
    };
    for _ in 0..WARM_UP {
        training.step(given.batch).into_scalar::<f32>();
    }
    let (began, mut steps) = (Instant::now(), 0);
    let mut loss = f32::NAN;
    while began.elapsed().as_secs_f64() < given.seconds {
        for _ in 1..BURST {
            training.step(given.batch);
        }
        // Its value waits for all that came before it.
        loss = training.step(given.batch).into_scalar::<f32>();
        steps += BURST;
    }
    let speed = (steps * given.batch) as f64 / began.elapsed().as_secs_f64();
    println!(
        r#"{{"network":"{}","batch":{},"images_per_s":{speed},"loss":{loss},"parameters":{parameters},"version":"burn 0.22 (wgpu)"}}"#,
        given.network, given.batch
    );
    Ok(())
}

fn main() {
    if let Err(what) = run() {
        eprintln!("error: {what}");
        std::process::exit(1);
    }
}
