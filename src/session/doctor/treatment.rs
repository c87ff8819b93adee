//! A remedy that was carried out, and whether what it promised came true.

use serde::Serialize;

use super::diagnose::Diagnosis;
use super::finding::{Expected, Finding};

/// A remedy that was carried out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Treatment {
    /// The finding.
    pub finding: Finding,
    /// Its commands in words.
    pub words: String,
    /// Step after which it was carried out.
    pub step: u32,
    /// Step at which the run is examined again.
    pub due: u32,
    /// Loss of the validation images when the finding was made.
    pub loss_before: Option<f64>,
    /// Outcome, once the run was examined again.
    pub outcome: Option<Outcome>,
}

/// Outcome of a remedy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Outcome {
    /// Step of the examination.
    pub step: u32,
    /// True if it came as it was expected.
    pub came_true: bool,
    /// Loss of the validation images then.
    pub loss: Option<f64>,
}

impl Treatment {
    /// Takes in the examination that was due; nothing where it cannot tell.
    pub(super) fn judge(&mut self, after: &Diagnosis) {
        if self.outcome.is_some() || after.checkup.step < self.due {
            return;
        }
        let loss = after.loss();
        let gone = !after.findings.iter().any(|found| found.is_same(&self.finding));
        let lower = self.loss_before.zip(loss).map(|(before, now)| now < before);
        let came_true = match self.finding.remedy.as_ref().map(|remedy| remedy.expected) {
            Some(Expected::LowerLoss) => lower,
            _ => Some(gone),
        };
        let step = after.checkup.step;
        self.outcome = came_true.map(|came_true| Outcome { step, came_true, loss });
    }
}
