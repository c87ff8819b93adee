//! The legend of a picture: names of the classes in their colors, in columns.

use revacnn::data::Labels;

use super::colors::{NO_CLASS, is_scale};
use crate::cli::letters::Letters;

/// Height of a line and of its letters in pixels, and the color of the letters.
const LINE: f32 = 24.0;
const TEXT: f32 = 18.0;
const INK: [u8; 3] = [30; 3];
/// Width of a name at most, and of the color before it, in pixels.
const MAX_NAME: f32 = 220.0;
const MARK: f32 = 26.0;
/// Columns at most.
const MAX_COLUMNS: usize = 5;
/// Classes that are told apart by their colors alone, and letters of a name that is a mark itself.
const NAMED_BY_COLOR: usize = 10;
const MAX_MARK: usize = 4;
/// Distance of a mark from the middle of its class, in pixels.
const ASIDE: f32 = 9.0;
/// Lines of a scale.
const SCALE_LINES: usize = 9;

/// A line of the legend; without a color it is a remark.
struct Line {
    name: String,
    color: Option<[u8; 3]>,
}

/// A legend with its size.
pub(super) struct Legend {
    letters: Letters,
    lines: Vec<Line>,
    /// Names of the classes in the picture; none where their colors do.
    marks: Vec<String>,
    /// Lines of a column, and the width of one in pixels.
    per_column: usize,
    column: f32,
}

/// Short names of the classes by which each is found in the picture, where there are more than eyes tell apart by their colors: the
/// names themselves, or numbers from 1 on.
fn marks(labels: &Labels) -> Vec<String> {
    if labels.names.len() <= NAMED_BY_COLOR || is_scale(labels) {
        return Vec::new();
    }
    let short = labels.names.iter().all(|name| name.chars().count() <= MAX_MARK);
    let mark = |(class, name): (usize, &String)| if short { name.clone() } else { (class + 1).to_string() };
    labels.names.iter().enumerate().map(mark).collect()
}

/// Lines for the classes that rows have, in order.
fn lines(labels: &Labels, colors: &[[u8; 3]], marks: &[String], room: usize) -> Vec<Line> {
    let mut shown = labels.present();
    if is_scale(labels) && shown.len() > SCALE_LINES {
        shown = (0..SCALE_LINES).map(|i| shown[i * (shown.len() - 1) / (SCALE_LINES - 1)]).collect();
    }
    let name = |class: usize| match marks.get(class).filter(|mark| **mark != labels.names[class]) {
        Some(mark) => format!("{mark}  {}", labels.names[class]),
        None => labels.names[class].clone(),
    };
    let of_class = |class: &usize| Line { name: name(*class), color: Some(colors[*class]) };
    let mut lines: Vec<Line> = shown.iter().map(of_class).collect();
    if labels.missing() > 0 {
        lines.push(Line { name: "no label".to_owned(), color: Some(NO_CLASS) });
    }
    if lines.len() > room {
        let more = lines.len() - (room - 1);
        lines.truncate(room - 1);
        lines.push(Line { name: format!("and {more} more"), color: None });
    }
    lines
}

impl Legend {
    /// A legend of at most `height` pixels.
    pub(super) fn new(labels: &Labels, colors: &[[u8; 3]], height: usize) -> Self {
        let per_column = (height as f32 / LINE) as usize - 2;
        let marks = marks(labels);
        let lines = lines(labels, colors, &marks, per_column * MAX_COLUMNS);
        let mut legend = Self { letters: Letters::new(TEXT), lines, marks, per_column, column: 0.0 };
        let names = std::mem::take(&mut legend.lines);
        legend.lines = names
            .into_iter()
            .map(|line| Line { name: legend.letters.fitting(&line.name, MAX_NAME), ..line })
            .collect();
        let widest = legend.lines.iter().map(|line| legend.letters.width(&line.name)).fold(0.0, f32::max);
        legend.column = MARK + widest + LINE;
        legend
    }

    /// Width in pixels.
    pub(super) fn pixels(&self) -> usize {
        (self.lines.len().div_ceil(self.per_column) as f32 * self.column) as usize
    }

    /// Draws the legend with its left edge at `left`: `paint` covers a pixel with a share of a color.
    pub(super) fn draw(&self, left: f32, mut paint: impl FnMut([usize; 2], f32, [u8; 3])) {
        for (index, line) in self.lines.iter().enumerate() {
            let x = left + (index / self.per_column) as f32 * self.column;
            let y = LINE * ((index % self.per_column) as f32 + 1.5);
            let side = MARK / 2.0;
            for (row, column) in (0..side as usize).flat_map(|row| (0..side as usize).map(move |c| (row, c)))
            {
                let at = [x as usize + column, (y - side) as usize + row + 2];
                line.color.into_iter().for_each(|color| paint(at, 1.0, color));
            }
            self.letters.write(&line.name, x + MARK, y, INK, &mut paint);
        }
    }

    /// Writes the mark of a class, if it has one, beside the middle of its rows, left of `edge`, with a rim of white.
    pub(super) fn mark(
        &self,
        class: usize,
        [x, y]: [f32; 2],
        edge: f32,
        mut paint: impl FnMut([usize; 2], f32, [u8; 3]),
    ) {
        let Some(mark) = self.marks.get(class) else { return };
        let width = self.letters.width(mark);
        let x = if x + ASIDE + width < edge { x + ASIDE } else { x - ASIDE - width };
        let y = y + TEXT / 3.0;
        for (right, down) in (-2..=2).flat_map(|right| (-2..=2).map(move |down| (right as f32, down as f32)))
        {
            self.letters.write(mark, x + right, y + down, [255; 3], &mut paint);
        }
        self.letters.write(mark, x, y, INK, &mut paint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(classes: usize, name: impl Fn(usize) -> String, missing: bool) -> Labels {
        let names: Vec<String> = (0..classes).map(name).collect();
        let mut labels = Labels { names, numbers: vec![], classes: (0..classes as u32).collect() };
        labels.classes.extend(missing.then_some(Labels::NONE));
        labels
    }

    fn texts(labels: &Labels, room: usize) -> Vec<String> {
        let lines = lines(labels, &vec![[1, 2, 3]; labels.names.len()], &marks(labels), room);
        lines.into_iter().map(|line| line.name).collect()
    }

    #[test]
    fn many_classes_have_marks_which_the_legend_explains() {
        let (few, many) =
            (named(3, |i| format!("tree {i}"), true), named(90, |i| format!("tree {i}"), false));
        assert_eq!(texts(&few, 200), ["tree 0", "tree 1", "tree 2", "no label"]);
        assert_eq!((marks(&few).len(), &marks(&many)[..2]), (0, &["1".to_owned(), "2".to_owned()][..]));
        assert_eq!(texts(&many, 200)[89], "90  tree 89");
        assert_eq!(texts(&many, 50)[48..], ["49  tree 48", "and 41 more"]);
        let short = named(26, |i| char::from(b'a' + i as u8).to_string(), false);
        assert_eq!((&marks(&short)[25][..], &texts(&short, 200)[25][..]), ("z", "z"));
    }

    #[test]
    fn classes_without_rows_have_no_line() {
        let labels = named(4, |i| format!("tree {i}"), true).of_rows(&[2, 0]);
        assert_eq!(texts(&labels, 200), ["tree 0", "tree 2"]);
    }
}
