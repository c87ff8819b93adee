//! Looking closer by hand: edges of a tile, how it is computed, a digit that is drawn, the images of the confusion matrix, one of them left
//! out, given other classes, and taken back.

use std::path::Path;
use std::time::{Duration, Instant};

use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat};

use crate::screen::{Window, number};

/// Waits until the journal of a run has a word, or has it no more.
fn journal_with(run: &Path, word: &str, has: bool) {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(run.join("journal.jsonl")).unwrap_or_default();
        if text.contains(word) == has {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{word} in the journal, {has}: {text}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A window whose run, kept in the folder's `run`, has trained a little and rests.
fn paused() -> (tempfile::TempDir, Window) {
    let folder = tempfile::tempdir().unwrap();
    let window = Window::open(folder.path(), &["--out", folder.path().join("run").to_str().unwrap()]);
    window.wait_for("training", |l| number(l, "step") >= 2.0);
    window.key("space");
    window.wait_for("rest", |l| l["state"] == "paused");
    (folder, window)
}

#[test]
fn a_tile_is_computed_before_the_eyes_and_a_digit_is_drawn() {
    let (folder, window) = paused();
    let run = folder.path().join("run");
    // The first tile is the image, the next one the first filter.
    ["Right", "Right", "i"].into_iter().for_each(|key| {
        window.key(key);
        window.frames_pass();
    });
    window.wait_for("how it is computed", |l| l["places"]["intermediate output"].is_array());
    window.key("Escape");
    window.click("tab test", 0.5);
    window.click("draw", 0.5);
    window.drag_within("canvas", "ctrl", &[[0.3, 0.2], [0.5, 0.5], [0.6, 0.8]]);
    let began = Instant::now();
    while !run.join("probes.safetensors").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "the drawing is not kept");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn an_image_of_the_matrix_is_left_out_which_is_undone() {
    let (folder, window) = paused();
    let run = folder.path().join("run");
    window.click("tab confusion", 0.5);
    window.click("confusion of training", 0.5);
    window.click("evaluate now", 0.5);
    window.click("first image", 0.5);
    window.click("leave out", 0.5);
    journal_with(&run, "\"leave_out\"", true);
    window.key("ctrl+z");
    journal_with(&run, "\"leave_out\"", false);
    // Its class is another in each run: one of the two is not its own.
    for class in ["relabel 3", "relabel 4"] {
        window.click("class of the image", 0.5);
        window.click(class, 0.5);
    }
    journal_with(&run, "\"relabel\"", true);
}

/// Mean brightness, 0 to 255, of a part of the screen: its place, and its width and height, in pixels.
fn brightness(window: &Window, [x, y]: [f64; 2], [width, height]: [u16; 2]) -> f64 {
    let (connection, screen) = x11rb::connect(Some(window.display())).unwrap();
    let root = x11rb::connection::Connection::setup(&connection).roots[screen].root;
    let (x, y) = (x as i16, y as i16);
    let image = connection.get_image(ImageFormat::Z_PIXMAP, root, x, y, width, height, !0);
    let bytes = image.unwrap().reply().unwrap().data;
    // The fourth byte of a pixel is empty.
    let colors = bytes.chunks_exact(4).flat_map(|pixel| &pixel[..3]);
    colors.map(|byte| f64::from(*byte)).sum::<f64>() / (3 * bytes.len() / 4) as f64
}

#[test]
fn the_pointer_over_a_tile_dims_the_edges_of_all_others() {
    let (_folder, window) = paused();
    let line = window.wait_for("columns", |l| l["places"]["conv2 menu"].is_array());
    let place = |name: &str| [0, 1].map(|axis| line["places"][name][axis].as_f64().unwrap());
    let ([first, top], [second, _]) = (place("conv1 menu"), place("conv2 menu"));
    // Edges into conv2, left of its tiles: nearly all of them are of other tiles than the first.
    let edges = || brightness(&window, [second - 18.0, top + 56.0], [26, 200]);
    let look_from = |x: f64, y: f64| {
        window.xdotool(&["mousemove", &format!("{x:.0}"), &format!("{y:.0}")]);
        window.frames_pass();
        window.frames_pass();
        edges()
    };
    let (above, beside) = (look_from(first, 60.0), look_from(second, 60.0));
    assert!((above - beside).abs() < 0.02 * above, "nothing is looked at: {above} and {beside}");
    let over = look_from(second + 32.0, top + 60.0);
    assert!(over < 0.8 * above, "{over} in place of {above}");
}
