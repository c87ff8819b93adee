//! A line chart as SVG: axes with marks, curves, a legend, and numbered marks of what was done.

use super::markup::Markup;

/// Width and height of a chart.
pub(super) const SIZE: [f64; 2] = [480.0, 300.0];
/// Room around the curves: left, top, right, below.
const MARGINS: [f64; 4] = [50.0, 60.0, 14.0, 40.0];
/// Height of a second line of the legend.
const LINE: f64 = 16.0;
/// Marks of an axis at most.
const MAX_TICKS: f64 = 6.0;
/// Least distance of two numbers on top of the curves.
const MIN_GAP: f64 = 16.0;

/// Shape of the points of a curve; a curve of many points has none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    None,
    Circle,
    Square,
}

/// A curve.
pub(super) struct Curve {
    pub name: &'static str,
    /// Class of its elements, which gives it its color.
    pub class: &'static str,
    pub shape: Shape,
    /// Points `[epoch, value]`.
    pub points: Vec<[f64; 2]>,
}

/// A moment at which something was done.
#[derive(Debug, Clone)]
pub(crate) struct ChartMark {
    /// Epochs finished then, with fraction.
    pub epoch: f64,
    /// Number of the command among all, from 1.
    pub number: usize,
    /// The command in words.
    pub words: String,
}

/// A chart over epochs.
pub(super) struct Chart {
    /// The value with its unit.
    pub title: String,
    pub curves: Vec<Curve>,
    /// Name and curves of the twin; empty without one.
    pub twin: (String, Vec<Curve>),
    /// Largest possible value, where there is one.
    pub top: Option<f64>,
}

/// Places of values.
struct Scales {
    x_end: f64,
    y_end: f64,
    /// Room above.
    top: f64,
}

impl Scales {
    fn x(&self, epoch: f64) -> f64 {
        MARGINS[0] + epoch / self.x_end * (SIZE[0] - MARGINS[0] - MARGINS[2])
    }

    fn y(&self, value: f64) -> f64 {
        SIZE[1] - MARGINS[3] - value / self.y_end * (SIZE[1] - self.top - MARGINS[3])
    }
}

impl Chart {
    /// Draws the chart.
    pub(super) fn draw(&self, out: &mut Markup, marks: &[ChartMark]) {
        let end = |axis: usize| {
            let all = self
                .curves
                .iter()
                .chain(&self.twin.1)
                .flat_map(|curve| &curve.points)
                .map(|point| point[axis]);
            all.filter(|value| value.is_finite()).fold(0.0, f64::max)
        };
        let x_end = marks.iter().map(|mark| mark.epoch).fold(end(0).max(1.0), f64::max);
        let highest = end(1);
        let y_end = self.top.unwrap_or(if highest > 0.0 { 1.05 * highest } else { 1.0 });
        let top = MARGINS[1] + if self.twin.0.is_empty() { 0.0 } else { LINE };
        let scales = Scales { x_end, y_end, top };
        out.line("text", &[("x", &0), ("y", &14), ("class", &"title")], &self.title);
        self.legend(out);
        axes(out, &scales);
        marks_of(out, &scales, marks);
        self.twin.1.iter().chain(&self.curves).for_each(|curve| curve.draw(out, &scales));
    }

    fn legend(&self, out: &mut Markup) {
        let mut x = 0.0;
        for curve in self.curves.iter().filter(|curve| !curve.points.is_empty()) {
            let [left, middle, right] = [x, x + 11.0, x + 22.0].map(shown);
            let class = curve.line_class();
            out.empty("line", &[("x1", &left), ("x2", &right), ("y1", &30), ("y2", &30), ("class", &class)]);
            curve.point(out, &middle, "30");
            out.line("text", &[("x", &shown(x + 28.0)), ("y", &34)], curve.name);
            x += 44.0 + 7.0 * curve.name.len() as f64;
        }
        if !self.twin.0.is_empty() {
            let (y, class) = (30.0 + LINE, "curve muted dashed");
            out.empty("line", &[("x1", &0), ("x2", &22), ("y1", &y), ("y2", &y), ("class", &class)]);
            out.line("text", &[("x", &28), ("y", &(y + 4.0))], &self.twin.0);
        }
    }
}

impl Curve {
    fn line_class(&self) -> String {
        format!("curve {}{}", self.class, if self.shape == Shape::None { " thin" } else { "" })
    }

    fn draw(&self, out: &mut Markup, scales: &Scales) {
        // A value that is none breaks the line.
        for part in self.points.split(|point| !point[1].is_finite()).filter(|part| !part.is_empty()) {
            let places = part.iter().map(|[x, y]| [shown(scales.x(*x)), shown(scales.y(*y))]);
            let places: Vec<[String; 2]> = places.collect();
            let line: Vec<String> = places.iter().map(|place| place.join(",")).collect();
            out.empty("polyline", &[("points", &line.join(" ")), ("class", &self.line_class())]);
            places.iter().for_each(|[x, y]| self.point(out, x, y));
        }
    }

    fn point(&self, out: &mut Markup, x: &str, y: &str) {
        let class = format!("point {}", self.class);
        match self.shape {
            Shape::None => (),
            Shape::Circle => out.empty("circle", &[("cx", &x), ("cy", &y), ("r", &3), ("class", &class)]),
            Shape::Square => {
                let corner = format!("translate({x} {y})");
                let side: [(&str, &dyn std::fmt::Display); 4] =
                    [("x", &-2.5), ("y", &-2.5), ("width", &5), ("height", &5)];
                let more: [(&str, &dyn std::fmt::Display); 2] = [("transform", &corner), ("class", &class)];
                out.empty("rect", &[&side[..], &more].concat());
            }
        }
    }
}

