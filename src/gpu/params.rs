//! Parameter structs shared by Rust and WGSL: declared once in Rust, compared field by field at start.

/// A struct that a kernel reads as `var<uniform> params: Params`. Declared with [`crate::params!`].
pub trait Params: bytemuck::Pod {
    /// Name, byte offset and byte size of each field, in order.
    const FIELDS: &'static [(&'static str, usize, usize)];
}

/// A kernel without a parameter struct.
impl Params for () {
    const FIELDS: &'static [(&'static str, usize, usize)] = &[];
}

/// Declares a `#[repr(C)]` parameter struct of `u32`, `i32` and `f32` fields that implements [`Params`](crate::gpu::Params).
#[macro_export]
macro_rules! params {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$fmeta:meta])* $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        $vis struct $name { $($(#[$fmeta])* pub $field: $ty),* }
        impl $crate::gpu::Params for $name {
            const FIELDS: &'static [(&'static str, usize, usize)] = &[
                $((stringify!($field), std::mem::offset_of!($name, $field), size_of::<$ty>())),*
            ];
        }
    };
}
