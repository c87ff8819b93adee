//! The steps by which a filter computes its map, as CNN Explainer shows them, while it trains: each input map, its kernel and their product, then the sum,
//! the bias and the output; and one output pixel in numbers.

use egui::{DragValue, Pos2, Rect, RichText, Sense, Ui, Vec2};

use super::flow::kernel_set;
use super::recipe::LayerRecipe;
use super::tiles::{fitted, frame_ui, pixel_at, pointed};
use crate::app::actions::layer_of;
use crate::app::format::short;
use crate::app::pane::Cx;
use crate::app::theme;
use crate::app::tile_set::{Intermediate, TileId, TileSetId};
use crate::error::Result;
use crate::gpu::TensorView;
use crate::nn::{Channels, Pixels};
use crate::session::{LayerId, Session};
use crate::view::flow::products::{ProductSet, Terms};
use crate::view::{Style, TileSet};

/// Longer side of a map, and height of a row, in points.
const SIDE: f32 = 56.0;
const ROW: f32 = SIDE + 6.0;
/// Longer side of sum and output, in points.
const LARGE: f32 = 96.0;
/// Most rows and columns of a kernel that is shown in numbers.
const MAX_NUMBERS: u32 = 7;
/// Width of a number with its weight, in points.
const CELL: f32 = 50.0;
/// Size of numbers, in points.
const NUMBER: f32 = 10.5;

/// The way in which a tile's layer makes its map.
enum Computation {
    /// By kernels: products of maps, added up.
    Products(Box<ProductSet>),
    /// Value by value.
    Recipe(LayerRecipe),
}

/// The tile whose computation is shown.
pub(super) struct Intermediates {
    layer: LayerId,
    tile: TileId,
    /// Output pixel in focus, row and column.
    pixel: [u32; 2],
    /// Channel whose products are shown in numbers, of those that the filter sees.
    channel: u32,
}

impl Intermediates {
    /// Of a tile that a layer makes. None for the image.
    pub(super) fn new(session: &Session, tile: TileId) -> Option<Self> {
        let layer = layer_of(session, tile.node)?;
        let output = session.trainer().network.layers[tile.node - 1].output;
        let pixel = [output.height as u32 / 2, output.width as u32 / 2];
        Some(Self { layer, tile, pixel, channel: 0 })
    }

    /// The tile.
    pub(super) fn tile(&self) -> TileId {
        self.tile
    }

    /// The pixels that the pixel in focus reads, by node up to that of the tile; none where the network has changed.
    pub(super) fn receptive_fields(&self, session: &Session) -> Option<Vec<Option<Pixels>>> {
        self.shown(session)?;
        let pixel = self.pixel.map(|at| at as usize);
        Some(session.trainer().network.receptive_fields(self.tile.node, pixel))
    }

    /// The computation that is shown of the tile; none where it is no longer there.
    fn shown(&self, session: &Session) -> Option<Computation> {
        if layer_of(session, self.tile.node) != Some(self.layer) {
            return None;
        }
        let products = self.product_set(session).map(Box::new).map(Computation::Products);
        products.or_else(|| LayerRecipe::new(session, self.tile, self.pixel).map(Computation::Recipe))
    }

    fn product_set(&self, session: &Session) -> Option<ProductSet> {
        let trainer = session.trainer();
        let (index, node) = (self.tile.node - 1, self.tile.node);
        let layer = &trainer.network.layers[index];
        let Channels::Made { groups } = layer.layer.channels() else { return None };
        let source = *layer.inputs.first()?;
        let kernels = kernel_set(session, (layer, node), source, groups)?.kernels?;
        let bias = trainer.parameters.offsets[index].get(1).map(|offset| *offset as u32 + self.tile.tile);
        let [height, width] = kernels.output;
        let inside = self.pixel[0] < height && self.pixel[1] < width;
        let there = self.tile.tile < kernels.weights.tiles() && self.channel < kernels.weights.channels();
        (inside && there).then(|| ProductSet {
            maps: trainer.activations(source, 0),
            filter: self.tile.tile,
            bias,
            focus: (self.pixel[0] * width + self.pixel[1], self.channel),
            kernels,
        })
    }

    /// The window; returns whether it stays open.
    pub(super) fn ui(&mut self, ui: &Ui, cx: &mut Cx<'_, '_>) -> bool {
        let Some(computation) = self.shown(cx.session) else { return false };
        let name = &cx.session.layers()[self.tile.node].name;
        let title = format!("How {name} computes map {}", self.tile.tile);
        let mut open = true;
        let room = ui.ctx().content_rect().size() - Vec2::new(40.0, 80.0);
        let window = egui::Window::new(title).id(egui::Id::unique("intermediates")).open(&mut open);
        let at = ui.ctx().content_rect().center_bottom() - Vec2::new(300.0, 590.0);
        window
            .default_pos(at)
            .default_size(Vec2::new(610.0, 470.0).min(room))
            .max_size(room)
            .collapsible(false)
            .show(ui.ctx(), |ui| {
                let shown = match &computation {
                    Computation::Products(set) => self.content_ui(ui, cx, set),
                    Computation::Recipe(recipe) => recipe.ui(ui, cx, &mut self.pixel),
                };
                cx.report(shown);
            });
        open
    }

