//! Layout commands: checked against the layouts that are or will be open, and carried out.

use super::command::LayoutCommand;
use super::layout_record::LayoutRecord;
use crate::embed::check_perplexity;
use crate::error::{Error, Result};
use crate::layouts::{LayoutSource, Layouts};
use crate::nn::Trainer;

/// Checks a command against the layouts that are open before it.
///
/// # Errors
/// When there is no such layout, or a value is out of range.
pub(super) fn check(command: &LayoutCommand, record: &LayoutRecord, trainer: &Trainer) -> Result<()> {
    let Some(id) = command.layout() else {
        let LayoutCommand::Open(source) = *command else { return Ok(()) };
        return Layouts::check(trainer, source.located(&trainer.network)?).map(|_| ());
    };
    let entry = record.find(id).ok_or_else(|| {
        let open: Vec<_> = record.open.iter().map(|entry| entry.id.to_string()).collect();
        let help =
            if open.is_empty() { "none is open".to_owned() } else { format!("open are {}", open.join(", ")) };
        Error::usage(format!("there is no layout {id}"), help)
    })?;
    match *command {
        LayoutCommand::Pin { row, position, .. } | LayoutCommand::Release { row, position, .. } => {
            let count = Layouts::check(trainer, entry.source.located(&trainer.network)?)?;
            if row as usize >= count || !position.iter().all(|p| p.is_finite()) {
                let what = format!("point {row} cannot be moved to {position:?}");
                return Err(Error::usage(what, format!("there are points 0 to {}", count.saturating_sub(1))));
            }
            Ok(())
        }
        LayoutCommand::Settings(_, settings) => settings.checked(),
        LayoutCommand::Perplexity(_, perplexity) => check_perplexity(perplexity),
        LayoutCommand::Every(_, 0) => {
            Err(Error::usage("the interval is 0 steps", "give it a value of 1 or more"))
        }
        LayoutCommand::Follow(..) | LayoutCommand::Refresh(_)
            if matches!(entry.source, LayoutSource::Tensor { .. }) =>
        {
            let what = format!("layout {id} forwards no images");
            Err(Error::usage(what, "it reads a tensor of the run and always follows the training"))
        }
        _ => Ok(()),
    }
}

/// Carries out a command that was checked, in a run of `batch` images per step.
///
/// # Errors
/// When the layout does not fit the adapter; then nothing changes.
pub(super) fn carry_out(
    command: LayoutCommand,
    layouts: &mut Layouts,
    trainer: &Trainer,
    batch: u32,
) -> Result<()> {
    let gpu = trainer.gpu();
    match command {
        LayoutCommand::Open(source) => {
            return layouts.open(trainer, source.located(&trainer.network)?, batch);
        }
        LayoutCommand::Close(id) => layouts.close(id),
        LayoutCommand::Pin { layout, row, position } => layouts.move_point(gpu, layout, row, position, true),
        LayoutCommand::Release { layout, row, position } => {
            layouts.move_point(gpu, layout, row, position, false);
        }
        _ => {}
    }
    // A layout that did not fit when it was restored is not there.
    let Some(layout) = command.layout().and_then(|id| layouts.find_mut(id)) else { return Ok(()) };
    match command {
        LayoutCommand::Run(_, running) => layout.running = running,
        LayoutCommand::Restart(_) => layout.reset(),
        LayoutCommand::Settings(_, settings) => layout.set_settings(gpu, settings)?,
        LayoutCommand::Perplexity(_, perplexity) => layout.set_perplexity(gpu, perplexity)?,
        LayoutCommand::Follow(_, follows) => layout.set_follows(follows),
        LayoutCommand::Every(_, every) => layout.every = every,
        LayoutCommand::Refresh(_) => layout.request_refresh(),
        _ => {}
    }
    Ok(())
}

/// Opens the layouts of a record, with their settings and pins. Returns what does not fit.
pub(super) fn restore(record: &LayoutRecord, layouts: &mut Layouts, trainer: &Trainer) -> Vec<Error> {
    let mut faults = Vec::new();
    for entry in &record.open {
        layouts.skip_ids(entry.id.0);
        let open = LayoutCommand::Open(entry.source);
        // A pinned point may be of another moment, at which there were more.
        let fits = |command: &LayoutCommand| {
            !matches!(command, LayoutCommand::Pin { .. }) || check(command, record, trainer).is_ok()
        };
        let commands = std::iter::once(open).chain(entry.commands().into_iter().filter(fits));
        let mut commands = commands.collect::<Vec<_>>().into_iter();
        faults
            .extend(commands.try_for_each(|command| carry_out(command, layouts, trainer, entry.batch)).err());
    }
    layouts.skip_ids(record.next);
    faults
}
