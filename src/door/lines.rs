//! Lines of a connection: bounded in length, and in time once they are begun.

use std::io::{self, Read};
use std::time::{Duration, Instant};

/// Bytes of a line at most.
pub(super) const MAX_LINE: usize = 1 << 20;
/// Time within which a line that was begun must end.
pub(super) const LINE_TIME: Duration = Duration::from_secs(10);

/// End of a connection's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The other side has closed it, or it failed.
    Closed,
    /// A line is too long.
    TooLong,
    /// A line did not end, or did not come, in time.
    Late,
    /// The program closes it.
    Stopped,
}

/// The lines of a connection whose reads return after a short while.
pub(super) struct Lines<R> {
    from: R,
    /// Bytes that were read, and belong to no line yet.
    rest: Vec<u8>,
    /// Bytes of them that hold no end of a line.
    seen: usize,
    begun: Option<Instant>,
}

impl<R: Read> Lines<R> {
    /// Lines of a connection.
    pub(super) fn new(from: R) -> Self {
        Self { from, rest: Vec::new(), seen: 0, begun: None }
    }

    /// Waits for the next line, without its end: for `patience` at most where it has one, and until `stops`. Empty lines are passed over.
    ///
    /// # Errors
    /// When no more lines come.
    pub(super) fn next(
        &mut self,
        patience: Option<Duration>,
        stops: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, End> {
        let asked = Instant::now();
        loop {
            if let Some(line) = self.take_line()? {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Ok(line);
            }
            let late = |since: Instant, time: Duration| since.elapsed() > time;
            if self.begun.is_some_and(|begun| late(begun, LINE_TIME))
                || patience.is_some_and(|t| late(asked, t))
            {
                return Err(End::Late);
            }
            if stops() {
                return Err(End::Stopped);
            }
            self.read_more()?;
        }
    }

    fn take_line(&mut self) -> Result<Option<Vec<u8>>, End> {
        let Some(at) = self.rest[self.seen..].iter().position(|byte| *byte == b'\n') else {
            self.seen = self.rest.len();
            return if self.seen > MAX_LINE { Err(End::TooLong) } else { Ok(None) };
        };
        let end = self.seen + at;
        if end > MAX_LINE {
            return Err(End::TooLong);
        }
        let mut line: Vec<u8> = self.rest.drain(..=end).collect();
        line.pop();
        self.seen = 0;
        self.begun = Some(Instant::now()).filter(|_| !self.rest.is_empty());
        Ok(Some(line))
    }

    fn read_more(&mut self) -> Result<(), End> {
        let mut bytes = [0; 1 << 14];
        match self.from.read(&mut bytes) {
            Ok(0) => Err(End::Closed),
            Ok(count) => {
                self.begun.get_or_insert_with(Instant::now);
                self.rest.extend_from_slice(&bytes[..count]);
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => Ok(()),
                _ => Err(End::Closed),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection that hands out these pieces, and then has nothing yet, or is closed.
    struct Pieces(Vec<Vec<u8>>, bool);

    impl Read for Pieces {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return if self.1 { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
            }
            let mut piece = self.0.remove(0);
            let count = piece.len().min(to.len());
            to[..count].copy_from_slice(&piece[..count]);
            if count < piece.len() {
                self.0.insert(0, piece.split_off(count));
            }
            Ok(count)
        }
    }

    fn lines(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, End) {
        let mut lines = Lines::new(Pieces(pieces.iter().map(|piece| piece.to_vec()).collect(), true));
        let mut all = Vec::new();
        loop {
            match lines.next(None, &|| false) {
                Ok(line) => all.push(line),
                Err(end) => return (all, end),
            }
        }
    }

    #[test]
    fn lines_are_those_that_were_sent_however_they_come() {
        let expected = vec![b"one".to_vec(), b"two\r".to_vec(), b"three".to_vec()];
        assert_eq!(lines(&[b"one\ntwo\r\n\n \r\nthree\n"]), (expected.clone(), End::Closed));
        let bytes: Vec<&[u8]> = b"one\ntwo\r\n\n\nthree\nfour".chunks(1).collect();
        assert_eq!(lines(&bytes), (expected, End::Closed), "a line without its end is none");
    }

    #[test]
    fn a_line_is_as_long_as_it_may_be_and_no_longer() {
        let long = vec![b'x'; MAX_LINE];
        assert_eq!(lines(&[&long, b"\n"]), (vec![long.clone()], End::Closed));
        assert_eq!(lines(&[&long, b"x\n"]), (vec![], End::TooLong));
        assert_eq!(lines(&[&long, &long, &long]), (vec![], End::TooLong));
    }

    #[test]
    fn who_says_nothing_is_waited_for_no_longer_than_that() {
        let mut silent = Lines::new(Pieces(vec![b"half a line".to_vec()], false));
        assert_eq!(silent.next(Some(Duration::ZERO), &|| false), Err(End::Late));
        assert_eq!(silent.next(None, &|| true), Err(End::Stopped));
        silent.begun = Instant::now().checked_sub(2 * LINE_TIME);
        assert_eq!(silent.next(None, &|| false), Err(End::Late));
    }
}
