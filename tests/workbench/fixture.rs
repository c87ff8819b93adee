//! A workbench that is laid out frame by frame, with events of our own.

use std::path::Path;
use std::rc::Rc;

use egui::{Event, Key, Modifiers, PointerButton, Pos2, Rect};
use revacnn::app::offscreen::{FORMAT, Picture, input, read, target};
use revacnn::app::{Canvas, Show, Workbench, live_frame};
use revacnn::gpu::{AdapterChoice, Gpu};
use revacnn::nn::Hyper;
use revacnn::session::{Openable, RunSettings, Session, StopCondition};
use serde_json::Value;

pub(crate) struct Stage {
    pub(crate) session: Session,
    pub(crate) workbench: Workbench,
    gpu: Rc<Gpu>,
    canvas: Canvas,
    target: wgpu::Texture,
    picture: Picture,
    frames: usize,
    /// Name of the widget that has the keyboard, as a screen reader says it; none without one.
    focused: Option<String>,
    folder: tempfile::TempDir,
}

/// A text of a frame: its rectangle, the part of the window in which it is drawn, and its rows.
pub(crate) struct Text {
    pub(crate) text: String,
    /// Its end is left out for want of room.
    pub(crate) shortened: bool,
    pub(crate) rect: Rect,
    pub(crate) clip: Rect,
    pub(crate) rows: Vec<String>,
}

impl Stage {
    /// A paused run on the built-in digits in a window of `width × height` pixels.
    pub(crate) fn new([width, height]: [u32; 2], scale: f32) -> Self {
        Self::of("revacnn", "digits", [width, height], scale, Hyper::default().learning_rate)
    }

    /// The same with another learning rate.
    pub(crate) fn with_rate(learning_rate: f32) -> Self {
        Self::of("revacnn", "digits", [1280, 800], 1.0, learning_rate)
    }

    /// A paused run of a network on a data set.
    pub(crate) fn of(
        network: &str,
        dataset: &str,
        [width, height]: [u32; 2],
        scale: f32,
        learning_rate: f32,
    ) -> Self {
        let gpu = Rc::new(Gpu::open(&AdapterChoice::Best).unwrap());
        let settings = RunSettings {
            dataset: dataset.to_owned(),
            seed: 3,
            batch: 32,
            augmentation: Default::default(),
            hyper: Hyper { learning_rate, ..Hyper::default() },
            frozen: Vec::new(),
            data_edits: Default::default(),
            precision: Default::default(),
            probe: 7,
        };
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let session = Session::new(Rc::clone(&gpu), network, settings, Some(&run)).unwrap();
        let mut stage = Self {
            workbench: Workbench::new(&session),
            session,
            canvas: Canvas::new(&gpu, FORMAT, true).unwrap(),
            target: target(&gpu, width, height),
            picture: Picture { scale, ..Picture::new(Show::Workbench, width, height) },
            gpu,
            frames: 0,
            focused: None,
            folder,
        };
        (0..3).for_each(|_| drop(stage.frame(&[])));
        stage
    }

    /// Opens what is at a path in place of the run, as the window does.
    pub(crate) fn open(&mut self, path: &Path) {
        let settings = self.session.settings().clone();
        self.session = Openable::at(path).open(Rc::clone(&self.gpu), &settings).unwrap();
        self.workbench = Workbench::new(&self.session);
    }

    /// The last frame.
    pub(crate) fn picture(&self) -> image::RgbaImage {
        read(&self.gpu, &self.target, self.picture.width, self.picture.height)
    }

