//! Commands in words, as a list of what was done shows them: `split filter 3 of conv2`.

use super::command::{Command, DataCommand, LayerId, LayoutCommand, NetworkCommand, TrainCommand};
use crate::embed;
use crate::layouts::{ImageSet, LayoutSource};
use crate::nn::{Edit, Network, Schedule, TensorKind};

/// Name of the layer with a number.
type Name<'n> = dyn Fn(u32) -> String + 'n;

impl Command {
    /// The command in plain words, with layers by their numbers: `split filter 3 of layer 2`.
    pub fn words(&self) -> String {
        self.words_by(&|layer| format!("layer {layer}"))
    }

    /// The command in plain words, with the layers' names in the network that it is for: `split filter 3 of conv2`.
    pub fn words_in(&self, network: &Network) -> String {
        self.words_by(&|id| match network.layer_index(id) {
            Ok(index) => network.layers[index].name.clone(),
            Err(_) => format!("layer {id}"),
        })
    }

    fn words_by(&self, name: &Name<'_>) -> String {
        match self {
            Self::Train(command) => train(command),
            Self::Data(command) => data(command),
            Self::Network(command) => network(command, name),
            Self::Layout(command) => layout(command, name),
        }
    }
}

fn train(command: &TrainCommand) -> String {
    match *command {
        TrainCommand::SetLearningRate(value) => format!("set the learning rate to {value}"),
        TrainCommand::SetMomentum(value) => format!("set the momentum to {value}"),
        TrainCommand::SetWeightDecay(value) => format!("set the weight decay to {value}"),
        TrainCommand::SetOptimizer(kind) => format!("set the optimizer to {}", kind.name()),
        TrainCommand::SetBeta2(value) => format!("set beta2 to {value}"),
        TrainCommand::SetEpsilon(value) => format!("set epsilon to {value}"),
        TrainCommand::SetL1Decay(value) => format!("set the L1 decay to {value}"),
        TrainCommand::SetClipNorm(0.0) => "switch gradient clipping off".to_owned(),
        TrainCommand::SetClipNorm(value) => format!("clip the gradients to norm {value}"),
        TrainCommand::SetSchedule(schedule) => match schedule {
            Schedule::Constant => "set the schedule to constant".to_owned(),
            Schedule::Step { epochs, factor } => {
                format!("set the schedule to × {factor} every {}", counted(epochs, "epoch"))
            }
            Schedule::Cosine { epochs } => {
                format!("set the schedule to cosine over {}", counted(epochs, "epoch"))
            }
        },
        TrainCommand::SetWarmup(0.0) => "switch warm-up off".to_owned(),
        TrainCommand::SetWarmup(value) => format!("set warm-up to {}", counted(value, "epoch")),
        TrainCommand::SetAverage(0.0) => "switch averaging of the weights off".to_owned(),
        TrainCommand::SetAverage(value) => format!("average the weights over {}", counted(value, "epoch")),
        TrainCommand::SetNesterov(on) => switch("Nesterov momentum", on),
        TrainCommand::SetBatch(batch) => format!("set the batch size to {batch}"),
        TrainCommand::Reset(seed) => format!("start again with seed {seed}"),
    }
}

fn data(command: &DataCommand) -> String {
    match *command {
        DataCommand::SetShift(0) => "switch random shifts off".to_owned(),
        DataCommand::SetShift(pixels) => format!("shift images by up to {}", counted(pixels as f32, "pixel")),
        DataCommand::SetFlip(on) => switch("random flips", on),
        DataCommand::SetRotation(0.0) => "switch random rotations off".to_owned(),
        DataCommand::SetRotation(degrees) => format!("rotate images by up to {}", counted(degrees, "degree")),
        DataCommand::SetScale(share) => change("size", share),
        DataCommand::SetBrightness(share) => change("brightness", share),
        DataCommand::SetContrast(share) => change("contrast", share),
        DataCommand::SetCutout(0) => "switch cutout off".to_owned(),
        DataCommand::SetCutout(side) => {
            format!("cut squares of {} out of images", counted(side as f32, "pixel"))
        }
        DataCommand::PinProbe(image) => format!("pin test image {image}"),
        DataCommand::Relabel { image, class } => format!("give training image {image} class {class}"),
        DataCommand::LeaveOut(image) => format!("leave training image {image} out"),
        DataCommand::RestoreImage(image) => format!("take training image {image} back as it was"),
    }
}