    fn content_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>, set: &ProductSet) -> Result<()> {
        let [products, totals] = cx.frame.show_products(self.tile, set)?;
        let maps = set.map_view();
        for (part, view) in [
            (Intermediate::Maps, maps.clone()),
            (Intermediate::Kernels, set.kernel_view()),
            (Intermediate::Products, products.clone()),
            (Intermediate::Totals, totals.clone()),
        ] {
            let set = TileSet { view, style: Style::Signed };
            cx.frame.declare(TileSetId::Intermediate(part), &set)?;
        }
        egui::ScrollArea::horizontal().show(ui, |ui| {
            ui.horizontal_top(|ui| {
                ui.vertical(|ui| self.channels_ui(ui, cx, set, &products));
                ui.separator();
                egui::ScrollArea::vertical().id_salt("output").show(ui, |ui| {
                    ui.vertical(|ui| self.output_ui(ui, cx, set, &totals));
                });
            });
        });
        Ok(())
    }

    /// A row a channel: map × kernel = product.
    fn channels_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>, set: &ProductSet, products: &TensorView) {
        let width = 3.0 * SIDE + 80.0;
        ui.set_width(width);
        ui.label(RichText::new("input map  ×  kernel  =  product").small().color(theme::muted()));
        let count = set.channels() as usize;
        let height = (ROW * count as f32).min(ui.available_height().max(4.0 * ROW));
        let area = egui::ScrollArea::vertical().max_height(height).auto_shrink([false, true]);
        area.show_rows(ui, SIDE, count, |ui, rows| {
            for channel in rows.start as u32..rows.end as u32 {
                self.channel_ui(ui, cx, set, products, channel);
            }
        });
    }

    fn channel_ui(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_, '_>,
        set: &ProductSet,
        products: &TensorView,
        channel: u32,
    ) {
        let (row, _) = ui.allocate_exact_size(Vec2::new(3.0 * SIDE + 66.0, SIDE), Sense::hover());
        let (maps, kernels) = (set.map_view(), set.kernel_view());
        let color = if channel == self.channel { theme::accent() } else { theme::muted() };
        let text = |x: f32, text: &str, color| {
            let font = egui::FontId::proportional(12.0);
            let at = Pos2::new(row.left() + x, row.center().y);
            ui.painter().text(at, egui::Align2::CENTER_CENTER, text, font, color);
        };
        text(14.0, &(set.first_channel() + channel).to_string(), color);
        text(40.0 + SIDE, "×", theme::text());
        text(56.0 + 2.0 * SIDE, "=", theme::text());
        let place = |x: f32, view: &TensorView| {
            let cell = Rect::from_min_size(row.min + Vec2::new(x, 0.0), Vec2::splat(SIDE));
            fitted(cell, [view.height(), view.width()])
        };
        let rects = [place(30.0, &maps), place(48.0 + SIDE, &kernels), place(64.0 + 2.0 * SIDE, products)];
        let parts = [Intermediate::Maps, Intermediate::Kernels, Intermediate::Products];
        tiles_ui(ui, cx, &rects.into_iter().zip(parts).collect::<Vec<_>>(), channel, row);
        let field = self.field(cx.session);
        if let Some(field) = field {
            frame_ui(ui, rects[0], [maps.height() as usize, maps.width() as usize], &field);
        }
        self.pixel_ui(ui, rects[2], products);
        let response = ui.interact(row, ui.scope_id().with(("channel", channel)), Sense::click());
        let Some(at) = pointed(ui, &response) else { return };
        self.channel = channel;
        self.pixel = pixel_at(at, rects[2], products).unwrap_or(self.pixel);
    }

    /// Sum, bias and output, and the pixel in focus in numbers.
    fn output_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>, set: &ProductSet, totals: &TensorView) {
        let key = (self.tile, set.focus.0, set.focus.1);
        let read = cx.selection.terms.as_ref().filter(|(of, _)| *of == key);
        let terms = read.and_then(|(_, numbers)| Terms::read(numbers, set.channels() as usize));
        let bias =
            terms.as_ref().map_or("…".to_owned(), |terms| short(f64::from(terms.sum_bias_output[1])));
        let head = format!("sum of the products   + bias {bias}   = output");
        ui.label(RichText::new(head).small().color(theme::muted()));
        let size = Vec2::new(2.0 * LARGE + 24.0, LARGE);
        let (row, response) = ui.allocate_exact_size(size, Sense::click());
        cx.mark("intermediate output", &response);
        let place = |x: f32| {
            let cell = Rect::from_min_size(row.min + Vec2::new(x, 0.0), Vec2::splat(LARGE));
            fitted(cell, [totals.height(), totals.width()])
        };
        let rects = [place(0.0), place(LARGE + 24.0)];
        let mark = cx.frame.begin();
        for (tile, rect) in (0..).zip(rects) {
            cx.frame.place(ui, TileSetId::Intermediate(Intermediate::Totals), tile, rect);
        }
        cx.frame.paint(ui, row, mark);
        for rect in rects {
            self.pixel_ui(ui, rect, totals);
            let pixel = pointed(ui, &response).and_then(|at| pixel_at(at, rect, totals));
            self.pixel = pixel.unwrap_or(self.pixel);
        }
        self.choose_ui(ui, cx, set);
        match terms {
            Some(terms) => self.numbers_ui(ui, set, &terms),
            None => drop(ui.weak("…")),
        }
    }

    /// The pixel and the channel in focus, by the keyboard too.
    fn choose_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>, set: &ProductSet) {
        let [height, width] = set.kernels.output;
        let last = set.channels() - 1;
        ui.horizontal(|ui| {
            let [row, column] = &mut self.pixel;
            for (name, value, most) in [
                ("row", row, height - 1),
                ("column", column, width - 1),
                ("channel", &mut self.channel, last),
            ] {
                let label = ui.label(RichText::new(name).small().color(theme::muted()));
                let response = ui.add(DragValue::new(value).range(0..=most).speed(0.1)).labelled_by(label.id);
                cx.mark(format!("intermediate {name}"), &response);
            }
        });
    }

    /// Kernel × patch, and what they add up to.
    fn numbers_ui(&self, ui: &mut Ui, set: &ProductSet, terms: &Terms) {
        ui.spacing_mut().item_spacing.y = 2.0;
        let [sum, bias, output] = terms.sum_bias_output.map(f64::from);
        let own = terms.products.get(self.channel as usize).copied().map_or(0.0, f64::from);
        let channel = set.first_channel() + self.channel;
        let columns = set.kernel_view().width();
        ui.label(RichText::new(format!("channel {channel}: value × weight")).small().color(theme::muted()));
        if columns.max(set.kernel_view().height()) > MAX_NUMBERS {
            ui.weak(format!("{} products of a kernel, too many to list", set.taps()));
        } else {
            let spacing = Vec2::new(4.0, 3.0);
            egui::Grid::new("kernel × patch").min_col_width(CELL).spacing(spacing).show(ui, |ui| {
                for (tap, (value, weight)) in (1..).zip(terms.values.iter().zip(&terms.weights)) {
                    let color = if *value == 0.0 { theme::muted() } else { theme::text() };
                    ui.vertical(|ui| {
                        ui.spacing_mut().item_spacing.y = 0.0;
                        for text in [short(f64::from(*value)), format!("×{}", short(f64::from(*weight)))] {
                            ui.label(RichText::new(text).monospace().size(NUMBER).color(color));
                        }
                    });
                    if tap % columns == 0 {
                        ui.end_row();
                    }
                }
            });
        }
        let line = |ui: &mut Ui, text: String| drop(ui.label(RichText::new(text).monospace().size(NUMBER)));
        line(ui, format!("channel {channel}  {own:>12.6}"));
        if set.channels() > 1 {
            line(ui, format!("{} others  {:>11.6}", set.channels() - 1, sum - own));
        }
        line(ui, format!("+ bias      {bias:>10.6}"));
        line(ui, format!("= output    {output:>10.6}"));
    }

    /// The part of the input maps that the pixel in focus reads.
    fn field(&self, session: &Session) -> Option<Pixels> {
        let layer = &session.trainer().network.layers[self.tile.node - 1];
        let (shape, [y, x]) = (*layer.input_shapes.first()?, self.pixel.map(|at| at as usize));
        Some(layer.layer.receptive_field(shape).reads([y..y + 1, x..x + 1], shape))
    }

    /// Frames the pixel in focus.
    fn pixel_ui(&self, ui: &Ui, rect: Rect, view: &TensorView) {
        let [y, x] = self.pixel.map(|at| at as usize);
        frame_ui(ui, rect, [view.height() as usize, view.width() as usize], &[y..y + 1, x..x + 1]);
    }
}

/// Paints tile `tile` of each of these sets.
fn tiles_ui(ui: &Ui, cx: &mut Cx<'_, '_>, sets: &[(Rect, Intermediate)], tile: u32, area: Rect) {
    let mark = cx.frame.begin();
    for (rect, part) in sets {
        cx.frame.place(ui, TileSetId::Intermediate(*part), tile, *rect);
    }
    cx.frame.paint(ui, area.intersect(ui.clip_rect()), mark);
}
