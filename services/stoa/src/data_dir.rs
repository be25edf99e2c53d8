//! The folder of an embedded suite. One process holds it at a time; the lock
//! file says where that process answers.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use fs4::FileExt;

/// The lock on a folder, held while it lives.
pub struct Held {
    file: File,
}

/// Who has the folder.
pub enum Owner {
    /// This process, from now on.
    Us(Held),
    /// Another process, at this address.
    Other(String),
}

fn path(dir: &Path) -> PathBuf {
    dir.join("stoa.lock")
}

/// Takes the folder, or finds out who has it.
///
/// # Errors
/// Where the folder or its lock file cannot be made or read.
pub fn take(dir: &Path) -> Result<Owner> {
    std::fs::create_dir_all(dir).with_context(|| format!("the folder {} cannot be made", dir.display()))?;
    let path = path(dir);
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
    if FileExt::try_lock(&file).is_ok() {
        file.set_len(0)?;
        return Ok(Owner::Us(Held { file }));
    }
    let mut address = String::new();
    file.read_to_string(&mut address)?;
    if address.trim().is_empty() {
        bail!("{} is held by another process that does not serve yet; try again", dir.display());
    }
    Ok(Owner::Other(address.trim().to_owned()))
}

impl Held {
    /// Says where this process answers.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn announce(&mut self, address: &str) -> Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(address.as_bytes())?;
        Ok(self.file.sync_all()?)
    }
}
