//! The window: winit's events in, turns of its loop out.

use winit::application::ApplicationHandler;
use winit::event::WindowEvent;
use winit::event_loop::{ActiveEventLoop, ControlFlow};
use winit::window::WindowId;

use super::display::{Display, Ended, without_source};
use super::kept::KeptSession;
use super::running::{MakeSession, Running, WindowOptions};
use crate::error::{Error, Result};

/// Calls the function when a signal asks the program to end.
pub(crate) type Listen = Box<dyn FnOnce(Box<dyn Fn() + Send>)>;

impl Display {
    /// Opens the window and runs until it is closed, or a signal ends it.
    ///
    /// # Errors
    /// When there is no device, or the session cannot be made or saved.
    pub fn run(self, options: WindowOptions, listen: Listen, make: MakeSession) -> Result<()> {
        let event_loop = self.0;
        event_loop.set_control_flow(ControlFlow::Wait);
        let proxy = event_loop.create_proxy();
        // Where the loop has ended already, nobody needs to hear of it.
        listen(Box::new(move || _ = proxy.send_event(Ended)));
        let mut app = App { options, make: Some(make), running: None, result: Ok(()) };
        let ended = event_loop.run_app(&mut app);
        KeptSession::release();
        if let Err(error) = ended {
            // The window system is gone, the run is not.
            app.running.as_mut().map_or(Ok(()), Running::stop_and_save)?;
            let what = format!("the window system failed: {}", without_source(&error.to_string()));
            return Err(Error::new(what, "train without a window: revacnn train"));
        }
        app.result
    }
}

struct App {
    options: WindowOptions,
    make: Option<MakeSession>,
    running: Option<Running>,
    result: Result<()>,
}

impl App {
    /// Saves the run and ends; where it cannot be saved, the end is an error.
    fn save_and_stop(&mut self, event_loop: &ActiveEventLoop) {
        let saved = self.running.as_mut().map_or(Ok(()), Running::stop_and_save);
        self.stop(event_loop, saved);
    }

    fn stop(&mut self, event_loop: &ActiveEventLoop, result: Result<()>) {
        if self.result.is_ok() {
            self.result = result;
        }
        event_loop.exit();
    }
}

impl ApplicationHandler<Ended> for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        let Some(make) = self.make.take() else { return };
        match Running::open(event_loop, &self.options, make) {
            Ok(running) => self.running = Some(running),
            Err(error) => self.stop(event_loop, Err(error)),
        }
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _id: WindowId, event: WindowEvent) {
        let Some(running) = &mut self.running else { return };
        match running.on_event(&event) {
            Ok(false) => (),
            Ok(true) => self.stop(event_loop, Ok(())),
            Err(error) => self.stop(event_loop, Err(error)),
        }
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, _: Ended) {
        self.save_and_stop(event_loop);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        let Some(running) = &mut self.running else { return };
        if self.options.exit_after.is_some_and(|time| running.opened.elapsed() > time) {
            return self.save_and_stop(event_loop);
        }
        event_loop.set_control_flow(running.request_turn());
    }
}
