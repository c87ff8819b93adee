//! The program on a virtual display, with a pointer and keys.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A process that ends with the test.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A virtual display of 1280×800 and its name.
pub(crate) fn display() -> (Process, String) {
    display_of("1280x800x24")
}

pub(crate) fn display_of(screen: &str) -> (Process, String) {
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

/// The program in a window on a display of its own.
pub(crate) struct Window {
    pub(crate) program: Process,
    pub(crate) display: Process,
    name: String,
    log: PathBuf,
}

impl Window {
    pub(crate) fn open(folder: &Path, arguments: &[&str]) -> Self {
        Self::start(display(), folder, &[&["--dataset", "digits"], arguments].concat())
    }

    pub(crate) fn start((display, name): (Process, String), folder: &Path, arguments: &[&str]) -> Self {
        let log = folder.join("frames.jsonl");
        let program = Command::new(env!("CARGO_BIN_EXE_revacnn"))
            .args(["--frame-log", log.to_str().unwrap()])
            .args(arguments)
            .env("DISPLAY", &name)
            .env("REVACNN_DOOR", folder.join("door.json"))
            // Left over from a session that has ended.
            .env("WAYLAND_DISPLAY", "wayland-of-before")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { program: Process(program), display, name, log }
    }

    /// Name of its display.
    pub(crate) fn display(&self) -> &str {
        &self.name
    }

    /// Waits for the end of the program; returns its exit status.
    pub(crate) fn ended(&mut self) -> ExitStatus {
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
    pub(crate) fn wait_for(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
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
    pub(crate) fn frames_pass(&self) {
        for _ in 0..2 {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            let line = text.lines().rev().find_map(|l| serde_json::from_str::<Value>(l).ok());
            let now = line.map_or(-1.0, |line| number(&line, "seconds"));
            self.wait_for("another frame", |l| number(l, "seconds") > now);
        }
    }

    pub(crate) fn xdotool(&self, arguments: &[&str]) {
        let status = Command::new("xdotool").args(arguments).env("DISPLAY", &self.name).status();
        assert!(status.expect("xdotool is installed (make test does it)").success());
    }

    /// Clicks at a share of the width of a widget that the frame log names.
    pub(crate) fn click(&self, widget: &str, share: f64) {
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
    pub(crate) fn drag_within(&self, widget: &str, key: &str, path: &[[f64; 2]]) {
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

    pub(crate) fn key(&self, key: &str) {
        // Without a window manager nobody gives the window the keyboard.
        self.xdotool(&["search", "--sync", "--name", "ReVACNN", "windowfocus"]);
        self.xdotool(&["key", key]);
    }
}

pub(crate) fn number(line: &Value, name: &str) -> f64 {
    line[name].as_f64().unwrap_or(f64::NAN)
}

/// Steps of the run that a folder holds.
pub(crate) fn kept_steps(run: &Path) -> f64 {
    let output = Command::new(env!("CARGO_BIN_EXE_revacnn"))
        .args(["train", "--json", "--steps", "1", "--resume", run.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    number(&serde_json::from_str(text.lines().next().unwrap()).unwrap(), "step")
}
