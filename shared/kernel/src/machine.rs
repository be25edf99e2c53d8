//! State machines as tables: readers, the documentation and the code see the
//! same rows.

use stoa_proto::resource::ProtoEnum;

use crate::{Error, Result};

/// A row of a table: a command that leads from any of some states to another.
#[derive(Debug, Clone, Copy)]
pub struct Transition<C: 'static, S: 'static> {
    /// The command, as code names it.
    pub command: C,
    /// The states it leads from. Empty if it creates an object.
    pub from: &'static [S],
    /// The state it leads to.
    pub to: S,
    /// The methods and instants that cause it, as the documentation names them.
    pub by: &'static str,
}

/// Returns the state that a command leads to from `state`.
///
/// # Errors
/// FAILED_PRECONDITION `STATE_INVALID`, naming the states that the command
/// leads from.
pub fn next<C: Copy + PartialEq, S: ProtoEnum>(table: &[Transition<C, S>], name: &str, state: S, command: C) -> Result<S> {
    let rows = || table.iter().filter(|row| row.command == command);
    if let Some(row) = rows().find(|row| row.from.contains(&state)) {
        return Ok(row.to);
    }
    let needs: Vec<&str> = rows().flat_map(|row| row.from).map(|from| from.value_name()).collect();
    Err(Error::state(name, state.value_name(), &needs.join(" or ")))
}

/// The rows of a table as text: from, to, by. The documentation of a module and
/// of its enum shows exactly these rows.
#[must_use]
pub fn rows<C, S: ProtoEnum>(table: &[Transition<C, S>]) -> Vec<[String; 3]> {
    let short = |state: S| state.value_name().trim_start_matches(S::PREFIX).to_owned();
    table
        .iter()
        .map(|row| {
            let from: Vec<String> = row.from.iter().copied().map(short).collect();
            let from = if from.is_empty() { "(none)".to_owned() } else { from.join(", ") };
            [from, short(row.to), row.by.to_owned()]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use stoa_proto::onboard::v1::EnrollmentStatus as Status;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Command {
        Enroll,
        Suspend,
        Terminate,
    }

    const TABLE: [Transition<Command, Status>; 3] = [
        Transition { command: Command::Enroll, from: &[], to: Status::Enrolled, by: "CreateEnrollment" },
        Transition { command: Command::Suspend, from: &[Status::Enrolled], to: Status::Suspended, by: "SuspendEnrollment" },
        Transition {
            command: Command::Terminate,
            from: &[Status::Enrolled, Status::Suspended],
            to: Status::Terminated,
            by: "TerminateEnrollment",
        },
    ];

    #[test]
    fn a_command_leads_to_a_state_or_is_refused() {
        let after = |state, command| next(&TABLE, "enrollments/e", state, command);
        assert_eq!(after(Status::Suspended, Command::Terminate).unwrap(), Status::Terminated);
        let refused = after(Status::Terminated, Command::Terminate).unwrap_err();
        let message =
            "enrollments/e is ENROLLMENT_STATUS_TERMINATED, but this needs ENROLLMENT_STATUS_ENROLLED or ENROLLMENT_STATUS_SUSPENDED";
        assert_eq!((refused.message(), refused.reason().as_str()), (message, "STATE_INVALID"));
    }

    #[test]
    fn rows_read_as_documentation() {
        assert_eq!(rows(&TABLE)[0], ["(none)", "ENROLLED", "CreateEnrollment"]);
        assert_eq!(rows(&TABLE)[2], ["ENROLLED, SUSPENDED", "TERMINATED", "TerminateEnrollment"]);
    }
}
