use serde_json::{Value, json};

use super::*;

const BUCKET: &str = "arn:aws:s3:::files";
const OWNER: &str = "arn:aws:iam::000000000000:user/sandbox";
const SSE: &str = "s3:x-amz-server-side-encryption";

fn policy(effect: &str, condition: Value) -> Policy {
    let mut statement = json!({
        "Sid": "One", "Effect": effect, "Principal": "*", "Action": "s3:PutObject",
        "Resource": format!("{BUCKET}/*"),
    });
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    Policy::read(&document.to_string(), BUCKET).unwrap()
}

fn put(facts: &[(&'static str, &str)]) -> Question {
    Question {
        principal: Some(OWNER.to_owned()),
        action: "s3:PutObject",
        resource: format!("{BUCKET}/1/a"),
        facts: facts.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
    }
}

fn denies(condition: Value, facts: &[(&'static str, &str)]) -> bool {
    policy("Deny", condition).judge(&put(facts)) == Verdict::Deny
}

#[test]
fn an_absent_header_is_null_and_not_equal() {
    let null = json!({"Null": {SSE: "true"}});
    assert!(denies(null.clone(), &[]));
    assert!(!denies(null, &[(SSE, "AES256")]));
    let other = json!({"StringNotEquals": {"s3:X-Amz-Server-Side-Encryption": "AES256"}});
    assert!(denies(other.clone(), &[]), "a key that is absent is not equal");
    assert!(denies(other.clone(), &[(SSE, "aws:kms")]));
    assert!(!denies(other, &[(SSE, "AES256")]));
    let lenient = json!({"StringNotEqualsIfExists": {SSE: "AES256"}});
    assert!(denies(lenient.clone(), &[(SSE, "aws:kms")]));
    assert!(denies(lenient, &[]), "IfExists holds of what is absent, and so denies");
}

#[test]
fn numbers_are_compared_as_numbers_and_absent_ones_match_nothing() {
    let old = json!({"NumericGreaterThan": {"s3:signatureAge": "900000"}});
    for (age, denied) in [("900000", false), ("900001", true), ("1000000", true), ("99", false)] {
        assert_eq!(denies(old.clone(), &[("s3:signatureage", age)]), denied, "{age}");
    }
    assert!(!denies(old, &[]));
    let tls = json!({"NumericLessThan": {"s3:TlsVersion": "1.2"}});
    assert!(denies(tls.clone(), &[("s3:tlsversion", "1.1")]));
    assert!(!denies(tls.clone(), &[("s3:tlsversion", "1.2")]));
    assert!(!denies(tls, &[]));
    let tls = json!({"NumericLessThanIfExists": {"s3:TlsVersion": 1.2}});
    assert!(denies(tls, &[]));
}

#[test]
fn every_operator_and_key_has_to_hold_and_any_value_will_do() {
    let both = json!({
        "Bool": {"aws:SecureTransport": "false"},
        "StringEquals": {SSE: ["AES256", "aws:kms"]},
    });
    let plain = ("aws:securetransport", "false");
    assert!(denies(both.clone(), &[plain, (SSE, "aws:kms")]));
    assert!(!denies(both.clone(), &[plain, (SSE, "other")]));
    assert!(!denies(both, &[(SSE, "AES256")]));
    let neither = json!({"StringNotEquals": {SSE: ["AES256", "aws:kms"]}});
    assert!(!denies(neither.clone(), &[(SSE, "aws:kms")]));
    assert!(denies(neither, &[(SSE, "other")]));
}

#[test]
fn what_is_not_concerned_is_not_judged_and_a_denial_outweighs() {
    let allow = policy("Allow", Value::Null);
    assert_eq!(allow.judge(&put(&[])), Verdict::Allow);
    assert!(allow.is_public() && !policy("Deny", Value::Null).is_public());
    let get = Question { action: "s3:GetObject", ..put(&[]) };
    assert_eq!(allow.judge(&get), Verdict::Silent);
    let other = Question { resource: "arn:aws:s3:::other/1/a".to_owned(), ..put(&[]) };
    assert_eq!(allow.judge(&other), Verdict::Silent);
    let mut both = allow;
    both.statements.extend(policy("Deny", Value::Null).statements);
    assert_eq!(both.judge(&put(&[])), Verdict::Deny);
}

#[test]
fn a_statement_for_somebody_is_not_for_everybody() {
    let judge = |principal: Value, who: Option<&str>| {
        let document = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": principal, "Action": "s3:Put*",
            "Resource": [BUCKET, format!("{BUCKET}/1/?")],
        }});
        let policy = Policy::read(&document.to_string(), BUCKET).unwrap();
        policy.judge(&Question { principal: who.map(str::to_owned), ..put(&[]) })
    };
    for named in [OWNER, "arn:aws:iam::000000000000:root", "000000000000"] {
        assert_eq!(judge(json!({"AWS": named}), Some(OWNER)), Verdict::Allow, "{named}");
        assert_eq!(judge(json!({"AWS": named}), None), Verdict::Silent, "{named}");
    }
    assert_eq!(judge(json!({"AWS": ["*"]}), None), Verdict::Allow);
    let other = json!({"AWS": "arn:aws:iam::111111111111:root"});
    assert_eq!(judge(other, Some(OWNER)), Verdict::Silent);
}

#[test]
fn what_cannot_be_evaluated_cannot_be_put() {
    let refuse = |change: &dyn Fn(&mut Value)| {
        let mut document = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": BUCKET,
        }]});
        assert!(Policy::read(&document.to_string(), BUCKET).is_ok());
        change(&mut document);
        Policy::read(&document.to_string(), BUCKET).unwrap_err().to_string()
    };
    let told = [
        refuse(&|d| d["Statement"][0]["NotAction"] = json!("s3:GetObject")),
        refuse(&|d| d["Statement"][0]["Principal"] = json!({"Service": "x"})),
        refuse(&|d| d["Statement"][0]["Resource"] = json!("arn:aws:s3:::other/*")),
        refuse(&|d| d["Statement"][0]["Resource"] = json!("arn:aws:s3:::files-two")),
        refuse(&|d| d["Statement"][0]["Condition"] = json!({"DateLessThan": {SSE: "x"}})),
        refuse(&|d| {
            d["Statement"][0]["Condition"] = json!({"Null": {"aws:PrincipalOrgID": "true"}});
        }),
        refuse(&|d| d["Statement"][0]["Condition"] = json!({"Bool": {SSE: "maybe"}})),
        refuse(&|d| {
            d["Statement"][0]["Condition"] = json!({"StringLike": {SSE: "${aws:username}"}});
        }),
        refuse(&|d| d["Version"] = json!("2008-10-17")),
        refuse(&|d| d["Statement"] = json!([])),
    ];
    assert_eq!(told[0], "a statement has \"NotAction\", which is not known here");
    assert_eq!(told[4], "the condition operator \"DateLessThan\" is not known here");
}

#[test]
fn stars_and_question_marks_stand_for_characters() {
    for (pattern, text) in
        [("a*", "a"), ("*", ""), ("a*c*e", "abcde"), ("a?c", "abc"), ("**b", "b")]
    {
        assert!(is_like(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [("a", "ab"), ("a?", "a"), ("a*c", "ab"), ("", "a"), ("*a", "ab")] {
        assert!(!is_like(pattern, text), "{pattern} {text}");
    }
}
