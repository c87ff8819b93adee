//! `revacnn render`: pictures of a run, without a display.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use image::RgbaImage;
use revacnn::app::offscreen::{self, Picture};
use revacnn::app::{Show, Workbench};
use revacnn::error::Result;
use revacnn::session::{Session, TensorKind};
use revacnn::view::Theme;

use super::outputs;
use super::run_options::AdapterOption;

/// Parser of the names of all panes, and `workbench`.
pub(super) fn view_parser() -> impl TypedValueParser<Value = Show> {
    let values = Show::all().into_iter().map(|(name, about, _)| PossibleValue::new(name).help(about));
    PossibleValuesParser::new(values).map(|name| {
        let shown = Show::all().into_iter().find(|(shown, ..)| *shown == name);
        shown.expect("the parser knows these names alone").2
    })
}

/// Tensor that the layers show.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Layers {
    /// The probe's activation maps.
    Activations,
    /// The filters.
    Weights,
    /// The filters' gradients; all zero in a run at rest.
    WeightGradients,
    /// The gradients of the probe's activation maps.
    ActivationGradients,
}

impl Layers {
    /// The tensor.
    pub(super) fn kind(self) -> TensorKind {
        match self {
            Self::Activations => TensorKind::Activations,
            Self::Weights => TensorKind::Weights,
            Self::WeightGradients => TensorKind::WeightGradients,
            Self::ActivationGradients => TensorKind::ActivationGradients,
        }
    }
}

/// Ground of pictures.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Ground {
    /// Dark, as the window mostly is.
    Dark,
    /// Light, for slides and papers.
    Light,
}

impl Ground {
    /// The theme.
    pub(super) fn theme(self) -> Theme {
        match self {
            Self::Dark => Theme::Dark,
            Self::Light => Theme::Light,
        }
    }
}

#[derive(Args)]
pub(super) struct Render {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    adapter: AdapterOption,
    /// The pane to draw, or the whole window.
    #[arg(long, default_value = "workbench", value_parser = view_parser())]
    view: Show,
    /// The tensor that the layers show.
    #[arg(long, value_enum, default_value = "activations")]
    layers: Layers,
    /// Width and height in pixels.
    #[arg(long, value_name = "WxH", default_value = "1280x800", value_parser = parse_size)]
    size: (u32, u32),
    /// Pixels per point: 2 for dense screens.
    #[arg(long, default_value_t = 1.0)]
    scale: f32,
    /// Ground of the picture.
    #[arg(long, value_enum, default_value = "dark")]
    theme: Ground,
    /// Position of the pointer, in points.
    #[arg(long, value_name = "X,Y", value_parser = parse_point)]
    pointer: Option<egui::Pos2>,
    /// The picture's file.
    #[arg(short, long, value_name = "FILE.png")]
    output: PathBuf,
}

pub(super) fn parse_size(text: &str) -> std::result::Result<(u32, u32), String> {
    let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    sides
        .filter(|(w, h)| *w > 0 && *h > 0)
        .ok_or_else(|| "give width and height, such as 1280x800".to_owned())
}

fn parse_point(text: &str) -> std::result::Result<egui::Pos2, String> {
    let point = text.split_once(',').and_then(|(x, y)| Some(egui::pos2(x.parse().ok()?, y.parse().ok()?)));
    point.ok_or_else(|| "give x and y, such as 300,200".to_owned())
}

impl Render {
    pub(super) fn run(&self) -> Result<()> {
        outputs::check_scale(self.scale)?;
        let mut session = Session::look_at(self.adapter.open()?, &self.run)?;
        let (width, height) = self.size;
        let (scale, pointer, theme) = (self.scale, self.pointer, self.theme.theme());
        let picture = Picture { show: self.view, width, height, scale, pointer, theme };
        draw(&mut session, self.layers.kind(), &picture, &self.output)
    }
}

/// Layouts in a picture at most.
const MAX_LAYOUTS: usize = 4;

/// Draws a picture into a file. The run's folder stays as it is.
pub(super) fn draw(session: &mut Session, kind: TensorKind, picture: &Picture, file: &Path) -> Result<()> {
    offscreen::save(&image(session, kind, picture)?, file)?;
    log::info!("{}: {} × {} pixels", file.display(), picture.width, picture.height);
    Ok(())
}

/// Draws a picture. The run's folder stays as it is.
pub(super) fn image(session: &mut Session, kind: TensorKind, picture: &Picture) -> Result<RgbaImage> {
    let mut workbench = workbench(session, kind, picture.show)?;
    offscreen::render(session, &mut workbench, picture)
}

/// A workbench whose layers show a tensor, with layouts by it where they are to be seen. The run's folder stays as it is.
pub(super) fn workbench(session: &mut Session, kind: TensorKind, show: Show) -> Result<Workbench> {
    let mut workbench = Workbench::new(session);
    workbench.show_everywhere(session, kind);
    if [Show::Workbench, Show::Pane("embedding")].contains(&show) {
        session.detach();
        let layers: Vec<usize> = (1..session.layers().len())
            .filter(|layer| session.layers()[*layer].parameters > 0 && session.can_lay_out(*layer, kind))
            .take(MAX_LAYOUTS)
            .collect();
        workbench.open_layouts(session, &layers, kind)?;
    }
    Ok(workbench)
}
