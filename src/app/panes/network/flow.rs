//! The edges between the columns of the Network pane: their flow, and the ways that they take.

use egui::{Rect, Ui};

use crate::app::pane::Cx;
use crate::app::tile_set::TileId;
use crate::nn::{Channels, NetworkLayer, TensorKind};
use crate::session::Session;
use crate::view::flow::{Anchor, EdgeKernels, EdgePlacement, EdgeSet, Focus, Joins, Lane};

/// Share of the edges that are shown at the start: the upper half, as ReVACNN shows (R4).
const SHARE: f32 = 0.5;
/// Height of a lane below the tiles, and space above it, in points.
const LANE: f32 = 16.0;
const LANE_GAP: f32 = 6.0;
/// Lanes that lie one below the other at most.
const MAX_LANES: usize = 3;
/// Share of a column's pitch that is left free for edges.
const FREE: f32 = 0.4;
/// Joins of one edge a tile.
const ONE_EACH: Joins = Joins { source_divisor: 1, target_divisor: 1, first_target: 0 };

/// Edges on or off, and their number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FlowSettings {
    /// Edges are shown.
    pub on: bool,
    /// Share of the edges of a layer with filters that are shown, the strongest, 0 to 1.
    pub share: f32,
}

impl Default for FlowSettings {
    fn default() -> Self {
        Self { on: true, share: SHARE }
    }
}

/// Switch and slider.
pub(super) fn switch_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, settings: &mut FlowSettings) {
    let hover = "Edges between layers: width and color are what flows along one for the probe, orange above 0 and blue below. \
                 Of a convolution, the sum over all pixels of map × kernel; of a dense layer, value × weight. Point at a tile, or select \
                 it, to see all its edges";
    let response = ui.selectable_label(settings.on, "flow").on_hover_text(hover);
    cx.mark("flow", &response);
    settings.on ^= response.clicked();
    if !settings.on {
        return;
    }
    let mut percent = (100.0 * settings.share).round();
    ui.spacing_mut().slider_width = 60.0;
    let slider = egui::Slider::new(&mut percent, 1.0..=100.0).suffix(" %").max_decimals(0);
    let hover = "Share of the edges of each convolution and dense layer that is shown: the strongest";
    let response = ui.add(slider).labelled_by(response.id).on_hover_text(hover);
    cx.mark("flow share", &response);
    settings.share = percent / 100.0;
}

/// The edges into a layer from one of its inputs.
struct Input {
    node: usize,
    set: EdgeSet,
    /// It has filters: only the strongest edges are shown.
    ranked: bool,
}

/// The edges into a node, by input; none into the image.
fn inputs(session: &Session, node: usize) -> Vec<Input> {
    let network = &session.trainer().network;
    if node == session.layers().len() {
        // The classes: what arrives is their probability.
        let set = EdgeSet { maps: session.probabilities(), kernels: None, joins: ONE_EACH };
        return vec![Input { node: node - 1, set, ranked: false }];
    }
    let Some(layer) = node.checked_sub(1).and_then(|index| network.layers.get(index)) else {
        return Vec::new();
    };
    let mut before = 0;
    let mut all = Vec::new();
    for (source, shape) in layer.inputs.iter().zip(&layer.input_shapes) {
        let set = edge_set(session, (layer, node), *source, before);
        all.extend(set.map(|(set, ranked)| Input { node: *source, set, ranked }));
        before += shape.channels as u32;
    }
    all
}

/// The edges into a layer from the tiles of node `source`, before which its other inputs have `before` channels.
fn edge_set(
    session: &Session,
    (layer, node): (&NetworkLayer, usize),
    source: usize,
    before: u32,
) -> Option<(EdgeSet, bool)> {
    let trainer = session.trainer();
    let whole = |joins| EdgeSet { maps: trainer.activations(node, 0), kernels: None, joins };
    let part = |joins| EdgeSet { maps: trainer.activations(source, 0), kernels: None, joins };
    let shape = trainer.network.shape_of(source);
    let set = match layer.layer.channels() {
        Channels::Made { groups } => {
            return Some((kernel_set(session, (layer, node), source, groups)?, true));
        }
        // Of one input flows what the layer makes of it, of several what each adds.
        Channels::Kept if layer.inputs.len() == 1 => whole(ONE_EACH),
        Channels::Kept => part(ONE_EACH),
        Channels::Joined => part(Joins { first_target: before, ..ONE_EACH }),
        Channels::Grouped(group) => part(Joins { target_divisor: group as u32, ..ONE_EACH }),
        Channels::Flattened => whole(Joins { source_divisor: shape.pixels() as u32, ..ONE_EACH }),
    };
    Some((set, false))
}

