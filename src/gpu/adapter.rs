//! The adapters of this machine, and the choice of one.

use serde::Serialize;

use crate::error::{Error, Result};

/// An adapter as the user names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AdapterChoice {
    /// The best GPU; the software adapter where there is none.
    #[default]
    Best,
    /// Its index in [`list_adapters`].
    Index(usize),
    /// The first adapter whose name contains this text, case ignored.
    Name(String),
    /// The software adapter.
    Software,
}

impl std::str::FromStr for AdapterChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "best" => Self::Best,
            "software" => Self::Software,
            _ => text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Index),
        })
    }
}

/// One adapter, as `revacnn adapters` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct AdapterReport {
    /// Index in the list, for `--adapter INDEX`.
    pub index: usize,
    /// Name given by the driver.
    pub name: String,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: String,
    /// Driver name and version.
    pub driver: String,
    /// Largest storage binding in bytes.
    pub max_binding_bytes: u64,
    /// Largest buffer in bytes.
    pub max_buffer_bytes: u64,
    /// GPU time can be measured.
    pub timestamps: bool,
    /// The default, without `--adapter`.
    pub best: bool,
}

fn rank(info: &wgpu::AdapterInfo) -> (u32, u32) {
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    };
    // OpenGL last: many drivers have no timestamps there, and much is emulated.
    (kind, u32::from(info.backend == wgpu::Backend::Gl))
}

fn kind_name(device_type: wgpu::DeviceType) -> &'static str {
    match device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu => "virtual",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    }
}

/// All adapters of an instance, best first.
pub(super) fn enumerate(instance: &wgpu::Instance) -> Vec<wgpu::Adapter> {
    let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    adapters.sort_by_key(|a| rank(&a.get_info()));
    adapters
}

/// An instance whose indirect dispatches are not checked one by one: their counts are made by our own kernels and are in range, and the
/// checks would double the number of dispatches.
pub fn instance(mut descriptor: wgpu::InstanceDescriptor) -> wgpu::Instance {
    descriptor.flags.remove(wgpu::InstanceFlags::VALIDATION_INDIRECT_CALL);
    wgpu::Instance::new(descriptor)
}

/// The adapters of this machine, best first. Empty when there is no driver at all.
pub fn list_adapters() -> Vec<AdapterReport> {
    let instance = instance(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let describe = |(index, adapter): (usize, &wgpu::Adapter)| {
        let info = adapter.get_info();
        let limits = adapter.limits();
        AdapterReport {
            index,
            backend: info.backend.to_string(),
            kind: kind_name(info.device_type).to_owned(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            timestamps: adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY),
            best: index == 0,
            name: info.name,
        }
    };
    enumerate(&instance).iter().enumerate().map(describe).collect()
}

/// The adapter of `choice`; with a surface, one that can present to it.
///
/// # Errors
/// When there is none, with the command that installs one or the list of those there are.
pub(super) fn choose(
    instance: &wgpu::Instance,
    choice: &AdapterChoice,
    surface: Option<&wgpu::Surface<'_>>,
) -> Result<wgpu::Adapter> {
    let all = enumerate(instance);
    if all.is_empty() {
        return Err(Error::new(
            "no graphics adapter was found (no Vulkan, Metal, DirectX 12 or OpenGL driver)",
            "install a driver; on Debian and Ubuntu the software one: sudo apt-get install mesa-vulkan-drivers",
        ));
    }
    let names: Vec<String> = all.iter().map(|a| a.get_info().name).collect();
    let fits = |a: &wgpu::Adapter| surface.is_none_or(|s| a.is_surface_supported(s));
    let found = match choice {
        AdapterChoice::Best => all.into_iter().find(fits),
        AdapterChoice::Index(index) => all.into_iter().nth(*index).filter(fits),
        AdapterChoice::Software => {
            all.into_iter().find(|a| a.get_info().device_type == wgpu::DeviceType::Cpu && fits(a))
        }
        AdapterChoice::Name(name) => {
            let wanted = name.to_lowercase();
            all.into_iter().find(|a| a.get_info().name.to_lowercase().contains(&wanted) && fits(a))
        }
    };
    found.ok_or_else(|| {
        let asked = match choice {
            AdapterChoice::Best => "that can draw in this window".to_owned(),
            AdapterChoice::Index(index) => format!("at index {index}"),
            AdapterChoice::Software => "that is software".to_owned(),
            AdapterChoice::Name(name) => format!("named {name:?}"),
        };
        Error::new(
            format!("no graphics adapter {asked}"),
            format!("take one of these by index or name: {}", names.join(", ")),
        )
    })
}
