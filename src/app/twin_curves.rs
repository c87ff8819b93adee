//! Curves of a twin beside those of its run, and their difference in words.

use super::curves::{Curves, accuracy_curves, loss_curves};
use crate::session::{Session, TwinDifference, TwinRun};

/// Curves of the twin: each from the last point before its beginning, which it has in common with the run's.
#[derive(Debug, Clone, Default)]
pub(crate) struct TwinCurves {
    /// The loss; empty where the run trains with another one, which has another scale.
    pub loss: Curves,
    /// The accuracy in percent.
    pub accuracy: Curves,
}

impl TwinCurves {
    /// The curves of a session's twin; none where there is none. `shape` is done to each training curve as a whole.
    pub(crate) fn of(session: &Session, shape: impl Fn(Curves) -> Curves) -> Option<Self> {
        let twin = session.twin()?;
        let since = |curves: Curves| shape(curves).map(|curve| from(curve, twin.since_epoch()));
        let same = twin.loss() == session.trainer().network.loss;
        Some(Self {
            loss: if same { since(loss_curves(twin.metrics())) } else { Curves::default() },
            accuracy: since(accuracy_curves(twin.metrics())),
        })
    }
}

/// The points of a curve from `x` on, and the last one before it.
fn from(mut curve: Vec<[f64; 2]>, x: f64) -> Vec<[f64; 2]> {
    let before = curve.partition_point(|point| point[0] <= x);
    curve.split_off(before.saturating_sub(1).min(curve.len()))
}

/// The name of the twin's curves.
pub(crate) fn twin_name(twin: &TwinRun) -> String {
    format!("twin, without what you did since step {}", twin.since())
}

/// The twin beside the run at present, in words.
pub(crate) fn twin_words(session: &Session) -> Option<String> {
    let twin = session.twin()?;
    if let Some(error) = twin.stopped() {
        return Some(format!("The twin has stopped: {error}"));
    }
    let network = &session.trainer().network;
    let same_loss = twin.loss() == network.loss;
    let difference = twin.difference(session.metrics());
    Some(difference.map_or_else(
        || "The twin is compared at the end of the first epoch that both have finished".to_owned(),
        |difference| difference_words(&difference, same_loss, network.loss.has_classes()),
    ))
}

fn difference_words(of: &TwinDifference, same_loss: bool, has_classes: bool) -> String {
    let TwinDifference { epoch, run, twin } = of;
    let apart = |difference: f64, digits: usize, unit: &str| {
        let sign = if difference < 0.0 { '−' } else { '+' };
        if difference == 0.0 {
            "the same".to_owned()
        } else {
            format!("{sign}{:.digits$}{unit}", difference.abs())
        }
    };
    let [run_loss, twin_loss] = [run.loss, twin.loss].map(f64::from);
    let [run_share, twin_share] = [run.accuracy, twin.accuracy].map(|share| 100.0 * f64::from(share));
    let of_loss = if same_loss { apart(run_loss - twin_loss, 3, "") } else { "another loss".to_owned() };
    let mut words =
        format!("Validation at epoch {epoch}: loss {run_loss:.3}, twin {twin_loss:.3} ({of_loss})");
    if has_classes {
        let of_share = apart(run_share - twin_share, 1, " points");
        words += &format!("; accuracy {run_share:.1} %, twin {twin_share:.1} % ({of_share})");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Score;

    #[test]
    fn a_curve_begins_with_the_last_point_before() {
        let curve = vec![[0.5, 1.0], [1.0, 2.0], [1.5, 3.0], [2.0, 4.0]];
        for (x, points) in [(0.2, 4), (0.5, 4), (0.9, 4), (1.0, 3), (1.7, 2), (2.0, 1), (3.0, 1)] {
            assert_eq!(from(curve.clone(), x), curve[4 - points..], "{x}");
        }
        assert_eq!(from(Vec::new(), 1.0), Vec::<[f64; 2]>::new());
    }

    #[test]
    fn differences_are_those_of_the_run_to_the_twin() {
        let score = |loss, accuracy| Score { loss, accuracy };
        let of = |run, twin| TwinDifference { epoch: 4, run, twin };
        let words = difference_words(&of(score(0.5, 0.75), score(0.625, 0.5)), true, true);
        let of_shares = "accuracy 75.0 %, twin 50.0 % (+25.0 points)";
        assert_eq!(words, format!("Validation at epoch 4: loss 0.500, twin 0.625 (−0.125); {of_shares}"));
        let same = difference_words(&of(score(0.5, 0.75), score(0.5, 0.75)), true, true);
        let of_shares = "accuracy 75.0 %, twin 75.0 % (the same)";
        assert_eq!(same, format!("Validation at epoch 4: loss 0.500, twin 0.500 (the same); {of_shares}"));
        let others = difference_words(&of(score(2.0, 0.0), score(0.5, 0.0)), false, false);
        assert_eq!(others, "Validation at epoch 4: loss 2.000, twin 0.500 (another loss)");
    }
}
