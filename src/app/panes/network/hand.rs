//! The user's hand on the network: filters and layers added, split, merged, deleted, frozen.

use std::rc::Rc;

use egui::{Button, Rect, RichText, Ui, Vec2};
use toml::{Table, Value};

use crate::app::actions::{
    add_filter, delete, edit, edit_filter, filter_of, is_filter_frozen, is_frozen, layer_of, reset, split,
    toggle_filters, toggle_frozen,
};
use crate::app::number::field_ui;
use crate::app::pane::{Cx, asking};
use crate::app::soft_goals::pair_menu_ui;
use crate::app::theme;
use crate::app::tile_set::TileId;
use crate::nn::{Edit, PlainSetting, Surgery};
use crate::session::{Action, LayerId, NetworkCommand, Session, refusal};

/// Layers that can be put in, each with the settings of a usual one, as a network file has them: every kind that takes one input.
const LAYERS: [(&str, &str); 33] = [
    ("convolution 3×3", "kind = \"conv2d\"\nkernel = 3\npadding = 1"),
    ("convolution 1×1", "kind = \"conv2d\"\nkernel = 1"),
    ("transposed convolution 2×2, stride 2", "kind = \"conv_transpose2d\"\nkernel = 2\nstride = 2"),
    ("dense 64", "kind = \"dense\"\nunits = 64"),
    ("relu", "kind = \"relu\""),
    ("leaky relu", "kind = \"leaky_relu\""),
    ("prelu", "kind = \"prelu\""),
    ("elu", "kind = \"elu\""),
    ("gelu", "kind = \"gelu\""),
    ("silu", "kind = \"silu\""),
    ("hard swish", "kind = \"hard_swish\""),
    ("relu6", "kind = \"hardtanh\"\nmin = 0.0\nmax = 6.0"),
    ("hard sigmoid", "kind = \"hard_sigmoid\""),
    ("sigmoid", "kind = \"sigmoid\""),
    ("tanh", "kind = \"tanh\""),
    ("scale by ½", "kind = \"scale\"\nfactor = 0.5"),
    ("softmax", "kind = \"softmax\""),
    ("maxout of 2", "kind = \"maxout\"\ngroup = 2"),
    ("batch norm", "kind = \"batch_norm\""),
    ("layer norm of each pixel", "kind = \"layer_norm\""),
    ("layer norm of the whole map", "kind = \"group_norm\""),
    ("group norm, 2 groups", "kind = \"group_norm\"\ngroups = 2"),
    ("instance norm", "kind = \"instance_norm\""),
    ("local response norm", "kind = \"local_response_norm\""),
    ("dropout 0.25", "kind = \"dropout\"\nrate = 0.25"),
    ("max pooling 2×2", "kind = \"max_pool2d\"\nsize = 2"),
    ("average pooling 2×2", "kind = \"avg_pool2d\"\nsize = 2"),
    ("global average pooling", "kind = \"global_avg_pool2d\""),
    ("upsampling 2×", "kind = \"upsample\"\nfactor = 2"),
    ("upsampling 2×, bilinear", "kind = \"upsample\"\nfactor = 2\nmode = \"bilinear\""),
    ("zero padding 1", "kind = \"pad\"\ntop = 1\nbottom = 1\nleft = 1\nright = 1"),
    ("reflection padding 1", "kind = \"pad\"\ntop = 1\nbottom = 1\nleft = 1\nright = 1\nmode = \"reflect\""),
    ("flatten", "kind = \"flatten\""),
];
/// Sides of the small buttons in a head, in points.
const SMALL: Vec2 = Vec2::splat(15.0);

/// Changes that a layer allows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Offer {
    /// It makes channels, in a number that the user decides.
    filters: bool,
    /// It can be taken out.
    removal: bool,
}

/// Changes that the layers allow, by node.
#[derive(Default)]
pub(super) struct Offers {
    /// Number of changes of the network that they are for.
    version: Option<u32>,
    nodes: Vec<Offer>,
}

