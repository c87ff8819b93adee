//! Flow along the edges between two columns of tiles, GPU against twin; the edges that are listed; and their pictures.

use revacnn::gpu::{Buffer, Gpu, TensorView};
use revacnn::view::flow::{
    Anchor, EdgeFlow, EdgeKernels, EdgePlacement, EdgeSet, Flows, Focus, Joins, MAX_LISTED_EDGES, twin,
};

use super::{gpu, values};

const ONE_EACH: Joins = Joins { source_divisor: 1, target_divisor: 1, first_target: 0 };

/// A convolution whose maps lie as in training: the images innermost.
pub(super) struct Convolution {
    channels: u32,
    /// All channels are one tile.
    joint: bool,
    size: [u32; 2],
    filters: u32,
    groups: u32,
    kernel: [u32; 2],
    stride: u32,
    padding: u32,
    dilation: u32,
    /// It is a transposed one.
    transposed: bool,
}

const IMAGES: u32 = 5;

impl Convolution {
    pub(super) fn set(&self, maps: &Buffer<f32>, weights: &Buffer<f32>) -> EdgeSet {
        let [height, width] = self.size;
        let [ky, kx] = self.kernel;
        let plane = height * width * IMAGES;
        let inputs = self.channels / self.groups;
        let side = |i: usize| {
            let reach = self.dilation * (self.kernel[i] - 1) + 1;
            if self.transposed {
                return (self.size[i] - 1) * self.stride + reach - 2 * self.padding;
            }
            (self.size[i] + 2 * self.padding - reach) / self.stride + 1
        };
        let [tiles, channels] = if self.joint { [1, self.channels] } else { [self.channels, 1] };
        EdgeSet {
            maps: TensorView {
                buffer: maps.raw().clone(),
                offset: 3,
                extents: [tiles, channels, height, width],
                strides: [plane, if self.joint { plane } else { 0 }, width * IMAGES, IMAGES],
            },
            kernels: Some(EdgeKernels {
                weights: TensorView {
                    buffer: weights.raw().clone(),
                    offset: 8,
                    extents: [self.filters, inputs, ky, kx],
                    strides: [inputs * ky * kx, ky * kx, kx, 1],
                },
                groups: self.groups,
                stride: self.stride,
                padding: self.padding,
                dilation: self.dilation,
                transposed: self.transposed,
                output: [side(0), side(1)],
            }),
            joins: ONE_EACH,
        }
    }
}

pub(super) fn convolutions() -> Vec<Convolution> {
    let plain = Convolution {
        channels: 7,
        joint: false,
        size: [9, 6],
        filters: 5,
        groups: 1,
        kernel: [3, 3],
        stride: 1,
        padding: 1,
        dilation: 1,
        transposed: false,
    };
    vec![
        Convolution { transposed: true, ..plain },
        Convolution { transposed: true, kernel: [4, 2], stride: 3, dilation: 2, padding: 2, ..plain },
        Convolution { transposed: true, channels: 6, filters: 9, groups: 3, stride: 2, padding: 0, ..plain },
        Convolution { channels: 3, joint: true, kernel: [5, 5], padding: 2, ..plain },
        Convolution { channels: 6, filters: 9, groups: 3, stride: 2, ..plain },
        Convolution { kernel: [2, 2], stride: 3, padding: 4, dilation: 4, ..plain },
        Convolution { kernel: [1, 1], padding: 0, stride: 2, ..plain },
        // A dense layer over maps.
        Convolution { kernel: [9, 6], padding: 0, ..plain },
        plain,
    ]
}

fn run(gpu: &Gpu, flow: &EdgeFlow) {
    flow.flows.write(gpu, 0, &vec![f32::NAN; flow.flows.len()]);
    flow.listed.write(gpu, 0, &vec![u32::MAX; flow.listed.len()]);
    let mut encoder = gpu.encoder("flow");
    flow.plan.encode(&mut encoder);
    gpu.submit(encoder);
}

/// True where each flow is that of the twin, measured by the magnitudes that it adds up.
fn agree(found: &[f32], twin: &[[f64; 2]]) -> bool {
    found.len() == twin.len()
        && found.iter().zip(twin).all(|(a, [b, sum])| (f64::from(*a) - b).abs() <= 1e-5 * sum.max(1e-3))
}

