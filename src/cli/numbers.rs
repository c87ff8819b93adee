//! Numbers and names of a run as the command line writes them.

use std::path::Path;

pub(super) use revacnn::door::plain;
use revacnn::session::Session;

/// A number of 1 or more, from the command line.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| "give it a whole number of 1 or more".to_owned())
}

/// True for a classifier, which has an accuracy.
pub(super) fn has_classes(session: &Session) -> bool {
    session.trainer().network.loss.has_classes()
}

/// `, 71.3 %`; empty without an accuracy.
pub(super) fn share_text(session: &Session, share: f32, digits: usize) -> String {
    if has_classes(session) { format!(", {:.digits$} %", 100.0 * share) } else { String::new() }
}

/// ` (averaged weights 0.041, 98.7 %)`; empty without an average.
pub(super) fn average_text(session: &Session, average: Option<(f32, f32)>, digits: usize) -> String {
    average.map_or(String::new(), |(loss, accuracy)| {
        format!(" (averaged weights {loss:.3}{})", share_text(session, accuracy, digits))
    })
}

/// A path, quoted for a shell.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.chars().all(|c| c.is_alphanumeric() || "/._-+:,".contains(c));
    if plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
