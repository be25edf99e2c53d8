//! The snapshot of the API's description.

use anyhow::Result;

#[test]
fn the_description_matches_its_snapshot() -> Result<()> {
    let text = serde_json::to_string_pretty(&stoa_gateway::description())?;
    stoa_tests::check_snapshot("openapi.json", &(text + "\n"))
}
