//! Settings of a run in words.

use revacnn::data::Source;
use revacnn::nn::Schedule;
use revacnn::session::Session;

/// Settings that are not at rest, each with its value.
pub(super) fn settings(session: &Session) -> Vec<(&'static str, String)> {
    let settings = session.settings();
    let (hyper, loader) = (&settings.hyper, &session.trainer().loader);
    let mut rows = vec![
        ("Data set", Source::parse(&settings.dataset).to_string()),
        ("Images", images(session)),
        ("Classes", session.class_names().len().to_string()),
        ("Image size", loader.shape().to_string()),
        ("Loss", session.trainer().network.loss.name().to_owned()),
        ("Optimizer", hyper.optimizer.name().to_owned()),
        ("Learning rate", hyper.learning_rate.to_string()),
        ("Schedule", schedule(hyper.schedule)),
        ("Batch size", settings.batch.to_string()),
        ("Seed", settings.seed.to_string()),
    ];
    let augmentation = &settings.augmentation;
    let momentum = if hyper.optimizer.has_momentum() { hyper.momentum } else { 0.0 };
    let more = [
        ("Warm-up, epochs", hyper.warmup),
        ("Momentum", momentum),
        ("L2 decay", hyper.weight_decay),
        ("L1 decay", hyper.l1_decay),
        ("Largest norm of the gradients", hyper.clip_norm),
        ("Average of the weights, epochs", hyper.averaging),
        ("Random shift, pixels", augmentation.shift as f32),
        ("Random rotation, degrees", augmentation.rotation),
        ("Random size, ±", augmentation.scale),
        ("Random brightness, ±", augmentation.brightness),
        ("Random contrast, ±", augmentation.contrast),
        ("Cutout, pixels", augmentation.cutout as f32),
    ];
    rows.extend(
        more.into_iter().filter(|(_, value)| *value != 0.0).map(|(name, value)| (name, value.to_string())),
    );
    let on = [("Nesterov momentum", hyper.nesterov), ("Random flips", augmentation.flip)];
    rows.extend(on.into_iter().filter(|(_, on)| *on).map(|(name, _)| (name, "on".to_owned())));
    if !settings.precision.is_usual() {
        rows.push(("Precision", settings.precision.name().to_owned()));
    }
    rows.push(("State", session.state_hash()));
    rows.push(("Adapter of this report", session.gpu().info.name.clone()));
    rows.push(("Program", format!("ReVACNN {}", env!("CARGO_PKG_VERSION"))));
    rows
}

fn images(session: &Session) -> String {
    let validation = session.trainer().loader.validation_images;
    format!("{} training, {validation} validation, {} test", session.train_images(), session.test_images())
}

fn schedule(schedule: Schedule) -> String {
    match schedule {
        Schedule::Constant => "constant".to_owned(),
        Schedule::Step { epochs, factor } => format!("× {factor} every {epochs} epochs"),
        Schedule::Cosine { epochs } => format!("cosine over {epochs} epochs"),
    }
}
