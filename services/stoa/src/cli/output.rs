//! The two streams: answers on stdout, everything else on stderr.

#![expect(clippy::print_stderr, reason = "this is where a command speaks")]

use std::io::Write;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use prost::{Message, Name};

/// An answer. A reader that has gone, as `head` does, is no failure.
pub(super) fn answer(text: &str) {
    writeln!(std::io::stdout(), "{}", text.trim_end()).ok();
}

/// A message of the API as canonical JSON.
pub(super) fn json<M: Message + Name>(message: &M) -> Result<()> {
    let value = stoa_proto::json::to_value(message).map_err(anyhow::Error::msg)?;
    answer(&serde_json::to_string_pretty(&value)?);
    Ok(())
}

/// Something to know meanwhile.
pub(super) fn note(text: &str) {
    eprintln!("{text}");
}

/// Why the command failed, with what led to it.
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

/// A progress bar on stderr; silent where stderr is no terminal.
pub(super) fn progress(what: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} ({elapsed}, {eta} left)");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}
