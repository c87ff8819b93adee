//! Metrics of a run on the CPU, a few frames old, and their file `metrics.csv`.

use std::collections::VecDeque;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files;

/// Results of an epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Number of epochs finished, from 1.
    pub epoch: u32,
    /// Number of steps finished.
    pub step: u32,
    /// Training throughput of the epoch in images per second of wall time, without the validation.
    pub images_per_s: f64,
    /// Mean training loss over the epoch, before each step's update.
    pub train_loss: f32,
    /// Share of the epoch's training images classified correctly, 0 to 1.
    pub train_accuracy: f32,
    /// Mean loss over the validation images.
    pub val_loss: f32,
    /// Share of the validation images classified correctly, 0 to 1.
    pub val_accuracy: f32,
    /// Mean loss over the validation images with the average of the last weights, where there is one.
    #[serde(default)]
    pub average_val_loss: Option<f32>,
    /// Share of the validation images that the average classifies correctly, 0 to 1.
    #[serde(default)]
    pub average_val_accuracy: Option<f32>,
}

/// Results of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepMetrics {
    /// Number of steps finished, from 1.
    pub step: u32,
    /// Epochs by images seen, with fraction.
    pub epoch: f64,
    /// Mean loss over the batch.
    pub loss: f32,
    /// Share of the batch classified correctly, 0 to 1.
    pub accuracy: f32,
}

/// Points of a run's history of steps at most: more than a chart has pixels. Even, because they are merged by twos.
const MAX_POINTS: usize = 4096;
/// Last steps that are kept one by one.
const MAX_RECENT: usize = 64;

/// Metrics of a run.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// The whole run, oldest first, in a bounded number of points: each is the mean of equally many consecutive steps, the last
    /// one perhaps of fewer, and has the number of its last step.
    pub steps: Vec<StepMetrics>,
    /// Finished epochs, oldest first.
    pub epochs: Vec<EpochMetrics>,
    /// Nodes of the rectifying layers of which no unit fired for any validation image of the last epoch.
    pub dead: Vec<usize>,
    /// Training images per second over the last second or so.
    pub images_per_s: f64,
    /// GPU milliseconds of training in the last frame.
    pub train_ms: f64,
    /// GPU milliseconds of layouts in the last frame that had any.
    pub layouts_ms: f64,
    /// The last steps, one by one, newest last.
    recent: VecDeque<StepMetrics>,
    /// Number of times that points were merged by twos.
    merges: u32,
    /// Steps in the last point.
    in_last: u32,
    /// Number of the last step.
    last: u32,
}

impl Metrics {
    /// Takes in the results of the next step.
    pub(super) fn add(&mut self, step: StepMetrics) {
        self.last = step.step;
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(step);
        if self.in_last < 1 << self.merges
            && let Some(last) = self.steps.last_mut()
        {
            *last = mean([(*last, self.in_last), (step, 1)]);
            self.in_last += 1;
            return;
        }
        if self.steps.len() == MAX_POINTS {
            self.steps = self.steps.chunks(2).map(|two| mean([(two[0], 1), (two[1], 1)])).collect();
            self.merges += 1;
        }
        self.steps.push(step);
        self.in_last = 1;
    }

    /// The epochs as CSV, as a run's folder has them.
    ///
    /// # Errors
    /// None that a user can reach.
    pub fn csv(&self) -> Result<String> {
        text(&self.epochs)
    }

    /// Number of the last step whose results have arrived; 0 before the first.
    pub(super) fn last_step(&self) -> u32 {
        self.last
    }

    /// These metrics as they were at an earlier step; where points are means of several steps, the last one may lack some.
    pub(super) fn until(&self, step: u32) -> Self {
        let mut then = self.clone();
        then.steps.retain(|point| point.step <= step);
        then.epochs.retain(|epoch| epoch.step <= step);
        then.recent.retain(|recent| recent.step <= step);
        then.last = then.last.min(step);
        if then.steps.len() < self.steps.len() {
            then.in_last = 1 << then.merges;
        }
        if then.recent.is_empty() && then.merges == 0 {
            then.recent = then.steps.iter().rev().take(MAX_RECENT).rev().copied().collect();
        }
        then
    }

