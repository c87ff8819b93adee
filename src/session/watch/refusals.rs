//! Actions that do not reach a training that is watched.

use super::orders::{check_reaches, not_here};
use super::watched::Watched;
use crate::error::{Error, Result};
use crate::layouts::LayoutSource;
use crate::nn::{Network, TensorKind, node_name};
use crate::session::command::{
    Action, Command, Control, LayerId, LayoutCommand, NetworkCommand, TimeControl,
};
use crate::session::run::Run;
use crate::session::state::Session;

/// An error for a command that does not reach a training that is watched.
pub(in crate::session) fn check(run: &Run, command: &Command) -> Result<()> {
    let Some(watched) = run.watched.as_deref() else { return Ok(()) };
    check_reaches(command)?;
    check_rows(&run.trainer.network, command)?;
    check_layout(run, watched, command)?;
    if watched.is_in_past() && !command.is_view() {
        return Err(Error::new(
            "a checkpoint of the past is shown, and what steers the training acts on its present",
            "go to the end of the timeline first",
        ));
    }
    Ok(())
}

/// An error for a layout by gradients that the checkpoint shown does not have.
fn check_layout(run: &Run, watched: &Watched, command: &Command) -> Result<()> {
    let Command::Layout(LayoutCommand::Open(source @ LayoutSource::Tensor { .. })) = command else {
        return Ok(());
    };
    let LayoutSource::Tensor { node, kind: TensorKind::WeightGradients } =
        source.located(&run.trainer.network)?
    else {
        return Ok(());
    };
    let name = node_name(&run.trainer.network, node).unwrap_or_default();
    let gradients = run.trainer.weight_gradients(node);
    gradients.map_or(Ok(()), |view| watched.check_gradients(view.offset as usize, name))
}

/// An error for filters to freeze that are no rows of PyTorch's weights.
fn check_rows(network: &Network, command: &Command) -> Result<()> {
    let Command::Network(NetworkCommand::FreezeFilters { layer: LayerId(id), .. }) = command else {
        return Ok(());
    };
    let layer = network.layer_index(*id).map(|index| &network.layers[index])?;
    match layer.parameters().iter().any(|spec| spec.turned_groups.is_some()) {
        true => Err(Error::new(
            format!(
                "the filters of {} are no rows of its weights in PyTorch, and rows are what is frozen there",
                layer.name
            ),
            "freeze the whole layer",
        )),
        false => Ok(()),
    }
}

/// An error for a control that does not reach a training that is watched.
pub(super) fn check_control(control: &Control) -> Result<()> {
    match control {
        Control::SingleStep => Err(not_here("a single step")),
        Control::Time(TimeControl::GoTo(_) | TimeControl::GoToEnd) => Ok(()),
        Control::Time(_) => Err(not_here("undo, branches and bookmarks")),
        Control::Try(Some(_)) => Err(not_here("a blend of filters")),
        Control::Twin(true) => Err(not_here("a twin")),
        _ => Ok(()),
    }
}

/// The reason for which a session refuses an action, so that no button needs to offer it: it watches a training that the action does not
/// reach, or a checkpoint of its past.
pub fn refusal(session: &Session, action: &Action) -> Option<Error> {
    session.run.watched.as_ref()?;
    let checked = match action {
        Action::Command(command) => check(&session.run, command),
        Action::Control(control) => check_control(control),
    };
    checked.err()
}
