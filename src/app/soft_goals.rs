//! Soft goals in words, numbers and buttons.

use egui::{Button, RichText, Ui};

use super::format::short;
use super::number::{Rail, field_ui, number_ui};
use super::pane::Cx;
use crate::nn::{Goal, Network, SoftGoal};
use crate::session::{LayerId, NetworkCommand};

/// Strength of a goal that is new. At a rate of 0.02 with momentum 0.9 a filter comes nearer to a kernel by about 0.02 × 0.1 / (1 − 0.9) = 2 % of
/// the distance each step.
const STRENGTH: f32 = 0.1;
const STRENGTH_HOVER: &str = "Factor of this term of the loss; 0 takes it away";

/// The goals of the network, each with the number and name of its layer.
fn goals(network: &Network) -> impl Iterator<Item = (LayerId, &str, &SoftGoal)> {
    let of_layer = |layer| std::iter::repeat(layer);
    let pairs = network.layers.iter().flat_map(move |layer| of_layer(layer).zip(&layer.goals));
    pairs.map(|(layer, goal)| (LayerId(layer.id), layer.name.as_str(), goal))
}

/// True where there are soft goals.
pub(crate) fn has_goals(network: &Network) -> bool {
    goals(network).next().is_some()
}

/// The goals of a filter, by the numbers of its layer and itself, in words.
pub(crate) fn about(network: &Network, (layer, filter): (u32, u32)) -> Vec<String> {
    let of = goals(network).filter(|(of, _, goal)| of.0 == layer && goal.goal.filters().contains(&filter));
    of.map(|(_, _, goal)| format!("soft goal: {}", goal.goal.words())).collect()
}

/// All goals with their strengths, each with a button that takes it away.
pub(crate) fn goals_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let network = &cx.session.trainer().network;
    for (index, (layer, name, SoftGoal { goal, strength })) in goals(network).enumerate() {
        let set = |strength| NetworkCommand::SetGoal { layer, goal: goal.clone(), strength };
        ui.scope(|ui| {
            let text = format!("{name}: {}", goal.words());
            ui.add(egui::Label::new(RichText::new(&text).small()).wrap()).on_hover_text(formula(goal));
            ui.horizontal(|ui| {
                let remove = ui.add(Button::new("×").small()).on_hover_text(format!("No longer {text}"));
                cx.mark(format!("goal {index} remove"), &remove);
                if remove.clicked() {
                    cx.send(set(0.0));
                }
                let rail = Rail::logarithmic(0.0..=10.0, 1e-4);
                let mut edited = number_ui(ui, &format!("strength {index}"), *strength, &rail);
                edited.response = edited.response.on_hover_text(STRENGTH_HOVER);
                cx.number(format!("goal {index}"), edited, set);
            });
        });
    }
}

/// The term of the loss.
fn formula(goal: &Goal) -> &'static str {
    match goal {
        Goal::Attract(_) => "adds strength × (1 − cos of the two kernels) to the loss",
        Goal::Repel(_) => "adds strength × max(0, cos of the two kernels)² to the loss",
        Goal::Become { .. } => "adds strength × half the squared distance to the kernel to the loss",
    }
}

/// Entries of a filter's menu that pull it toward another one of its layer, or away from it.
pub(crate) fn pair_menu_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, layer: u32, [other, filter]: [u32; 2]) {
    let layer = LayerId(layer);
    let entries = [("Attract", Goal::Attract([other, filter])), ("Repel", Goal::Repel([other, filter]))];
    for (label, goal) in entries {
        let hover = format!("A soft goal, which {}. The Steer pane lists it", formula(&goal));
        let response = ui.button(format!("{label} the selected filter {other}")).on_hover_text(hover);
        cx.mark(format!("tile {label}"), &response);
        if response.clicked() {
            cx.send(NetworkCommand::SetGoal { layer, goal, strength: STRENGTH });
        }
    }
}

/// The kernel toward which a filter is pulled, `[in, ky, kx]`, and the strength; none where there is no such goal.
pub(crate) fn kernel_goal(network: &Network, (layer, filter): (u32, u32)) -> Option<(&[f32], f32)> {
    goals(network).filter(|(of, ..)| of.0 == layer).find_map(|(.., of)| match &of.goal {
        Goal::Become { filter: pulled, kernel } if *pulled == filter => Some((&kernel[..], of.strength)),
        _ => None,
    })
}

/// The command that pulls a filter toward a kernel.
fn pull(of: (u32, u32), kernel: Vec<f32>, strength: f32) -> NetworkCommand {
    NetworkCommand::SetGoal { layer: LayerId(of.0), goal: Goal::Become { filter: of.1, kernel }, strength }
}

/// The command that pulls a filter toward a kernel, as strongly as one pulls it already.
pub(crate) fn pull_toward(network: &Network, of: (u32, u32), kernel: Vec<f32>) -> NetworkCommand {
    pull(of, kernel, kernel_goal(network, of).map_or(STRENGTH, |(_, strength)| strength))
}

/// The strength with which a filter is pulled toward a kernel, and its distance to it.
pub(crate) fn kernel_goal_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, of: (u32, u32), read: &[f32]) {
    let Some((kernel, strength)) = kernel_goal(&cx.session.trainer().network, of) else {
        ui.weak("The first stroke sets the goal.");
        return;
    };
    let squares = kernel.iter().zip(read).map(|(to, from)| f64::from(to - from).powi(2));
    let distance = squares.sum::<f64>().sqrt();
    ui.horizontal(|ui| {
        ui.label("strength").on_hover_text(STRENGTH_HOVER);
        let set = |strength| pull(of, kernel.to_vec(), strength);
        let mut edited = field_ui(ui, "strength", strength);
        edited.response = edited.response.on_hover_text(STRENGTH_HOVER);
        cx.number("paint strength", edited, set);
        ui.weak(format!("distance {}", short(distance))).on_hover_text(
            "Square root of the sum of the squared differences between the weights and the goal",
        );
    });
}
