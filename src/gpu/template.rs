//! The directives of shader files: `#constant`, `#for`, `#if` and `{expression}`. See [`super::shader`] for what they do.

use crate::error::{Error, Result};

/// Constants and loop variables with their values.
pub(super) type Names = Vec<(String, u32)>;

/// A line of a shader, before directives are carried out.
pub(super) struct Line {
    /// Its text.
    pub text: String,
    /// The file that it stands in.
    pub path: String,
    /// Its number there, from 1.
    pub number: usize,
}

impl Line {
    /// A fault of this line.
    pub(super) fn fault(&self, what: impl std::fmt::Display) -> Error {
        Error::new(format!("shader {}:{}: {what}", self.path, self.number), "mend the directive")
    }
}

/// A line of the result, and the line of the file that it was made of.
type Made = (String, usize);

/// Turns the lines `#constant NAME = VALUE` into WGSL, with the values of `set` where it has them, and returns names and values.
///
/// # Errors
/// When such a line is malformed.
pub(super) fn constants(lines: &mut [Line], set: &[(&str, u32)]) -> Result<Names> {
    let mut names = Names::new();
    for line in lines {
        let Some(constant) = line.text.strip_prefix("#constant") else { continue };
        let read = constant.split_once('=').map(|(name, value)| (name.trim(), value.trim().parse()));
        let Some((name, Ok(default))) = read else {
            return Err(line.fault("it is not `#constant NAME = VALUE`"));
        };
        let value = set.iter().find(|c| c.0 == name).map_or(default, |c| c.1);
        names.push((name.to_owned(), value));
        line.text = format!("const {name}: u32 = {value}u;");
    }
    Ok(names)
}

/// The lines with all other directives carried out, each with the place among `lines` that it came from.
///
/// # Errors
/// When a directive is malformed.
pub(super) fn expand(lines: &[Line], names: Names) -> Result<Vec<(String, usize)>> {
    let mut template = Template { lines, names, out: Vec::new() };
    let end = template.block(0, true)?;
    match lines.get(end) {
        Some(line) => Err(line.fault("#end or #else without a beginning")),
        None => Ok(template.out),
    }
}

/// A file being expanded.
struct Template<'a> {
    lines: &'a [Line],
    names: Names,
    out: Vec<Made>,
}

impl Template<'_> {
    /// Expands lines from `at` to the matching `#end` or `#else`, and returns where that is. Nothing is kept unless `live`.
    fn block(&mut self, mut at: usize, live: bool) -> Result<usize> {
        while let Some(line) = self.lines.get(at) {
            let text = line.text.trim();
            if text == "#end" || text == "#else" {
                return Ok(at);
            }
            at = if let Some(head) = text.strip_prefix("#for ") {
                self.repeat(head, at, live)?
            } else if let Some(condition) = text.strip_prefix("#if ") {
                self.choose(condition, at, live)?
            } else {
                if live {
                    let made = substitute(&line.text, &self.names).map_err(|what| line.fault(what))?;
                    self.out.push((made, at));
                }
                at
            } + 1;
        }
        Ok(at)
    }

    /// Expands `variable in count` of the line `at`; returns the line of its `#end`.
    fn repeat(&mut self, head: &str, at: usize, live: bool) -> Result<usize> {
        let line = &self.lines[at];
        let parts = head.split_once(" in ");
        let (variable, count) = parts.ok_or_else(|| line.fault(format!("`#for {head}` lacks ` in `")))?;
        let count = self.value(count, at)?;
        let mut end = at;
        // A count of zero still has to find the end.
        for i in 0..count.max(1) {
            self.names.push((variable.trim().to_owned(), i));
            end = self.block(at + 1, live && i < count)?;
            self.names.pop();
        }
        self.ended(at, end)
    }

    /// Expands the branch of the `#if` of the line `at` that holds; returns the line of its `#end`.
    fn choose(&mut self, condition: &str, at: usize, live: bool) -> Result<usize> {
        let holds = self.value(condition, at)? != 0;
        let middle = self.block(at + 1, live && holds)?;
        let otherwise = self.lines.get(middle).is_some_and(|l| l.text.trim() == "#else");
        let end = if otherwise { self.block(middle + 1, live && !holds)? } else { middle };
        self.ended(at, end)
    }

    /// `end`, if it is a line of the file.
    fn ended(&self, at: usize, end: usize) -> Result<usize> {
        if end < self.lines.len() { Ok(end) } else { Err(self.lines[at].fault("it has no #end")) }
    }

    fn value(&self, text: &str, at: usize) -> Result<u32> {
        evaluate(text, &self.names).map_err(|what| self.lines[at].fault(what))
    }
}

/// `line` with each `{expression}` replaced by its value; other braces stay as they are.
fn substitute(line: &str, names: &[(String, u32)]) -> Result<String, String> {
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
fn evaluate(text: &str, names: &[(String, u32)]) -> Result<u32, String> {
    let mut expression = Expression { rest: text, names };
    expression
        .sum()
        .filter(|_| expression.rest.trim().is_empty())
        .ok_or_else(|| format!("`{text}` has no value"))
}

/// An expression being read, by recursive descent.
struct Expression<'a> {
    rest: &'a str,
    names: &'a [(String, u32)],
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

    /// The next character, if it is `wanted`.
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

    /// Expanded text of a file.
    fn expanded(text: &str, set: &[(&str, u32)]) -> String {
        let line = |text: &str| Line { text: text.to_owned(), path: "sample.wgsl".to_owned(), number: 1 };
        let mut lines: Vec<_> = text.lines().map(line).collect();
        let names = constants(&mut lines, set).unwrap();
        expand(&lines, names).unwrap().into_iter().map(|(text, _)| text + "\n").collect()
    }

    #[test]
    fn loops_nest_and_expressions_count() {
        let text = "#constant N = 2\n#for a in N\n#for b in 2\nx{a}_{b} = {a*2+b} / {7 % N};\n#end\n#end\nfn f() { }";
        let lines = expanded(text, &[("N", 3)]);
        assert!(lines.starts_with("const N: u32 = 3u;\nx0_0 = 0 / 1;\nx0_1 = 1 / 1;\nx1_0 = 2"));
        assert!(lines.ends_with("x2_1 = 5 / 1;\nfn f() { }\n"));
    }

    #[test]
    fn expressions_bind_as_in_mathematics() {
        let names = [("N".to_owned(), 6)];
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
        let text = "#constant S = 1\n#if S\nyes\n#else\nno\n#end\nafter";
        assert_eq!(expanded(text, &[]), "const S: u32 = 1u;\nyes\nafter\n");
        assert_eq!(expanded(text, &[("S", 0)]), "const S: u32 = 0u;\nno\nafter\n");
        let empty = "#constant S = 0\n#for i in S\n#if 1\nnever {i}\n#end\n#end\nafter";
        assert_eq!(expanded(empty, &[]), "const S: u32 = 0u;\nafter\n");
    }

    #[test]
    fn plain_constants_stay_as_they_are_and_are_not_set() {
        let text = "const N: u32 = 2u;\n#constant M = 3\nlet x = N;";
        assert_eq!(
            expanded(text, &[("N", 5), ("M", 4)]),
            "const N: u32 = 2u;\nconst M: u32 = 4u;\nlet x = N;\n"
        );
    }
}
