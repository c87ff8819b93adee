//! One check of commands, by hand or in a script: each value, and each change against the network that it is for.

use super::command::{Command, DataCommand, NetworkCommand, TrainCommand};
use super::settings::RunSettings;
use crate::error::{Error, Result};
use crate::nn::{Network, Surgery};

/// Images of the data set that commands may name.
#[derive(Debug, Clone, Copy)]
pub(super) struct DataSizes<'r> {
    /// Most images per step.
    pub max_batch: u32,
    /// Images of the test set.
    pub test_images: u32,
    /// Numbers and classes of the training images.
    pub training: &'r [(u32, u8)],
}

/// The run that a command finds.
pub(super) struct Situation<'r> {
    pub settings: &'r RunSettings,
    pub network: &'r Network,
    pub data: DataSizes<'r>,
    /// Steps finished.
    pub step: u32,
}

/// The run as a command leaves it.
pub(super) struct Outcome {
    pub settings: RunSettings,
    /// The network, where the command changes it.
    pub network: Option<Network>,
}

fn within(name: &str, value: u32, least: u32, most: u32) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let help = format!("give it a value from {least} to {most}");
    Err(Error::usage(format!("the {name} is {value}"), help))
}

impl Situation<'_> {
    /// The run after a command, which is not about a layout.
    ///
    /// # Errors
    /// When a value is out of range, the command names what the network does not have, or nothing would be left to train.
    pub(super) fn after(&self, command: &Command) -> Result<Outcome> {
        let settings = self.settings.changed(command, self.step);
        settings.hyper.checked()?;
        settings.augmentation.checked()?;
        let network = match command {
            Command::Train(TrainCommand::SetBatch(batch)) => {
                within("batch", *batch, 1, self.data.max_batch)?;
                None
            }
            Command::Data(command) => {
                self.check_data(*command, &settings)?;
                None
            }
            Command::Network(command) => {
                let changed = changed_network(self.network, command)?;
                let network = changed.as_ref().unwrap_or(self.network);
                network.check_trained(|layer| settings.frozen.contains(&layer.id))?;
                changed
            }
            Command::Train(_) | Command::Layout(_) => None,
        };
        Ok(Outcome { settings, network })
    }

    /// Checks the images that a command names; `settings` are those after it.
    fn check_data(&self, command: DataCommand, settings: &RunSettings) -> Result<()> {
        let image = match command {
            DataCommand::PinProbe(index) => return within("probe", index, 0, self.data.test_images - 1),
            DataCommand::Relabel { image, class } => {
                within("class", u32::from(class), 0, self.network.classes as u32 - 1)?;
                image
            }
            DataCommand::LeaveOut(image) | DataCommand::RestoreImage(image) => image,
            _ => return Ok(()),
        };
        let training = self.data.training;
        if training.iter().all(|(number, _)| *number != image) {
            let what = format!("image {image} is no training image");
            let last = training.iter().map(|(number, _)| *number).max().unwrap_or(0);
            let help = format!(
                "training images have numbers up to {last}, of which some validate; the Confusion pane shows them with their numbers"
            );
            return Err(Error::usage(what, help));
        }
        if settings.data_edits.left_out.len() == training.len() {
            let what = format!("image {image} is the last training image that is not left out");
            return Err(Error::usage(what, "take another one back first"));
        }
        Ok(())
    }

    /// False for a command, not about a layout, that leaves the run as it is.
    pub(super) fn is_changed_by(&self, command: &Command) -> bool {
        if matches!(
            command,
            Command::Train(TrainCommand::Reset(_))
                | Command::Network(NetworkCommand::Edit(_) | NetworkCommand::EditWeights(_))
        ) {
            return true;
        }
        self.after(command).is_ok_and(|after| {
            let other = |network: Network| network.to_toml() != self.network.to_toml();
            after.settings != *self.settings || after.network.is_some_and(other)
        })
    }
}

/// The network after a command, where it is another.
fn changed_network(network: &Network, command: &NetworkCommand) -> Result<Option<Network>> {
    let change = |change: &dyn Fn(&mut Network) -> Result<()>| {
        let mut network = network.copy();
        change(&mut network).map(|()| Some(network))
    };
    match command {
        NetworkCommand::Freeze(layer) | NetworkCommand::Thaw(layer) => {
            network.layer_index(layer.0).map(|_| None)
        }
        NetworkCommand::FreezeFilters { layer, filters } => {
            change(&|network| network.set_filters_frozen(layer.0, filters, true))
        }
        NetworkCommand::ThawFilters { layer, filters } => {
            change(&|network| network.set_filters_frozen(layer.0, filters, false))
        }
        NetworkCommand::SetLayerRate { layer, factor } => {
            change(&|network| network.set_rate_factor(layer.0, *factor))
        }
        NetworkCommand::SetGoal { layer, goal, strength } => {
            change(&|network| network.set_goal(layer.0, goal, *strength))
        }
        NetworkCommand::SetLayer { layer, settings } => {
            change(&|network| network.set_layer_settings(layer.0, settings))
        }
        NetworkCommand::SetLoss(loss) => change(&|network| network.set_loss(*loss)),
        NetworkCommand::EditWeights(edit) => network.weight_writes(edit).map(|_| None),
        NetworkCommand::Edit(edit) => Ok(Some(Surgery::of(network, edit)?.network)),
    }
}
