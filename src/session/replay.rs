//! A run made again from its journal.

use std::path::Path;
use std::rc::Rc;

use super::event::Event;
use super::recorded::Recorded;
use super::start_file;
use super::state::Session;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::nn::Network;

/// The run of a journal on its way (see [`Session::replay`]).
///
/// # Errors
/// As those of [`Session::replay`].
pub(super) fn replay(gpu: Rc<Gpu>, path: &Path, to: Option<u32>) -> Result<Session> {
    let Recorded { header, entries, network, end, folder, notice } = Recorded::open(path, to)?;
    let data = Dataset::open(&header.settings.dataset)?;
    if data.fingerprint() != header.data_fingerprint {
        let what =
            format!("{}, line 1, is of other data than {} has now", path.display(), header.settings.dataset);
        return Err(Error::new(what, "bring the old data back"));
    }
    let network = Network::parse(&network, data.shape.into(), data.classes.len())
        .map_err(|e| e.within(format!("{}, line 1", path.display())))?;
    let mut session = Session::assemble(gpu, &data, network, header.settings)?;
    start_file::begin_again(&mut session, &folder, header.start)?;
    session.journal.plan(entries);
    session.events.extend(notice.map(Event::Notice));
    session.travel_to(end, to)?;
    Ok(session)
}
