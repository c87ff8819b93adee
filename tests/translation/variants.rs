//! The variants of the shaders that the program may take, on any adapter.

use std::collections::BTreeSet;
use std::rc::Rc;

use revacnn::data::{Dataset, ImageShape, Split};
use revacnn::gpu::{DeviceProfile, Source, TunePolicy};
use revacnn::nn::{Network, Shape, Trainer, TrainerOptions, preset_names};

use crate::compare::open_gpu;
use crate::shader_sources::sources;

/// A shader with the constants that are set in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Variant {
    pub path: &'static str,
    pub constants: Vec<(&'static str, u32)>,
}

/// Some color, 0xrrggbb.
const COLOR: &[u32] = &[0x12_34_56];

/// Values of the constants that no autotuner picks. Of a pooling layer's, which a user gives, some of each kind.
const VALUES: &[(&str, &str, &[u32])] = &[
    ("nn/avg_pool2d.wgsl", "SIZE_Y", &[2, 3]),
    ("nn/avg_pool2d.wgsl", "SIZE_X", &[3]),
    ("nn/avg_pool2d.wgsl", "STRIDE_Y", &[1, 2]),
    ("nn/avg_pool2d.wgsl", "STRIDE_X", &[2]),
    ("nn/avg_pool2d.wgsl", "PADDING_Y", &[0, 1]),
    ("nn/avg_pool2d.wgsl", "PADDING_X", &[1]),
    ("nn/avg_pool2d.wgsl", "CEIL", &[0, 1]),
    ("nn/avg_pool2d.wgsl", "COUNT_PADDING", &[0, 1]),
    ("nn/max_pool2d.wgsl", "SIZE_Y", &[2, 15]),
    ("nn/max_pool2d.wgsl", "SIZE_X", &[3]),
    ("nn/max_pool2d.wgsl", "STRIDE_Y", &[1, 15]),
    ("nn/max_pool2d.wgsl", "STRIDE_X", &[2, 15]),
    ("nn/max_pool2d.wgsl", "PADDING_Y", &[0, 1]),
    ("nn/max_pool2d.wgsl", "PADDING_X", &[0]),
    ("nn/max_pool2d.wgsl", "CEIL", &[0, 1]),
    ("nn/pad.wgsl", "REFLECTS", &[0, 1]),
    ("nn/group_norm.wgsl", "EACH_PIXEL", &[0, 1]),
    ("nn/upsample.wgsl", "BILINEAR", &[0, 1]),
    ("nn/conv2d_without_channel.wgsl", "FILTERS", &[4]),
    ("nn/conv2d_without_channel.wgsl", "PIXELS", &[1, 4]),
    ("nn/conv2d_without_channel.wgsl", "KERNEL", &[1, 3, 5]),
    ("nn/conv2d_without_channel.wgsl", "RECTIFIES", &[0, 1]),
    ("nn/dense_sum.wgsl", "BIAS", &[0, 1]),
    ("nn/dense_sum.wgsl", "RECTIFIES", &[0, 1]),
    ("nn/add.wgsl", "TERMS", &[2, 3, 4]),
    ("nn/activation.wgsl", "FUNCTION", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ("nn/bias_sums.wgsl", "MADE_BY", &[0, 1, 2]),
    ("nn/bias_sums.wgsl", "SIZE", &[1, 2, 3]),
    ("nn/bias_sums.wgsl", "STRIDE", &[2, 3]),
    ("nn/gradient_sums.wgsl", "TREE", &[0, 1]),
    ("nn/histograms.wgsl", "BINS", &[65]),
    ("nn/histograms.wgsl", "COLUMNS", &[128]),
    ("nn/mixed_product.wgsl", "MATRIX", &[0, 1]),
    ("nn/mixed_product.wgsl", "CHANNEL_BLOCKS", &[1, 4]),
    ("nn/mixed_product.wgsl", "IMAGE_BLOCKS", &[1, 2, 4]),
    ("nn/mixed_product.wgsl", "FORWARD", &[0, 1]),
    ("nn/mixed_product.wgsl", "RECTIFIES", &[0, 1]),
    ("nn/mixed_weight_gradient.wgsl", "MATRIX", &[0, 1]),
    ("nn/mixed_weight_gradient.wgsl", "OUT_BLOCKS", &[1, 4]),
    ("nn/mixed_weight_gradient.wgsl", "IN_BLOCKS", &[1, 2, 4]),
    ("nn/mixed_weight_gradient.wgsl", "SUBGROUPS", &[3, 4]),
    ("nn/optimizer.wgsl", "SQUARES", &[64, 1024]),
    ("nn/optimizer.wgsl", "AVERAGES", &[0, 1]),
    ("data/tick.wgsl", "SQUARES", &[64, 1024]),
    ("data/gather.wgsl", "DISTORTS", &[0, 1]),
    ("data/gather_tiles.wgsl", "BATCH", &[4]),
    ("data/gather_tiles.wgsl", "DRAWS", &[0, 1]),
    ("data/gather_tiles.wgsl", "STREAMS", &[0, 1]),
    ("data/sampler.wgsl", "STREAMS", &[0, 1]),
    ("gpu/product.wgsl", "ROWS", &[16]),
    ("gpu/product.wgsl", "SUBGROUPS", &[0, 1]),
    ("gpu/roofline.wgsl", "CHAINS", &[2, 3, 6, 12]),
    ("gpu/roofline.wgsl", "UNROLLED", &[16]),
    ("embed/knn_distances.wgsl", "ROWS", &[16]),
    ("embed/knn_distances.wgsl", "IVF", &[0, 1]),
    ("embed/knn_distances.wgsl", "DEPTH", &[1, 4]),
    ("embed/knn_distances.wgsl", "PARTS", &[1, 2, 3, 4]),
    ("embed/knn_select.wgsl", "IVF", &[0, 1]),
    ("embed/ivf_kmeans.wgsl", "PARTS", &[1, 2, 3, 4]),
    ("embed/quality.wgsl", "SAMPLES", &[1, 8]),
    ("embed/quality.wgsl", "TARGETS", &[16]),
    ("embed/repulsion.wgsl", "POINTS", &[2, 4]),
    ("embed/affinities.wgsl", "ORDERED", &[0, 1]),
    ("embed/attraction.wgsl", "WORKGROUP", &[64, 256]),
    ("embed/attraction.wgsl", "LANES", &[1, 16]),
    ("embed/attraction.wgsl", "ORDERED", &[0, 1]),
    ("embed/mesh_splines.wgsl", "ORDERED", &[0, 1]),
    ("embed/fft.wgsl", "WORKGROUP", &[16, 32]),
    ("embed/fft.wgsl", "RADIX", &[2, 4, 8, 16, 32]),
    ("embed/fft.wgsl", "INPUT", &[0, 1, 2]),
    ("embed/fft.wgsl", "FIELDS", &[1, 3]),
    ("embed/fft.wgsl", "EITHER", &[0, 1]),
    ("embed/fft.wgsl", "BOTH", &[0, 1]),
    ("view/flow.wgsl", "PAIRS", &[12]),
    ("view/tiles.wgsl", "ZERO", COLOR),
    ("view/tiles.wgsl", "NEGATIVE", COLOR),
    ("view/tiles.wgsl", "NEGATIVE_END", COLOR),
    ("view/tiles.wgsl", "POSITIVE", COLOR),
    ("view/tiles.wgsl", "POSITIVE_END", COLOR),
    ("view/tiles.wgsl", "SELECTED", COLOR),
    ("view/tiles.wgsl", "PINNED", COLOR),
    ("view/tiles.wgsl", "GAP", COLOR),
    ("view/tiles.wgsl", "TROUGH", COLOR),
    ("view/flow.wgsl", "SELECTED", COLOR),
    ("view/flow.wgsl", "PINNED", COLOR),
    ("view/points.wgsl", "ZERO", COLOR),
    ("view/points.wgsl", "SELECTED", COLOR),
    ("view/points.wgsl", "PINNED", COLOR),
    ("view/points.wgsl", "INK", COLOR),
    ("view/splat.wgsl", "PINNED", COLOR),
    ("view/splat.wgsl", "INK", COLOR),
];

/// Constants that are on only beside a value of another one of their shader.
const ONLY_WITH: &[(&str, &str, (&str, u32))] = &[
    ("embed/fft.wgsl", "EITHER", ("RADIX", 8)),
    ("embed/fft.wgsl", "EITHER", ("FIELDS", 1)),
    ("embed/fft.wgsl", "BOTH", ("FIELDS", 1)),
    ("embed/fft.wgsl", "BOTH", ("INPUT", 0)),
];

/// Shaders whose variants are those of the autotuner.
const TUNED: [&str; 4] = [
    "nn/conv2d.wgsl",
    "nn/conv2d_weight_gradient.wgsl",
    "nn/conv2d_weight_gradient_lanes.wgsl",
    "nn/dense_product.wgsl",
];

/// Candidates that the autotuner times at most.
const TIMED: usize = 6;

/// Names of the constants that a shader declares.
fn constants_of(source: &Source) -> Vec<&'static str> {
    let lines = source.text.lines().filter_map(|line| line.strip_prefix("#constant ")?.split_once(" ="));
    lines.map(|(name, _)| name.trim()).collect()
}

