//! The effect of commands at each measurement, over the seeds.

use revacnn::session::{Interval, TwinCourses, TwinPoint};

/// Effect at one measurement.
pub(super) struct Effect {
    /// Number of steps finished.
    pub step: u32,
    /// Of the loss and of the accuracy: means without the commands and with them, and the differences of the pairs.
    pub values: [(f64, f64, Interval); 2],
}

/// Effects at each measurement.
pub(super) fn effects(all: &[TwinCourses]) -> Vec<Effect> {
    let count = all.first().map_or(0, |courses| courses.without.len());
    let effect = |point: usize| {
        let value = |of: fn(&TwinPoint) -> f32| {
            let mean = |side: fn(&TwinCourses) -> &Vec<TwinPoint>| {
                all.iter().map(|courses| f64::from(of(&side(courses)[point]))).sum::<f64>() / all.len() as f64
            };
            let difference = |courses: &TwinCourses| {
                f64::from(of(&courses.with[point])) - f64::from(of(&courses.without[point]))
            };
            let differences: Vec<f64> = all.iter().map(difference).collect();
            (mean(|courses| &courses.without), mean(|courses| &courses.with), Interval::of(&differences))
        };
        Effect { step: all[0].without[point].step, values: [value(|p| p.loss), value(|p| p.accuracy)] }
    };
    (0..count).map(effect).collect()
}
