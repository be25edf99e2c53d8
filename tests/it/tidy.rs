//! The shape of the code: who depends on whom, what a room's files may do, and
//! how long they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

const LINES_MAX: usize = 400;

/// Crates from the ground up. One depends on those of lower ranks only.
const RANKS: [&[&str]; 9] = [
    &["stoa-proto"],
    &["stoa-kernel"],
    &["stoa-config", "stoa-store", "stoa-telemetry"],
    &["stoa-events", "stoa-auth"],
    &["stoa-rpc"],
    &["stoa-directory"],
    &["stoa-onboard", "stoa-enable", "stoa-market", "stoa-sell", "stoa-incentivize", "stoa-analytics", "stoa-gateway", "stoa-testkit"],
    &["stoa"],
    &["stoa-tests"],
];

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

fn files(name: impl Fn(&str) -> bool) -> Result<Vec<(PathBuf, String)>> {
    let mut all = Vec::new();
    for dir in ["proto", "shared", "services", "tests"] {
        walk(&root().join(dir), &mut all)?;
    }
    all.retain(|path| path.file_name().is_some_and(|n| name(&n.to_string_lossy())));
    all.into_iter().map(|path| Ok((path.clone(), std::fs::read_to_string(&path)?))).collect()
}

/// Names of the crates of ours that a section of a manifest lists.
fn listed(manifest: &str, section: &str) -> BTreeSet<String> {
    let lines = manifest.lines().skip_while(|l| l.trim() != section).skip(1).take_while(|l| !l.starts_with('['));
    let names = lines.filter_map(|l| l.split(['.', ' ', '=']).next()).filter(|n| *n == "stoa" || n.starts_with("stoa-"));
    names.map(str::to_owned).collect()
}

#[test]
fn dependencies_point_one_way() -> Result<()> {
    let rank: BTreeMap<&str, usize> = RANKS.iter().enumerate().flat_map(|(i, names)| names.iter().map(move |n| (*n, i))).collect();
    let manifests = files(|name| name == "Cargo.toml")?;
    assert!(manifests.len() >= rank.len(), "{} manifests", manifests.len());
    for (path, manifest) in manifests {
        let name = manifest.lines().find_map(|l| l.strip_prefix("name = \"")).and_then(|l| l.strip_suffix('"')).unwrap_or_default();
        let own = rank.get(name).with_context(|| format!("{name} has no rank here"))?;
        for used in listed(&manifest, "[dependencies]") {
            let its = rank.get(used.as_str()).with_context(|| format!("{used} has no rank here"))?;
            assert!(its < own, "{}: {name} must not depend on {used}", path.display());
        }
    }
    Ok(())
}

/// Rules have no I/O, transport no database.
#[test]
fn a_rooms_files_keep_to_their_work() -> Result<()> {
    let mut rooms = 0;
    for (path, text) in files(|name| name == "mod.rs" || name == "api.rs")? {
        let place = path.strip_prefix(root())?.to_string_lossy().into_owned();
        let parts: Vec<&str> = place.split('/').collect();
        let is_room = matches!(parts.as_slice(), ["services", service, "src", room, _]
            if !["stoa", "gateway", "analytics"].contains(service) && *room != "migration");
        if !is_room {
            continue;
        }
        rooms += 1;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        assert!(!code.contains("sea_orm"), "{place} must leave the database to store.rs");
        if place.ends_with("mod.rs") {
            let found = code.lines().find(|l| l.contains("async fn"));
            assert!(found.is_none(), "{place} holds rules, which wait for nothing; move to operations.rs: {found:?}");
        }
    }
    assert!(rooms > 30, "{rooms} files");
    Ok(())
}

#[test]
fn no_file_is_too_long() -> Result<()> {
    for (path, text) in files(|name| name.ends_with(".rs"))? {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines: it is two things", path.display());
    }
    Ok(())
}

/// A reason that nobody sends documents what cannot happen.
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
