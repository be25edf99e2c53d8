//! The page `LIMITS.md`: what the API accepts, read from the settings, the code and
//! the proto files, so that it says what is enforced.

mod fields;
mod fixed;
mod refusals;
mod settings;

const HEAD: &str = "\
# Limits

What Stoa accepts, which setting changes it, and how a request is refused that goes
beyond it. `stoa limits` prints this page from the settings' defaults, the code and the
proto files.
";

/// Returns the page as Markdown.
#[must_use]
pub fn page() -> String {
    [HEAD.to_owned(), refusals::section(), settings::section(), fixed::section(), fields::section()].join("\n")
}

/// A Markdown table.
fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: [String; N]| format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    let rule = line([(); N].map(|()| "---".to_owned()));
    [line(head.map(str::to_owned)), rule].into_iter().chain(rows.into_iter().map(line)).collect()
}

/// A number of bytes, also as KiB or MiB if it is a whole number of them.
fn bytes(n: u64) -> String {
    match n {
        n if n > 0 && n % (1 << 20) == 0 => format!("{} MiB ({n} bytes)", n >> 20),
        n if n > 0 && n % (1 << 10) == 0 => format!("{} KiB ({n} bytes)", n >> 10),
        n => format!("{n} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_end_a_cell() {
        assert_eq!(table(["field"], [["a|b".to_owned()]]), "| field |\n| --- |\n| a\\|b |\n");
    }

    #[test]
    fn sizes_are_written_in_the_largest_whole_unit() {
        assert_eq!([3 << 20, 1536, 100, 0].map(bytes), ["3 MiB (3145728 bytes)", "1536 bytes", "100 bytes", "0 bytes"]);
        assert_eq!(bytes(65536), "64 KiB (65536 bytes)");
    }
}
