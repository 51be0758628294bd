//! A raw message as a summary.