/// The edges through the kernels of a layer from the tiles of node `source`; none where it has no weights.
pub(super) fn kernel_set(
    session: &Session,
    (layer, node): (&NetworkLayer, usize),
    source: usize,
    groups: usize,
) -> Option<EdgeSet> {
    let trainer = session.trainer();
    // The image is one tile of all channels, and has one edge to each filter that sees them all.
    let maps = match session.tensor(source, TensorKind::Activations) {
        Some(image) if source == 0 && groups == 1 => image,
        _ => trainer.activations(source, 0),
    };
    let field = layer.layer.receptive_field(trainer.network.shape_of(source));
    let kernels = EdgeKernels {
        weights: trainer.weights(node)?,
        groups: groups as u32,
        stride: field.stride[0] as u32,
        padding: field.padding[0] as u32,
        dilation: field.dilation as u32,
        transposed: field.is_transposed,
        output: [layer.output.height as u32, layer.output.width as u32],
    };
    Some(EdgeSet { maps, kernels: Some(kernels), joins: ONE_EACH })
}

/// The part of a column's body that tiles take while edges are shown: space for edges beside it, and for lanes below it.
pub(super) fn narrowed(body: Rect, pitch: f32, lanes: usize) -> Rect {
    let free = (FREE * pitch - (pitch - body.width())).max(0.0) / 2.0;
    let below = if lanes > 0 { lanes as f32 * LANE + LANE_GAP } else { 0.0 };
    Rect::from_min_max(body.min + egui::vec2(free, 0.0), body.max - egui::vec2(free, below))
}

/// Number of lanes below the tiles that a network's skip connections need.
pub(super) fn lanes(session: &Session) -> usize {
    skips(session).iter().map(|(_, _, lane)| lane + 1).max().unwrap_or(0)
}

/// Skip connections as (node, node, lane): those that pass over a column in common lie in different lanes while there are some.
fn skips(session: &Session) -> Vec<(usize, usize, usize)> {
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    for (index, layer) in session.trainer().network.layers.iter().enumerate() {
        for source in layer.inputs.iter().filter(|source| **source != index) {
            let overlaps = |lane: usize| {
                found.iter().any(|(from, to, other)| *other == lane && *from < index + 1 && *source < *to)
            };
            let lane = (0..MAX_LANES).find(|lane| !overlaps(*lane)).unwrap_or(MAX_LANES - 1);
            found.push((*source, index + 1, lane));
        }
    }
    found
}

/// Places all edges of the pane, for tiles in these rectangles by node, the bars of the classes last, and paints them.
pub(super) fn edges_ui(
    ui: &Ui,
    cx: &mut Cx<'_, '_>,
    area: Rect,
    tiles: &[Vec<Rect>],
    settings: FlowSettings,
) {
    let scale = ui.ctx().pixels_per_point();
    let focus = cx.selection.hovered.or(cx.selection.tile);
    let skips = skips(cx.session);
    let mut index = 0;
    for node in 1..tiles.len() {
        for input in inputs(cx.session, node) {
            let slot = index;
            index += 1;
            let (source, target) = (&tiles[input.node], &tiles[node]);
            let (Some(first), Some(last)) = (source.first(), target.last()) else { continue };
            if last.right() < area.left() || first.left() > area.right() {
                continue;
            }
            let lane = skips.iter().find(|(from, to, _)| (*from, *to) == (input.node, node));
            let lane = lane.and_then(|(from, to, lane)| lane_below(&tiles[*from..=*to], *lane, scale));
            let channels = cx.session.trainer().network.shape_of(input.node).channels;
            let placement = EdgePlacement {
                sources: &anchors(source, channels, scale),
                targets: &anchors(target, target.len(), scale),
                lane,
                focus: focus.map(|tile| focus_of(tile, input.node, node)),
                scale,
            };
            let share = if input.ranked { settings.share } else { 1.0 };
            let placed = cx.frame.place_edges(slot, (&input.set, share), placement);
            cx.report(placed);
        }
    }
    cx.frame.paint_edges(ui, area);
}

