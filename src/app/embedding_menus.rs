//! The menus of the Embedding pane's controls: images, each layout, settings of all.

use egui::{RichText, Slider, Ui};

use super::embedding_bar::Bar;
use super::embedding_pane::report;
use super::format::{percent, short};
use super::network_pane::KINDS;
use super::theme;
use super::workbench::Workbench;
use crate::nn::Best;
use crate::session::{Embedding, ImageSet, ImageSource, Images, Session};

/// Numbers of images that can be chosen, and all.
const COUNTS: [usize; 3] = [500, 2000, 10_000];
/// Width of the menu of images, in points.
const MENU: f32 = 380.0;
/// Steps from one refresh to the next at most.
const MOST_STEPS: u32 = 10_000;

/// What a layout of images is of: `2000 test images by dense1`.
pub fn images_name(session: &Session, source: ImageSource) -> String {
    let set = if source.set == ImageSet::Train { "training" } else { "test" };
    let layer = session.layers().get(source.layer).map_or("a layer", |info| &info.name);
    format!("{} {set} images by {layer}", source.count)
}

/// What a layout is of.
pub fn name(session: &Session, embedding: &Embedding) -> String {
    if let Some(images) = embedding.images() {
        return images_name(session, images.source);
    }
    if let Some(filters) = embedding.filters() {
        return format!("all {} filters by their responses", filters.count());
    }
    let kind = KINDS.iter().find(|k| k.0 == embedding.kind).map_or("", |k| k.1);
    format!("{} by {kind}", session.layers()[embedding.layer].name)
}

/// Bytes as people read them.
fn mib(bytes: u64) -> String {
    format!("{} MiB", short(bytes as f64 / f64::from(1 << 20)))
}

/// What is said of an image: its place, its class, and what the network takes it for.
pub fn words_of_image(session: &Session, images: &Images, image: u32) -> (String, String) {
    let set = images.source.set;
    let class = session.class_of(set, image).unwrap_or_default();
    let mut long = format!("it is a {class}");
    if images.predicts {
        let name = |class: usize| session.class_names().get(class).map_or("?", String::as_str);
        match images.told(image) {
            Some(best) if best.first == Best::NONE => long += "\nwhat the network puts out is no number",
            Some(best) => {
                for (class, share) in best.classes() {
                    long += &format!("\n{}  {}", percent(f64::from(share)), name(class));
                }
            }
            None => long += "\n…",
        }
    }
    let kind = if set == ImageSet::Train { "training image" } else { "image" };
    if set == ImageSet::Test {
        long += "\na click makes it the probe";
    }
    (format!("{kind} {image}"), long)
}

/// Which images, by which layer, and whether they follow.
pub fn images(ui: &mut Ui, bench: &mut Workbench, session: &mut Session, source: ImageSource) {
    let mut chosen = source;
    ui.set_max_width(MENU);
    ui.horizontal_wrapped(|ui| {
        ui.weak("by").on_hover_text("The layer by whose activations images are laid out");
        for (layer, info) in session.layers().iter().enumerate() {
            let [c, h, w] = info.output;
            let hover = format!("{c} × {h} × {w} values an image");
            if ui.selectable_label(layer == source.layer, &info.name).on_hover_text(hover).clicked() {
                chosen.layer = layer;
            }
        }
    });
    ui.horizontal(|ui| {
        ui.weak("images");
        for (set, name) in [(ImageSet::Train, "training"), (ImageSet::Test, "test")] {
            if ui.selectable_label(source.set == set, name).clicked() {
                chosen.set = set;
            }
        }
    });
    ui.horizontal(|ui| {
        ui.weak("how many");
        counts(ui, session, &mut chosen);
    });
    // Another set or layer may have room for fewer.
    let all = session.images_of(chosen.set);
    let was_all = source.count == session.images_of(source.set) && chosen.set != source.set;
    chosen.count = if was_all { all } else { chosen.count.min(all) };
    if chosen != source {
        let open = session.embeddings().iter().any(|e| e.images().is_some());
        bench.embedding.bar.source = Some(chosen);
        if open {
            report(bench, session.open_image_embedding(chosen).map(|_| ()));
        }
    }
    ui.separator();
    let id = session.embeddings().iter().find(|e| e.images().is_some()).map(|e| e.id().0);
    match id {
        Some(id) => following(ui, session, id),
        None => drop(ui.weak("Open it to choose whether it follows the training")),
    }
}

