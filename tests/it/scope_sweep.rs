//! Calls every method that names an object as every caller that must not reach
//! it.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use anyhow::Result;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::Value as Json;
use stoa_proto::describe::{self, Access};
use stoa_tests::{
    TestSuite,
    cost::Statements,
    network::{DEALER, DISTRIBUTOR, OTHER_TENANT, STRANGER, all_of, observed_network, other_round},
    requests::Requests,
    route::{self, Route},
    scenario::Scenario,
};
use tonic::{Code, Status};

use crate::{
    exceptions::{Findings, assert_none},
    sweep::{Object, call, everything, is_list, reason, samples},
};

/// A caller, and the objects that it may name.
struct Caller {
    /// Its name in findings.
    who: &'static str,
    token: String,
    /// Knows an object of the caller's own in every collection.
    requests: Requests,
    request_count: Cell<u32>,
}

impl Caller {
    async fn new(suite: &TestSuite, who: &'static str, token: String, partner: &str) -> Result<Self> {
        let mut requests = Requests::new(NEW, suite.now()).without_ids();
        for objects in everything(suite, &token).await?.values() {
            let own = format!("partners/{partner}");
            let mine = objects.iter().filter(|o| o.partner.is_empty() || o.partner == own);
            mine.for_each(|object| requests.known.put(&object.name));
        }
        requests.known.put(&format!("partners/{partner}"));
        Ok(Self { who, token, requests, request_count: Cell::new(0) })
    }

    /// Builds the caller's request about an object. Its new ids are used only
    /// once.
    fn request(&self, method: &MethodDescriptor, object: &str, over: &Json) -> Result<DynamicMessage> {
        let mut requests = self.requests.clone();
        requests.known.put(object);
        requests.prefix(&format!("{NEW}{}", self.request_count.replace(self.request_count.get() + 1)));
        requests.build(method, over)
    }

    /// Calls a method about an object and returns the outcome.
    async fn about(&self, suite: &TestSuite, method: &MethodDescriptor, object: &str) -> Result<Outcome> {
        let request = self.request(method, object, &Json::Null)?;
        Ok(Outcome::of(call(suite, method, &request, &self.token).await?, object))
    }
}

/// Prefix of new ids.
const NEW: &str = "new";

/// The outcome of a call, without the object's name and new ids.
#[derive(Debug, PartialEq)]
enum Outcome {
    Done(String),
    Refused { code: Code, reason: String, message: String },
}

