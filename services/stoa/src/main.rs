//! `stoa`: serve, demo, import, report, token, migrate, config.

mod cli;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Two crypto libraries are linked; TLS uses this one.
    rustls::crypto::ring::default_provider().install_default().ok();
    cli::main()
}
