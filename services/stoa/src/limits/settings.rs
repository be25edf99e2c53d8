//! Limits that settings change, with the comments of the defaults.

use super::{bytes, table};

const INTRO: &str = "\
## Settings

A file (`--config`) or the environment changes them: `STOA_LIMITS__RATE_BURST` is
`limits.rate_burst`. All of them hold for one process.
";

/// Settings that one comment explains.
#[derive(Debug, Default, PartialEq, Eq)]
struct Group {
    comment: String,
    /// Full names and defaults.
    settings: Vec<(String, String)>,
}

pub(super) fn section() -> String {
    let rows = groups(stoa_config::DEFAULTS).into_iter().filter_map(|group| {
        let limits: Vec<_> = group.settings.into_iter().filter(|(name, _)| is_limit(name)).collect();
        let column = |text: fn(&(String, String)) -> String| limits.iter().map(text).collect::<Vec<_>>().join("<br>");
        (!limits.is_empty())
            .then(|| [column(|(name, _)| format!("`{name}`")), column(|(name, value)| with_unit(name, value)), group.comment])
    });
    format!("{INTRO}\n{}", table(["Setting", "Default", "Meaning"], rows))
}

/// Splits a settings file into its groups. A comment explains the settings below it,
/// up to the next comment.
fn groups(text: &str) -> Vec<Group> {
    let (mut groups, mut section, mut in_comment) = (vec![Group::default()], "", false);
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix('#') {
            if !in_comment {
                groups.push(Group::default());
            }
            in_comment = true;
            if let Some(group) = groups.last_mut() {
                group.comment = format!("{} {}", group.comment, comment.trim()).trim().to_owned();
            }
            continue;
        }
        in_comment = false;
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let (Some((name, value)), Some(group)) = (line.split_once('='), groups.last_mut()) {
            let name = if section.is_empty() { name.trim().to_owned() } else { format!("{section}.{}", name.trim()) };
            group.settings.push((name, value.trim().to_owned()));
        }
    }
    groups
}

fn is_limit(name: &str) -> bool {
    name.starts_with("limits.") || name.ends_with("_max") || name.contains("retention_")
}

/// A default with the unit in the setting's name.
fn with_unit(name: &str, value: &str) -> String {
    let has = |unit: &str| name.split(['.', '_']).any(|part| part == unit);
    match value.parse::<u64>() {
        Ok(n) if has("bytes") => bytes(n),
        Ok(n) if has("ms") => format!("{n} ms"),
        Ok(n) if has("s") => format!("{n} s"),
        Ok(n) if name.ends_with("_per_second") => format!("{n} per second"),
        Ok(n) if has("days") => format!("{n} days"),
        Ok(n) if has("hours") => format!("{n} hours"),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_explains_the_settings_below_it() {
        let text = "# First\n# comment.\na = 1\n\n[limits]\n# Two.\nb_ms_max = 2\nc = \"x\"\n";
        let group = |comment: &str, settings: &[(&str, &str)]| Group {
            comment: comment.to_owned(),
            settings: settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let expected =
            [Group::default(), group("First comment.", &[("a", "1")]), group("Two.", &[("limits.b_ms_max", "2"), ("limits.c", "\"x\"")])];
        assert_eq!(groups(text), expected);
    }

    #[test]
    fn the_unit_is_in_the_name() {
        let shown = [
            ("limits.message_bytes_max", "1048576"),
            ("limits.body_read_ms_max", "10"),
            ("limits.stream_idle_s_max", "60"),
            ("limits.rate_per_caller_per_second", "100"),
            ("limits.concurrency_max", "128"),
        ];
        let expected = ["1 MiB (1048576 bytes)", "10 ms", "60 s", "100 per second", "128"];
        assert_eq!(shown.map(|(name, value)| with_unit(name, value)), expected);
    }

    #[test]
    fn every_limit_has_a_meaning() {
        let bare: Vec<_> =
            groups(stoa_config::DEFAULTS).into_iter().filter(|group| group.comment.is_empty()).flat_map(|g| g.settings).collect();
        assert!(!bare.iter().any(|(name, _)| is_limit(name)), "{bare:?}");
    }
}
