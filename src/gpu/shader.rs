//! WGSL sources: a file of `shaders/`, embedded at compile time, and the few directives that unroll it.
//!
//! Register tiles must be named scalars (an array indexed in a loop is 2 to 3 times slower on the software
//! adapter), so a shader may repeat lines at compile time:
//!
//! ```text
//! const OUT_BLOCKS: u32 = 4u;      a knob; a kernel variant may change its value
//! #for b in OUT_BLOCKS             repeats the lines up to #end with b = 0, 1, ...
//!   var sum_{b} = w{b / 2}.x;      {expression} becomes its value: + - * / % ( ) over loop variables and knobs
//! #end
//! #if SUBGROUPS                    keeps the lines up to #else or #end when the knob is not 0
//! ```

use crate::error::{Error, Result};

/// One file of `shaders/`, embedded. Made with [`crate::wgsl!`].
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// Path below `shaders/`, for example `nn/convolution.wgsl`.
    pub path: &'static str,
    /// The text of the file.
    pub text: &'static str,
}

/// Embeds a file of `shaders/` as a [`Source`](crate::gpu::Source): `wgsl!("nn/relu.wgsl")`.
#[macro_export]
macro_rules! wgsl {
    ($path:literal) => {
        $crate::gpu::Source {
            path: $path,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path)),
        }
    };
}

type Names = Vec<(String, u32)>;

impl Source {
    /// Plain WGSL, with the knobs in `constants` set and the directives carried out.
    ///
    /// # Errors
    /// When the file lacks one of the knobs, or a directive is malformed.
    pub fn expand(&self, constants: &[(&str, u32)]) -> Result<String> {
        let mut names = Names::new();
        let mut lines = Vec::new();
        for line in self.text.lines() {
            match knob(line) {
                Some((name, default)) => {
                    let value = constants.iter().find(|c| c.0 == name).map_or(default, |c| c.1);
                    names.push((name.to_owned(), value));
                    lines.push(format!("const {name}: u32 = {value}u;"));
                }
                None => lines.push(line.to_owned()),
            }
        }
        if let Some((name, _)) = constants.iter().find(|(name, _)| !names.iter().any(|n| n.0 == *name)) {
            let what = format!("shader {} has no line `const {name}: u32 = ...;`", self.path);
            return Err(Error::new(what, "name a constant that the file declares"));
        }
        let mut out = String::new();
        let end = expand_block(&lines, 0, &mut names, true, &mut out)
            .map_err(|what| Error::new(format!("shader {}: {what}", self.path), "mend the directive"))?;
        if end < lines.len() {
            let what = format!("shader {}, line {}: #end or #else without a beginning", self.path, end + 1);
            return Err(Error::new(what, "mend the directive"));
        }
        Ok(out)
    }
}

/// Reads `const NAME: u32 = 8u;`.
fn knob(line: &str) -> Option<(&str, u32)> {
    let (name, value) = line.strip_prefix("const ")?.split_once(": u32 = ")?;
    Some((name, value.split_once("u;")?.0.parse().ok()?))
}

/// Expands lines from `at` to the matching `#end` or `#else`, and returns where that is.
fn expand_block(
    lines: &[String],
    mut at: usize,
    names: &mut Names,
    live: bool,
    out: &mut String,
) -> Result<usize, String> {
    while at < lines.len() {
        let line = lines[at].trim();
        if line == "#end" || line == "#else" {
            return Ok(at);
        }
        at = if let Some(head) = line.strip_prefix("#for ") {
            expand_for(head, lines, at, names, live, out)?
        } else if let Some(condition) = line.strip_prefix("#if ") {
            let holds = evaluate(condition, names)? != 0;
            let middle = expand_block(lines, at + 1, names, live && holds, out)?;
            let otherwise = lines.get(middle).is_some_and(|l| l.trim() == "#else");
            if otherwise { expand_block(lines, middle + 1, names, live && !holds, out)? } else { middle }
        } else {
            if live {
                out.push_str(&substitute(&lines[at], names)?);
                out.push('\n');
            }
            at
        } + 1;
    }
    Ok(at)
}

/// Expands `variable in count` from the line `at`; returns the line of its `#end`.
fn expand_for(
    head: &str,
    lines: &[String],
    at: usize,
    names: &mut Names,
    live: bool,
    out: &mut String,
) -> Result<usize, String> {
    let (variable, count) = head.split_once(" in ").ok_or_else(|| format!("`#for {head}` lacks ` in `"))?;
    let count = evaluate(count, names)?;
    let mut end = at;
    // A count of zero still has to find the end.
    for i in 0..count.max(1) {
        names.push((variable.trim().to_owned(), i));
        end = expand_block(lines, at + 1, names, live && i < count, out)?;
        names.pop();
    }
    Ok(end)
}

