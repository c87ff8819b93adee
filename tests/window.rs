//! The real window under a virtual display, clicked with a real pointer.
//!
//! Needs Xvfb and xdotool, which `make test` installs; without them the test fails.
#![cfg(all(target_os = "linux", feature = "app"))]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A virtual display of 1280×800 and its name.
fn display() -> (Process, String) {
    display_of("1280x800x24")
}

fn display_of(screen: &str) -> (Process, String) {
    let mut child = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", screen, "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Xvfb is installed (make test does it)");
    let mut out = child.stdout.take().unwrap();
    let mut number = Vec::new();
    let mut byte = [0];
    while out.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        number.push(byte[0]);
    }
    (Process(child), format!(":{}", String::from_utf8(number).unwrap().trim()))
}

struct Window {
    program: Process,
    display: Process,
    name: String,
    log: PathBuf,
}

impl Window {
    fn open(folder: &Path, arguments: &[&str]) -> Self {
        Self::start(display(), folder, &[&["--dataset", "digits"], arguments].concat())
    }

    fn start((display, name): (Process, String), folder: &Path, arguments: &[&str]) -> Self {
        let log = folder.join("frames.jsonl");
        let program = Command::new(env!("CARGO_BIN_EXE_revacnn"))
            .args(["--frame-log", log.to_str().unwrap()])
            .args(arguments)
            .env("DISPLAY", &name)
            // Left over from a session that has ended.
            .env("WAYLAND_DISPLAY", "wayland-of-before")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { program: Process(program), display, name, log }
    }

    /// Waits for the end of the program; returns its exit status.
    fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.program.0.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the program goes on");
    }

    /// The last line of the frame log for which `fits` holds; waits for it.
    fn wait_for(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        let mut last = Value::Null;
        while began.elapsed() < Duration::from_secs(90) {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(line) = text.lines().rev().find_map(|l| serde_json::from_str::<Value>(l).ok()) {
                if fits(&line) {
                    return line;
                }
                last = line;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{what} did not come; the last line of the frame log is {last}");
    }

    /// Waits until frames were drawn that have seen what was done before, however slowly they come.
    fn frames_pass(&self) {
        for _ in 0..2 {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            let line = text.lines().rev().find_map(|l| serde_json::from_str::<Value>(l).ok());
            let now = line.map_or(-1.0, |line| number(&line, "seconds"));
            self.wait_for("another frame", |l| number(l, "seconds") > now);
        }
    }

    fn xdotool(&self, arguments: &[&str]) {
        let status = Command::new("xdotool").args(arguments).env("DISPLAY", &self.name).status();
        assert!(status.expect("xdotool is installed (make test does it)").success());
    }

    /// Clicks at a share of the width of a widget that the frame log names.
    fn click(&self, widget: &str, share: f64) {
        let line = self.wait_for(widget, |l| l["places"][widget].is_array());
        let place: Vec<f64> =
            line["places"][widget].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        let (x, y) = (place[0] + share * place[2], place[1] + place[3] / 2.0);
        self.xdotool(&["mousemove", &format!("{x:.0}"), &format!("{y:.0}")]);
        // The pointer must be seen there before the button goes down; one that is down for 0.8 s is no click.
        self.frames_pass();
        self.xdotool(&["mousedown", "1"]);
        std::thread::sleep(Duration::from_millis(150));
        self.xdotool(&["mouseup", "1"]);
    }

    /// Drags along shares of a widget's width and height while a key is held.
    fn drag_within(&self, widget: &str, key: &str, path: &[[f64; 2]]) {
        let line = self.wait_for(widget, |l| l["places"][widget].is_array());
        let place: Vec<f64> =
            line["places"][widget].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        let pause = || self.frames_pass();
        self.xdotool(&["search", "--sync", "--name", "ReVACNN", "windowfocus"]);
        let move_to = |share: &[f64; 2]| {
            let [x, y] = [0, 1].map(|axis| format!("{:.0}", place[axis] + share[axis] * place[axis + 2]));
            self.xdotool(&["mousemove", &x, &y]);
            pause();
        };
        move_to(&path[0]);
        self.xdotool(&["keydown", key]);
        self.xdotool(&["mousedown", "1"]);
        pause();
        path[1..].iter().for_each(move_to);
        self.xdotool(&["mouseup", "1"]);
        self.xdotool(&["keyup", key]);
        pause();
    }

    fn key(&self, key: &str) {
        // Without a window manager nobody gives the window the keyboard.
        self.xdotool(&["search", "--sync", "--name", "ReVACNN", "windowfocus"]);
        self.xdotool(&["key", key]);
    }
}

fn number(line: &Value, name: &str) -> f64 {
    line[name].as_f64().unwrap_or(f64::NAN)
}

#[test]
fn layouts_follow_the_run_and_open_at_a_click() {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), &[]);
    let iteration = |line: &Value, index: usize| number(&line["layouts"][index], "iteration");
    window.wait_for("a layout that iterates", |l| iteration(l, 0) >= 60.0 && number(l, "step") >= 3.0);
    window.click("last layout", 0.5);
    let both = window.wait_for("a second layout", |l| iteration(l, 1) >= 20.0);
    assert_eq!(both["layouts"].as_array().unwrap().len(), 2);
    // The wheel enlarges, a click selects, V stops the pictures: none may disturb the layouts.
    window.click("layout", 0.4);
    window.xdotool(&["click", "4"]);
    window.key("space");
    let paused = window.wait_for("rest", |l| l["playing"] == false && iteration(l, 0) > iteration(&both, 0));
    window.click("last layout", 0.5);
    window.wait_for("one layout again", |l| l["layouts"].as_array().is_some_and(|all| all.len() == 1));
    assert!(number(&paused["layouts"][0], "kl") > 0.0);
    window.click("images", 0.5);
    let images = window.wait_for("a layout of images", |l| iteration(l, 1) >= 200.0);
    assert_eq!(images["layouts"][1]["layer"], "pool3");
    assert!(number(&images["layouts"][1], "kl") > 0.0);
    window.click("all filters", 0.5);
    let all = window.wait_for("a layout of all filters", |l| iteration(l, 2) >= 50.0);
    assert_eq!(all["layouts"][2]["layer"], "all filters");
}

