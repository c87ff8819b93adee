//! Sizes of the tensors of a network in other tools: an image for each map `[n, c, h, w]`, a row for each flat one `[n, c]`.

use crate::nn::{Network, NetworkLayer};

/// Number of sizes of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// `[n, c]`.
    Row,
    /// `[n, c, h, w]`.
    Map,
}

/// Ranks that a layer takes and makes.
pub(super) struct Ranks {
    /// Of every input.
    pub input: Rank,
    pub output: Rank,
}

/// Ranks of all layers.
pub(super) fn ranks(network: &Network) -> Vec<Ranks> {
    let mut nodes = vec![Rank::Map];
    let mut all = Vec::new();
    for layer in &network.layers {
        let found = of(layer, &layer.inputs.iter().map(|node| nodes[*node]).collect::<Vec<_>>());
        nodes.push(found.output);
        all.push(found);
    }
    all
}

fn of(layer: &NetworkLayer, inputs: &[Rank]) -> Ranks {
    match layer.layer.kind() {
        "dense" => Ranks { input: Rank::Row, output: Rank::Row },
        "flatten" => Ranks { input: inputs[0], output: Rank::Row },
        "conv2d"
        | "conv_transpose2d"
        | "avg_pool2d"
        | "max_pool2d"
        | "global_avg_pool2d"
        | "instance_norm"
        | "local_response_norm"
        | "pad"
        | "upsample" => Ranks { input: Rank::Map, output: Rank::Map },
        _ => {
            let rank = if inputs.contains(&Rank::Map) { Rank::Map } else { Rank::Row };
            Ranks { input: rank, output: rank }
        }
    }
}
