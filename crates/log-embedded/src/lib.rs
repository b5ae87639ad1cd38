//! The event log in segment files inside the process.
