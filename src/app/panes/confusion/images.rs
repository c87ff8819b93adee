//! The images of a cell of the matrix, or all mistakes: the largest loss first, a page at a time.

use egui::{Pos2, Rect, RichText, Sense, Ui, Vec2};

use super::edits::EditedImage;
use crate::app::answers::{answer_words, class_name, image_rect, images_ui, line_ui, outline};
use crate::app::format::{loss, percent};
use crate::app::pane::Cx;
use crate::app::theme;
use crate::app::tile_set::TileSetId;
use crate::data::DataEdits;
use crate::session::{DataCommand, Inspect, Outcome, Outcomes, ProbeChange, Session, Split};

/// Width and height of a card, in points.
const CARD: Vec2 = Vec2::new(92.0, 98.0);
/// Height of the image in it, in points.
const IMAGE: f32 = 60.0;
/// Images of a page at most.
const MAX_PAGE: usize = 64;
/// Images of a page at least.
const MIN_PAGE: usize = 4;

/// Images that are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Listed {
    /// All for which the answer is another class.
    #[default]
    Mistakes,
    /// Those of a class and an answer.
    Cell(usize, usize),
    /// Training images that were changed by hand.
    Changed,
}

/// Images that are listed, and their evaluation, by its step; with the changes by hand where it is they.
type Key = (Listed, Split, u32, Option<DataEdits>);

/// The cell that is chosen, and its images.
#[derive(Default)]
pub(super) struct Cell {
    chosen: Listed,
    /// The images in order, with what they are of.
    listed: Option<(Key, Vec<usize>)>,
    page: usize,
    edited: EditedImage,
}

impl Cell {
    /// Class and answer; none while all mistakes are listed.
    pub(super) fn classes(&self) -> Option<(usize, usize)> {
        if let Listed::Cell(class, answer) = self.chosen { Some((class, answer)) } else { None }
    }

    /// Chooses a cell; all mistakes where it is chosen already.
    pub(super) fn choose(&mut self, class: usize, answer: usize) {
        let cell = Listed::Cell(class, answer);
        self.list(if self.chosen == cell { Listed::Mistakes } else { cell });
    }

    fn list(&mut self, chosen: Listed) {
        (self.chosen, self.page) = (chosen, 0);
    }

    /// The cell by the names of its classes: for the keyboard, and where there are many classes.
    pub(super) fn choice_ui(
        &mut self,
        ui: &mut Ui,
        (outcomes, split): (&Outcomes, Split),
        cx: &mut Cx<'_, '_>,
    ) {
        let session = cx.session;
        let all = ui.add(egui::Button::selectable(self.chosen == Listed::Mistakes, "all mistakes"));
        let all =
            all.on_hover_text("Every image for which the answer is another class, the largest loss first");
        cx.mark("all mistakes", &all);
        if all.clicked() {
            self.list(Listed::Mistakes);
        }
        if split == Split::Training {
            let changed = ui.add(egui::Button::selectable(self.chosen == Listed::Changed, "changed"));
            let changed = changed.on_hover_text("Every image that was given another class, or left out");
            cx.mark("changed images", &changed);
            if changed.clicked() {
                self.list(Listed::Changed);
            }
        }
        let now = self.classes();
        for (side, text) in ["true", "answer"].into_iter().enumerate() {
            let label = ui.label(text);
            let class = now.map(|(class, answer)| [class, answer][side]);
            let name = class.map_or("any", |class| class_name(session, class));
            let combo = egui::ComboBox::from_id_salt(text).selected_text(name).width(74.0).truncate();
            let shown = combo.show_ui(ui, |ui| {
                for other in 0..outcomes.classes {
                    if ui.selectable_label(class == Some(other), class_name(session, other)).clicked() {
                        let (is, says) = now.unwrap_or((other, other));
                        self.list(if side == 0 {
                            Listed::Cell(other, says)
                        } else {
                            Listed::Cell(is, other)
                        });
                    }
                }
            });
            cx.mark(format!("cell by {text}"), &shown.response.labelled_by(label.id));
        }
    }

