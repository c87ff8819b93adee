//! Models that PyTorch wrote, with inputs and its own outputs, on the adapter.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use crate::data::{Dataset, ImageShape, Split};
use crate::gpu::Gpu;
use crate::nn::{Model, Network, Trainer, TrainerOptions};

/// Folder of the models, beside the repository.
const FOLDER: &str = "../shared/data/onnx";

/// Models whose outputs are PyTorch's.
const IMPORTED: &[&str] = &[
    "adaptive1.default",
    "adaptive1.ts",
    "avgceil.default",
    "avgceil.ts",
    "avgpool321.default",
    "avgpool321.ts",
    "bn_alone.default",
    "bn_alone.ts",
    "conv_groups2.default",
    "conv_groups2.ts",
    "conv_same_k4.default",
    "conv_same_k4.ts",
    "dropout2d.default",
    "dropout2d.ts",
    "groupnorm.default",
    "groupnorm.ts",
    "hardswish.default",
    "hardswish.ts",
    "maxceil_edge.default",
    "maxceil_edge.ts",
    "maxpool321ceil.default",
    "maxpool321ceil.ts",
    "plain.default",
    "plain.ts",
    "plain_dynamic.default",
    "plain_train.default",
    "plain_train.ts",
    "pool_bn.default",
    "pool_bn.ts",
    "silu.default",
    "silu.ts",
    "view_linear_logsoftmax.default",
    "view_linear_logsoftmax.ts",
];

/// The array `name` of an `.npz`.
fn array(path: &Path, name: &str) -> Vec<f32> {
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut bytes = Vec::new();
    archive.by_name(&format!("{name}.npy")).unwrap().read_to_end(&mut bytes).unwrap();
    npyz::NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap()
}

/// Images of zeros, of the network's shape and classes.
fn blank(network: &Network) -> Dataset {
    let shape = ImageShape {
        channels: network.input.channels,
        height: network.input.height,
        width: network.input.width,
    };
    let split =
        |count: usize| Split { images: Arc::new(vec![0; count * shape.len()]), labels: vec![0; count] };
    let classes = (0..network.classes).map(|class| class.to_string()).collect();
    Dataset::new("blank", shape, classes, split(20), split(4)).unwrap()
}

/// Outputs of an imported network on the software adapter.
fn outputs(gpu: &Rc<Gpu>, mut imported: Model, inputs: &[f32]) -> Vec<f32> {
    let network = &imported.network;
    if network.parameter_count() == 0 {
        // A network is trained, so it has weights: those that pass its outputs on.
        let classes = network.classes;
        let text = format!("{}\n[[layer]]\nkind = \"dense\"\nname = \"same\"\n", network.to_toml());
        imported.network = Network::parse(&text, network.input, classes).unwrap();
        let same = (0..classes * classes).map(|at| f32::from(u8::from(at / classes == at % classes)));
        imported.weights.push(vec![same.collect(), vec![0.0; classes]]);
    }
    let (data, start) = (blank(&imported.network), imported.start());
    let options = TrainerOptions { batch: 4, ..TrainerOptions::default() };
    let mut trainer = Trainer::new(Rc::clone(gpu), &data, imported.network, options).unwrap();
    trainer.begin_with(start).unwrap();
    trainer.predictor(false).unwrap().answer(gpu, inputs).unwrap().outputs
}

/// Logits less the logarithm of the sum of their exponentials.
fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let sum: f64 = logits.iter().map(|value| f64::from(*value).exp()).sum();
    logits.iter().map(|value| (f64::from(*value) - sum.ln()) as f32).collect()
}

#[test]
fn models_of_pytorch_have_its_outputs() {
    let folder = Path::new(FOLDER);
    if !folder.exists() {
        return;
    }
    let gpu = Rc::new(Gpu::open(&"software".parse().unwrap()).unwrap());
    let mut largest = ("", 0.0_f64);
    for name in IMPORTED {
        let file = folder.join(format!("{name}.onnx"));
        let imported = Model::open(&file).unwrap_or_else(|error| panic!("{error}"));
        let arrays = folder.join(format!("{name}.npz"));
        let (x, y) = (array(&arrays, "x"), array(&arrays, "y"));
        let mut found = outputs(&gpu, imported, &x);
        if name.contains("logsoftmax") {
            found = log_softmax(&found);
        }
        assert_eq!(found.len(), y.len(), "{name}");
        let size = y.iter().fold(0.0_f64, |size, value| size.max(f64::from(value.abs())));
        let error = |(a, b): (&f32, &f32)| f64::from((a - b).abs()) / size;
        let worst = found.iter().zip(&y).map(error).fold(0.0, f64::max);
        assert!(worst < 1e-4, "{name}: {worst}");
        largest = if worst > largest.1 { (name, worst) } else { largest };
    }
    println!("largest error {:.1e}, of {}", largest.1, largest.0);
    let files =
        std::fs::read_dir(folder).unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let models: Vec<String> = files.filter_map(|file| Some(file.strip_suffix(".onnx")?.to_owned())).collect();
    let known = |name: &&String| IMPORTED.contains(&name.as_str());
    let unknown: Vec<_> = models.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "not imported: {unknown:?}");
}
