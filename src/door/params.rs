//! Parameters of the methods.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::session::{Command, TensorKind};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    /// Token of the file that the program names at its start.
    pub token: String,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "the schema of parameters that are read part by part, for better errors")]
pub(super) struct CommandParams {
    /// The command, as a line of a script or journal has it.
    command: Command,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepParams {
    /// Number of steps, from 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub steps: u32,
}

fn one() -> u32 {
    1
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricsParams {
    /// Steps and epochs up to this step are left out.
    #[serde(default)]
    pub since: u32,
}

/// A layer, by its number, which it keeps, or its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum LayerName {
    /// Number, as commands have it.
    Number(u32),
    /// Name such as `conv1`; `input` for the image.
    Name(String),
}

/// A tensor of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TensorParams {
    /// The layer.
    pub layer: LayerName,
    /// Weights and their gradients in the shape of the parameter; activations of the pinned image and their gradients `[channel, y, x]`.
    #[serde(default = "weights")]
    pub kind: TensorKind,
    /// Parameter of the layer, such as `bias`; its first one, mostly `weight`, if it is not given.
    #[serde(default)]
    pub part: Option<String>,
}

fn weights() -> TensorKind {
    TensorKind::Weights
}

/// Ground of a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// Dark, as the window mostly is.
    #[default]
    Dark,
    /// Light, for slides and papers.
    Light,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PictureParams {
    /// Name of a pane, such as `network` or `charts`, or `workbench` for the whole window.
    pub view: String,
    /// Width in pixels.
    #[schemars(range(min = 1, max = 4096))]
    pub width: u32,
    /// Height in pixels.
    #[schemars(range(min = 1, max = 4096))]
    pub height: u32,
    /// Ground.
    pub theme: Ground,
    /// Tensor that the layers show.
    pub layers: TensorKind,
}

impl Default for PictureParams {
    fn default() -> Self {
        Self {
            view: "workbench".to_owned(),
            width: 1280,
            height: 800,
            theme: Ground::Dark,
            layers: TensorKind::Activations,
        }
    }
}
