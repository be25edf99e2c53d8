use stoa_events::{Event, decode};
use stoa_kernel::{Result, names::last};
use stoa_proto::enable::v1 as pb;

use super::{Body, micros, row};

pub(super) fn body(event: &Event, noun: &str) -> Result<Option<Body>> {
    let occurred = micros(event.occurred_time.as_ref()).unwrap_or_default();
    Ok(Some(match noun {
        "course_completion" => {
            let c = decode::<pb::CourseCompletionRecorded>(event)?.course_completion.unwrap_or_default();
            Body::Training(row::Training {
                partner: last(&c.partner).to_owned(),
                complete: micros(c.complete_time.as_ref()).unwrap_or(occurred),
                product_line: c.product_line,
            })
        }
        "certification_award" => {
            let a = decode::<pb::CertificationAwardEarned>(event)?.certification_award.unwrap_or_default();
            Body::Certification(row::Certification {
                partner: last(&a.partner).to_owned(),
                earn: micros(a.earn_time.as_ref()).unwrap_or(occurred),
                expire: micros(a.expire_time.as_ref()),
                revoke: micros(a.revoke_time.as_ref()),
                product_line: a.product_line,
                person: a.person,
            })
        }
        "portal_activity" => {
            let p = decode::<pb::PortalActivityRecorded>(event)?.portal_activity.unwrap_or_default();
            Body::Portal(row::Portal {
                partner: last(&p.partner).to_owned(),
                first: micros(p.first_view_time.as_ref()).unwrap_or(occurred),
                element: p.element,
            })
        }
        _ => return Ok(None),
    }))
}
