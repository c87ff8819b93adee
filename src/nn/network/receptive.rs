//! The pixels of every earlier map, and of the image, on which one pixel of a node's map depends.

use super::Network;
use crate::nn::Pixels;

impl Network {
    /// For each node up to `node` the rectangle of its pixels that pixel `[y, x]` of `node`'s maps reads, directly or through the layers
    /// between; none where it reads none. A batch norm's statistics, which depend on all, do not count.
    pub fn receptive_fields(&self, node: usize, [y, x]: [usize; 2]) -> Vec<Option<Pixels>> {
        let mut fields: Vec<Option<Pixels>> = vec![None; node + 1];
        fields[node] = Some([y..y + 1, x..x + 1]);
        for at in (1..=node).rev() {
            let Some(output) = fields[at].clone() else { continue };
            let layer = &self.layers[at - 1];
            for (input, shape) in layer.inputs.iter().zip(&layer.input_shapes) {
                let reads = layer.layer.receptive_field(*shape).reads(output.clone(), *shape);
                fields[*input] = Some(match fields[*input].take() {
                    None => reads,
                    Some(known) => [0, 1].map(|axis| {
                        let (a, b) = (&known[axis], &reads[axis]);
                        a.start.min(b.start)..a.end.max(b.end)
                    }),
                });
            }
        }
        fields
    }
}
