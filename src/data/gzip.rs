//! Gzip streams as downloads are: several members in a row, and what other tools leave after them.

use std::io::{BufRead, Read, Result};

use flate2::bufread::GzDecoder;

/// First bytes of a member.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// True for the beginning of a gzip stream.
pub(super) fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

/// The content of the members of a gzip stream. Bytes after them are ignored, as gzip does: padding with zeros silently, others with
/// a warning. The sum of each member is checked.
pub(super) struct GzipReader<R> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> GzipReader<R> {
    pub(super) fn new(source: R) -> Self {
        Self { member: Some(GzDecoder::new(source)) }
    }
}

impl<R: BufRead> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while let Some(member) = &mut self.member {
            let len = member.read(buffer)?;
            if len > 0 || buffer.is_empty() {
                return Ok(len);
            }
            let Some(mut rest) = self.member.take().map(GzDecoder::into_inner) else { break };
            let next = rest.fill_buf()?;
            if is_gzip(next) {
                self.member = Some(GzDecoder::new(rest));
            } else if next.iter().any(|byte| *byte != 0) {
                log::warn!("bytes after the end of a gzip stream are ignored");
            }
        }
        Ok(0)
    }
}
