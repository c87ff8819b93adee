//! Gzip streams as downloads are: several members in a row, and what other tools leave after them.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

use humansize::{BINARY, format_size};

use flate2::bufread::GzDecoder;

/// First bytes of a member.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// True for the beginning of a gzip stream.
pub(super) fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

/// The content of the members of a gzip stream. Bytes after them are ignored, as gzip does: padding with zeros silently, others with
/// a warning. The sum of each member is checked. More bytes than a limit are an error: a few packed bytes may stand for any number.
pub(super) struct GzipReader<R> {
    member: Option<GzDecoder<R>>,
    limit: u64,
    left: u64,
}

impl<R: BufRead> GzipReader<R> {
    /// A reader of at most `limit` bytes of content.
    pub(super) fn new(source: R, limit: u64) -> Self {
        Self { member: Some(GzDecoder::new(source)), limit, left: limit }
    }
}

impl<R: BufRead> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while let Some(member) = &mut self.member {
            let len = member.read(buffer)?;
            if len > 0 || buffer.is_empty() {
                self.left = self.left.checked_sub(len as u64).ok_or_else(|| {
                    let most = format_size(self.limit, BINARY);
                    Error::new(ErrorKind::FileTooLarge, format!("unpacked it has more than {most}"))
                })?;
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn no_more_is_unpacked_than_the_limit_whatever_the_members() {
        let packed = |len: usize| {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            packer.write_all(&vec![0; len]).unwrap();
            packer.finish().unwrap()
        };
        let (one, two) = (packed(1 << 20), [packed(1 << 19), packed(1 << 19)].concat());
        assert!(one.len() < 2000, "a few bytes stand for many");
        for packed in [one, two] {
            let unpacked = |limit| {
                let mut content = Vec::new();
                let read = GzipReader::new(&packed[..], limit).read_to_end(&mut content);
                assert!(content.len() as u64 <= limit);
                read.map_err(|error| error.to_string())
            };
            assert_eq!(unpacked(1 << 20), Ok(1 << 20));
            assert!(unpacked((1 << 20) - 1).is_err());
            assert_eq!(unpacked(1 << 19), Err("unpacked it has more than 512 KiB".to_owned()));
        }
    }
}
