//! The making of one pixel of a map by a layer without kernels, for the pinned probe: the maps that it reads, the values in them, and the arithmetic
//! as the layer tells it.

use egui::{DragValue, Rect, RichText, Sense, Ui, Vec2};

use super::tiles::{fitted, frame_ui, pixel_at, pointed};
use crate::app::format::short;
use crate::app::frame::MAX_VALUES;
use crate::app::pane::Cx;
use crate::app::theme;
use crate::app::tile_set::{Intermediate, TileId, TileSetId};
use crate::error::Result;
use crate::gpu::TensorView;
use crate::nn::{NetworkLayer, Recipe};
use crate::session::Session;
use crate::view::{Style, TileSet};

/// Longer side of a map, in points.
const SIDE: f32 = 84.0;
/// Input maps that are shown at most, and values in a row of the list.
const MAX_MAPS: usize = 5;
const ROW: usize = 8;
/// Size of numbers, in points.
const NUMBER: f32 = 10.5;

/// The recipe of one pixel.
pub(super) struct LayerRecipe {
    tile: TileId,
    pixel: [u32; 2],
    recipe: Recipe,
}

impl LayerRecipe {
    /// Of a pixel of a tile; none where the layer has none, or the pixel is not there.
    pub(super) fn new(session: &Session, tile: TileId, pixel: [u32; 2]) -> Option<Self> {
        let layer = session.trainer().network.layers.get(tile.node.checked_sub(1)?)?;
        let (channel, [y, x]) = (tile.tile as usize, pixel.map(|at| at as usize));
        let output = layer.output;
        let inside = channel < output.channels && y < output.height && x < output.width;
        let recipe = layer.layer.recipe(&layer.input_shapes, [channel, y, x]).filter(|_| inside)?;
        Some(Self { tile, pixel, recipe })
    }