/// Replaces each `{expression}` of known names by its value; other braces stay as they are.
fn substitute(line: &str, names: &Names) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = line;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let close = rest[open..].find('}').map(|i| open + i);
        match close.map(|close| (close, &rest[open + 1..close])) {
            Some((close, inner)) if is_expression(inner) => {
                out.push_str(&evaluate(inner, names)?.to_string());
                rest = &rest[close + 1..];
            }
            _ => {
                out.push('{');
                rest = &rest[open + 1..];
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn is_expression(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_+-*/%() ".contains(c))
        && !text.starts_with(' ')
}

/// Value of an expression of `+ - * / % ( )` over whole numbers and names, none of which goes below zero.
fn evaluate(text: &str, names: &Names) -> Result<u32, String> {
    let mut expression = Expression { rest: text, names };
    expression
        .sum()
        .filter(|_| expression.rest.trim().is_empty())
        .ok_or_else(|| format!("`{text}` has no value"))
}

/// An expression being read, by recursive descent.
struct Expression<'a> {
    rest: &'a str,
    names: &'a Names,
}

impl Expression<'_> {
    fn sum(&mut self) -> Option<u32> {
        let mut result = self.product()?;
        while let Some(operator) = self.take(|c| "+-".contains(c)) {
            let term = self.product()?;
            result = if operator == '+' { result.checked_add(term)? } else { result.checked_sub(term)? };
        }
        Some(result)
    }

    fn product(&mut self) -> Option<u32> {
        let mut result = self.operand()?;
        while let Some(operator) = self.take(|c| "*/%".contains(c)) {
            let factor = self.operand()?;
            result = match operator {
                '*' => result.checked_mul(factor)?,
                '/' => result.checked_div(factor)?,
                _ => result.checked_rem(factor)?,
            };
        }
        Some(result)
    }

    fn operand(&mut self) -> Option<u32> {
        if self.take(|c| c == '(').is_some() {
            let result = self.sum()?;
            return self.take(|c| c == ')').map(|_| result);
        }
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (token, rest) = rest.split_at(end);
        self.rest = rest;
        let named = || self.names.iter().rev().find(|name| name.0 == token).map(|name| name.1);
        token.parse().ok().or_else(named)
    }

    /// The next character, if `wanted` says so.
    fn take(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let rest = self.rest.trim_start();
        let first = rest.chars().next().filter(|c| c.is_ascii() && wanted(*c))?;
        self.rest = &rest[first.len_utf8()..];
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &'static str, constants: &[(&str, u32)]) -> Result<String> {
        Source { path: "sample", text }.expand(constants)
    }

    #[test]
    fn loops_nest_and_expressions_count() {
        let text = "const N: u32 = 2u;\n#for a in N\n#for b in 2\nx{a}_{b} = {a*2+b} / {7 % N};\n#end\n#end\nfn f() { }";
        let lines = expand(text, &[("N", 3)]).unwrap();
        assert!(lines.starts_with("const N: u32 = 3u;\nx0_0 = 0 / 1;\nx0_1 = 1 / 1;\nx1_0 = 2"));
        assert!(lines.ends_with("x2_1 = 5 / 1;\nfn f() { }\n"));
    }

    #[test]
    fn expressions_bind_as_in_mathematics() {
        let names = vec![("N".to_owned(), 6)];
        for (text, value) in
            [("1 + N * 2", 13), ("(1+N)*2", 14), ("(N * 3 + 7) / 8", 3), ("N - 2 - 1", 3), ("N%4", 2)]
        {
            assert_eq!(evaluate(text, &names), Ok(value), "{text}");
        }
        for text in ["N - 7", "(N", "N)", "N N", "", "1 +", "M"] {
            assert!(evaluate(text, &names).is_err(), "{text}");
        }
    }

    #[test]
    fn conditions_keep_one_branch() {
        let text = "const S: u32 = 1u;\n#if S\nyes\n#else\nno\n#end\nafter";
        assert_eq!(expand(text, &[]).unwrap(), "const S: u32 = 1u;\nyes\nafter\n");
        assert_eq!(expand(text, &[("S", 0)]).unwrap(), "const S: u32 = 0u;\nno\nafter\n");
        let empty = "const S: u32 = 0u;\n#for i in S\n#if 1\nnever {i}\n#end\n#end\nafter";
        assert_eq!(expand(empty, &[]).unwrap(), "const S: u32 = 0u;\nafter\n");
    }

    #[test]
    fn faults_name_the_shader() {
        for (text, constants) in [
            ("x", &[("MISSING", 1)][..]),
            ("#for i of 3\n#end", &[]),
            ("#if NOBODY\n#end", &[]),
            ("#end", &[]),
            ("let x = {4 / 0};", &[]),
        ] {
            assert!(expand(text, constants).unwrap_err().what().contains("sample"), "{text}");
        }
    }
}
