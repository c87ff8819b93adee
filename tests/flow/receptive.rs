//! Receptive fields, against what changes when a pixel of the input does.

use revacnn::nn::gradcheck::{sample_inputs, sample_parameters};
use revacnn::nn::layers::KINDS;
use revacnn::nn::twin::{Mode, TwinCall};
use revacnn::nn::{Layer, Network, Pixels, Shape, Tensor};

/// Value that a pixel is set to: larger than all others, so that it wins in every window.
const LOUD: f64 = 50.0;

/// The output pixels that change with pixel `(y, x)` of all channels of the first input.
fn changed(
    layer: &dyn Layer,
    inputs: &[Tensor],
    parameters: &[Vec<f64>],
    [y, x]: [usize; 2],
) -> Vec<[usize; 2]> {
    let forward =
        |inputs: &[Tensor]| layer.forward_twin(&TwinCall { inputs, parameters, mode: Mode::Evaluation });
    let mut loud = inputs.to_vec();
    for c in 0..loud[0].shape.channels {
        let at = loud[0].index(c, y, x, 0);
        loud[0].values[at] = LOUD + c as f64;
    }
    let (before, after) = (forward(inputs), forward(&loud));
    let differs = |[c, y, x, n]: &[usize; 4]| {
        let at = before.index(*c, *y, *x, *n);
        before.values[at] != after.values[at]
    };
    before.indices().filter(differs).map(|[_, y, x, _]| [y, x]).collect()
}

#[test]
fn a_pixel_reads_what_changes_it() {
    for (layer, shapes) in KINDS.iter().flat_map(|kind| (kind.samples)()) {
        let (inputs, parameters) =
            (sample_inputs(&shapes, 1, 3), sample_parameters(layer.as_ref(), &shapes, 4));
        let input: Shape = shapes[0];
        let output = layer.output(&shapes).unwrap();
        let field = layer.receptive_field(input);
        let reads = |y: usize, x: usize| field.reads([y..y + 1, x..x + 1], input);
        let mut bounds: Vec<Option<Pixels>> = vec![None; output.pixels()];
        for (y, x) in (0..input.height).flat_map(|y| (0..input.width).map(move |x| (y, x))) {
            for [oy, ox] in changed(layer.as_ref(), &inputs, &parameters, [y, x]) {
                let [rows, columns] = reads(oy, ox);
                let name = format!("{} ({}) of {input}", layer.kind(), layer.summary());
                assert!(
                    rows.contains(&y) && columns.contains(&x),
                    "{name}: [{oy}, {ox}] depends on [{y}, {x}]"
                );
                let bound = bounds[oy * output.width + ox].get_or_insert([y..y + 1, x..x + 1]);
                *bound =
                    [(0, y), (1, x)].map(|(axis, at)| bound[axis].start.min(at)..bound[axis].end.max(at + 1));
            }
        }
        for (at, bound) in bounds.into_iter().enumerate() {
            let expected = reads(at / output.width, at % output.width);
            let empty = expected.iter().any(|side| side.start >= side.end);
            assert!(bound == Some(expected) || bound.is_none() && empty, "{}: pixel {at}", layer.kind());
        }
    }
}

#[test]
fn receptive_fields_grow_from_layer_to_layer() {
    let image = Shape::new(3, 32, 32);
    let network = Network::open("revacnn", image, 10).unwrap();
    // Node 9 is the last pool: 4 × 4 pixels, each of 2 × 2 of 5 × 5 of 2 × 2 of 5 × 5 of 2 × 2 of 5 × 5: 1, 2, 6, 12, 16, 32, 36.
    let fields = network.receptive_fields(9, [1, 2]);
    let at = |node: usize| fields[node].clone().unwrap();
    assert_eq!(at(8), [2..4, 4..6]);
    assert_eq!(at(6), [0..6, 2..8]);
    assert_eq!(at(4), [0..12, 4..16]);
    assert_eq!(at(3), [0..14, 2..16]);
    assert_eq!(at(0), [0..30, 2..32]);
    // A skip connection reads beside the layers that it passes, and what lies after the node reads nothing.
    let residual = Network::open("resnet-8", image, 10).unwrap();
    let add = residual.layers.iter().position(|layer| layer.name == "add1").unwrap() + 1;
    let fields = residual.receptive_fields(add, [8, 8]);
    assert_eq!((fields.len(), fields[3].clone()), (add + 1, Some([6..11, 6..11])));
}