    /// Lists the images again where they are of another evaluation or cell.
    fn update(&mut self, outcomes: &Outcomes, split: Split, edits: &DataEdits) {
        if split != Split::Training && self.chosen == Listed::Changed {
            self.list(Listed::Mistakes);
        }
        let chosen = self.chosen;
        let key = (chosen, split, outcomes.step, (chosen == Listed::Changed).then(|| edits.clone()));
        if self.listed.as_ref().is_some_and(|(of, _)| *of == key) {
            return;
        }
        let images = outcomes.worst(|image| match chosen {
            Listed::Cell(class, answer) => {
                usize::from(image.class) == class && image.best.first as usize == answer
            }
            Listed::Mistakes => !image.is_right(),
            Listed::Changed => edits.leaves_out(image.number) || edits.class(image.number).is_some(),
        });
        self.listed = Some((key, images));
    }

    /// The images.
    pub(super) fn ui(&mut self, ui: &mut Ui, (outcomes, split): (&Outcomes, Split), cx: &mut Cx<'_, '_>) {
        let session = cx.session;
        let edits = if split == Split::Training {
            session.coming_settings().data_edits
        } else {
            DataEdits::default()
        };
        self.update(outcomes, split, &edits);
        let Some((_, images)) = &self.listed else { return };
        let count = images.len();
        let title = match self.chosen {
            Listed::Cell(class, answer) => {
                let [class, answer] = [class, answer].map(|class| class_name(session, class));
                format!("{count} images of {class}, answer {answer}")
            }
            Listed::Mistakes if count == 1 => "1 mistake".to_owned(),
            Listed::Mistakes => format!("{count} mistakes"),
            Listed::Changed => format!("{count} images changed by hand"),
        };
        ui.add(egui::Label::new(RichText::new(title).strong()).wrap());
        if split == Split::Training {
            self.edited.ui(ui, &edits, cx);
        }
        if let Some((class, _)) = self.classes() {
            let text = format!("{}: {}", class_name(session, class), class_words(outcomes, class));
            ui.add(egui::Label::new(RichText::new(text).small().color(theme::muted())).wrap());
        }
        if images.is_empty() {
            return;
        }
        let columns = ((ui.available_width() + 8.0) / (CARD.x + 8.0)).floor().max(1.0) as usize;
        let rows = ((ui.available_height() - 30.0) / (CARD.y + 6.0)).floor().max(1.0) as usize;
        let on_page = (columns * rows).clamp(MIN_PAGE, MAX_PAGE);
        let pages = images.len().div_ceil(on_page);
        self.page = self.page.min(pages - 1);
        let first = self.page * on_page;
        let shown: Vec<Outcome> = images[first..]
            .iter()
            .take(on_page)
            .filter_map(|index| outcomes.images.get(*index))
            .copied()
            .collect();
        self.page = pages_ui(ui, (self.page, pages), cx);
        if let Some(chosen) = page_ui(ui, cx, &shown, (columns, split), (&edits, self.edited.number())) {
            self.edited.choose(chosen);
        }
    }
}

/// Buttons to the pages beside one; returns the page that is chosen.
fn pages_ui(ui: &mut Ui, (page, pages): (usize, usize), cx: &mut Cx<'_, '_>) -> usize {
    if pages < 2 {
        return page;
    }
    let mut next = page;
    ui.horizontal(|ui| {
        let back =
            ui.add_enabled(page > 0, egui::Button::new("◀")).on_hover_text("Images with a larger loss");
        let on = ui
            .add_enabled(page + 1 < pages, egui::Button::new("▶"))
            .on_hover_text("Images with a smaller loss");
        for (button, name) in [(&back, "previous page"), (&on, "next page")] {
            button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, button.enabled(), name));
            cx.mark(name, button);
        }
        next = if back.clicked() { page - 1 } else { next };
        next = if on.clicked() { page + 1 } else { next };
        ui.label(RichText::new(format!("page {} of {pages}", page + 1)).color(theme::muted()));
    });
    next
}

