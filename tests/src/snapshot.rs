//! Files that are checked in, so that reviewers see what changes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(name)
}

/// Returns the snapshot with a name; empty if there is none.
pub(crate) fn kept(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_default()
}

/// Compares a text with `tests/snapshots/{name}`, or writes the file if the
/// environment has `UPDATE_SNAPSHOTS`.
///
/// # Errors
/// If they differ, with the first line that does.
pub fn check_snapshot(name: &str, text: &str) -> Result<()> {
    check(&path(name), text)
}

/// Compares a text with the page of this name at the top of the repository, or
/// writes the page, like [`check_snapshot`].
///
/// # Errors
/// If they differ, with the first line that does.
pub fn check_page(name: &str, text: &str) -> Result<()> {
    check(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name), text)
}

fn check(path: &Path, text: &str) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test run, not a setting of the suite")]
    let update = std::env::var("UPDATE_SNAPSHOTS").is_ok();
    if update {
        return std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()));
    }
    let kept = std::fs::read_to_string(path).with_context(|| format!("{} is missing. Run with UPDATE_SNAPSHOTS=1.", path.display()))?;
    if kept == text {
        return Ok(());
    }
    let differs = kept.lines().zip(text.lines()).enumerate().find(|(_, (a, b))| a != b);
    let place = differs.map_or_else(
        || format!("{} lines became {}", kept.lines().count(), text.lines().count()),
        |(i, (a, b))| format!("line {}:\n- {a}\n+ {b}", i + 1),
    );
    let name = path.file_name().unwrap_or_default().display();
    bail!("{name} differs from what is checked in. If that is intended, run with UPDATE_SNAPSHOTS=1 and review the difference.\n{place}")
}
