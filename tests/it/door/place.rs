//! What the process leaves on the machine.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Result, ensure};
use stoa_tests::door::Target;

/// Nobody else can read a store: neither through its folder nor by itself.
#[tokio::test]
async fn the_stores_are_private() -> Result<()> {
    let target = Target::start(&[]).await?;
    let mode = |path: &std::path::Path| Ok::<_, std::io::Error>(path.metadata()?.permissions().mode() & 0o777);
    let folder = mode(target.folder())?;
    ensure!(folder == 0o700, "the folder has mode {folder:o}");
    for file in std::fs::read_dir(target.folder())? {
        let path = file?.path();
        let mode = mode(&path)?;
        ensure!(mode & 0o077 == 0, "{} has mode {mode:o}", path.display());
    }
    Ok(())
}