impl Offers {
    /// Looks at the network where it was changed.
    pub(super) fn follow(&mut self, session: &Session) {
        if self.version.replace(session.network_version()) == Some(session.network_version()) {
            return;
        }
        let network = &session.trainer().network;
        let can =
            |change: Edit| Surgery::of(network, &change).is_ok() && refusal(session, &edit(change)).is_none();
        let offer = |layer: &crate::nn::NetworkLayer| Offer {
            filters: !layer.filter_ids.is_empty() && can(Edit::AddFilter { layer: layer.id }),
            removal: can(Edit::RemoveLayer { layer: layer.id }),
        };
        self.nodes = std::iter::once(Offer::default()).chain(network.layers.iter().map(offer)).collect();
    }

    /// Changes that a node's layer allows.
    pub(super) fn of(&self, node: usize) -> Offer {
        self.nodes.get(node).copied().unwrap_or_default()
    }
}

/// A small button of a head.
fn small_button(ui: &mut Ui, text: &str, color: egui::Color32, hover: String) -> egui::Response {
    let text = RichText::new(text).small().color(color);
    ui.add(Button::new(text).min_size(SMALL).frame(false)).on_hover_text(hover)
}

/// The lock and the number of filters with − and +.
pub(super) fn hand_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, node: usize, offer: Offer) {
    let session = cx.session;
    let name = &session.layers()[node].name;
    let toggle = toggle_frozen(session, node);
    let widgets = if offer.filters { 46.0 } else { 0.0 } + if toggle.is_some() { 18.0 } else { 0.0 };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 1.0;
        ui.spacing_mut().button_padding = Vec2::ZERO;
        ui.add_space(((ui.available_width() - widgets) / 2.0).max(0.0));
        if offer.filters {
            let count = session.layers()[node].output[0] as u32;
            let selected = cx.selection.tile.filter(|tile| tile.node == node);
            let tile = selected.unwrap_or(TileId { node, tile: count - 1 });
            let which = if selected.is_some() { "the selected" } else { "the last" };
            let minus =
                small_button(ui, "−", theme::text(), format!("Delete {which} filter of {name} (Delete)"));
            cx.mark(format!("{name} −"), &minus);
            if minus.clicked() {
                send(cx, edit_filter(session, tile, delete));
            }
            ui.add_sized(
                Vec2::new(16.0, SMALL.y),
                egui::Label::new(RichText::new(count.to_string()).small()),
            );
            let hover =
                format!("Add a filter to {name} (A): nothing takes it yet, so the loss stays as it is");
            let plus = small_button(ui, "+", theme::text(), hover);
            cx.mark(format!("{name} +"), &plus);
            if plus.clicked() {
                send(cx, add_filter(session, node));
            }
        }
        if let Some(toggle) = toggle {
            let frozen = is_frozen(session, node);
            let (text, color, hover) = if frozen {
                ("🔒", theme::second(), format!("{name} is frozen: train it again (Shift+F)"))
            } else {
                (
                    "🔓",
                    theme::muted(),
                    format!("Freeze {name}: its parameters stay, and steps skip their gradients (Shift+F)"),
                )
            };
            let lock = small_button(ui, text, color, hover);
            cx.mark(format!("{name} lock"), &lock);
            if lock.clicked() {
                cx.send(toggle);
            }
        }
    });
}

fn send(cx: &mut Cx<'_, '_>, action: Option<Action>) {
    action.into_iter().for_each(|action| cx.send(action));
}

/// Entries of a column's menu that change its layer.
pub(super) fn layer_menu_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, node: usize, offer: Offer) {
    let Some(layer) = layer_of(cx.session, node) else { return };
    ui.separator();
    let removal = edit(Edit::RemoveLayer { layer: layer.0 });
    asking(ui, cx, removal.clone(), |ui, cx| {
        rate_ui(ui, cx, node, layer);
        settings_ui(ui, cx, node, layer);
        let remove = ui.add_enabled(offer.removal, Button::new("Remove this layer"));
        cx.mark("remove layer", &remove);
        let why = "The layers after it would not fit, or it joins several inputs";
        if remove.on_disabled_hover_text(why).clicked() {
            cx.send(removal);
            ui.close();
        }
    });
}

/// The factor of a layer's learning rate.
fn rate_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, node: usize, layer: LayerId) {
    if cx.session.layers()[node].parameters == 0 {
        return;
    }
    ui.horizontal(|ui| {
        let hover = "Factor of the learning rate for this layer alone; 1 is the rate of the run, 0 stops it";
        ui.label("learning rate ×").on_hover_text(hover);
        let factor = cx.session.trainer().network.layers[node - 1].rate_factor;
        let mut edited = field_ui(ui, "learning rate ×", factor);
        edited.response = edited.response.on_hover_text(hover);
        cx.number("layer rate", edited, |factor| NetworkCommand::SetLayerRate { layer, factor });
    });
}

