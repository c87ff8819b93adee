//! Tensors of layers, read back from the GPU between two steps.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::params::{LayerName, TensorParams};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, TensorView};
use crate::nn::{Network, TensorKind};
use crate::session::Session;

/// Bytes that are read back for one tensor at most.
const MAX_BYTES: u64 = 256 << 20;

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A tensor of a layer, after the last whole step. Waits for the GPU.
///
/// # Errors
/// When there is no such layer or tensor, the checkpoint shown of a training that is watched has no such gradients, or it is too large.
pub(super) fn read(session: &Session, of: &TensorParams) -> Result<Value> {
    let node = node_of(session, &of.layer)?;
    let of_parameters = matches!(of.kind, TensorKind::Weights | TensorKind::WeightGradients);
    let (name, shape, values) =
        if of_parameters { parameter(session, node, of)? } else { maps(session, node, of.kind)? };
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(json!({
        "name": name, "step": session.step(), "dtype": "float32", "shape": shape, "data": base64(&bytes),
    }))
}

/// Node of a layer; 0 is the image.
fn node_of(session: &Session, layer: &LayerName) -> Result<usize> {
    let network = &session.trainer().network;
    match layer {
        LayerName::Number(id) => network.layer_index(*id).map(|index| index + 1),
        LayerName::Name(name) => {
            let found = session.layers().iter().position(|node| node.name == *name);
            found.ok_or_else(|| {
                let known: Vec<_> = session.layers().iter().map(|node| node.name.as_str()).collect();
                Error::usage(
                    format!("no layer is called {name:?}"),
                    format!("take one of {}", known.join(", ")),
                )
            })
        }
    }
}

type Found = (String, Vec<usize>, Vec<f32>);

/// A parameter of a node's layer, or its gradient in the last whole step, in the parameter's own shape.
fn parameter(session: &Session, node: usize, of: &TensorParams) -> Result<Found> {
    let trainer = session.trainer();
    let layers = &trainer.network.layers;
    let specs = node.checked_sub(1).map(|index| layers[index].parameters()).unwrap_or_default();
    let place = match &of.part {
        None => Some(0).filter(|_| !specs.is_empty()),
        Some(part) => specs.iter().position(|spec| spec.name == part),
    };
    let Some((index, place)) = node.checked_sub(1).zip(place) else {
        return Err(no_parameter(&trainer.network, node, of.part.as_deref()));
    };
    let (spec, parameters) = (&specs[place], &trainer.parameters);
    let buffer = if of.kind == TensorKind::Weights { &parameters.values } else { &parameters.last_gradients };
    let first = parameters.offsets[index][place];
    let name = format!("{}.{}", layers[index].name, spec.name);
    if let Some(watched) = session.watched().filter(|_| of.kind == TensorKind::WeightGradients) {
        watched.check_gradients(first, &name)?;
    }
    let values = read_elements(session.gpu(), buffer.raw(), first..first + spec.len(), &name)?;
    Ok((name, spec.shape.clone(), values))
}

fn no_parameter(network: &Network, node: usize, part: Option<&str>) -> Error {
    let layer = node.checked_sub(1).map(|index| &network.layers[index]);
    let name = layer.map_or("input", |layer| layer.name.as_str());
    let known: Vec<_> =
        layer.into_iter().flat_map(|layer| layer.parameters()).map(|spec| spec.name).collect();
    if known.is_empty() {
        let what = format!("layer {name} has no parameters");
        return Error::usage(what, "ask for its activations, or for a layer that has some");
    }
    let what = format!("layer {name} has no parameter {:?}", part.unwrap_or_default());
    Error::usage(what, format!("it has {}", known.join(", ")))
}

/// The pinned image's maps of a node, or their gradients: `[channel, y, x]`.
fn maps(session: &Session, node: usize, kind: TensorKind) -> Result<Found> {
    let info = &session.layers()[node];
    let Some(view) = session.tensor(node, kind) else {
        let what = format!("layer {} keeps no gradients of its maps", info.name);
        return Err(Error::usage(what, "ask for its activations"));
    };
    let values = read_view(session.gpu(), &view, &info.name)?;
    Ok((info.name.clone(), info.output.to_vec(), values))
}

