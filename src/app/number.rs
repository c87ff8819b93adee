//! Numbers that the user drags or types: one gesture is one new value.
//!
//! A typed number counts at Return, or when the field is left; Escape restores the old one. A dragged one counts when it is let go.
//! What is typed is not rewritten meanwhile, whatever the run does.

use std::ops::RangeInclusive;
use std::str::FromStr;

use egui::text::{CCursor, CCursorRange};
use egui::{Id, Key, Label, Response, Slider, SliderClamping, TextEdit, Ui};

use crate::app::format::rounded;
use crate::error::{Error, Result};

/// Width of a field, in points.
const FIELD_WIDTH: f32 = 72.0;
/// Smallest width of a rail, in points; where there is less room, there is the field alone.
const MIN_RAIL: f32 = 36.0;
/// Largest width of a rail, in points.
const MAX_RAIL: f32 = 220.0;
/// Significant digits of the numbers that a rail gives.
const RAIL_DIGITS: usize = 3;

/// A number that can be typed.
pub(crate) trait Number: Copy + PartialEq {
    /// Form of what may be typed, in words.
    const EXPECTED: &'static str;

    /// The number as it is shown.
    fn text(self) -> String;

    /// The number that was typed.
    fn parse(text: &str) -> Option<Self>;

    /// Its position on a rail.
    fn position(self) -> f64;

    /// The number at a position of a rail, rounded.
    fn at(position: f64) -> Self;
}

impl Number for f32 {
    const EXPECTED: &'static str = "type a number, such as 0.01 or 1e-3";

    fn text(self) -> String {
        let short = rounded(self, 6);
        let magnitude = short.abs();
        let plain = magnitude == 0.0 || (1e-4..1e7).contains(&magnitude);
        if plain { format!("{short}") } else { format!("{short:e}") }
    }

    fn parse(text: &str) -> Option<Self> {
        cleaned(text).parse().ok().filter(|value: &Self| value.is_finite())
    }

    fn position(self) -> f64 {
        f64::from(self)
    }

    fn at(position: f64) -> Self {
        rounded(position as f32, RAIL_DIGITS)
    }
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {$(
        impl Number for $number {
            const EXPECTED: &'static str = "type a whole number, 0 or more";

            fn text(self) -> String {
                self.to_string()
            }

            fn parse(text: &str) -> Option<Self> {
                whole(&cleaned(text))
            }

            fn position(self) -> f64 {
                self as f64
            }

            fn at(position: f64) -> Self {
                position.round() as Self
            }
        }
    )*};
}
whole_numbers!(u32, u64);

/// A whole number, which may be typed as `1e3`.
fn whole<T: FromStr>(text: &str) -> Option<T> {
    let exponent = || text.parse::<f64>().ok().filter(|value| value.fract() == 0.0 && value.abs() < 1e15);
    text.parse().ok().or_else(|| format!("{:.0}", exponent()?).parse().ok())
}

/// Without spaces, with a minus and a decimal point of ASCII.
fn cleaned(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let text = text.replace('−', "-");
    if text.contains('.') { text } else { text.replacen(',', ".", 1) }
}

/// Rail of a slider.
pub(crate) struct Rail {
    range: RangeInclusive<f64>,
    /// Smallest positive value of a rail with equal factors.
    smallest: Option<f64>,
}

impl Rail {
    /// A rail with equal steps.
    pub(crate) fn linear(range: RangeInclusive<f64>) -> Self {
        Self { range, smallest: None }
    }

    /// A rail with equal factors from `smallest` on.
    pub(crate) fn logarithmic(range: RangeInclusive<f64>, smallest: f64) -> Self {
        Self { range, smallest: Some(smallest) }
    }
}

/// An edited number.
pub(crate) struct Edited<T> {
    /// The rail, or the field where there is no rail.
    pub response: Response,
    /// The field.
    pub field: Response,
    /// The number as it is shown: while it is dragged, another than it was.
    pub shown: T,
    /// The new number, or why it is none; nothing where it is the old one.
    pub new: Option<Result<T>>,
    /// The field has the keyboard, and this would be new if it were left now.
    pub typing: Option<Option<Result<T>>>,
}

/// A row with a name and what stands beside it.
pub(crate) fn row_ui<R>(
    ui: &mut Ui,
    name: &str,
    hover: &str,
    name_width: f32,
    content: impl FnOnce(&mut Ui) -> R,
) -> R {
    ui.horizontal(|ui| {
        let size = egui::vec2(name_width, ui.spacing().interact_size.y);
        ui.allocate_ui_with_layout(size, egui::Layout::left_to_right(egui::Align::Center), |ui| {
            ui.set_min_width(name_width);
            ui.add(Label::new(name).truncate()).on_hover_text(hover);
        });
        content(ui)
    })
    .inner
}

/// A rail, where there is room, and a field, which fill the width that is left.
pub(crate) fn number_ui<T: Number>(ui: &mut Ui, name: &str, value: T, rail: &Rail) -> Edited<T> {
    let room = ui.available_width() - FIELD_WIDTH - ui.spacing().item_spacing.x;
    if room < MIN_RAIL {
        return field_ui(ui, name, value);
    }
    let (response, dragged, let_go) = rail_ui(ui, name, value, rail, room.min(MAX_RAIL));
    let shown = dragged.unwrap_or(value);
    let edited = field_ui(ui, name, shown);
    // A field shows what is dragged, so a typed number is compared with that.
    Edited { response, shown, new: let_go.filter(|new| *new != value).map(Ok).or(edited.new), ..edited }
}

