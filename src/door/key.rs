//! The key of the door: a random token in a file that the user alone can read.

use std::path::{Path, PathBuf};

use rand::TryRng as _;
use rand::rngs::SysRng;
use serde_json::json;

use crate::error::{Error, Result};
use crate::files::{create_folder, write_private};

/// Variable of the environment that names the file in place of the default one.
pub const FILE_VARIABLE: &str = "REVACNN_DOOR";

/// A token of 128 random bits.
pub(super) struct Key(String);

impl Key {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn random() -> Result<Self> {
        let mut bytes = [0_u8; 16];
        SysRng.try_fill_bytes(&mut bytes).map_err(|e| {
            let what = format!("the system gives no random numbers: {e}");
            Error::new(what, "check that /dev/urandom can be read, or leave --listen out")
        })?;
        Ok(Self(format!("{:032x}", u128::from_le_bytes(bytes))))
    }

    /// True for this very token. Hashes are compared in a time that does not depend on them.
    pub(super) fn is(&self, token: &str) -> bool {
        blake3::hash(self.0.as_bytes()) == blake3::hash(token.as_bytes())
    }

    /// Writes port and token for those who may come in.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&self, port: u16) -> Result<KeyFile> {
        let path = path_of(port)?;
        let text = json!({ "address": "127.0.0.1", "port": port, "token": self.0 }).to_string() + "\n";
        write_private(&path, text.as_bytes())?;
        Ok(KeyFile(path))
    }
}

/// The file, which is removed with the door.
pub(super) struct KeyFile(PathBuf);

impl KeyFile {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// The file that the environment names, or one in the user's folder for what lasts as long as a login.
fn path_of(port: u16) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(FILE_VARIABLE).filter(|path| !path.is_empty()) {
        return std::path::absolute(&path).map_err(|e| Error::io("find", Path::new(&path), &e));
    }
    let of_login = directories::BaseDirs::new()
        .and_then(|folders| Some(folders.runtime_dir().filter(|folder| folder.is_dir())?.join("revacnn")));
    let cache = || Some(directories::ProjectDirs::from("", "", "revacnn")?.cache_dir().to_owned());
    let folder = of_login.or_else(cache).ok_or_else(|| {
        let help = format!("name one by the variable {FILE_VARIABLE}");
        Error::new("there is no folder for the file with the token", help)
    })?;
    create_folder(&folder)?;
    Ok(folder.join(format!("door-{port}.json")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_itself_alone() {
        let (key, other) = (Key::random().unwrap(), Key::random().unwrap());
        let token = key.0.clone();
        assert!(token.len() == 32 && token.bytes().all(|c| c.is_ascii_hexdigit()));
        assert!(key.is(&token) && !other.is(&token));
        let cut = &token[..31];
        assert!(
            !["", cut, &format!("{cut}\n"), &format!("{token} "), &token.to_uppercase()]
                .iter()
                .any(|wrong| *wrong != token && key.is(wrong))
        );
    }
}