#[test]
fn flow_through_kernels_is_the_sum_of_map_times_kernel() {
    let gpu = gpu();
    let (maps, weights) = (values(4096, 1), values(4096, 2));
    let [map_buffer, weight_buffer] = [&maps, &weights].map(|v| Buffer::from_slice(&gpu, "values", v));
    for convolution in convolutions() {
        let set = convolution.set(&map_buffer, &weight_buffer);
        let flow = EdgeFlow::new(&gpu, &set, 0.5).unwrap();
        run(&gpu, &flow);
        let found = flow.flows.read(&gpu);
        let expected = twin::edge_flows(&set, &maps, &weights);
        assert!(agree(&found, &expected), "kernel {:?}: {found:?}, {expected:?}", convolution.kernel);
        // The comparison tells a neighbor's values apart.
        let other = EdgeSet { maps: TensorView { offset: 4, ..set.maps.clone() }, ..set.clone() };
        assert!(!agree(&found, &twin::edge_flows(&other, &maps, &weights)));
        let listed = flow.listed.read(&gpu);
        assert_eq!(
            listed,
            twin::strongest(&found, found.len().div_ceil(2)),
            "kernel {:?}",
            convolution.kernel
        );
        assert_eq!(flow.ranking.read(&gpu)[0].listed as usize, listed.len());
        let largest = found.iter().fold(0.0_f32, |most, flow| most.max(flow.abs()));
        assert_eq!(f32::from_bits(flow.ranking.read(&gpu)[0].largest), largest);
    }
}

/// Edges whose flows are these, one a tile.
fn plain_set(buffer: &Buffer<f32>, count: usize) -> EdgeSet {
    let maps = TensorView {
        buffer: buffer.raw().clone(),
        offset: 0,
        extents: [count as u32, 1, 1, 1],
        strides: [1, 0, 0, 0],
    };
    EdgeSet { maps, kernels: None, joins: ONE_EACH }
}

#[test]
fn maps_flow_as_their_sums() {
    let gpu = gpu();
    let maps = values(4096, 3);
    let buffer = Buffer::from_slice(&gpu, "values", &maps);
    let mut set = plain_set(&buffer, 5);
    set.maps = TensorView { offset: 2, extents: [5, 1, 7, 9], strides: [63 * 4, 0, 36, 4], ..set.maps };
    let flow = EdgeFlow::new(&gpu, &set, 1.0).unwrap();
    run(&gpu, &flow);
    assert!(agree(&flow.flows.read(&gpu), &twin::edge_flows(&set, &maps, &[])));
    assert_eq!(flow.listed.read(&gpu), [0, 1, 2, 3, 4]);
}

#[test]
fn the_strongest_are_listed_whatever_the_flows_are() {
    let gpu = gpu();
    let large = values(200_003, 4);
    let cases: [(&str, Vec<f32>, f32); 6] = [
        ("all equal", vec![-0.25; 900], 0.3),
        ("all zero", vec![0.0; 70], 0.5),
        ("some are no numbers", vec![f32::NAN, 2.0, f32::INFINITY, -3.0, 0.0, -0.0, 1e-40, 1.0], 1.0),
        ("one", vec![-7.0], 0.01),
        ("of all sizes", (0..1500).map(|i| (-1.1_f32).powi(i - 700)).collect(), 0.5),
        ("more than one dispatch ranks", large, 0.004),
    ];
    for (name, flows, share) in cases {
        let buffer = Buffer::from_slice(&gpu, "values", &flows);
        let flow = EdgeFlow::new(&gpu, &plain_set(&buffer, flows.len()), share).unwrap();
        // Twice: what the first time left behind does not matter.
        (0..2).for_each(|_| run(&gpu, &flow));
        let count = flow.ranking.read(&gpu)[0].listed as usize;
        let wanted = ((f64::from(share) * flows.len() as f64).ceil() as usize).min(MAX_LISTED_EDGES as usize);
        let expected = twin::strongest(&flows, wanted);
        assert_eq!(flow.listed.read(&gpu)[..count], expected, "{name}");
    }
    assert_eq!(twin::strongest(&[1.0, -3.0, 2.0, -2.0], 2), [1, 2], "of equal ones the first");
}

#[test]
fn a_dispatch_of_a_wide_layer_reads_no_more_than_one_of_a_narrow_layer_may() {
    let gpu = gpu();
    let buffer = Buffer::<f32>::zeroed(&gpu, "values", 1 << 21);
    let wide = Convolution {
        channels: 512,
        joint: false,
        size: [8, 8],
        filters: 512,
        groups: 1,
        kernel: [3, 3],
        stride: 1,
        padding: 1,
        dilation: 1,
        transposed: false,
    };
    let mut set = wide.set(&buffer, &buffer);
    set.kernels.as_mut().unwrap().weights.strides[0] = 0;
    let flow = EdgeFlow::new(&gpu, &set, 0.5).unwrap();
    assert!(flow.reads.len() == flow.plan.len() && flow.plan.len() > 20);
    assert!(flow.reads.iter().all(|reads| *reads <= 1 << 18), "{:?}", flow.reads);
    assert_eq!(flow.wanted, MAX_LISTED_EDGES);
}

const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;

