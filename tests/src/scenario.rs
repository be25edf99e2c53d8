//! Calls every method of the suite successfully: the life of one partner, in
//! the order in which it happens.
//!
//! ```text
//! let mut scenario = Scenario::new(&suite, Round::new("north", 1));
//! while let Some(call) = scenario.next(&suite).await? {
//!     let answers = call.run(&suite).await?; // may be measured
//!     scenario.learn(&answers);
//! }
//! ```

mod steps;

use std::collections::VecDeque;

use anyhow::{Context, Result, ensure};
use prost_reflect::{DynamicMessage, MethodDescriptor, Value, prost::Message};
use serde_json::{Value as Json, json};
use stoa_proto::describe::{self, Access};

use crate::{
    TestSuite,
    requests::{self, Requests},
    route,
};

/// One run of the scenario, with a partner of its own and objects whose ids
/// start with the partner's. A tenant may have any number of rounds.
#[derive(Debug, Clone)]
pub struct Round {
    /// Tenant of the calls.
    pub tenant: String,
    /// Id of the partner.
    pub partner: String,
    /// Differs from round to round in a tenant; dates are derived from it.
    pub nth: u32,
    /// Id of the parent of the partner; empty for none.
    pub parent: String,
}

impl Round {
    /// Creates a round in the tenant `acme`.
    #[must_use]
    pub fn new(partner: &str, nth: u32) -> Self {
        Self { tenant: "acme".to_owned(), partner: partner.to_owned(), nth, parent: String::new() }
    }
}

/// A method to call, and the objects it is about.
#[derive(Debug, Clone)]
struct Step {
    method: &'static str,
    /// Objects that the request names.
    about: Vec<String>,
    over: Json,
    /// Whether all events are delivered before the call.
    settled: bool,
}

fn step(method: &'static str) -> Step {
    Step { method, about: Vec::new(), over: Json::Null, settled: false }
}

impl Step {
    fn on(mut self, name: &str) -> Self {
        self.about.push(name.to_owned());
        self
    }

    fn with(mut self, over: Json) -> Self {
        requests::merge(&mut self.over, &over);
        self
    }

    /// Sets the id of the object that it creates.
    fn id(self, id: &str) -> Self {
        let noun = route::camel(&route::snake(self.method.trim_start_matches("Create")));
        self.with(json!({format!("{noun}Id"): id}))
    }

    fn settled(mut self) -> Self {
        self.settled = true;
        self
    }
}

/// A call that succeeds if it is made now.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: MethodDescriptor,
    /// The request, or the only message of a client stream.
    pub request: DynamicMessage,
    /// The token of a caller that may make the call.
    pub token: String,
}

impl Call {
    /// Makes the call and returns the answer, or all answers of a server
    /// stream.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn run(&self, suite: &TestSuite) -> Result<Vec<DynamicMessage>> {
        self.send(suite, std::slice::from_ref(&self.request)).await
    }

    /// Like [`Call::run`], with other messages.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn send(&self, suite: &TestSuite, messages: &[DynamicMessage]) -> Result<Vec<DynamicMessage>> {
        let path = describe::path(&self.method);
        let messages: Vec<Vec<u8>> = messages.iter().map(Message::encode_to_vec).collect();
        let answers = suite.exchange(&path, &messages, &self.token).await?;
        let answers = answers.map_err(|status| anyhow::anyhow!("{path} with {}: {status:?}", self.request))?;
        let answers: Vec<DynamicMessage> = answers.into_iter().map(|bytes| requests::answer(&self.method, bytes)).collect::<Result<_>>()?;
        let refused: Vec<&DynamicMessage> = answers.iter().filter(|answer| refuses_a_row(answer)).collect();
        ensure!(refused.is_empty(), "{path} refuses a row of {}: {refused:?}", self.request);
        Ok(answers)
    }
}

/// Whether an answer says why a row was refused, at any depth.
fn refuses_a_row(answer: &DynamicMessage) -> bool {
    answer.fields().any(|(field, value)| match value {
        Value::Message(inner) => refuses_a_row(inner),
        Value::List(items) if matches!(field.name(), "errors" | "rejections") => !items.is_empty(),
        Value::List(items) => items.iter().filter_map(Value::as_message).any(refuses_a_row),
        _ => false,
    })
}

/// The calls of a round, one after the other.
pub struct Scenario {
    round: Round,
    steps: VecDeque<Step>,
    requests: Requests,
    /// The administrator's token, signed once.
    admin: Option<String>,
}

impl Scenario {
    /// Creates the scenario of a round.
    #[must_use]
    pub fn new(suite: &TestSuite, round: Round) -> Self {
        let (steps, requests) = (steps::all(&round, suite.now()).into(), Requests::new(&round.partner, suite.now()));
        Self { round, steps, requests, admin: None }
    }

    /// Returns the next call; `None` at the end. If the call depends on what
    /// other services must have received, all events are delivered first.
    ///
    /// # Errors
    /// If its request cannot be built.
    pub async fn next(&mut self, suite: &TestSuite) -> Result<Option<Call>> {
        let Some(step) = self.steps.pop_front() else { return Ok(None) };
        if step.settled {
            suite.settle().await?;
        }
        let method = describe::methods().find(|m| m.name() == step.method).with_context(|| format!("no method {}", step.method))?;
        step.about.iter().for_each(|name| self.requests.known.put(name));
        let request = self.requests.build(&method, &step.over)?;
        let internal = describe::access(&method) == Access::Internal;
        let token = match &self.admin {
            _ if internal => suite.service(&self.round.tenant)?,
            Some(token) => token.clone(),
            None => self.admin.insert(suite.admin_of(&self.round.tenant)?).clone(),
        };
        Ok(Some(Call { method, request, token }))
    }

    /// Adds the objects that the answers name to those that requests may name.
    pub fn learn(&mut self, answers: &[DynamicMessage]) {
        answers.iter().for_each(|answer| self.requests.known.learn(answer));
    }

    /// Makes all calls of a round.
    ///
    /// # Errors
    /// If one is refused.
    pub async fn play(suite: &TestSuite, round: Round) -> Result<()> {
        let mut scenario = Self::new(suite, round);
        while let Some(call) = scenario.next(suite).await? {
            scenario.learn(&call.run(suite).await?);
        }
        suite.settle().await
    }
}
