//! The page: one file of HTML with all that it shows.

use std::fmt::Display;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use revacnn::app::export::{CommandRow, Markup, charts, commands, confusion_table, page_style};
use revacnn::session::{EpochMetrics, Outcomes, Score, Session, Split};

use super::facts;

/// Layout of the page: one column that a phone can show, in which what is wide scrolls by itself.
const STYLE: &str = "\
*{box-sizing:border-box}body{margin:0 auto;padding:16px;max-width:1040px;background:var(--ground);color:var(--ink);\
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\
h1{font-size:1.5rem;margin:.2em 0}h2{font-size:1.15rem;margin:2em 0 .5em}\
p{margin:.4em 0}.muted{color:var(--muted)}\
.numbers{display:flex;flex-wrap:wrap;gap:8px 32px;padding:0;margin:1em 0;list-style:none}\
.numbers b{display:block;font-size:1.6rem;line-height:1.2}\
.charts{display:flex;flex-wrap:wrap;gap:24px}.charts svg{flex:1 1 320px;max-width:100%;min-width:0;height:auto}\
figure{margin:1em 0}figure img{display:block;width:100%;height:auto;border-radius:6px}figcaption{color:var(--muted)}\
.wide{overflow-x:auto}.wide>table:not(.facts){overflow-wrap:normal}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:3px 10px 3px 0;text-align:left;vertical-align:top}td.n,th.n{text-align:right}\
tr+tr>*{border-top:1px solid var(--line)}th{font-weight:600}.facts th{font-weight:400;color:var(--muted)}\
.matrix td,.matrix th{padding:4px 6px;text-align:right;white-space:nowrap}\
.matrix th[scope=row]{text-align:left;font-weight:400;position:sticky;left:0;background:var(--ground)}\
.matrix .share{color:var(--muted)}del{color:var(--muted)}\
@media print{.wide{overflow:visible}}";

/// Words of a picture, its width and height, and the picture as PNG.
pub(super) type Shown = (&'static str, [u32; 2], Vec<u8>);

/// All that the page shows.
pub(super) struct Page<'a> {
    pub session: &'a Session,
    pub run: &'a Path,
    /// The images that the confusion matrix counts.
    pub split: Split,
    /// Results over each split, of the weights and of their average.
    pub scores: Vec<(&'static str, [Option<Score>; 2])>,
    pub outcomes: Option<Outcomes>,
    pub pictures: Vec<Shown>,
}

impl Page<'_> {
    /// The page as text.
    pub(super) fn html(&self) -> String {
        let mut out = Markup::new();
        out.element("html", &[("lang", &"en")], |out| {
            out.element("head", &[], |out| {
                out.empty("meta", &[("charset", &"utf-8")]);
                out.empty(
                    "meta",
                    &[("name", &"viewport"), ("content", &"width=device-width,initial-scale=1")],
                );
                out.line("title", &[], format!("{} – ReVACNN", self.session.title()));
                out.style(&(page_style() + STYLE));
            });
            out.element("body", &[], |out| self.body(out));
        });
        format!("<!DOCTYPE html>\n{}\n", out.as_str())
    }

    fn body(&self, out: &mut Markup) {
        let session = self.session;
        out.line("h1", &[], session.title());
        let (step, epochs) = (session.step(), session.epoch());
        let text = format!("{}, at step {step}, after {epochs:.2} epochs", self.run.display());
        out.line("p", &[("class", &"muted")], text);
        self.numbers(out);
        out.line("h2", &[], "Loss and accuracy");
        self.charts(out);
        if let Some(outcomes) = &self.outcomes {
            let name = self.split.name();
            out.line("h2", &[], format!("Confusion matrix of the {name} images"));
            let text =
                "A row for each true class, a column for each answer of the network; numbers of images.";
            out.line("p", &[("class", &"muted")], text);
            wide(out, |out| out.append(&confusion_table(session, outcomes)));
        }
        out.line("h2", &[], "Pictures");
        for (words, size, png) in &self.pictures {
            picture(out, words, *size, png);
        }
        out.line("h2", &[], "What was done");
        self.commands(out);
        out.line("h2", &[], "Settings");
        wide(out, |out| {
            out.element("table", &[("class", &"facts")], |out| {
                for (name, value) in facts::settings(session) {
                    out.element("tr", &[], |out| {
                        out.line("th", &[("scope", &"row")], name);
                        out.line("td", &[], value);
                    });
                }
            });
        });
        out.line("h2", &[], "Network");
        self.network(out);
    }

    fn numbers(&self, out: &mut Markup) {
        let has_classes = self.session.trainer().network.loss.has_classes();
        out.element("ul", &[("class", &"numbers")], |out| {
            for (name, [weights, average]) in &self.scores {
                let Some(score) = weights else { continue };
                out.element("li", &[], |out| {
                    if has_classes {
                        out.line("b", &[], percent(score.accuracy));
                        out.text(format!("{name} accuracy, loss {:.4}", score.loss));
                    } else {
                        out.line("b", &[], format!("{:.4}", score.loss));
                        out.text(format!("{name} loss"));
                    }
                    if let Some(average) = average {
                        let share =
                            if has_classes { percent(average.accuracy) + ", " } else { String::new() };
                        out.empty("br", &[]);
                        let text = format!("averaged weights: {share}loss {:.4}", average.loss);
                        out.line("span", &[("class", &"muted")], text);
                    }
                });
            }
        });
    }

    fn charts(&self, out: &mut Markup) {
        let session = self.session;
        if session.metrics().epochs.is_empty() {
            let text = "No epoch has ended yet: the curves begin with the first.";
            return out.line("p", &[], text);
        }
        out.element("div", &[("class", &"charts")], |out| {
            charts(session).iter().for_each(|chart| out.append(chart))
        });
        let text = "Training: the mean of each epoch, before each step's update. Dotted lines: what was done, by its number below.";
        out.line("p", &[("class", &"muted")], text);
        out.element("details", &[], |out| {
            out.line("summary", &[], "All epochs as numbers");
            wide(out, |out| {
                epochs(out, &session.metrics().epochs, session.trainer().network.loss.has_classes())
            });
        });
    }

    fn commands(&self, out: &mut Markup) {
        let rows = commands(self.session);
        if rows.is_empty() {
            return out.line("p", &[], "Nothing was changed while it trained.");
        }
        if rows.iter().any(|row| row.effect.is_some()) {
            let text = "Loss: on the same held-out images each time, just before the command, just after it, and 100 steps later.";
            out.line("p", &[("class", &"muted")], text);
        }
        wide(out, |out| {
            out.element("table", &[], |out| {
                heads(out, &["", "step", "command", "loss before", "after", "100 steps later"]);
                for (row, number) in rows.iter().zip(1_usize..) {
                    out.element("tr", &[], |out| command(out, row, number));
                }
            });
        });
    }

    fn network(&self, out: &mut Markup) {
        let network = &self.session.trainer().network;
        let text = format!("{}: {} parameters", network.name, network.parameter_count());
        out.line("p", &[("class", &"muted")], text);
        wide(out, |out| {
            out.element("table", &[], |out| {
                heads(out, &["", "layer", "kind", "settings", "output", "parameters"]);
                for (node, layer) in self.session.layers().iter().enumerate() {
                    let [channels, height, width] = layer.output;
                    out.element("tr", &[], |out| {
                        out.line("td", &[("class", &"n muted")], node);
                        out.line("td", &[], &layer.name);
                        out.line("td", &[], layer.kind);
                        out.line("td", &[], &layer.summary);
                        out.line("td", &[], format!("{channels}×{height}×{width}"));
                        out.line("td", &[("class", &"n")], layer.parameters);
                    });
                }
            });
        });
    }
}