    /// Mean loss and accuracy over the last `count` steps, 64 at most.
    pub fn recent(&self, count: usize) -> Option<(f64, f64)> {
        let count = count.min(self.recent.len());
        let mean = |of: fn(&StepMetrics) -> f32| {
            self.recent.iter().rev().take(count).map(|s| f64::from(of(s))).sum::<f64>() / count as f64
        };
        (count > 0).then(|| (mean(|s| s.loss), mean(|s| s.accuracy)))
    }
}

/// The mean of two points by their numbers of steps; the second is the later.
fn mean([(a, a_steps), (b, b_steps)]: [(StepMetrics, u32); 2]) -> StepMetrics {
    let share = f64::from(b_steps) / f64::from(a_steps + b_steps);
    let between = |a: f64, b: f64| a + (b - a) * share;
    StepMetrics {
        step: b.step,
        epoch: between(a.epoch, b.epoch),
        loss: between(a.loss.into(), b.loss.into()) as f32,
        accuracy: between(a.accuracy.into(), b.accuracy.into()) as f32,
    }
}

/// The file of the epochs in a run's folder.
pub const METRICS_FILE: &str = "metrics.csv";
/// Its columns.
const COLUMNS: [&str; 9] = [
    "epoch",
    "step",
    "images_per_s",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "average_val_loss",
    "average_val_accuracy",
];
/// Columns of the files of before the average.
const FORMER_COLUMNS: usize = 7;

/// The file's content.
///
/// # Errors
/// None that a user can reach.
pub(super) fn text(epochs: &[EpochMetrics]) -> Result<String> {
    let text = || -> csv::Result<String> {
        // The head is there before the first epoch is.
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        writer.write_record(COLUMNS)?;
        epochs.iter().try_for_each(|epoch| {
            let tenths = (10.0 * epoch.images_per_s).round() / 10.0;
            writer.serialize(EpochMetrics { images_per_s: tenths, ..*epoch })
        })?;
        let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(String::from_utf8(bytes).expect("names and numbers are UTF-8"))
    };
    text().map_err(|e| Error::new(format!("cannot store the metrics: {e}"), "report this fault"))
}

/// Writes the file with this content; a kill at any moment leaves the old or the new file.
///
/// # Errors
/// When the file cannot be written; then the old one stays.
pub(super) fn write(folder: &Path, text: &str) -> Result<()> {
    files::write_whole(&folder.join(METRICS_FILE), text.as_bytes())
}

/// Brings the file to this content. Returns whether it had another history before, and not only fewer epochs.
///
/// # Errors
/// When the file cannot be written; then the old one stays.
pub(super) fn restore(folder: &Path, text: &str) -> Result<bool> {
    let found = files::read_whole(&folder.join(METRICS_FILE)).unwrap_or_default();
    if found != text.as_bytes() {
        write(folder, text)?;
    }
    Ok(!text.as_bytes().starts_with(&found))
}