/// The values of a view in the order of its indices, the last of which runs fastest.
fn read_view(gpu: &Gpu, view: &TensorView, name: &str) -> Result<Vec<f32>> {
    let [tiles, channels, height, width] = view.extents;
    if tiles * channels * height * width == 0 {
        return Ok(Vec::new());
    }
    let (first, last) = (view.element([0; 4]), view.element(view.extents.map(|extent| extent - 1)));
    let all = read_elements(gpu, &view.buffer, first as usize..last as usize + 1, name)?;
    let mut values = Vec::new();
    for (t, c) in (0..tiles).flat_map(|t| (0..channels).map(move |c| (t, c))) {
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            values.push(all[(view.element([t, c, y, x]) - first) as usize]);
        }
    }
    Ok(values)
}

/// Elements of a buffer of `f32`. Waits for the GPU.
fn read_elements(gpu: &Gpu, buffer: &wgpu::Buffer, range: Range<usize>, name: &str) -> Result<Vec<f32>> {
    let [offset, size] = [range.start, range.len()].map(|count| 4 * count as u64);
    if size > MAX_BYTES {
        let what = format!("{name} lies in {} MiB of GPU memory", size >> 20);
        return Err(Error::new(
            what,
            format!("{} MiB can be read at once: take a smaller batch", MAX_BYTES >> 20),
        ));
    }
    let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("tensor"),
        size,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.encoder("tensor");
    encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, size);
    gpu.submit(encoder);
    staging.slice(..).map_async(wgpu::MapMode::Read, |_| ());
    gpu.wait();
    let Ok(bytes) = staging.slice(..).get_mapped_range() else {
        let help = "save the run, and go on from it by --resume";
        return Err(gpu
            .check()
            .err()
            .unwrap_or_else(|| Error::new(format!("{name} cannot be read back"), help)));
    };
    Ok(bytemuck::pod_collect_to_vec(&bytes[..]))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::rc::Rc;

    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    use super::*;
    use crate::gpu::AdapterChoice;
    use crate::session::{Watching, begin_watching};

    /// A gradient of the bias and none of the weights, as where PyTorch trains biases alone.
    #[test]
    fn gradients_that_a_checkpoint_lacks_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("network.toml", b"layer = [{ kind = \"dense\" }]");
        write("about.json", br#"{"dataset": "digits"}"#);
        write("checkpoints.jsonl", b"{\"step\": 1, \"file\": \"step-1.safetensors\"}\n");
        let bytes: Vec<u8> = (0..640).flat_map(|n: u16| (f32::from(n) / 512.0).to_le_bytes()).collect();
        let view = |shape: &[usize]| {
            let len: usize = shape.iter().product();
            TensorView::new(Dtype::F32, shape.to_vec(), &bytes[..4 * len]).unwrap()
        };
        let tensors = [("weight", view(&[10, 64])), ("bias", view(&[10])), ("grad.bias", view(&[10]))];
        write("step-1.safetensors", &safetensors::serialize(tensors, None).unwrap());
        let watching = Watching { folder: folder.path().to_owned(), ..Watching::default() };
        let gpu = Rc::new(Gpu::open(&AdapterChoice::Best).unwrap());
        let session = begin_watching(gpu, &watching).unwrap();
        let asked = |kind: TensorKind, part: Option<&str>| {
            let (layer, part) = (LayerName::Name("dense1".to_owned()), part.map(str::to_owned));
            read(&session, &TensorParams { layer, kind, part }).map(|answer| answer["data"].clone())
        };
        assert_eq!(asked(TensorKind::Weights, None).unwrap(), base64(&bytes));
        assert_eq!(asked(TensorKind::WeightGradients, Some("bias")).unwrap(), base64(&bytes[..40]));
        let error = asked(TensorKind::WeightGradients, None).unwrap_err();
        assert_eq!(error.what(), "this checkpoint has no gradients of dense1.weight");
    }
}
