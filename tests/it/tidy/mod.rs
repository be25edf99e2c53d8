//! The shape of the code: which crate depends on which, what a room's files may
//! do, how long they are, and whether the documents name what exists.

mod crates;
mod documents;
mod rooms;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const LINES_MAX: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.') || n == "target");
        if path.is_dir() && !hidden {
            walk(&path, found)?;
        } else if path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// Returns our files with a matching name: their path from the root and their
/// text.
fn files(name: impl Fn(&str) -> bool) -> Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for dir in ["proto", "shared", "services", "tests"] {
        walk(&root().join(dir), &mut all)?;
    }
    all.retain(|path| path.file_name().is_some_and(|n| name(&n.to_string_lossy())));
    let place = |path: &Path| -> Result<String> { Ok(path.strip_prefix(root())?.to_string_lossy().into_owned()) };
    all.into_iter().map(|path| Ok((place(&path)?, std::fs::read_to_string(&path)?))).collect()
}

/// Returns the code without its tests.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
}

#[test]
fn no_file_is_too_long() -> Result<()> {
    for (place, text) in files(|name| name.ends_with(".rs"))? {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{place} has {lines} lines: split it");
    }
    Ok(())
}

/// A file that no module names is not compiled, and its tests do not run.
#[test]
fn every_file_is_part_of_a_module() -> Result<()> {
    let all = files(|name| name.ends_with(".rs"))?;
    for (place, _) in &all {
        let path = Path::new(place);
        let (name, dir) = (path.file_stem().unwrap_or_default(), path.parent().unwrap_or(path));
        let target = name == "lib" || name == "main" || name == "build" || dir.ends_with("tests") || dir.ends_with("benches");
        let (name, dir) = if name == "mod" { (dir.file_name().unwrap_or_default(), dir.parent().unwrap_or(dir)) } else { (name, dir) };
        let declaration = format!("mod {};", name.to_string_lossy());
        let near = |other: &str| {
            let other = Path::new(other);
            other.parent() == Some(dir) || other.with_extension("") == dir
        };
        let by_path = format!("#[path = \"{}.rs\"]", name.to_string_lossy());
        let declared = || all.iter().any(|(other, text)| near(other) && (text.contains(&declaration) || text.contains(&by_path)));
        assert!(target || declared(), "{place} is not compiled: add `{declaration}`");
    }
    Ok(())
}

/// Events are appended only where changes are recorded.
#[test]
fn one_place_appends() -> Result<()> {
    for (place, text) in files(|name| name.ends_with(".rs"))? {
        let appends = production(&text).contains("append::append(") || production(&text).contains("\"event_log\"");
        let is_the_log = place.starts_with("shared/events/") || place.starts_with("tests/");
        assert!(!appends || is_the_log, "{place} writes to the log itself");
    }
    Ok(())
}

/// A reason that nothing sends documents an error that cannot happen.
#[test]
fn every_reason_is_sent() -> Result<()> {
    let sources: String = files(|name| name.ends_with(".rs"))?.into_iter().map(|(_, text)| text).collect();
    for reasons in stoa_proto::POOL.all_enums().filter(|e| e.name() == "ErrorReason") {
        for value in reasons.values().filter(|v| v.number() != 0) {
            let name = value.name().trim_start_matches("ERROR_REASON_").to_owned();
            let camel: String = name.split('_').map(|w| format!("{}{}", &w[..1], w[1..].to_lowercase())).collect();
            let sent = [format!("\"{name}\""), format!("Reason::{camel}")].iter().any(|s| sources.contains(s.as_str()));
            assert!(sent, "nothing sends {} of {}", value.name(), reasons.full_name());
        }
    }
    Ok(())
}