/// The settings of a layer that can be changed while it trains.
fn settings_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, node: usize, layer: LayerId) {
    let of = Rc::clone(&cx.session.trainer().network.layers[node - 1].layer);
    let values = of.settings();
    for PlainSetting { name, about } in of.plain_settings() {
        let hover = format!("{about}; from the next step on");
        ui.horizontal(|ui| {
            ui.label(*name).on_hover_text(&hover);
            let set = |value: Value| {
                let settings = Table::from_iter([((*name).to_owned(), value)]);
                NetworkCommand::SetLayer { layer, settings }
            };
            let mark = format!("layer setting {name}");
            match values.get(*name) {
                Some(Value::Integer(value)) => {
                    let mut edited = field_ui(ui, name, *value as u32);
                    edited.response = edited.response.on_hover_text(hover);
                    cx.number(mark, edited, |value| set(Value::Integer(value.into())));
                }
                Some(Value::Float(value)) => {
                    let mut edited = field_ui(ui, name, *value as f32);
                    edited.response = edited.response.on_hover_text(hover);
                    cx.number(mark, edited, |value| set(Value::Float(decimal(value))));
                }
                _ => {}
            }
        });
    }
}

/// The number with the fewest digits that is this one as `f32`, for files that people read.
fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// A + between a column and the next: a list of the layers that fit there.
pub(super) fn insert_ui(ui: &mut Ui, head: Rect, cx: &mut Cx<'_, '_>, node: usize) {
    let insertion = edit(Edit::InsertLayer { after: None, settings: Table::new() });
    if refusal(cx.session, &insertion).is_some() {
        return;
    }
    let name = &cx.session.layers()[node].name;
    let rect = Rect::from_center_size(egui::pos2(head.right() + 5.0, head.top() + 8.0), Vec2::splat(12.0));
    let button =
        Button::new(RichText::new("+").small().color(theme::muted())).frame(false).min_size(rect.size());
    let builder = egui::UiBuilder::new().max_rect(rect);
    let response = ui
        .scope_builder(builder, |ui| {
            ui.spacing_mut().button_padding = Vec2::ZERO;
            ui.add(button)
        })
        .inner
        .on_hover_text(format!("Insert a layer after {name}"));
    cx.mark(format!("insert after {name}"), &response);
    egui::Popup::menu(&response).show(|ui| {
        ui.weak(format!("insert after {name}"));
        let after = layer_of(cx.session, node).map(|layer| layer.0);
        for (label, settings) in LAYERS {
            let settings: Table = settings.parse().expect("the settings are TOML");
            let insert = Edit::InsertLayer { after, settings };
            if Surgery::of(&cx.session.trainer().network, &insert).is_err() {
                continue;
            }
            let response = ui.button(label);
            cx.mark(format!("insert {label}"), &response);
            if response.clicked() {
                cx.send(edit(insert));
            }
        }
    });
}

/// A window that the context menu of a tile opens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Opened {
    /// The filter's weights, to be painted.
    Painter,
    /// The steps by which the tile is computed.
    Intermediates,
}

/// The context menu of a tile: what can be done to the filter that makes it.
pub(super) fn tile_menu_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, tile: TileId) -> Option<Opened> {
    let session = cx.session;
    let Some((layer, filter)) = filter_of(session, tile) else {
        ui.weak("The image's own channels");
        return None;
    };
    let network = &session.trainer().network;
    let name = network.layer_index(layer).map_or("", |index| &network.layers[index].name);
    ui.weak(format!("filter {filter} of {name}"));
    freeze_ui(ui, cx, (layer, filter));
    let painter = asking(ui, cx, edit(reset(layer, filter)), |ui, cx| {
        let response =
            ui.button("Paint…").on_hover_text("Its weights enlarged, to be painted (double click)");
        cx.mark("tile Paint", &response);
        response.clicked().then_some(Opened::Painter)
    });
    let hover =
        "Each input map, its kernel, their product, the sum and the bias; one output pixel in numbers (I)";
    let response = ui.button("Intermediates…").on_hover_text(hover);
    cx.mark("tile Intermediates", &response);
    let opened = response.clicked().then_some(Opened::Intermediates).or(painter);
    asking(ui, cx, edit(reset(layer, filter)), |ui, cx| edits_ui(ui, cx, tile, (layer, filter)));
    opened
}

