use serde_json::{Value, json};

use crate::encryption::Encryption;
use restartix_storage::LONGEST_UPLOAD;

/// What the bucket refuses, whoever asks. Nothing in it allows: who may do what is said by the
/// roles, and a statement here that allows would open the bucket beyond them.
pub(super) fn document(arn: &str, encryption: &Encryption, plain_endpoint: bool) -> Value {
    let objects = format!("{arn}/*");
    let both = json!([arn, objects]);
    let deny = |sid: &str, action: Value, resource: &Value, condition: Value| {
        json!({
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": action,
            "Resource": resource,
            "Condition": condition,
        })
    };
    let put = || json!("s3:PutObject");
    let all = || json!("s3:*");
    let objects = json!(objects);
    let age = LONGEST_UPLOAD.as_millis().to_string();
    let mut statements = vec![
        deny(
            "RefuseUnencryptedObjects",
            put(),
            &objects,
            json!({"Null": {"s3:x-amz-server-side-encryption": "true"}}),
        ),
        deny(
            "RefuseOtherEncryption",
            put(),
            &objects,
            json!({"StringNotEquals": {"s3:x-amz-server-side-encryption": encryption.algorithm()}}),
        ),
        deny(
            "RefuseOldSignatures",
            all(),
            &both,
            json!({"NumericGreaterThan": {"s3:signatureAge": age}}),
        ),
    ];
    if let Some(key) = encryption.key() {
        let condition =
            json!({"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key}});
        statements.push(deny("RefuseOtherKeys", put(), &objects, condition));
    }
    // A stand-in in the clear, in development only, would refuse everything.
    if !plain_endpoint {
        let plain = json!({"Bool": {"aws:SecureTransport": "false"}});
        statements.push(deny("RefusePlainHttp", all(), &both, plain));
        let old = json!({"NumericLessThan": {"s3:TlsVersion": "1.2"}});
        statements.push(deny("RefuseOldTls", all(), &both, old));
    }
    let acl = json!(["s3:PutBucketAcl", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"]);
    let mut changes = deny("RefuseAclChanges", acl, &both, Value::Null);
    if let Some(changes) = changes.as_object_mut() {
        changes.remove("Condition");
    }
    statements.push(changes);
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// What `found` lacks of `wanted`, and what it allows, by the statements' names.
pub(super) fn faults(found: &str, wanted: &Value) -> Vec<String> {
    let Ok(found) = serde_json::from_str::<Value>(found) else {
        return vec!["is not JSON".to_owned()];
    };
    let found = statements(&found);
    let lacking = statements(wanted)
        .into_iter()
        .filter(|statement| !found.contains(statement))
        .map(|statement| format!("lacks {}", name(&statement)));
    let allowing = found
        .iter()
        .filter(|statement| statement.get("Effect").and_then(Value::as_str) != Some("Deny"))
        .map(|statement| format!("has {}, which does not deny", name(statement)));
    lacking.chain(allowing).collect()
}

fn statements(document: &Value) -> Vec<Value> {
    match document.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().map(normal).collect(),
        Some(statement) => vec![normal(statement)],
        None => Vec::new(),
    }
}

/// One form for what means the same: lists of one are the one, lists are sorted, and whom it
/// concerns has two spellings of everybody.
fn normal(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(normal).collect();
            items.sort_by_key(Value::to_string);
            if items.len() == 1 { items.remove(0) } else { Value::Array(items) }
        }
        Value::Object(fields) => {
            let fields: serde_json::Map<_, _> =
                fields.iter().map(|(name, value)| (name.clone(), normal(value))).collect();
            let everybody = fields.len() == 1 && fields.get("AWS") == Some(&json!("*"));
            if everybody { json!("*") } else { Value::Object(fields) }
        }
        Value::Bool(_) | Value::Number(_) => json!(value.to_string()),
        Value::String(_) | Value::Null => value.clone(),
    }
}

fn name(statement: &Value) -> &str {
    statement.get("Sid").and_then(Value::as_str).unwrap_or("a statement without a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:s3:::clinic-files";

    fn wanted() -> Value {
        document(ARN, &Encryption::Kms("arn:aws:kms:eu-central-1:1:key/k".to_owned()), false)
    }

    #[test]
    fn the_policy_denies_and_nothing_else() {
        let wanted = wanted();
        let statements = wanted["Statement"].as_array().unwrap();
        assert!(statements.iter().all(|statement| statement["Effect"] == "Deny"));
        let names: Vec<_> = statements.iter().map(name).collect();
        assert_eq!(
            names,
            [
                "RefuseUnencryptedObjects",
                "RefuseOtherEncryption",
                "RefuseOldSignatures",
                "RefuseOtherKeys",
                "RefusePlainHttp",
                "RefuseOldTls",
                "RefuseAclChanges"
            ]
        );
        assert_eq!(statements[2]["Condition"]["NumericGreaterThan"]["s3:signatureAge"], "900000");
        let own = document(ARN, &Encryption::Aes256, true).to_string();
        assert!(own.contains("\"AES256\"") && !own.contains("Keys") && !own.contains("Transport"));
    }

    #[test]
    fn the_same_in_other_words_is_the_same() {
        let mut spelled = wanted();
        let statements = spelled["Statement"].as_array_mut().unwrap();
        statements.reverse();
        for statement in statements {
            statement["Principal"] = json!({"AWS": ["*"]});
            if let Some(actions) = statement["Action"].as_array_mut() {
                actions.reverse();
            }
        }
        assert_eq!(faults(&spelled.to_string(), &wanted()), Vec::<String>::new());
    }

    #[test]
    fn what_lacks_and_what_allows_is_named() {
        let mut weak = wanted();
        weak["Statement"][2]["Condition"]["NumericGreaterThan"]["s3:signatureAge"] =
            json!("604800000");
        weak["Statement"].as_array_mut().unwrap().push(json!({
            "Sid": "PublicRead", "Effect": "Allow", "Principal": "*",
            "Action": "s3:GetObject", "Resource": format!("{ARN}/*"),
        }));
        assert_eq!(
            faults(&weak.to_string(), &wanted()),
            ["lacks RefuseOldSignatures", "has PublicRead, which does not deny"]
        );
        assert_eq!(faults("{}", &wanted()).len(), 7);
        assert_eq!(faults("<xml>", &wanted()), ["is not JSON"]);
    }
}
