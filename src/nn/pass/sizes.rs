//! Sizes of a pass: the micro-batch that the adapter's limits allow.

use crate::data::BatchSizes;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::nn::{Network, NetworkLayer, Shape, TrainerOptions};

/// Largest micro-batch on the software adapter, so that no dispatch takes long and the window stays responsive.
const MAX_SOFTWARE_MICRO_BATCH: usize = 128;

/// Sizes of a pass: the largest micro-batch for which the largest map fits the adapter's bindings, beside the probes.
pub(crate) fn choose_sizes(gpu: &Gpu, network: &Network, options: &TrainerOptions) -> Result<BatchSizes> {
    let probes = options.probes.next_multiple_of(4);
    let room = room(gpu, network, probes)?;
    let most = if gpu.is_software() { room.min(MAX_SOFTWARE_MICRO_BATCH) } else { room };
    let most = options.micro_batch.map_or(most, |m| m.clamp(1, room));
    // Passes of equal size, so that none is nearly empty.
    let micro_batch = options.batch.div_ceil(options.batch.div_ceil(most));
    let train_slots = micro_batch.next_multiple_of(4);
    Ok(BatchSizes { batch: options.batch, micro_batch, train_slots, slots: train_slots + probes })
}

/// Images for which every map fits the adapter, beside `probes` probes.
fn room(gpu: &Gpu, network: &Network, probes: usize) -> Result<usize> {
    let largest_of = |l: &NetworkLayer, of: fn(&Shape) -> usize| {
        l.input_shapes.iter().chain([&l.output]).map(of).max().unwrap_or(1)
    };
    let (name, largest) = network
        .layers
        .iter()
        .map(|l| (l.name.as_str(), largest_of(l, Shape::len)))
        .max_by_key(|(_, len)| *len)
        .expect("a network has a layer");
    let most = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size) / 4;
    // A convolution has one thread per pixel and quad, in one dimension, in workgroups of 64.
    let pixels = network.layers.iter().map(|l| largest_of(l, Shape::pixels)).max().unwrap_or(1);
    let most_threads = gpu.limits.max_compute_workgroups_per_dimension as usize * 64;
    let slots = (most as usize / largest).min(most_threads / pixels * 4);
    let room = slots.saturating_sub(probes + 4) & !3;
    if room == 0 {
        let what = format!("network {}, layer {name}: its maps", network.name);
        gpu.check_fits(&what, (largest * (probes + 8) * 4) as u64)?;
        let what = format!("{what} have more pixels than {} has threads", gpu.info.name);
        return Err(Error::new(what, "take smaller images"));
    }
    Ok(room)
}
