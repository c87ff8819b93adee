//! Twins as a picture: both curves over the steps above, their difference with its interval below; the loss and, beside it, the accuracy.

use revacnn::error::{Error, Result};
use revacnn::session::{TwinCourses, TwinPoint};

use super::super::letters::Letters;
use super::canvas::{Canvas, Point};
use super::effect::Effect;

/// Sizes in pixels.
const CHART: [f32; 2] = [430.0, 250.0];
const MARGIN: f32 = 84.0;
const TOP: f32 = 92.0;
const GAP: f32 = 66.0;
/// Colors: without the commands, with them, the difference; text and lines.
const WITHOUT: [u8; 3] = [0, 114, 178];
const WITH: [u8; 3] = [213, 94, 0];
const DIFFERENCE: [u8; 3] = [64, 64, 64];
const TEXT: [u8; 3] = [40, 40, 40];
const GRID: [u8; 3] = [221, 221, 221];

/// The course of a seed with the commands, or without them.
type Side = fn(&TwinCourses) -> &Vec<TwinPoint>;

/// A chart: its place, and the ranges of both axes.
struct Chart {
    corner: Point,
    x: [f64; 2],
    y: [f64; 2],
}

/// A range that holds the values with some room, and is never empty.
fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let finite = values.filter(|value| value.is_finite());
    let [low, high] = finite.fold([f64::MAX, f64::MIN], |[low, high], v| [low.min(v), high.max(v)]);
    if low > high {
        return [0.0, 1.0];
    }
    let room = (0.06 * (high - low)).max(1e-6 * high.abs().max(1e-3));
    [low - room, high + room]
}

/// Round numbers in a range, about `count` of them, and the digits after the point that they need.
fn ticks([low, high]: [f64; 2], count: f64) -> (Vec<f64>, usize) {
    let rough = (high - low) / count;
    let power = 10.0_f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= rough).unwrap_or(power);
    let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    ((first..=last).map(|n| n as f64 * step).collect(), digits)
}

impl Chart {
    fn at(&self, x: f64, y: f64) -> Point {
        let share = |v: f64, [low, high]: [f64; 2]| ((v - low) / (high - low)) as f32;
        [self.corner[0] + CHART[0] * share(x, self.x), self.corner[1] + CHART[1] * (1.0 - share(y, self.y))]
    }

    /// Grid, numbers and title.
    fn frame(&self, canvas: &mut Canvas, title: &str, unit: &str, small: &Letters, large: &Letters) {
        let (ys, digits) = ticks(self.y, 5.0);
        for y in ys {
            canvas.line(&[self.at(self.x[0], y), self.at(self.x[1], y)], 1.0, GRID, 1.0);
            let [left, line] = self.at(self.x[0], y);
            canvas.text(small, &format!("{y:.digits$}{unit}"), [left - 8.0, line + 5.0], 1.0, TEXT);
        }
        let (xs, digits) = ticks(self.x, 6.0);
        let bottom = self.corner[1] + CHART[1];
        for x in xs {
            let [column, _] = self.at(x, self.y[0]);
            canvas.line(&[[column, bottom], [column, bottom + 4.0]], 1.0, TEXT, 1.0);
            canvas.text(small, &format!("{x:.digits$}"), [column, bottom + 20.0], 0.5, TEXT);
        }
        canvas.text(large, title, [self.corner[0], self.corner[1] - 10.0], 0.0, TEXT);
        canvas.text(small, "step", [self.corner[0] + CHART[0], bottom + 38.0], 1.0, TEXT);
    }

    fn curve(&self, points: impl Iterator<Item = (f64, f64)>) -> Vec<Point> {
        points.map(|(x, y)| self.at(x, y)).collect()
    }
}

