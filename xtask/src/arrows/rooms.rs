//! The rooms of the house and which may see which: the drawing of the architecture, as code.

use super::Kind;

/// A room, by the folder of its crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Kernel,
    Tenancy,
    /// One of the five domains.
    Domain(&'static str),
    Workflows,
    Adapter(&'static str),
    HttpApi,
    Web,
    /// The server: the only product crate that names both sides.
    CoreApi,
    /// The stand-ins.
    Sandbox,
    /// What proves or measures the product and may see everything.
    Proof(&'static str),
    Xtask,
}

const DOMAINS: [&str; 5] = ["scheduling", "video", "storage", "webhooks", "telemetry"];

const ADAPTERS: [&str; 11] = [
    "postgres",
    "redis",
    "identity",
    "daily",
    "s3",
    "s3-aws-sdk",
    "clamd",
    "telemetry-service",
    "webhook-sender",
    "sealing",
    "legacy",
];

const PROOFS: [(&str, &str); 5] = [
    ("crates/isolation", "isolation"),
    ("crates/testkit", "testkit"),
    ("crates/bench", "bench"),
    ("bins/verify-isolation", "verify-isolation"),
    ("bins/mutant-server", "mutant-server"),
];

/// Features that exist for tests and proofs: nothing that ships has them.
const FEATURES_OF_PROOFS: [&str; 2] = ["conformance", "mutants"];

impl Room {
    /// The room of a folder; a folder that the drawing does not show has none.
    pub(super) fn of_folder(folder: &str) -> Option<Self> {
        let among =
            |names: &[&'static str], name: &str| names.iter().copied().find(|known| *known == name);
        match folder {
            "crates/domain/kernel" => Some(Self::Kernel),
            "crates/domain/tenancy" => Some(Self::Tenancy),
            "crates/workflows" => Some(Self::Workflows),
            "crates/http-api" => Some(Self::HttpApi),
            "crates/web" => Some(Self::Web),
            "crates/sandbox" => Some(Self::Sandbox),
            "bins/core-api" => Some(Self::CoreApi),
            "xtask" => Some(Self::Xtask),
            _ => {
                if let Some(name) = folder.strip_prefix("crates/domain/") {
                    return among(&DOMAINS, name).map(Self::Domain);
                }
                if let Some(name) = folder.strip_prefix("crates/adapters/") {
                    return among(&ADAPTERS, name).map(Self::Adapter);
                }
                PROOFS
                    .into_iter()
                    .find(|(place, _)| *place == folder)
                    .map(|(_, name)| Self::Proof(name))
            }
        }
    }

    /// The name that the package in this room has to have; xtask alone may have any.
    pub(super) fn package_name(self) -> Option<String> {
        let short = match self {
            Self::Kernel => "kernel",
            Self::Tenancy => "tenancy",
            Self::Domain(name) | Self::Adapter(name) | Self::Proof(name) => name,
            Self::Workflows => "workflows",
            Self::HttpApi => "http-api",
            Self::Web => "web",
            Self::CoreApi => "core-api",
            Self::Sandbox => "sandbox",
            Self::Xtask => return None,
        };
        Some(format!("restartix-{short}"))
    }

    /// What the business means, and what happens across it: no SQL, HTTP, vendor or runtime.
    pub(super) const fn is_pure(self) -> bool {
        matches!(self, Self::Kernel | Self::Tenancy | Self::Domain(_) | Self::Workflows)
    }

    /// How far out the room lies on the way from the kernel to the server; `None` beside that way.
    const fn ring(self) -> Option<u8> {
        match self {
            Self::Kernel => Some(0),
            Self::Tenancy => Some(1),
            Self::Domain(_) => Some(2),
            Self::Workflows => Some(3),
            Self::Adapter(_) | Self::HttpApi | Self::Web => Some(4),
            Self::CoreApi => Some(5),
            Self::Sandbox | Self::Proof(_) | Self::Xtask => None,
        }
    }

    /// The rule that the arrow from here to `target` breaks.
    pub(super) fn refusal(self, target: Self, kind: Kind) -> Option<String> {
        let proof = matches!(target, Self::Proof(_) | Self::Sandbox);
        match (self, target) {
            (Self::Xtask, _) => Some("xtask depends on no crate of the workspace".to_owned()),
            (_, Self::Xtask) => Some("nothing depends on xtask".to_owned()),
            (Self::Proof(_), _) => None,
            // Stand-ins and proofs serve everybody's tests, and nothing that ships.
            _ if proof && kind == Kind::Dev => None,
            (_, Self::Proof(_)) => {
                Some("nothing of the product depends on proofs, dev-dependencies aside".to_owned())
            }
            (_, Self::Sandbox) => Some(
                "nothing of the product depends on the stand-ins, dev-dependencies aside"
                    .to_owned(),
            ),
            (Self::Sandbox, Self::Kernel) | (Self::Web, Self::HttpApi) => None,
            (Self::Sandbox, _) => Some("the sandbox sees the kernel only".to_owned()),
            (Self::Domain(_), Self::Domain(_)) => Some(
                "domains do not know each other: the arrow between them is in workflows".to_owned(),
            ),
            (Self::Adapter(_), Self::Adapter(_)) => {
                Some("an adapter never imports another adapter".to_owned())
            }
            _ => match (self.ring(), target.ring()) {
                (Some(here), Some(there)) if there < here => None,
                _ => Some("inner rooms never know outer rooms".to_owned()),
            },
        }
    }

    /// The rule that asking a crate of the workspace for `feature` breaks.
    pub(super) fn feature_refusal(self, feature: &str, kind: Kind) -> Option<String> {
        if kind == Kind::Dev || matches!(self, Self::Proof(_)) {
            return None;
        }
        if FEATURES_OF_PROOFS.contains(&feature) {
            return Some(format!("the feature `{feature}` is for dev-dependencies and proofs"));
        }
        if feature == "system" && self.is_pure() {
            return Some(
                "inner rooms get time and randomness through ports, not from `system`".to_owned(),
            );
        }
        None
    }
}