fn focus_of(tile: TileId, source: usize, target: usize) -> Focus {
    match tile.node {
        node if node == source => Focus::Source(tile.tile),
        node if node == target => Focus::Target(tile.tile),
        _ => Focus::Elsewhere,
    }
}

/// Anchors of a column's tiles at the column's sides, where no other tile covers edges: those of tiles side by side lie one below the other
/// within their row. The image's one tile stands for all its `channels`.
fn anchors(tiles: &[Rect], channels: usize, scale: f32) -> Vec<Anchor> {
    let Some(bounds) = bounds(tiles) else { return Vec::new() };
    let across = tiles.iter().take_while(|rect| rect.top() == bounds.top()).count().max(1);
    let anchor = |(index, rect): (usize, &Rect)| {
        let share = ((index % across) as f32 + 0.5) / across as f32;
        [bounds.left(), bounds.right(), rect.top() + share * rect.height()].map(|at| at * scale)
    };
    match tiles {
        [one] => vec![anchor((0, one)); channels],
        all => all.iter().enumerate().map(anchor).collect(),
    }
}

/// The rectangle around tiles.
fn bounds(tiles: &[Rect]) -> Option<Rect> {
    tiles.iter().copied().reduce(Rect::union)
}

/// The lane below the tiles from the first to the last of these columns.
fn lane_below(columns: &[Vec<Rect>], lane: usize, scale: f32) -> Option<Lane> {
    let passed = columns.get(1..columns.len() - 1)?;
    let bottom =
        columns.iter().filter_map(|tiles| bounds(tiles)).map(|rect| rect.bottom()).reduce(f32::max)?;
    let (first, last) = (bounds(passed.first()?)?, bounds(passed.last()?)?);
    let middle = bottom + LANE_GAP + (lane as f32 + 0.5) * LANE;
    Some(Lane {
        ends: [first.left() * scale, last.right() * scale],
        middle: middle * scale,
        height: 0.8 * LANE * scale,
    })
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::gpu::{AdapterChoice, Gpu};
    use crate::nn::Hyper;
    use crate::session::RunSettings;
    use crate::view::flow::twin;

    fn session(network: &str) -> Session {
        let gpu = Rc::new(Gpu::open(&AdapterChoice::Best).unwrap());
        let settings = RunSettings {
            dataset: "digits".to_owned(),
            seed: 3,
            batch: 8,
            augmentation: Default::default(),
            hyper: Hyper::default(),
            frozen: Vec::new(),
            data_edits: Default::default(),
            precision: Default::default(),
            probe: 7,
        };
        let mut session = Session::new(gpu, network, settings, None).unwrap();
        session.refresh().unwrap();
        session
    }

    /// Sum over a node's channel of the probe's map, and of its magnitudes.
    fn map_sums(session: &Session, node: usize) -> Vec<[f64; 2]> {
        let set = EdgeSet { maps: session.trainer().activations(node, 0), kernels: None, joins: ONE_EACH };
        twin::edge_flows(&set, &read(session, &set.maps), &[])
    }

    fn read(session: &Session, view: &crate::gpu::TensorView) -> Vec<f32> {
        let range = crate::gpu::BufferRange::whole(&view.buffer);
        crate::gpu::Buffer::<f32>::of_range(&range).read(session.gpu())
    }

    /// Compares the sum of all that arrives at each tile with the sum of its map, biases aside.
    fn check(network: &str) {
        let session = session(network);
        let trainer = session.trainer();
        let parameters = trainer.parameters.values.read(session.gpu());
        for (index, layer) in trainer.network.layers.iter().enumerate() {
            let name = format!("{network}, {}", layer.name);
            let mut arrived = vec![[0.0; 2]; layer.output.channels];
            for input in inputs(&session, index + 1) {
                let maps = read(&session, &input.set.maps);
                let flows = twin::edge_flows(&input.set, &maps, &parameters);
                let sources = trainer.network.shape_of(input.node).channels as u32;
                for (edge, flow) in (0..).zip(flows) {
                    let [source, target] = input.set.joined(edge);
                    assert!(source < sources, "{name}: from tile {source} of {sources}");
                    let sum: &mut [f64; 2] = &mut arrived[target as usize];
                    *sum = [sum[0] + flow[0], sum[1] + flow[1]];
                }
            }
            if layer.layer.kind() == "maxout" {
                continue;
            }
            let made = matches!(layer.layer.channels(), Channels::Made { .. });
            for (channel, (arrived, sum)) in arrived.iter().zip(map_sums(&session, index + 1)).enumerate() {
                let bias =
                    if made { parameters[trainer.parameters.offsets[index][1] + channel] } else { 0.0 };
                let expected = sum[0] - f64::from(bias) * layer.output.pixels() as f64;
                let close = (arrived[0] - expected).abs() <= 1e-5 * (arrived[1] + sum[1]).max(1e-3);
                assert!(close, "{name}, tile {channel}: {} arrives of {expected}", arrived[0]);
            }
        }
    }

    #[test]
    fn what_arrives_at_a_tile_is_what_its_map_adds_up_to() {
        ["revacnn", "resnet-8", "revacnn-keras"].into_iter().for_each(check);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("branches.toml");
        let conv = |more: &str| format!("[[layer]]\nkind = \"conv2d\"\nkernel = 3\npadding = 1\n{more}\n");
        let text = [
            "name = \"branches\"\n".to_owned(),
            conv("filters = 6\nname = \"a\""),
            conv("filters = 4\nname = \"b\"\ngroups = 2\nstride = 2"),
            conv("filters = 2\nname = \"c\"\nstride = 2\ndilation = 2\ninputs = [\"a\"]")
                .replace("padding = 1", "padding = 2"),
            "[[layer]]\nkind = \"concat\"\ninputs = [\"b\", \"c\"]\n[[layer]]\nkind = \"maxout\"\n"
                .to_owned(),
            "[[layer]]\nkind = \"conv_transpose2d\"\nkernel = 2\nfilters = 3\nstride = 3\noutput_padding = -1\n".to_owned(),
            "[[layer]]\nkind = \"flatten\"\n[[layer]]\nkind = \"dense\"\n".to_owned(),
        ];
        std::fs::write(&file, text.concat()).unwrap();
        check(file.to_str().unwrap());
    }

    #[test]
    fn skip_connections_that_pass_one_column_lie_in_lanes_of_their_own() {
        assert_eq!(lanes(&session("revacnn")), 0);
        let session = session("resnet-8");
        let skips = skips(&session);
        assert_eq!(skips.len(), 5, "{skips:?}");
        let passes = |skip: &(usize, usize, usize), column: usize| skip.0 < column && column < skip.1;
        for column in 0..session.layers().len() {
            let mut here: Vec<usize> = skips.iter().filter(|s| passes(s, column)).map(|s| s.2).collect();
            let count = here.len();
            here.sort_unstable();
            here.dedup();
            assert_eq!(here.len(), count, "column {column}");
        }
    }

    #[test]
    fn tiles_side_by_side_have_anchors_of_their_own_at_the_columns_sides() {
        let tiles: Vec<Rect> = (0..5)
            .map(|i| {
                let corner = egui::pos2(10.0 + 12.0 * (i % 2) as f32, 20.0 * (i / 2) as f32);
                Rect::from_min_size(corner, egui::vec2(10.0, 16.0))
            })
            .collect();
        let anchors = anchors(&tiles, 5, 2.0);
        assert!(anchors.iter().all(|a| a[0] == 20.0 && a[1] == 64.0), "{anchors:?}");
        assert_eq!(anchors.iter().map(|a| a[2]).collect::<Vec<_>>(), [8.0, 24.0, 48.0, 64.0, 88.0]);
        assert_eq!(super::anchors(&tiles[..1], 3, 1.0).len(), 3);
    }
}