fn network(command: &NetworkCommand, name: &Name<'_>) -> String {
    match command {
        NetworkCommand::Freeze(LayerId(layer)) => format!("freeze {}", name(*layer)),
        NetworkCommand::Thaw(LayerId(layer)) => format!("train {} again", name(*layer)),
        NetworkCommand::FreezeFilters { layer, filters } => {
            format!("freeze {} of {}", filters_text(filters), name(layer.0))
        }
        NetworkCommand::ThawFilters { layer, filters } => {
            format!("train {} of {} again", filters_text(filters), name(layer.0))
        }
        NetworkCommand::SetLayerRate { layer, factor } => {
            format!("train {} at {factor} × the learning rate", name(layer.0))
        }
        NetworkCommand::SetGoal { layer, goal, strength } => {
            let goal = format!("{} of {}", goal.words(), name(layer.0));
            if *strength == 0.0 {
                format!("no longer {goal}")
            } else {
                format!("{goal} with strength {strength}")
            }
        }
        NetworkCommand::SetLayer { layer, settings } => {
            let name = name(layer.0);
            let value = |(of, value): (&String, &toml::Value)| format!("the {of} of {name} to {value}");
            format!("set {}", joined(&settings.iter().map(value).collect::<Vec<_>>()))
        }
        NetworkCommand::EditWeights(edit) => match (edit.at.len(), edit.bias) {
            (0, _) => format!("set the bias of filter {} of {}", edit.filter, name(edit.layer)),
            (1, None) => format!("set a weight of filter {} of {}", edit.filter, name(edit.layer)),
            _ => format!("paint filter {} of {}", edit.filter, name(edit.layer)),
        },
        NetworkCommand::SetLoss(loss) => format!("set the loss to {}", loss.name()),
        NetworkCommand::Edit(edit) => of_edit(edit, name),
    }
}

/// `filter 3`, or `filters 1, 3 and 4`.
fn filters_text(filters: &[u32]) -> String {
    let ids: Vec<String> = filters.iter().map(u32::to_string).collect();
    format!("{} {}", if ids.len() == 1 { "filter" } else { "filters" }, joined(&ids))
}

fn of_edit(edit: &Edit, name: &Name<'_>) -> String {
    match edit {
        Edit::AddFilter { layer } => format!("add a filter to {}", name(*layer)),
        Edit::SplitFilter { layer, filter } => format!("split filter {filter} of {}", name(*layer)),
        Edit::DeleteFilter { layer, filter } => format!("delete filter {filter} of {}", name(*layer)),
        Edit::MergeFilters { layer, filters: [a, b] } => {
            format!("merge filters {a} and {b} of {}", name(*layer))
        }
        Edit::ResetFilter { layer, filter } => format!("reset filter {filter} of {}", name(*layer)),
        Edit::BlendFilter { layer, filter, from } => {
            let ids: Vec<u32> = from.iter().map(|(id, _)| *id).collect();
            format!("blend filter {filter} of {} from {}", name(*layer), filters_text(&ids))
        }
        Edit::InsertLayer { after, settings } => {
            let kind = settings.get("kind").and_then(toml::Value::as_str).unwrap_or("layer");
            let place = after.map_or_else(|| "the input".to_owned(), name);
            format!("insert {kind} after {place}")
        }
        Edit::RemoveLayer { layer } => format!("remove {}", name(*layer)),
    }
}

fn layout(command: &LayoutCommand, name: &Name<'_>) -> String {
    match *command {
        LayoutCommand::Open(source) => format!("open a layout of {}", of_source(source, name)),
        LayoutCommand::Close(id) => format!("close layout {id}"),
        LayoutCommand::Run(id, true) => format!("run layout {id}"),
        LayoutCommand::Run(id, false) => format!("pause layout {id}"),
        LayoutCommand::Restart(id) => format!("restart layout {id}"),
        LayoutCommand::Pin { layout, row, .. } => format!("pin point {row} of layout {layout}"),
        LayoutCommand::Release { layout, row, .. } => format!("release point {row} of layout {layout}"),
        LayoutCommand::Settings(id, embed::Settings { .. }) => {
            format!("set the t-SNE settings of layout {id}")
        }
        LayoutCommand::Perplexity(id, value) => format!("set the perplexity of layout {id} to {value}"),
        LayoutCommand::Follow(id, true) => format!("let layout {id} follow the training"),
        LayoutCommand::Follow(id, false) => format!("keep the images of layout {id}"),
        LayoutCommand::Every(id, steps) => {
            format!("refresh layout {id} every {}", counted(steps as f32, "step"))
        }
        LayoutCommand::Refresh(id) => format!("refresh layout {id}"),
    }
}

