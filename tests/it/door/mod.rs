//! What the door keeps out, tried over real connections against a process of
//! which only the address and some tokens are known. `DOOR_BINARY` names the
//! binary to try; without it a suite is served in this process.
//!
//! | finding | tests |
//! | --- | --- |
//! | C1 masked fields go unchecked | `content::violations_elsewhere_hide_no_masked_field` |
//! | H1 bodies before tokens | `before_token::*`, `stalled::*` |
//! | H2 unbounded violations | `content::a_million_violations_are_answered_in_short` |
//! | H3 one user stops all | `open_streams::*`, `shares::one_caller_leaves_room_for_others` |
//! | H4 unmasked look-ups | `content::unmasked_credits_are_not_looked_up` |
//! | H5 events through a gateway | `before_token::a_gateway_alone_*`, `open_streams::through_a_gateway_stop_nobody` |
//! | H6 idle connections | `connections::*` |
//! | M1 rates | `rates::*` |
//! | M2 subjects of several issuers | `identity::the_same_subject_*`, `identity::a_retry_*` |
//! | M3 ids as an oracle | `identity::an_id_tells_nothing_about_others` |
//! | M4 the setting `services` | tests of the command line |
//! | M5 U+0000 | `content::a_nul_character_is_refused` |
//! | M6 pruning | tests of the stores |
//! | key endpoint that hangs | `identity::a_key_endpoint_that_hangs_stops_nobody` |
//! | audience of service tokens | `identity::a_service_token_opens_one_service` |
//! | readable stores | `place::the_stores_are_private` |
//! | `Idempotency-Key` | `content::an_unusable_idempotency_key_is_not_dropped` |
//! | duplicate keys | `content::a_key_that_occurs_twice_is_refused` |
//! | lines that are searched again | `content::a_line_in_small_pieces_is_read_once` |
//! | `XXX` and `XTS` | `content::no_amount_is_in_a_placeholder_currency` |

mod before_token;
mod connections;
mod content;
mod identity;
mod open_streams;
mod place;
mod rates;
mod shares;
mod stalled;

use std::time::Duration;

/// Time in which an answer must arrive that does not depend on work: far above
/// what it takes beside other tests, far below every time limit in the door.
const SOON: Duration = Duration::from_secs(3);

/// Time in which something must happen that a limit of a second or less brings
/// about.
const LATER: Duration = Duration::from_secs(8);

/// A method with a small request and answer.
const LIST: &str = "/stoa.sell.v1.ProductLineService/ListProductLines";

/// A method about events: every process has it, so a gateway does not know from
/// the path who answers.
const EVENTS: &str = "/stoa.events.v1.EventService/ListEvents";

/// A stream of requests.
const UPLOAD: &str = "/stoa.onboard.v1.EnrollmentService/BulkEnroll";

/// A token that nobody signed.
const JUNK: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6Imp1bmsifQ.eyJpc3MiOiJqdW5rIn0.c2lnbmF0dXJl";
