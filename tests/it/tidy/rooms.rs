//! What the files of a room may do, and that rooms do not depend on each other
//! in cycles.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::{files, production};

/// Services that consist of rooms.
const PILLARS: [&str; 5] = ["onboard", "enable", "market", "sell", "incentivize"];
/// What rules must not use: databases, networks, the events of others.
const OUTSIDE: [&str; 6] = ["sea_orm", "stoa_store", "stoa_rpc", "stoa_service", "tonic", "stoa_directory"];

/// A file of a room.
struct File {
    place: String,
    service: String,
    room: String,
    /// Its path in the room, without the extension: `mod`, `crm/link`.
    name: String,
    code: String,
}

/// Returns the files of all rooms, without their tests.
fn rooms() -> Result<Vec<File>> {
    let mut found = Vec::new();
    for (place, text) in files(|name| name.ends_with(".rs"))? {
        let parts: Vec<&str> = place.split('/').collect();
        let ["services", service, "src", room, rest @ ..] = parts.as_slice() else { continue };
        let is_test = place.contains("tests") || place.ends_with("testing.rs");
        if !PILLARS.contains(service) || rest.is_empty() || *room == "migration" || is_test {
            continue;
        }
        let name = rest.join("/").trim_end_matches(".rs").to_owned();
        let code = production(&text).lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        found.push(File { place: place.clone(), service: (*service).to_owned(), room: (*room).to_owned(), name, code });
    }
    assert!(found.len() > 100, "{} files of rooms", found.len());
    Ok(found)
}

/// A `mod.rs` has no async functions. A file without any, other than a store or
/// an API, is pure: it uses nothing outside, directly or through a neighbor.
#[test]
fn rules_are_pure_at_any_depth() -> Result<()> {
    for File { place, name, code, .. } in rooms()? {
        let last = name.rsplit('/').next().unwrap_or_default();
        let waits = code.contains("async fn");
        if last == "mod" {
            let found = code.lines().find(|l| l.contains("async fn"));
            assert!(found.is_none(), "{place} holds rules, which must not be async; move this to operations.rs: {found:?}");
        }
        if waits || ["store", "api"].contains(&last) {
            continue;
        }
        let outside = |line: &&str| {
            let used = OUTSIDE.iter().any(|name| line.contains(&format!("{name}::")));
            let is_subscription = line.contains("stoa_service::{Deps, Job");
            used && !is_subscription
        };
        let found = code.lines().find(outside);
        assert!(found.is_none(), "{place} holds rules, which must use nothing outside: {found:?}");
        if last != "mod" {
            let rows = code.lines().find(|l| ["store::", "operations::", "lookup::"].iter().any(|neighbor| l.contains(neighbor)));
            assert!(rows.is_none(), "{place} holds rules, which must not use rows: {rows:?}");
        }
    }
    Ok(())
}

#[test]
fn transport_knows_no_database() -> Result<()> {
    for File { place, name, code, .. } in rooms()? {
        let knows = |line: &&str| line.contains("sea_orm") || line.contains("store.write");
        if name.ends_with("api") {
            let found = code.lines().find(knows);
            assert!(found.is_none(), "{place} must leave the database to others: {found:?}");
            let inherent = code.lines().find(|l| l.starts_with("impl Api"));
            assert!(inherent.is_none(), "{place}: what a method does belongs in operations.rs or lookup.rs: {inherent:?}");
        }
        let boxed = code.lines().find(|l| l.contains(".boxed()"));
        assert!(boxed.is_none(), "{place} boxes a future; operations are async functions: {boxed:?}");
    }
    Ok(())
}

/// Returns the names after `path::` in a text, for example rooms after
/// `crate::`.
fn named<'a>(code: &'a str, path: &str) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(path) {
        let rest = &code[at + path.len()..];
        let list = match rest.strip_prefix('{') {
            // One level of braces: names below another name do not count.
            Some(list) => top_level(list),
            None => vec![rest],
        };
        names.extend(
            list.into_iter().map(|item| item.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()),
        );
    }
    names
}

/// Returns the parts of a list in braces, up to its end.
fn top_level(list: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut parts) = (0_i32, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&list[begin..at]);
                return parts;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts
}

/// Returns a cycle of the graph, if there is one.
fn cycle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn follow(graph: &BTreeMap<String, BTreeSet<String>>, path: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        let Some(here) = path.last().cloned() else { return false };
        for next in graph.get(&here).into_iter().flatten() {
            let seen = path.contains(next);
            path.push(next.clone());
            if seen || (!done.contains(next) && follow(graph, path, done)) {
                return true;
            }
            path.pop();
        }
        done.insert(here);
        false
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| {
        let mut path = vec![start.clone()];
        follow(graph, &mut path, &mut done).then_some(path)
    })
}

#[test]
fn rooms_and_their_files_have_no_cycles() -> Result<()> {
    let all = rooms()?;
    for service in PILLARS {
        let mine: Vec<&File> = all.iter().filter(|file| file.service == service).collect();
        let names: BTreeSet<&str> = mine.iter().map(|file| file.room.as_str()).collect();
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for file in &mine {
            let used = named(&file.code, "crate::").into_iter().filter(|name| names.contains(name) && *name != file.room);
            graph.entry(file.room.clone()).or_default().extend(used.map(str::to_owned));
        }
        assert_eq!(cycle(&graph), None, "rooms of {service}");
        for room in names {
            let files: Vec<&&File> =
                mine.iter().filter(|file| file.room == room && !file.name.contains('/') && file.name != "mod").collect();
            let siblings: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
            let used = |file: &File| {
                named(&file.code, "super::").into_iter().filter(|n| siblings.contains(n) && *n != file.name).map(str::to_owned).collect()
            };
            let graph = files.iter().map(|file| (file.name.clone(), used(file))).collect();
            assert_eq!(cycle(&graph), None, "files of {service}/{room}");
        }
    }
    Ok(())
}

#[test]
fn cycles_and_names_are_found() {
    let graph = |edges: &[(&str, &str)]| {
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in edges {
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    };
    assert_eq!(cycle(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    assert_eq!(cycle(&graph(&[("a", "b"), ("b", "c"), ("c", "b")])).unwrap(), ["a", "b", "c", "b"]);
    let code = "use crate::{deal::{self, store}, claim};\nlet x = crate::link::of();";
    assert_eq!(named(code, "crate::"), BTreeSet::from(["deal", "claim", "link"]));
}
