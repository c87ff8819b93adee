//! WGSL sources: a file of `shaders/`, embedded at compile time, and its plain WGSL text once the directives are carried out.
//!
//! ```text
//! #import Clock                    pastes the struct that Rust declares with params! and names in wgsl!
//! #import atomic Pixel             pastes it with atomics for its u32 fields
//! #import common/hash              pastes shaders/common/hash.wgsl
//! #constant OUT_BLOCKS = 4         a u32 constant; a kernel variant may set another value, and directives may use it
//! #for b in OUT_BLOCKS             repeats the lines up to #end with b = 0, 1, ...
//!   var sum_{b} = w{b / 2}.x;      {expression} becomes its value: + - * / % ( ) over loop variables and constants
//! #end
//! #if SUBGROUPS                    keeps the lines up to #else or #end when the constant is not 0
//! ```
//!
//! Loops are unrolled because register tiles must be named scalars: an array indexed in a loop is 2 to 3 times slower on
//! the software adapter. Faults, the compiler's too, name path and line of the file that was written.

use super::structs::StructDef;
use super::template::{self, Line};
use crate::error::{Error, Result};

/// Files of functions that shaders share.
const COMMON: &[(&str, &str)] = &[
    (
        "common/group_color",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/common/group_color.wgsl")),
    ),
    (
        "common/candidates",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/common/candidates.wgsl")),
    ),
    ("common/sampling", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/common/sampling.wgsl"))),
    ("common/colors", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/common/colors.wgsl"))),
    ("common/floats", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/common/floats.wgsl"))),
    ("common/half", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/common/half.wgsl"))),
    ("common/hash", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/common/hash.wgsl"))),
    ("common/screen", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/common/screen.wgsl"))),
    ("common/signs", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/common/signs.wgsl"))),
    ("common/total", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/common/total.wgsl"))),
];

/// One file of `shaders/`, embedded. Made with [`crate::wgsl!`].
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// Path below `shaders/`, for example `nn/convolution.wgsl`.
    pub path: &'static str,
    /// The text of the file.
    pub text: &'static str,
    /// The structs that it imports.
    pub structs: &'static [&'static StructDef],
}

/// Embeds a file of `shaders/` as a [`Source`](crate::gpu::Source), with the structs that it imports:
/// `wgsl!("nn/optimizer.wgsl", Clock, Hyper)`.
#[macro_export]
macro_rules! wgsl {
    ($path:literal $(, $shared:ty)* $(,)?) => {
        $crate::gpu::Source {
            path: $path,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path)),
            structs: &[$(<$shared as $crate::gpu::Params>::DEF),*],
        }
    };
}

/// Plain WGSL, and where its lines were written.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// Path of the file that was expanded.
    pub path: String,
    /// The text.
    pub text: String,
    /// The structs that were imported.
    pub structs: &'static [&'static StructDef],
    /// By line of `text`, the path and line that it came from.
    lines: Vec<(String, usize)>,
}

impl Expanded {
    /// `path:line` in the file that was written, of line `line` of the text; lines count from 1.
    pub fn origin(&self, line: usize) -> String {
        let (path, line) =
            self.lines.get(line.saturating_sub(1)).unwrap_or(&self.lines[self.lines.len() - 1]);
        format!("{path}:{line}")
    }
}

impl Source {
    /// Plain WGSL, with constants set and the directives carried out.
    ///
    /// # Errors
    /// When the file lacks one of the constants or of the structs, or a directive is malformed.
    pub fn expand(&self, constants: &[(&str, u32)]) -> Result<Expanded> {
        let mut lines = Vec::new();
        let mut imported = Vec::new();
        self.import(self.path, self.text, &mut imported, &mut lines)?;
        if let Some(unused) = self.structs.iter().find(|s| !imported.iter().any(|name| name == s.name)) {
            let what = format!("shader {} has no line `#import {}`", self.path, unused.name);
            return Err(Error::new(what, "name the structs that the file imports"));
        }
        let names = template::constants(&mut lines, constants)?;
        if let Some((name, _)) = constants.iter().find(|(name, _)| !names.iter().any(|n| n.0 == *name)) {
            let what = format!("shader {} has no line `#constant {name} = ...`", self.path);
            return Err(Error::new(what, "name a constant that the file declares"));
        }
        let expanded = template::expand(&lines, names)?;
        let origin = |at: &usize| (lines[*at].path.clone(), lines[*at].number);
        Ok(Expanded {
            path: self.path.to_owned(),
            text: expanded.iter().flat_map(|(text, _)| [text.as_str(), "\n"]).collect(),
            structs: self.structs,
            lines: expanded.iter().map(|(_, at)| origin(at)).collect(),
        })
    }

    /// Appends the lines of `text` to `lines`, those that it imports in their place, each import once.
    fn import(
        &self,
        path: &str,
        text: &str,
        imported: &mut Vec<String>,
        lines: &mut Vec<Line>,
    ) -> Result<()> {
        for (at, text) in text.lines().enumerate() {
            let mut line = Line { text: text.to_owned(), path: path.to_owned(), number: at + 1 };
            let Some(name) = text.strip_prefix("#import ").map(str::trim) else {
                lines.push(line);
                continue;
            };
            let (name, atomic) = name.strip_prefix("atomic ").map_or((name, false), |name| (name, true));
            if imported.iter().any(|known| known == name) {
                continue;
            }
            imported.push(name.to_owned());
            if let Some(shared) = self.structs.iter().find(|s| s.name == name) {
                let text = shared.wgsl();
                line.text = if atomic { text.replace(": u32", ": atomic<u32>") } else { text };
                lines.push(line);
            } else if let Some((name, text)) = COMMON.iter().find(|(known, _)| *known == name) {
                self.import(&format!("{name}.wgsl"), text, imported, lines)?;
            } else if name.contains('/') {
                return Err(line.fault(format!("there is no file {name:?} to import")));
            } else {
                return Err(line.fault(format!("the program shares no struct {name:?} with this file")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Params as _;

    crate::params! { struct Pair { left: u32, right: [f32; 2] } }

    fn source(text: &'static str) -> Source {
        Source { path: "sample.wgsl", text, structs: &[] }
    }

    #[test]
    fn a_struct_is_pasted_where_it_is_imported() {
        let source = Source { structs: &[Pair::DEF], ..source("a\n#import Pair\nb\n#import Pair") };
        let text = source.expand(&[]).unwrap().text;
        assert_eq!(text, "a\nstruct Pair { left: u32, right: vec2<f32> }\nb\n");
        let atomic = Source { text: "#import atomic Pair", ..source }.expand(&[]).unwrap().text;
        assert_eq!(atomic, "struct Pair { left: atomic<u32>, right: vec2<f32> }\n");
        let fault = Source { text: "a", ..source }.expand(&[]).unwrap_err();
        assert!(fault.what().contains("no line `#import Pair`"), "{fault}");
    }

    #[test]
    fn a_file_of_functions_is_imported_once_and_keeps_its_lines() {
        let expanded = source("#import common/hash\n#import common/hash\nlast").expand(&[]).unwrap();
        assert_eq!(expanded.text.matches("fn mix_bits(").count(), 1);
        let line = expanded.text.lines().position(|l| l.contains("fn mix_bits(")).unwrap() + 1;
        assert_eq!(expanded.origin(line), format!("common/hash.wgsl:{line}"));
        assert_eq!(expanded.origin(expanded.text.lines().count()), "sample.wgsl:3");
    }

    #[test]
    fn faults_name_path_and_line() {
        for (text, constants, at) in [
            ("x", &[("MISSING", 1)][..], "MISSING"),
            ("\n\n#for i of 3\n#end", &[], ":3:"),
            ("\n#if NOBODY\n#end", &[], ":2:"),
            ("a\n#end", &[], ":2:"),
            ("#for i in 2\nx\nlet x = {4 / 0};\n#end", &[], ":3:"),
            ("#constant N\n", &[], ":1:"),
            ("a\n#import common/nothing", &[], ":2:"),
            ("#import Nobody", &[], ":1:"),
            ("const N: u32 = 3u;\n#for i in N\n#end", &[], ":2:"),
            ("#for i in 2\n", &[], ":1:"),
        ] {
            let fault = source(text).expand(constants).unwrap_err();
            assert!(fault.what().contains("sample.wgsl") && fault.what().contains(at), "{text}: {fault}");
        }
    }

    #[test]
    fn unrolled_lines_lead_back_to_the_line_that_was_repeated() {
        let text = "#constant N = 2\na\n#for i in N\nb{i}\n#if i\nonly_{i}\n#end\n#end\nc";
        let expanded = source(text).expand(&[]).unwrap();
        let numbers: Vec<_> = (1..=expanded.text.lines().count()).map(|line| expanded.origin(line)).collect();
        let expected = [1, 2, 4, 4, 6, 9].map(|line| format!("sample.wgsl:{line}"));
        assert_eq!(numbers, expected);
    }
}