    pub(crate) fn run_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("run")
    }

    /// The texts of the window once it has settled.
    pub(crate) fn texts(&mut self) -> Vec<String> {
        self.frame(&[]);
        self.frame(&[]).into_iter().map(|text| text.text).collect()
    }

    /// True if a text of the window has these words in it.
    pub(crate) fn shows(&mut self, words: &str) -> bool {
        self.texts().iter().any(|text| text.contains(words))
    }

    /// A frame in which these events arrive; returns its texts.
    pub(crate) fn frame(&mut self, events: &[Event]) -> Vec<Text> {
        let mut raw = input(&self.picture, self.frames);
        raw.time = Some(self.frames as f64 / 10.0);
        self.frames += 1;
        raw.events.extend_from_slice(events);
        let size = [self.picture.width, self.picture.height];
        let (workbench, session) = (&mut self.workbench, &mut self.session);
        let painting = self.canvas.run(&self.gpu, raw, size, |ui, frame| {
            workbench.ui(ui, session, frame, Show::Workbench);
        });
        let texts = texts(painting.shapes());
        let mut encoder = self.gpu.encoder("frame");
        let view = self.target.create_view(&Default::default());
        let output = self.canvas.record(&self.gpu, &mut encoder, painting, &view);
        self.focused = output.platform_output.accesskit_update.as_ref().map(focused_name);
        output.drop_without_applying_deltas();
        self.gpu.submit(encoder);
        self.canvas.after_submit();
        if self.session.is_playing() {
            self.session.advance();
        }
        self.gpu.wait();
        self.workbench.take(self.canvas.poll(), &self.session);
        texts
    }

    /// Texts with a character that the fonts lack, which is drawn as an empty box.
    pub(crate) fn without_glyphs(&self, texts: &[Text]) -> Vec<String> {
        let font = egui::FontId::default();
        let has = |text: &str| self.canvas.ctx.fonts_mut(|fonts| fonts.has_glyphs(&font, text));
        texts.iter().map(|text| text.text.clone()).filter(|text| !has(text)).collect()
    }

    /// True if every font of the interface has the character.
    pub(crate) fn has_glyph(&self, character: char) -> bool {
        let fonts = [egui::FontId::proportional(13.0), egui::FontId::monospace(12.0)];
        self.canvas.ctx.fonts_mut(|all| fonts.iter().all(|font| all.has_glyph(font, character)))
    }

    /// Clicks a text, such as a tab.
    pub(crate) fn click_text(&mut self, text: &str) {
        let texts = self.frame(&[]);
        let found = texts.iter().find(|found| found.text == text).unwrap_or_else(|| panic!("no {text}"));
        self.drag_in(found.rect, &[0.5]);
    }

    /// Gives the window another size.
    pub(crate) fn resize(&mut self, [width, height]: [u32; 2]) {
        (self.picture.width, self.picture.height) = (width, height);
        self.target = target(&self.gpu, width, height);
        (0..3).for_each(|_| drop(self.frame(&[])));
    }

    fn place(&self, widget: &str) -> Rect {
        *self.workbench.targets().get(widget).unwrap_or_else(|| panic!("there is no widget {widget}"))
    }

    pub(crate) fn click(&mut self, widget: &str) {
        self.drag(widget, &[0.5]);
    }

    /// The pointer moves.
    pub(crate) fn move_to(&mut self, pos: Pos2) {
        self.frame(&[Event::PointerMoved(pos)]);
    }

    /// The primary button is pressed or let go.
    pub(crate) fn press(&mut self, pos: Pos2, pressed: bool) {
        let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
        self.frame(&[Event::PointerButton { pos, button, pressed, modifiers }]);
    }

    /// Goes on with what a paused run has to do: layouts, evaluations.
    pub(crate) fn work(&mut self, submits: usize) {
        (0..submits).for_each(|_| _ = self.session.advance());
        self.session.settle();
    }

    /// Trains up to this number of epochs, without frames.
    pub(crate) fn train_to(&mut self, epochs: u32) {
        self.session.set_limit(Some(StopCondition::Epochs(epochs)));
        self.session.play();
        while self.session.advance() {}
        self.session.settle();
    }

    /// Presses at the first share of a widget's width, moves to the others, and lets go.
    pub(crate) fn drag(&mut self, widget: &str, shares: &[f32]) {
        self.drag_in(self.place(widget), shares);
    }

    fn drag_in(&mut self, rect: Rect, shares: &[f32]) {
        let at = |share: &f32| Pos2::new(rect.left() + share * rect.width(), rect.center().y);
        let button = |pos, pressed| Event::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        self.frame(&[Event::PointerMoved(at(&shares[0]))]);
        self.frame(&[button(at(&shares[0]), true)]);
        for share in &shares[1..] {
            self.frame(&[Event::PointerMoved(at(share))]);
        }
        self.frame(&[button(at(shares.last().unwrap()), false)]);
        self.frame(&[]);
    }

    /// Presses and lets go at a share of a widget's width within one frame, as a quick click while a frame takes long.
    pub(crate) fn tap(&mut self, widget: &str, share: f32) {
        let rect = self.place(widget);
        let pos = Pos2::new(rect.left() + share * rect.width(), rect.center().y);
        let button = |pressed| Event::PointerButton {
            pos,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        self.frame(&[Event::PointerMoved(pos)]);
        self.frame(&[button(true), button(false)]);
        (0..2).for_each(|_| drop(self.frame(&[])));
    }

    /// The texts of a frame as the window makes it, with its training.
    pub(crate) fn live_texts(&mut self) -> Vec<String> {
        let raw = input(&self.picture, self.frames);
        self.frames += 1;
        let size = [self.picture.width, self.picture.height];
        let (canvas, workbench) = (&mut self.canvas, &mut self.workbench);
        let (painting, _) = live_frame(canvas, workbench, &mut self.session, raw, size, Show::Workbench);
        let found = texts(painting.shapes()).into_iter().map(|text| text.text).collect();
        let mut encoder = self.gpu.encoder("frame");
        let view = self.target.create_view(&Default::default());
        self.canvas.record(&self.gpu, &mut encoder, painting, &view).drop_without_applying_deltas();
        self.gpu.submit(encoder);
        self.canvas.after_submit();
        found
    }

    /// The right button pressed and released on the first tile of the column under this widget.
    pub(crate) fn secondary_click_below(&mut self, widget: &str) {
        let rect = self.place(widget);
        let pos = Pos2::new(rect.left() + 0.3 * rect.width(), rect.bottom() + 35.0);
        self.frame(&[Event::PointerMoved(pos)]);
        for pressed in [true, false] {
            let button = PointerButton::Secondary;
            self.frame(&[Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE }]);
        }
    }

    pub(crate) fn key(&mut self, key: Key, modifiers: Modifiers) {
        for pressed in [true, false] {
            self.frame(&[Event::Key { key, physical_key: None, pressed, repeat: false, modifiers }]);
        }
    }

    /// Presses Tab until the keyboard was at a widget with each of these in its name.
    pub(crate) fn reach_by_tab(&mut self, wanted: &[&str]) {
        let mut reached: Vec<String> = Vec::new();
        for _ in 0..120 {
            reached.extend(self.press_tab());
            if wanted.iter().all(|name| reached.iter().any(|found| found.contains(name))) {
                return;
            }
        }
        let missing = wanted.iter().filter(|name| !reached.iter().any(|found| found.contains(**name)));
        panic!("{:?} are not reached: {reached:?}", missing.collect::<Vec<_>>());
    }

    /// Presses Tab; returns the name of the widget that has the keyboard in that frame.
    fn press_tab(&mut self) -> Option<String> {
        self.canvas.ctx.enable_accesskit();
        let (key, modifiers) = (Key::Tab, Modifiers::NONE);
        let event = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
        self.frame(&[event(true), event(false)]);
        self.focused.clone()
    }

    /// Presses Tab until a widget has the keyboard of which the name holds this.
    pub(crate) fn focus_by_tab(&mut self, name: &str) {
        for _ in 0..200 {
            let before = self.press_tab();
            self.frame(&[]);
            if before.iter().chain(&self.focused).any(|found| found.contains(name)) {
                return;
            }
        }
        panic!("{name} is not reached");
    }

    /// Types into a field, a letter a frame.
    pub(crate) fn type_into(&mut self, field: &str, text: &str) {
        self.click(field);
        text.chars().for_each(|letter| drop(self.frame(&[Event::Text(letter.to_string())])));
    }

    /// The commands of the journal.
    pub(crate) fn commands(&self) -> Vec<Value> {
        commands(&self.run_folder())
    }
}

