//! The probability of a class, step by step: the outputs of the network for the pinned probe, their exponentials, and the share of one in their
//! sum.

use egui::{RichText, Ui, Vec2};

use crate::app::format::short;
use crate::app::frame::MAX_VALUES;
use crate::app::pane::Cx;
use crate::app::theme;
use crate::app::tile_set::TileId;
use crate::nn::Loss;
use crate::session::Session;

/// Size of numbers, in points.
const NUMBER: f32 = 10.5;
/// Letters of a class's name in a line.
const NAME: usize = 16;

/// The class whose probability is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Softmax {
    class: u32,
}

/// Exponentials of the outputs, less the largest of them, and their sum.
fn exponentials(outputs: &[f32]) -> (Vec<f64>, f64) {
    let largest = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let all: Vec<f64> = outputs.iter().map(|z| (f64::from(*z) - f64::from(largest)).exp()).collect();
    let sum = all.iter().sum();
    (all, sum)
}

impl Softmax {
    /// Of a class.
    pub(super) fn new(class: u32) -> Self {
        Self { class }
    }

    /// Buffer and element of the outputs of all classes, and of the class's probability last.
    fn elements(self, session: &Session) -> Vec<(wgpu::Buffer, u32)> {
        let trainer = session.trainer();
        let outputs = trainer.activations(trainer.network.layers.len(), 0);
        let [channels, height, width] = [outputs.tiles(), outputs.height(), outputs.width()];
        let places =
            (0..channels).flat_map(|c| (0..height).flat_map(move |y| (0..width).map(move |x| [c, 0, y, x])));
        let mut all: Vec<_> = places.map(|place| (outputs.buffer.clone(), outputs.element(place))).collect();
        let probabilities = session.probabilities();
        let own = probabilities.element([self.class, 0, 0, 0]);
        all.push((probabilities.buffer, own));
        all
    }

    /// The window; returns whether it stays open.
    pub(super) fn ui(self, ui: &Ui, cx: &mut Cx<'_, '_>) -> bool {
        let session = cx.session;
        let classes = session.class_names();
        // Squared error shows the outputs themselves.
        let there = !matches!(session.trainer().network.loss, Loss::L2Regression { .. });
        let Some(name) = classes.get(self.class as usize).filter(|_| there) else { return false };
        let mut open = true;
        let room = ui.ctx().content_rect().size() - Vec2::new(40.0, 80.0);
        let at = ui.ctx().content_rect().center_bottom() - Vec2::new(210.0, 560.0);
        egui::Window::new(format!("How the probability of {name} comes about"))
            .id(egui::Id::unique("softmax"))
            .open(&mut open)
            .default_pos(at)
            .default_size(Vec2::new(420.0, 380.0).min(room))
            .max_size(room)
            .collapsible(false)
            .show(ui.ctx(), |ui| self.content_ui(ui, cx, name, classes));
        open
    }

    fn content_ui(self, ui: &mut Ui, cx: &mut Cx<'_, '_>, name: &str, classes: &[String]) {
        let text = "softmax: the exponential of an output, by the sum over all classes; the largest output is taken off first";
        ui.add(egui::Label::new(RichText::new(text).small().color(theme::muted())).wrap());
        let elements = self.elements(cx.session);
        let count = elements.len();
        if count > MAX_VALUES {
            ui.weak(format!("{} classes, too many to list", classes.len()));
            return;
        }
        // No node has this number: the classes stand after the last.
        let of = (TileId { node: cx.session.layers().len(), tile: self.class }, 0, 0);
        cx.frame.request_values(of, elements);
        let read = cx.selection.terms.as_ref();
        match read.filter(|(shown, numbers)| *shown == of && numbers.len() == count) {
            Some((_, numbers)) => self.numbers_ui(ui, numbers, name, classes),
            None => drop(ui.weak("…")),
        }
    }

    fn numbers_ui(self, ui: &mut Ui, numbers: &[f32], name: &str, classes: &[String]) {
        ui.spacing_mut().item_spacing.y = 2.0;
        let line = |ui: &mut Ui, text: String, color| {
            drop(ui.label(RichText::new(text).monospace().size(NUMBER).color(color)));
        };
        let (own, outputs) = numbers.split_last().expect("the probability comes last");
        let (all, sum) = exponentials(outputs);
        line(
            ui,
            format!("{:<NAME$} {:>10} {:>12} {:>10}", "class", "output z", "exp(z - max)", "share"),
            theme::muted(),
        );
        egui::ScrollArea::vertical().max_height(260.0).show(ui, |ui| {
            for (index, (output, power)) in outputs.iter().zip(&all).enumerate() {
                let class: String =
                    classes.get(index).map_or("", String::as_str).chars().take(NAME).collect();
                let color = if index as u32 == self.class { theme::accent() } else { theme::text() };
                let (output, share) = (short(f64::from(*output)), power / sum);
                line(ui, format!("{class:<NAME$} {output:>10} {power:>12.6} {share:>10.6}"), color);
            }
        });
        ui.add_space(4.0);
        let power = all.get(self.class as usize).copied().unwrap_or(f64::NAN);
        line(ui, format!("sum of exp(z - max) {sum:>31.6}"), theme::text());
        line(ui, format!("{power:.6} / {sum:.6} = {:.6}", power / sum), theme::text());
        line(ui, format!("= probability of {name} {own:.6}"), theme::text());
    }
}

#[cfg(test)]
mod tests {
    use super::exponentials;

    #[test]
    fn shares_are_those_of_softmax() {
        // exp(-2), exp(-1), 1 and their sum, by hand.
        let (all, sum) = exponentials(&[1.0, 2.0, 3.0]);
        let expected = [0.135_335_283, 0.367_879_441, 1.0];
        assert!(all.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{all:?}");
        assert!((sum - 1.503_214_724).abs() < 1e-9);
        // Outputs whose exponentials no f64 holds.
        let (all, sum) = exponentials(&[5000.0, 5000.0, -5000.0]);
        assert_eq!((all, sum), (vec![1.0, 1.0, 0.0], 2.0));
    }
}
