//! Loss and accuracy of a run as SVG.

use super::chart::{Chart, ChartMark, Curve, SIZE, Shape};
use super::colors::drawing_style;
use super::commands::commands;
use super::markup::Markup;
use crate::app::curves::{Curves, accuracy_curves, loss_curves};
use crate::app::twin_curves::{TwinCurves, twin_name};
use crate::session::Session;

/// Space between two charts.
const GAP: f64 = 24.0;

/// Charts of loss and, where there are classes, accuracy, as SVG for a page with [`page_style`](super::page_style).
pub fn charts(session: &Session) -> Vec<Markup> {
    let marks = marks(session);
    let mut drawn = Vec::new();
    for chart in charts_of(session) {
        let mut out = Markup::new();
        svg(&mut out, SIZE, &chart.title, |out| chart.draw(out, &marks));
        drawn.push(out);
    }
    drawn
}

/// The same as one SVG file.
pub fn charts_svg(session: &Session) -> String {
    let (charts, marks) = (charts_of(session), marks(session));
    let height = SIZE[1] * charts.len() as f64 + GAP * (charts.len() as f64 + 1.0);
    let mut out = Markup::new();
    let size = [SIZE[0] + 2.0 * GAP, height];
    file(&mut out, size, &format!("Charts of {}", session.title()), |out| {
        for (index, chart) in charts.iter().enumerate() {
            let place = format!("translate({GAP} {})", GAP + (SIZE[1] + GAP) * index as f64);
            out.element("g", &[("transform", &place)], |out| chart.draw(out, &marks));
        }
    });
    out.as_str().to_owned()
}

/// A drawing with this label.
pub(super) fn svg(
    out: &mut Markup,
    [width, height]: [f64; 2],
    label: &str,
    content: impl FnOnce(&mut Markup),
) {
    let (room, namespace) = (format!("0 0 {width} {height}"), "http://www.w3.org/2000/svg");
    let of_it: [(&str, &dyn std::fmt::Display); 5] = [
        ("xmlns", &namespace),
        ("viewBox", &room),
        ("class", &"drawing"),
        ("role", &"img"),
        ("aria-label", &label),
    ];
    let size: [(&str, &dyn std::fmt::Display); 2] = [("width", &width), ("height", &height)];
    out.element("svg", &[&of_it[..], &size].concat(), content);
}

/// A drawing as a file of its own: with its style and its ground.
pub(super) fn file(out: &mut Markup, size: [f64; 2], label: &str, content: impl FnOnce(&mut Markup)) {
    svg(out, size, label, |out| {
        out.style(&drawing_style());
        out.empty("rect", &[("width", &size[0]), ("height", &size[1]), ("class", &"ground")]);
        content(out);
    });
}

fn charts_of(session: &Session) -> Vec<Chart> {
    let (metrics, loss) = (session.metrics(), session.trainer().network.loss);
    let twin = TwinCurves::of(session, |curves| curves).unwrap_or_default();
    let name = session.twin().map(twin_name).unwrap_or_default();
    let chart = |title: String, curves: Curves, twin: Curves, top| Chart {
        title,
        top,
        curves: styled(curves, ["training", "validation", "average"]),
        twin: (name.clone(), styled(twin, ["training dashed", "validation dashed", "average dashed"])),
    };
    let mut charts = vec![chart(format!("Loss ({})", loss.name()), loss_curves(metrics), twin.loss, None)];
    if loss.has_classes() {
        let accuracy = accuracy_curves(metrics);
        charts.push(chart("Accuracy (%)".to_owned(), accuracy, twin.accuracy, Some(100.0)));
    }
    charts
}

/// Curves with their names, shapes, and these classes.
fn styled(curves: Curves, classes: [&'static str; 3]) -> Vec<Curve> {
    let styles =
        [("training", Shape::None), ("validation", Shape::Circle), ("averaged weights", Shape::Square)];
    let all = curves.into_iter().zip(styles).zip(classes);
    all.map(|((points, (name, shape)), class)| Curve { name, class, shape, points }).collect()
}

/// Marks of the commands that were carried out, each with its number in [`commands`]; none of those that were undone.
pub(crate) fn marks(session: &Session) -> Vec<ChartMark> {
    let mut known = vec![(0, 0.0)];
    known.extend(session.metrics().epochs.iter().map(|e| (e.step, f64::from(e.epoch))));
    known.push((session.step(), session.epoch()));
    let rows = commands(session).into_iter().zip(1..).filter(|(row, _)| !row.is_undone());
    let mark = |(row, number): (super::CommandRow, usize)| ChartMark {
        epoch: epoch_at(row.step, &known),
        number,
        words: row.words,
    };
    rows.map(mark).collect()
}

/// Epochs at a step, between known steps with their epochs, which ascend: the batch size may have changed in between.
fn epoch_at(step: u32, known: &[(u32, f64)]) -> f64 {
    let after = known.iter().position(|(of, _)| *of >= step).unwrap_or(known.len() - 1);
    let ((from, low), (to, high)) = (known[after.saturating_sub(1)], known[after]);
    let share = f64::from(step.min(to).saturating_sub(from)) / f64::from(to.saturating_sub(from).max(1));
    low + (high - low) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_lie_between_the_ends_of_epochs() {
        // The second epoch had half as many steps.
        let known = [(0, 0.0), (20, 1.0), (30, 2.0), (30, 2.0), (35, 2.5)];
        for (step, epoch) in [(0, 0.0), (5, 0.25), (20, 1.0), (25, 1.5), (30, 2.0), (33, 2.3), (99, 2.5)] {
            assert!((epoch_at(step, &known) - epoch).abs() < 1e-12, "{step}");
        }
        assert_eq!(epoch_at(0, &[(0, 0.0), (0, 0.0)]), 0.0);
    }
}
