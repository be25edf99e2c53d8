//! PostgreSQL's wire protocol, as far as counting round trips needs it.

use std::collections::{HashMap, VecDeque};

/// What went over the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often a client sent something to be run and waited for the answer.
    /// Preparing a statement happens once per statement, and probing a
    /// connection once per use of a connection; neither is counted.
    pub trips: u64,
    /// What was run, in order.
    pub statements: Vec<String>,
    /// Plans that `auto_explain` sent as notices, in order.
    pub plans: Vec<String>,
}

/// One direction of a connection, split into messages.
#[derive(Debug, Default)]
struct Frames {
    buffer: Vec<u8>,
    typed: bool,
}

impl Frames {
    /// Returns the next complete message. The first message of a client has no
    /// kind.
    fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = usize::from(self.typed);
        let length = self.buffer.get(head..head + 4)?.try_into().map(u32::from_be_bytes).ok()? as usize;
        let end = head + length;
        if self.buffer.len() < end {
            return None;
        }
        let message: Vec<u8> = self.buffer.drain(..end).collect();
        let kind = if self.typed { message[0] } else { 0 };
        self.typed = true;
        Some((kind, message.get(head + 4..).unwrap_or_default().to_vec()))
    }
}

/// A connection between a client and the server.
#[derive(Debug)]
pub struct Conversation {
    sent: Frames,
    answered: Frames,
    /// Statements that the client prepared, by their names.
    prepared: HashMap<Vec<u8>, String>,
    bound: String,
    /// Whether something runs before the next `Sync`.
    runs: bool,
    /// Whether something is run before each `ReadyForQuery` that is still to
    /// come.
    awaited: VecDeque<bool>,
}

impl Default for Conversation {
    fn default() -> Self {
        Self {
            sent: Frames::default(),
            answered: Frames { buffer: Vec::new(), typed: true },
            prepared: HashMap::new(),
            bound: String::new(),
            runs: false,
            awaited: VecDeque::new(),
        }
    }
}

impl Conversation {
    /// Reads what the client sent, before the server gets it.
    pub fn sent(&mut self, bytes: &[u8], tally: &mut Tally) {
        self.sent.buffer.extend_from_slice(bytes);
        while let Some((kind, body)) = self.sent.next() {
            let mut texts = body.split(|byte| *byte == 0);
            let mut text = || texts.next().unwrap_or_default().to_vec();
            match kind {
                0 => self.awaited.push_back(false),
                b'P' => {
                    let (name, sql) = (text(), readable(&text()));
                    // A statement without a name is prepared again each time.
                    self.runs |= name.is_empty();
                    self.prepared.insert(name, sql);
                }
                b'B' => {
                    let (_portal, name) = (text(), text());
                    self.bound = self.prepared.get(&name).cloned().unwrap_or_default();
                }
                b'E' => {
                    self.runs = true;
                    tally.statements.push(self.bound.clone());
                }
                b'Q' => {
                    tally.statements.push(readable(&text()));
                    self.await_ready(true, tally);
                }
                b'S' => {
                    let runs = std::mem::take(&mut self.runs);
                    self.await_ready(runs, tally);
                }
                _ => {}
            }
        }
    }

    /// What is sent before the last answer has arrived is not a round trip.
    fn await_ready(&mut self, runs: bool, tally: &mut Tally) {
        tally.trips += u64::from(runs && !self.awaited.contains(&true));
        self.awaited.push_back(runs);
    }

    /// Reads what the server answered.
    pub fn answered(&mut self, bytes: &[u8], tally: &mut Tally) {
        self.answered.buffer.extend_from_slice(bytes);
        while let Some((kind, body)) = self.answered.next() {
            match kind {
                b'Z' => drop(self.awaited.pop_front()),
                b'N' => tally.plans.extend(plan(&body)),
                _ => {}
            }
        }
    }
}

