//! The panes. A new pane is a file with a [`Pane`], its `mod` line and its line in [`PANES`].

mod actions;
mod charts;
mod confusion;
mod distributions;
mod doctor;
mod embedding;
mod network;
mod statistics;
mod steer;
mod test;

use super::pane::Pane;

/// Every pane, in the order of the docking tree and of the command line's help.
const PANES: &[fn() -> Box<dyn Pane>] = &[
    new::<network::NetworkPane>,
    new::<embedding::EmbeddingPane>,
    new::<test::TestPane>,
    new::<confusion::ConfusionPane>,
    new::<distributions::DistributionsPane>,
    new::<doctor::DoctorPane>,
    new::<steer::SteerPane>,
    new::<charts::ChartsPane>,
    new::<statistics::StatisticsPane>,
    new::<actions::ActionsPane>,
];

fn new<P: Pane + Default + 'static>() -> Box<dyn Pane> {
    Box::<P>::default()
}

/// Every pane in its initial state.
pub(crate) fn all() -> Vec<Box<dyn Pane>> {
    PANES.iter().map(|new| new()).collect()
}
