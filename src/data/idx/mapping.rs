//! The file beside a set of EMNIST that says which characters its classes are: `emnist-letters-mapping.txt`.

use std::path::Path;

use crate::data::bounded;
use crate::error::{Error, Result};

/// Bytes of a file at most.
const MAX_BYTES: u64 = 1 << 16;
const HELP: &str =
    "each line is a label and the ASCII codes of its characters, as 1 65 97; mend or remove the file";

/// The names of the classes in the file at `path`, whose labels count from `first`; none where there is no such file.
///
/// # Errors
/// When a line is no label with the codes of characters, or the labels do not count up from `first`.
pub(super) fn classes(path: &Path, first: u8) -> Result<Option<Vec<String>>> {
    if !path.exists() {
        return Ok(None);
    }
    let bytes = bounded::read(path, MAX_BYTES)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let mut names = Vec::new();
    for (number, line) in lines {
        let wrong = |what: String| {
            let at = format!("line {} of {}", number + 1, path.display());
            Error::new(format!("{at}: {what}"), HELP)
        };
        let codes: Option<Vec<u64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        let codes = codes.unwrap_or_default();
        let Some((label, codes)) = codes.split_first().filter(|(_, codes)| !codes.is_empty()) else {
            return Err(wrong(format!("{:?} is no label with the codes of characters", line.trim())));
        };
        if *label != names.len() as u64 + u64::from(first) {
            return Err(wrong(format!("label {label} is out of order: they count from {first}")));
        }
        let character = |code: &u64| u8::try_from(*code).ok().filter(u8::is_ascii_graphic).map(char::from);
        let characters: Option<Vec<String>> =
            codes.iter().map(|code| character(code).map(String::from)).collect();
        let characters = characters.ok_or_else(|| wrong(format!("{codes:?} are no codes of characters")))?;
        names.push(characters.join("/"));
    }
    match names.len() {
        1..=256 => Ok(Some(names)),
        count => {
            Err(Error::new(format!("{} has {count} classes, where 1 to 256 belong", path.display()), HELP))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_class_with_its_characters() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("emnist-letters-mapping.txt");
        assert_eq!(classes(&path, 1).unwrap(), None);
        std::fs::write(&path, "1 65 97\r\n2 66 98\n\n3 67\n").unwrap();
        assert_eq!(classes(&path, 1).unwrap().unwrap(), ["A/a", "B/b", "C"]);
        for (text, what) in [
            ("1 65\n3 67\n", "line 2 of"),
            ("0 48\n", "label 0 is out of order: they count from 1"),
            ("1\n", "\"1\" is no label"),
            ("one 65\n", "\"one 65\" is no label"),
            ("1 7\n", "[7] are no codes"),
            ("1 65 300\n", "[65, 300] are no codes"),
            ("\n", "0 classes, where 1 to 256 belong"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = classes(&path, 1).unwrap_err();
            assert!(error.what().contains(what) && error.what().contains("mapping.txt"), "{error}");
        }
    }
}
