//! Colors of a report and of drawings, for light and for dark pages.

use std::fmt::Write as _;

/// Name of a color, and its value on a light and on a dark page. Those of the curves are those of the window.
const COLORS: [(&str, &str, &str); 9] = [
    ("ground", "#ffffff", "#111318"),
    ("ink", "#1b1f27", "#dce1ea"),
    ("muted", "#565f6f", "#98a1b2"),
    ("line", "#d5d9e0", "#2a2f3a"),
    ("training", "#1f6fb5", "#5aa9f2"),
    ("validation", "#b35900", "#f09233"),
    ("average", "#2b7a3a", "#7fd18b"),
    ("right", "#7db8ee", "#2a5d8f"),
    ("wrong", "#f5a55a", "#8a4d10"),
];

/// Style of drawings.
const DRAWING: &str = "\
.drawing{font:13px system-ui,sans-serif}\
.drawing text{fill:var(--ink)}.drawing .muted{fill:var(--muted)}.drawing .title{font-weight:600}\
.ground{fill:var(--ground)}.grid{stroke:var(--line)}.mark{stroke:var(--muted);stroke-dasharray:2 3}\
.curve{fill:none;stroke-width:2;stroke-linejoin:round}.curve.thin{stroke-width:1.5}\
.training{stroke:var(--training)}.validation{stroke:var(--validation)}.average{stroke:var(--average)}\
.point.validation{fill:var(--validation)}.point.average{fill:var(--average)}\
.curve.dashed{stroke-width:1.5;stroke-dasharray:5 3}.point.dashed{fill:none}.muted.dashed{stroke:var(--muted)}\
.right{fill:var(--right)}.wrong{fill:var(--wrong)}";

/// Style of a page with drawings, light or dark by the reader's setting.
pub fn page_style() -> String {
    let values = |of: fn(&(&str, &'static str, &'static str)) -> &'static str| {
        COLORS.iter().fold(String::new(), |mut all, color| {
            write!(all, "--{}:{};", color.0, of(color)).expect("a string takes all");
            all
        })
    };
    format!(
        ":root{{color-scheme:light dark;{}}}@media(prefers-color-scheme:dark){{:root{{{}}}}}{DRAWING}",
        values(|color| color.1),
        values(|color| color.2)
    )
}

/// Style of a drawing by itself: light, in words that every program for drawings knows.
pub(super) fn drawing_style() -> String {
    COLORS
        .iter()
        .fold(DRAWING.to_owned(), |style, (name, light, _)| style.replace(&format!("var(--{name})"), light))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.1) of `#rrggbb`.
    fn luminance(color: &str) -> f64 {
        let part = |at: usize| f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap()) / 255.0;
        let linear = |v: f64| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
        0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5))
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let [a, b] = [luminance(a), luminance(b)];
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_curves_are_read_on_either_page() {
        assert!((contrast("#ffffff", "#000000") - 21.0).abs() < 1e-9);
        let pages: [fn(&str) -> &'static str; 2] = [
            |name| COLORS.iter().find(|color| color.0 == name).unwrap().1,
            |name| COLORS.iter().find(|color| color.0 == name).unwrap().2,
        ];
        for of in pages {
            for (color, ground) in [
                ("ink", "ground"),
                ("muted", "ground"),
                ("training", "ground"),
                ("validation", "ground"),
                ("average", "ground"),
                ("ink", "right"),
                ("ink", "wrong"),
            ] {
                let contrast = contrast(of(color), of(ground));
                assert!(contrast >= 4.5, "{} on {}: {contrast:.2}", of(color), of(ground));
            }
        }
    }

    #[test]
    fn a_drawing_by_itself_names_no_variable() {
        assert!(DRAWING.contains("var(--ink)"));
        assert!(!drawing_style().contains("var("), "{}", drawing_style());
    }
}