fn readable(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// Returns the plan in a notice of `auto_explain`.
fn plan(notice: &[u8]) -> Option<String> {
    let message = notice.split(|byte| *byte == 0).find_map(|field| field.strip_prefix(b"M"))?;
    let text = readable(message);
    let (head, plan) = text.split_once("plan:\n")?;
    head.starts_with("duration:").then(|| plan.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = if kind == 0 { Vec::new() } else { vec![kind] };
        bytes.extend((body.len() as u32 + 4).to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    const READY: &[u8] = b"Z\0\0\0\x05I";

    /// Returns a connection that has been opened.
    fn opened(tally: &mut Tally) -> Conversation {
        let mut conversation = Conversation::default();
        conversation.sent(&message(0, b"\0\x03\0\0user\0postgres\0\0"), tally);
        conversation.answered(&[&message(b'R', &[0; 4])[..], READY].concat(), tally);
        assert_eq!((tally.trips, conversation.awaited.len()), (0, 0), "connecting is not a round trip");
        conversation
    }

    fn prepare(name: &str, sql: &str) -> Vec<u8> {
        let parse = message(b'P', format!("{name}\0{sql}\0\0\0").as_bytes());
        [parse, message(b'D', format!("S{name}\0").as_bytes()), message(b'S', b"")].concat()
    }

    fn run(name: &str) -> Vec<u8> {
        let bind = message(b'B', format!("\0{name}\0\0\0").as_bytes());
        [bind, message(b'E', &[0; 5]), message(b'C', b"P\0"), message(b'S', b"")].concat()
    }

    #[test]
    fn running_counts_but_preparing_and_probing_do_not() {
        let mut tally = Tally::default();
        let mut conversation = opened(&mut tally);
        for (sent, trips) in
            [(prepare("s1", "SELECT 1"), 0), (run("s1"), 1), (run("s1"), 2), (message(b'S', b""), 2), (message(b'Q', b"COMMIT\0"), 3)]
        {
            conversation.sent(&sent, &mut tally);
            assert!(!conversation.awaited.is_empty());
            conversation.answered(READY, &mut tally);
            assert_eq!(tally.trips, trips, "after {sent:?}");
        }
        assert_eq!(tally.statements, ["SELECT 1", "SELECT 1", "COMMIT"]);
        assert!(conversation.awaited.is_empty());
    }

    #[test]
    fn a_statement_without_a_name_is_prepared_each_time() {
        let mut tally = Tally::default();
        let mut conversation = opened(&mut tally);
        for sent in [prepare("", "SELECT 2"), run("")] {
            conversation.sent(&sent, &mut tally);
            conversation.answered(READY, &mut tally);
        }
        assert_eq!((tally.trips, tally.statements.len()), (2, 1));
    }

    #[test]
    fn what_is_sent_together_is_one_trip() {
        let mut tally = Tally::default();
        let mut conversation = opened(&mut tally);
        conversation.sent(&prepare("s1", "SELECT 1"), &mut tally);
        conversation.answered(READY, &mut tally);
        conversation.sent(&[message(b'Q', b"BEGIN\0"), run("s1")].concat(), &mut tally);
        conversation.answered(&[READY, READY].concat(), &mut tally);
        assert_eq!((tally.trips, conversation.awaited.len()), (1, 0));
        conversation.sent(&run("s1"), &mut tally);
        assert_eq!(tally.trips, 2);
    }

    /// However the bytes are split, the counts are the same.
    #[test]
    fn messages_may_arrive_in_pieces() {
        let notice = b"SLOG\0VLOG\0C00000\0Mduration: 0.010 ms  plan:\n{\"Plan\": 1}\0\0";
        let other = b"SNOTICE\0Mrelation exists\0\0";
        let sent = [message(0, b"\0\x03\0\0\0"), prepare("s1", "SELECT 1"), run("s1"), message(b'Q', b"COMMIT\0")].concat();
        let answered = [READY, READY, &message(b'N', notice), &message(b'N', other), READY, READY].concat();
        for size in [1, 2, 3, 7, 1000] {
            let (mut conversation, mut tally) = (Conversation::default(), Tally::default());
            sent.chunks(size).for_each(|bytes| conversation.sent(bytes, &mut tally));
            answered.chunks(size).for_each(|bytes| conversation.answered(bytes, &mut tally));
            assert_eq!(tally.plans, ["{\"Plan\": 1}"], "in pieces of {size}");
            assert_eq!((tally.trips, tally.statements.len(), conversation.awaited.len()), (1, 2, 0), "in pieces of {size}");
        }
    }
}
