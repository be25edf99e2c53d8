//! The two streams: answers on stdout, everything else on stderr.

#![expect(clippy::print_stderr, reason = "this is where commands print messages")]

use std::io::Write;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use prost::{Message, Name};

/// Prints an answer. A closed pipe, as after `head`, is not a failure.
pub(super) fn answer(text: &str) {
    writeln!(std::io::stdout(), "{}", text.trim_end()).ok();
}

/// Prints an API message as canonical JSON.
pub(super) fn json<M: Message + Name>(message: &M) -> Result<()> {
    let value = stoa_proto::json::to_value(message).map_err(anyhow::Error::msg)?;
    answer(&serde_json::to_string_pretty(&value)?);
    Ok(())
}

/// Prints a note.
pub(super) fn note(text: &str) {
    eprintln!("{text}");
}

/// Prints why the command failed, with the chain of causes.
pub(super) fn failure(error: &anyhow::Error) {
    let chain: Vec<String> = error
        .chain()
        .map(|cause| match cause.downcast_ref::<tonic::Status>() {
            Some(status) => format!("{} ({:?})", status.message(), status.code()),
            None => cause.to_string(),
        })
        .collect();
    eprintln!("error: {}", chain.join(": "));
}

/// Creates a progress bar on stderr, which is hidden if stderr is not a terminal.
pub(super) fn progress(what: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} ({elapsed}, {eta} left)");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}
