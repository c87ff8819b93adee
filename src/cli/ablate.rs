//! `revacnn ablate`: the filters of a run by the loss without each.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use revacnn::error::Result;
use revacnn::nn::Network;
use revacnn::session::{FilterRanking, FilterSign, RANKED_IMAGES, RankedFilter, Session, rank_filters};
use serde_json::{Value, json};

use super::numbers::has_classes;
use super::print::print_line;
use super::run_options::{AdapterOption, layers_called};

#[derive(Args)]
pub(super) struct Ablate {
    /// The folder of a run.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Layers whose filters are listed, separated by commas: conv1,conv2 [default: all].
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    layer: Vec<String>,
    /// Number of validation images.
    #[arg(long, value_name = "COUNT", default_value_t = RANKED_IMAGES, value_parser = super::numbers::count)]
    images: usize,
    /// Print JSON Lines: the whole network, then one object a filter.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    adapter: AdapterOption,
}

impl Ablate {
    pub(super) fn run(&self) -> Result<()> {
        let mut session = Session::look_at(self.adapter.open()?, &self.run)?;
        let layers = layers_called(&session.trainer().network, &self.layer)?;
        let ranking = self.rank(&mut session)?;
        let network = &session.trainer().network;
        let listed = |filter: &&RankedFilter| {
            let index = network.layer_index(filter.layer).ok();
            layers.is_empty() || index.is_some_and(|index| layers.contains(&index))
        };
        let filters = ranking.filters.iter().filter(listed);
        if self.json {
            print_line(&whole_json(&session, &ranking).to_string())?;
            return filters
                .into_iter()
                .try_for_each(|filter| print_line(&self::json(&session, &ranking, filter)));
        }
        print_line(&heading(&session, &ranking))?;
        filters.into_iter().try_for_each(|filter| print_line(&row(&session, &ranking, filter)))
    }

    /// Ranks the filters, with a progress bar.
    fn rank(&self, session: &mut Session) -> Result<FilterRanking> {
        let bar = if self.json { ProgressBar::hidden() } else { ProgressBar::new(1000) };
        let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  {eta} left");
        bar.set_style(style.expect("the template is fixed").progress_chars("━╸ "));
        let ranking =
            rank_filters(session, self.images, &mut |done| bar.set_position((1000.0 * done) as u64));
        bar.finish_and_clear();
        ranking
    }
}

/// Name of the layer with this number.
fn name(network: &Network, layer: u32) -> &str {
    network.layer_index(layer).map_or("", |index| &network.layers[index].name)
}

fn class_name(session: &Session, class: usize) -> String {
    session.class_names().get(class).map_or_else(|| class.to_string(), Clone::clone)
}

/// The whole network's scores, and the heads of the columns.
fn heading(session: &Session, ranking: &FilterRanking) -> String {
    let all = ranking.whole.all;
    let accuracy = match has_classes(session) {
        true => format!(", accuracy {:.1} %", 100.0 * all.accuracy),
        false => String::new(),
    };
    let head = format!(
        "{:<12} {:>6}  {:>12}  {:>9}  {:>10}  {:<20}  signs",
        "layer", "filter", "loss without", "change", "accuracy", "worst class"
    );
    format!(
        "{} at step {}: loss {:.4}{accuracy} on {} validation images\n\n{head}",
        session.title(),
        ranking.step,
        all.loss,
        all.images
    )
}

fn row(session: &Session, ranking: &FilterRanking, filter: &RankedFilter) -> String {
    let network = &session.trainer().network;
    let (mut accuracy, mut worst) = (String::new(), String::new());
    if has_classes(session) {
        accuracy = format!("{:+.1} %", 100.0 * ranking.accuracy_change(filter));
        if let Some((class, change)) = ranking.worst_class(filter) {
            worst = format!("{} {:+.1} %", class_name(session, class), 100.0 * change);
        }
    }
    let signs = filter.signs.iter().map(|sign| {
        let (remedy, _) = sign.remedy((filter.layer, filter.filter), is_frozen(network, filter.layer));
        format!("{} ({remedy})", sign.words(ranking.whole.all.images))
    });
    let mut notes: Vec<String> = signs.collect();
    if !filter.tied.is_empty() {
        let tied = filter.tied.iter().map(|(layer, filter)| format!("{} {filter}", name(network, *layer)));
        notes.push(format!("goes with {}", tied.collect::<Vec<_>>().join(", ")));
    }
    let text = format!(
        "{:<12} {:>6}  {:>12.4}  {:>+9.4}  {accuracy:>10}  {worst:<20}  {}",
        name(network, filter.layer),
        filter.filter,
        filter.without.all.loss,
        ranking.loss_change(filter),
        notes.join("; ")
    );
    text.trim_end().to_owned()
}

fn is_frozen(network: &Network, layer: u32) -> bool {
    network.layer_index(layer).is_ok_and(|index| network.layers[index].frozen)
}

fn whole_json(session: &Session, ranking: &FilterRanking) -> Value {
    let all = ranking.whole.all;
    let accuracy = has_classes(session).then_some(all.accuracy);
    json!({
        "event": "whole", "step": ranking.step, "images": all.images, "loss": all.loss, "accuracy": accuracy,
        "classes": classes_json(session, &ranking.whole.classes),
    })
}

fn classes_json(session: &Session, scores: &[revacnn::session::MeanScore]) -> Value {
    if !has_classes(session) {
        return Value::Null;
    }
    let of = |(class, score): (usize, &revacnn::session::MeanScore)| {
        let accuracy = (score.images > 0).then_some(score.accuracy);
        let loss = (score.images > 0).then_some(score.loss);
        json!({ "class": class_name(session, class), "images": score.images, "loss": loss, "accuracy": accuracy })
    };
    scores.iter().enumerate().map(of).collect()
}

fn json(session: &Session, ranking: &FilterRanking, filter: &RankedFilter) -> String {
    let network = &session.trainer().network;
    let sign = |sign: &FilterSign| {
        let (remedy, command) = sign.remedy((filter.layer, filter.filter), is_frozen(network, filter.layer));
        json!({ "evidence": sign, "remedy": remedy, "command": command })
    };
    let classes = has_classes(session);
    let worst = ranking.worst_class(filter).filter(|_| classes);
    let worst = worst
        .map(|(class, change)| json!({ "class": class_name(session, class), "accuracy_change": change }));
    let tied =
        filter.tied.iter().map(|(layer, filter)| json!({ "layer": name(network, *layer), "filter": filter }));
    json!({
        "event": "filter", "layer": name(network, filter.layer), "layer_number": filter.layer, "filter": filter.filter,
        "tied": tied.collect::<Vec<_>>(), "loss": filter.without.all.loss, "loss_change": ranking.loss_change(filter),
        "accuracy": classes.then_some(filter.without.all.accuracy),
        "accuracy_change": classes.then(|| ranking.accuracy_change(filter)), "worst_class": worst,
        "classes": classes_json(session, &filter.without.classes), "signs": filter.signs.iter().map(sign).collect::<Vec<_>>(),
    })
    .to_string()
}
