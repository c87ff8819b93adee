//! The images of a cell of the matrix, or all mistakes: the largest loss first, a page at a time.

use egui::{Pos2, Rect, RichText, Sense, Ui, Vec2};

use crate::app::answers::{answer_words, class_name, image_rect, images_ui, line_ui, outline};
use crate::app::format::{loss, percent};
use crate::app::pane::Cx;
use crate::app::theme;
use crate::app::tile_set::TileSetId;
use crate::session::{DataCommand, Inspect, Outcome, Outcomes, ProbeChange, Session, Split};

/// Width and height of a card, in points.
const CARD: Vec2 = Vec2::new(92.0, 98.0);
/// Height of the image in it, in points.
const IMAGE: f32 = 60.0;
/// Images of a page at most.
const MAX_PAGE: usize = 64;
/// Images of a page at least.
const MIN_PAGE: usize = 4;

/// Images that are listed: of which evaluation, and of which cell.
type Key = (Split, u32, Option<(usize, usize)>);

/// The cell that is chosen, and its images.
#[derive(Default)]
pub(super) struct Cell {
    /// Class and answer; all mistakes without them.
    chosen: Option<(usize, usize)>,
    /// The images in order, with what they are of.
    listed: Option<(Key, Vec<usize>)>,
    page: usize,
}

impl Cell {
    /// Class and answer; none while all mistakes are listed.
    pub(super) fn classes(&self) -> Option<(usize, usize)> {
        self.chosen
    }

    /// Chooses a cell; all mistakes where it is chosen already.
    pub(super) fn choose(&mut self, class: usize, answer: usize) {
        let cell = Some((class, answer));
        (self.chosen, self.page) = (if self.chosen == cell { None } else { cell }, 0);
    }

    /// The cell by the names of its classes: for the keyboard, and where there are many classes.
    pub(super) fn choice_ui(&mut self, ui: &mut Ui, outcomes: &Outcomes, cx: &mut Cx<'_, '_>) {
        let session = cx.session;
        let all = ui.add(egui::Button::selectable(self.chosen.is_none(), "all mistakes"));
        let all =
            all.on_hover_text("Every image for which the answer is another class, the largest loss first");
        cx.mark("all mistakes", &all);
        if all.clicked() {
            (self.chosen, self.page) = (None, 0);
        }
        let now = self.chosen;
        for (side, text) in ["true", "answer"].into_iter().enumerate() {
            let label = ui.label(text);
            let class = now.map(|(class, answer)| [class, answer][side]);
            let name = class.map_or("any", |class| class_name(session, class));
            let combo = egui::ComboBox::from_id_salt(text).selected_text(name).width(74.0).truncate();
            let shown = combo.show_ui(ui, |ui| {
                for other in 0..outcomes.classes {
                    if ui.selectable_label(class == Some(other), class_name(session, other)).clicked() {
                        let (is, says) = now.unwrap_or((other, other));
                        self.chosen = Some(if side == 0 { (other, says) } else { (is, other) });
                        self.page = 0;
                    }
                }
            });
            cx.mark(format!("cell by {text}"), &shown.response.labelled_by(label.id));
        }
    }

    /// Lists the images again where they are of another evaluation or cell.
    fn list(&mut self, outcomes: &Outcomes, split: Split) {
        let key = (split, outcomes.step, self.chosen);
        if self.listed.as_ref().is_some_and(|(of, _)| *of == key) {
            return;
        }
        let chosen = self.chosen;
        let images = outcomes.worst(|image| match chosen {
            Some((class, answer)) => usize::from(image.class) == class && image.best.first as usize == answer,
            None => !image.is_right(),
        });
        self.listed = Some((key, images));
    }

    /// The images.
    pub(super) fn ui(&mut self, ui: &mut Ui, (outcomes, split): (&Outcomes, Split), cx: &mut Cx<'_, '_>) {
        self.list(outcomes, split);
        let Some((_, images)) = &self.listed else { return };
        let session = cx.session;
        let title = match self.chosen {
            Some((class, answer)) => {
                format!(
                    "{} images of {}, answer {}",
                    images.len(),
                    class_name(session, class),
                    class_name(session, answer)
                )
            }
            None => format!("{} mistakes", images.len()),
        };
        ui.add(egui::Label::new(RichText::new(title).strong()).wrap());
        if let Some((class, _)) = self.chosen {
            let text = format!("{}: {}", class_name(session, class), class_words(outcomes, class));
            ui.add(egui::Label::new(RichText::new(text).small().color(theme::MUTED)).wrap());
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
        page_ui(ui, cx, &shown, (columns, split));
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
        ui.label(RichText::new(format!("page {} of {pages}", page + 1)).color(theme::MUTED));
    });
    next
}

fn page_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, shown: &[Outcome], (columns, split): (usize, Split)) {
    let session = cx.session;
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
                card_ui(ui, rect, (session, image, split), &response);
                let room = Rect::from_min_size(rect.min + Vec2::splat(5.0), Vec2::new(CARD.x - 10.0, IMAGE));
                places.push((place, image_rect(session, room)));
                if response.clicked() {
                    pin(cx, image, split);
                }
            }
        });
    }
    if there {
        images_ui(ui, cx, TileSetId::Gallery(2), gallery, &places);
    }
}

/// Number of an image within its set, and its name.
fn image_name(session: &Session, image: &Outcome, split: Split) -> (u32, String) {
    let first = session.trainer().loader.test_number(0);
    match split {
        Split::Test => {
            let index = image.number.saturating_sub(first);
            (index, format!("test image {index}"))
        }
        Split::Validation => (image.number, format!("validation image {}", image.number)),
    }
}

fn card_ui(
    ui: &Ui,
    rect: Rect,
    (session, image, split): (&Session, &Outcome, Split),
    response: &egui::Response,
) {
    let is = class_name(session, usize::from(image.class));
    let (answer, of_loss) = (answer_words(session, &image.best), loss(image.loss));
    let (_, name) = image_name(session, image, split);
    let words = format!("{name}: is {is}, answer {answer}, loss {of_loss}");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, words.clone()));
    ui.painter().rect_filled(rect, 4.0, theme::GROUND);
    outline(ui, rect, response, false);
    let says = image.best.classes().next().map_or("no answer", |(class, _)| class_name(session, class));
    let share =
        image.best.classes().next().map_or(String::new(), |(_, share)| format!(": {:.0} %", 100.0 * share));
    let (left, top, width) = (rect.left() + 5.0, rect.top() + IMAGE + 7.0, CARD.x - 10.0);
    line_ui(ui, Pos2::new(left, top), width, &format!("is {is}"), theme::ACCENT);
    let color = if image.is_right() { theme::THIRD } else { theme::FAULT };
    line_ui(ui, Pos2::new(left, top + 14.0), width, &format!("says {says}{share}"), color);
    response.clone().on_hover_text(format!("{words}\na click makes it the probe"));
}

/// Makes an image the probe: a test image is that of the run's settings, any other one comes into the strip.
fn pin(cx: &mut Cx<'_, '_>, image: &Outcome, split: Split) {
    let (index, name) = image_name(cx.session, image, split);
    match split {
        Split::Test => cx.send(DataCommand::PinProbe(index)),
        Split::Validation => {
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
