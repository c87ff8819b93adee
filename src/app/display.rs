//! The display: the window system that answers, and the event loop on it.

use winit::event_loop::EventLoop;

use crate::error::{Error, Result};

/// Event from outside the event loop: a signal asks the program to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended;

/// A window system that answers.
pub struct Display(pub(super) EventLoop<Ended>);

impl Display {
    /// Opens the display; none where no window system answers, which the log explains.
    ///
    /// # Errors
    /// When a library is missing that a window needs.
    pub fn open() -> Result<Option<Self>> {
        let mut builder = EventLoop::with_user_event();
        // An X server without a client may start over, so the connection that tried it stays until the event loop has its own.
        #[cfg(target_os = "linux")]
        let Some(_connection) = linux::choose(&mut builder)? else { return Ok(None) };
        match builder.build() {
            Ok(events) => Ok(Some(Self(events))),
            Err(error) if cfg!(target_os = "linux") => {
                log::warn!("no window can be opened: {}", without_source(&error.to_string()));
                Ok(None)
            }
            Err(error) => Err(Error::new(
                format!("no window can be opened: {}", without_source(&error.to_string())),
                "log in to a desktop, or train without one: revacnn train",
            )),
        }
    }
}

/// A message of winit without the line of its source that it begins with: `os error at FILE:LINE: MESSAGE`.
pub(super) fn without_source(text: &str) -> &str {
    let after = text.split_once(" at ").and_then(|(_, place)| place.split_once(": "));
    match after {
        Some((place, message)) if place.contains(".rs:") => message,
        _ => text,
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::any::Any;
    use std::env::{split_paths, var_os};
    use std::net::{TcpStream, ToSocketAddrs as _};
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixStream};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use winit::event_loop::EventLoopBuilder;
    use winit::platform::wayland::EventLoopBuilderExtWayland as _;
    use winit::platform::x11::EventLoopBuilderExtX11 as _;

    use crate::error::{Error, Result};

    /// Libraries that a window on X11 loads at run time, and their packages on Debian and Ubuntu.
    const X11_LIBRARIES: [(&str, &str); 4] = [
        ("libX11.so.6", "libx11-6"),
        ("libXcursor.so.1", "libxcursor1"),
        ("libXi.so.6", "libxi6"),
        ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
    ];
    /// Folders of libraries, beside those of LD_LIBRARY_PATH.
    const FOLDERS: [&str; 7] = [
        "/usr/lib",
        "/usr/lib64",
        "/lib",
        "/lib64",
        "/usr/local/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
    ];

    /// A connection to a window system, by which it was tried.
    pub(super) type Connection = Box<dyn Any>;

    /// Chooses Wayland where it answers, else X11; none where neither does. A variable may be left over from a session that has
    /// ended.
    pub(super) fn choose<T>(builder: &mut EventLoopBuilder<T>) -> Result<Option<Connection>> {
        let [wayland, x11] = ["WAYLAND_DISPLAY", "DISPLAY"].map(set);
        let given = set("WAYLAND_SOCKET").map(|_| Box::new(()) as Connection);
        if let Some(connection) = given.or_else(|| connect_wayland(wayland.as_deref()?)) {
            builder.with_wayland();
            return Ok(Some(connection));
        }
        if let Some(name) = wayland {
            log::info!("WAYLAND_DISPLAY is {name}, which does not answer");
        }
        let Some(name) = x11 else { return Ok(None) };
        let Some(connection) = connect_x11(&name) else {
            log::info!("DISPLAY is {name}, which does not answer");
            return Ok(None);
        };
        check_libraries()?;
        builder.with_x11();
        Ok(Some(connection))
    }

    /// A variable of the environment that is not empty.
    fn set(name: &str) -> Option<String> {
        var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
    }

    fn connect_wayland(name: &str) -> Option<Connection> {
        let folder = var_os("XDG_RUNTIME_DIR").map(PathBuf::from).unwrap_or_default();
        let path = folder.join(name);
        kept(path.is_absolute().then(|| UnixStream::connect(path))?)
    }

    fn kept<T: 'static>(connection: std::io::Result<T>) -> Option<Connection> {
        connection.ok().map(|connection| Box::new(connection) as Connection)
    }

    /// Connects to the server at `[HOST]:DISPLAY[.SCREEN]`.
    fn connect_x11(name: &str) -> Option<Connection> {
        let (host, number) = name.rsplit_once(':')?;
        let number: u16 = number.split('.').next()?.parse().ok()?;
        if host.is_empty() || host == "unix" {
            let path = format!("/tmp/.X11-unix/X{number}");
            let nameless = || UnixStream::connect_addr(&SocketAddr::from_abstract_name(&path)?);
            return kept(UnixStream::connect(&path).or_else(|_| nameless()));
        }
        if Path::new(host).is_absolute() {
            return kept(UnixStream::connect(name).or_else(|_| UnixStream::connect(host)));
        }
        let host = host.trim_start_matches("tcp/").trim_matches(['[', ']']);
        let mut addresses = (host, 6000u16.checked_add(number)?).to_socket_addrs().ok()?;
        addresses.find_map(|address| kept(TcpStream::connect_timeout(&address, Duration::from_secs(5))))
    }

    /// Checks for the libraries that the window loads at run time, where a missing one would be a panic.
    fn check_libraries() -> Result<()> {
        let listed = var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = split_paths(&listed).chain(FOLDERS.iter().map(PathBuf::from)).collect();
        let missing =
            X11_LIBRARIES.iter().find(|(name, _)| !folders.iter().any(|folder| folder.join(name).exists()));
        let Some((name, package)) = missing else { return Ok(()) };
        Err(Error::new(
            format!("the window needs the library {name}"),
            format!("install it; on Debian and Ubuntu: sudo apt-get install {package}"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::without_source;

    #[test]
    fn messages_show_no_path_of_a_source() {
        let text = "os error at /home/a/winit-0.30/src/linux/mod.rs:787: neither answers: really";
        assert_eq!(without_source(text), "neither answers: really");
        for text in ["no display at all", "nothing at home: really"] {
            assert_eq!(without_source(text), text);
        }
    }
}
