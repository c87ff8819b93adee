//! The interface between the workbench and its panes.
//!
//! A pane owns its state. It reads the session and the shared [`Selection`], and asks for changes by [`Action`]s, which the
//! workbench performs once the frame's interface is laid out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use egui::{Rect, Response, Sense, Ui};

use super::frame::Frame;
use super::number::Edited;
use super::selection::Selection;
use super::typed::TypedNumber;
use crate::error::{Error, Result};
use crate::session::{Action, LayoutId, Session, TensorKind, refusal};
use crate::view::Picked;

/// A pane of the workbench.
pub(crate) trait Pane {
    /// Title on the tab.
    fn title(&self) -> &'static str;

    /// Name on the command line: `render --view NAME`.
    fn name(&self) -> &'static str;

    /// Description in the help of the command line.
    fn about(&self) -> &'static str;

    /// Lays out the pane's widgets and pictures.
    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>);

    /// Place in the docking tree at the start.
    fn dock(&self) -> Dock {
        Dock::Tab
    }

    /// Forms in which it can be saved besides a picture.
    fn forms(&self) -> &'static [FileForm] {
        &[]
    }

    /// Its content in one of these forms.
    ///
    /// # Errors
    /// When there is nothing to save yet.
    fn saved(&self, _form: FileForm, _session: &Session) -> Result<String> {
        Err(Error::new(format!("{} can be saved as a picture alone", self.title()), "save it as PNG"))
    }

    /// Reacts to an event from outside the pane.
    fn on_event(&mut self, _event: &Event, _session: &Session, _selection: &mut Selection) {}
}

/// Place of a pane in the docking tree. Shares are relative to the other panes of the column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Dock {
    /// In the wide column at the left, with this share of its height.
    Main(f32),
    /// In the narrow column at the right, with this share of its height.
    Side(f32),
    /// A tab beside the last pane of the narrow column.
    Tab,
    /// A tab beside the last pane of the wide column.
    MainTab,
}

/// Form of a pane's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileForm {
    /// A picture.
    Png,
    /// Lines and text.
    Svg,
    /// Numbers.
    Csv,
}

impl FileForm {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Svg => "SVG",
            Self::Csv => "CSV",
        }
    }
}

/// A pane that is to be saved as a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ToSave {
    /// Name of the pane.
    pub pane: &'static str,
    /// Form of the file.
    pub form: FileForm,
    /// Size of the pane in the window, in points.
    pub size: egui::Vec2,
}

/// Context of a pane during a frame.
pub(crate) struct Cx<'a, 'f> {
    /// The run, to read.
    pub session: &'a Session,
    /// The shared selection.
    pub selection: &'a mut Selection,
    /// The frame's pictures.
    pub frame: &'a mut Frame<'f>,
    /// Times of the last frames.
    pub costs: Costs,
    /// The pane is the whole picture, which cannot be scrolled.
    pub is_picture: bool,
    /// Requested changes, in order.
    pub actions: &'a mut Vec<Action>,
    /// The pane that is to be saved as a file.
    pub to_save: &'a mut Option<ToSave>,
    /// Error in the status bar.
    pub status: &'a mut Option<Error>,
    /// Widgets that scripts click.
    pub targets: &'a mut Targets,
    /// The number that is being typed.
    pub typed: &'a mut TypedNumber,
}

impl Cx<'_, '_> {
    /// Requests a change.
    pub(crate) fn send(&mut self, action: impl Into<Action>) {
        self.actions.push(action.into());
    }

    /// Requests changes, or shows in the status bar why there are none.
    fn request(&mut self, change: Result<Vec<Action>>) {
        match change {
            Ok(actions) => self.actions.extend(actions),
            Err(error) => *self.status = Some(error),
        }
    }

    /// Shows an error in the status bar.
    pub(crate) fn report(&mut self, result: Result<()>) {
        if let Err(error) = result {
            *self.status = Some(error);
        }
    }

    /// Records where a widget lies, for scripts that click it.
    pub(crate) fn mark(&mut self, name: impl Into<Cow<'static, str>>, response: &Response) {
        self.targets.insert(name.into(), response.rect);
    }

    /// Records where a part of a widget lies, for scripts that click it.
    pub(crate) fn mark_rect(&mut self, name: impl Into<Cow<'static, str>>, rect: Rect) {
        self.targets.insert(name.into(), rect);
    }

    /// Records where a number lies, and requests the change that a new one is.
    pub(crate) fn number<T, A: Into<Action>>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        edited: Edited<T>,
        action: impl FnOnce(T) -> A,
    ) {
        self.numbers(name, edited, |new| [action(new)]);
    }

    /// As [`Cx::number`], where a new number is several changes.
    pub(crate) fn numbers<T, A: Into<Action>, I: IntoIterator<Item = A>>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        edited: Edited<T>,
        actions: impl FnOnce(T) -> I,
    ) {
        let name = name.into();
        self.mark(format!("{name} field"), &edited.field);
        self.mark(name, &edited.response);
        let change = |new: Result<T>| new.map(|new| actions(new).into_iter().map(Into::into).collect());
        self.typed.laid_out(edited.field.id);
        match (edited.new, edited.typing) {
            (Some(new), _) => self.request(change(new)),
            (None, Some(typing)) => self.typed.typing(edited.field.id, typing.map(change)),
            (None, None) => (),
        }
    }
}

/// Lays out widgets that ask for an action. Where the session refuses it (see [`refusal`]) they are disabled, and say why on hover.
pub(crate) fn asking<R>(
    ui: &mut Ui,
    cx: &mut Cx<'_, '_>,
    action: impl Into<Action>,
    content: impl FnOnce(&mut Ui, &mut Cx<'_, '_>) -> R,
) -> R {
    let Some(refusal) = refusal(cx.session, &action.into()) else { return content(ui, cx) };
    let laid_out = ui.scope(|ui| {
        ui.disable();
        content(ui, cx)
    });
    let (rect, id) = (laid_out.response.rect, laid_out.response.id.with("refusal"));
    ui.interact(rect, id, Sense::hover()).on_hover_text(format!("{}; {}", refusal.what(), refusal.help()));
    laid_out.inner
}

/// Rectangles of the widgets that scripts click, in points.
pub(crate) type Targets = BTreeMap<Cow<'static, str>, Rect>;

/// GPU and wall time of the last frames.
#[derive(Debug, Clone, Copy, Default)]
pub struct Costs {
    /// GPU milliseconds of pictures and interface per frame.
    pub views_ms: f64,
    /// Share of the time that frames take from the training, 0 to 1.
    pub drawing_share: f64,
    /// Frames per second.
    pub frames_per_s: f64,
}

/// An event from outside a pane.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// Show a tensor in all nodes that have it.
    Show(TensorKind),
    /// Move the selected tile by nodes and tiles; without one, select the first tile.
    MoveSelection {
        /// Nodes to the right.
        nodes: i64,
        /// Tiles down.
        tiles: i64,
    },
    /// Give up what is under way: a stroke of the brush or, without one, the window in which a filter is painted, or that of its computation.
    GiveUp,
    /// Turn pictures off or on.
    TogglePictures,
    /// Show how the selected tile is computed, or close that.
    ToggleIntermediates,
    /// Layouts of this tensor were opened from outside.
    LayoutsOpened(TensorKind),
    /// The row under the pointer arrived.
    Picked(LayoutId, Picked),
}