/// Rows of a layout; nodes by their numbers, as the journal has them.
fn of_source(source: LayoutSource, name: &Name<'_>) -> String {
    let node = |node: usize| node.checked_sub(1).map_or("the input".to_owned(), |layer| name(layer as u32));
    match source {
        LayoutSource::Tensor { node: at, kind } => {
            let what = match kind {
                TensorKind::Activations => "maps",
                TensorKind::Weights => "filters",
                TensorKind::WeightGradients => "gradients of the filters",
                TensorKind::ActivationGradients => "gradients of the maps",
            };
            format!("the {what} of {}", node(at))
        }
        LayoutSource::Images(source) => {
            let set = if source.set == ImageSet::Train { "training" } else { "test" };
            format!("{} {set} images by {}", source.count, node(source.node))
        }
        LayoutSource::Filters => "all filters".to_owned(),
    }
}

/// `1 epoch`, `2.5 epochs`.
fn counted(count: f32, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1.0 { "" } else { "s" })
}

fn switch(what: &str, on: bool) -> String {
    format!("switch {what} {}", if on { "on" } else { "off" })
}

/// A random change of a property by a share at most.
fn change(what: &str, share: f32) -> String {
    if share == 0.0 {
        return format!("switch random changes of {what} off");
    }
    // Whole tenths of a percent: 10 %, not 10.000000149 %.
    let percent = (1000.0 * share).round() / 10.0;
    format!("change the {what} of images by up to {percent} %")
}

/// `1, 2 and 3`.
fn joined(names: &[String]) -> String {
    match names {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(json: &str) -> String {
        serde_json::from_str::<Command>(json).unwrap_or_else(|e| panic!("{json}: {e}")).words()
    }

    #[test]
    fn commands_read_as_sentences() {
        for (json, text) in [
            (r#"{"set_learning_rate":0.01}"#, "set the learning rate to 0.01"),
            (r#"{"set_optimizer":"adamw"}"#, "set the optimizer to adamw"),
            (r#"{"set_clip_norm":0.0}"#, "switch gradient clipping off"),
            (
                r#"{"set_schedule":{"step":{"epochs":1.0,"factor":0.5}}}"#,
                "set the schedule to × 0.5 every 1 epoch",
            ),
            (r#"{"set_nesterov":true}"#, "switch Nesterov momentum on"),
            (r#"{"reset":3}"#, "start again with seed 3"),
            (r#"{"set_shift":1}"#, "shift images by up to 1 pixel"),
            (r#"{"relabel":{"image":12,"class":3}}"#, "give training image 12 class 3"),
            (r#"{"leave_out":12}"#, "leave training image 12 out"),
            (r#"{"restore_image":12}"#, "take training image 12 back as it was"),
            (r#"{"set_scale":0.1}"#, "change the size of images by up to 10 %"),
            (r#"{"freeze":2}"#, "freeze layer 2"),
            (r#"{"thaw":2}"#, "train layer 2 again"),
            (
                r#"{"set_goal":{"layer":2,"goal":{"attract":[3,5]},"strength":0.5}}"#,
                "attract filters 3 and 5 of layer 2 with strength 0.5",
            ),
            (
                r#"{"set_goal":{"layer":2,"goal":{"become":{"filter":3,"kernel":[0.5,-1.0]}},"strength":0.0}}"#,
                "no longer pull filter 3 toward a kernel of layer 2",
            ),
            (
                r#"{"set_layer":{"layer":2,"settings":{"alpha":0.25,"k":2}}}"#,
                "set the alpha of layer 2 to 0.25 and the k of layer 2 to 2",
            ),
            (r#"{"split_filter":{"layer":2,"filter":3}}"#, "split filter 3 of layer 2"),
            (
                r#"{"blend_filter":{"layer":2,"filter":3,"from":[[1,0.5],[4,0.25],[0,0.25]]}}"#,
                "blend filter 3 of layer 2 from filters 1, 4 and 0",
            ),
            (
                r#"{"blend_filter":{"layer":2,"filter":3,"from":[[1,1.0]]}}"#,
                "blend filter 3 of layer 2 from filter 1",
            ),
            (r#"{"insert_layer":{"settings":{"kind":"relu"}}}"#, "insert relu after the input"),
            (
                r#"{"open_layout":{"tensor":{"node":1,"kind":"weights"}}}"#,
                "open a layout of the filters of layer 0",
            ),
            (
                r#"{"open_layout":{"images":{"node":0,"set":"test","count":500}}}"#,
                "open a layout of 500 test images by the input",
            ),
            (r#"{"run_layout":[1,false]}"#, "pause layout 1"),
        ] {
            assert_eq!(words(json), text);
        }
    }
}
