//! Metrics of a run on the CPU, a few frames old, and their file `metrics.csv`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files;

/// Results of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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

/// Metrics of a run.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Steps whose results have arrived, oldest first.
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
}

impl Metrics {
    /// Mean loss and accuracy over the last `count` steps.
    pub fn recent(&self, count: usize) -> Option<(f64, f64)> {
        let last = &self.steps[self.steps.len().saturating_sub(count)..];
        let mean = |of: fn(&StepMetrics) -> f32| {
            last.iter().map(|s| f64::from(of(s))).sum::<f64>() / last.len() as f64
        };
        (!last.is_empty()).then(|| (mean(|s| s.loss), mean(|s| s.accuracy)))
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

/// Writes the epochs; a kill at any moment leaves the old or the new file.
///
/// # Errors
/// When the file cannot be written; then the old one stays.
pub(super) fn write(folder: &Path, epochs: &[EpochMetrics]) -> Result<()> {
    let path = folder.join(METRICS_FILE);
    let text = || -> csv::Result<Vec<u8>> {
        // The head is there before the first epoch is.
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        writer.write_record(COLUMNS)?;
        epochs.iter().try_for_each(|epoch| {
            let tenths = (10.0 * epoch.images_per_s).round() / 10.0;
            writer.serialize(EpochMetrics { images_per_s: tenths, ..*epoch })
        })?;
        Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
    };
    let text = text()
        .map_err(|e| Error::new(format!("cannot write {}: {e}", path.display()), "report this fault"))?;
    files::write_whole(&path, &text)
}

/// Reads the epochs.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub(super) fn read(folder: &Path) -> Result<Vec<EpochMetrics>> {
    let path = folder.join(METRICS_FILE);
    let damaged = |line: u64| {
        let help = "bring the file back from a copy, resume another run, or begin a new one";
        Error::new(format!("{}, line {line}, is damaged", path.display()), help)
    };
    let bytes = files::read_whole(&path)?;
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    if !reader.headers().is_ok_and(|head| head == COLUMNS[..] || head == COLUMNS[..FORMER_COLUMNS]) {
        return Err(damaged(1));
    }
    let line = |error: &csv::Error| error.position().map_or(0, csv::Position::line);
    reader.deserialize().map(|row| row.map_err(|error| damaged(line(&error)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_read_as_they_were_written_and_damage_is_found_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let epoch = |epoch| EpochMetrics {
            epoch,
            step: 23 * epoch,
            images_per_s: 1234.5,
            train_loss: 1.0 / 3.0,
            train_accuracy: 1.0,
            val_loss: 1e-9,
            val_accuracy: 0.7,
            average_val_loss: (epoch > 1).then_some(0.25),
            average_val_accuracy: (epoch > 1).then_some(0.75),
        };
        for epochs in [vec![], vec![epoch(1)], vec![epoch(1), epoch(2), epoch(3)]] {
            write(folder.path(), &epochs).unwrap();
            assert_eq!(read(folder.path()).unwrap(), epochs);
        }
        let file = folder.path().join(METRICS_FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(
            "epoch,step,images_per_s,train_loss,train_accuracy,val_loss,val_accuracy,average_val_loss,"
        ));
        assert_eq!(text.lines().nth(1).unwrap().split(',').nth(2), Some("1234.5"));
        let lines: Vec<&str> = text.lines().collect();
        let damages = [
            (1, lines[0].replace("step", "stop")),
            (2, lines[1].replace(",23,", ",x,")),
            (3, format!("{},7", lines[2])),
            (4, "3,69".to_owned()),
        ];
        for (number, line) in damages {
            let mut damaged: Vec<&str> = lines.clone();
            damaged[number - 1] = &line;
            std::fs::write(&file, damaged.join("\n") + "\n").unwrap();
            let error = read(folder.path()).unwrap_err();
            assert!(error.what().ends_with(&format!("line {number}, is damaged")), "{error}");
        }
        // As it was written before, and with the numbers of another program.
        let former = COLUMNS[..FORMER_COLUMNS].join(",");
        std::fs::write(&file, format!("{former}\n1,23,99.0,1,0.00001,2e-3,0\n")).unwrap();
        assert_eq!(read(folder.path()).unwrap()[0].train_accuracy, 0.00001);
    }
}