/// Every combination of the values in [`VALUES`], and the variants that the autotuner may take for the presets.
pub(crate) fn all() -> Vec<(Source, Variant)> {
    let mut found = Vec::new();
    for source in sources() {
        if TUNED.contains(&source.path) {
            continue;
        }
        let mut sets = vec![Vec::new()];
        for name in constants_of(&source) {
            let known = VALUES.iter().find(|(path, constant, _)| (*path, *constant) == (source.path, name));
            let (_, _, values) = known.unwrap_or_else(|| panic!("{}: which values has {name}?", source.path));
            let with =
                |set: &Vec<_>| values.iter().map(|v| [&set[..], &[(name, *v)]].concat()).collect::<Vec<_>>();
            sets = sets.iter().flat_map(with).collect();
        }
        let is_on = |set: &[(&str, u32)], name: &str| set.iter().any(|(n, value)| *n == name && *value > 0);
        for (_, name, other) in ONLY_WITH.iter().filter(|(path, ..)| *path == source.path) {
            sets.retain(|set| !is_on(set, name) || set.contains(other));
        }
        found.extend(sets.into_iter().map(|constants| (source, Variant { path: source.path, constants })));
    }
    let tuned = sources().into_iter().filter(|source| TUNED.contains(&source.path)).collect::<Vec<_>>();
    for variant in tuned_variants() {
        let source = tuned.iter().find(|source| source.path == variant.path).unwrap();
        found.push((*source, variant));
    }
    found
}

