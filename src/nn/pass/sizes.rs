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
    check_least_values(network, options.batch, micro_batch)?;
    Ok(BatchSizes { batch: options.batch, micro_batch, train_slots, slots: train_slots + probes })
}

/// An error where a layer takes statistics over too few values, as PyTorch has it.
fn check_least_values(network: &Network, batch: usize, micro_batch: usize) -> Result<()> {
    // The last pass has what the others leave.
    let images = (batch - 1) % micro_batch + 1;
    let values = |layer: &NetworkLayer| layer.output.pixels() * images;
    let too_few = |layer: &&NetworkLayer| layer.trains() && values(layer) < layer.layer.least_values();
    let Some(layer) = network.layers.iter().find(too_few) else { return Ok(()) };
    let (kind, least) = (layer.layer.kind(), layer.layer.least_values());
    let (images, remedy) = if batch == images {
        (format!("the batch is {batch}"), "take a batch of")
    } else if micro_batch < least {
        (format!("a pass has {micro_batch}"), "make the network smaller, so that a pass has")
    } else {
        (format!("the last pass of a batch of {batch} has {images}"), "take a batch of which each pass has")
    };
    let why = "takes the mean and variance of each channel over more than 1 value";
    let what = format!("{images}, and {kind} ({}) {why}", layer.name);
    Err(Error::usage(what, format!("{remedy} {least} images or more, leave out {kind}, or freeze it")))
}

/// Images for which every map fits the adapter, beside `probes` probes.
pub(crate) fn room(gpu: &Gpu, network: &Network, probes: usize) -> Result<usize> {
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
