//! `revacnn bench`: benchmarks.

#[cfg(feature = "app")]
mod click;
#[cfg(feature = "app")]
mod edges;
mod edit;
mod embed;
#[cfg(feature = "app")]
mod frame;
mod measure;
mod overhead;
mod plan;
#[cfg(feature = "app")]
mod points;
mod rank;
#[cfg(feature = "app")]
mod renderer;
mod time;
mod train;
#[cfg(feature = "app")]
mod view;
#[cfg(feature = "app")]
mod watch;

use clap::Subcommand;
use revacnn::error::Result;

#[derive(Subcommand)]
pub(super) enum Bench {
    /// Training throughput in images/s, and GPU time per kernel.
    Train(train::BenchTrain),
    /// Cost of adding or removing one filter during training.
    Edit(edit::BenchEdit),
    /// Time from a change of the network, asked for while it trains, to the frame that shows it.
    #[cfg(feature = "app")]
    Click(click::BenchClick),
    /// Time that a run takes to go back to an earlier step.
    Time(time::BenchTime),
    /// Rendering overhead: training throughput with and without drawing.
    #[cfg(feature = "app")]
    View(view::BenchView),
    /// Training throughput beside the frames of the window, all panes drawn.
    #[cfg(feature = "app")]
    Frame(frame::BenchFrame),
    /// Time of a ranking of all filters by the loss without each, beside training.
    Rank(rank::BenchRank),
    /// Time from a checkpoint of a watched training to the picture of it.
    #[cfg(feature = "app")]
    Watch(watch::BenchWatch),
    /// Overhead of live t-SNE layouts on training throughput.
    Embed(embed::BenchEmbed),
}

impl Bench {
    pub(super) fn run(&self) -> Result<()> {
        match self {
            Self::Train(train) => train.run(),
            Self::Edit(edit) => edit.run(),
            Self::Time(time) => time.run(),
            #[cfg(feature = "app")]
            Self::Click(click) => click.run(),
            #[cfg(feature = "app")]
            Self::View(view) => view.run(),
            #[cfg(feature = "app")]
            Self::Frame(frame) => frame.run(),
            Self::Rank(rank) => rank.run(),
            #[cfg(feature = "app")]
            Self::Watch(watch) => watch.run(),
            Self::Embed(embed) => embed.run(),
        }
    }
}
