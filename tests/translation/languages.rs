//! A shader in the languages of the graphics backends, with the options that wgpu gives to its translator.

use wgpu::naga::back::{glsl, hlsl, msl, spv};
use wgpu::naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use wgpu::naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use wgpu::naga::{EntryPoint, Module, ShaderStage, front};

/// A language that a backend of wgpu compiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub(crate) enum Language {
    /// Metal 2.4: macOS 12.
    Metal,
    /// DirectX 12 by its old compiler, which is part of Windows.
    ShaderModel5,
    /// DirectX 12 by its new compiler.
    ShaderModel6,
    /// OpenGL ES 3.1, the first with compute shaders.
    OpenGlEs,
    /// OpenGL 4.3, the first with compute shaders.
    OpenGl,
    Vulkan,
}

/// A parsed shader.
pub(crate) struct Parsed {
    pub module: Module,
    pub info: ModuleInfo,
}

impl Parsed {
    pub(crate) fn new(text: &str) -> Self {
        let module = front::wgsl::parse_str(text).unwrap();
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
        let info = validator.validate(&module).unwrap();
        Self { module, info }
    }

    /// One entry point in a language.
    ///
    /// # Errors
    /// When it cannot be said in it.
    pub(crate) fn translate(&self, entry: &EntryPoint, language: Language) -> Result<String, String> {
        let checked = BoundsCheckPolicy::Restrict;
        let policies = BoundsCheckPolicies { index: checked, buffer: checked, ..Default::default() };
        match language {
            Language::Metal => self.metal(entry, policies),
            Language::ShaderModel5 => self.directx(entry, hlsl::ShaderModel::V5_1),
            Language::ShaderModel6 => self.directx(entry, hlsl::ShaderModel::V6_0),
            Language::OpenGlEs => self.opengl(entry, glsl::Version::new_gles(310)),
            Language::OpenGl => self.opengl(entry, glsl::Version::Desktop(430)),
            Language::Vulkan => self.vulkan(entry, policies),
        }
    }

    fn metal(
        &self,
        entry: &EntryPoint,
        bounds_check_policies: BoundsCheckPolicies,
    ) -> Result<String, String> {
        let options = msl::Options {
            lang_version: (2, 4),
            bounds_check_policies,
            zero_initialize_workgroup_memory: false,
            force_loop_bounding: false,
            ..Default::default()
        };
        let pipeline = msl::PipelineOptions {
            entry_point: Some((entry.stage, entry.name.clone())),
            allow_and_force_point_size: false,
            vertex_pulling_transform: false,
            vertex_buffer_mappings: Vec::new(),
            binding_array_length_map: Default::default(),
        };
        let written = msl::write_string(&self.module, &self.info, &options, &pipeline);
        let (text, info) = written.map_err(|e| e.to_string())?;
        info.entry_point_names.into_iter().collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
        Ok(text)
    }

    fn directx(&self, entry: &EntryPoint, shader_model: hlsl::ShaderModel) -> Result<String, String> {
        let options = hlsl::Options {
            shader_model,
            zero_initialize_workgroup_memory: false,
            force_loop_bounding: false,
            ..Default::default()
        };
        let pipeline = hlsl::PipelineOptions { entry_point: Some((entry.stage, entry.name.clone())) };
        let mut text = String::new();
        let mut writer = hlsl::Writer::new(&mut text, &options, &pipeline);
        let names =
            writer.write(&self.module, &self.info, None).map_err(|e| e.to_string())?.entry_point_names;
        names.into_iter().collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
        // The translator leaves it to the compiler to find that wave operations are not there.
        if shader_model < hlsl::ShaderModel::V6_0 && text.contains("Wave") {
            return Err("wave operations need shader model 6".to_owned());
        }
        Ok(text)
    }

    fn opengl(&self, entry: &EntryPoint, version: glsl::Version) -> Result<String, String> {
        let options = glsl::Options {
            version,
            zero_initialize_workgroup_memory: entry.stage != ShaderStage::Compute,
            ..Default::default()
        };
        let pipeline = glsl::PipelineOptions {
            shader_stage: entry.stage,
            entry_point: entry.name.clone(),
            multiview: None,
        };
        let mut text = String::new();
        let policies = BoundsCheckPolicies::default();
        glsl::Writer::new(&mut text, &self.module, &self.info, &options, &pipeline, policies)
            .and_then(|mut writer| writer.write())
            .map_err(|e| e.to_string())?;
        // wgpu's backend offers no subgroups, whatever the translator can write.
        if text.contains("subgroup") || text.contains("gl_Subgroup") {
            return Err("wgpu has no subgroups in OpenGL".to_owned());
        }
        Ok(text)
    }

    fn vulkan(
        &self,
        entry: &EntryPoint,
        bounds_check_policies: BoundsCheckPolicies,
    ) -> Result<String, String> {
        let options = spv::Options {
            lang_version: (1, 3),
            bounds_check_policies,
            force_loop_bounding: false,
            fake_missing_bindings: true,
            ..Default::default()
        };
        let pipeline = spv::PipelineOptions { shader_stage: entry.stage, entry_point: entry.name.clone() };
        let words = spv::write_vec(&self.module, &self.info, &options, Some(&pipeline));
        words.map(|words| format!("{} words", words.len())).map_err(|e| e.to_string())
    }
}
