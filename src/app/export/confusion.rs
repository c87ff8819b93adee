//! The confusion matrix, as a table of HTML and as SVG.

use super::charts::file;
use super::markup::Markup;
use crate::app::answers::numbered_class;
use crate::session::{Outcomes, Session};

/// Side of a cell of a drawing, height of a line of text, and width of a letter.
const SIDE: f64 = 34.0;
const LINE: f64 = 18.0;
const LETTER: f64 = 7.0;
/// Letters of a class's name at most in a drawing.
const MAX_LETTERS: usize = 24;

/// Strength of a cell's color by its share of the row: a few mistakes among many right answers are to be seen.
pub(crate) fn shade(share: f32) -> f32 {
    if share > 0.0 { 0.15 + 0.85 * share.clamp(0.0, 1.0).sqrt() } else { 0.0 }
}

/// Number of images in a cell, the strength of its color, and the color's class.
fn cell(outcomes: &Outcomes, class: usize, answer: usize) -> (u32, f32, &'static str) {
    let row: u32 = (0..outcomes.classes).map(|answer| outcomes.count(class, answer)).sum();
    let count = outcomes.count(class, answer);
    (count, shade(count as f32 / row.max(1) as f32), if class == answer { "right" } else { "wrong" })
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

/// The matrix as a table: a row for each class, a column for each answer; recall at the right, precision below.
pub fn confusion_table(session: &Session, outcomes: &Outcomes) -> Markup {
    let classes = 0..outcomes.classes;
    let mut out = Markup::new();
    let name = |class: usize| numbered_class(session, class);
    out.element("table", &[("class", &"matrix")], |out| {
        out.element("tr", &[], |out| {
            out.line("th", &[("scope", &"col")], "true class");
            classes
                .clone()
                .for_each(|class| out.line("th", &[("scope", &"col"), ("title", &name(class))], class));
            out.line("th", &[("scope", &"col")], "recall");
        });
        for class in classes.clone() {
            out.element("tr", &[], |out| {
                out.line("th", &[("scope", &"row")], name(class));
                for answer in classes.clone() {
                    match cell(outcomes, class, answer) {
                        (0, ..) => out.line("td", &[], ""),
                        (count, shade, color) => {
                            let color = format!(
                                "background:color-mix(in srgb,var(--{color}) {:.0}%,transparent)",
                                100.0 * shade
                            );
                            out.line("td", &[("style", &color)], count);
                        }
                    }
                }
                out.line("td", &[("class", &"share")], percent(outcomes.recall(class)));
            });
        }
        out.element("tr", &[], |out| {
            out.line("th", &[("scope", &"row")], "precision");
            let share =
                |class| outcomes.precision(class).map_or("–".to_owned(), |s| format!("{:.1}", 100.0 * s));
            classes.clone().for_each(|class| out.line("td", &[("class", &"share")], share(class)));
            out.line("td", &[], "");
        });
    });
    out
}

/// The matrix as an SVG file.
pub fn confusion_svg(session: &Session, outcomes: &Outcomes) -> String {
    let name = |class: usize| shortened(&numbered_class(session, class));
    let letters = (0..outcomes.classes).map(|class| name(class).chars().count()).fold(9, usize::max);
    let left = 16.0 + LETTER * letters as f64;
    let cells = SIDE * outcomes.classes as f64;
    let top = 3.0 * LINE;
    let size = [left + cells + 70.0, top + cells + 3.0 * LINE];
    let mut out = Markup::new();
    let title = format!("Confusion matrix of {} at step {}", session.title(), outcomes.step);
    file(&mut out, size, &title, |out| {
        let text = |out: &mut Markup, [x, y]: [f64; 2], anchor: &str, class: &str, text: &str| {
            out.line("text", &[("x", &x), ("y", &y), ("text-anchor", &anchor), ("class", &class)], text);
        };
        text(out, [8.0, LINE], "start", "title", &title);
        text(out, [8.0, top - 6.0], "start", "muted", "true class");
        text(out, [left, top - 6.0], "start", "muted", "answer of the network");
        text(out, [left + cells + 8.0, top - 6.0], "start", "muted", "recall");
        for class in 0..outcomes.classes {
            let place = (class as f64 + 0.5) * SIDE;
            let y = top + place + 4.0;
            text(out, [8.0, y], "start", "", &name(class));
            text(out, [left + cells + 8.0, y], "start", "muted", &percent(outcomes.recall(class)));
            text(out, [left + place, top + cells + LINE], "middle", "", &class.to_string());
            let precision =
                outcomes.precision(class).map_or("–".to_owned(), |s| format!("{:.0}", 100.0 * s));
            text(out, [left + place, top + cells + 2.0 * LINE], "middle", "muted", &precision);
            for answer in 0..outcomes.classes {
                let (count, shade, color) = cell(outcomes, class, answer);
                if count > 0 {
                    let (x, y) = (left + answer as f64 * SIDE, top + class as f64 * SIDE);
                    square(out, [x, y], shade, color);
                    text(out, [x + SIDE / 2.0, y + SIDE / 2.0 + 4.0], "middle", "", &count.to_string());
                }
            }
        }
        text(out, [8.0, top + cells + 2.0 * LINE], "start", "muted", "precision, %");
        out.empty(
            "rect",
            &[
                ("x", &left),
                ("y", &top),
                ("width", &cells),
                ("height", &cells),
                ("class", &"grid"),
                ("fill", &"none"),
            ],
        );
    });
    out.as_str().to_owned()
}

fn square(out: &mut Markup, [x, y]: [f64; 2], shade: f32, color: &str) {
    let shade = format!("{shade:.2}");
    let place: [(&str, &dyn std::fmt::Display); 4] =
        [("x", &x), ("y", &y), ("width", &SIDE), ("height", &SIDE)];
    out.empty("rect", &[&place[..], &[("fill-opacity", &shade), ("class", &color)]].concat());
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= MAX_LETTERS {
        return name.to_owned();
    }
    name.chars().take(MAX_LETTERS - 1).chain(['…']).collect()
}
