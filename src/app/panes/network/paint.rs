//! A filter's weights enlarged, to be painted: a stroke is one command, sent when the button is let go.

use std::collections::BTreeMap;

use egui::{Button, DragValue, Rect, Response, RichText, Sense, Ui, Vec2};

use super::kernel::{Kernel, cell_at, color, line};
use crate::app::format::{rounded, short};
use crate::app::frame::MAX_WEIGHTS;
use crate::app::number::wide_field_ui;
use crate::app::pane::Cx;
use crate::app::soft_goals::{kernel_goal, kernel_goal_ui, pull_toward};
use crate::app::theme;
use crate::gpu::BufferRange;
use crate::nn::WeightEdit;
use crate::session::{Control, NetworkCommand, Session, TimeControl};

/// Longer side of the enlarged kernel, in points.
const SIDE: f32 = 280.0;
/// Largest number of channels that have a button each.
const MAX_BUTTONS: usize = 8;
/// Significant digits of the bias.
const DIGITS: usize = 4;
/// Width of the field of a bias, in points: the longest is `-0.0001234`.
const BIAS_WIDTH: f32 = 100.0;
/// Frames after which weights that were painted are shown as they are read, others by then or not.
const MAX_SENT_FRAMES: u32 = 12;

/// Effect of the brush on a weight.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Brush {
    Set,
    Add,
    Subtract,
}

/// Subject of the strokes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Paints {
    /// The filter's weights, at once.
    Weights,
    /// The kernel toward which the loss pulls them.
    Goal,
}

/// The painted filter, and the brush.
pub(super) struct Painter {
    /// Numbers of its layer and itself.
    filter: (u32, u32),
    paints: Paints,
    /// Channel that is shown; none for three as red, green and blue.
    channel: Option<usize>,
    brush: Brush,
    value: f32,
    size: usize,
    /// New values of the stroke under way.
    stroke: BTreeMap<usize, f32>,
    /// The stroke was given up while the button was held.
    given_up: bool,
    /// Cell of the stroke's last point.
    last: Option<[usize; 2]>,
    /// Values that were sent, until they are read back, and the frames since.
    sent: BTreeMap<usize, f32>,
    sent_frames: u32,
}

impl Painter {
    pub(super) fn new(filter: (u32, u32)) -> Self {
        Self {
            filter,
            paints: Paints::Weights,
            channel: Some(0),
            brush: Brush::Add,
            value: 0.1,
            size: 1,
            stroke: BTreeMap::new(),
            given_up: false,
            last: None,
            sent: BTreeMap::new(),
            sent_frames: 0,
        }
    }

    /// Numbers of the layer of the filter that is painted, and of itself.
    pub(super) fn filter(&self) -> (u32, u32) {
        self.filter
    }

    /// Gives up the stroke under way; without one, the painter is gone.
    pub(super) fn left(mut self) -> Option<Self> {
        let strokes = !std::mem::take(&mut self.stroke).is_empty();
        (self.given_up, self.last) = (strokes, None);
        strokes.then_some(self)
    }

    /// The window; returns whether it stays open.
    pub(super) fn ui(&mut self, ui: &Ui, cx: &mut Cx<'_, '_>) -> bool {
        let Some((title, kernel, weights)) = self.find(cx.session) else { return false };
        let readable = weights.size <= 4 * MAX_WEIGHTS as u64;
        cx.frame.request_weights(self.filter, weights);
        let bias = cx.session.trainer().bias(self.filter);
        bias.into_iter().for_each(|bias| cx.frame.request_bias(self.filter, bias));
        if cx.session.is_travelling() {
            // What was sent is undone, or of another moment.
            self.sent.clear();
        }
        let read = cx.selection.weights.take();
        let values = read.filter(|(of, _)| *of == self.filter).map(|(_, values)| values);
        let mut open = true;
        let beside =
            ui.input(|i| i.pointer.latest_pos()).unwrap_or(ui.max_rect().center()) + Vec2::new(60.0, -60.0);
        let window = egui::Window::new(title).id(egui::Id::unique("paint")).default_pos(beside);
        window.open(&mut open).resizable(false).collapsible(false).show(ui.ctx(), |ui| match &values {
            Some(values) => self.content_ui(ui, cx, kernel, values),
            None if readable => drop(ui.weak("Reading its weights…")),
            None => drop(ui.weak(format!("It has more than {MAX_WEIGHTS} weights, too many to paint"))),
        });
        cx.selection.weights = values.map(|values| (self.filter, values));
        open
    }