/// A slider without a number; returns the value while it is held, and the value once it is let go.
fn rail_ui<T: Number>(
    ui: &mut Ui,
    name: &str,
    value: T,
    rail: &Rail,
    width: f32,
) -> (Response, Option<T>, Option<T>) {
    let id = ui.scope_id().with((name, "rail"));
    let held = ui.data(|data| data.get_temp::<f64>(id));
    let mut position = held.unwrap_or(value.position());
    ui.spacing_mut().slider_width = width;
    let mut slider =
        Slider::new(&mut position, rail.range.clone()).show_value(false).clamping(SliderClamping::Edits);
    if let Some(smallest) = rail.smallest {
        slider = slider.logarithmic(true).smallest_positive(smallest);
    }
    let response = ui.add(slider);
    ui.data_mut(|data| data.get_temp_mut_or_default::<Vec<egui::Rect>>(rails_id()).push(response.rect));
    let changed = response.changed() || held.is_some();
    if response.dragged() || response.is_pointer_button_down_on() {
        if changed {
            ui.data_mut(|data| data.insert_temp(id, position));
        }
        return (response, changed.then(|| T::at(position)), None);
    }
    ui.data_mut(|data| data.remove::<f64>(id));
    (response, None, changed.then(|| T::at(position)))
}

fn rails_id() -> Id {
    Id::unique("rails")
}

/// Rectangles of the rails that were laid out since the last call.
pub(crate) fn take_rails(ctx: &egui::Context) -> Vec<egui::Rect> {
    ctx.data_mut(|data| data.remove_temp(rails_id())).unwrap_or_default()
}

/// Text that is being typed.
#[derive(Clone, Default)]
struct Typing {
    text: String,
    /// The text as it was before.
    before: String,
    /// Nothing was clicked or typed yet: then a click selects all.
    fresh: bool,
}

/// A field for a number.
pub(crate) fn field_ui<T: Number>(ui: &mut Ui, name: &str, value: T) -> Edited<T> {
    wide_field_ui(ui, name, value, FIELD_WIDTH)
}

/// A field for a number, this wide in points.
pub(crate) fn wide_field_ui<T: Number>(ui: &mut Ui, name: &str, value: T, width: f32) -> Edited<T> {
    let id = ui.scope_id().with((name, "field"));
    let typing = ui.data(|data| data.get_temp::<Typing>(id));
    let shown = value.text();
    let mut typing = typing.unwrap_or_else(|| Typing { text: shown.clone(), before: shown, fresh: true });
    let field = TextEdit::singleline(&mut typing.text).id(id).desired_width(width - 8.0);
    let response = ui.add(field.font(egui::TextStyle::Monospace));
    let left = |typing: &Typing| {
        let changed = typing.text != typing.before;
        changed.then(|| typed(name, &typing.text)).filter(|new| *new != Ok(value))
    };
    let mut edited =
        Edited { response: response.clone(), field: response.clone(), shown: value, new: None, typing: None };
    if response.has_focus() {
        select_all_at_first(ui, &response, &mut typing);
        edited.typing = Some(left(&typing));
        ui.data_mut(|data| data.insert_temp(id, typing));
        note_typing(ui);
    } else if forget_typing(ui, id) && !ui.input(|i| i.key_pressed(Key::Escape)) {
        edited.new = left(&typing);
    }
    edited
}

/// Forgets what was typed in a field; returns whether there was any.
pub(crate) fn forget_typing(ui: &Ui, field: Id) -> bool {
    ui.data_mut(|data| data.remove_temp::<Typing>(field)).is_some()
}

fn typed<T: Number>(name: &str, text: &str) -> Result<T> {
    let none = || Error::usage(format!("{name}: {text:?} is not a number that fits here"), T::EXPECTED);
    T::parse(text).ok_or_else(none)
}

/// The first click, and the Tab key, select the whole number, so that the next one replaces it.
fn select_all_at_first(ui: &Ui, response: &Response, typing: &mut Typing) {
    let by_key = response.gained_focus() && !ui.input(|i| i.pointer.any_down() || i.pointer.any_released());
    if typing.fresh && (by_key || response.clicked()) {
        let end = CCursor::new(typing.text.chars().count());
        let mut state = TextEdit::load_state(ui.ctx(), response.id).unwrap_or_default();
        state.cursor.set_char_range(Some(CCursorRange::two(CCursor::new(0), end)));
        state.store(ui.ctx(), response.id);
    }
    typing.fresh &= !(by_key || response.clicked() || response.dragged() || response.changed());
}

fn typing_id() -> Id {
    Id::unique("a number is typed")
}

/// Notes that the keys of the next frame are a field's.
pub(crate) fn note_typing(ui: &Ui) {
    ui.data_mut(|data| data.insert_temp(typing_id(), true));
}

/// True once after each frame in which there was typing: the keys of the next one are the field's.
pub(crate) fn take_typing(ui: &Ui) -> bool {
    ui.data_mut(|data| data.remove_temp(typing_id())).unwrap_or(false)
}
