//! Parameter structs of dispatches: many in one buffer, written together with the next submit.
//!
//! A plan has a hundred dispatches, and a buffer and a write for each would be half of the time that it takes to build.

/// Bytes of one buffer: the parameters of about two plans. It lives as long as one of the dispatches whose parameters it holds.
const BLOCK: u64 = 1 << 16;

/// Buffers of parameter structs, the last of which is being filled.
#[derive(Default)]
pub(super) struct Uniforms {
    block: Option<wgpu::Buffer>,
    /// Bytes of the last buffer that are on the GPU.
    written: u64,
    /// The bytes after them.
    waiting: Vec<u8>,
}

impl Uniforms {
    /// Takes a parameter struct, to be written with the next submit; returns its buffer, its first byte, a multiple of `alignment`, and
    /// its number of bytes.
    pub(super) fn add(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        alignment: u64,
        bytes: &[u8],
    ) -> (wgpu::Buffer, u64, u64) {
        let size = (bytes.len() as u64).next_multiple_of(16);
        let mut offset = (self.written + self.waiting.len() as u64).next_multiple_of(alignment);
        if self.block.is_none() || offset + size > BLOCK {
            self.write(queue);
            (self.block, self.written, offset) = (None, 0, 0);
        }
        let block = self.block.get_or_insert_with(|| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("params"),
                size: BLOCK.max(size),
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        self.waiting.resize((offset - self.written) as usize, 0);
        self.waiting.extend(bytes);
        self.waiting.resize((offset - self.written + size) as usize, 0);
        (block.clone(), offset, size)
    }

    /// Writes what waits, before the next submit.
    pub(super) fn write(&mut self, queue: &wgpu::Queue) {
        if let Some(block) = self.block.as_ref().filter(|_| !self.waiting.is_empty()) {
            queue.write_buffer(block, self.written, &self.waiting);
            self.written += self.waiting.len() as u64;
            self.waiting.clear();
        }
    }
}
