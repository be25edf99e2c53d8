//! The program around the services: it wires them into a suite, serves it,
//! and holds the commands that are clients of it.

pub mod client;
pub mod data_dir;
pub mod demo;
pub mod import;
pub mod report;
pub mod suite;
