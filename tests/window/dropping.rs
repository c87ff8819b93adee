//! A picture dropped on the window as a file manager does it: by XDND (freedesktop.org, "Drag-and-Drop Protocol for the X Window System",
//! version 5), of which this is the source's side.

use std::path::Path;
use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::screen::Window;

const VERSION: u32 = 5;

/// The side from which something is dragged.
struct Source {
    connection: RustConnection,
    root: u32,
    own: u32,
    target: u32,
}

impl Source {
    /// A source on a display whose only other window is the target.
    fn open(display: &str) -> Self {
        let (connection, screen) = x11rb::connect(Some(display)).unwrap();
        let root = connection.setup().roots[screen].root;
        let named = |window: &u32| {
            let name = connection.get_property(false, *window, AtomEnum::WM_NAME, AtomEnum::ANY, 0, 64);
            String::from_utf8_lossy(&name.unwrap().reply().unwrap().value).contains("ReVACNN")
        };
        let windows = connection.query_tree(root).unwrap().reply().unwrap().children;
        let target = windows.into_iter().find(named).expect("the program has a window");
        let own = connection.generate_id().unwrap();
        let kind = WindowClass::INPUT_OUTPUT;
        let none = CreateWindowAux::new();
        connection.create_window(0, own, root, 0, 0, 1, 1, 0, kind, 0, &none).unwrap();
        Self { connection, root, own, target }
    }

    fn atom(&self, name: &str) -> u32 {
        self.connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
    }

    fn send(&self, message: &str, data: [u32; 5]) {
        let event = ClientMessageEvent::new(32, self.target, self.atom(message), data);
        self.connection.send_event(false, self.target, EventMask::NO_EVENT, event).unwrap();
        self.connection.flush().unwrap();
    }

    /// Answers the target until `ends` says so of an event.
    fn serve(&self, file: &str, ends: impl Fn(&Event) -> bool) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            let Some(event) = self.connection.poll_for_event().unwrap() else {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            };
            if let Event::SelectionRequest(request) = &event {
                self.give(request, file);
            }
            if ends(&event) {
                return;
            }
        }
        panic!("the window does not answer the drag");
    }

    /// Gives the name of the file to who asks for it.
    fn give(&self, request: &SelectionRequestEvent, file: &str) {
        let SelectionRequestEvent { time, requestor, selection, target, property, .. } = *request;
        self.connection
            .change_property8(PropMode::REPLACE, requestor, property, target, file.as_bytes())
            .unwrap();
        let given = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time,
            requestor,
            selection,
            target,
            property,
        };
        self.connection.send_event(false, requestor, EventMask::NO_EVENT, given).unwrap();
        self.connection.flush().unwrap();
    }

    /// Drags a file over the middle of the window and drops it.
    fn drop_file(&self, path: &Path) {
        let file = format!("file://{}\r\n", path.display().to_string().replace(' ', "%20"));
        let [selection, status, finished] =
            ["XdndSelection", "XdndStatus", "XdndFinished"].map(|name| self.atom(name));
        self.connection.set_selection_owner(self.own, selection, x11rb::CURRENT_TIME).unwrap();
        self.send("XdndEnter", [self.own, VERSION << 24, self.atom("text/uri-list"), 0, 0]);
        let size = self.connection.get_geometry(self.root).unwrap().reply().unwrap();
        let middle = ((u32::from(size.width) / 2) << 16) | (u32::from(size.height) / 2);
        let copy = self.atom("XdndActionCopy");
        self.send("XdndPosition", [self.own, 0, middle, x11rb::CURRENT_TIME, copy]);
        self.serve(&file, |event| matches!(event, Event::SelectionRequest(_)));
        self.send("XdndDrop", [self.own, 0, x11rb::CURRENT_TIME, 0, 0]);
        let taken = |event: &Event| match event {
            Event::ClientMessage(message) => {
                let accepted = message.data.as_data32()[1] & 1 == 1;
                assert!(accepted || ![status, finished].contains(&message.type_), "it is refused");
                message.type_ == finished
            }
            _ => false,
        };
        self.serve(&file, taken);
    }
}

#[test]
fn a_picture_that_is_dropped_is_a_probe() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let window = Window::open(folder.path(), &["--out", run.to_str().unwrap()]);
    window.wait_for("a frame", |line| line["places"]["tab test"].is_array());
    let probes = run.join("probes.safetensors");
    assert!(!probes.exists());
    let picture = folder.path().join("a digit.png");
    let is_ink = |x: u32, y: u32| (3..5).contains(&x) && (1..7).contains(&y);
    image::GrayImage::from_fn(8, 8, |x, y| image::Luma([if is_ink(x, y) { 255 } else { 0 }]))
        .save(&picture)
        .unwrap();
    Source::open(window.display()).drop_file(&picture);
    let began = Instant::now();
    while !probes.exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "the picture is not kept");
        std::thread::sleep(Duration::from_millis(100));
    }
    window.wait_for("the pane that shows it", |line| line["places"]["draw"].is_array());
}
