//! WGSL sources: a file of `shaders/`, embedded at compile time, and its `const` knobs.
//!
//! A shader file is valid WGSL by itself. What a kernel variant may change are its `const NAME: u32 = 8u;`
//! lines (register tiles, workgroup sizes): [`Source::with_constants`] rewrites their values.

use crate::error::{Error, Result};

/// One file of `shaders/`, embedded. Made with [`crate::wgsl!`].
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// Path below `shaders/`, for example `nn/conv2d.wgsl`.
    pub path: &'static str,
    /// The text of the file.
    pub text: &'static str,
}

/// Embeds a file of `shaders/` as a [`Source`]: `wgsl!("nn/conv2d.wgsl")`.
#[macro_export]
macro_rules! wgsl {
    ($path:literal) => {
        $crate::gpu::Source {
            path: $path,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path)),
        }
    };
}

impl Source {
    /// The text with the given `const NAME: u32` lines set to new values.
    ///
    /// # Errors
    /// When the file has no such constant.
    pub fn with_constants(&self, constants: &[(&str, u32)]) -> Result<String> {
        let mut text = self.text.to_owned();
        for (name, value) in constants {
            let head = format!("const {name}: u32 = ");
            let start = text.find(&head).ok_or_else(|| {
                Error::new(
                    format!("shader {} has no line `{head}...;`", self.path),
                    "name a constant that the file declares",
                )
            })?;
            let value_start = start + head.len();
            let value_end = value_start + text[value_start..].find(';').unwrap_or(0);
            text.replace_range(value_start..value_end, &format!("{value}u"));
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Source = Source { path: "sample", text: "const TILE: u32 = 8u;\nconst OTHER: u32 = 1u;\n" };

    #[test]
    fn a_constant_takes_its_new_value_and_the_others_stay() {
        let text = SAMPLE.with_constants(&[("TILE", 20)]).unwrap();
        assert_eq!(text, "const TILE: u32 = 20u;\nconst OTHER: u32 = 1u;\n");
    }

    #[test]
    fn an_unknown_constant_names_the_shader() {
        let error = SAMPLE.with_constants(&[("MISSING", 1)]).unwrap_err();
        assert!(error.what().contains("sample") && error.what().contains("MISSING"));
    }
}