impl Outcome {
    fn of(answer: Result<Vec<DynamicMessage>, Status>, object: &str) -> Self {
        let id = object.rsplit('/').next().unwrap_or_default();
        let without = |text: &str| {
            let text = text.replace(object, "X").replace(id, "X");
            let mut words = text.split(NEW);
            let first = words.next().unwrap_or_default().to_owned();
            words.fold(first, |text, word| text + "ID" + word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-'))
        };
        match answer {
            Ok(answers) => Self::Done(answers.into_iter().map(|answer| without(&unnamed(answer).to_string())).collect()),
            Err(status) => Self::Refused { code: status.code(), reason: reason(&status), message: without(status.message()) },
        }
    }
}

/// Returns an answer without its own name, which may be derived from anything.
fn unnamed(mut answer: DynamicMessage) -> DynamicMessage {
    answer.clear_field_by_name("name");
    answer
}

fn missing(object: &str) -> String {
    object.rsplit_once('/').map(|(parent, _)| format!("{parent}/missing")).unwrap_or_default()
}

/// Whether the path of a method names the object, not only a field.
fn is_addressed(method: &MethodDescriptor, object: &str) -> bool {
    let collection = route::collection(object);
    Route::of(method).variables.values().any(|pattern| route::collection(pattern.trim_end_matches("/*")) == collection)
}

/// Whether a request names an object anywhere.
fn names(request: &DynamicMessage, object: &str) -> bool {
    request.to_string().contains(&format!("\"{object}"))
}

/// One network serves all checks. Those that change it come last.
#[tokio::test]
async fn nobody_reaches_what_is_not_theirs() -> Result<()> {
    let statements = Statements::default();
    let suite = observed_network(Some(statements.observers())).await?;
    let mut found = stale_etags(&suite).await?;
    found.extend(seen_and_not_written(&suite).await?);
    found.extend(mentions(&suite).await?);
    found.extend(strangers(&suite, &statements).await?);
    assert_none(&found);
    suite.finish().await
}

/// Checks that somebody else's object is answered like one that does not exist,
/// and that the stores do the same for it: otherwise the time would tell.
async fn strangers(suite: &TestSuite, statements: &Statements) -> Result<Vec<String>> {
    let ours = everything(suite, &suite.admin()?).await?;
    let all: Vec<&Object> = ours.values().flatten().filter(|o| o.name.contains('/')).collect();
    let tenant = Caller::new(suite, "tenant", suite.other_tenant()?, "foreign").await?;
    let stranger = Caller::new(suite, "stranger", all_of(suite, STRANGER)?, STRANGER).await?;
    let others = [DEALER, DISTRIBUTOR].map(|partner| format!("partners/{partner}"));
    let of_others: Vec<&Object> = all.iter().copied().filter(|o| others.contains(&o.partner)).collect();

    let (mut tenants, mut partners) = (Findings::of("scope of tenants"), Findings::of("scope of partners"));
    for method in describe::methods().filter(|m| matches!(describe::access(m), Access::Permission(_))) {
        let tried = foreign(suite, statements, &method, &tenant, &all, &mut tenants).await?;
        let untried = || "was called with no object of another tenant".to_owned();
        tenants.expect(tried > 0 || !names_objects(&method)?, method.name(), untried);
        foreign(suite, statements, &method, &stranger, &of_others, &mut partners).await?;
    }
    let mut found = [tenants.end(), partners.end()].concat();
    let after = everything(suite, &suite.admin()?).await?;
    let left: BTreeSet<&Object> = after.values().flatten().collect();
    let touched = of_others.iter().filter(|object| !left.contains(*object));
    found.extend(touched.map(|object| format!("a refused call changed {object:?}")));
    Ok(found)
}

/// Whether a request for the method names an object at all.
fn names_objects(method: &MethodDescriptor) -> Result<bool> {
    let request = Requests::new("any", stoa_tests::start_time()).build(method, &Json::Null)?;
    Ok(request.to_string().contains("/missing"))
}

/// Calls a method about objects that are not the caller's, and returns how
/// many.
async fn foreign(
    suite: &TestSuite,
    statements: &Statements,
    method: &MethodDescriptor,
    caller: &Caller,
    objects: &[&Object],
    findings: &mut Findings,
) -> Result<usize> {
    let mut collections: BTreeMap<String, Vec<&Object>> = BTreeMap::new();
    for object in samples(objects.iter().copied()) {
        collections.entry(route::collection(&object.name).unwrap_or_default()).or_default().push(object);
    }
    let mut tried = 0;
    for objects in collections.values() {
        let absent = missing(&objects[0].name);
        if !names(&caller.request(method, &absent, &Json::Null)?, &absent) {
            continue;
        }
        let unknown = caller.about(suite, method, &absent).await?;
        let (addressed, run) = (is_addressed(method, &absent), run_for(suite, statements, method, caller, &absent).await?);
        let refused = match &unknown {
            Outcome::Refused { code, reason, .. } => *code == Code::NotFound || reason == "SCOPE_EXCEEDED",
            // An object that does not exist has no children.
            Outcome::Done(answer) => is_list(method) && answer.is_empty(),
        };
        findings.expect(refused || !addressed, method.name(), || format!("about {absent} as {}: {unknown:?}", caller.who));
        for object in objects {
            let outcome = caller.about(suite, method, &object.name).await?;
            let wrong = || format!("tells {} about {}: {outcome:?} instead of {unknown:?}", caller.who, object.name);
            findings.expect(outcome == unknown, method.name(), wrong);
            let also = run_for(suite, statements, method, caller, &object.name).await?;
            let wrong = || format!("runs for {} as {}\n  {also:#?}\n  instead of\n  {run:#?}", object.name, caller.who);
            findings.expect(also == run, method.name(), wrong);
            tried += 1;
        }
    }
    Ok(tried)
}

/// Calls a method about an object and returns the statements that it ran.
async fn run_for(
    suite: &TestSuite,
    statements: &Statements,
    method: &MethodDescriptor,
    caller: &Caller,
    object: &str,
) -> Result<Vec<(&'static str, String)>> {
    statements.take();
    caller.about(suite, method, object).await?;
    Ok(statements.take().into_iter().map(|(service, statement)| (service, statement.sql)).collect())
}

/// Checks that a distributor, which sees its dealer's objects, reads them and
/// changes none.
async fn seen_and_not_written(suite: &TestSuite) -> Result<Vec<String>> {
    let upper = Caller::new(suite, "distributor", all_of(suite, DISTRIBUTOR)?, DISTRIBUTOR).await?;
    let seen = everything(suite, &upper.token).await?;
    let dealers = seen.values().flatten().filter(|o| o.partner == format!("partners/{DEALER}") && !o.etag.is_empty());
    let dealers = samples(dealers);
    let mut findings = Findings::of("seeing is not writing");
    for method in describe::methods() {
        let Access::Permission(permission) = describe::access(&method) else { continue };
        for object in dealers.iter().filter(|object| is_addressed(&method, &object.name)) {
            let outcome = upper.about(suite, &method, &object.name).await?;
            let right = match &outcome {
                Outcome::Done(_) => permission.ends_with(".read"),
                Outcome::Refused { reason, .. } => !permission.ends_with(".read") && reason == "SCOPE_EXCEEDED",
            };
            findings.expect(right, method.name(), || format!("about {}: {outcome:?}", object.name));
        }
    }
    Ok(findings.end())
}

/// Checks that no answer to another tenant mentions anything of ours, whatever
/// it calls.
async fn mentions(suite: &TestSuite) -> Result<Vec<String>> {
    let mut findings = Findings::of("mentions");
    let mut scenario = Scenario::new(suite, other_round("elsewhere", 5));
    while let Some(call) = scenario.next(suite).await? {
        let answers = call.run(suite).await?;
        let text: String = answers.iter().map(ToString::to_string).collect();
        let ours = [DISTRIBUTOR, DEALER, STRANGER].into_iter().find(|id| text.contains(id));
        findings.expect(ours.is_none(), call.method.name(), || format!("tells {OTHER_TENANT} about {ours:?}"));
        scenario.learn(&answers);
    }
    Ok(findings.end())
}

/// Checks that every method with an etag refuses one that the object does not
/// have, before it checks anything else, and changes nothing.
async fn stale_etags(suite: &TestSuite) -> Result<Vec<String>> {
    let before = everything(suite, &suite.admin()?).await?;
    let admin = Caller::new(suite, "admin", suite.admin()?, DEALER).await?;
    let mut findings = Findings::of("etags");
    for (method, over) in describe::methods().filter_map(|method| stale(&method).map(|over| (method, over))) {
        let objects = before.values().flatten().filter(|o| !o.etag.is_empty() && is_addressed(&method, &o.name));
        let only = Route::of(&method).variables.into_values().filter(|pattern| !pattern.contains('*'));
        let objects: Vec<String> = samples(objects).into_iter().map(|object| object.name.clone()).chain(only).collect();
        findings.expect(!objects.is_empty(), method.name(), || "has no object to try".to_owned());
        for object in objects {
            let request = admin.request(&method, &object, &over)?;
            let taken = call(suite, &method, &request, &admin.token).await?.err().map(|status| reason(&status));
            let wrong = || format!("about {object} with a stale etag: {taken:?}");
            findings.expect(taken.as_deref() == Some("ETAG_MISMATCH"), method.name(), wrong);
        }
    }
    let mut found = findings.end();
    let after = everything(suite, &suite.admin()?).await?;
    found.extend((before != after).then(|| "a refused call changed something".to_owned()));
    Ok(found)
}

/// Returns a stale etag if the method takes one, as a field of its own or in
/// the new values.
fn stale(method: &MethodDescriptor) -> Option<Json> {
    let etag = Json::String(stoa_kernel::etag::of_version(999));
    if method.input().get_field_by_name("etag").is_some() {
        return Some(serde_json::json!({"etag": etag}));
    }
    let resource = route::snake(method.name().strip_prefix("Update")?);
    let field = method.input().get_field_by_name(&resource)?;
    Some(serde_json::json!({field.json_name(): {"etag": etag}}))
}