fn counts(ui: &mut Ui, session: &Session, chosen: &mut ImageSource) {
    let all = session.images_of(chosen.set);
    let most = session.most_images(chosen.layer, chosen.set);
    let source = *chosen;
    let mut offer = |count: usize, text: &str| {
        let label = egui::Button::selectable(source.count == count, text);
        let response = ui.add_enabled(count <= most, label);
        let name = &session.layers()[source.layer].name;
        let why = format!("{most} images by {name} fit this adapter: take a layer with fewer values");
        if response.on_disabled_hover_text(why).clicked() {
            chosen.count = count;
        }
    };
    for count in COUNTS.into_iter().filter(|count| *count < all) {
        offer(count, &count.to_string());
    }
    offer(all, &format!("all {all}"));
}

/// Whether and how often a layout with images forwards them.
fn following(ui: &mut Ui, session: &mut Session, id: u64) {
    let Some(embedding) = session.embedding_mut(id) else { return };
    let (mut follows, mut every) = (embedding.follows(), embedding.every);
    let (at, forwards) = (embedding.forwarded_at(), embedding.forwards());
    let cost = session.forward_ms(forwards);
    let epoch = session.steps_an_epoch();
    let mut again = false;
    ui.horizontal(|ui| {
        let hover = "Forward the images anew while the network trains; steps wait for it, frames do not";
        again |= ui.checkbox(&mut follows, "follow the training").on_hover_text(hover).changed() && follows;
        again |= ui.button("forward now").on_hover_text("Once, when the step is done").clicked();
    });
    ui.horizontal(|ui| {
        ui.label("every");
        let slider = Slider::new(&mut every, 1..=MOST_STEPS.max(epoch)).logarithmic(true).suffix(" steps");
        ui.add(slider).on_hover_text(format!("Steps from one time to the next; an epoch has {epoch}"));
        if ui.button("epoch").on_hover_text("Once an epoch").clicked() {
            every = epoch;
        }
    });
    let said = at.map_or("not forwarded yet".to_owned(), |step| format!("as of step {step}"));
    let text = format!("{said}; forwarding {forwards} images takes about {} ms of GPU time", short(cost));
    ui.label(RichText::new(text).small().color(theme::MUTED));
    let embedding = session.embedding_mut(id).expect("it is open");
    embedding.set_follows(follows);
    embedding.every = every;
    if again {
        embedding.forward_again();
    }
}

/// Each layout with its buttons, and what it takes.
pub fn layouts(ui: &mut Ui, session: &mut Session) {
    if session.embeddings().is_empty() {
        ui.weak("None is open");
        return;
    }
    let ids: Vec<u64> = session.embeddings().iter().map(|e| e.id().0).collect();
    let mut total = 0;
    egui::Grid::new("layouts").num_columns(4).striped(true).show(ui, |ui| {
        for id in ids {
            let Some(embedding) = session.embeddings().iter().find(|e| e.id().0 == id) else { continue };
            total += embedding.bytes();
            ui.label(name(session, embedding)).on_hover_text(details(embedding));
            ui.label(RichText::new(mib(embedding.bytes())).color(theme::MUTED))
                .on_hover_text("Memory on the GPU: rows, neighbours, affinities, positions");
            buttons(ui, session, id);
            ui.end_row();
        }
    });
    ui.separator();
    ui.label(RichText::new(format!("{} together", mib(total))).small().color(theme::MUTED));
}

/// What is said of a layout beside its name.
fn details(embedding: &Embedding) -> String {
    let (refresh_ms, iteration_ms) = embedding.costs_ms();
    let mut text =
        format!("{} points; an iteration takes about {} ms", embedding.view().tiles(), short(iteration_ms));
    text += &format!(", reading the rows and finding neighbours {} ms", short(refresh_ms));
    if let Some(step) = embedding.forwarded_at() {
        text += &format!("\nimages forwarded at step {step}");
    }
    if embedding.left_out() > 0 {
        text += &format!("\n{} rows hold NaN or infinity and are left out", embedding.left_out());
    }
    if let Some(images) = embedding.images().filter(|images| images.shrink > 1) {
        text += &format!("\nthumbnails at 1/{} of their size, to fit", images.shrink);
    }
    text
}