/// The commands of a run's journal, without that which opens the first layout.
fn commands(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let commands = lines.filter_map(|line| line.get("command").cloned());
    commands.filter(|command| command.get("open_layout").is_none()).collect()
}

/// Name of the node that has the keyboard, or of the one that it is labelled by; empty without one.
fn focused_name(update: &egui::accesskit::TreeUpdate) -> String {
    let node = |id| update.nodes.iter().find(|(of, _)| *of == id).map(|(_, node)| node);
    let said = |node: &egui::accesskit::Node| node.label().or(node.value()).map(str::to_owned);
    let Some(focused) = node(update.focus) else { return String::new() };
    let others = focused.labelled_by().iter().filter_map(|id| node(*id)).filter_map(said).collect::<Vec<_>>();
    focused.label().map_or_else(|| others.join(" "), str::to_owned)
}

fn texts(shapes: &[egui::epaint::ClippedShape]) -> Vec<Text> {
    fn walk(shape: &egui::Shape, clip: Rect, texts: &mut Vec<Text>) {
        match shape {
            egui::Shape::Vec(shapes) => shapes.iter().for_each(|shape| walk(shape, clip, texts)),
            egui::Shape::Text(shape) => texts.push(Text {
                text: shape.galley.text().to_owned(),
                shortened: shape.galley.elided,
                rect: shape.galley.rect.translate(shape.pos.to_vec2()),
                clip,
                rows: shape.galley.rows.iter().map(|row| row.text()).collect(),
            }),
            _ => (),
        }
    }
    let mut found = Vec::new();
    shapes.iter().for_each(|shape| walk(&shape.shape, shape.clip_rect, &mut found));
    found
}
