//! `stoa`: serve, demo, import, report, token, migrate, config.

mod cli;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // TLS uses the same cryptography as tokens and page keys.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    cli::main()
}