/// The picture as PNG.
///
/// # Errors
/// When it cannot be encoded.
pub(super) fn picture(
    title: &str,
    all: &[TwinCourses],
    effects: &[Effect],
    classes: bool,
) -> Result<Vec<u8>> {
    let columns = if classes { 2 } else { 1 };
    let width = MARGIN + columns as f32 * (CHART[0] + MARGIN);
    let mut canvas = Canvas::new([width as usize, (TOP + 2.0 * CHART[1] + GAP + 64.0) as usize]);
    let (small, large) = (Letters::new(14.0), Letters::new(17.0));
    canvas.text(&large, &large.fitting(title, width - 2.0 * MARGIN), [MARGIN, 30.0], 0.0, TEXT);
    legend(&mut canvas, &small, all.len());
    let of: [fn(&TwinPoint) -> f64; 2] = [|p| f64::from(p.loss), |p| 100.0 * f64::from(p.accuracy)];
    let names = [
        ("validation loss", "difference of the loss", "", 1.0),
        ("validation accuracy", "difference of the accuracy", " %", 100.0),
    ];
    for (column, (value, (name, difference, unit, scale))) in
        of.into_iter().zip(names).enumerate().take(columns)
    {
        let left = MARGIN + column as f32 * (CHART[0] + MARGIN);
        let steps = [effects[0].step, effects[effects.len() - 1].step].map(f64::from);
        let x = [steps[0], steps[1].max(steps[0] + 1.0)];
        let points = all.iter().flat_map(|courses| courses.without.iter().chain(&courses.with)).map(value);
        let above = Chart { corner: [left, TOP], x, y: range(points) };
        above.frame(&mut canvas, name, unit, &small, &large);
        curves(&mut canvas, &above, all, value);
        let found: Vec<(f64, [f64; 3])> = effects
            .iter()
            .map(|effect| {
                let found = &effect.values[column].2;
                let ends = [found.low, found.high].map(|end| end.unwrap_or(found.mean));
                (f64::from(effect.step), [ends[0], found.mean, ends[1]].map(|v| scale * v))
            })
            .collect();
        let y = range(found.iter().flat_map(|(_, three)| *three).chain([0.0]));
        let below = Chart { corner: [left, TOP + CHART[1] + GAP], x, y };
        below.frame(&mut canvas, difference, if unit.is_empty() { "" } else { " pt" }, &small, &large);
        let line = |which: usize| below.curve(found.iter().map(|(step, three)| (*step, three[which])));
        canvas.line(&[below.at(x[0], 0.0), below.at(x[1], 0.0)], 1.5, TEXT, 1.0);
        canvas.band(&line(0), &line(2), DIFFERENCE, 0.22);
        canvas.line(&line(1), 2.5, DIFFERENCE, 1.0);
    }
    let mut png = std::io::Cursor::new(Vec::new());
    let written = canvas.into_image().write_to(&mut png, image::ImageFormat::Png);
    written.map_err(|e| Error::new(format!("the picture cannot be encoded: {e}"), "leave --output out"))?;
    Ok(png.into_inner())
}

/// Thin curves of the seeds, and thick ones of their means.
fn curves(canvas: &mut Canvas, chart: &Chart, all: &[TwinCourses], value: fn(&TwinPoint) -> f64) {
    let sides: [(Side, [u8; 3]); 2] =
        [(|courses| &courses.without, WITHOUT), (|courses| &courses.with, WITH)];
    for (side, color) in sides {
        for courses in all {
            let points = side(courses).iter().map(|point| (f64::from(point.step), value(point)));
            canvas.line(&chart.curve(points), 1.0, color, 0.35);
        }
    }
    for (side, color) in sides {
        let mean = |index: usize| {
            let sum = all.iter().map(|courses| value(&side(courses)[index])).sum::<f64>();
            (f64::from(side(&all[0])[index].step), sum / all.len() as f64)
        };
        canvas.line(&chart.curve((0..side(&all[0]).len()).map(mean)), 2.5, color, 1.0);
    }
}

fn legend(canvas: &mut Canvas, letters: &Letters, seeds: usize) {
    let interval = if seeds > 1 { "difference, mean and 95 % interval" } else { "difference of one seed" };
    let mut x = MARGIN;
    for (text, color) in [("without the commands", WITHOUT), ("with them", WITH), (interval, DIFFERENCE)] {
        canvas.line(&[[x, 47.0], [x + 26.0, 47.0]], 2.5, color, 1.0);
        canvas.text(letters, text, [x + 33.0, 52.0], 0.0, TEXT);
        x += 33.0 + letters.width(text) + 26.0;
    }
}

#[cfg(test)]
mod tests {
    use super::{range, ticks};

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks([0.0, 1.0], 5.0), (vec![0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0], 1));
        assert_eq!(ticks([-3.0, 42.0], 5.0), (vec![0.0, 10.0, 20.0, 30.0, 40.0], 0));
        assert_eq!(ticks([0.0011, 0.0019], 4.0).1, 4);
    }

    #[test]
    fn ranges_hold_all_values_and_are_never_empty() {
        let [low, high] = range([2.0, 5.0, f64::NAN].into_iter());
        assert!(low < 2.0 && high > 5.0 && high < 6.0);
        let [low, high] = range([0.0, 0.0].into_iter());
        assert!(low < 0.0 && high > 0.0);
        assert_eq!(range(std::iter::empty()), [0.0, 1.0]);
    }
}
