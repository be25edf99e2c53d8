//! The method that each request belongs to, so that one function can call them
//! all.

use prost::{Message, Name};

/// The request of a unary method. Implemented for all of them.
pub trait Call: Message + 'static {
    /// Path of the method: `/package.Service/Method`.
    const PATH: &'static str;
    /// The method's response.
    type Response: Message + Name + Default + 'static;
}

/// The request of a bidirectional stream. Implemented for all of them.
pub trait Exchange: Message + 'static {
    /// Path of the method: `/package.Service/Method`.
    const PATH: &'static str;
    /// The method's response to each request.
    type Response: Message + Name + Default + 'static;
}
include!(concat!(env!("OUT_DIR"), "/calls.rs"));

#[cfg(test)]
mod tests {
    use crate::describe;

    #[test]
    fn every_method_can_be_called_except_one_way_streams() {
        let generated = include_str!(concat!(env!("OUT_DIR"), "/calls.rs"));
        let mut missing = Vec::new();
        for method in describe::methods() {
            let path = describe::path(&method);
            let line = generated.lines().find(|line| line.contains(&format!("\"{path}\"")));
            let expected = match (method.is_client_streaming(), method.is_server_streaming()) {
                (false, false) => Some("impl Call for "),
                (true, true) => Some("impl Exchange for "),
                _ => None,
            };
            if line.is_some_and(|line| expected.is_some_and(|e| line.starts_with(e))) != expected.is_some() {
                missing.push(path);
            }
        }
        assert!(missing.is_empty(), "{missing:?}");
        assert!(generated.contains("impl Exchange for "), "there is no bidirectional stream");
    }
}
