//! Iterations that are dropped halfway, and points that a GPU takes by list.

use super::*;
use crate::embed::testing::{open_gpu, whole};
use crate::embed::{Method, NeighborSearch, Options};
use crate::gpu::{Buffer, DeviceProfile};

/// Rows of 6 values about 11 centers, of which two are left out.
fn view(gpu: &Gpu, count: usize) -> TensorView {
    let value = |i: usize, d: usize| whole(i, d, 40) as f32 / 16.0 + whole(i % 11, d + 7, 9) as f32;
    let mut values: Vec<f32> = (0..count * 6).map(|at| value(at / 6, at % 6)).collect();
    (values[6 * 100], values[6 * 77 + 3]) = (f32::NAN, f32::INFINITY);
    TensorView {
        buffer: Buffer::from_slice(gpu, "rows", &values).raw().clone(),
        offset: 0,
        extents: [count as u32, 1, 1, 6],
        strides: [6, 0, 0, 1],
    }
}

fn laid_out(gpu: &Gpu, builder: &TsneBuilder) -> Tsne {
    let tsne = builder.build(gpu, &view(gpu, 2500)).unwrap();
    tsne.refresh(gpu);
    tsne.reset(gpu);
    tsne
}

#[test]
fn points_by_list_move_as_others_do_by_the_same_bits() {
    let mut gpu = open_gpu();
    gpu.set_profile(DeviceProfile::GPU).unwrap();
    let search = NeighborSearch::Ivf { lists: 37, probes: 5 };
    // All entries in one buffer, and in several.
    for (max_buffer_bytes, chunks) in [(None, 1), (Some(400_000), 5)] {
        let options = Options { search, method: Some(Method::Mesh), max_buffer_bytes, ..Options::default() };
        let by_list = TsneBuilder::new(15.0).options(options);
        let both =
            [by_list, TsneBuilder { by_list: false, ..by_list }].map(|builder| laid_out(&gpu, &builder));
        let [found, expected] = &both;
        assert!(found.affinities.order().is_some() && expected.affinities.order().is_none());
        assert_eq!(found.chunks(), chunks);
        assert_eq!(found.read_affinities(&gpu), expected.read_affinities(&gpu));
        let begin = found.read_positions(&gpu);
        for _ in 0..2 {
            both.iter().for_each(|tsne| tsne.iterate(&gpu, 12));
            let bits = |tsne: &Tsne| tsne.read_positions(&gpu).as_flattened().to_vec();
            let (found, expected) = (bits(found), bits(expected));
            assert!(found.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()), "{chunks} chunks");
            assert!(found[2..4].iter().zip(&begin[1]).all(|(a, b)| a != b), "the control");
            // Rows that are read again have other slots, or the same.
            both.iter().for_each(|tsne| tsne.refresh(&gpu));
        }
        assert_eq!(found.state(&gpu).divergence.to_bits(), expected.state(&gpu).divergence.to_bits());
    }
}

#[test]
fn an_iteration_that_is_dropped_halfway_changes_none_of_the_next() {
    let gpu = open_gpu();
    let options = Options { method: Some(Method::Mesh), ..Options::default() };
    let [whole, dropped] = [(); 2].map(|()| laid_out(&gpu, &TsneBuilder::new(10.0).options(options)));
    let plan = dropped.iteration_plan();
    let is_last = |dispatch: &crate::gpu::Dispatch| dispatch.kernel.label.ends_with(":fit_grid");
    let until = 1 + plan.dispatches.iter().position(is_last).unwrap();
    let mut encoder = gpu.encoder("half an iteration");
    plan.record(&mut encoder.begin_compute_pass(&Default::default()), 0..until);
    gpu.submit(encoder);
    assert_eq!(dropped.repulsion().grid(&gpu).unwrap().rebuild, 1, "the mesh's kernel was about to be made");
    [&whole, &dropped].iter().for_each(|tsne| tsne.iterate(&gpu, 3));
    assert_eq!(whole.repulsion().grid(&gpu), dropped.repulsion().grid(&gpu));
    let [whole, dropped] = [&whole, &dropped].map(|tsne| tsne.read_velocity_gains(&gpu));
    assert!(whole == dropped, "{:?} and {:?}", whole[0], dropped[0]);
    assert!(whole.iter().any(|v| v[0] != 0.0), "the control");
}
