//! `revacnn film`: a run made again from its journal, as a film of one of its views.

mod caption;
mod reel;

use std::path::PathBuf;

use clap::Args;
use image::RgbaImage;
use indicatif::ProgressBar;
use revacnn::app::offscreen::{self, Picture};
use revacnn::app::{Show, Workbench};
use revacnn::error::{Error, Result};
use revacnn::session::{Control, Inspect, Session, Split, TimeControl};

use super::interrupt::Interrupt;
use super::outputs;
use super::render::{Ground, Layers, parse_size, view_parser, workbench};
use super::replay::{bar, follow};
use super::run_options::AdapterOption;
use reel::Kind;

/// Frames at most.
const MAX_FRAMES: u32 = 10_000;

#[derive(Args)]
pub(super) struct Film {
    /// Folder of the run that `train --out` made, or one of the journals in it.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    adapter: AdapterOption,
    /// The pane to draw, or the whole window.
    #[arg(long, default_value = "network", value_parser = view_parser())]
    view: Show,
    /// The tensor that the layers show.
    #[arg(long, value_enum, default_value = "activations")]
    layers: Layers,
    /// Width and height in pixels.
    #[arg(long, value_name = "WxH", default_value = "960x600", value_parser = parse_size)]
    size: (u32, u32),
    /// Pixels per point: below 1 more fits.
    #[arg(long, default_value_t = 1.0)]
    scale: f32,
    /// Ground of the pictures.
    #[arg(long, value_enum, default_value = "dark")]
    theme: Ground,
    /// Number of frames, evenly over the run.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_FRAMES)))]
    frames: u32,
    /// Frames a second of a GIF or WebP.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    rate: u32,
    /// The film: a `.gif`, a `.webp`, or a new folder for a PNG a frame.
    #[arg(short, long, value_name = "FILE.gif|FILE.webp|FOLDER")]
    output: PathBuf,
}

impl Film {
    pub(super) fn run(&self) -> Result<()> {
        outputs::check_scale(self.scale)?;
        let kind = Kind::of(&self.output)?;
        let interrupt = Interrupt::watch();
        // The journal alone says how long the run is.
        let mut session = Session::replay(self.adapter.open()?, &self.run, Some(0))?;
        session.count_distributions();
        let steps = steps(self.frames, session.timeline().reached);
        interrupt.run_begins();
        log::info!("{} frames over {} steps", steps.len(), session.timeline().reached);
        let bar = bar(steps.last().copied().unwrap_or_default());
        let mut take = |take: &mut dyn FnMut(RgbaImage, bool) -> Result<()>| {
            let filmed = self.frames(&mut session, &steps, (&interrupt, &bar), take);
            bar.finish_and_clear();
            filmed
        };
        reel::write(&self.output, kind, self.rate, &mut take)?;
        log::info!("{}: {} × {} pixels", self.output.display(), self.size.0, self.size.1);
        Ok(())
    }

    /// Draws the run at each of the steps; `take` is given each picture, and whether it is the last.
    fn frames(
        &self,
        session: &mut Session,
        steps: &[u32],
        (interrupt, bar): (&Interrupt, &ProgressBar),
        take: &mut dyn FnMut(RgbaImage, bool) -> Result<()>,
    ) -> Result<()> {
        let mut view: Option<Workbench> = None;
        for (index, step) in steps.iter().enumerate() {
            session.control(Control::Time(TimeControl::GoTo(*step)))?;
            if !follow(session, interrupt, bar)? {
                let what = format!("the film was stopped at frame {} of {}", index + 1, steps.len());
                return Err(Error::new(what, "nothing was written; take fewer --frames for a shorter wait"));
            }
            // Layouts stay from frame to frame, and follow.
            let mut shown = match view.take() {
                Some(shown) => shown,
                None => workbench(session, self.layers.kind(), self.view)?,
            };
            let picture = self.frame(session, &mut shown)?;
            take(picture, index + 1 == steps.len())?;
            view = Some(shown);
        }
        Ok(())
    }

    fn frame(&self, session: &mut Session, workbench: &mut Workbench) -> Result<RgbaImage> {
        if self.view == Show::Pane("confusion") {
            session.control(Control::Inspect(Inspect::KeepOutcomes))?;
            session.evaluate(Split::Validation);
        }
        let ((width, height), scale, theme) = (self.size, self.scale, self.theme.theme());
        let strip = caption::height(scale).min(height - 1);
        let picture = Picture { scale, theme, ..Picture::new(self.view, width, height - strip) };
        let drawn = offscreen::render(session, workbench, &picture)?;
        let share = f64::from(session.step()) / f64::from(session.timeline().reached.max(1));
        let text = format!("step {}, epoch {:.2}", session.step(), session.epoch());
        Ok(caption::below(&drawn, strip, &text, share, theme))
    }
}

/// Steps of the frames, evenly from 0 to the `end`; fewer where the run has fewer.
fn steps(frames: u32, end: u32) -> Vec<u32> {
    let gaps = u64::from(frames.saturating_sub(1).max(1));
    let at = |frame: u32| ((u64::from(frame) * u64::from(end) + gaps / 2) / gaps) as u32;
    let mut steps: Vec<u32> = if frames == 1 { vec![end] } else { (0..frames).map(at).collect() };
    steps.dedup();
    steps
}

#[cfg(test)]
mod tests {
    use super::steps;

    #[test]
    fn frames_lie_evenly_from_the_beginning_to_the_end() {
        for (frames, end, expected) in [
            (3, 100, vec![0, 50, 100]),
            (4, 100, vec![0, 33, 67, 100]),
            (1, 100, vec![100]),
            (60, 3, vec![0, 1, 2, 3]),
            (5, 0, vec![0]),
            (2, u32::MAX, vec![0, u32::MAX]),
        ] {
            assert_eq!(steps(frames, end), expected, "{frames} frames of {end} steps");
        }
    }
}
