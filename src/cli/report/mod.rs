//! `revacnn report`: a run as a page of HTML, and its numbers and charts as files.

mod facts;
mod page;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use revacnn::app::export::{charts_svg, confusion_svg};
use revacnn::app::offscreen::Picture;
use revacnn::app::{Show, offscreen};
use revacnn::error::{Error, Result};
use revacnn::session::{Control, Event, Inspect, Outcomes, Score, Session, Split, TensorKind, write_whole};

use super::outputs::{self, has_extension};
use super::render::image;
use super::run_options::AdapterOption;
use page::Page;

/// Images that the confusion matrix counts.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Counted {
    /// Test images.
    Test,
    /// Validation images.
    Validation,
}

#[derive(Args)]
pub(super) struct WriteReport {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    adapter: AdapterOption,
    /// The page: settings, network, accuracy, charts, confusion matrix, pictures and commands, in one file that needs no other.
    #[arg(short, long, value_name = "FILE.html", required_unless_present_any = ["metrics", "charts", "confusion"])]
    output: Option<PathBuf>,
    /// Loss, accuracy and throughput of each epoch as CSV.
    #[arg(long, value_name = "FILE.csv")]
    metrics: Option<PathBuf>,
    /// The charts of loss and accuracy as SVG.
    #[arg(long, value_name = "FILE.svg")]
    charts: Option<PathBuf>,
    /// The confusion matrix as CSV or SVG.
    #[arg(long, value_name = "FILE.csv|FILE.svg")]
    confusion: Option<PathBuf>,
    /// The images that the confusion matrix counts.
    #[arg(long, value_enum, default_value = "test")]
    split: Counted,
}

impl WriteReport {
    pub(super) fn run(&self) -> Result<()> {
        let outputs: [(&Option<PathBuf>, &[&str]); 4] = [
            (&self.output, &["html", "htm"]),
            (&self.metrics, &["csv"]),
            (&self.charts, &["svg"]),
            (&self.confusion, &["csv", "svg"]),
        ];
        for (path, extensions) in outputs {
            path.as_ref().map_or(Ok(()), |path| outputs::check(path, extensions))?;
        }
        let mut session = Session::look_at(self.adapter.open()?, &self.run)?;
        let has_classes = session.trainer().network.loss.has_classes();
        if self.confusion.is_some() && !has_classes {
            let what = format!("{} makes images and has no classes to confuse", session.title());
            return Err(Error::new(what, "leave --confusion out"));
        }
        if let Some(path) = &self.metrics {
            write(path, &session.metrics().csv()?)?;
        }
        if let Some(path) = &self.charts {
            write(path, &charts_svg(&session))?;
        }
        if let Some(path) = &self.confusion {
            evaluate(&mut session, self.split())?;
            let outcomes = counted(&session, self.split())?;
            let is_csv = has_extension(path, &["csv"]);
            let text =
                if is_csv { outcomes.csv(session.class_names())? } else { confusion_svg(&session, outcomes) };
            write(path, &text)?;
        }
        self.output.as_ref().map_or(Ok(()), |path| self.write_page(&mut session, path))
    }

    fn split(&self) -> Split {
        match self.split {
            Counted::Test => Split::Test,
            Counted::Validation => Split::Validation,
        }
    }

    fn write_page(&self, session: &mut Session, path: &Path) -> Result<()> {
        let bar = ProgressBar::new(5);
        let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  {msg}");
        bar.set_style(style.expect("the template is fixed").progress_chars("━╸ "));
        let mut scores = Vec::new();
        for split in [Split::Validation, Split::Test] {
            bar.set_message(format!("evaluating the {} images", split.name()));
            scores.push((split.name(), evaluate(session, split)?));
            bar.inc(1);
        }
        let outcomes = session.inspection().outcomes(self.split()).cloned();
        let mut pictures = Vec::new();
        for (name, show, kind, width, height) in PICTURES {
            bar.set_message(format!("drawing: {name}"));
            let drawn = image(session, kind, &Picture::new(Show::Pane(show), width, height))?;
            pictures.push((name, [width, height], offscreen::png(&drawn)?));
            bar.inc(1);
        }
        bar.finish_and_clear();
        let page = Page { session, run: &self.run, split: self.split(), scores, outcomes, pictures };
        write(path, &page.html())
    }
}

/// Pictures of a page: words, pane, tensor, width and height.
const PICTURES: [(&str, &str, TensorKind, u32, u32); 3] = [
    ("Activation maps of the pinned test image", "network", TensorKind::Activations, 1280, 720),
    ("Filters", "network", TensorKind::Weights, 1280, 720),
    ("Layouts of the filters by t-SNE", "embedding", TensorKind::Weights, 1280, 460),
];

/// Evaluates the images of a split, and keeps what the network says of each.
fn evaluate(session: &mut Session, split: Split) -> Result<[Option<Score>; 2]> {
    session.control(Control::Inspect(Inspect::KeepOutcomes))?;
    session.evaluate(split);
    while session.advance() {}
    session.settle();
    session.check_events()?;
    let mut scores = session.take_events().into_iter().filter_map(|event| match event {
        Event::Evaluated { loss, accuracy, average, .. } => Some([Some(Score { loss, accuracy }), average]),
        _ => None,
    });
    Ok(scores.next_back().unwrap_or_default())
}

fn counted(session: &Session, split: Split) -> Result<&Outcomes> {
    session.inspection().outcomes(split).ok_or_else(|| {
        Error::new(
            "the answers to the images do not fit the GPU",
            "take another adapter (see: revacnn adapters)",
        )
    })
}

fn write(path: &Path, text: &str) -> Result<()> {
    write_whole(path, text.as_bytes())?;
    log::info!("{}: {} bytes", path.display(), text.len());
    Ok(())
}