/// The epochs of a content; `None` if it is damaged.
pub(super) fn parse(text: &[u8]) -> Option<Vec<EpochMetrics>> {
    let mut reader = csv::Reader::from_reader(text);
    let has_head =
        reader.headers().is_ok_and(|head| head == COLUMNS[..] || head == COLUMNS[..FORMER_COLUMNS]);
    reader.deserialize().collect::<csv::Result<_>>().ok().filter(|_| has_head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: u32) -> EpochMetrics {
        EpochMetrics {
            epoch,
            step: 23 * epoch,
            images_per_s: 1234.5,
            train_loss: 1.0 / 3.0,
            train_accuracy: 1.0,
            val_loss: 1e-9,
            val_accuracy: 0.7,
            average_val_loss: (epoch > 1).then_some(0.25),
            average_val_accuracy: (epoch > 1).then_some(0.75),
        }
    }

    #[test]
    fn epochs_are_read_as_they_were_written_and_damage_is_found() {
        for epochs in [vec![], vec![epoch(1)], vec![epoch(1), epoch(2), epoch(3)]] {
            assert_eq!(parse(text(&epochs).unwrap().as_bytes()), Some(epochs));
        }
        let text = text(&[epoch(1), epoch(2), epoch(3)]).unwrap();
        assert!(text.starts_with(
            "epoch,step,images_per_s,train_loss,train_accuracy,val_loss,val_accuracy,average_val_loss,"
        ));
        assert_eq!(text.lines().nth(1).unwrap().split(',').nth(2), Some("1234.5"));
        let damages = [("step", "stop"), (",23,", ",x,"), (",46,", ",46,7,"), ("3,69,1234.5,", "3,69\n")];
        for (from, to) in damages {
            assert_ne!(text.replace(from, to), text);
            assert_eq!(parse(text.replace(from, to).as_bytes()), None, "{from}");
        }
        // As it was written before, and with the numbers of another program.
        let former = COLUMNS[..FORMER_COLUMNS].join(",");
        let other = format!("{former}\n1,23,99.0,1,0.00001,2e-3,0\n");
        assert_eq!(parse(other.as_bytes()).unwrap()[0].train_accuracy, 0.00001);
        // Losses may be infinite: the run goes on all the same.
        let endless = EpochMetrics { val_loss: f32::INFINITY, ..epoch(1) };
        assert_eq!(parse(super::text(&[endless]).unwrap().as_bytes()), Some(vec![endless]));
    }

    #[test]
    fn the_file_is_restored_and_another_history_is_told_from_fewer_epochs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(METRICS_FILE);
        let whole = text(&[epoch(1), epoch(2)]).unwrap();
        let fewer = text(&[epoch(1)]).unwrap();
        let cases = [(None, false), (Some(&fewer), false), (Some(&whole), false)];
        let wrong = [whole.replace("0.7", "0.9"), whole.clone() + "3,69\n", "mine".to_owned()];
        for (found, differs) in cases.into_iter().chain(wrong.iter().map(|text| (Some(text), true))) {
            std::fs::remove_file(&file).ok();
            found.into_iter().for_each(|text| std::fs::write(&file, text).unwrap());
            assert_eq!(restore(folder.path(), &whole).unwrap(), differs, "{found:?}");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), whole);
        }
    }

    #[test]
    fn a_history_of_steps_is_bounded_and_its_points_are_means() {
        let step = |step: u32| StepMetrics {
            step,
            epoch: f64::from(step) / 100.0,
            loss: if step.is_multiple_of(2) { 2.0 } else { 0.0 },
            accuracy: step as f32 / 2e6,
        };
        let mut metrics = Metrics::default();
        for number in 1..=MAX_POINTS as u32 {
            metrics.add(step(number));
        }
        // As long as there is room each step is a point.
        assert_eq!(metrics.steps, (1..=MAX_POINTS as u32).map(step).collect::<Vec<_>>());
        let (mut most, mut capacity) = (0, 0);
        for number in MAX_POINTS as u32 + 1..=1_000_000 {
            metrics.add(step(number));
            most = most.max(metrics.steps.len());
            capacity = capacity.max(metrics.steps.capacity() + metrics.recent.capacity());
        }
        assert_eq!(most, MAX_POINTS);
        assert!(capacity <= 4 * MAX_POINTS, "{capacity}");
        // A million steps are 3907 points of 256 steps, the last of 64.
        assert_eq!((metrics.steps.len(), metrics.last_step()), (3907, 1_000_000));
        for (index, point) in metrics.steps[..3906].iter().enumerate() {
            let last = 256 * (index as u32 + 1);
            assert_eq!((point.step, point.loss), (last, 1.0));
            let middle = f64::from(last) - 127.5;
            assert!((point.epoch - middle / 100.0).abs() < 1e-6, "{index}: {point:?}");
            assert!((f64::from(point.accuracy) - middle / 2e6).abs() < 1e-6, "{index}: {point:?}");
        }
        assert_eq!(metrics.steps[3906].step, 1_000_000);
        // The last steps are there one by one.
        let (loss, accuracy) = metrics.recent(3).unwrap();
        assert_eq!((loss, accuracy as f32), (4.0 / 3.0, step(999_999).accuracy));
        assert_eq!(metrics.recent(1000), metrics.recent(MAX_RECENT));
        assert_eq!(Metrics::default().recent(50), None);
    }
}
