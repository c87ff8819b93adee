//! The layers, one file each: settings, shapes, dispatches, plain-loop twin and odd-sized samples together.

mod activation;
mod add;
mod avg_pool2d;
mod batch_norm;
mod concat;
mod conv2d;
mod copy;
mod dense;
mod dropout;
mod flatten;
mod global_avg_pool2d;
mod local_response_norm;
mod max_pool2d;
mod maxout;
mod upsample;
mod window;

use serde::de::DeserializeOwned;
use toml::Table;

pub use activation::{Activation, relu};
pub(super) use add::add;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use max_pool2d::MaxPool2d;

use super::{Layer, Shape};
use crate::error::{Error, Result};

/// A layer and the shapes of inputs on which the tests try it.
pub type Sample = (Box<dyn Layer>, Vec<Shape>);

/// Most inputs that a layer may take.
pub const MOST_INPUTS: usize = 6;

/// A kind of layer: its name in network files, its reader, and its odd-sized samples for the tests.
pub struct LayerKind {
    /// The name in network files.
    pub kind: &'static str,
    /// Reads its settings; the number of classes stands in where a last layer leaves its size out.
    pub parse: fn(Table, usize) -> Result<Box<dyn Layer>>,
    /// Odd and unequal sizes for the tests.
    pub samples: fn() -> Vec<Sample>,
}

/// Every kind of layer. A new one is its WGSL, its Rust file and its line here.
pub const KINDS: &[LayerKind] = &[
    LayerKind { kind: "add", parse: add::parse, samples: add::samples },
    LayerKind { kind: "avg_pool2d", parse: avg_pool2d::parse, samples: avg_pool2d::samples },
    LayerKind { kind: "batch_norm", parse: batch_norm::parse, samples: batch_norm::samples },
    LayerKind { kind: "concat", parse: concat::parse, samples: concat::samples },
    LayerKind { kind: "conv2d", parse: conv2d::parse, samples: conv2d::samples },
    LayerKind { kind: "dense", parse: dense::parse, samples: dense::samples },
    LayerKind { kind: "dropout", parse: dropout::parse, samples: dropout::samples },
    LayerKind { kind: "elu", parse: activation::parse_elu, samples: activation::samples_elu },
    LayerKind { kind: "flatten", parse: flatten::parse, samples: flatten::samples },
    LayerKind { kind: "gelu", parse: activation::parse_gelu, samples: activation::samples_gelu },
    LayerKind {
        kind: "global_avg_pool2d",
        parse: global_avg_pool2d::parse,
        samples: global_avg_pool2d::samples,
    },
    LayerKind {
        kind: "leaky_relu",
        parse: activation::parse_leaky_relu,
        samples: activation::samples_leaky_relu,
    },
    LayerKind {
        kind: "local_response_norm",
        parse: local_response_norm::parse,
        samples: local_response_norm::samples,
    },
    LayerKind { kind: "max_pool2d", parse: max_pool2d::parse, samples: max_pool2d::samples },
    LayerKind { kind: "maxout", parse: maxout::parse, samples: maxout::samples },
    LayerKind { kind: "relu", parse: activation::parse_relu, samples: activation::samples_relu },
    LayerKind { kind: "sigmoid", parse: activation::parse_sigmoid, samples: activation::samples_sigmoid },
    LayerKind { kind: "tanh", parse: activation::parse_tanh, samples: activation::samples_tanh },
    LayerKind { kind: "upsample", parse: upsample::parse, samples: upsample::samples },
];

/// A sample of a layer with one input.
fn sample(layer: impl Layer + 'static, input: Shape) -> Sample {
    (Box::new(layer), vec![input])
}

/// Reads settings into `T`; an unknown key or a wrong type is an error that says which are known.
fn settings<T: DeserializeOwned>(table: Table) -> Result<T> {
    table.try_into().map_err(|e: toml::de::Error| {
        Error::new(e.message().to_owned(), "use the settings that this kind of layer has")
    })
}

/// An error unless `value` is at least 1.
fn at_least_one(name: &str, value: usize) -> Result<()> {
    if value == 0 || value > 1 << 16 {
        return Err(Error::new(format!("{name} is {value}"), format!("give {name} a value from 1 to 65536")));
    }
    Ok(())
}

fn to_table<T: serde::Serialize>(settings: &T) -> Table {
    Table::try_from(settings).expect("layer settings are plain numbers")
}
