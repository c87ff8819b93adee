//! The registry of the layers, one file each: settings, shapes, dispatches, plain-loop twin and odd-sized samples together.

mod activation;
mod add;
mod avg_pool2d;
mod batch_norm;
mod bias_sums;
mod concat;
mod conv2d;
mod conv_transpose2d;
mod copy;
mod dense;
mod dense_products;
mod dropout;
mod flatten;
mod global_avg_pool2d;
mod group_norm;
mod local_response_norm;
mod max_pool2d;
mod maxout;
mod mul;
mod pad;
mod prelu;
mod settings;
mod softmax;
mod upsample;
mod window;

use toml::Table;

pub use activation::{Activation, relu};
pub(super) use add::add;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use max_pool2d::MaxPool2d;
pub(super) use max_pool2d::argmax;
pub use settings::{LayerSample, MAX_INPUTS};

use super::layer::Layer;
use super::twin::KernelTwin;
use crate::error::Result;

/// Kinds of the convolutions, whose filters are as many as `filters` says.
pub(super) const CONVOLUTIONS: [&str; 2] = ["conv2d", "conv_transpose2d"];

/// A kind of layer.
pub struct LayerKind {
    /// Name in network files.
    pub kind: &'static str,
    /// Reader of its settings; the number of classes is the default size of a dense layer.
    pub parse: fn(Table, usize) -> Result<Box<dyn Layer>>,
    /// Samples of odd and unequal sizes for the tests.
    pub samples: fn() -> Vec<LayerSample>,
    /// Twins of its kernels; of kernels that several kinds share, at the first of them.
    pub twins: &'static [KernelTwin],
}

/// Every kind of layer. A new one takes its WGSL, its Rust file, and `mod` and line here.
pub const KINDS: &[LayerKind] = &[
    LayerKind { kind: "add", parse: add::parse, samples: add::samples, twins: add::TWINS },
    LayerKind {
        kind: "avg_pool2d",
        parse: avg_pool2d::parse,
        samples: avg_pool2d::samples,
        twins: avg_pool2d::TWINS,
    },
    LayerKind {
        kind: "batch_norm",
        parse: batch_norm::parse,
        samples: batch_norm::samples,
        twins: batch_norm::TWINS,
    },
    LayerKind { kind: "concat", parse: concat::parse, samples: concat::samples, twins: copy::TWINS },
    LayerKind { kind: "conv2d", parse: conv2d::parse, samples: conv2d::samples, twins: conv2d::TWINS },
    LayerKind {
        kind: "conv_transpose2d",
        parse: conv_transpose2d::parse,
        samples: conv_transpose2d::samples,
        twins: &[],
    },
    LayerKind { kind: "dense", parse: dense::parse, samples: dense::samples, twins: dense_products::TWINS },
    LayerKind { kind: "dropout", parse: dropout::parse, samples: dropout::samples, twins: dropout::TWINS },
    LayerKind {
        kind: "elu",
        parse: activation::parse_elu,
        samples: activation::samples_elu,
        twins: activation::TWINS,
    },
    LayerKind { kind: "flatten", parse: flatten::parse, samples: flatten::samples, twins: &[] },
    LayerKind { kind: "gelu", parse: activation::parse_gelu, samples: activation::samples_gelu, twins: &[] },
    LayerKind {
        kind: "global_avg_pool2d",
        parse: global_avg_pool2d::parse,
        samples: global_avg_pool2d::samples,
        twins: global_avg_pool2d::TWINS,
    },
    LayerKind {
        kind: "group_norm",
        parse: group_norm::parse,
        samples: group_norm::samples,
        twins: group_norm::TWINS,
    },
    LayerKind {
        kind: "hard_sigmoid",
        parse: activation::parse_hard_sigmoid,
        samples: activation::samples_hard_sigmoid,
        twins: &[],
    },
    LayerKind {
        kind: "hard_swish",
        parse: activation::parse_hard_swish,
        samples: activation::samples_hard_swish,
        twins: &[],
    },
    LayerKind {
        kind: "hardtanh",
        parse: activation::parse_hardtanh,
        samples: activation::samples_hardtanh,
        twins: &[],
    },
    LayerKind {
        kind: "instance_norm",
        parse: group_norm::parse_instance,
        samples: group_norm::samples_instance,
        twins: &[],
    },
    LayerKind {
        kind: "layer_norm",
        parse: group_norm::parse_layer,
        samples: group_norm::samples_layer,
        twins: &[],
    },
    LayerKind {
        kind: "leaky_relu",
        parse: activation::parse_leaky_relu,
        samples: activation::samples_leaky_relu,
        twins: &[],
    },
    LayerKind {
        kind: "local_response_norm",
        parse: local_response_norm::parse,
        samples: local_response_norm::samples,
        twins: local_response_norm::TWINS,
    },
    LayerKind {
        kind: "max_pool2d",
        parse: max_pool2d::parse,
        samples: max_pool2d::samples,
        twins: max_pool2d::TWINS,
    },
    LayerKind { kind: "maxout", parse: maxout::parse, samples: maxout::samples, twins: maxout::TWINS },
    LayerKind { kind: "mul", parse: mul::parse, samples: mul::samples, twins: mul::TWINS },
    LayerKind { kind: "pad", parse: pad::parse, samples: pad::samples, twins: pad::TWINS },
    LayerKind { kind: "prelu", parse: prelu::parse, samples: prelu::samples, twins: prelu::TWINS },
    LayerKind {
        kind: "relu",
        parse: activation::parse_relu,
        samples: activation::samples_relu,
        twins: bias_sums::TWINS,
    },
    LayerKind {
        kind: "scale",
        parse: activation::parse_scale,
        samples: activation::samples_scale,
        twins: &[],
    },
    LayerKind {
        kind: "sigmoid",
        parse: activation::parse_sigmoid,
        samples: activation::samples_sigmoid,
        twins: &[],
    },
    LayerKind { kind: "silu", parse: activation::parse_silu, samples: activation::samples_silu, twins: &[] },
    LayerKind { kind: "softmax", parse: softmax::parse, samples: softmax::samples, twins: softmax::TWINS },
    LayerKind { kind: "tanh", parse: activation::parse_tanh, samples: activation::samples_tanh, twins: &[] },
    LayerKind {
        kind: "upsample",
        parse: upsample::parse,
        samples: upsample::samples,
        twins: upsample::TWINS,
    },
];
