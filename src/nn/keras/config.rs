//! A layer of a Keras configuration and its settings, and errors that name it.

use std::fmt;

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Help for a file whose parts do not agree.
pub(super) const DAMAGED: &str = "the file is damaged: save the model again";
/// Largest configuration in bytes: a tree of it takes sixteen times as many.
pub(super) const MAX_CONFIG: usize = 4 << 20;
/// Largest size, stride or number in a list of settings.
const MAX_SIZE: u64 = 1 << 16;

/// A layer, as `keras.layers.serialize` writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer<'a> {
    pub class: &'a str,
    pub name: &'a str,
    /// True of a function of tensors that stands among the layers of Keras 3, such as the sum `x + y`.
    pub is_operator: bool,
    /// All of its entries.
    pub value: &'a Value,
    settings: &'a Map<String, Value>,
}

impl<'a> Layer<'a> {
    /// The layer that an entry of a list of layers holds.
    ///
    /// # Errors
    /// When it is none: its class, name or settings are missing.
    pub(super) fn of(value: &'a Value) -> Result<Self> {
        let fault = |what: &str| Error::new(format!("a layer has no {what}"), DAMAGED);
        let class = value["class_name"].as_str().ok_or_else(|| fault("class_name"))?;
        let settings = value["config"].as_object().ok_or_else(|| fault("config of settings"))?;
        let name = settings.get("name").unwrap_or(&value["name"]).as_str().ok_or_else(|| fault("name"))?;
        let is_operator = value["module"].as_str().is_some_and(|module| module.starts_with("keras.src.ops"));
        Ok(Self { class, name, is_operator, value, settings })
    }

    /// A setting that is there.
    pub(super) fn setting(&self, key: &str) -> Option<&'a Value> {
        self.settings.get(key).filter(|value| !value.is_null())
    }

    /// An error about this layer.
    pub(super) fn refuse(&self, what: impl fmt::Display, help: &str) -> Error {
        Error::new(format!("{}: {what}", self.label()), help)
    }

    /// The layer for people.
    pub(super) fn label(&self) -> String {
        format!("layer {:?} ({})", self.name, self.class)
    }

    fn is_not(&self, key: &str, value: &Value, wanted: &str) -> Error {
        let mut found = value.to_string();
        if found.len() > 60 {
            found = "something else".to_owned();
        }
        let help = "save the model again, if the file is damaged; what is outside these bounds is not read";
        self.refuse(format!("its {key} is {found}, where {wanted} belongs"), help)
    }

    /// A whole number of 1 or more.
    pub(super) fn size(&self, key: &str, default: usize) -> Result<usize> {
        self.setting(key).map_or(Ok(default), |value| {
            size(value).ok_or_else(|| self.is_not(key, value, "a whole number from 1 to 65536"))
        })
    }

    /// Rows and columns: one whole number of 1 or more for both, or two.
    pub(super) fn pair(&self, key: &str, default: [usize; 2]) -> Result<[usize; 2]> {
        let Some(value) = self.setting(key) else { return Ok(default) };
        let both = size(value).map(|side| [side; 2]);
        let each = value.as_array().and_then(|sides| match &sides[..] {
            [rows, columns] => Some([size(rows)?, size(columns)?]),
            _ => None,
        });
        both.or(each).ok_or_else(|| self.is_not(key, value, "a size, or two, from 1 to 65536"))
    }

    /// A number.
    pub(super) fn number(&self, key: &str, default: f32) -> Result<f32> {
        self.setting(key).map_or(Ok(default), |value| {
            let number = value.as_f64().map(|number| number as f32).filter(|number| number.is_finite());
            number.ok_or_else(|| self.is_not(key, value, "a number"))
        })
    }

    /// Numbers, one or several, however their lists are nested; none where the setting is missing.
    pub(super) fn numbers(&self, key: &str) -> Result<Option<Vec<f32>>> {
        fn collect(value: &Value, numbers: &mut Vec<f32>) -> Option<()> {
            match value {
                Value::Array(list) => list.iter().try_for_each(|value| collect(value, numbers)),
                _ => {
                    let number = value.as_f64().map(|number| number as f32);
                    numbers.push(number.filter(|number| number.is_finite())?);
                    Some(())
                }
            }
        }
        let Some(value) = self.setting(key) else { return Ok(None) };
        let mut numbers = Vec::new();
        collect(value, &mut numbers)
            .ok_or_else(|| self.is_not(key, value, "a number, or a list of numbers"))?;
        Ok(Some(numbers))
    }

    /// A choice of yes or no.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        self.setting(key).map_or(Ok(default), |value| {
            value.as_bool().ok_or_else(|| self.is_not(key, value, "true or false"))
        })
    }

    /// A word.
    pub(super) fn word(&self, key: &str, default: &'static str) -> Result<&'a str> {
        self.setting(key)
            .map_or(Ok(default), |value| value.as_str().ok_or_else(|| self.is_not(key, value, "a word")))
    }

    /// Whole numbers, one or several; none where the setting is missing.
    pub(super) fn integers(&self, key: &str) -> Result<Option<Vec<i64>>> {
        let Some(value) = self.setting(key) else { return Ok(None) };
        let listed = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let small = |value: &Value| value.as_i64().filter(|number| number.unsigned_abs() <= MAX_SIZE);
        let numbers = listed.iter().map(small).collect::<Option<Vec<i64>>>();
        numbers.map(Some).ok_or_else(|| self.is_not(key, value, "a list of whole numbers up to 65536"))
    }
}

fn size(value: &Value) -> Option<usize> {
    value.as_u64().filter(|size| (1..=MAX_SIZE).contains(size)).map(|size| size as usize)
}