fn command(out: &mut Markup, row: &CommandRow, number: usize) {
    out.line("td", &[("class", &"n muted")], number);
    out.line("td", &[("class", &"n")], row.step);
    let name = if row.is_undone() { "del" } else { "span" };
    out.element("td", &[], |out| {
        out.line(name, &[], &row.words);
        if row.is_undone() {
            out.text(" (undone)");
        }
    });
    let losses = row.effect.as_ref().map_or([None; 3], |effect| [effect.before, effect.after, effect.later]);
    for loss in losses {
        out.line("td", &[("class", &"n")], loss.map_or("–".to_owned(), |loss| format!("{loss:.4}")));
    }
}

fn epochs(out: &mut Markup, epochs: &[EpochMetrics], has_classes: bool) {
    out.element("table", &[], |out| {
        let share: &[&str] = if has_classes { &["training accuracy", "validation accuracy"] } else { &[] };
        let names = [&["epoch", "step", "training loss", "validation loss"], share, &["images/s"]].concat();
        heads(out, &names);
        for e in epochs {
            let mut cells = vec![e.epoch.to_string(), e.step.to_string()];
            cells.extend([e.train_loss, e.val_loss].map(|loss| format!("{loss:.4}")));
            if has_classes {
                cells.extend([e.train_accuracy, e.val_accuracy].map(percent));
            }
            cells.push(format!("{:.0}", e.images_per_s));
            out.element("tr", &[], |out| {
                cells.iter().for_each(|cell| out.line("td", &[("class", &"n")], cell))
            });
        }
    });
}

fn heads(out: &mut Markup, names: &[&str]) {
    out.element("tr", &[], |out| names.iter().for_each(|name| out.line("th", &[("scope", &"col")], name)));
}

fn picture(out: &mut Markup, words: &str, [width, height]: [u32; 2], png: &[u8]) {
    let source = format!("data:image/png;base64,{}", STANDARD.encode(png));
    out.element("figure", &[], |out| {
        let said: [(&str, &dyn Display); 2] = [("src", &source), ("alt", &words)];
        out.empty("img", &[&said[..], &[("width", &width), ("height", &height)]].concat());
        out.line("figcaption", &[], words);
    });
}

/// Something that scrolls by itself where the page is narrower.
fn wide(out: &mut Markup, content: impl FnOnce(&mut Markup)) {
    out.element("div", &[("class", &"wide")], content);
}

fn percent(share: f32) -> String {
    format!("{:.2} %", 100.0 * share)
}
