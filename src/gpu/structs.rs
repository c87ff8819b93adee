//! Structs shared by Rust and WGSL: declared once, in Rust with [`params!`](crate::params); a shader pastes one by `#import NAME`.
//!
//! Fields have the same names and types on both sides by construction. Offsets and sizes are compared with the compiler's when
//! a kernel is made, since WGSL aligns vectors and Rust does not: a difference wants a padding field.

/// A field of a shared struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its WGSL type.
    pub wgsl: &'static str,
    /// Offset in bytes.
    pub offset: usize,
    /// Size in bytes.
    pub size: usize,
}

/// A struct shared by Rust and WGSL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StructDef {
    /// Its name.
    pub name: &'static str,
    /// Its fields, in order.
    pub fields: &'static [Field],
    /// Size in bytes, the step from element to element of an array.
    pub size: usize,
}

impl StructDef {
    /// WGSL text, on one line.
    pub fn wgsl(&self) -> String {
        let fields: Vec<_> = self.fields.iter().map(|f| format!("{}: {}", f.name, f.wgsl)).collect();
        format!("struct {} {{ {} }}", self.name, fields.join(", "))
    }

    /// Name, offset and size of each field.
    pub(super) fn extents(&self) -> impl Iterator<Item = (&str, usize, usize)> {
        self.fields.iter().map(|f| (f.name, f.offset, f.size))
    }
}

/// A struct shared with WGSL, declared with [`params!`](crate::params). A kernel reads one as `var<uniform> params: NAME`, others
/// from storage buffers.
pub trait Params: Element {
    /// Its definition.
    const DEF: &'static StructDef;
}

/// An element of a [`Buffer`](super::Buffer).
pub trait Element: bytemuck::Pod {
    /// The definition of a shared struct; none for numbers and vectors.
    const STRUCT: Option<&'static StructDef> = None;
}

/// A type of fields of shared structs.
pub trait FieldType: bytemuck::Pod {
    /// Its WGSL name.
    const WGSL: &'static str;
}

macro_rules! field_types {
    ($($rust:ty = $wgsl:literal),* $(,)?) => {
        $(impl FieldType for $rust { const WGSL: &'static str = $wgsl; })*
    };
}

field_types! {
    u32 = "u32", i32 = "i32", f32 = "f32",
    [f32; 2] = "vec2<f32>", [f32; 4] = "vec4<f32>", glam::Vec2 = "vec2<f32>",
    [u32; 2] = "vec2<u32>", [u32; 4] = "vec4<u32>",
    [u32; 8] = "array<vec4<u32>, 2>",
    [u32; 20] = "array<vec4<u32>, 5>",
    // The last field of a struct that ends with an array of any length.
    [u32; 1] = "array<u32>",
}

macro_rules! elements {
    ($($rust:ty),* $(,)?) => { $(impl Element for $rust {})* };
}

elements! {
    (), u8, u16, u32, i32, u64, f32, [f32; 2], [f32; 4], [f32; 8], [u32; 2], [u32; 4], [i32; 4],
    glam::Vec2,
}

/// No parameters.
impl Params for () {
    const DEF: &'static StructDef = &StructDef { name: "", fields: &[], size: 0 };
}

/// Declares a `#[repr(C)]` struct shared with WGSL, which implements [`Params`](crate::gpu::Params). Its fields are of the types
/// that are [`FieldType`](crate::gpu::FieldType)s, and public.
#[macro_export]
macro_rules! params {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$fmeta:meta])* $field:ident : $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        $vis struct $name { $($(#[$fmeta])* pub $field: $ty),* }
        impl $crate::gpu::Element for $name {
            const STRUCT: Option<&'static $crate::gpu::StructDef> = Some(<Self as $crate::gpu::Params>::DEF);
        }
        impl $crate::gpu::Params for $name {
            const DEF: &'static $crate::gpu::StructDef = &$crate::gpu::StructDef {
                name: stringify!($name),
                fields: &[$($crate::gpu::Field {
                    name: stringify!($field),
                    wgsl: <$ty as $crate::gpu::FieldType>::WGSL,
                    offset: std::mem::offset_of!($name, $field),
                    size: size_of::<$ty>(),
                }),*],
                size: size_of::<Self>(),
            };
        }
    };
}
