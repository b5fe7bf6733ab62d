//! What was sealed cannot be changed unseen, not by a byte.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use chrono::{DateTime, Utc};
use restartix_kernel::{EventId, SeededRandom, UserId};
use restartix_telemetry::{
    AuditActor, AuditEntry, Broken, ExportVerifier, Flaw, Head, PublicKey, SealKey, SealedEntry,
    Unsealed, Verified, export_begin, export_entry, export_head,
};
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Principal, Role};

fn key() -> SealKey {
    SealKey::from_seed([9; 32])
}

fn now() -> DateTime<Utc> {
    "2026-01-01T00:10:00.000001Z".parse().unwrap()
}

fn event(number: u8) -> EventId {
    format!("01890a5d-ac96-7000-8000-0000000000{number:02x}").parse().unwrap()
}

fn entry(number: u8) -> AuditEntry {
    let user: UserId = "01890a5d-ac96-7000-8000-0000000000a1".parse().unwrap();
    AuditEntry {
        id: event(number),
        occurred_at: now(),
        actor: Some(AuditActor { user, role: Some(Role::Admin) }),
        operation: "files.get".to_owned(),
        resource_kind: "file".to_owned(),
        resource_id: None,
        patient: None,
        outcome: "success".to_owned(),
        code: None,
        request: None,
    }
}

async fn clinic() -> Principal {
    principal(42, Role::Admin, &SeededRandom::new(1)).await
}

/// An export of these batches of lines, each sealed by itself.
fn export(clinic: &Principal, batches: &[Vec<AuditEntry>]) -> String {
    let tenant = clinic.tenant().unwrap();
    let mut text = format!("{}\n", export_begin(tenant));
    let (mut head, mut reach) = (Head::START, None);
    for lines in batches {
        let unsealed = Unsealed { head, reach, lines: lines.clone() };
        let sealed = unsealed.seal(tenant, &key(), now()).unwrap();
        assert_eq!(sealed.after, head.seq);
        for (entry, (seq, (_, _, leaf))) in lines.iter().zip((head.seq + 1..).zip(&sealed.leaves)) {
            let line = SealedEntry { seq, leaf: *leaf, entry: Some(entry.clone()) };
            text.push_str(&format!("{}\n", export_entry(tenant, &line)));
        }
        text.push_str(&format!("{}\n", export_head(&sealed.head)));
        (head, reach) = (sealed.head.head, Some(sealed.reach));
    }
    text
}

fn verify(text: &str, keys: Vec<PublicKey>) -> Result<Verified, Broken> {
    let mut verifier = ExportVerifier::new(keys);
    for line in text.split_terminator('\n') {
        verifier.line(line)?;
    }
    verifier.finish()
}

fn whole(clinic: &Principal) -> String {
    // A text that may not leave: its line is sealed all the same.
    let odd = AuditEntry { operation: "Files get".to_owned(), ..entry(3) };
    export(clinic, &[vec![entry(1), entry(2)], vec![odd]])
}

#[tokio::test]
async fn an_export_is_verified_with_the_public_key_alone() {
    let text = whole(&clinic().await);
    let verified = verify(&text, vec![key().public()]).unwrap();
    assert_eq!((verified.organisation.get(), verified.events), (42, 3));
    assert_eq!(verified.sealed_at, Some(now()));
    let public: PublicKey = key().public().to_string().parse().unwrap();
    assert_eq!(public, key().public());
    let stranger = SealKey::from_seed([8; 32]).public();
    let broken = verify(&text, vec![stranger]).unwrap_err();
    assert_eq!(broken, Broken { line: 4, flaw: Flaw::Signature { seq: 2 } });
    verify(&text, vec![stranger, public]).unwrap();
    assert!(!format!("{:?}", key()).contains('9'), "a key is not printed");
}

/// Golden: what an auditor's own tools must come to.
#[tokio::test]
async fn an_export_is_the_published_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fixtures/telemetry/export.v1.jsonl");
    let published = std::fs::read_to_string(path).unwrap();
    assert_eq!(whole(&clinic().await), published);
    assert_eq!(
        key().public().to_string(),
        "fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618"
    );
}

#[tokio::test]
async fn every_altered_byte_is_found_and_its_line_is_named() {
    let text = export(&clinic().await, &[vec![entry(1)]]);
    let mut line = 1;
    for (at, byte) in text.bytes().enumerate() {
        let mut altered = text.clone().into_bytes();
        altered[at] = if at % 2 == 0 { byte ^ 1 } else { byte ^ 0x20 };
        let altered = String::from_utf8(altered).unwrap();
        let broken = verify(&altered, vec![key().public()]).expect_err(&altered);
        // Another organisation's number is a number too: the next line tells that it is not its own.
        let next = line == 1 && broken == Broken { line: 2, flaw: Flaw::Foreign };
        assert!(broken.line == line || next, "byte {at} in line {line}: {broken}");
        line += u64::from(byte == b'\n');
    }
}

#[tokio::test]
async fn what_was_changed_is_named() {
    let clinic = clinic().await;
    let keys = || vec![key().public()];
    let text = whole(&clinic);
    let altered = text.replacen("files.get", "files.put", 1);
    let named = Some(event(1).to_string());
    let broken = verify(&altered, keys()).unwrap_err();
    assert_eq!(broken, Broken { line: 2, flaw: Flaw::Altered { seq: 1, event: named } });
    assert!(broken.to_string().contains(&event(1).to_string()), "{broken}");

    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let without = |gone: usize| {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != gone);
        kept.map(|(_, line)| *line).collect::<String>()
    };
    let flaw = |text: &str| verify(text, keys()).unwrap_err().flaw;
    assert_eq!(flaw(&without(1)), Flaw::Gap { expected: 1 });
    assert_eq!(flaw(&without(2)), Flaw::Gap { expected: 2 });
    assert_eq!(flaw(&without(5)), Flaw::Unsigned { after: 2 });
    assert_eq!(flaw(&without(0)), Flaw::Unreadable);
    assert_eq!(flaw(""), Flaw::Unreadable);

    // Somebody who forges a line together with its digest is found by the head.
    let forged = export(&clinic, &[vec![entry(1), entry(7)]]);
    let forged: String =
        forged.split_inclusive('\n').take(3).chain(lines[3..].iter().copied()).collect();
    assert_eq!(flaw(&forged), Flaw::Chain { from: 1, to: 2 });

    let gone =
        SealedEntry { seq: 1, leaf: restartix_telemetry::LineDigest::of("gone"), entry: None };
    let tenant = clinic.tenant().unwrap();
    let text = format!("{}\n{}\n", export_begin(tenant), export_entry(tenant, &gone));
    assert_eq!(flaw(&text), Flaw::Missing { seq: 1 });
}