    fn layer<'s>(&self, session: &'s Session) -> &'s NetworkLayer {
        &session.trainer().network.layers[self.tile.node - 1]
    }

    /// Buffer and element of all that it reads: values, parameters, and the output last.
    fn elements(&self, session: &Session) -> Vec<(wgpu::Buffer, u32)> {
        let trainer = session.trainer();
        let layer = self.layer(session);
        let element = |node: usize, [c, y, x]: [u32; 3]| {
            let view = trainer.activations(node, 0);
            let at = view.element([c, 0, y, x]);
            (view.buffer, at)
        };
        let values = self.recipe.values.iter();
        let mut all: Vec<_> =
            values.map(|(input, at)| element(layer.inputs[*input], at.map(|at| at as u32))).collect();
        let offsets = &trainer.parameters.offsets[self.tile.node - 1];
        let parameters = self.recipe.parameters.iter();
        all.extend(parameters.map(|[tensor, index]| {
            (trainer.parameters.values.raw().clone(), (offsets[*tensor] + index) as u32)
        }));
        let [y, x] = self.pixel;
        all.push(element(self.tile.node, [self.tile.tile, y, x]));
        all
    }

    /// The maps that it reads, as input and channel, at most [`MAX_MAPS`]; and their number.
    fn maps(&self) -> (Vec<(usize, usize)>, usize) {
        let mut maps: Vec<(usize, usize)> =
            self.recipe.values.iter().map(|(input, [c, ..])| (*input, *c)).collect();
        maps.dedup();
        let count = maps.len();
        maps.truncate(MAX_MAPS);
        (maps, count)
    }

    /// Maps, values and arithmetic; the pointer moves the pixel.
    pub(super) fn ui(&self, ui: &mut Ui, cx: &mut Cx<'_, '_>, pixel: &mut [u32; 2]) -> Result<()> {
        let layer = self.layer(cx.session);
        let summary = format!("{}: {}", layer.layer.kind(), layer.layer.summary());
        ui.label(RichText::new(summary).small().color(theme::muted()));
        self.maps_ui(ui, cx, pixel)?;
        let [height, width] = [layer.output.height as u32, layer.output.width as u32];
        ui.horizontal(|ui| {
            let [row, column] = pixel;
            for (name, value, most) in [("row", row, height - 1), ("column", column, width - 1)] {
                let label = ui.label(RichText::new(name).small().color(theme::muted()));
                let response = ui.add(DragValue::new(value).range(0..=most).speed(0.1)).labelled_by(label.id);
                cx.mark(format!("intermediate {name}"), &response);
            }
        });
        let elements = self.elements(cx.session);
        if elements.len() > MAX_VALUES {
            ui.weak(format!("{} values, too many to list", self.recipe.values.len()));
            return Ok(());
        }
        let of = (self.tile, self.pixel[0] * width + self.pixel[1], 0);
        let count = elements.len();
        cx.frame.request_values(of, elements);
        let read =
            cx.selection.terms.as_ref().filter(|(shown, numbers)| *shown == of && numbers.len() == count);
        match read {
            Some((_, numbers)) => {
                self.numbers_ui(ui, &numbers.iter().copied().map(f64::from).collect::<Vec<_>>())
            }
            None => drop(ui.weak("…")),
        }
        Ok(())
    }

    fn maps_ui(&self, ui: &mut Ui, cx: &mut Cx<'_, '_>, pixel: &mut [u32; 2]) -> Result<()> {
        let trainer = cx.session.trainer();
        let layer = self.layer(cx.session);
        let mut declare = |part, node| -> Result<TensorView> {
            let view = trainer.activations(node, 0);
            let set = TileSet { view: view.clone(), style: Style::Signed };
            cx.frame.declare(TileSetId::Intermediate(part), &set)?;
            Ok(view)
        };
        let output = declare(Intermediate::Output, self.tile.node)?;
        let (maps, count) = self.maps();
        let mut shown = Vec::new();
        for (input, channel) in maps {
            let view = declare(Intermediate::Input(input), layer.inputs[input])?;
            shown.push((Intermediate::Input(input), channel as u32, view));
        }
        let caption = match count - shown.len() {
            0 => "input, output".to_owned(),
            more => format!("input, and {more} more maps; output"),
        };
        ui.label(RichText::new(caption).small().color(theme::muted()));
        let size = Vec2::new((shown.len() + 1) as f32 * (SIDE + 6.0) + 20.0, SIDE);
        let (row, response) = ui.allocate_exact_size(size, Sense::click());
        cx.mark("intermediate output", &response);
        let place = |x: f32, view: &TensorView| {
            let cell = Rect::from_min_size(row.min + Vec2::new(x, 0.0), Vec2::splat(SIDE));
            fitted(cell, [view.height(), view.width()])
        };
        let mark = cx.frame.begin();
        let mut frames = Vec::new();
        for (i, (part, channel, view)) in shown.iter().enumerate() {
            let rect = place(i as f32 * (SIDE + 6.0), view);
            cx.frame.place(ui, TileSetId::Intermediate(*part), *channel, rect);
            frames.push((rect, view, *part, *channel));
        }
        let out = place(size.x - SIDE, &output);
        cx.frame.place(ui, TileSetId::Intermediate(Intermediate::Output), self.tile.tile, out);
        cx.frame.paint(ui, row.intersect(ui.clip_rect()), mark);
        for (rect, view, part, channel) in frames {
            let read = |(input, [c, ..]): &&(usize, [usize; 3])| {
                (Intermediate::Input(*input), *c as u32) == (part, channel)
            };
            let read = self.recipe.values.iter().filter(read).map(|(_, [_, y, x])| [*y..*y + 1, *x..*x + 1]);
            let around =
                read.reduce(|a, b| [0, 1].map(|i| a[i].start.min(b[i].start)..a[i].end.max(b[i].end)));
            if let Some(field) = around {
                frame_ui(ui, rect, [view.height() as usize, view.width() as usize], &field);
            }
        }
        let [y, x] = self.pixel.map(|at| at as usize);
        frame_ui(ui, out, [output.height() as usize, output.width() as usize], &[y..y + 1, x..x + 1]);
        *pixel = pointed(ui, &response).and_then(|at| pixel_at(at, out, &output)).unwrap_or(*pixel);
        Ok(())
    }

    /// The values that go in, the steps, and the output as the network has it.
    fn numbers_ui(&self, ui: &mut Ui, numbers: &[f64]) {
        ui.spacing_mut().item_spacing.y = 2.0;
        let (values, rest) = numbers.split_at(self.recipe.values.len());
        let (parameters, output) = rest.split_at(self.recipe.parameters.len());
        let line = |ui: &mut Ui, text: String| drop(ui.label(RichText::new(text).monospace().size(NUMBER)));
        ui.label(RichText::new("values that go in").small().color(theme::muted()));
        let area = egui::ScrollArea::vertical().max_height(120.0).id_salt("values");
        let across = match self.recipe.values.as_slice() {
            [(_, [_, first, _]), rest @ ..] => {
                1 + rest.iter().take_while(|(_, [_, y, _])| y == first).count()
            }
            [] => 1,
        };
        area.show(ui, |ui| {
            for row in values.chunks(across.min(ROW)) {
                let row: Vec<String> = row.iter().map(|value| format!("{:>9}", short(*value))).collect();
                line(ui, row.concat());
            }
        });
        ui.add_space(4.0);
        for step in self.recipe.steps(values, parameters) {
            line(ui, format!("{:<40} {:>12.6}", step.text, step.value));
        }
        let output = output.first().copied().unwrap_or(f64::NAN);
        line(ui, format!("= output {output:>44.6}"));
    }
}
