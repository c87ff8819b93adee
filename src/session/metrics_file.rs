//! The file `metrics.csv`: the epochs of a run.

use std::path::Path;

use super::metrics::{EpochMetrics, LayerChange, Metrics, changing_layers};
use crate::error::{Error, Result};
use crate::files;

/// The file of the epochs in a run's folder.
pub const METRICS_FILE: &str = "metrics.csv";
/// Its columns.
const COLUMNS: [&str; 14] = [
    "epoch",
    "step",
    "images_per_s",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "average_val_loss",
    "average_val_accuracy",
    "images",
    "decay_loss",
    "forward_ms",
    "backward_ms",
    "update_ms",
];
/// Columns of the files of before the average, and of before the statistics.
const FORMER_COLUMNS: [usize; 2] = [7, 9];
/// Begin of the name of a column with the changes of a layer's weights, one for each layer that has ever been.
const CHANGE: &str = "weight_change_";

impl Metrics {
    /// The epochs as CSV, as a run's folder has them.
    ///
    /// # Errors
    /// None that a user can reach.
    pub fn csv(&self) -> Result<String> {
        text(&self.epochs)
    }
}

/// The file's content.
///
/// # Errors
/// None that a user can reach.
pub(super) fn text(epochs: &[EpochMetrics]) -> Result<String> {
    let layers = changing_layers(epochs);
    let text = || -> csv::Result<String> {
        // The head is there before the first epoch is.
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        let changes = layers.iter().map(|layer| format!("{CHANGE}{layer}"));
        writer.write_record(COLUMNS.map(str::to_owned).into_iter().chain(changes))?;
        epochs.iter().try_for_each(|epoch| {
            let tenths = (10.0 * epoch.images_per_s).round() / 10.0;
            let of =
                |layer: &&str| epoch.weight_changes.iter().find(|c| c.layer == **layer).map(|c| c.change);
            let changes: Vec<Option<f32>> = layers.iter().map(of).collect();
            writer.serialize((EpochMetrics { images_per_s: tenths, ..epoch.clone() }, changes))
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
    // With a layer that came the head of a longer history is another one.
    let is_earlier =
        || parse(text.as_bytes()).zip(parse(&found)).is_some_and(|(all, few)| all.starts_with(&few));
    Ok(!text.as_bytes().starts_with(&found) && !is_earlier())
}

/// The epochs of a content; `None` if it is damaged.
pub(super) fn parse(text: &[u8]) -> Option<Vec<EpochMetrics>> {
    let mut reader = csv::Reader::from_reader(text);
    let head = reader.headers().ok()?.clone();
    let plain = COLUMNS.len();
    let is_former = FORMER_COLUMNS.iter().any(|count| head == COLUMNS[..*count]);
    let is_plain = head.len() >= plain && head.iter().zip(COLUMNS).all(|(name, column)| name == column);
    let layers = head.iter().skip(plain).map(|name| name.strip_prefix(CHANGE));
    let layers: Vec<&str> = layers.collect::<Option<_>>().filter(|_| is_former || is_plain)?;
    let epoch = |record: csv::StringRecord| -> Option<EpochMetrics> {
        let mut epoch: EpochMetrics = record.deserialize(Some(&head)).ok()?;
        for (layer, cell) in layers.iter().zip(record.iter().skip(plain)).filter(|(_, cell)| !cell.is_empty())
        {
            let change = cell.parse().ok()?;
            epoch.weight_changes.push(LayerChange { layer: (*layer).to_owned(), change });
        }
        Some(epoch)
    };
    reader.into_records().map(|record| epoch(record.ok()?)).collect()
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
            images: Some(1437 * u64::from(epoch)),
            decay_loss: (epoch < 3).then_some(1e-5),
            forward_ms: Some(0.125),
            backward_ms: Some(0.25),
            update_ms: (epoch > 1).then_some(3e-7),
            // Of the second epoch nothing is known, and in the third one layer is gone and another is there.
            weight_changes: match epoch {
                1 => changes([("conv1", 0.5), ("dense1", 1.0 / 3.0)]),
                3 => changes([("conv1", 0.25), ("conv2, new", 0.1)]),
                _ => Vec::new(),
            },
            at: None,
        }
    }

    fn changes<const N: usize>(of: [(&str, f32); N]) -> Vec<LayerChange> {
        of.map(|(layer, change)| LayerChange { layer: layer.to_owned(), change }).into()
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
        assert!(
            text.lines()
                .next()
                .unwrap()
                .ends_with("update_ms,weight_change_conv1,weight_change_dense1,\"weight_change_conv2, new\"")
        );
        let damages = [
            ("step", "stop"),
            (",23,", ",x,"),
            (",46,", ",46,7,"),
            ("3,69,1234.5,", "3,69\n"),
            ("weight_change_dense1", "dense1"),
            (",0.33333334,\n", ",a third,\n"),
            ("update_ms,", ""),
        ];
        for (from, to) in damages {
            assert_ne!(text.replace(from, to), text);
            assert_eq!(parse(text.replace(from, to).as_bytes()), None, "{from}");
        }
        // As it was written before, and with the numbers of another program.
        for (count, cells) in FORMER_COLUMNS.into_iter().zip(["", ",0.5,"]) {
            let former = COLUMNS[..count].join(",");
            let other = format!("{former}\n1,23,99.0,1,0.00001,2e-3,0{cells}\n");
            let read = parse(other.as_bytes()).unwrap();
            assert_eq!((read[0].train_accuracy, read[0].images), (0.00001, None));
        }
        // Losses may be infinite: the run goes on all the same.
        let endless = EpochMetrics { val_loss: f32::INFINITY, ..epoch(1) };
        assert_eq!(
            parse(super::text(std::slice::from_ref(&endless)).unwrap().as_bytes()),
            Some(vec![endless])
        );
    }

    #[test]
    fn the_file_is_restored_and_another_history_is_told_from_fewer_epochs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(METRICS_FILE);
        let whole = text(&[epoch(1), epoch(2), epoch(3)]).unwrap();
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
}
