//! ItemOperations over a mailbox in memory.