/// A page of images; returns the one that was clicked.
fn page_ui(
    ui: &mut Ui,
    cx: &mut Cx<'_, '_>,
    shown: &[Outcome],
    (columns, split): (usize, Split),
    (edits, chosen): (&DataEdits, Option<u32>),
) -> Option<Outcome> {
    let session = cx.session;
    let mut clicked = None;
    let numbers: Vec<u32> = shown.iter().map(|image| image.number).collect();
    let gallery = session.inspection().shown_images();
    let there = gallery.numbers() == numbers;
    if !there {
        cx.send(Inspect::ShowImages(numbers));
    }
    let mut places = Vec::new();
    for (row, images) in shown.chunks(columns).enumerate() {
        ui.horizontal(|ui| {
            for (column, image) in images.iter().enumerate() {
                let (rect, response) = ui.allocate_exact_size(CARD, Sense::click());
                let place = row * columns + column;
                if place == 0 {
                    cx.mark("first image", &response);
                }
                let chosen = split == Split::Training && chosen == Some(image.number);
                card_ui(ui, rect, (session, image, split), (edits, chosen), &response);
                let room = Rect::from_min_size(rect.min + Vec2::splat(5.0), Vec2::new(CARD.x - 10.0, IMAGE));
                places.push((place, image_rect(session, room)));
                if response.clicked() {
                    pin(cx, image, split);
                    clicked = Some(*image);
                }
            }
        });
    }
    if there {
        images_ui(ui, cx, TileSetId::Gallery(2), gallery, &places);
    }
    clicked
}

/// Number of an image within its set, and its name.
fn image_name(session: &Session, image: &Outcome, split: Split) -> (u32, String) {
    let first = session.trainer().loader.test_number(0);
    match split {
        Split::Test => {
            let index = image.number.saturating_sub(first);
            (index, format!("test image {index}"))
        }
        Split::Training | Split::Validation => {
            (image.number, format!("{} image {}", split.name(), image.number))
        }
    }
}

fn card_ui(
    ui: &Ui,
    rect: Rect,
    (session, image, split): (&Session, &Outcome, Split),
    (edits, chosen): (&DataEdits, bool),
    response: &egui::Response,
) {
    let is = class_name(session, usize::from(image.class));
    let (answer, of_loss) = (answer_words(session, &image.best), loss(image.loss));
    let (_, name) = image_name(session, image, split);
    let change = match edits.class(image.number) {
        _ if edits.leaves_out(image.number) => Some("left out".to_owned()),
        Some(class) => Some(format!("now {}", class_name(session, usize::from(class)))),
        None => None,
    };
    let changed = change.as_ref().map_or(String::new(), |change| format!(", {change}"));
    let words = format!("{name}: is {is}{changed}, answer {answer}, loss {of_loss}");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, words.clone()));
    ui.painter().rect_filled(rect, 4.0, theme::ground());
    outline(ui, rect, response, chosen);
    let says = image.best.classes().next().map_or("no answer", |(class, _)| class_name(session, class));
    let share =
        image.best.classes().next().map_or(String::new(), |(_, share)| format!(": {:.0} %", 100.0 * share));
    let (left, top, width) = (rect.left() + 5.0, rect.top() + IMAGE + 7.0, CARD.x - 10.0);
    let (is, color) =
        change.map_or_else(|| (format!("is {is}"), theme::accent()), |change| (change, theme::second()));
    line_ui(ui, Pos2::new(left, top), width, &is, color);
    let color = if image.is_right() { theme::third() } else { theme::fault() };
    line_ui(ui, Pos2::new(left, top + 14.0), width, &format!("says {says}{share}"), color);
    response.clone().on_hover_text(format!("{words}\na click makes it the probe"));
}

/// Makes an image the probe: a test image is that of the run's settings, any other one comes into the strip.
fn pin(cx: &mut Cx<'_, '_>, image: &Outcome, split: Split) {
    let (index, name) = image_name(cx.session, image, split);
    match split {
        Split::Test => cx.send(DataCommand::PinProbe(index)),
        Split::Training | Split::Validation => {
            let (number, class) = (image.number, image.class);
            cx.send(Inspect::from(ProbeChange::AddNumber { name, number, class }));
        }
    }
}

/// Recall and precision of a class in words.
fn class_words(outcomes: &Outcomes, class: usize) -> String {
    let words = |share: Option<f64>| share.map_or("–".to_owned(), percent);
    format!("recall {}, precision {}", words(outcomes.recall(class)), words(outcomes.precision(class)))
}
