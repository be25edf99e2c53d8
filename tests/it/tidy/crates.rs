//! Which crate depends on which.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::files;

/// Crates from the bottom up. A crate depends only on crates of lower ranks.
const RANKS: [&[&str]; 10] = [
    &["stoa-proto"],
    &["stoa-kernel"],
    &["stoa-config", "stoa-store", "stoa-telemetry"],
    &["stoa-events", "stoa-auth"],
    &["stoa-rpc"],
    &["stoa-service"],
    &["stoa-directory"],
    &["stoa-onboard", "stoa-enable", "stoa-market", "stoa-sell", "stoa-incentivize", "stoa-analytics", "stoa-gateway", "stoa-testkit"],
    &["stoa"],
    &["stoa-tests"],
];

/// Returns the names of our crates that a section of a manifest lists.
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
    for (place, manifest) in manifests {
        let name = manifest.lines().find_map(|l| l.strip_prefix("name = \"")).and_then(|l| l.strip_suffix('"')).unwrap_or_default();
        let own = rank.get(name).with_context(|| format!("{name} has no rank here"))?;
        for used in listed(&manifest, "[dependencies]") {
            let its = rank.get(used.as_str()).with_context(|| format!("{used} has no rank here"))?;
            assert!(its < own, "{place}: {name} must not depend on {used}");
        }
    }
    Ok(())
}
