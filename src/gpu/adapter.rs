//! The adapters of this machine, and the choice of one.

use serde::Serialize;

use super::facts::AdapterLimits;
use super::remedy::{limit, remedy_without_driver};
use super::{half_products, instances, needs};
use crate::error::{Error, Result};

/// An adapter as the user names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AdapterChoice {
    /// The best GPU; the software adapter where there is none.
    #[default]
    Best,
    /// Its index in [`list_adapters`].
    Index(usize),
    /// The first adapter whose name contains this text, case ignored; one that can be used before others.
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
    /// Timestamps can be written between the dispatches of a pass.
    pub timestamps_inside_passes: bool,
    /// Nanoseconds of a tick of the timestamps; none where they were not asked for ([`list_opened_adapters`]) or there are none.
    pub timestamp_period_ns: Option<f32>,
    /// Fewest and most lanes of a subgroup; none where kernels cannot use subgroups.
    pub subgroup_sizes: Option<[u32; 2]>,
    /// Memory of a workgroup in bytes.
    pub workgroup_memory_bytes: u32,
    /// Kernels can compute with 16-bit floats.
    pub f16: bool,
    /// Products of small matrices that subgroups make together: rows × columns × inner dimension, types of factors and of sums.
    pub cooperative_matrices: Vec<String>,
    /// Trainings in mixed precision take effect: it has the matrices that the kernels use.
    pub mixed_precision: bool,
    /// Limits that decide the shapes of kernels.
    pub limits: AdapterLimits,
    /// Needed parts that it has not, in words: with any it cannot be used.
    pub lacks: Vec<String>,
    /// The default, without `--adapter`.
    pub best: bool,
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

fn cooperative_matrices(adapter: &wgpu::Adapter) -> Vec<String> {
    if !adapter.features().contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
        return Vec::new();
    }
    let all = adapter.cooperative_matrix_properties();
    all.iter()
        .map(|m| format!("{}×{}×{} {:?} to {:?}", m.m_size, m.n_size, m.k_size, m.ab_type, m.cr_type))
        .collect()
}

fn lacking(adapter: &wgpu::Adapter) -> Vec<String> {
    needs::lacking(adapter.get_downlevel_capabilities().flags, &adapter.limits())
}

/// The adapters of this machine, those of OpenGL last, GPUs before software. Empty when there is no driver at all.
pub fn list_adapters() -> Vec<AdapterReport> {
    list(|_| None)
}

/// The same, with what only an opened device tells: each that can be used is opened, which takes a fifth of a second.
pub fn list_opened_adapters() -> Vec<AdapterReport> {
    list(|adapter| {
        let timed = adapter.features() & wgpu::Features::TIMESTAMP_QUERY;
        if timed.is_empty() || !lacking(adapter).is_empty() {
            return None;
        }
        let descriptor = wgpu::DeviceDescriptor { required_features: timed, ..Default::default() };
        let opened = pollster::block_on(adapter.request_device(&descriptor)).ok();
        opened.map(|(_, queue)| queue.get_timestamp_period())
    })
}

fn list(timestamp_period: impl Fn(&wgpu::Adapter) -> Option<f32>) -> Vec<AdapterReport> {
    let describe = |(index, adapter): (usize, &wgpu::Adapter)| {
        let info = adapter.get_info();
        let limits = adapter.limits();
        let features = adapter.features();
        let subgroups = features.contains(wgpu::Features::SUBGROUP);
        AdapterReport {
            index,
            backend: info.backend.to_string(),
            kind: kind_name(info.device_type).to_owned(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_buffer_bytes: limits.max_buffer_size,
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            timestamps_inside_passes: features.contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES),
            timestamp_period_ns: timestamp_period(adapter),
            subgroup_sizes: subgroups.then_some([info.subgroup_min_size, info.subgroup_max_size]),
            workgroup_memory_bytes: limits.max_compute_workgroup_storage_size,
            f16: features.contains(wgpu::Features::SHADER_F16),
            cooperative_matrices: cooperative_matrices(adapter),
            mixed_precision: !half_products::matrix_features(adapter).is_empty(),
            limits: AdapterLimits::of(&limits),
            lacks: lacking(adapter),
            best: false,
            name: info.name,
        }
    };
    let mut all: Vec<AdapterReport> = instances::one_at_a_time(|| {
        let stages = instances::stages(instances::allowed()).into_iter().filter(|stage| !stage.is_empty());
        let adapters: Vec<_> =
            stages.flat_map(|stage| instances::adapters(&instances::headless(stage))).collect();
        adapters.iter().enumerate().map(describe).collect()
    });
    if let Some(best) = all.iter_mut().find(|adapter| adapter.lacks.is_empty()) {
        best.best = true;
    }
    all
}

