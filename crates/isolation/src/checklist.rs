/// What a probe belongs to: an item of the customer's checklist, in the customer's words, or the
/// ground on which all of them stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// The database's own walls: without them none of the items holds.
    Ground,
    /// Room names.
    RoomNames,
    /// Tokens instead of names.
    MeetingTokens,
    /// Key prefix.
    KeyPrefix,
    /// Traversal.
    Traversal,
    /// Public access.
    PublicAccess,
    /// Encryption at rest.
    Encryption,
    /// Scheduling tables.
    Scheduling,
    /// Webhook payloads.
    Payloads,
    /// Audit.
    Audit,
    /// Reachability of Telemetry.
    Reachability,
    /// Hashed actors.
    Actors,
    /// The organisation comes from the caller's proof.
    Parameters,
}

impl Item {
    /// Every item, in the order of the checklist.
    pub const ALL: [Self; 13] = [
        Self::Ground,
        Self::RoomNames,
        Self::MeetingTokens,
        Self::KeyPrefix,
        Self::Traversal,
        Self::PublicAccess,
        Self::Encryption,
        Self::Scheduling,
        Self::Payloads,
        Self::Audit,
        Self::Reachability,
        Self::Actors,
        Self::Parameters,
    ];

    /// The item as the customer's checklist words it.
    pub const fn wording(self) -> &'static str {
        match self {
            Self::Ground => "The database isolates organisations by itself",
            Self::RoomNames => "Daily.co room names include orgID prefix",
            Self::MeetingTokens => {
                "Daily.co meeting tokens are used instead of room names in client responses"
            }
            Self::KeyPrefix => "S3 keys always start with {orgID}/ prefix",
            Self::Traversal => "S3 orgScopedKey() rejects path traversal attempts",
            Self::PublicAccess => "S3 Block Public Access is enabled",
            Self::Encryption => "S3 bucket policy denies unencrypted uploads",
            Self::Scheduling => {
                "Scheduling tables have RLS policies scoped to current_app_org_id()"
            }
            Self::Payloads => "Webhook payloads contain zero PII",
            Self::Audit => {
                "the Core API audit events include organization_id and are only readable via the \
                 Core API's RLS-filtered API"
            }
            Self::Reachability => {
                "Telemetry service is only reachable within the AWS VPC (no public endpoint)"
            }
            Self::Actors => {
                "Telemetry ClickHouse analytics data contains hashed actor IDs, not PII"
            }
            Self::Parameters => {
                "No integration client accepts orgID from request parameters — always use \
                 user.CurrentOrganizationID from auth context"
            }
        }
    }
}
