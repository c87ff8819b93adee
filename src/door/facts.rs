//! The run in words and numbers, as JSON.

use serde::Serialize;
use serde_json::{Value, json};

use crate::nn::NetworkLayer;
use crate::session::{EpochMetrics, RunState, Session};

/// JSON with the shortest decimals that give the same `f32`: 0.02, not 0.019999999552965164. What is not finite is null.
pub fn plain<T: Serialize>(value: &T) -> Value {
    let text = serde_json::to_string(value).expect("numbers are plain data");
    serde_json::from_str(&text).expect("it was just written")
}

fn name_of(state: RunState) -> &'static str {
    match state {
        RunState::Paused => "paused",
        RunState::Training => "training",
        RunState::Validating => "validating",
        RunState::Finished => "finished",
        RunState::Waiting => "waiting",
    }
}

/// State, step and epoch.
pub(super) fn brief(session: &Session) -> Value {
    json!({ "state": name_of(session.state()), "step": session.step(), "epoch": session.epoch() })
}

/// All of the run but its tensors.
pub(super) fn state(session: &Session) -> Value {
    let trainer = session.trainer();
    let network = &trainer.network;
    let input = network.input;
    let nodes = |layer: &NetworkLayer| -> Vec<&str> {
        let name = |node: &usize| node.checked_sub(1).map_or("input", |at| network.layers[at].name.as_str());
        layer.inputs.iter().map(name).collect()
    };
    let layers: Vec<Value> = network.layers.iter().map(|layer| layer_of(layer, &nodes(layer))).collect();
    let mut all = brief(session);
    let more = json!({
        "title": session.title(), "classes": session.class_names(), "train_images": session.train_images(),
        "validation_images": trainer.loader.validation_images, "test_images": session.test_images(),
        "steps_per_epoch": session.steps_per_epoch(), "adapter": session.gpu().info.name,
        "folder": session.folder().map(|folder| folder.display().to_string()),
        "settings": plain(session.settings()), "coming_settings": plain(&session.coming_settings()),
        "network": network.name, "parameters": network.parameter_count(), "loss": plain(&network.loss),
        "input": [input.channels, input.height, input.width], "layers": layers,
        "concern": session.concern().map(|concern| format!("{}; {}", concern.what(), concern.help())),
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
        all.extend(more);
    }
    all
}

fn layer_of(layer: &NetworkLayer, inputs: &[&str]) -> Value {
    let output = layer.output;
    let tensor = |spec: &crate::nn::ParameterSpec| json!({ "name": spec.name, "shape": spec.shape });
    json!({
        "layer": layer.id, "name": layer.name, "kind": layer.layer.kind(), "inputs": inputs,
        "shape": [output.channels, output.height, output.width], "parameters": layer.parameter_count(),
        "tensors": layer.parameters().iter().map(tensor).collect::<Vec<_>>(), "filters": layer.filter_ids,
        "frozen": layer.frozen, "frozen_filters": layer.frozen_filters, "rate_factor": plain(&layer.rate_factor),
        "goals": plain(&layer.goals),
        "settings": plain(&layer.layer.settings()),
        "changeable": layer.layer.plain_settings().iter().map(|setting| setting.name).collect::<Vec<_>>(),
    })
}

fn epoch_of(epoch: &EpochMetrics) -> Value {
    let mut value = plain(epoch);
    let changes = epoch.weight_changes.iter().map(|c| (c.layer.clone(), plain(&c.change)));
    value["weight_change"] = changes.collect::<serde_json::Map<_, _>>().into();
    value
}

/// Results after step `since`; accuracies are null without classes.
pub(super) fn metrics(session: &Session, since: u32) -> Value {
    let metrics = session.metrics();
    let mut steps: Vec<Value> = metrics.steps.iter().filter(|s| s.step > since).map(plain).collect();
    let mut epochs: Vec<Value> = metrics.epochs.iter().filter(|e| e.step > since).map(epoch_of).collect();
    if !session.trainer().network.loss.has_classes() {
        for value in steps.iter_mut().chain(&mut epochs) {
            let members = value.as_object_mut().into_iter().flatten();
            members
                .filter(|(name, _)| name.ends_with("accuracy"))
                .for_each(|(_, share)| *share = Value::Null);
        }
    }
    json!({
        "step": session.step(), "epoch": session.epoch(), "images_per_s": plain(&metrics.images_per_s),
        "steps": steps, "epochs": epochs,
    })
}