/// Grid, marks and names of the axes.
fn axes(out: &mut Markup, scales: &Scales) {
    let [left, right] = [scales.x(0.0), scales.x(scales.x_end)].map(shown);
    let [low, high] = [scales.y(0.0), scales.y(scales.y_end)].map(shown);
    for (value, text) in ticks(scales.y_end) {
        let y = shown(scales.y(value));
        out.empty("line", &[("x1", &left), ("x2", &right), ("y1", &y), ("y2", &y), ("class", &"grid")]);
        let at = shown(scales.y(value) + 4.0);
        out.line("text", &[("x", &44), ("y", &at), ("text-anchor", &"end"), ("class", &"muted")], text);
    }
    let below = shown(scales.y(0.0) + 17.0);
    for (value, text) in ticks(scales.x_end) {
        let x = shown(scales.x(value));
        out.empty("line", &[("x1", &x), ("x2", &x), ("y1", &low), ("y2", &high), ("class", &"grid")]);
        out.line("text", &[("x", &x), ("y", &below), ("text-anchor", &"middle"), ("class", &"muted")], text);
    }
    let name = shown(scales.y(0.0) + 34.0);
    out.line("text", &[("x", &right), ("y", &name), ("text-anchor", &"end"), ("class", &"muted")], "epoch");
}

/// A line for each moment at which something was done, with its number where there is room.
fn marks_of(out: &mut Markup, scales: &Scales, marks: &[ChartMark]) {
    let [low, high] = [scales.y(0.0), scales.y(scales.y_end)].map(shown);
    let mut last = f64::NEG_INFINITY;
    for mark in marks {
        let place = scales.x(mark.epoch);
        let x = shown(place);
        out.element("g", &[], |out| {
            out.line("title", &[], format!("{}: {}", mark.number, mark.words));
            out.empty("line", &[("x1", &x), ("x2", &x), ("y1", &low), ("y2", &high), ("class", &"mark")]);
            if place - last >= MIN_GAP {
                let above = shown(scales.y(scales.y_end) - 4.0);
                out.line("text", &[("x", &x), ("y", &above), ("text-anchor", &"middle")], mark.number);
                last = place;
            }
        });
    }
}

/// Round values from 0 to `end`, and as text: steps of 1, 2 or 5 times a power of ten.
fn ticks(end: f64) -> Vec<(f64, String)> {
    let least = end / MAX_TICKS;
    let power = 10.0_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= least);
    let step = step.unwrap_or(10.0 * power);
    let digits = (-step.log10().floor()).max(0.0) as usize;
    let text = |value: f64| {
        if (1e-4..1e5).contains(&step) { format!("{value:.digits$}") } else { format!("{value:.1e}") }
    };
    (0..=(end / step + 1e-9) as usize).map(|i| (i as f64 * step, text(i as f64 * step))).collect()
}

/// A place with two decimals at most.
fn shown(place: f64) -> String {
    ((100.0 * place).round() / 100.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_axes_are_round_and_within() {
        for (end, expected) in [
            (100.0, "0 20 40 60 80 100"),
            (1.0, "0.0 0.2 0.4 0.6 0.8 1.0"),
            (2.41, "0.0 0.5 1.0 1.5 2.0"),
            (12.0, "0 2 4 6 8 10 12"),
            (0.07, "0.00 0.02 0.04 0.06"),
            (3e6, "0.0e0 5.0e5 1.0e6 1.5e6 2.0e6 2.5e6 3.0e6"),
        ] {
            let texts: Vec<String> = ticks(end).into_iter().map(|(_, text)| text).collect();
            assert_eq!(texts.join(" "), expected, "{end}");
        }
        for exponent in -30..30 {
            for end in [1.0, 1.7, 4.2, 9.99].map(|m| m * 10.0_f64.powi(exponent)) {
                let ticks = ticks(end);
                assert!((3..=7).contains(&ticks.len()), "{end}: {ticks:?}");
                assert!(ticks.iter().all(|(value, _)| *value <= 1.000_001 * end));
            }
        }
    }

    #[test]
    fn a_point_lies_where_its_value_says_and_one_that_is_none_breaks_the_line() {
        let points = vec![[0.0, 0.0], [2.0, f64::NAN], [4.0, 100.0]];
        let curve = Curve { name: "v", class: "validation", shape: Shape::None, points };
        let chart =
            Chart { title: "a".to_owned(), curves: vec![curve], twin: Default::default(), top: Some(100.0) };
        let mut out = Markup::new();
        let mark = |epoch, number| ChartMark { epoch, number, words: "do <it>".to_owned() };
        chart.draw(&mut out, &[mark(2.0, 1), mark(2.01, 2), mark(8.0, 3)]);
        let text = out.as_str();
        // The last mark is at the right end: epoch 4 lies in the middle of 50 to 466.
        assert!(text.contains("points=\"50,260\"") && text.contains("points=\"258,60\""), "{text}");
        assert!(text.contains("3: do &lt;it&gt;") && !text.contains("NaN"), "{text}");
        let numbers = |n: &str| text.contains(&format!("text-anchor=\"middle\">{n}</text></g>"));
        assert_eq!(["1", "2", "3"].map(numbers), [true, false, true], "{text}");
    }
}
