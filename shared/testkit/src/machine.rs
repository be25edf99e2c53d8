//! State machines against their documentation.

use stoa_kernel::machine::{Transition, rows};
use stoa_proto::{POOL, resource::ProtoEnum};

/// Compares a table with the documentation of its module (`include_str!` of its
/// file), which shows it as a Markdown table, and with the comment of its enum
/// in the proto file, which shows each row as a line `- FROM -> TO: by`. Both
/// show exactly the rows of the table, in its order.
///
/// # Panics
/// If one of them differs.
pub fn documented<C, S: ProtoEnum>(table: &[Transition<C, S>], module: &str, full_name: &str) {
    let lines = rows(table);
    let expected: Vec<String> = lines.iter().map(|[from, to, by]| format!("//! | {from} | {to} | {by} |")).collect();
    let heading = |line: &&str| line.starts_with("//! | from |") || line.starts_with("//! | --- |");
    let shown: Vec<&str> = module.lines().filter(|line| line.starts_with("//! |")).filter(|line| !heading(line)).collect();
    assert_eq!(shown, expected, "the documentation of the module against its table");

    let expected: Vec<String> = lines.iter().map(|[from, to, by]| format!("- {from} -> {to}: {by}")).collect();
    let comment = comment(full_name);
    let shown: Vec<&str> = comment.lines().map(str::trim).filter(|line| line.contains(" -> ")).collect();
    assert_eq!(shown, expected, "the comment of {full_name} against the table");
}

fn comment(full_name: &str) -> String {
    let described = POOL.get_enum_by_name(full_name).expect("an enum of the API");
    let file = described.parent_file();
    let info = file.file_descriptor_proto().source_code_info.as_ref().expect("comments are kept");
    let found = info.location.iter().find(|location| location.path == described.path());
    found.and_then(|location| location.leading_comments.clone()).unwrap_or_default()
}
