//! Calls every method in a small store and in a bigger one, one call at a time.
//! Nothing else runs in the meantime: events are delivered between the calls.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};
use stoa::suite::PILLARS;
use stoa_auth::Roles;
use stoa_proto::describe::{self, Access};
use stoa_store::Store;

use super::{
    Meter, Seen,
    grow::{self, Growth, PAGE},
    rows,
};
use crate::{
    TestSuite,
    network::{DEALER, DISTRIBUTOR, TENANT},
    requests::text,
    scenario::{Call, Round, Scenario},
};

/// The partner of the calls that come after the stores have grown.
const LATER: &str = "later";
/// Reports cover what happened before the current day began.
const DAY: Duration = Duration::from_hours(24);
/// The service whose parked events the scenario lists.
const PARKED_AT: &str = "incentivize";

/// What was observed of the calls of each method.
pub type Calls = BTreeMap<String, Vec<Seen>>;

/// Each method's calls, by the size of the store.
#[derive(Debug, Default)]
pub struct Measured {
    /// In a store with few objects; lists and batches of one.
    pub one: Calls,
    /// In a bigger store; lists and batches of a page.
    pub many: Calls,
}

/// A suite whose calls are counted.
struct Bench<'a> {
    suite: &'a TestSuite,
    meter: &'a Meter,
    /// Number of objects of a list, and of rows of a batch.
    page: u64,
    calls: Calls,
}

/// Calls every method in small stores, fills the stores, and calls every
/// method again. The calls of a first round warm connections and caches and are
/// not counted.
///
/// # Errors
/// If a call is refused.
pub async fn measure(suite: &TestSuite, meter: &Meter, growth: Growth) -> Result<Measured> {
    let below = |partner: &str, nth| Round { parent: DISTRIBUTOR.to_owned(), ..Round::new(partner, nth) };
    Scenario::play(suite, Round::new(DISTRIBUTOR, 1)).await?;
    suite.clock.advance(DAY);
    let mut small = Bench { suite, meter, page: 1, calls: Calls::default() };
    let mut reads = small.play(below(DEALER, 3)).await?;
    // A partner's reads have other conditions than the vendor's.
    let partner = suite.partner(DISTRIBUTOR)?;
    let theirs: Vec<Call> = reads.iter().filter(|call| is_for_partners(call)).cloned().collect();
    for call in theirs {
        let mut call = Call { token: partner.clone(), ..call };
        small.run(&mut call, true).await?;
        reads.push(call);
    }

    let stores: Vec<&Store> = PILLARS.iter().filter_map(|service| suite.suite.store(service)).collect();
    grow::grow(&stores, growth).await?;
    let mut big = Bench { suite, meter, page: PAGE, calls: Calls::default() };
    big.play(below(LATER, 4)).await?;
    grow::park(suite.suite.store(PARKED_AT).context("the store of a service that parks")?).await?;
    suite.clock.advance(DAY);
    // What depends on objects of the first rounds has grown with the stores.
    for mut call in reads {
        let by_partner = call.token == partner;
        // A service's token is valid for a minute.
        if describe::access(&call.method) == Access::Internal {
            call.token = suite.service(TENANT)?;
        }
        big.run(&mut call, by_partner).await?;
    }
    Ok(Measured { one: small.calls, many: big.calls })
}

impl Bench<'_> {
    /// Plays a round and returns the calls that change nothing.
    async fn play(&mut self, round: Round) -> Result<Vec<Call>> {
        let partner = format!("partners/{}", round.partner);
        let (mut scenario, mut reads) = (Scenario::new(self.suite, round), Vec::new());
        while let Some(mut call) = scenario.next(self.suite).await? {
            if call.method.name().starts_with("List") {
                scenario.learn(&self.own(&call, &partner).await?);
            }
            scenario.learn(&self.run(&mut call, false).await?);
            if is_read(&call) {
                reads.push(call);
            }
        }
        self.suite.settle().await?;
        Ok(reads)
    }

    /// Lists again and keeps only a partner's objects: the first object of the
    /// list may belong to any partner.
    async fn own(&self, call: &Call, partner: &str) -> Result<Vec<DynamicMessage>> {
        let mut whole = call.request.clone();
        set(&mut whole, "page_size", Value::I32(1000));
        let mut answers = call.send(self.suite, &[whole]).await?;
        for answer in &mut answers {
            let Some((field, mut items)) = list(answer) else { continue };
            items.retain(|item| item.as_message().is_some_and(|item| ["", partner].contains(&text(item, "partner").as_str())));
            answer.set_field(&field, Value::List(items));
        }
        Ok(answers)
    }

    async fn run(&mut self, call: &mut Call, by_partner: bool) -> Result<Vec<DynamicMessage>> {
        set(&mut call.request, "page_size", Value::I32(i32::try_from(self.page)?));
        set(&mut call.request, "request_id", Value::String(stoa_kernel::ids::new_id()));
        let requests = rows::with_rows(call, self.page);
        if is_read(call) {
            call.send(self.suite, &requests).await?;
        }
        self.meter.take()?;
        let answers = call.send(self.suite, &requests).await?;
        let seen = Seen { by_partner, entries: entries(&answers), ..self.meter.take()? };
        let method = format!("{}/{}", call.method.parent_service().full_name(), call.method.name());
        self.calls.entry(method).or_default().push(seen);
        Ok(answers)
    }
}

fn is_read(call: &Call) -> bool {
    ["Get", "List", "Compute", "Read"].iter().any(|verb| call.method.name().starts_with(verb))
}

fn is_for_partners(call: &Call) -> bool {
    let Access::Permission(permission) = describe::access(&call.method) else { return false };
    Roles::standard().grants("partner_admin", &permission)
}

fn set(message: &mut DynamicMessage, field: &str, value: Value) {
    if message.descriptor().get_field_by_name(field).is_some() {
        message.set_field_by_name(field, value);
    }
}

/// Returns the number of messages of a stream, or of the first list in an
/// answer.
fn entries(answers: &[DynamicMessage]) -> usize {
    let [answer] = answers else { return answers.len() };
    list(answer).map_or(0, |(_, items)| items.len())
}

/// Returns the first list of messages in an answer.
fn list(answer: &DynamicMessage) -> Option<(FieldDescriptor, Vec<Value>)> {
    let field = answer.descriptor().fields().find(|field| field.is_list() && matches!(field.kind(), Kind::Message(_)))?;
    let items = answer.get_field(&field).as_list()?.to_vec();
    Some((field, items))
}