#[test]
fn a_box_selects_images_and_the_legend_hides_them() {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), &[]);
    window.wait_for("training", |l| number(l, "step") >= 3.0);
    window.click("images", 0.5);
    window.wait_for("a layout of images", |l| number(&l["layouts"][1], "iteration") >= 100.0);
    window.key("space");
    window.wait_for("rest", |l| l["playing"] == false);
    let selected = |line: &Value| number(&line["layouts"][1], "selected");
    let (box_path, lasso_path) =
        ([[0.01; 2], [0.5; 2], [0.99; 2]], [[0.01; 2], [0.99, 0.01], [0.99; 2], [0.01, 0.99]]);
    window.drag_within("image layout", "ctrl", &box_path);
    window.frames_pass();
    let all = window.wait_for("a selection", |l| selected(l) > 0.0);
    window.key("Escape");
    window.wait_for("nothing selected", |l| selected(l) == 0.0);
    // Zero is hidden, about a tenth of the digits.
    window.click("first group", 0.5);
    window.drag_within("image layout", "shift", &lasso_path);
    // It grows while it is drawn.
    window.frames_pass();
    let some = window.wait_for("a smaller selection", |l| selected(l) > 0.0);
    let share = selected(&some) / selected(&all);
    assert!((0.8..0.97).contains(&share), "{share} of the images are left without one class");
    window.click("divergence", 0.5);
    window.wait_for("a larger chart", |l| l["places"]["divergence"][2].as_f64().is_some_and(|w| w > 100.0));
}

#[test]
fn pointer_and_keys_steer_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), &[]);
    let first = window.wait_for("training", |l| number(l, "step") >= 3.0 && l["playing"] == true);

    window.click("play", 0.5);
    let paused = window.wait_for("a pause", |l| l["state"] == "paused");
    assert!(number(&paused, "step") >= number(&first, "step"));
    std::thread::sleep(Duration::from_millis(1500));
    let later = window.wait_for("a later line", |l| number(l, "seconds") > number(&paused, "seconds") + 1.0);
    assert_eq!(later["step"], paused["step"], "the step counter stands still");

    window.click("step", 0.5);
    let step = number(&paused, "step") + 1.0;
    window.wait_for("one step", |l| number(l, "step") == step && l["state"] == "paused");

    window.click("learning_rate", 0.1);
    let slower = window.wait_for("another learning rate", |l| l["learning_rate"] != first["learning_rate"]);
    assert!(number(&slower, "learning_rate") < number(&first, "learning_rate"));
    assert_eq!(number(&slower, "step"), step, "a change of the learning rate resets nothing");

    window.click("play", 0.5);
    let playing = window.wait_for("playing again", |l| number(l, "step") > step + 1.0);

    window.xdotool(&["mousemove", "600", "790"]);
    window.key("space");
    let paused = window.wait_for("a pause by key", |l| l["state"] == "paused");
    let batch = number(&paused, "batch");
    window.key("b");
    window.wait_for("twice the batch", |l| number(l, "batch") == 2.0 * batch);
    window.key("shift+b");
    window.wait_for("the batch as before", |l| number(l, "batch") == batch);
    let momentum = number(&paused, "momentum");
    window.key("shift+m");
    window.wait_for("less momentum", |l| number(l, "momentum") < momentum - 0.04);
    window.key("m");

    window.click("reset", 0.5);
    let reset = window.wait_for("a reset", |l| number(l, "step") == 0.0);
    assert!(number(&paused, "step") > 0.0);
    assert_eq!(reset["learning_rate"], playing["learning_rate"], "a reset keeps the settings");
}

