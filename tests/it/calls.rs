//! Calls every method as it is meant to be called.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::Value;
use stoa_proto::describe;
use stoa_tests::{
    TestSuite, overrides,
    requests::Requests,
    scenario::{Round, Scenario},
    start_time,
};

/// A valid request can be built for any method, even if no object is known.
#[test]
fn every_method_has_a_valid_request() -> Result<()> {
    let mut requests = Requests::new("any", start_time());
    for method in describe::methods() {
        requests.build(&method, &Value::Null)?;
    }
    assert_eq!(overrides::idle(), Vec::<&str>::new(), "overrides of methods that do not exist");
    let names: Vec<String> = describe::methods().map(|m| m.name().to_owned()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "overrides and steps identify a method by its name");
    Ok(())
}

/// The scenario calls every method, and every call succeeds.
#[tokio::test]
async fn every_method_can_be_called() -> Result<()> {
    let suite = TestSuite::start().await?;
    let mut called = BTreeSet::new();
    for round in [Round::new("north", 1), Round::new("south", 2)] {
        let mut scenario = Scenario::new(&suite, round);
        while let Some(call) = scenario.next(&suite).await? {
            scenario.learn(&call.run(&suite).await?);
            called.insert(call.method.full_name().to_owned());
        }
    }
    let missing: Vec<String> = describe::methods().map(|m| m.full_name().to_owned()).filter(|name| !called.contains(name)).collect();
    assert_eq!(missing, Vec::<String>::new(), "methods without a step in the scenario");
    suite.finish().await
}
