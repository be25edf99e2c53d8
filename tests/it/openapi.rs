//! The description of the API is checked in.

use anyhow::Result;

#[test]
fn the_description_is_what_is_checked_in() -> Result<()> {
    let text = serde_json::to_string_pretty(&stoa_gateway::description())?;
    stoa_tests::check_snapshot("openapi.json", &(text + "\n"))
}