/// Colors along the middle column of a picture of edges, from the top.
fn draw(gpu: &Gpu, flows: &[f32], share: f32, focus: Option<Focus>) -> Vec<[u8; 3]> {
    let buffer = Buffer::from_slice(gpu, "values", flows);
    let set = plain_set(&buffer, flows.len());
    let mut drawer = Flows::new(gpu, wgpu::TextureFormat::Rgba8Unorm).unwrap();
    drawer.begin(WIDTH, HEIGHT);
    let step = HEIGHT as f32 / flows.len() as f32;
    let anchors =
        |x: f32| -> Vec<Anchor> { (0..flows.len()).map(|i| [x, x, (i as f32 + 0.5) * step]).collect() };
    let (sources, targets) = (anchors(2.0), anchors(62.0));
    let placement = EdgePlacement { sources: &sources, targets: &targets, lane: None, focus, scale: 1.0 };
    drawer.place(gpu, 0, (&set, share), placement).unwrap();
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: WIDTH, height: HEIGHT, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let mut encoder = gpu.encoder("edges");
    drawer.prepare(gpu, &mut encoder.begin_compute_pass(&Default::default()));
    {
        let view = texture.create_view(&Default::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                resolve_target: None,
                depth_slice: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        drawer.draw(&mut pass);
    }
    let out = Buffer::<u8>::zeroed(gpu, "out", (256 * HEIGHT) as usize);
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(256), rows_per_image: None };
    let to = wgpu::TexelCopyBufferInfo { buffer: out.raw(), layout };
    encoder.copy_texture_to_buffer(texture.as_image_copy(), to, texture.size());
    gpu.submit(encoder);
    let bytes = out.read(gpu);
    (0..HEIGHT as usize).map(|y| [0, 1, 2].map(|c| bytes[256 * y + 4 * 32 + c])).collect()
}

/// Brightness of each edge where it crosses the middle: the sum over its share of the picture's height.
fn brightness(colors: &[[u8; 3]], edges: usize) -> Vec<u32> {
    let sum = |rows: &[[u8; 3]]| rows.iter().flatten().map(|v| u32::from(*v)).sum();
    colors.chunks(colors.len() / edges).map(sum).collect()
}

#[test]
fn a_strong_edge_is_wide_and_its_color_tells_its_sign() {
    let gpu = gpu();
    let flows = [4.0, -4.0, 0.4, f32::NAN];
    let colors = draw(&gpu, &flows, 1.0, None);
    let shown = brightness(&colors, 4);
    assert!(shown[0] > 3 * shown[2] && shown[2] > 0 && shown[3] == 0, "{shown:?}");
    let [orange, blue] = [6, 18].map(|y| colors[y]);
    assert!(orange[0] > orange[2] && blue[2] > blue[0], "{orange:?}, {blue:?}");
    let strongest = brightness(&draw(&gpu, &flows, 0.5, None), 4);
    assert!(strongest[0] == shown[0] && strongest[1] == shown[1] && strongest[2] == 0, "{strongest:?}");
}

#[test]
fn a_tile_in_focus_shows_its_weak_edges_and_dims_the_others() {
    let gpu = gpu();
    let flows = [4.0, -4.0, 1.0, 1.0];
    let plain = brightness(&draw(&gpu, &flows, 0.5, None), 4);
    for focus in [Focus::Source(2), Focus::Target(2)] {
        let shown = brightness(&draw(&gpu, &flows, 0.5, Some(focus)), 4);
        assert!(
            shown[2] > 0 && shown[3] == 0 && shown[0] > 0 && 2 * shown[0] < plain[0],
            "{focus:?}: {shown:?}"
        );
    }
    let elsewhere = brightness(&draw(&gpu, &flows, 0.5, Some(Focus::Elsewhere)), 4);
    assert!(elsewhere[2] == 0 && 2 * elsewhere[0] < plain[0], "{elsewhere:?}");
}

#[test]
fn the_edges_of_a_tile_are_those_that_join_it() {
    let gpu = gpu();
    let buffer = Buffer::<f32>::zeroed(&gpu, "values", 4096);
    let mut sets: Vec<EdgeSet> = convolutions().iter().map(|c| c.set(&buffer, &buffer)).collect();
    for joins in [
        Joins { first_target: 3, ..ONE_EACH },
        Joins { source_divisor: 4, ..ONE_EACH },
        Joins { target_divisor: 2, ..ONE_EACH },
    ] {
        sets.push(EdgeSet { joins, ..plain_set(&buffer, 12) });
    }
    for set in sets {
        let joins = |end: usize, tile: u32| -> Vec<u32> {
            (0..set.edges()).filter(|edge| set.joined(*edge)[end] == tile).collect()
        };
        for tile in 0..set.maps.tiles() {
            assert_eq!(set.edges_from(tile), joins(0, tile));
        }
        for tile in 0..15 {
            let there = set.kernels.as_ref().is_none_or(|kernels| tile < kernels.weights.tiles());
            assert!(!there || set.edges_to(tile) == joins(1, tile), "{tile}");
        }
    }
}
