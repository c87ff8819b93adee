//! Identity of a run: a random name in its journal, its model and its network, so that a file of another run is found and named.

use std::path::Path;

use rand::TryRng as _;
use rand::rngs::SysRng;

use super::checkpoint::{MODEL_FILE, foreign};
use super::journal_file::JOURNAL_FILE;
use crate::error::{Error, Result};

/// Beginning of the line of a network's file that names its run.
const LINE: &str = "# run ";

/// A new identity: 32 hexadecimal digits. Nothing that a run computes depends on it.
///
/// # Errors
/// When the system has no random numbers.
pub(super) fn random() -> Result<String> {
    let mut bytes = [0_u8; 16];
    let help = "check that /dev/urandom can be read";
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|e| Error::new(format!("the system gives no random numbers: {e}"), help))?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

/// A network's text with the run that it belongs to.
pub(super) fn signed(network: &str, run: Option<&str>) -> String {
    run.map_or(String::new(), |run| format!("{LINE}{run}\n")) + network
}

/// The run that a network's text names.
fn signer(network: &str) -> Option<&str> {
    network.lines().find_map(|line| line.strip_prefix(LINE))
}

/// Checks that model and journal are of one run; the network's file says which of them is foreign. Runs of before there were
/// identities have none.
///
/// # Errors
/// When they are of two runs.
pub(super) fn check(folder: &Path, model: Option<&str>, journal: Option<&str>, network: &str) -> Result<()> {
    let (file, beside) = if model == journal {
        return Ok(());
    } else if signer(network) == model {
        (JOURNAL_FILE, MODEL_FILE)
    } else {
        (MODEL_FILE, JOURNAL_FILE)
    };
    Err(foreign(&folder.join(file), &format!("{beside} beside it is not")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_foreign_file_is_named() {
        let folder = Path::new("run");
        let named = |model, journal, network: Option<&str>| {
            let text = signed("name = \"tiny\"\n", network);
            check(folder, model, journal, &text).err().map(|e| e.what().to_owned())
        };
        let starts = |what: Option<String>, file: &str| what.is_some_and(|w| w.starts_with(file));
        let (a, b, c) = (Some("a"), Some("b"), Some("c"));
        assert!(starts(named(a, b, a), "run/journal.jsonl is of another run"));
        assert!(starts(named(a, b, b), "run/model.safetensors is of another run"));
        assert!(starts(named(a, b, c), "run/model.safetensors"));
        assert!(starts(named(None, b, b), "run/model.safetensors"));
        assert!(starts(named(None, b, None), "run/journal.jsonl"));
        assert!([a, b, None].into_iter().all(|network| named(a, a, network).is_none()));
        assert_eq!(named(None, None, None), None);
    }

    #[test]
    fn identities_differ() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert!(one != other && one.len() == 32 && other.len() == 32);
        assert_eq!(signer(&signed("a\nb", Some(&one))), Some(one.as_str()));
    }
}