/// Data of one shape that says nothing.
fn data(channels: usize, side: usize) -> Dataset {
    let shape = ImageShape { channels, height: side, width: side };
    let split = || Split { images: vec![7; 16 * shape.len()].into(), labels: vec![1; 16] };
    Dataset::new("gray", shape, (0..10).map(|c| c.to_string()).collect(), split(), split()).unwrap()
}

/// The candidates that the autotuner takes or times for the layers of the presets, by the device profiles of this and any other adapter.
fn tuned_variants() -> BTreeSet<Variant> {
    let mut gpu = open_gpu();
    let (large, small) = ((true, false), (false, true));
    let mut profiles: Vec<DeviceProfile> = [large, small]
        .map(|(large_tiles, fuses_relu)| DeviceProfile {
            shares_loads: false,
            large_tiles,
            fuses_relu,
            ..gpu.profile()
        })
        .into();
    profiles.push(gpu.profile());
    let data = [data(3, 32), data(1, 28)];
    for profile in profiles {
        gpu.set_profile(profile).unwrap();
        for candidate in 0..TIMED {
            gpu.set_tune_policy(TunePolicy::Fixed(candidate));
            for name in preset_names() {
                let data = &data[usize::from(name == "mnist-convnetjs")];
                let network = Network::open(name, Shape::from(data.shape), 10).unwrap();
                let options = TrainerOptions { batch: 8, ..TrainerOptions::default() };
                Trainer::new(Rc::new(gpu.clone()), data, network, options).unwrap();
            }
        }
    }
    let tuned = gpu.kernel_keys().into_iter().filter(|(path, _, _)| TUNED.contains(path));
    tuned.map(|(path, _, constants)| Variant { path, constants }).collect()
}
