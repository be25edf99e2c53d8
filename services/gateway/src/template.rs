//! Path templates of `google.api.http`.

use percent_encoding::percent_decode_str;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// One segment.
    Star,
    /// All remaining segments.
    Rest,
}

/// A parsed path template.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    segments: Vec<Segment>,
    /// Field path, first segment, number of segments.
    variables: Vec<(String, usize, usize)>,
    verb: Option<String>,
}

impl Template {
    /// Parses a template such as `/v1/{name=programs/*}:advance`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut segments = Vec::new();
        let mut variables = Vec::new();
        let mut rest = text.strip_prefix('/')?;
        let mut verb = None;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('{') {
                let (inside, tail) = after.split_once('}')?;
                let (field, pattern) = inside.split_once('=').unwrap_or((inside, "*"));
                let start = segments.len();
                segments.extend(pattern.split('/').map(segment));
                variables.push((field.to_owned(), start, segments.len() - start));
                rest = tail;
            } else {
                let end = rest.find(['/', ':']).unwrap_or(rest.len());
                segments.push(segment(&rest[..end]));
                rest = &rest[end..];
            }
            match rest.chars().next() {
                Some('/') => rest = &rest[1..],
                Some(':') => {
                    verb = Some(rest[1..].to_owned());
                    rest = "";
                }
                _ => {}
            }
        }
        Some(Self { segments, variables, verb })
    }

    /// Returns the second segment, by which routes are indexed. Always a literal.
    pub(crate) fn collection(&self) -> Option<&str> {
        match self.segments.get(1) {
            Some(Segment::Literal(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns the values of the variables if the path matches. They are decoded, so
    /// that an escaped slash reaches the service as part of an ID (and is refused
    /// there).
    pub(crate) fn matches(&self, path: &str) -> Option<Vec<(&str, String)>> {
        let mut parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        if let Some(verb) = &self.verb {
            let last = parts.last_mut()?;
            *last = last.strip_suffix(verb.as_str())?.strip_suffix(':')?;
        }
        let open_ended = self.segments.last() == Some(&Segment::Rest);
        if parts.len() != self.segments.len() && !(open_ended && parts.len() >= self.segments.len()) {
            return None;
        }
        for (part, segment) in parts.iter().zip(&self.segments) {
            match segment {
                Segment::Literal(text) if text != part => return None,
                // No ID has a colon. What follows a colon is a custom verb.
                Segment::Star if part.is_empty() || part.contains(':') => return None,
                _ => {}
            }
        }
        let value = |start: usize, count: usize| {
            let end = if open_ended && start + count == self.segments.len() { parts.len() } else { start + count };
            let decoded: Vec<_> = parts[start..end].iter().map(|p| percent_decode_str(p).decode_utf8_lossy().into_owned()).collect();
            decoded.join("/")
        };
        Some(self.variables.iter().map(|(field, start, count)| (field.as_str(), value(*start, *count))).collect())
    }

    /// Returns the field paths that the path sets.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(field, ..)| field.as_str())
    }

    /// Returns the path as OpenAPI writes it, with one parameter per wildcard, and
    /// those parameters with the fields that they set.
    pub(crate) fn openapi(&self) -> (String, Vec<(String, String)>) {
        let mut path = String::new();
        let mut parameters = Vec::new();
        for (i, segment) in self.segments.iter().enumerate() {
            path.push('/');
            if let Segment::Literal(text) = segment {
                path.push_str(text);
                continue;
            }
            let variable = self.variables.iter().find(|(_, start, count)| (*start..start + count).contains(&i));
            let field = variable.map(|(field, ..)| field.clone()).unwrap_or_default();
            let before = i.checked_sub(1).and_then(|b| self.segments.get(b));
            let name = match before {
                Some(Segment::Literal(collection)) if variable.is_some_and(|(_, _, count)| *count > 1) => singular(collection),
                _ => field.clone(),
            };
            path.push_str(&format!("{{{name}}}"));
            parameters.push((name, field));
        }
        if let Some(verb) = &self.verb {
            path.push_str(&format!(":{verb}"));
        }
        (path, parameters)
    }
}

fn segment(text: &str) -> Segment {
    match text {
        "*" => Segment::Star,
        "**" => Segment::Rest,
        text => Segment::Literal(text.to_owned()),
    }
}

/// `productLines` → `productLine`, `portalActivities` → `portalActivity`.
fn singular(collection: &str) -> String {
    if let Some(stem) = collection.strip_suffix("ies") {
        return format!("{stem}y");
    }
    collection.strip_suffix('s').unwrap_or(collection).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(template: &str, path: &str) -> Option<Vec<(String, String)>> {
        let template = Template::parse(template).unwrap();
        template.matches(path).map(|v| v.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    }

    #[test]
    fn variables_take_their_segments() {
        let found = matched("/v1/{name=programs/*/tiers/*}", "/v1/programs/p/tiers/gold").unwrap();
        assert_eq!(found, [("name".to_owned(), "programs/p/tiers/gold".to_owned())]);
        let found = matched("/v1/{parent=programs/*}/tiers", "/v1/programs/-/tiers").unwrap();
        assert_eq!(found, [("parent".to_owned(), "programs/-".to_owned())]);
        assert_eq!(matched("/v1/services/{service}/events", "/v1/services/sell/events").unwrap()[0].1, "sell");
        assert_eq!(matched("/v1/{name=files/**}", "/v1/files/a/b").unwrap()[0].1, "files/a/b");
    }

    #[test]
    fn verbs_belong_to_the_path() {
        assert!(matched("/v1/{name=deals/*}:win", "/v1/deals/d:win").is_some());
        assert!(matched("/v1/{name=deals/*}:win", "/v1/deals/d").is_none());
        assert!(matched("/v1/{name=deals/*}", "/v1/deals/d").is_some());
        assert!(matched("/v1/{name=deals/*}", "/v1/deals/d:fly").is_none());
        assert!(matched("/v1/enrollments:bulkEnroll", "/v1/enrollments:bulkEnroll").is_some());
    }

    #[test]
    fn escapes_are_decoded_within_their_segment() {
        assert_eq!(matched("/v1/{name=deals/*}", "/v1/deals/a%2Fb").unwrap()[0].1, "deals/a/b");
        assert!(matched("/v1/{name=deals/*}", "/v1/deals/a/b").is_none());
        assert!(matched("/v1/{name=deals/*}", "/v1/deals/").is_none());
    }

    #[test]
    fn openapi_names_one_parameter_per_wildcard() {
        let (path, parameters) = Template::parse("/v1/{tier.name=programs/*/tiers/*}").unwrap().openapi();
        assert_eq!(path, "/v1/programs/{program}/tiers/{tier}");
        assert_eq!(parameters.len(), 2);
    }
}
