//! What tests share: a suite in one process, callers, a driven clock, a bus that misbehaves.
