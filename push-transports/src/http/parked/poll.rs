//! Parked polls.