/// The properties by which an adapter is chosen.
#[derive(Debug, Clone)]
struct Listed {
    name: String,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    backend: String,
    is_software: bool,
    /// It can present to the window, where there is one.
    presents: bool,
    lacks: Vec<String>,
}

impl Listed {
    fn refusal(&self) -> String {
        format!("{} ({}) lacks {}", self.name, self.backend, self.lacks.join(", "))
    }
}

/// The error where there is no adapter: a variable that leaves out others, or no driver.
pub fn no_adapter() -> Error {
    match std::env::var("WGPU_BACKEND").ok().filter(|value| !value.trim().is_empty()) {
        Some(value) => Error::new(
            format!(
                "no graphics adapter was found by the backend {value:?}, which the variable WGPU_BACKEND names"
            ),
            "unset WGPU_BACKEND, or set it to vulkan, metal, dx12 or gl as this machine has it",
        ),
        None => Error::new(
            "no graphics adapter was found (no Vulkan, Metal, DirectX 12 or OpenGL driver)",
            remedy_without_driver(limit()),
        ),
    }
}

/// Index of the adapter that `choice` means.
///
/// # Errors
/// When there is none that can be used, with the reason, and the command that installs one or the list of those there are.
fn pick(choice: &AdapterChoice, all: &[Listed]) -> Result<usize> {
    if all.is_empty() {
        return Err(no_adapter());
    }
    let is_meant = |index: usize, listed: &Listed| match choice {
        AdapterChoice::Best => true,
        AdapterChoice::Index(wanted) => index == *wanted,
        AdapterChoice::Software => listed.is_software,
        AdapterChoice::Name(name) => listed.name.to_lowercase().contains(&name.to_lowercase()),
    };
    let meant = || all.iter().enumerate().filter(|(index, listed)| is_meant(*index, listed));
    if let Some((index, _)) = meant().find(|(_, listed)| listed.lacks.is_empty() && listed.presents) {
        return Ok(index);
    }
    let usable: Vec<&str> = all.iter().filter(|a| a.lacks.is_empty()).map(|a| a.name.as_str()).collect();
    let help = match usable[..] {
        [] => "update the graphics driver, or install the software one; on Debian and Ubuntu: sudo apt-get install mesa-vulkan-drivers"
            .to_owned(),
        _ => format!("take one of these by index or name: {}", usable.join(", ")),
    };
    let refused: Vec<String> =
        meant().filter(|(_, a)| !a.lacks.is_empty()).map(|(_, a)| a.refusal()).collect();
    if !refused.is_empty() {
        return Err(Error::new(format!("no adapter that can be used: {}", refused.join("; ")), help));
    }
    let asked = match choice {
        AdapterChoice::Index(index) if meant().next().is_none() => format!("at index {index}"),
        AdapterChoice::Software if meant().next().is_none() => "that is software".to_owned(),
        AdapterChoice::Name(name) if meant().next().is_none() => format!("named {name:?}"),
        _ => "that can draw in this window".to_owned(),
    };
    Err(Error::new(format!("no graphics adapter {asked}"), help))
}