/// Run or pause, reset, read the rows again, close: of one layout.
pub fn buttons(ui: &mut Ui, session: &mut Session, id: u64) {
    let Some(embedding) = session.embedding_mut(id) else { return };
    let text = if embedding.running { "pause" } else { "run" };
    if ui.small_button(text).clicked() {
        embedding.running = !embedding.running;
    }
    if ui.small_button("reset").on_hover_text("Begins anew along its principal components").clicked() {
        embedding.reset();
    }
    if embedding.forwards() > 0 && ui.small_button("forward").on_hover_text("Its images, once more").clicked()
    {
        embedding.forward_again();
    }
    if ui.small_button("close").clicked() {
        session.close_layout(id);
    }
}

/// Sliders that hold for all layouts.
pub fn settings(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    let gpu = std::rc::Rc::clone(session.trainer().gpu());
    let Some(first) = session.embeddings().first() else {
        ui.weak("Open a layout first");
        return;
    };
    let (mut all, perplexity_before) = (first.settings(), first.wanted_perplexity());
    let tiles = session.embeddings().iter().find(|e| e.is_of_tiles());
    let mut every = tiles.map_or(1, |e| e.every);
    let before = (all, every);
    let mut perplexity = None;
    egui::Grid::new("t-SNE").num_columns(2).show(ui, |ui| {
        perplexity = perplexity_slider(ui, &mut bench.embedding.bar, perplexity_before);
        let mut row = |name: &str, hover: &str, slider: Slider<'_>| {
            ui.label(name).on_hover_text(hover);
            ui.add(slider).on_hover_text(hover);
            ui.end_row();
        };
        row(
            "exaggeration",
            "Factor of the attraction in the first iterations",
            Slider::new(&mut all.exaggeration, 1.0..=32.0),
        );
        row(
            "exaggerated",
            "Iterations with that factor",
            Slider::new(&mut all.exaggeration_iterations, 0.0..=500.0).step_by(10.0),
        );
        row(
            "learning rate",
            "Step size; 0 takes the number of points",
            Slider::new(&mut all.learning_rate, 0.0..=1000.0),
        );
        row("momentum", "Share of the last step that is kept", Slider::new(&mut all.momentum, 0.0..=0.99));
        row(
            "refresh every",
            "Steps of the training from one reading of filters and maps to the next; images have their own",
            Slider::new(&mut every, 1..=1000).logarithmic(true).suffix(" steps"),
        );
    });
    lowered(ui, session);
    if (all, every) == before && perplexity.is_none() {
        return;
    }
    let ids: Vec<u64> = session.embeddings().iter().map(|e| e.id().0).collect();
    for id in ids {
        let embedding = session.embedding_mut(id).expect("it is open");
        if embedding.is_of_tiles() {
            embedding.every = every;
        }
        if all != before.0 {
            report(bench, embedding.set_settings(&gpu, all));
        }
        if let Some(perplexity) = perplexity {
            report(bench, embedding.set_perplexity(&gpu, perplexity));
        }
    }
}

/// The perplexity once it is let go: affinities of another one are made anew.
fn perplexity_slider(ui: &mut Ui, bar: &mut Bar, before: f32) -> Option<f32> {
    let hover = "How many neighbours count, roughly; lowered to a third of the points";
    ui.label("perplexity").on_hover_text(hover);
    let mut value = bar.perplexity.unwrap_or(before);
    let response = ui.add(Slider::new(&mut value, 1.0..=100.0).logarithmic(true)).on_hover_text(hover);
    ui.end_row();
    if response.changed() {
        bar.perplexity = Some(value);
    }
    let held = response.dragged() || response.is_pointer_button_down_on();
    if held { None } else { bar.perplexity.take().filter(|value| *value != before) }
}

/// The layouts whose points support less than the perplexity asked for.
fn lowered(ui: &mut Ui, session: &Session) {
    for embedding in session.embeddings().iter().filter(|e| e.perplexity() < e.wanted_perplexity()) {
        let text = format!(
            "{}: {} points support a perplexity of {:.1}, lowered from {:.1}",
            name(session, embedding),
            embedding.view().tiles(),
            embedding.perplexity(),
            embedding.wanted_perplexity()
        );
        ui.label(RichText::new(text).small().color(theme::SECOND));
    }
}
