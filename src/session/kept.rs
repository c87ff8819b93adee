//! A run that was kept nowhere gets a folder.

use std::path::Path;

use super::inspect::PROBES_FILE;
use super::run_folder::RunFolder;
use super::state::Session;
use super::{branch_files, start_file};
use crate::error::Result;

/// Keeps a run in the folder `path` from now on (see [`Session::keep`]).
///
/// # Errors
/// As those of [`Session::keep`].
pub(super) fn keep(session: &mut Session, path: &Path) -> Result<()> {
    let kept = begin(session, path);
    if kept.is_err() {
        (session.folder, session.unsaved) = (None, None);
        session.journal.rewrite_from(0);
    }
    kept
}

fn begin(session: &mut Session, path: &Path) -> Result<()> {
    let network = session.trainer().network.to_toml();
    session.folder = Some(RunFolder::create(path, &network, session.journal.header())?);
    start_file::write(path, session.trainer())?;
    branch_files::write_others(path, session.journal.header_line(), &session.timeline)?;
    if !session.inspection().probes().is_empty() || path.join(PROBES_FILE).exists() {
        session.write_probes()?;
    }
    session.save()
}