/// Steps of the run that a folder holds.
fn kept_steps(run: &Path) -> f64 {
    let output = Command::new(env!("CARGO_BIN_EXE_revacnn"))
        .args(["train", "--json", "--steps", "1", "--resume", run.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    number(&serde_json::from_str(text.lines().next().unwrap()).unwrap(), "step")
}

#[test]
fn a_signal_saves_the_run() {
    for signal in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let mut window = Window::open(folder.path(), &["--out", run.to_str().unwrap()]);
        // Within the first epoch, of 22 steps, nothing else saves.
        let last = window.wait_for("a step", |l| number(l, "step") >= 1.0);
        let process = window.program.0.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
        assert!(window.ended().success());
        assert!(kept_steps(&run) >= number(&last, "step"));
    }
}

#[test]
fn a_paused_window_hears_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = Window::open(folder.path(), &["--paused"]);
    window.wait_for("rest", |l| l["state"] == "paused");
    std::thread::sleep(Duration::from_secs(2));
    let process = window.program.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    assert!(window.ended().success());
}

#[test]
fn the_end_of_the_display_saves_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut window = Window::open(folder.path(), &["--out", run.to_str().unwrap()]);
    let last = window.wait_for("a step", |l| number(l, "step") >= 3.0);
    window.display.0.kill().unwrap();
    assert!(!window.ended().success());
    assert!(kept_steps(&run) >= number(&last, "step"));
}

#[test]
fn a_window_larger_than_a_texture_costs_no_step() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut window = Window::start(
        display_of("17000x700x24"),
        folder.path(),
        &["--dataset", "digits", "--out", run.to_str().unwrap()],
    );
    let first = window.wait_for("a step", |l| number(l, "step") >= 1.0);
    window.xdotool(&["search", "--sync", "--name", "ReVACNN", "windowsize", "16600", "600"]);
    std::thread::sleep(Duration::from_secs(2));
    // However slowly such a window is drawn, steps go on.
    let later = window.wait_for("later steps", |l| number(l, "step") >= number(&first, "step") + 3.0);
    assert!(window.program.0.try_wait().unwrap().is_none(), "the window is gone");
    let process = window.program.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    assert!(window.ended().success());
    assert!(kept_steps(&run) >= number(&later, "step"), "training has stopped");
}

#[test]
fn a_run_that_cannot_be_saved_stays_open() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let window = Window::open(folder.path(), &["--paused", "--out", run.to_str().unwrap()]);
    window.wait_for("rest", |l| l["state"] == "paused");
    // Nothing can be written where a folder is in the way.
    let obstacle = run.join("model.safetensors");
    std::fs::remove_file(&obstacle).unwrap();
    std::fs::create_dir(&obstacle).unwrap();
    window.click("play", 0.5);
    let failed = window.wait_for("a save that fails", |l| l["places"]["save again"].is_array());
    let paused = window.wait_for("a pause", |l| l["state"] == "paused");
    assert!(number(&failed, "epoch") >= 1.0);
    std::fs::remove_dir(&obstacle).unwrap();
    window.click("save again", 0.5);
    let began = Instant::now();
    while kept_or_0(&run) < number(&paused, "step") && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(300));
    }
    drop(window);
    assert_eq!(kept_steps(&run), number(&paused, "step"));
}

/// Steps of the last epoch that a run's folder holds.
fn kept_or_0(run: &Path) -> f64 {
    let text = std::fs::read_to_string(run.join("metrics.csv")).unwrap_or_default();
    text.lines().last().and_then(|line| line.split(',').nth(1)?.parse().ok()).unwrap_or(0.0)
}

#[test]
fn the_window_opens_a_kept_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let train = ["train", "--dataset", "digits", "--steps", "30", "--out", run.to_str().unwrap()];
    assert!(Command::new(env!("CARGO_BIN_EXE_revacnn")).args(train).output().unwrap().status.success());
    let window = Window::start(display(), folder.path(), &["--resume", run.to_str().unwrap()]);
    window.wait_for("the run", |l| number(l, "step") == 30.0 && l["playing"] == false);
    window.key("s");
    window.wait_for("a step", |l| number(l, "step") == 31.0);
}

#[test]
fn a_dialog_opens_a_kept_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let train = ["train", "--dataset", "digits", "--steps", "30", "--out", run.to_str().unwrap()];
    assert!(Command::new(env!("CARGO_BIN_EXE_revacnn")).args(train).output().unwrap().status.success());
    let window = Window::open(folder.path(), &["--paused"]);
    window.click("open", 0.5);
    window.wait_for("the dialog", |l| l["places"]["folder"].is_array());
    window.xdotool(&["search", "--sync", "--name", "ReVACNN", "windowfocus"]);
    window.xdotool(&["type", "--delay", "60", run.to_str().unwrap()]);
    window.xdotool(&["key", "Return"]);
    window.wait_for("the run", |l| number(l, "step") == 30.0 && l["playing"] == false);
}

#[test]
fn the_window_closes_by_itself_and_keeps_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let (_display, name) = display();
    let status = Command::new(env!("CARGO_BIN_EXE_revacnn"))
        .args(["--dataset", "digits", "--exit-after", "4", "--out", out.to_str().unwrap()])
        .env("DISPLAY", name)
        .env_remove("WAYLAND_DISPLAY")
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert!(out.join("model.safetensors").exists());
}
