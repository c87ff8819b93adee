//! HTML and SVG as they are written: whatever is not markup is escaped.

use std::fmt::{Display, Write as _};

use crate::error::harmless;

/// HTML or SVG. Text and the values of attributes are escaped, so that no name can be read as markup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markup(String);

impl Markup {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an element with its content.
    pub fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &dyn Display)],
        content: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        self.0.push('>');
        content(self);
        write!(self.0, "</{name}>").expect("a string takes all");
    }

    /// Appends an element with a text.
    pub fn line(&mut self, name: &str, attributes: &[(&str, &dyn Display)], text: impl Display) {
        self.element(name, attributes, |inner| inner.text(text));
    }

    /// Appends an element without content.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        self.open(name, attributes);
        self.0.push_str("/>");
    }

    /// Appends a text.
    pub fn text(&mut self, text: impl Display) {
        let text = text.to_string();
        for c in harmless(&text).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                // XML knows neither.
                '\u{fffe}' | '\u{ffff}' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
    }

    /// Appends markup.
    pub fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// Appends the program's own style sheet.
    pub fn style(&mut self, sheet: &str) {
        write!(self.0, "<style>{sheet}</style>").expect("a string takes all");
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        write!(self.0, "<{name}").expect("a string takes all");
        for (attribute, value) in attributes {
            write!(self.0, " {attribute}=\"").expect("a string takes all");
            self.text(value);
            self.0.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_read_as_markup() {
        for name in
            ["</td><script>x()</script>", "\" onload=\"x()", "a & b < c", "'", "\u{1}\u{202e}\u{ffff}", "ä é"]
        {
            let mut markup = Markup::new();
            markup.line("p", &[("title", &name), ("class", &"a")], name);
            let mut reader = quick_xml::Reader::from_str(markup.as_str());
            let quick_xml::events::Event::Start(start) = reader.read_event().unwrap() else {
                panic!("{name}")
            };
            assert_eq!((start.name().as_ref(), start.attributes().count()), (&b"p"[..], 2), "{name}");
            let mut said = String::new();
            loop {
                match reader.read_event().unwrap() {
                    quick_xml::events::Event::End(end) => break assert_eq!(end.name().as_ref(), b"p"),
                    quick_xml::events::Event::Text(text) => said += &text.decode().unwrap(),
                    quick_xml::events::Event::GeneralRef(name) => {
                        said += match &name[..] {
                            b"lt" => "<",
                            b"gt" => ">",
                            b"amp" => "&",
                            b"quot" => "\"",
                            other => panic!("{other:?}"),
                        }
                    }
                    other => panic!("{name}: {other:?}"),
                }
            }
            assert_eq!(said, harmless(name).replace('\u{ffff}', "\u{fffd}"));
            assert!(!markup.as_str().contains(|c: char| c.is_control()), "{markup:?}");
        }
    }
}