/// The entries of a tile's menu that change its filter.
fn edits_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, tile: TileId, (layer, filter): (u32, u32)) {
    let session = cx.session;
    let entries = [
        ("Split", edit_filter(session, tile, split), "Two in its place that together give what it gave (X)"),
        ("Reset", edit_filter(session, tile, reset), "Fresh weights; what takes it stays as it is"),
        ("Delete", edit_filter(session, tile, delete), "Without it and the weights that take it (Delete)"),
    ];
    for (label, action, hover) in entries {
        let response = ui.button(label).on_hover_text(hover);
        cx.mark(format!("tile {label}"), &response);
        if response.clicked() {
            send(cx, action);
        }
    }
    let selected = cx.selection.tile.filter(|selected| *selected != tile);
    if let Some((_, other)) =
        selected.and_then(|tile| filter_of(session, tile)).filter(|(of, _)| *of == layer)
    {
        let hover = "One filter with the mean of their weights, and the sum of the weights that take them";
        let response = ui.button(format!("Merge with the selected filter {other}")).on_hover_text(hover);
        cx.mark("tile Merge", &response);
        if response.clicked() {
            cx.send(edit(Edit::MergeFilters { layer, filters: [other, filter] }));
        }
        pair_menu_ui(ui, cx, layer, [other, filter]);
    }
}

/// The entry that freezes or thaws a filter, or all that are selected where it is among them.
fn freeze_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, filter: (u32, u32)) {
    let selected = cx.selection.filters(cx.session);
    let filters = if selected.contains(&filter) { selected } else { [filter].into() };
    let thaws = filters.iter().all(|filter| is_filter_frozen(cx.session, *filter));
    let verb = if thaws { "Unfreeze" } else { "Freeze" };
    let label = if filters.len() > 1 {
        format!("{verb} the {} selected filters", filters.len())
    } else {
        verb.to_owned()
    };
    let hover =
        "Weights and bias stay as they are while all others learn; a batch norm after it is none of it (F)";
    let response = ui.button(label).on_hover_text(hover);
    cx.mark("tile Freeze", &response);
    if response.clicked() {
        toggle_filters(cx.session, &filters).into_iter().for_each(|action| cx.send(action));
    }
}

#[cfg(test)]
mod tests {
    use super::LAYERS;
    use crate::nn::layers::KINDS;
    use crate::nn::{Edit, Network, Shape, Surgery};

    /// Labels of the layers that fit in a network after its layer of that index.
    fn offered(network: &Network, after: usize) -> Vec<&'static str> {
        let fits = |settings: &str| {
            let after = Some(network.layers[after].id);
            let settings = settings.parse().expect("the settings are TOML");
            Surgery::of(network, &Edit::InsertLayer { after, settings }).is_ok()
        };
        LAYERS.iter().filter(|(_, settings)| fits(settings)).map(|(label, _)| *label).collect()
    }

    #[test]
    fn each_kind_is_offered_where_it_fits_and_only_there() {
        for kind in KINDS {
            let takes_one = (kind.samples)().iter().any(|(layer, _)| layer.inputs().contains(&1));
            let line = format!("kind = \"{}\"", kind.kind);
            assert_eq!(LAYERS.iter().any(|(_, settings)| settings.starts_with(&line)), takes_one, "{line}");
        }
        let text = "[[layer]]\nkind = \"conv2d\"\nfilters = 4\nkernel = 3\n[[layer]]\nkind = \"dense\"";
        let network = Network::parse(text, Shape::new(3, 8, 8), 10).unwrap();
        // A dense layer takes any shape, so that each layer fits before it; after it, the ten classes must stay.
        assert_eq!(offered(&network, 0).len(), LAYERS.len());
        let after_the_last = offered(&network, 1);
        for label in ["relu", "dropout 0.25", "convolution 3×3", "flatten"] {
            assert!(after_the_last.contains(&label), "{label}");
        }
        for label in ["dense 64", "maxout of 2", "max pooling 2×2", "upsampling 2×"] {
            assert!(!after_the_last.contains(&label), "{label}");
        }
    }
}