    /// The filter in the network: title, kernel, and where its weights are.
    fn find(&self, session: &Session) -> Option<(String, Kernel, BufferRange)> {
        let network = &session.trainer().network;
        let (layer, filter) = self.filter;
        let index = network.layer_index(layer).ok()?;
        let place = network.filter_index(index, filter).ok()?;
        let view = session.trainer().weights(index + 1)?;
        let [_, channels, rows, columns] = view.extents;
        let len = u64::from(channels * rows * columns);
        let first = u64::from(view.offset) + place as u64 * len;
        let title = format!("Paint filter {filter} of {}", network.layers[index].name);
        Some((title, Kernel::of(view.extents), BufferRange::new(&view.buffer, 4 * first, 4 * len)))
    }

    fn content_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>, kernel: Kernel, read: &[f32]) {
        let network = &cx.session.trainer().network;
        let goal = kernel_goal(network, self.filter).map(|(kernel, _)| kernel);
        self.paints_ui(ui, cx, read);
        let read = goal.filter(|_| self.paints == Paints::Goal).unwrap_or(read);
        self.forget_sent(read);
        let mut values = read.to_vec();
        self.sent.iter().filter(|(at, _)| **at < read.len()).for_each(|(at, value)| values[*at] = *value);
        let largest = values.iter().fold(1e-6_f32, |most, value| most.max(value.abs()));
        self.channels_ui(ui, cx, kernel);
        self.brush_ui(ui, cx);
        let side = SIDE / kernel.rows.max(kernel.columns) as f32;
        let size = Vec2::new(kernel.columns as f32, kernel.rows as f32) * side;
        let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
        cx.mark("paint kernel", &response);
        let under = self.paint(&response, rect, kernel, &values);
        self.stroke.iter().for_each(|(at, value)| values[*at] = *value);
        for (cell, at) in self.cells(kernel, values.len()) {
            let corner = rect.min + Vec2::new(cell[1] as f32, cell[0] as f32) * side;
            let pixel =
                Rect::from_min_size(corner, Vec2::splat(side)).shrink(if side > 8.0 { 0.5 } else { 0.0 });
            ui.painter().rect_filled(pixel, 0.0, color(&at, &values, largest));
        }
        let text = match under.filter(|(at, _)| *at < values.len()) {
            Some((at, [y, x])) => format!("y {y}, x {x}: {}", short(f64::from(values[at]))),
            None => format!("largest magnitude {}", short(f64::from(largest))),
        };
        ui.label(RichText::new(text).small().color(theme::muted()));
        self.last_row_ui(ui, cx);
        if !response.is_pointer_button_down_on() && !self.stroke.is_empty() {
            self.send(cx, &values);
        }
    }

    /// The choice between the filter's weights and its goal.
    fn paints_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>, read: &[f32]) {
        ui.horizontal(|ui| {
            for (paints, name, hover) in [
                (Paints::Weights, "weights", "Strokes change the filter at once"),
                (
                    Paints::Goal,
                    "become this",
                    "Strokes paint a kernel that the filter is to become: from then on the loss pulls it there. It begins as the filter is",
                ),
            ] {
                let response = ui.selectable_label(self.paints == paints, name).on_hover_text(hover);
                cx.mark(format!("paint {name}"), &response);
                if response.clicked() && self.paints != paints {
                    self.paints = paints;
                    self.sent.clear();
                }
            }
        });
        if self.paints == Paints::Goal {
            kernel_goal_ui(ui, cx, self.filter, read);
        }
    }

    /// The channel that is shown.
    fn channels_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>, kernel: Kernel) {
        self.channel = self.channel.map(|channel| channel.min(kernel.channels - 1));
        if kernel.channels == 1 {
            return;
        }
        ui.horizontal(|ui| {
            ui.weak("input channel");
            if kernel.channels > MAX_BUTTONS {
                let mut channel = self.channel.unwrap_or(0);
                ui.add(DragValue::new(&mut channel).range(0..=kernel.channels - 1).speed(0.1));
                self.channel = Some(channel);
                return;
            }
            for channel in 0..kernel.channels {
                let response = ui.selectable_label(self.channel == Some(channel), channel.to_string());
                cx.mark(format!("paint channel {channel}"), &response);
                if response.clicked() {
                    self.channel = Some(channel);
                }
            }
            if kernel.channels == 3 {
                let hover = "All three as red, green and blue: gray is 0. The brush paints all of them";
                let response = ui.selectable_label(self.channel.is_none(), "RGB").on_hover_text(hover);
                cx.mark("paint RGB", &response);
                if response.clicked() {
                    self.channel = None;
                }
            }
        });
    }

    /// The bias, and a button that undoes.
    fn last_row_ui(&self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let (layer, filter) = self.filter;
        ui.horizontal(|ui| {
            if let Some((_, bias)) = cx.selection.bias.filter(|(of, _)| *of == self.filter) {
                let hover = "Number added to what the weights make of every place of the image";
                ui.label("bias").on_hover_text(hover);
                let mut edited = wide_field_ui(ui, "bias", rounded(bias, DIGITS), BIAS_WIDTH);
                edited.response = edited.response.on_hover_text(hover);
                cx.number("paint bias", edited, |bias| {
                    let edit = WeightEdit { layer, filter, at: Vec::new(), bias: Some(bias) };
                    NetworkCommand::EditWeights(edit)
                });
            }
            let last = cx.session.timeline().undo;
            let hover = format!("Undo (Ctrl+Z): {}", last.as_deref().unwrap_or("nothing was done"));
            let undo = ui.add_enabled(last.is_some(), Button::new("Undo")).on_hover_text(hover);
            cx.mark("paint undo", &undo);
            if undo.clicked() {
                cx.send(Control::Time(TimeControl::Undo));
            }
        });
    }

    fn brush_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        ui.horizontal(|ui| {
            for (brush, name, hover) in [
                (Brush::Add, "brighter", "Adds the amount to a weight, once a stroke"),
                (Brush::Subtract, "darker", "Takes the amount from a weight, once a stroke"),
                (Brush::Set, "set", "Sets a weight to the amount"),
            ] {
                let response = ui.selectable_label(self.brush == brush, name).on_hover_text(hover);
                cx.mark(format!("paint {name}"), &response);
                if response.clicked() {
                    self.brush = brush;
                }
            }
            let amount = DragValue::new(&mut self.value).speed(0.005).max_decimals(4);
            let response = ui.add(amount).on_hover_text("Amount: drag it, or click to type");
            cx.mark("paint amount", &response);
        });
        ui.horizontal(|ui| {
            ui.weak("brush");
            for size in 1..=3 {
                let response = ui.selectable_label(self.size == size, format!("{size}×{size}"));
                cx.mark(format!("paint size {size}"), &response);
                if response.clicked() {
                    self.size = size;
                }
            }
        });
    }

    /// Cells of the kernel, `[y, x]`, each with the weights that it shows.
    fn cells(&self, kernel: Kernel, len: usize) -> impl Iterator<Item = ([usize; 2], Vec<usize>)> {
        let channels = self.channel.map_or(0..kernel.channels, |channel| channel..channel + 1);
        let plane = kernel.rows * kernel.columns;
        (0..plane).filter_map(move |pixel| {
            let at: Vec<usize> =
                channels.clone().map(|channel| channel * plane + pixel).filter(|at| *at < len).collect();
            (!at.is_empty()).then_some(([pixel / kernel.columns, pixel % kernel.columns], at))
        })
    }

    /// Adds what the pointer passed to the stroke; returns the weight under it, and its row and column.
    fn paint(
        &mut self,
        response: &Response,
        rect: Rect,
        kernel: Kernel,
        values: &[f32],
    ) -> Option<(usize, [usize; 2])> {
        let pressed = response.is_pointer_button_down_on();
        self.given_up &= pressed;
        let down = pressed && !self.given_up;
        let pos = response.hover_pos().or(response.interact_pointer_pos().filter(|_| down))?;
        let cell = cell_at(pos, rect, kernel);
        if down {
            for point in line(self.last.unwrap_or(cell), cell) {
                self.dab(point, kernel, values);
            }
            self.last = Some(cell);
        }
        let first = self.channel.unwrap_or(0) * kernel.rows * kernel.columns;
        Some((first + cell[0] * kernel.columns + cell[1], cell))
    }

    /// Paints the cells under the brush, each once a stroke.
    fn dab(&mut self, center: [usize; 2], kernel: Kernel, values: &[f32]) {
        let (before, after) = ((self.size - 1) / 2, self.size / 2);
        let under =
            |cell: [usize; 2]| (0..2).all(|i| cell[i] + before >= center[i] && cell[i] <= center[i] + after);
        for (_, at) in self.cells(kernel, values.len()).filter(|(cell, _)| under(*cell)).collect::<Vec<_>>() {
            for at in at {
                let new = match self.brush {
                    Brush::Set => self.value,
                    Brush::Add => values[at] + self.value,
                    Brush::Subtract => values[at] - self.value,
                };
                self.stroke.entry(at).or_insert(new);
            }
        }
    }

    /// Sends the stroke; `values` are all weights with it.
    fn send(&mut self, cx: &mut Cx<'_, '_>, values: &[f32]) {
        let stroke = std::mem::take(&mut self.stroke);
        self.last = None;
        let at = stroke.iter().map(|(at, value)| (*at as u32, *value)).collect();
        let (layer, filter) = self.filter;
        cx.send(match self.paints {
            Paints::Weights => NetworkCommand::EditWeights(WeightEdit { layer, filter, at, bias: None }),
            Paints::Goal => pull_toward(&cx.session.trainer().network, self.filter, values.to_vec()),
        });
        self.sent.extend(stroke);
        self.sent_frames = 0;
    }

    /// Shows what is read instead of what was sent, once it is there, or was learnt over.
    fn forget_sent(&mut self, read: &[f32]) {
        self.sent_frames += 1;
        let arrived = self.sent.iter().all(|(at, value)| read.get(*at) == Some(value));
        if arrived || self.sent_frames > MAX_SENT_FRAMES {
            self.sent.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stroke_has_no_gaps_and_paints_a_cell_once() {
        assert_eq!(line([2, 2], [2, 2]).collect::<Vec<_>>(), [[2, 2]]);
        assert_eq!(line([0, 0], [1, 3]).collect::<Vec<_>>(), [[0, 0], [0, 1], [1, 2], [1, 3]]);
        let kernel = Kernel::of([9, 2, 3, 3]);
        let mut painter = Painter::new((0, 0));
        (painter.channel, painter.size, painter.value) = (Some(1), 2, 0.5);
        let values: Vec<f32> = (0..18).map(|i| i as f32).collect();
        painter.dab([2, 1], kernel, &values);
        painter.dab([2, 2], kernel, &values);
        let expected = [(16, 16.5), (17, 17.5)];
        assert_eq!(painter.stroke.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_weights_of_a_dense_layer_are_all_there() {
        let kernel = Kernel::of([10, 7, 1, 1]);
        assert_eq!(kernel, Kernel { channels: 1, rows: 3, columns: 3 });
        let cells: Vec<_> = Painter::new((0, 0)).cells(kernel, 7).collect();
        assert_eq!((cells.len(), &cells[6]), (7, &([2, 0], vec![6])));
    }
}
