use restartix_kernel::words;

words! {
    /// Where a file stands.
    Status {
        /// Announced; its bytes may come.
        Pending = "pending",
        /// Its bytes are being looked at.
        Scanning = "scanning",
        /// It can be read.
        Available = "available",
        /// It bears malware.
        Infected = "infected",
        /// It is not what was announced.
        Rejected = "rejected",
        /// It is gone.
        Deleted = "deleted",
    }
}

words! {
    /// Why a file was not accepted.
    Refusal {
        /// The bytes are not those that were announced.
        ChecksumMismatch = "checksum_mismatch",
        /// There are more or fewer bytes than were announced.
        SizeMismatch = "size_mismatch",
        /// The bytes are of another type than was announced.
        TypeMismatch = "type_mismatch",
        /// The bytes begin as the type does, and end before it does.
        Truncated = "truncated",
        /// The object is not encrypted at rest as it should be.
        NotEncrypted = "not_encrypted",
    }
}
