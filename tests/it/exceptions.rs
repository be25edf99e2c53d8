//! What the sweeps pass over, and why. The list may only shrink: a sweep fails
//! if it did not need one of its entries.

use std::collections::BTreeSet;

use stoa_proto::describe;

/// Sweep, method, reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("lists", "ListParkedEvents", PARKED),
    ("lists of the other tenant", "ListParkedEvents", PARKED),
    ("pages", "ListParkedEvents", PARKED),
    ("lists of partners", "ListProspects", "a prospect belongs to a partner once it has become that partner"),
    ("mentions", "ReadEvents", "services read the log of all tenants"),
];

const PARKED: &str = "events are parked only after a fault, and then the suite does not settle";

/// What a sweep found wrong, and the exceptions that excuse some of it.
pub(crate) struct Findings {
    sweep: &'static str,
    needed: BTreeSet<&'static str>,
    found: Vec<String>,
}

impl Findings {
    /// Creates the findings of a sweep, by its name in the table.
    pub(crate) const fn of(sweep: &'static str) -> Self {
        Self { sweep, needed: BTreeSet::new(), found: Vec::new() }
    }

    /// Adds what is wrong with a method, unless an exception excuses it.
    pub(crate) fn add(&mut self, method: &str, wrong: &str) {
        match EXCEPTIONS.iter().find(|(sweep, name, _)| *sweep == self.sweep && *name == method) {
            Some((_, name, _)) => drop(self.needed.insert(name)),
            None => self.found.push(format!("{}: {method} {wrong}", self.sweep)),
        }
    }

    /// Like [`Findings::add`], unless a condition holds.
    pub(crate) fn expect(&mut self, holds: bool, method: &str, wrong: impl FnOnce() -> String) {
        if !holds {
            self.add(method, &wrong());
        }
    }

    /// Ends the sweep and returns what is wrong, including exceptions that were
    /// not needed.
    pub(crate) fn end(mut self) -> Vec<String> {
        let listed = EXCEPTIONS.iter().filter(|(sweep, ..)| *sweep == self.sweep).map(|(_, method, _)| *method);
        let idle = listed.filter(|method| !self.needed.contains(method));
        self.found.extend(idle.map(|method| format!("{}: the exception of {method} is no longer needed", self.sweep)));
        self.found
    }
}

/// Fails with all findings, if there are any.
pub(crate) fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
}

#[test]
fn exceptions_name_methods_and_give_reasons() {
    for (sweep, method, reason) in EXCEPTIONS {
        assert!(describe::methods().any(|m| m.name() == *method), "{sweep}: no method {method}");
        assert!(reason.len() > 10, "{sweep}: {method} without a reason");
    }
}
