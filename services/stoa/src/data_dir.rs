//! The folder of an embedded suite. One process holds it at a time. The lock file
//! contains the address of that process.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use fs4::FileExt;

/// The lock on a folder, released when dropped.
pub struct FolderLock {
    file: File,
}

/// The process that holds a folder.
pub enum Owner {
    /// This process, from now on.
    ThisProcess(FolderLock),
    /// Another process, at this address.
    Other(String),
}

fn path(dir: &Path) -> PathBuf {
    dir.join("stoa.lock")
}

/// Creates the folder, for its owner alone. An existing one stays as it is.
///
/// # Errors
/// If it cannot be created.
pub fn create(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(|| format!("cannot create the folder {}", dir.display()))
}

/// Locks the folder, or finds out which process holds it.
///
/// # Errors
/// If the folder or its lock file cannot be created or read, or the process that
/// holds it does not serve yet.
pub fn lock(dir: &Path) -> Result<Owner> {
    create(dir)?;
    let mode = std::fs::metadata(dir)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let folder = dir.display();
        tracing::warn!("the data folder {folder} has mode {mode:o}, so others can look into it. Run chmod 700 on it.");
    }
    let path = path(dir);
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
    if FileExt::try_lock(&file).is_ok() {
        file.set_len(0)?;
        return Ok(Owner::ThisProcess(FolderLock { file }));
    }
    let mut address = String::new();
    file.read_to_string(&mut address)?;
    if address.trim().is_empty() {
        bail!("{} is held by another process that does not serve yet. Try again.", dir.display());
    }
    Ok(Owner::Other(address.trim().to_owned()))
}

impl FolderLock {
    /// Writes the address of this process to the lock file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn announce(&mut self, address: &str) -> Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(address.as_bytes())?;
        Ok(self.file.sync_all()?)
    }
}
