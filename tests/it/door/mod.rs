//! What the door keeps out, tried over real connections against a process of
//! which only the address and some tokens are known. `DOOR_BINARY` names the
//! binary to try; without it a suite is served in this process.
//!
//! | finding | tests |
//! | --- | --- |
//! | C1 masked fields go unchecked | `content::violations_elsewhere_hide_no_masked_field` |
//! | C1 events that the stream refuses | `an_event_that_is_too_large_for_the_stream_holds_nothing_up` of the events |
//! | C1 bytes of documents and pages | `sizes::*` of the stores |
//! | H1 bodies before tokens | `before_token::*`, `stalled::*` |
//! | H2 unbounded violations | `content::a_million_violations_are_answered_in_short` |
//! | H3 one user stops all | `open_streams::*`, `shares::one_caller_leaves_room_for_others` |
//! | H4 unmasked look-ups | `content::unmasked_credits_are_not_looked_up` |
//! | H5 events through a gateway | `before_token::a_gateway_alone_*`, `open_streams::through_a_gateway_stop_nobody` |
//! | H6 idle connections | `connections::*` |
//! | M1 rates | `rates::*` |
//! | M2 subjects of several issuers | `identity::the_same_subject_*`, `identity::a_retry_*` |
//! | M3 ids as an oracle | `identity::an_id_tells_nothing_about_others` |
//! | M4 the setting `services` | `without_names_the_setting_decides_which_services_run` of the binary |
//! | M5 U+0000 | `content::a_nul_character_is_refused` |
//! | M6 pruning | `upkeep::tests::*` of the binary |
//! | M3 time of a look-up of somebody else's partner | `the_owner_is_asked_about_a_partner_that_is_not_visible_as_about_a_missing_one` of the directory |
//! | key endpoint that hangs | `identity::a_key_endpoint_that_hangs_stops_nobody` |
//! | audience of service tokens | `identity::a_service_token_opens_one_service` |
//! | readable stores | `place::the_stores_are_private` |
//! | `Idempotency-Key` | `content::an_unusable_idempotency_key_is_not_dropped` |
//! | duplicate keys | `content::a_key_that_occurs_twice_is_refused` |
//! | positions tell what others write | `the_audit_trail_is_listed_by_page_and_filter` of the events, `events_of_other_tenants_change_no_position` of analytics |
//! | lists that scan all partners | `cost::*` |
//! | lines that are searched again | `content::a_line_in_small_pieces_is_read_once` |
//! | `XXX` and `XTS` | `content::no_amount_is_in_a_placeholder_currency` |
//! | answers that nobody reads | `shares::answers_that_nobody_reads_are_bounded` |
//! | strangers who read nothing | `a_connection_without_a_valid_token_ends_whatever_is_open_on_it` of the server stack |
//! | trickled frames | `shares::uploads_that_trickle_end` |
//! | announced lengths | `shares::announced_lengths_hold_nothing` |
//! | denied calls | `rates::hold_for_what_a_caller_may_not_do` |
//! | junk from an address that others share | `rates::of_strangers_belong_to_their_address` |
//! | twice the bytes for services of other issuers | `sizes::a_document_has_a_limit_however_it_is_written` of the stores |
//! | rows that a write pushes off a page | `sizes::what_is_written_while_a_page_is_read_pushes_nothing_off_it` of the stores |
//! | duplicate parameters | `parameter::tests::a_parameter_that_is_there_twice_is_refused` of the gateway |

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

use stoa_proto::onboard::v1::{BulkEnrollRequest, BulkEnrollRow};

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

/// A row of [`UPLOAD`] that is refused, which is an answer, too, and does not end
/// the stream.
fn row() -> Vec<u8> {
    let request = BulkEnrollRequest { bulk_enrollment_id: "bulk".to_owned(), row: Some(BulkEnrollRow::default()) };
    prost_reflect::prost::Message::encode_to_vec(&request)
}

/// A token that nobody signed.
const JUNK: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6Imp1bmsifQ.eyJpc3MiOiJqdW5rIn0.c2lnbmF0dXJl";
