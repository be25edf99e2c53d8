//! Whether documents name what exists.

use std::collections::BTreeSet;

use anyhow::Result;
use prost_reflect::DynamicMessage;

use super::root;

/// Returns the collections of the API, such as `deals` and `mdfRequests`.
fn collections() -> BTreeSet<String> {
    let extension = stoa_proto::POOL.get_extension_by_name("google.api.resource");
    let pattern = |message: &prost_reflect::MessageDescriptor| {
        let options = message.options();
        let value = options.get_extension(extension.as_ref()?);
        let resource: &DynamicMessage = value.as_message()?;
        let patterns = resource.get_field_by_name("pattern")?;
        patterns.as_list()?.first()?.as_str().map(str::to_owned)
    };
    let patterns = stoa_proto::POOL.all_messages().filter_map(|message| pattern(&message));
    patterns.filter_map(|p| p.rsplit('/').find(|part| !part.starts_with('{')).map(str::to_owned)).collect()
}

/// Returns the texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn files_that_documents_name_exist() -> Result<()> {
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "LIMITS.md", "README.md"] {
        let text = std::fs::read_to_string(root().join(document))?;
        let is_place =
            |word: &&str| ["services/", "shared/", "proto/", "tests/", "deploy/", "helm/"].iter().any(|top| word.starts_with(top));
        for place in quoted(&text).filter(is_place).filter(|word| !word.contains(['<', '{', '*', ' '])) {
            let path = place.split("::").next().unwrap_or_default().trim_end_matches('/');
            assert!(root().join(path).exists(), "{document} names {place}, which does not exist");
        }
    }
    Ok(())
}

/// Nouns that are announced do not exist yet, and are spelled like collections.
#[test]
fn nouns_that_come_later_do_not_exist_yet() -> Result<()> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md"))?;
    let table = text.split("## Nouns that come later").nth(1).unwrap_or_default();
    let later: BTreeSet<&str> = table.lines().filter(|l| l.starts_with('|')).flat_map(quoted).collect();
    assert!(later.len() > 10, "{later:?}");
    let existing = collections();
    assert!(existing.contains("deals") && existing.contains("tiers"), "{existing:?}");
    for noun in later {
        assert!(!existing.contains(noun), "{noun} exists: remove it from the list in ARCHITECTURE.md");
        let is_spelled = noun.starts_with(|c: char| c.is_ascii_lowercase()) && noun.chars().all(|c| c.is_ascii_alphanumeric());
        assert!(is_spelled, "`{noun}` is not spelled like a collection");
    }
    Ok(())
}
