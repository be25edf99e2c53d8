//! The program around the services: wires them into a suite, serves it, and contains
//! the commands that are its clients.

pub mod client;
pub mod data_dir;
pub mod demo;
pub mod import;
pub mod limits;
pub mod report;
pub mod suite;