/// An instance of some backends, with its window's surface where there is a window.
pub(super) type Opened = (wgpu::Instance, Option<wgpu::Surface<'static>>);

/// The adapter of `choice`, with the surface that it can present to where `open` makes one. OpenGL is opened only where no other backend has
/// the adapter.
///
/// # Errors
/// When there is none that can be used, or no window can be drawn to.
pub(super) fn find(
    choice: &AdapterChoice,
    mut open: impl FnMut(wgpu::Backends) -> Result<Opened>,
) -> Result<(wgpu::Adapter, Option<wgpu::Surface<'static>>)> {
    let (mut listed, mut found) = (Vec::new(), Vec::new());
    let mut fault = None;
    for stage in instances::stages(instances::allowed()).into_iter().filter(|stage| !stage.is_empty()) {
        let (instance, mut surface) = match open(stage) {
            Ok(opened) => opened,
            Err(error) => {
                fault = Some(error);
                continue;
            }
        };
        let before = found.len();
        for adapter in instances::adapters(&instance) {
            let info = adapter.get_info();
            listed.push(Listed {
                is_software: info.device_type == wgpu::DeviceType::Cpu,
                presents: surface.as_ref().is_none_or(|surface| adapter.is_surface_supported(surface)),
                lacks: lacking(&adapter),
                backend: info.backend.to_string(),
                name: info.name,
            });
            found.push(adapter);
        }
        match pick(choice, &listed) {
            Ok(index) if index >= before => return Ok((found.swap_remove(index), surface.take())),
            // With a later stage's adapters in the list it would have been taken before.
            Ok(_) => unreachable!("it was taken when its own backend was asked"),
            Err(error) => fault = Some(if listed.is_empty() { fault.unwrap_or(error) } else { error }),
        }
    }
    Err(fault.unwrap_or_else(|| pick(choice, &[]).expect_err("there is none")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, is_software: bool, lacks: &[&str]) -> Listed {
        let lacks = lacks.iter().map(|text| (*text).to_owned()).collect();
        Listed { name: name.to_owned(), backend: "gl".to_owned(), is_software, presents: true, lacks }
    }

    fn choice(text: &str) -> AdapterChoice {
        let Ok(choice) = text.parse();
        choice
    }

    #[test]
    fn an_adapter_that_lacks_something_is_never_chosen_and_refused_by_name() {
        let old = listed("Old GPU", false, &["compute shaders"]);
        let all = [old.clone(), listed("New GPU", false, &[]), listed("Old GPU by software", true, &[])];
        for (text, index) in [("best", 1), ("1", 1), ("software", 2), ("old gpu", 2), ("new", 1)] {
            assert_eq!(pick(&choice(text), &all).unwrap(), index, "{text}");
        }
        let error = pick(&choice("0"), &all).unwrap_err();
        assert!(error.what().contains("Old GPU (gl) lacks compute shaders"), "{error}");
        assert!(error.help().contains("New GPU") && !error.help().contains("Old GPU,"), "{}", error.help());
        for text in ["best", "0", "old"] {
            let error = pick(&choice(text), std::slice::from_ref(&old)).unwrap_err();
            assert!(error.what().contains("Old GPU (gl) lacks compute shaders"), "{error}");
            assert!(error.help().contains("install"), "{}", error.help());
        }
    }

    #[test]
    fn what_is_not_there_is_told_as_it_was_asked_for() {
        let mut all = [listed("GPU", false, &[])];
        for (text, said) in [("9", "at index 9"), ("software", "that is software"), ("rtx", "named \"rtx\"")]
        {
            let error = pick(&choice(text), &all).unwrap_err();
            assert!(error.what().contains(said) && error.help().contains("GPU"), "{error}");
        }
        all[0].presents = false;
        for text in ["best", "0", "gpu"] {
            assert!(pick(&choice(text), &all).unwrap_err().what().contains("this window"), "{text}");
        }
        assert!(pick(&choice("best"), &[]).unwrap_err().help().contains("mesa-vulkan-drivers"));
    }
}
