//! `revacnn data info`: everything about a data set that can be seen before a network learns from it.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use revacnn::data::{Dataset, Split};
use revacnn::error::Result;
use serde_json::json;

use super::contact_sheet;
use super::print::print_line;
use super::reading_options::ReadingOptions;

#[derive(Args)]
pub(super) struct Info {
    /// Built-in name, or path to a folder or a file.
    source: String,
    #[command(flatten)]
    reading: ReadingOptions,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    /// Draw some images of each class into a PNG.
    #[arg(short, long, value_name = "SHEET.png")]
    output: Option<PathBuf>,
}

/// Numbers that are calculated from the images.
struct Summary {
    /// Training, validation and test images of each class; validation only where it is given.
    counts: Vec<[usize; 3]>,
    /// Test images that are training images, too: index in the test set, and in the training set.
    duplicates: Vec<[usize; 2]>,
}

/// The first index of each image, by its hash.
fn places(split: &Split) -> HashMap<[u8; 32], usize> {
    let hash = |image: usize| (*blake3::hash(split.image(image)).as_bytes(), image);
    (0..split.len()).rev().map(hash).collect()
}

impl Summary {
    fn of(data: &Dataset) -> Self {
        let mut counts = vec![[0; 3]; data.classes.len()];
        let trained = data.train.len() - data.validation;
        for (image, label) in data.train.labels.iter().enumerate() {
            counts[usize::from(*label)][usize::from(image >= trained)] += 1;
        }
        data.test.labels.iter().for_each(|label| counts[usize::from(*label)][2] += 1);
        let known = places(&data.train);
        let duplicate =
            |image: usize| Some([image, *known.get(blake3::hash(data.test.image(image)).as_bytes())?]);
        Self { counts, duplicates: (0..data.test.len()).filter_map(duplicate).collect() }
    }
}

impl Info {
    pub(super) fn run(&self) -> Result<()> {
        let data = Dataset::open(&self.reading.source(&self.source))?;
        let summary = Summary::of(&data);
        if let Some(path) = &self.output {
            contact_sheet::write(&data, path)?;
        }
        if self.json { print_json(&data, &summary) } else { print_text(&data, &summary) }
    }
}

fn print_json(data: &Dataset, summary: &Summary) -> Result<()> {
    let stats = data.channel_stats();
    let class = |(name, [train, validation, test]): (&String, &[usize; 3])| json!({"name": name, "train": train, "validation": validation, "test": test});
    let sizes = data
        .report
        .sizes
        .iter()
        .map(|([width, height], count)| json!({"width": width, "height": height, "images": count}));
    let value = json!({
        "name": data.name,
        "channels": data.shape.channels, "height": data.shape.height, "width": data.shape.width,
        "train": data.train.len() - data.validation, "validation": data.validation, "test": data.test.len(),
        "classes": data.classes.iter().zip(&summary.counts).map(class).collect::<Vec<_>>(),
        "mean": stats.mean, "deviation": stats.std,
        "stored_sizes": sizes.collect::<Vec<_>>(),
        "duplicates": summary.duplicates,
        "damaged": data.report.damaged.iter().map(|(file, reason)| json!({"file": file, "reason": reason})).collect::<Vec<_>>(),
        "notes": data.report.notes,
        "fingerprint": data.fingerprint(),
    });
    print_line(&value.to_string())
}

fn print_text(data: &Dataset, summary: &Summary) -> Result<()> {
    /// Sizes and duplicates that are listed.
    const MAX_LISTED: usize = 5;
    let list = |items: Vec<String>, all: usize| {
        items.join(", ")
            + &if all > items.len() { format!(", and {} more", all - items.len()) } else { String::new() }
    };
    print_line(&format!("name         {}", data.name))?;
    print_line(&format!("images       {} (channels × height × width)", data.shape))?;
    print_line(&format!("training     {}", data.train.len() - data.validation))?;
    match data.validation {
        0 => print_line(&format!("validation   {}, drawn from these", data.validation_images()))?,
        given => print_line(&format!("validation   {given}"))?,
    }
    print_line(&format!("test         {}", data.test.len()))?;
    let sizes = &data.report.sizes;
    if sizes.len() > 1 {
        let size = |([width, height], count): &([u32; 2], usize)| format!("{width}x{height}: {count}");
        print_line(&format!(
            "stored as    {}",
            list(sizes.iter().take(MAX_LISTED).map(size).collect(), sizes.len())
        ))?;
    }
    let stats = data.channel_stats();
    let numbers = |values: &[f32]| values.iter().map(|v| format!("{v:.4}")).collect::<Vec<_>>().join(", ");
    print_line(&format!("mean         {} of 0 to 1, per channel", numbers(&stats.mean)))?;
    print_line(&format!("deviation    {}", numbers(&stats.std)))?;
    if !summary.duplicates.is_empty() {
        let (all, pair) =
            (summary.duplicates.len(), |[test, train]: &[usize; 2]| format!("{test} = {train}"));
        let some = list(summary.duplicates.iter().take(MAX_LISTED).map(pair).collect(), all);
        print_line(&format!(
            "duplicates   {all} test images are training images, too (test = training): {some}"
        ))?;
    }
    print_line(&format!("fingerprint  {}", data.fingerprint()))?;
    print_line(&format!("classes      {}: {}", data.classes.len(), data.classes.join(", ")))?;
    for (name, [train, validation, test]) in data.classes.iter().zip(&summary.counts) {
        let validation =
            if data.validation == 0 { String::new() } else { format!("{validation:7} validation") };
        print_line(&format!("{train:11} training{validation}{test:7} test  {name}"))?;
    }
    for (file, reason) in &data.report.damaged {
        print_line(&format!("damaged      {file}: {reason}"))?;
    }
    Ok(())
}
