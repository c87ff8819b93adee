//! The library without a window: a network trains, and a callback steers it.
//!
//! ```sh
//! cargo run --release --example headless
//! ```
//!
//! After each epoch it prints the metrics. Where the validation loss has not fallen, the learning rate becomes a third; at the end the
//! filter that is missed least is deleted, with the loss before and after it.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::ops::ControlFlow;
use std::rc::Rc;

use revacnn::error::Result;
use revacnn::gpu::{AdapterChoice, Gpu};
use revacnn::nn::Edit;
use revacnn::session::{
    Event, NetworkCommand, RunSettings, Session, StopCondition, TrainCommand, rank_filters, train,
};

fn main() -> Result<()> {
    let gpu = Rc::new(Gpu::open(&AdapterChoice::Best)?);
    let mut session = Session::new(gpu, "revacnn", RunSettings::of("digits"), None)?;
    let mut lowest = f32::INFINITY;
    train(&mut session, StopCondition::Epochs(12), &mut |session, event| {
        if let Event::Epoch(epoch) = event {
            let rate = session.settings().hyper.learning_rate;
            println!(
                "epoch {:2}   validation loss {:.3}, accuracy {:.1} %   learning rate {rate}",
                epoch.epoch,
                epoch.val_loss,
                100.0 * epoch.val_accuracy
            );
            if epoch.val_loss > lowest {
                session.apply(TrainCommand::SetLearningRate(rate / 3.0))?;
            }
            lowest = lowest.min(epoch.val_loss);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let before = rank_filters(&mut session, 1000, &mut |_| ())?;
    let least = &before.filters[0];
    session.apply(NetworkCommand::Edit(Edit::DeleteFilter { layer: least.layer, filter: least.filter }))?;
    let after = rank_filters(&mut session, 1000, &mut |_| ())?;
    println!(
        "without filter {} of layer {}: loss {:.4} in place of {:.4}; it was to be {:.4}",
        least.filter, least.layer, after.whole.all.loss, before.whole.all.loss, least.without.all.loss
    );
    Ok(())
}
