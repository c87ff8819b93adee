//! Options of a run that were written on the command line, as commands to a run that is resumed.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};
use revacnn::session::{Command, DataCommand, RunSettings, TrainCommand};

/// Ids of the options that were given, not left at their defaults.
#[derive(Clone, Default)]
pub(super) struct GivenOptions(Vec<String>);

impl FromArgMatches for GivenOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Self::default();
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let ids = matches.ids().map(clap::Id::as_str);
        let given = ids.filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
        self.0 = given.map(str::to_owned).collect();
        Ok(())
    }
}

/// It looks at the options of others and has none of its own.
impl Args for GivenOptions {
    fn augment_args(command: clap::Command) -> clap::Command {
        command
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        command
    }
}

impl GivenOptions {
    /// True if the option of this id was given.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|given| given == id)
    }

    /// The commands that set what was given to the values of `settings`; the optimizer comes before its hyper-parameters.
    pub(super) fn commands(&self, settings: &RunSettings) -> Vec<Command> {
        let (hyper, augmentation) = (&settings.hyper, &settings.augmentation);
        let known: [(&str, Command); 19] = [
            ("batch", TrainCommand::SetBatch(settings.batch).into()),
            ("optimizer", TrainCommand::SetOptimizer(hyper.optimizer).into()),
            ("learning_rate", TrainCommand::SetLearningRate(hyper.learning_rate).into()),
            ("momentum", TrainCommand::SetMomentum(hyper.momentum).into()),
            ("beta2", TrainCommand::SetBeta2(hyper.beta2).into()),
            ("weight_decay", TrainCommand::SetWeightDecay(hyper.weight_decay).into()),
            ("l1_decay", TrainCommand::SetL1Decay(hyper.l1_decay).into()),
            ("clip_norm", TrainCommand::SetClipNorm(hyper.clip_norm).into()),
            ("nesterov", TrainCommand::SetNesterov(hyper.nesterov).into()),
            ("schedule", TrainCommand::SetSchedule(hyper.schedule).into()),
            ("warmup", TrainCommand::SetWarmup(hyper.warmup).into()),
            ("averaging", TrainCommand::SetAverage(hyper.averaging).into()),
            ("shift", DataCommand::SetShift(augmentation.shift).into()),
            ("flip", DataCommand::SetFlip(augmentation.flip).into()),
            ("rotation", DataCommand::SetRotation(augmentation.rotation).into()),
            ("scale", DataCommand::SetScale(augmentation.scale).into()),
            ("brightness", DataCommand::SetBrightness(augmentation.brightness).into()),
            ("contrast", DataCommand::SetContrast(augmentation.contrast).into()),
            ("cutout", DataCommand::SetCutout(augmentation.cutout).into()),
        ];
        // `--no-flip` gives a value to the same setting as `--flip`.
        let given = |id: &str| self.0.iter().any(|given| given.strip_prefix("no_").unwrap_or(given) == id);
        known.into_iter().filter(|(id, _)| given(id)).map(|(_, command)| command).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use revacnn::session::{DataCommand, TrainCommand};

    use crate::cli::run_options::RunOptions;

    /// Every option of a run is either for good, or a command at a resume (of the network by `RunOptions::resume`).
    #[test]
    fn no_option_is_forgotten() {
        let value = |id: &str| match id {
            "optimizer" => "adam",
            "schedule" => "cosine:3",
            "freeze" | "unfreeze" | "dataset" | "network" => "x",
            "layer_rate" => "conv1=0.1",
            "loss" => "svm_hinge:2",
            "fit" => "pad",
            "precision" => "mixed",
            "batch" | "seed" | "shift" | "cutout" | "image_size" => "3",
            _ => "0.5",
        };
        let command = RunOptions::augment_args(Command::new("run"));
        let mut steered = 0;
        for option in command.get_arguments() {
            let mut words = vec!["run".to_owned(), format!("--{}", option.get_long().unwrap())];
            if option.get_action().takes_values() {
                words.push(value(option.get_id().as_str()).to_owned());
            }
            let matches = command.clone().try_get_matches_from(&words).unwrap();
            let run = RunOptions::from_arg_matches(&matches).unwrap();
            let commands = run.given.commands(&run.settings().unwrap()).len();
            let id = option.get_id().as_str();
            let by_name = ["freeze", "unfreeze", "layer_rate", "loss"];
            let none = RunOptions::FIXED.contains(&id) || by_name.contains(&id);
            assert_eq!(commands, usize::from(!none), "{words:?}");
            steered += commands;
        }
        assert_eq!(steered, 21);
    }

    /// Of an option and its opposite the last counts, and is one command.
    #[test]
    fn a_switch_is_turned_off_by_its_opposite() {
        let command = RunOptions::augment_args(Command::new("run"));
        let cases: [(&[&str], Option<bool>); 5] = [
            (&[], None),
            (&["--flip", "--nesterov"], Some(true)),
            (&["--no-flip", "--no-nesterov"], Some(false)),
            (&["--flip", "--nesterov", "--no-flip", "--no-nesterov"], Some(false)),
            (&["--no-flip", "--no-nesterov", "--nesterov", "--flip"], Some(true)),
        ];
        for (words, expected) in cases {
            let words = std::iter::once(&"run").chain(words);
            let run =
                RunOptions::from_arg_matches(&command.clone().try_get_matches_from(words).unwrap()).unwrap();
            let settings = run.settings().unwrap();
            let values = (settings.augmentation.flip, settings.hyper.nesterov);
            assert_eq!(values, (expected == Some(true), expected == Some(true)));
            let both = |on| vec![TrainCommand::SetNesterov(on).into(), DataCommand::SetFlip(on).into()];
            assert_eq!(run.given.commands(&settings), expected.map_or(Vec::new(), both));
        }
    }
}
